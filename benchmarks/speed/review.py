"""How long a review takes: ten recordings of 30 s signed in a real browser, and the queue of one of an hour.

    python -m benchmarks.speed.review

The page is driven by keys as a practised reviewer would: every place is looked at, the whole is played at twice its
speed, and the recording is signed. Needs Chromium.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from recorder.bundle.contents import RECORDING
from recorder.bundle.log import LOG, ChainedLog
from recorder.bundle.manifest import Coverage, StillEntry, VideoCoverage
from recorder.bundle.publish import publish
from recorder.bundle.writer import BundleWriter
from recorder.call.http.http_server import Address
from recorder.review.desk import Desk, bundles_in
from recorder.review.server import ReviewServer, new_secret
from recorder.review.session import Choices
from recorder.runtime.context import Run
from redaction.model import Event, EventKind, RedactedUtterance, Span, Token
from redaction.policy import Policy
from tests.e2e.browser import Page, browser
from tests.media import make_clip
from tests.recorder.bundle.bundles import file_contents

RECORDINGS = 10
SHORT_S = 30
LONG_S = 3600
PADDING = 300 << 20
"""Bytes that the hour's file is made longer by: what it would have, and what has to be hashed."""


def bundle_of(folder: Path, name: str, *, seconds: int, faces: int, padding: int = 0) -> None:
    """Publish a file of a length with so many faces, a word a second, and some unsure places."""
    writer = BundleWriter(folder, name)
    fps = 25 if seconds < 100 else 1
    path = writer.path(RECORDING)
    sound = "aac" if not padding else None
    make_clip(path, seconds=seconds, size=(320, 180), fps=fps, options={"preset": "ultrafast"}, audio=sound)
    if padding:
        with path.open("ab") as file:
            file.write((padding + 8).to_bytes(4, "big") + b"free")
            file.truncate(file.tell() + padding)
    log = ChainedLog(writer.path(LOG))
    started = {"version": "0", "sha256": Policy().digest, "engine": "offrecord"}
    log.append(Event(EventKind.STARTED, detail=started))
    for number in range(faces):
        start = seconds * number / faces
        detail = {"reason": "face", "lowest_score": 0.55 + 0.4 * number / faces, "frames": 20, "in_doubt": 0}
        log.append(Event(EventKind.TRACKLET, "V1", Span(start, start + seconds / faces / 2), detail))
    for state in ("redacted", "verified"):
        log.append(Event(EventKind.STATE, detail={"state": state}))
    words = tuple(
        RedactedUtterance(
            tuple(Token(f"word{at + one}", Span(at + one, at + one + 0.5)) for one in range(5)),
            Span(at, at + 5),
            "S1",
            "A1",
        )
        for at in range(0, seconds - 5, 5)
    )
    contents = file_contents(
        duration=float(seconds),
        transcript=words,
        coverage=Coverage(video=VideoCoverage(frames=seconds * fps, detected=seconds * fps, tracklets=faces)),
        stills=(StillEntry(track="V1", time=1.0, rank=0.5, reason="least certain face"),),
    )
    publish(contents, writer, log, began=time.monotonic(), run=Run())


async def served(place: Path, work: Callable[[Page, str], Awaitable[None]]) -> None:
    """Serve a review, and let a page work on it that is given the address."""
    desk = Desk(bundles_in(place), Choices())
    told: asyncio.Queue[str] = asyncio.Queue()
    over = asyncio.Event()
    server = ReviewServer(desk, secret=new_secret())
    serving = asyncio.create_task(server.serve(Address(), told=told.put_nowait, over=over.is_set))
    try:
        url = await told.get()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            async with browser("about:blank", Path(profile)) as page:
                await page.size(1280, 800)
                await work(page, url)
    finally:
        over.set()
        await serving
        await asyncio.to_thread(desk.close)


async def ready(page: Page) -> None:
    """Wait for the page of a recording."""
    await page.until("document.documentElement?.dataset.ready === 'yes'", 60)


async def sign_one(page: Page) -> None:
    """Look at every place, play the whole at twice its speed, sign, and go to the next."""
    places = await page.evaluate("document.querySelectorAll('#places li').length")
    await page.press("n")
    for _ in range(places):
        await asyncio.sleep(0.5)
        await page.press("f")
    await page.evaluate("document.getElementById('video').pause()")
    await page.evaluate("document.getElementById('video').playbackRate = 2")
    await page.evaluate("document.getElementById('video').currentTime = 0")
    await page.press(" ")
    await page.until("document.getElementById('video').ended", 120)
    await page.press("s")
    await page.until("document.getElementById('signing').open")


async def ten(page: Page, url: str) -> None:
    """Sign ten, one after the other."""
    await page.command("Page.navigate", url=url)
    await page.until("document.querySelectorAll('#rows tbody tr').length > 0")
    began = time.monotonic()
    await page.press("n")
    for number in range(RECORDINGS):
        await page.until("location.pathname.includes('/r/')", 30)
        await ready(page)
        await sign_one(page)
        here = await page.evaluate("location.href")
        await page.click("signnext")
        await page.until(f"location.href !== {json.dumps(here)} && document.readyState === 'complete'", 60)
        print(f"signed {number + 1:2}  {time.monotonic() - began:6.1f} s of page time")
    print(
        f"{RECORDINGS} recordings of {SHORT_S} s: {time.monotonic() - began:.1f} s of page time (limit 300)"
    )


async def hour(page: Page, url: str) -> None:
    """Open a recording of an hour."""
    began = time.monotonic()
    await page.command("Page.navigate", url=f"{url}r/0/")
    await page.until("document.querySelectorAll('#places li').length > 0", 60)
    print(f"a recording of an hour: its queue stands after {time.monotonic() - began:.2f} s (limit 3)")


def main() -> None:
    """Stage both, and print what they took."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        bundle_of(place / "hour", "hour", seconds=LONG_S, faces=600, padding=PADDING)
        asyncio.run(served(place / "hour", hour))
        bundle_of(place / "ten", "recording-0", seconds=SHORT_S, faces=3)
        for number in range(1, RECORDINGS):
            name = f"recording-{number}.offrecord"
            shutil.copytree(place / "ten" / "recording-0.offrecord", place / "ten" / name)
        asyncio.run(served(place / "ten", ten))


if __name__ == "__main__":
    main()
