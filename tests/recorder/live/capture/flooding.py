"""A process that floods a call's server over sockets until it is ended: `python -m ... KIND URL`; says `ready`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from itertools import count
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


FLOODS: dict[str, tuple[Flooder, int]] = {
    "names": (names, 30),
    "chat": (chat, 20),
    "silent": (silent, 64),
    "idle": (idle, 500),
    "pushes": (pushes, 20),
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
