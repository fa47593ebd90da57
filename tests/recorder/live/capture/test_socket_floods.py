"""Who withdraws is obeyed at once, whatever strangers do to the sockets of the call's server meanwhile."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from recorder.call.consent.notice import NoticeTexts
from recorder.call.http.tokens import Grant, Tokens
from recorder.call.http.whip_source import WhipSource, serve_source
from recorder.call.room.source import RoomSource
from recorder.call.rtc.playback import LoopingVideo
from recorder.call.source import Answer
from recorder.live.capture.session import CallSession
from redaction.policy import Policy
from samples.room_client import Guest, publish
from tests.recorder.live.capture.flooded import check_obeyed, flooded_session
from tests.recorder.live.capture.flooding import FLOODS

SECRET = "secret-of-the-flooded-0001"
GREY = np.full((96, 128, 3), 140, np.uint8)

Erase = Callable[[], "asyncio.Future[None]"]


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something on the disk."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def flooding(kind: str, url: str) -> AsyncIterator[None]:
    """Have another process flood the server."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.recorder.live.capture.flooding",
        kind,
        url,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"ready\n"
        yield
    finally:
        process.kill()
        await process.wait()


async def by_room(url: str, kind: str, people: Path) -> float:
    """Record a guest of the room, flood it, and return after how many seconds an erasure was obeyed."""
    async with Guest(url, "Ada", video=[GREY], fps=10) as ada:
        await ada.answer(Answer.YES)
        await ada.until(lambda: ada.recorded, 30)
        await ada.send()
        await until(lambda: any(people.glob("*/camera-*.mp4")))
        async with flooding(kind, url):
            began = time.monotonic()
            await ada.answer(Answer.ERASE)
            await until(lambda: not any(people.iterdir()))
            return time.monotonic() - began


async def by_whip(url: str, kind: str, people: Path) -> float:
    """Push a participant, flood the server, and return after how many seconds an erasure was obeyed."""
    async with aiohttp.ClientSession() as http:
        connection, where = await publish(
            http, url, token=SECRET, tracks=[LoopingVideo([GREY], fps=10)], host_addresses=["127.0.0.1"]
        )
        await until(lambda: any(people.glob("*/camera-*.mp4")))
        async with flooding(kind, url):
            began = time.monotonic()
            headers = {"Authorization": f"Bearer {SECRET}"}
            async with http.post(where + "/consent", data=b"erase", headers=headers) as answer:
                assert answer.status == 204
            await until(lambda: not any(people.iterdir()))
            took = time.monotonic() - began
        await connection.close()
        return took


@pytest.mark.parametrize(
    ("way", "kind"),
    [*(("room", kind) for kind in FLOODS), ("serve", "idle"), ("serve", "pushes")],
)
def test_a_withdrawal_is_obeyed_while_strangers_flood_the_server(
    tmp_path: Path, way: str, kind: str, record_property: Callable[[str, object], None]
) -> None:
    """Under hundreds of names, silent sockets, idle connections and pushes, who withdraws is off the disk at once."""
    rules = Policy()
    source: RoomSource | WhipSource = (
        RoomSource(NoticeTexts.of(rules))
        if way == "room"
        else serve_source(Tokens([(SECRET, Grant("a", "Ada", True))]))
    )

    async def call(session: CallSession) -> float:
        people = tmp_path / "live" / "people"
        running = asyncio.ensure_future(session.run())
        try:
            url = await source.url()
            return await (by_room if way == "room" else by_whip)(url, kind, people)
        finally:
            session.leave()
            await running

    with flooded_session(tmp_path, source, rules, cores=1) as session:
        took = asyncio.run(asyncio.wait_for(call(session), 100))
    check_obeyed(session, took, f"{way} {kind}", record_property)
