"""A room of its own for a test, guests of it, and bare connections to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urljoin

import aiohttp
import numpy as np

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.state import ConsentBook
from recorder.call.room.source import RoomLimits, RoomSource
from redaction.policy import Policy
from samples.room_client import Guest
from tests.recorder.call.observing import Obedient, running, tone

__all__ = ["TEXTS", "VOICES", "guest", "heard", "open_room", "run", "socket"]

TEXTS = NoticeTexts.of(Policy())
VOICES = {"Ada": (440.0, 60), "Bob": (700.0, 120), "Cleo": (1000.0, 200)}


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(within())


@asynccontextmanager
async def open_room(limits: RoomLimits | None = None) -> AsyncIterator[tuple[RoomSource, Obedient, str]]:
    source = RoomSource(TEXTS, limits=limits)
    session = Obedient(ConsentBook(Policy().consent, TEXTS))
    async with running(source, session):
        yield source, session, await source.url()


def guest(url: str, name: str) -> Guest:
    hertz, grey = VOICES[name]
    return Guest(url, name, video=[np.full((96, 128, 3), grey, np.uint8)], audio=tone(hertz), fps=10)


@asynccontextmanager
async def socket(url: str, **headers: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    named = {"Origin": url.rstrip("/")} | headers
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(urljoin(url, "/signals"), headers=named) as connection,
    ):
        yield connection


async def heard(connection: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, object]:
    async for frame in connection:
        message: dict[str, object] = json.loads(frame.data)
        if message["type"] == kind:
            return message
    raise AssertionError(f"the connection ended before {kind}")
