"""The video room pages of Debian's janus-demos, served as they are, and people who open them in browsers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.e2e.browser import Page
from tests.e2e.janus_room import ROOM, JanusServer

__all__ = ["DEMOS", "PAGES", "demo_pages", "enter_demo"]

DEMOS = Path("/usr/share/janus/demos")
PAGES = ("videoroomtest.html", "mvideoroomtest.html")


@asynccontextmanager
async def demo_pages(server: JanusServer) -> AsyncIterator[str]:
    """Serve the pages; only where Janus listens is told in their own file of settings. Yield their address."""

    async def settings(_: web.Request) -> web.Response:
        text = f'var server = "{server.url}";\nvar iceServers = null;\nvar token, apisecret;\n'
        return web.Response(text=text, content_type="text/javascript")

    application = web.Application()
    application.router.add_get("/settings.js", settings)
    application.router.add_static("/", DEMOS, follow_symlinks=True)
    runner = web.AppRunner(application, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def demo_url(pages: str, page: str) -> str:
    """Return the address of the room's page."""
    return f"{pages}/{page}?room={ROOM}"


async def enter_demo(page: Page, name: str) -> None:
    """Join the room as somebody who clicks and types."""
    await page.click("start")
    await page.until("document.getElementById('username').offsetParent !== null")
    await page.type("username", name)
    await page.click("register")
    await page.until("window.myid && document.querySelector('#videolocal video')")
