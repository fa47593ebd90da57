"""The consent page of a call, and the page on which a host finds its links."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from html import escape
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent_page.links import ConsentLink, ConsentLinks
from recorder.call.http.http_server import read_body, refusal
from recorder.call.source import Answer

__all__ = ["ConsentPages"]

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_COOKIE: Final = "offrecord-consent"
_ANSWERS: Final = {
    "yes": (Answer.YES, None),
    "adult": (Answer.YES, True),
    "no": (Answer.NO, None),
    "erase": (Answer.ERASE, None),
}
_STANDING: Final = {
    None: "You have not answered here.",
    Answer.YES: "With this link you agreed to be recorded.",
    Answer.NO: "With this link you refused: you are not recorded.",
    Answer.ERASE: "With this link you refused, and had removed what was stored of you.",
}
Answered = Callable[[ConsentLink, Answer, bool | None], None]


class ConsentPages:
    """Serves both pages.

    Args:
        links: of the meetings that go on.
        texts: of the notice.
        public_url: under which participants reach this server.
        host_key: opens the host's page.
        answered: is told what somebody answered.
    """

    def __init__(
        self, links: ConsentLinks, texts: NoticeTexts, *, public_url: str, host_key: str, answered: Answered
    ) -> None:
        self._links = links
        self._texts = texts
        self._url = public_url.rstrip("/")
        self._origin = f"{urlsplit(public_url).scheme}://{urlsplit(public_url).netloc}"
        self._path = urlsplit(public_url).path.rstrip("/")
        self._key = host_key
        self._answered = answered

    @property
    def host_url(self) -> str:
        """Return the address of the host's page."""
        return f"{self._url}/host/{self._key}"

    def url_of(self, link: ConsentLink) -> str:
        """Return the address of a participant's page, for them alone."""
        return f"{self._url}/consent/{link.code}"

    def attach(self, application: web.Application) -> None:
        """Add the routes."""
        application.router.add_get("/consent/{code}", self._page)
        application.router.add_post("/consent/{code}", self._answer)
        application.router.add_get("/host/{key}", self._host)
        application.router.add_post("/host/{key}", self._renew)
        application.router.add_get("/consent.css", self._style)

    async def _style(self, _request: web.Request) -> web.Response:
        content = files("recorder.call.consent_page").joinpath("consent.css").read_bytes()
        return web.Response(body=content, content_type="text/css", charset="utf-8")

    # -- for participants ------------------------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.Response:
        """Show the notice and the buttons; looking changes nothing, since programs look at links too."""
        link = self._links.find(request.match_info["code"])
        if link is None:
            return refusal(404, "This link leads nowhere: the meeting is over, or the link is another one's.")
        mine = link.holds(request.cookies.get(_COOKIE, ""))
        open_to_yes = link.may_agree(request.cookies.get(_COOKIE, ""))
        notes = "".join(f"<p class=note>{escape(note)}</p>" for note in link.notes) if mine else ""
        standing = _STANDING[link.answer] if mine or not link.holder else "Somebody answered with this link."
        buttons = [("yes", "I agree"), ("adult", "I agree, and I am 18 or older")] if open_to_yes else []
        buttons += [("no", "I refuse"), ("erase", "Remove what was stored of me")]
        form = "".join(f'<button name="answer" value="{value}">{text}</button>' for value, text in buttons)
        closed = "" if open_to_yes else "<p>To agree, ask the host for a new link.</p>"
        body = (
            f"<h1>Recording of your meeting</h1><p>This page is for {escape(link.name)} alone.</p>"
            f"<p>{escape(self._texts.what)}</p><p>{escape(self._texts.silence)} {escape(self._texts.young)}</p>"
            f"<p><strong>{standing}</strong></p>{closed}<form method=post>{form}</form>{notes}"
        )
        return self._html("Recording", body)

    async def _answer(self, request: web.Request) -> web.Response:
        """Take an answer: a yes of the first browser that says it, a no of any."""
        link = self._links.find(request.match_info["code"])
        if link is None:
            return refusal(404, "This link leads nowhere: the meeting is over, or the link is another one's.")
        fields = await self._form(request)
        if isinstance(fields, web.Response):
            return fields
        found = _ANSWERS.get(fields.get("answer", ""))
        if found is None:
            return refusal(400, "The answer is yes, adult, no or erase.")
        answer, adult = found
        token = request.cookies.get(_COOKIE, "")
        if answer is Answer.YES and not link.may_agree(token):
            return refusal(
                403, "Somebody agreed with this link in another browser. Ask the host for a new one."
            )
        if answer is Answer.YES and not link.agreements.take(time.monotonic()):
            return refusal(429, "Those were too many changes. Please try again in a minute.")
        response = web.Response(status=303, headers={"Location": f"{self._path}/consent/{link.code}"})
        if answer is Answer.YES and not link.holds(token):
            response.set_cookie(
                _COOKIE,
                link.bind(),
                path=f"{self._path}/consent/{link.code}",
                httponly=True,
                secure=self._url.startswith("https:"),
                samesite="Strict",
            )
        link.answer = answer
        self._answered(link, answer, adult)
        return response

    async def _form(self, request: web.Request) -> dict[str, str] | web.Response:
        """Return the fields of a form, or why it is refused."""
        if request.headers.get("Origin", self._origin) != self._origin:
            return refusal(403, "Another page sent this.")
        if request.content_type != "application/x-www-form-urlencoded":
            return refusal(415, "A form is expected.")
        body = await read_body(request)
        try:
            return dict(parse_qsl(body[:1024].decode("ascii"), max_num_fields=4))
        except ValueError:
            return refusal(400, "This is no form.")

    # -- for hosts -------------------------------------------------------------------------------------------------

    async def _host(self, request: web.Request) -> web.Response:
        """Show who is in which meeting, and the link of each."""
        if not self._knows(request.match_info["key"]):
            return refusal(404, "There is no such page.")
        parts = [
            "<h1>Consent links</h1><p>Send each link to that person alone, as a private chat message.</p>"
        ]
        for number, (_, links) in enumerate(self._links.listed(), start=1):
            rows = "".join(self._row(link) for link in links)
            parts.append(f"<h2>Meeting {number}</h2><table>{rows}</table>")
        if len(parts) == 1:
            parts.append("<p>No meeting goes on.</p>")
        response = self._html("Consent links", "".join(parts))
        response.headers["Refresh"] = "10"
        return response

    def _row(self, link: ConsentLink) -> str:
        url = self.url_of(link)
        again = f'<form method=post><button name="renew" value="{link.code}">new link</button></form>'
        return (
            f'<tr><td>{escape(link.name)}</td><td><a href="{escape(url)}">{escape(url)}</a></td>'
            f"<td>{'answered' if link.answer else 'not answered'}</td><td>{again}</td></tr>"
        )

    async def _renew(self, request: web.Request) -> web.Response:
        if not self._knows(request.match_info["key"]):
            return refusal(404, "There is no such page.")
        fields = await self._form(request)
        if isinstance(fields, web.Response):
            return fields
        if self._links.renew(fields.get("renew", "")) is None:
            return refusal(404, "There is no such link.")
        return web.Response(status=303, headers={"Location": f"{self._path}/host/{self._key}"})

    def _knows(self, key: str) -> bool:
        return hmac.compare_digest(key.encode("utf-8", "surrogatepass"), self._key.encode())

    def _html(self, title: str, body: str) -> web.Response:
        page = (
            f'<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">'
            f"<meta name=robots content=noindex><title>{title}</title>"
            f'<link rel=stylesheet href="{self._path}/consent.css"><main>{body}</main></html>'
        )
        # with the server's usual no-referrer, browsers would send the origin of our own forms as null
        headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "same-origin"}
        return web.Response(text=page, content_type="text/html", headers=headers)
