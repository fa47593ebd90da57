"""One WebSocket to a Zoom media stream server: a handshake, then messages, kept alive, with bounds on both."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from recorder.call.zoom.protocol import MessageKind, ZoomMessage, parse_zoom_message
from redaction.errors import UsageError

__all__ = ["HandshakeRefused", "ZoomHosts", "ZoomSocket", "ZoomSocketLost", "open_zoom_socket", "zoom_http"]

CONNECT_S: Final = 10.0
SILENCE_S: Final = 65.0
"""Seconds without any message after which a connection counts as lost. Source: universal-events, keep-alive request."""
BREATHE: Final = 64
"""Messages after which others get a turn: a flood must not keep the event loop."""


class ZoomSocketLost(Exception):
    """The server cannot be reached, or no longer.

    Attributes:
        early: it closed the connection in good order before it answered the handshake.
    """

    def __init__(self, *, early: bool = False) -> None:
        super().__init__()
        self.early = early


class HandshakeRefused(Exception):
    """The server answered a handshake with a status. Source: data-types, RTMS_STATUS_CODE."""

    INVALID_STREAM: Final = 2
    INVALID_SIGNATURE: Final = 3
    DUPLICATE_SIGNAL: Final = 8
    NOT_SUPPORTED: Final = frozenset({7, 9, 10, 11, 12, 13})
    VIDEO_OPTION: Final = 29

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


@dataclass(frozen=True, slots=True)
class ZoomHosts:
    """Which servers are spoken to, and how they prove who they are: always TLS, and no host but these.

    Attributes:
        hosts: domains; their subdomains count.
        authority: a PEM file of certificates to trust instead of the system's.
    """

    hosts: tuple[str, ...] = ("zoom.us",)
    authority: Path | None = None

    def allows(self, url: str) -> bool:
        """Tell whether an address may be connected to."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").rstrip(".").lower()
            _ = parts.port
        except ValueError:
            return False
        known = any(host == name.lower() or host.endswith(f".{name.lower()}") for name in self.hosts)
        return parts.scheme == "wss" and parts.username is None and known

    def context(self) -> ssl.SSLContext:
        """Return how servers are checked.

        Raises:
            UsageError: the file of certificates cannot be used.
        """
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            try:
                context.load_verify_locations(self.authority)
            except (OSError, ValueError):
                raise UsageError(
                    "The file of certificates to trust (ca) cannot be used; it must be PEM."
                ) from None
        return context


class ZoomSocket:
    """A connection whose handshake is over.

    Attributes:
        response: what the server answered to the handshake.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.response = ZoomMessage(0, {})

    async def shake_hands(self, request: Mapping[str, object], answer: MessageKind) -> None:
        """Send a handshake and take the answer; whatever comes before it is thrown away.

        Raises:
            HandshakeRefused: the server says why not.
            ZoomSocketLost: it does not answer.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                await self.say(request)
                for _ in range(BREATHE):
                    message = await self._next()
                    if message is not None and message.kind == answer:
                        break
                else:
                    raise ZoomSocketLost
        except TimeoutError:
            raise ZoomSocketLost from None
        except ZoomSocketLost:
            raise ZoomSocketLost(early=self._socket.close_code == aiohttp.WSCloseCode.OK) from None
        status = message.number("status_code")
        if status != 0:
            raise HandshakeRefused(-1 if status is None else status)
        self.response = message

    async def say(self, message: Mapping[str, object]) -> None:
        """Send a message.

        Raises:
            ZoomSocketLost: it cannot be sent.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._socket.send_str(json.dumps(message))
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            raise ZoomSocketLost from None

    async def messages(self) -> AsyncIterator[ZoomMessage]:
        """Yield what comes until the connection is lost; keep-alive requests are answered.

        Raises:
            ZoomSocketLost: it is lost.
        """
        count = 0
        while True:
            count += 1
            if count % BREATHE == 0:
                await asyncio.sleep(0)
            try:
                async with asyncio.timeout(SILENCE_S):
                    message = await self._next()
            except TimeoutError:
                raise ZoomSocketLost from None
            if message is None:
                continue
            if message.kind == MessageKind.KEEP_ALIVE_REQUEST:
                await self._stay_alive(message)
            else:
                yield message

    async def close(self) -> None:
        """Close; may be called while messages are read."""
        try:
            async with asyncio.timeout(2.0):
                await self._socket.close()
        except TimeoutError:
            return

    async def _stay_alive(self, request: ZoomMessage) -> None:
        answer = {"msg_type": int(MessageKind.KEEP_ALIVE_RESPONSE)}
        for key in (
            "timestamp",
            "sequence",
        ):  # Zoom's own client answers with both, the documents with the first
            number = request.number(key)
            if number is not None and abs(number) < 2**63:
                answer[key] = number
        await self.say(answer)

    async def _next(self) -> ZoomMessage | None:
        """Return the next message, None for what is none."""
        frame = await self._socket.receive()
        if frame.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):  # Zoom's own client takes both
            return parse_zoom_message(frame.data)
        raise ZoomSocketLost


async def _refuse_redirect(*_: object) -> None:
    raise ZoomSocketLost  # it could lead to another host, or out of TLS


def zoom_http() -> aiohttp.ClientSession:
    """Return a session that follows no redirect, keeps no cookie and unpacks nothing."""
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trace_configs=[trace],
    )


@asynccontextmanager
async def open_zoom_socket(
    http: aiohttp.ClientSession,
    url: str,
    request: Mapping[str, object],
    answer: MessageKind,
    *,
    tls: ssl.SSLContext,
    largest: int,
) -> AsyncIterator[ZoomSocket]:
    """Connect and shake hands; the connection is closed when the block ends.

    Args:
        http: see `zoom_http`.
        url: of the server; its host has been checked.
        request: the handshake.
        answer: the kind of message that answers it.
        tls: how the server is checked.
        largest: bytes of one message; a server that sends more is given up.

    Raises:
        HandshakeRefused: the server says why not.
        ZoomSocketLost: it cannot be reached.
    """
    try:
        async with asyncio.timeout(CONNECT_S):
            socket = await http.ws_connect(url, ssl=tls, max_msg_size=largest, autoping=True, compress=0)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        raise ZoomSocketLost from None
    try:
        opened = ZoomSocket(socket)
        await opened.shake_hands(request, answer)
        yield opened
    finally:
        await ZoomSocket(socket).close()
