"""What strangers may do to the servers of a call, over sockets on this machine."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from recorder.call.consent.notice import NoticeTexts
from recorder.call.http.tokens import Grant, Tokens
from recorder.call.http.whip_source import WhipSource, serve_source
from recorder.call.room.source import RoomSource
from redaction.policy import Policy
from tests.recorder.call.observing import Watcher, running

SECRET = "secret-of-the-hostile-0001"


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(within())


@asynccontextmanager
async def server(way: str) -> AsyncIterator[tuple[Watcher, str, int]]:
    tokens = Tokens([(SECRET, Grant("a", "Ada", True))])
    source: RoomSource | WhipSource = (
        RoomSource(NoticeTexts.of(Policy())) if way == "room" else serve_source(tokens)
    )
    watcher = Watcher()
    async with running(source, watcher):
        parts = urlsplit(await source.url())
        yield watcher, parts.hostname or "", parts.port or 0


async def longest_pause(stop: asyncio.Event) -> float:
    """Return the longest time for which the event loop did nothing else, in seconds."""
    longest, last = 0.0, time.monotonic()
    while not stop.is_set():
        await asyncio.sleep(0.005)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    return longest


async def posted(host: str, port: int, head: str, body: bytes) -> bytes:
    """Send one request as it is, and return what is answered until the connection is closed."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(head.encode())
        for start in range(0, len(body), 65_536):
            writer.write(body[start : start + 65_536])
            await writer.drain()
        return await reader.read(65_536)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def bomb(encoding: str, megabytes: int = 2) -> bytes:
    """Return about so many megabytes that would unpack to a thousand times as much."""
    block = b"\x00" * (1 << 24)
    one = gzip.compress(block, 9) if encoding == "gzip" else zlib.compress(block, 9)
    return one * (megabytes * (1 << 20) // len(one))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    ("way", "path"),
    [
        ("room", "/whip"),
        ("room", "/"),
        ("room", "/signals"),
        ("serve", "/whip"),
        ("serve", "/session/a/consent"),
    ],
)
def test_a_compressed_body_is_unpacked_for_nobody(way: str, path: str, encoding: str) -> None:
    """Two megabytes that would unpack to gigabytes, sent without a token, do not hold the event loop up."""
    body = bomb(encoding)

    async def test() -> None:
        async with server(way) as (watcher, host, port):
            stop = asyncio.Event()
            watch = asyncio.ensure_future(longest_pause(stop))
            head = (
                f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/sdp\r\n"
                f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            answer = await posted(host, port, head, body)
            stop.set()
            assert await watch < 1.0
            assert not answer or answer.split(b" ")[1] in (b"401", b"403", b"404", b"405", b"415")
            assert watcher.here == set()

    run(test)


def test_a_compressed_body_is_refused_unread() -> None:
    """With a token too a compressed body is refused with 415, and one announced too large with 413, both unread."""

    async def test() -> None:
        async with server("serve") as (_, host, port):
            for extra, status in (
                ("Content-Encoding: gzip\r\nContent-Length: 9000\r\n", b"415"),
                ("Content-Length: 2000000\r\n", b"413"),
            ):
                head = (
                    f"POST /whip HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/sdp\r\n"
                    f"Authorization: Bearer {SECRET}\r\n{extra}\r\n"
                )
                answer = await posted(host, port, head, b"")
                assert answer.split(b" ")[1] == status

    run(test)
