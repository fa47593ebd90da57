"""Pulls one stream that a server publishes: WHEP, draft-ietf-wish-whep-02. One address, one participant.

A stream cannot be asked for consent and has no chat, so the source says that it cannot ask, and the policy decides.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp

from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.description import MAX_DESCRIPTION, BadDescription
from recorder.call.rtc.hooks import check_hooks
from recorder.call.rtc.peer import Peer, PeerEnd
from recorder.call.rtc.tracks import TrackNumbers
from recorder.call.source import CallObserver, Ended, LiveKind
from redaction.errors import UnreadableInput, UsageError

__all__ = ["WhepSource"]

PARTICIPANT: Final = "stream"
WHEP_PATIENCE: Final = 60.0
WHEP_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
REQUEST_TIMEOUT: Final = 15.0
MAX_REDIRECTS: Final = 3
_SDP: Final = "application/sdp"
_OVER: Final = frozenset({404, 410})
"""What a server answers for a stream that is no more."""


class _Refused(Exception):
    """The server answered, and not with a stream."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class WhepSource:
    """Receives one published stream; see `recorder.call.source.CallSource`.

    Args:
        url: whep+https://HOST/PATH, or whep+http:// without TLS.
        bearer: token that the server wants; sent to the address's own origin alone.
        name: display name of the one participant.
        clock: of the call; a new one otherwise.
        patience_s: how long a stream that cannot be reached is tried again.
        host_addresses: see `Peer`.
        tls: context for https; the usual one if None.

    Raises:
        UsageError: the address is no WHEP address.
    """

    def __init__(
        self,
        url: str,
        bearer: str | None = None,
        *,
        name: str = "",
        clock: CallClock | None = None,
        patience_s: float = WHEP_PATIENCE,
        host_addresses: Sequence[str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(url)
        if (
            parts.scheme not in {"whep+http", "whep+https"}
            or not parts.hostname
            or parts.username
            or parts.password
        ):
            raise UsageError(
                "a WHEP address looks like whep+https://HOST/PATH; the token is an option of its own"
            )
        self._url = url.removeprefix("whep+")
        self._bearer = bearer
        self._name = name
        self._given_clock = clock
        self.clock = clock or CallClock()
        self._patience_s = patience_s
        self._host_addresses = host_addresses
        self._tls: ssl.SSLContext | bool = tls if tls is not None else True
        self._numbers = TrackNumbers()
        self._peer: Peer | None = None
        self._closing = asyncio.Event()

    async def run(self, observer: CallObserver) -> Ended:
        """Receive until the stream is over."""
        check_hooks()
        self.clock = self._given_clock or CallClock()  # models were loaded since this object was made
        lost_at, tries, been_there = self.clock.now(), 0, False
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT)
        async with aiohttp.ClientSession(
            timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        ) as http:
            while not self._closing.is_set():
                try:
                    if await self._visit(http, observer, first=not been_there):
                        been_there, lost_at, tries = True, self.clock.now(), 0
                except _Refused as refused:
                    if been_there and refused.status in _OVER:
                        return Ended.OVER
                    if not been_there:
                        raise UnreadableInput(_sentence(refused.status)) from None
                except (BadDescription, aiohttp.ClientError, OSError, TimeoutError):
                    if not been_there:
                        raise UnreadableInput(
                            "the WHEP server cannot be reached, or offers no media"
                        ) from None
                if self.clock.now() - lost_at > self._patience_s:
                    return Ended.LOST
                await self._pause(WHEP_PAUSES[min(tries, len(WHEP_PAUSES) - 1)])
                tries += 1
        return Ended.OVER

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return

    async def receive(self, participant: str, wanted: bool) -> None:
        """Decode the stream, or no longer."""
        if participant == PARTICIPANT and self._peer is not None:
            self._peer.receive(wanted)

    async def notify(self, text: str, *, to: str | None = None) -> bool:  # noqa: ARG002 - the contract's
        """There is nobody to write to."""
        return False

    async def close(self) -> None:
        """Leave; `run` returns soon."""
        self._closing.set()
        if self._peer is not None:
            self._peer.lose()

    async def _visit(self, http: aiohttp.ClientSession, observer: CallObserver, *, first: bool) -> bool:
        """Receive for as long as one session lasts; return whether media could come."""
        peer = Peer(
            PARTICIPANT,
            observer,
            self.clock,
            kinds=(LiveKind.MICROPHONE, LiveKind.CAMERA),
            numbers=self._numbers,
            host_addresses=self._host_addresses,
        )
        resource: str | None = None
        joined = False
        try:
            resource, answer = await self._begin(http, await peer.offer())
            await peer.accept(answer)
            if self._closing.is_set():
                return True
            if first:
                observer.can_ask(False, self.clock.now())
            self._peer = peer
            joined = True
            observer.joined(PARTICIPANT, self._name, self.clock.now())
            return await peer.run() is not PeerEnd.NEVER
        finally:
            self._peer = None
            peer.receive(False)
            if joined:
                observer.left(PARTICIPANT, self.clock.now())
            await peer.close()
            if resource is not None:
                await self._end(http, resource)

    async def _begin(self, http: aiohttp.ClientSession, offer: str) -> tuple[str, str]:
        """Return the address of the session, and the answer."""
        url = self._url
        for _ in range(MAX_REDIRECTS + 1):
            headers = {"Content-Type": _SDP, "Accept": _SDP, "Accept-Encoding": "identity"}
            headers |= self._authority(url)
            async with http.post(
                url, data=offer.encode(), headers=headers, allow_redirects=False, ssl=self._tls
            ) as response:
                if response.status in {307, 308} and "Location" in response.headers:
                    url = urljoin(url, response.headers["Location"])
                    continue
                body = await response.content.read(MAX_DESCRIPTION + 1)
                while len(body) <= MAX_DESCRIPTION and (more := await response.content.read(MAX_DESCRIPTION)):
                    body += more
                if response.status != 201 or "Location" not in response.headers:
                    raise _Refused(response.status)
                resource = urljoin(url, response.headers["Location"])
                if not resource.startswith(("http://", "https://")):
                    raise _Refused(response.status)
                try:
                    return resource, body.decode()
                except UnicodeDecodeError:
                    raise BadDescription("an answer is not text") from None
        raise _Refused(308)

    async def _end(self, http: aiohttp.ClientSession, resource: str) -> None:
        try:
            async with asyncio.timeout(3.0):
                async with http.delete(
                    resource, headers=self._authority(resource), allow_redirects=False, ssl=self._tls
                ):
                    return
        except (aiohttp.ClientError, OSError, TimeoutError):
            return  # the server ends sessions that send nothing by itself

    def _authority(self, url: str) -> dict[str, str]:
        same = urlsplit(url)[:2] == urlsplit(self._url)[:2]
        return {"Authorization": f"Bearer {self._bearer}"} if self._bearer is not None and same else {}


def _sentence(status: int) -> str:
    if status in {401, 403}:
        return "the WHEP server refuses the bot; it may want another token"
    if status in _OVER:
        return "there is no such stream on the WHEP server"
    return f"the WHEP server refuses the stream with status {status}"
