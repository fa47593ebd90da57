"""What the room serves besides the call: the page itself, and the notice as text and as speech."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from aiohttp import web

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.spoken_notice import as_wav
from recorder.call.http.http_server import refusal
from redaction.model import Samples

__all__ = ["RoomPages"]

_PAGE: Final = {
    "/": ("index.html", "text/html"),
    "/room.js": ("room.js", "text/javascript"),
    "/room.css": ("room.css", "text/css"),
}


class RoomPages:
    """The files of the page and the notice.

    Args:
        texts: of the notice.
        name: what participants see of the recorder.
        spoken: the notice as `speak_notice` gives it; None where it is not spoken.
    """

    def __init__(self, texts: NoticeTexts, *, name: str, spoken: Samples | None) -> None:
        self._texts = texts
        self._name = name
        self._spoken = as_wav(spoken) if spoken is not None else b""

    def attach(self, application: web.Application) -> None:
        """Serve them."""
        for path in _PAGE:
            application.router.add_get(path, self._page)
        application.router.add_get("/favicon.ico", self._icon)
        application.router.add_get("/notice", self._notice)
        application.router.add_get("/notice.wav", self._audio)

    async def _page(self, request: web.Request) -> web.Response:
        name, kind = _PAGE[request.path]
        content = files("recorder.call.room").joinpath("page", name).read_bytes()
        return web.Response(body=content, content_type=kind, charset="utf-8")

    async def _icon(self, _request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _audio(self, _request: web.Request) -> web.Response:
        if not self._spoken:
            return refusal(404, "The notice is not spoken in this call.")
        return web.Response(body=self._spoken, content_type="audio/wav")

    async def _notice(self, _request: web.Request) -> web.Response:
        content = {
            "recorder": self._name,
            "what": self._texts.what,
            "silence": self._texts.silence,
            "young": self._texts.young,
            "spoken": bool(self._spoken),
        }
        return web.json_response(content)
