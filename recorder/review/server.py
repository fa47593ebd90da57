"""The web server of a review: on this machine only, behind a secret in its address, for one origin, and bounded.

Who may ask: whoever knows the secret, by a loopback name, from our own page or by typing the address. Everything else
is refused before it is looked at. Nothing of a bundle is written into a page here: the page asks for it and shows it as
text.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from recorder.call.http.http_server import Address, known_hosts, listening, read_body, refusal
from recorder.review.desk import Desk
from recorder.review.session import ReviewSession
from recorder.review.source_view import SourceView
from redaction.errors import ExitCode, OffrecordError, UsageError
from redaction.model import Span

__all__ = ["ReviewServer", "new_secret"]

_FILES: Final = {
    "list.js": "text/javascript",
    "review.js": "text/javascript",
    "player.js": "text/javascript",
    "panels.js": "text/javascript",
    "giveback.js": "text/javascript",
    "talk.js": "text/javascript",
    "review.css": "text/css",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self'; "
    "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SITES: Final = frozenset({"same-origin", "none"})
_MOST_SPANS: Final = 200
_ASKED_EVERY_S: Final = 0.2
_VERDICTS: Final = frozenset({"fine", "mended", "nothing"})
_STATUS: Final = {ExitCode.USAGE: 400, ExitCode.UNREADABLE: 404, ExitCode.STORAGE: 409}


def new_secret() -> str:
    """Return a secret that cannot be guessed."""
    return secrets.token_urlsafe(32)


class ReviewServer:
    """Serves a desk.

    Args:
        desk: what lies before the reviewer.
        secret: that the address holds.
        source: shows the source beside it, where it was given by hand.
    """

    def __init__(self, desk: Desk, *, secret: str, source: SourceView | None = None) -> None:
        self._desk = desk
        self._secret = secret
        self._source = source

    def application(self, address: Address) -> web.Application:
        """Return what is served at an address."""
        application = web.Application(
            middlewares=[known_hosts(address), _own_origin(), self._known_secret(), _errors()]
        )
        routes = application.router
        base = "/{secret}"
        routes.add_get(f"{base}/", self._list_page)
        routes.add_get(f"{base}/page/{{name}}", self._file)
        routes.add_get(f"{base}/api/list", self._list)
        routes.add_get(f"{base}/r/{{number:[0-9]{{1,6}}}}/", self._review_page)
        for name, handler in {
            "state": self._state,
            "job": self._job,
            "source": self._source_picture,
            "hints": self._hints,
        }.items():
            routes.add_get(f"{base}/r/{{number:[0-9]{{1,6}}}}/api/{name}", handler)
        routes.add_get(f"{base}/r/{{number:[0-9]{{1,6}}}}/media/{{file:[a-z0-9/.-]{{1,80}}}}", self._media)
        routes.add_post(f"{base}/r/{{number:[0-9]{{1,6}}}}/api/{{act:[a-z]{{1,16}}}}", self._act)
        application.on_response_prepare.insert(0, _policy)
        return application

    async def serve(self, address: Address, *, told: Callable[[str], None], over: Callable[[], bool]) -> None:
        """Serve until it is over.

        Args:
            address: where to listen.
            told: is given the address of the page.
            over: tells whether to end; it is asked several times a second.

        Raises:
            UnreadableInput: the address cannot be listened on.
        """
        async with listening(self.application(address), address) as url:
            told(f"{url}/{self._secret}/")
            while not over():
                await asyncio.sleep(_ASKED_EVERY_S)

    def _known_secret(self) -> Middleware:
        own = self._secret.encode()

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path == "/favicon.ico":
                return web.Response(status=204)
            given = request.path.split("/", 2)[1].encode()
            if not hmac.compare_digest(given, own):
                return refusal(404, "There is nothing here.")
            return await handler(request)

        return check

    async def _list_page(self, _request: web.Request) -> web.Response:
        if self._desk.single:
            raise web.HTTPFound(f"/{self._secret}/r/0/")
        return _page_file("list.html", "text/html")

    async def _review_page(self, _request: web.Request) -> web.Response:
        return _page_file("review.html", "text/html")

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in _FILES:
            return refusal(404, "There is nothing here.")
        return _page_file(name, _FILES[name])

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(self._desk.told))

    async def _session(self, request: web.Request) -> ReviewSession:
        return await asyncio.to_thread(self._desk.session, int(request.match_info["number"]))

    async def _state(self, request: web.Request) -> web.Response:
        session = await self._session(request)
        told = await asyncio.to_thread(session.told)
        return web.json_response(told | {"single": self._desk.single, "source": self._source is not None})

    async def _job(self, request: web.Request) -> web.Response:
        session = await self._session(request)
        return web.json_response(session.job.told())

    async def _media(self, request: web.Request) -> web.StreamResponse:
        session = await self._session(request)
        path = session.media(request.match_info["file"])
        kind = "audio/mp4" if path.suffix == ".m4a" else "video/mp4"
        return web.FileResponse(path, headers={"Content-Type": kind})

    async def _source_picture(self, request: web.Request) -> web.Response:
        if self._source is None:
            return refusal(404, "No source was given.")
        try:
            time = float(request.query.get("time", "0"))
        except ValueError:
            raise UsageError("There is no such time.") from None
        picture = await asyncio.to_thread(self._source.picture, time)
        return web.Response(body=picture, content_type="image/jpeg")

    async def _hints(self, request: web.Request) -> web.Response:
        session = await self._session(request)
        text = await asyncio.to_thread(session.hints)
        return web.Response(
            text=text,
            content_type="application/toml",
            headers={"Content-Disposition": 'attachment; filename="hints.toml"'},
        )

    async def _act(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        act = request.match_info["act"]
        data = await _json_of(request)
        if act == "close":
            await asyncio.to_thread(self._desk.put_back, number)
            return web.json_response({})
        session = await self._session(request)
        if act not in _ACTS:
            return refusal(404, "There is nothing here.")
        await asyncio.to_thread(_ACTS[act], session, data)
        return web.json_response(await asyncio.to_thread(session.told_state))


def _mend(session: ReviewSession, data: dict[str, Any]) -> None:
    session.mend(data.get("mend"))


def _undo(session: ReviewSession, data: dict[str, Any]) -> None:
    number = data.get("number")
    session.unmend(number if isinstance(number, int) and not isinstance(number, bool) else None)


def _give_back(session: ReviewSession, data: dict[str, Any]) -> None:
    session.give_back(data.get("mark"))


def _keep_covered(session: ReviewSession, data: dict[str, Any]) -> None:
    number = data.get("number")
    session.keep_covered(number if isinstance(number, int) and not isinstance(number, bool) else -1)


def _look(session: ReviewSession, data: dict[str, Any]) -> None:
    place, verdict = data.get("place"), data.get("verdict")
    if not isinstance(place, str) or not (verdict is None or verdict in _VERDICTS):
        raise UsageError("The page sent something that cannot be understood; reload it.")
    session.look(place, verdict)


def _played(session: ReviewSession, data: dict[str, Any]) -> None:
    spans = data.get("spans")
    if not isinstance(spans, list) or len(spans) > _MOST_SPANS:
        raise UsageError("The page sent something that cannot be understood; reload it.")
    found: list[Span] = []
    for span in spans:
        try:
            start, end = (float(edge) for edge in span)
            found.append(Span(start, end))
        except (TypeError, ValueError):
            raise UsageError("The page sent something that cannot be understood; reload it.") from None
        if not 0 <= start <= end < 1e7:
            raise UsageError("The page sent something that cannot be understood; reload it.")
    session.played(found)


def _sign(session: ReviewSession, data: dict[str, Any]) -> None:
    by = data.get("by", "")
    if not isinstance(by, str) or len(by) > 80:
        raise UsageError("The name is too long; 80 letters at most.")
    session.sign(by)


def _send_back(session: ReviewSession, _data: dict[str, Any]) -> None:
    session.send_back()


def _stop(session: ReviewSession, _data: dict[str, Any]) -> None:
    session.job.stop()


_ACTS: Final[dict[str, Callable[[ReviewSession, dict[str, Any]], None]]] = {
    "mend": _mend,
    "undo": _undo,
    "giveback": _give_back,
    "keepcovered": _keep_covered,
    "look": _look,
    "played": _played,
    "sign": _sign,
    "sendback": _send_back,
    "stop": _stop,
}


def _page_file(name: str, kind: str) -> web.Response:
    content = files("recorder.review").joinpath("page", name).read_bytes()
    return web.Response(body=content, content_type=kind, charset="utf-8")


async def _json_of(request: web.Request) -> dict[str, Any]:
    """Return the object in a body.

    Raises:
        UsageError: there is none.
        web.HTTPException: the body is too large, compressed, or does not come.
    """
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="Only JSON is taken here.\n")
    body = await read_body(request)
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise UsageError("The page sent something that cannot be understood; reload it.") from None
    if not isinstance(data, dict):
        raise UsageError("The page sent something that cannot be understood; reload it.")
    return data


async def _policy(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Permissions-Policy"] = "camera=(), microphone=(), display-capture=(), geolocation=()"


def _own_origin() -> Middleware:
    """Return a middleware that answers our own page alone, and whoever types the address."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        changes = request.method not in ("GET", "HEAD")
        foreign = origin is not None and not _is_own(origin, request.host)
        if foreign or site not in _SITES or (changes and (origin is None or site == "none")):
            return refusal(403, "This page is not allowed to ask.")
        return await handler(request)

    return check


def _is_own(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme == "http" and parts.netloc == host and not parts.path


def _errors() -> Middleware:
    """Return a middleware that tells the page in a sentence what went wrong; none of them carries content."""

    @web.middleware
    async def told(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except OffrecordError as error:
            status = _STATUS.get(error.exit_code, 422)
            return web.json_response({"error": error.sentence}, status=status)

    return told
