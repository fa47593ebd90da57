"""The DevTools protocol by a pipe: commands out, answers and events in, one JSON object after another.

No port is listened on: whoever is to drive the browser must have been given the pipe. What comes is bounded, since a
page can have the browser send much of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from redaction.errors import OffrecordError

__all__ = ["BrowserLost", "CommandRefused", "DevTools", "DevToolsEvent"]

MAX_DEVTOOLS_MESSAGE: Final = 4 * 2**20
COMMAND_TIMEOUT_S: Final = 20.0
_CHUNK: Final = 2**16


class BrowserLost(Exception):
    """The browser is gone, or says what it may not."""


class CommandRefused(Exception):
    """The browser did not do as it was told: the page, or what it was to act on, is gone."""


@dataclass(frozen=True, slots=True)
class DevToolsEvent:
    """Something that happened in the browser.

    Attributes:
        session: of the page, frame or worker it happened in; nothing for the browser itself.
    """

    method: str
    session: str
    parameters: dict[str, Any] = field(repr=False)


class DevTools:
    """One browser, by the two ends of its pipe.

    Args:
        reading: file descriptor of what the browser writes; closed by `close`.
        writing: file descriptor of what it reads; closed by `close`.
        on_event: called with every event, on the event loop.
    """

    def __init__(self, reading: int, writing: int, on_event: Callable[[DevToolsEvent], None]) -> None:
        self._reading = reading
        self._writing = writing
        self._on_event = on_event
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._transports: list[asyncio.BaseTransport] = []
        self._writer: asyncio.StreamWriter | None = None
        self._lost = asyncio.Event()

    @property
    def lost(self) -> bool:
        """Whether the browser no longer answers."""
        return self._lost.is_set()

    async def wait_lost(self) -> None:
        """Return when the browser no longer answers."""
        await self._lost.wait()

    async def open(self) -> asyncio.StreamReader:
        """Take hold of the pipe; hand what it returns to `run`."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_CHUNK)
        incoming, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(self._reading, "rb", buffering=0)
        )
        outgoing, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(self._writing, "wb", buffering=0)
        )
        self._transports = [incoming, outgoing]
        self._writer = asyncio.StreamWriter(outgoing, protocol, None, loop)
        return reader

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Read until the browser is gone."""
        held = bytearray()
        try:
            while chunk := await reader.read(_CHUNK):
                held += chunk
                while (end := held.find(0)) >= 0:
                    message = bytes(held[:end])
                    del held[: end + 1]
                    self._take(message)
                if len(held) > MAX_DEVTOOLS_MESSAGE:
                    return
        except (OSError, ValueError):
            return
        finally:
            self._lost.set()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(BrowserLost())
            self._waiting.clear()

    async def ask(
        self, method: str, *, session: str = "", within: float = COMMAND_TIMEOUT_S, **parameters: object
    ) -> dict[str, Any]:
        """Send a command and return its result.

        Raises:
            BrowserLost: the browser is gone, or does not answer in time.
            CommandRefused: it answers with an error.
        """
        if self._lost.is_set() or self._writer is None:
            raise BrowserLost
        self._number += 1
        number = self._number
        command: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            async with asyncio.timeout(within):
                self._writer.write(json.dumps(command).encode() + b"\0")
                await self._writer.drain()
                return await waiting
        except (TimeoutError, OSError):
            raise BrowserLost from None
        finally:
            self._waiting.pop(number, None)

    def close(self) -> None:
        """Let go of the pipe, upon which the browser ends. Safe to call twice."""
        self._lost.set()
        transports, self._transports = self._transports, []
        for transport in transports:
            transport.close()

    def _take(self, message: bytes) -> None:
        try:
            said = json.loads(message)
        except (ValueError, RecursionError):
            raise ValueError("not JSON") from None
        if not isinstance(said, dict):
            raise ValueError("not an object")
        waiting = self._waiting.pop(said.get("id", 0), None)
        if waiting is not None:
            if waiting.done():
                return
            if "error" in said:
                waiting.set_exception(CommandRefused())
            else:
                waiting.set_result(said.get("result") or {})
        elif isinstance(said.get("method"), str):
            with contextlib.suppress(OffrecordError):
                parameters = said.get("params")
                self._on_event(
                    DevToolsEvent(
                        said["method"],
                        said.get("sessionId") or "",
                        parameters if isinstance(parameters, dict) else {},
                    )
                )
