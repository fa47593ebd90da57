"""A meeting that a page makes up, people and all, told by a test what they do: one browser is enough for a call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

__all__ = ["ADAPTER", "FakeMeeting", "fake_meeting"]

HERE = Path(__file__).parent
ADAPTER = str(HERE / "adapter.js")


class FakeMeeting:
    """The server of the page; tells it what its people do."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self._socket: web.WebSocketResponse | None = None
        self._opened = asyncio.Event()
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def do(self, what: str, **given: object) -> Any:
        """Have something done on the page; return what came of it."""
        async with asyncio.timeout(30):
            await self._opened.wait()
            assert self._socket is not None
            self._number += 1
            waiting = self._waiting[self._number] = asyncio.get_running_loop().create_future()
            await self._socket.send_json({"do": what, "number": self._number, **given})
            return await waiting

    async def run(self, code: str) -> Any:
        """Run code in the page."""
        return await self.do("run", code=code)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Serve the page."""
        self.asked.append(request.path)
        if request.path.endswith("/404"):
            raise web.HTTPNotFound
        return web.Response(text=(HERE / "meeting.html").read_text(), content_type="text/html")

    async def control(self, request: web.Request) -> web.StreamResponse:
        """Hold the page's socket; the newest page counts."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._socket = socket
        self._opened.set()
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                said = json.loads(frame.data)
                waiting = self._waiting.pop(said["number"])
                if not waiting.done():
                    waiting.set_result(said["said"])
        if self._socket is socket:
            self._opened.clear()
        return socket


@asynccontextmanager
async def fake_meeting() -> AsyncIterator[FakeMeeting]:
    """Serve a meeting on a free port of this machine."""
    meeting = FakeMeeting()
    application = web.Application()
    application.router.add_get("/control", meeting.control)
    application.router.add_get("/{any:.*}", meeting.page)
    runner = web.AppRunner(application, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    meeting.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield meeting
    finally:
        await asyncio.wait_for(runner.cleanup(), 5)
