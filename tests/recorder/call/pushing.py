"""Calls into which people come by themselves, staged for the contract: the built-in room, and pushes by WHIP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
from aiortc import RTCPeerConnection

from recorder.call.consent.notice import NoticeTexts
from recorder.call.http.tokens import Grant, Tokens
from recorder.call.http.whip_source import WhipSource, serve_source
from recorder.call.room.source import RoomSource
from redaction.policy import Policy
from samples.room_client import Guest, publish
from tests.recorder.call.senders import LOOPBACK, CodedTrack, coded_pictures, coded_tone

__all__ = ["pushed_call", "room_call"]

_SECRET = "secret-of-the-contract"
Colour = tuple[int, int, int]


def _tracks(hertz: int, colour: Colour) -> list[CodedTrack]:
    return [CodedTrack("audio", coded_tone(hertz)), CodedTrack("video", coded_pictures(colour))]


class _RoomCall:
    def __init__(self, stack: AsyncExitStack, http: aiohttp.ClientSession) -> None:
        self.source = RoomSource(NoticeTexts.of(Policy()))
        self._stack = stack
        self._http = http
        self._guests: dict[str, tuple[Guest, RTCPeerConnection]] = {}

    async def enter(self, name: str, *, hertz: int, colour: Colour) -> None:
        url = await self.source.url()
        guest = await self._stack.enter_async_context(Guest(url, name))
        connection, _ = await publish(
            self._http,
            url + "whip",
            token=guest.token,
            tracks=_tracks(hertz, colour),
            host_addresses=LOOPBACK,
        )
        self._stack.push_async_callback(connection.close)
        self._guests[name] = (guest, connection)

    async def leave(self, name: str) -> None:
        guest, connection = self._guests.pop(name)
        await guest.leave()
        await connection.close()


class _PushedCall:
    def __init__(self, stack: AsyncExitStack, http: aiohttp.ClientSession) -> None:
        self.source: WhipSource = serve_source(Tokens([(_SECRET, Grant("t", "", True, 8))]))
        self._stack = stack
        self._http = http
        self._sessions: dict[str, str] = {}

    async def enter(self, name: str, *, hertz: int, colour: Colour) -> None:
        url = f"{await self.source.url()}/{name}"
        connection, self._sessions[name] = await publish(
            self._http, url, token=_SECRET, tracks=_tracks(hertz, colour), host_addresses=LOOPBACK
        )
        self._stack.push_async_callback(connection.close)

    async def leave(self, name: str) -> None:
        headers = {"Authorization": f"Bearer {_SECRET}"}
        async with self._http.delete(self._sessions.pop(name), headers=headers) as answer:
            assert answer.status == 200


@asynccontextmanager
async def room_call() -> AsyncIterator[_RoomCall]:
    """Return a room with nobody in it."""
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        yield _RoomCall(stack, http)


@asynccontextmanager
async def pushed_call() -> AsyncIterator[_PushedCall]:
    """Return a server to which nobody pushes yet."""
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        yield _PushedCall(stack, http)
