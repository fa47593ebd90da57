"""A review that is served while a block runs, and its page once it works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from recorder.call.http.http_server import Address
from recorder.review.desk import Desk, bundles_in
from recorder.review.server import ReviewServer, new_secret
from recorder.review.session import Choices
from recorder.review.source_view import SourceView
from tests.e2e.browser import Page

__all__ = ["ready", "served"]


@asynccontextmanager
async def served(
    place: Path, *, choices: Choices | None = None, source: Path | None = None
) -> AsyncIterator[str]:
    """Serve a review while the block runs; yields the address."""
    desk = Desk(bundles_in(place), choices or Choices())
    view = None if source is None else SourceView(source)
    server = ReviewServer(desk, secret=new_secret(), source=view)
    told: asyncio.Queue[str] = asyncio.Queue()
    over = asyncio.Event()
    serving = asyncio.create_task(server.serve(Address(), told=told.put_nowait, over=over.is_set))
    try:
        yield await told.get()
    finally:
        over.set()
        await serving
        desk.close()


async def ready(page: Page) -> None:
    """Wait until the page of a recording works, on a screen of the usual size."""
    await page.size(1280, 800)
    await page.until("document.documentElement?.dataset.ready === 'yes'", 60)
