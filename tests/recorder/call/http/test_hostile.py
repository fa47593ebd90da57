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
from recorder.call.http import whip_source
from recorder.call.http.connections import ConnectionLimits
from recorder.call.http.http_server import Address, listening
from recorder.call.http.tokens import Grant, Tokens
from recorder.call.http.whip import WhipLimits
from recorder.call.http.whip_source import WhipSource, serve_source
from recorder.call.room.source import RoomLimits, RoomSource
from recorder.call.rtc.playback import LoopingAudio
from recorder.call.source import Answer
from redaction.errors import UnreadableInput
from redaction.policy import Policy
from samples.room_client import Guest, publish
from tests.recorder.call.certificate import self_signed
from tests.recorder.call.observing import Watcher, running, tone

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


# -- strangers at the door ---------------------------------------------------------------------------------------------


def test_a_room_for_others_needs_its_invitation(tmp_path: Path) -> None:
    """Beyond this machine only who has the whole address comes in, and nobody with a part of it or a guess."""
    certificate, key = self_signed(tmp_path)

    async def test() -> None:
        address = Address("127.0.0.1", certificate=certificate, key=key, tls_in_front=True)
        source, watcher = RoomSource(NoticeTexts.of(Policy()), address=address), Watcher()
        async with running(source, watcher), aiohttp.ClientSession() as http:
            url = await source.url()
            page, _, invitation = url.partition("#")
            assert len(invitation) >= 22  # 128 bits
            page = page.replace("127.0.0.1", "localhost")
            trusted = ssl.create_default_context(cafile=certificate)
            for presented in (
                "",
                invitation[:-1],
                invitation.swapcase(),
                "x" * 22,
                invitation + "x",
                invitation,
            ):
                headers = {"Origin": page.rstrip("/")}
                async with http.ws_connect(page + "signals", headers=headers, ssl=trusted) as socket:
                    await socket.send_json({"type": "join", "name": "Ada", "invitation": presented})
                    kind = (await socket.receive_json())["type"]
                    assert kind == ("welcome" if presented == invitation else "uninvited")
            assert len([one for one in watcher.events if one[0] == "joined"]) == 1

    run(test)


def test_within_this_machine_no_invitation_is_needed() -> None:
    """The room on loopback is open to this machine's users, unless its operator gives an invitation."""
    texts = NoticeTexts.of(Policy())

    async def test() -> None:
        source = RoomSource(texts)
        async with running(source, Watcher()):
            assert "#" not in await source.url()
        source, watcher = RoomSource(texts, invitation="an-invitation-of-the-operator"), Watcher()
        async with running(source, watcher):
            url = await source.url()
            assert url.endswith("#an-invitation-of-the-operator")
            with pytest.raises(UnreadableInput):
                await Guest(url.partition("#")[0], "Eve").__aenter__()
            async with Guest(url, "Ada") as ada:
                assert watcher.here == {ada.id}

    run(test)


def test_one_tokens_sessions_flush_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was pushed by one token can be erased after their session, however many sessions another token ends."""
    other = "secret-of-the-hostile-0002"
    tokens = Tokens([(SECRET, Grant("a", "Ada", True)), (other, Grant("b", "Bob", True))])
    monkeypatch.setattr(whip_source, "_REMEMBERED", 3)

    async def test() -> None:
        limits = WhipLimits(burst=100)
        source, watcher = serve_source(tokens, limits=limits), Watcher()
        async with running(source, watcher), aiohttp.ClientSession() as http:
            url, places = await source.url(), []
            for secret in (SECRET, *[other] * 6):
                connection, where = await publish(
                    http, url, token=secret, tracks=[LoopingAudio(tone(440))], host_addresses=["127.0.0.1"]
                )
                places.append(where)
                headers = {"Authorization": f"Bearer {secret}"}
                async with http.delete(where, headers=headers) as answer:
                    assert answer.status == 200
                await connection.close()
            for where, secret, status in (
                (places[0], SECRET, 204),
                (places[1], other, 404),
                (places[6], other, 204),
            ):
                headers = {"Authorization": f"Bearer {secret}"}
                async with http.post(where + "/consent", data=b"erase", headers=headers) as answer:
                    assert answer.status == status
            assert [answer for _, answer, _ in watcher.answers].count(Answer.ERASE) == 2

    run(test)
