"""Participants in processes of their own, which die of SIGKILL."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

import aiohttp
import numpy as np

from recorder.call.rtc.playback import LoopingAudio, LoopingVideo
from recorder.call.source import Answer
from samples.room_client import Guest, publish
from tests.recorder.call.observing import tone
from tests.recorder.call.senders import LOOPBACK

__all__ = ["in_process", "in_room", "pushing"]

_PROCESSES = multiprocessing.get_context("spawn")
GREY = np.full((96, 128, 3), 140, np.uint8)


@contextmanager
def in_process(play: Callable[..., None], *arguments: str) -> Iterator[BaseProcess]:
    """Play a participant in a process of its own until it is killed."""
    process = _PROCESSES.Process(target=play, args=arguments)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(30)


def in_room(url: str, name: str) -> None:
    """Join the room, agree and send for ever."""

    async def play() -> None:
        async with Guest(url, name, video=[GREY], audio=tone(440), fps=10) as guest:
            await guest.answer(Answer.YES)
            await guest.send()
            await asyncio.sleep(600)

    _run(play)


def pushing(url: str, secret: str) -> None:
    """Push for ever."""

    async def play() -> None:
        tracks = [LoopingVideo([GREY], fps=10), LoopingAudio(tone(440))]
        async with aiohttp.ClientSession() as http:
            connection, _ = await publish(http, url, token=secret, tracks=tracks, host_addresses=LOOPBACK)
            await asyncio.sleep(600)
            await connection.close()

    _run(play)


def _run(play: Callable[[], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        await play()

    asyncio.run(all_of_it())
