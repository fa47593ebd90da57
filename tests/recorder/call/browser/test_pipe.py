"""The DevTools pipe: answers find who asked, and what is out of bounds ends it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from recorder.call.browser.pipe import (
    MAX_DEVTOOLS_MESSAGE,
    BrowserLost,
    CommandRefused,
    DevTools,
    DevToolsEvent,
)


class FakeBrowser:
    """The other end of the pipe."""

    def __init__(self) -> None:
        self.events: list[DevToolsEvent] = []
        to_browser, from_browser = os.pipe(), os.pipe()
        self._reading, self._writing = to_browser[0], from_browser[1]
        self.devtools = DevTools(from_browser[0], to_browser[1], self.events.append)

    async def read(self) -> dict[str, object]:
        """Return the next command."""
        data = await asyncio.to_thread(os.read, self._reading, 65536)
        found: dict[str, object] = json.loads(data.rstrip(b"\0"))
        return found

    async def write(self, data: bytes) -> int:
        """Say something; return how much of it was taken."""
        return await asyncio.to_thread(os.write, self._writing, data)

    def hang_up(self) -> None:
        """Be gone."""
        for end in (self._reading, self._writing):
            os.close(end)
        self._reading = self._writing = -1


@asynccontextmanager
async def fake_browser() -> AsyncIterator[FakeBrowser]:
    """Open a pipe for a block."""
    browser = FakeBrowser()
    reader = await browser.devtools.open()
    task = asyncio.create_task(browser.devtools.run(reader))
    try:
        yield browser
    finally:
        browser.devtools.close()
        if browser._reading >= 0:
            browser.hang_up()
        await asyncio.wait_for(task, 5)


def test_answers_find_who_asked() -> None:
    """Out of order, in pieces, with events between them; an error is refused, an unknown answer nothing."""

    async def go() -> None:
        async with fake_browser() as browser:
            first = asyncio.create_task(browser.devtools.ask("A", session="s", x=1))
            assert await browser.read() == {"id": 1, "method": "A", "params": {"x": 1}, "sessionId": "s"}
            second = asyncio.create_task(browser.devtools.ask("B"))
            assert (await browser.read())["id"] == 2
            said = b'{"id":9,"result":{}}\0{"id":2,"error":{"message":"no"}}\0{"method":"E","params":{"y":2}}\0{"id":1,'
            await browser.write(said)
            await browser.write(b'"result":{"z":3}}\0')
            assert await first == {"z": 3}
            with pytest.raises(CommandRefused):
                await second
            assert [(event.method, event.session, event.parameters) for event in browser.events] == [
                ("E", "", {"y": 2})
            ]

    asyncio.run(go())


@pytest.mark.parametrize("said", [b"not json\0", b"[1]\0", b"[" * 100_000 + b"\0", b"\xff\0"])
def test_what_is_no_message_ends_it(said: bytes) -> None:
    """Whoever waits is told that the browser is lost, at once."""

    async def go() -> None:
        async with fake_browser() as browser:
            asked = asyncio.create_task(browser.devtools.ask("A"))
            await browser.read()
            await browser.write(said)
            with pytest.raises(BrowserLost):
                await asyncio.wait_for(asked, 5)
            assert browser.devtools.lost
            with pytest.raises(BrowserLost):
                await browser.devtools.ask("B")

    asyncio.run(go())


def test_a_message_without_end_is_not_held() -> None:
    """More than a message may have, and the pipe is closed."""

    async def go() -> None:
        async with fake_browser() as browser:
            writing = asyncio.create_task(browser.write(b"x" * (MAX_DEVTOOLS_MESSAGE + 2**22)))
            await asyncio.wait_for(browser.devtools.wait_lost(), 10)
            browser.devtools.close()
            assert await asyncio.wait_for(writing, 5) < MAX_DEVTOOLS_MESSAGE + 2**20

    asyncio.run(go())


def test_a_browser_that_is_gone_or_silent_is_lost() -> None:
    """Its end is told to who waits; silence is the same after a while."""

    async def go() -> None:
        async with fake_browser() as browser:
            with pytest.raises(BrowserLost):
                await browser.devtools.ask("A", within=0.1)
            asked = asyncio.create_task(browser.devtools.ask("B"))
            await asyncio.sleep(0.05)
            browser.hang_up()
            with pytest.raises(BrowserLost):
                await asyncio.wait_for(asked, 5)

    asyncio.run(go())
