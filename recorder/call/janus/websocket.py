"""One websocket session with a Janus server: requests with their answers, and what it says unasked."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
from collections.abc import Mapping
from typing import Final

import aiohttp

from recorder.call.janus.protocol import MAX_MESSAGE, JanusMessage, parse_janus_message

__all__ = ["JanusLink", "LinkLost"]

KEEPALIVE: Final = 20.0
"""Seconds; sessions end after 60 without a word. Source: janus.jcfg, session_timeout."""
ANSWER_TIMEOUT: Final = 10.0
MAX_UNREAD: Final = 2000
"""Messages that are held for the source; a server that sends more before they are read is given up."""


class LinkLost(Exception):
    """The server cannot be reached, or no longer."""


class JanusLink:
    """Requests, answers and events of one session.

    Args:
        socket: open websocket of the protocol `janus-protocol`.
        token: sent with every request where the server wants one.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, token: str | None) -> None:
        self._socket = socket
        self._token = token
        self._session = 0
        self._numbers = itertools.count(1)
        self._salt = secrets.token_hex(4)
        self._waiting: dict[str, tuple[asyncio.Future[JanusMessage], bool]] = {}
        self._lost = False
        self.events: asyncio.Queue[JanusMessage | None] = asyncio.Queue(MAX_UNREAD)
        """What the server says unasked; None when it is lost."""

    async def run(self) -> None:
        """Read until the socket closes; for a task of the caller's group."""
        try:
            async for frame in self._socket:
                if frame.type is not aiohttp.WSMsgType.TEXT or len(frame.data) > MAX_MESSAGE:
                    continue
                message = parse_janus_message(frame.data)
                if message is not None and not self._take(message):
                    break
        finally:
            self._lose()

    async def keep_alive(self) -> None:
        """Say now and then that the session is in use; return when it cannot be said."""
        while not self._socket.closed:
            await asyncio.sleep(KEEPALIVE)
            try:
                await self.request({"janus": "keepalive"}, event=False)
            except LinkLost:
                self._lose()
                return

    @property
    def lost(self) -> bool:
        """Whether the server is gone."""
        return self._lost or self._socket.closed

    async def open(self) -> JanusMessage:
        """Begin the session."""
        answer = await self.request({"janus": "create"}, event=False)
        self._session = answer.created
        return answer

    async def attach(self, plugin: str) -> int:
        """Return a new handle of a plugin."""
        answer = await self.request({"janus": "attach", "plugin": plugin}, event=False)
        if answer.failed() or not answer.created:
            raise LinkLost
        return answer.created

    async def detach(self, handle: int) -> None:
        """Give a handle back."""
        await self.request({"janus": "detach", "handle_id": handle}, event=False)

    async def ask(
        self, handle: int, body: Mapping[str, object], *, jsep: tuple[str, str] | None = None
    ) -> JanusMessage:
        """Ask a plugin and return what it answers; `jsep` is type and description."""
        request: dict[str, object] = {"janus": "message", "handle_id": handle, "body": dict(body)}
        if jsep is not None:
            request["jsep"] = {"type": jsep[0], "sdp": jsep[1]}
        return await self.request(request, event=True)

    async def request(self, request: Mapping[str, object], *, event: bool) -> JanusMessage:
        """Send a request and return its answer; with `event`, that is what follows the acknowledgement.

        Raises:
            LinkLost: there was none in time.
        """
        transaction = f"{self._salt}{next(self._numbers)}"
        whole = {**request, "transaction": transaction}
        if self._session:
            whole["session_id"] = self._session
        if self._token is not None:
            whole["token"] = self._token
        answer: asyncio.Future[JanusMessage] = asyncio.get_running_loop().create_future()
        self._waiting[transaction] = (answer, event)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._socket.send_str(json.dumps(whole))
                return await answer
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            raise LinkLost from None
        finally:
            self._waiting.pop(transaction, None)

    async def leave(self) -> None:
        """End the session properly, as far as the server still listens."""
        try:
            async with asyncio.timeout(2.0):
                await self.request({"janus": "destroy"}, event=False)
        except (LinkLost, TimeoutError):
            return

    def _take(self, message: JanusMessage) -> bool:
        """Hand a message to who waits for it; return False if the session is over."""
        if message.kind == "timeout" and not message.handle:
            return False
        waiting = self._waiting.get(message.transaction)
        if waiting is not None:
            answer, event = waiting
            if message.kind != "ack" or not event:
                if not answer.done():
                    answer.set_result(message)
                return True
            return True
        if message.kind in {"event", "hangup", "detached", "webrtcup"}:
            try:
                self.events.put_nowait(message)
            except asyncio.QueueFull:
                return False
        return True

    def _lose(self) -> None:
        self._lost = True
        for answer, _ in self._waiting.values():
            if not answer.done():
                answer.set_exception(LinkLost())
        while True:
            try:
                self.events.put_nowait(None)
                return
            except asyncio.QueueFull:
                self.events.get_nowait()
