"""A process that floods a call's server over sockets until it is ended: `python -m ... KIND URL`; says `ready`."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import sys
from collections.abc import Awaitable, Callable
from itertools import count, cycle
from urllib.parse import urljoin, urlsplit

import aiohttp

Flooder = Callable[[aiohttp.ClientSession, str, asyncio.Event], Awaitable[None]]


async def joined(http: aiohttp.ClientSession, url: str, ready: asyncio.Event, *, chat: bool) -> None:
    """Join under one name after another, and rename or write without end; come back when thrown out."""
    for number in count():
        async with http.ws_connect(urljoin(url, "/signals"), headers={"Origin": url.rstrip("/")}) as socket:
            await socket.send_json({"type": "join", "name": f"Person{id(socket)} Surname{number}"})
            for at in range(400):
                name = f"Person{id(socket)}{at} Surname{number}{at}"
                message = {"type": "chat", "text": name * 8} if chat else {"type": "rename", "name": name}
                await socket.send_json(message)
                if at == 30:
                    ready.set()
                await asyncio.sleep(0.01)


async def names(http: aiohttp.ClientSession, url: str, ready: asyncio.Event) -> None:
    """Take display names."""
    await joined(http, url, ready, chat=False)


async def chat(http: aiohttp.ClientSession, url: str, ready: asyncio.Event) -> None:
    """Write."""
    await joined(http, url, ready, chat=True)


async def silent(http: aiohttp.ClientSession, url: str, ready: asyncio.Event) -> None:
    """Open a socket and never join."""
    async with http.ws_connect(urljoin(url, "/signals"), headers={"Origin": url.rstrip("/")}) as socket:
        ready.set()
        await socket.receive()


async def idle(_http: aiohttp.ClientSession, url: str, ready: asyncio.Event) -> None:
    """Hold a connection that says nothing, and open the next when it is closed."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(b"GET / HTTP/1.1\r\n")
    ready.set()
    await reader.read()
    writer.close()


async def pushes(http: aiohttp.ClientSession, url: str, ready: asyncio.Event) -> None:
    """Push descriptions that are none, with tokens that are none."""
    headers = {"Content-Type": "application/sdp", "Authorization": "Bearer none-of-the-tokens-here"}
    while True:
        async with http.post(urljoin(url, "/whip"), data=b"v=0\r\n" * 3000, headers=headers):
            ready.set()


async def bodies(http: aiohttp.ClientSession, url: str, ready: asyncio.Event) -> None:
    """Push two megabytes that unpack to two gigabytes, by every name that a packing has."""
    packed = gzip.compress(bytes(2**20 * 20)) * 100
    for packing in cycle(("gzip", "deflate", "br", "zstd", "gzip, gzip")):
        headers = {"Content-Type": "application/sdp", "Content-Encoding": packing}
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with http.post(urljoin(url, "/whip"), data=packed, headers=headers):
                ready.set()


async def trickle(_http: aiohttp.ClientSession, url: str, ready: asyncio.Event) -> None:
    """Send a head that never ends, a few bytes at a time."""
    parts = urlsplit(url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(b"POST /whip HTTP/1.1\r\n")
    with contextlib.closing(writer):
        for number in count():
            writer.write(b"X-%d: a\r\n" % number)
            await writer.drain()
            ready.set()
            await asyncio.sleep(0.05)


async def long_names(http: aiohttp.ClientSession, url: str, ready: asyncio.Event) -> None:
    """Join and rename with names of thousands of words."""
    for number in count():
        async with http.ws_connect(urljoin(url, "/signals"), headers={"Origin": url.rstrip("/")}) as socket:
            await socket.send_json({"type": "join", "name": f"Ann{number} " * 1500})
            for at in range(200):
                await socket.send_json({"type": "rename", "name": f"Ann{number}{at} " * 1500})
                ready.set()
                await asyncio.sleep(0.05)


FLOODS: dict[str, tuple[Flooder, int]] = {
    "names": (names, 30),
    "chat": (chat, 20),
    "silent": (silent, 64),
    "idle": (idle, 500),
    "pushes": (pushes, 20),
    "bodies": (bodies, 8),
    "trickle": (trickle, 300),
    "long_names": (long_names, 10),
}
"""What is done, and by how many at once."""


async def main(kind: str, url: str) -> None:
    """Flood until killed."""
    flood, number = FLOODS[kind]
    ready = asyncio.Event()

    async def again(http: aiohttp.ClientSession) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                await flood(http, url, ready)
            await asyncio.sleep(0.02)

    async def tell() -> None:
        await ready.wait()
        print("ready", flush=True)

    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(tell())
        for _ in range(number):
            group.create_task(again(http))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
