"""What strangers may do to the servers of a call, over sockets on this machine."""

from __future__ import annotations

import asyncio
import gzip
import resource
import ssl
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from recorder.call.consent.notice import NoticeTexts
from recorder.call.http.connections import ConnectionLimits
from recorder.call.http.http_server import Address, listening
from recorder.call.http.tokens import Grant, Tokens
from recorder.call.http.whip_source import WhipSource, serve_source
from recorder.call.room.source import RoomLimits, RoomSource
from redaction.policy import Policy
from samples.room_client import Guest
from tests.recorder.call.certificate import self_signed
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


# -- too many connections ----------------------------------------------------------------------------------------------


@contextmanager
def few_descriptors(most: int) -> Iterator[None]:
    """Let this process open no more than so many files, as a service's limit does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def crowd(host: str, port: int, number: int, first: bytes) -> Iterator[None]:
    """Hold so many connections of another process open, each of which sends a beginning and then nothing more."""
    script = (
        "import resource, socket, time\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)\n"
        "held = []\n"
        f"for _ in range({number}):\n"
        "    one = socket.socket()\n"
        "    one.settimeout(2)\n"
        f"    try: one.connect(({host!r}, {port})); one.sendall({first!r}); held.append(one)\n"
        "    except OSError: pass\n"
        "print(len(held), flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_idle_connections_do_not_end_the_call(first: bytes, tmp_path: Path) -> None:
    """Six hundred connections that never finish a request cost no file: storage can open, and who comes is served."""

    async def test() -> None:
        async with server("room") as (watcher, host, port):
            with crowd(host, port, 600, first):
                await watcher.until(lambda: watcher.crowd > 0)
                await asyncio.sleep(1.0)
                with ExitStack() as files:
                    for number in range(100):
                        files.enter_context((tmp_path / str(number)).open("w"))
                async with Guest(f"http://{host}:{port}/", "Ada") as ada:
                    await watcher.until(lambda: ada.id in watcher.here)

    with few_descriptors(512):
        run(test)


def test_one_address_has_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """One address holds no more than its share; an idle connection of it gives way, another address is served."""

    async def test() -> None:
        async def nothing(_request: web.Request) -> web.Response:
            return web.Response(text="here")

        application = web.Application()
        application.router.add_get("/", nothing)
        told: list[int] = []
        limits = ConnectionLimits(most=20, per_address=5)
        async with listening(
            application, Address("0.0.0.0", tls_in_front=True), limits=limits, turned_away=told.append
        ) as url:
            port = urlsplit(url).port or 0
            idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
            ended = await asyncio.gather(*(asyncio.wait_for(one.read(1), 5) for one, _ in idle[:3]))
            assert ended == [b"", b"", b""]
            assert told
            for source in ("127.0.0.1", "127.0.0.2"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert b"here" in await reader.read()
                writer.close()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(idle[-1][0].read(1), 0.2)
            for _, writer in idle:
                writer.close()

    run(test)


def test_a_request_that_does_not_come_is_not_waited_for() -> None:
    """A connection that says nothing, half a head, or nothing after its first request, is closed in time."""

    async def test() -> None:
        limits = ConnectionLimits(head_s=0.5)
        async with listening(web.Application(), Address(), limits=limits) as url:
            port = urlsplit(url).port or 0
            for first in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / H"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(first)
                await asyncio.wait_for(reader.read(), 3)
                writer.close()

    run(test)


def test_tls_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    """Connections that never begin TLS are counted, give way, and are closed in time."""
    certificate, key = self_signed(tmp_path)

    async def test() -> None:
        limits = ConnectionLimits(most=4, handshake_s=0.5)
        address = Address(certificate=certificate, key=key)
        async with listening(web.Application(), address, limits=limits) as url:
            port = urlsplit(url).port or 0
            idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
            async with aiohttp.ClientSession() as http:
                trusted = ssl.create_default_context(cafile=certificate)
                async with http.get(url.replace("127.0.0.1", "localhost"), ssl=trusted) as answer:
                    assert answer.status == 404
            assert set(await asyncio.gather(*(asyncio.wait_for(one.read(), 3) for one, _ in idle))) == {b""}
            for _, writer in idle:
                writer.close()

    run(test)


def test_who_never_joins_takes_nobodys_place() -> None:
    """A hundred sockets that are opened and say nothing fill no room: participants come in, and are told of none."""

    async def test() -> None:
        async with server("room") as (watcher, host, port), AsyncExitStack() as stack:
            url = f"http://{host}:{port}/"
            http = await stack.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
            )
            origin = {"Origin": url.rstrip("/")}
            silent = [await http.ws_connect(url + "signals", headers=origin) for _ in range(100)]
            for number in range(10):
                await stack.enter_async_context(Guest(url, f"Guest {number}"))
            assert len(watcher.here) == 10
            assert watcher.crowd >= len(silent) - RoomLimits().doors

    run(test)
