"""A bot in a Janus VideoRoom: one subscriber handle and one peer connection for each participant who is received.

The bot joins as a publisher, so that it is in the room; with its tile it is seen there too. Somebody's feed is
subscribed to only while the session wants them. A second feed of one person (as Janus clients share screens) is to
Janus, and so here, another participant, who is asked for consent of their own.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Final

import aiohttp
from aiortc import MediaStreamTrack, RTCSessionDescription

from recorder.call.consent.notice_tile import TileTrack
from recorder.call.janus.protocol import (
    MAX_MESSAGE,
    Gone,
    JanusAddress,
    JanusMessage,
    Joined,
    ParticipantLeft,
    PublisherJoined,
    Removed,
    Renamed,
    Room,
    RoomEvent,
)
from recorder.call.janus.subscriptions import Feeds, FeedSetting
from recorder.call.janus.textroom import BindRule, TextChannel, TextUsers
from recorder.call.janus.websocket import JanusLink, LinkLost
from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.connection import MediaConnection
from recorder.call.rtc.hooks import REFUSALS, check_hooks
from recorder.call.rtc.playback import LoopingAudio
from recorder.call.rtc.tracks import TrackNumbers
from recorder.call.source import CallObserver, Ended
from redaction.errors import UnreadableInput
from redaction.model import Samples

__all__ = ["JanusSource"]

_PLUGIN: Final = "janus.plugin.videoroom"
_NO_SUCH_ROOM: Final = 426
_UNAUTHORISED: Final = frozenset({403, 433})
JANUS_PATIENCE: Final = 180.0
"""Seconds for which a call that cannot be reached is tried again."""
JANUS_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
TEXT_AGAIN: Final = 5.0


class JanusSource:
    """Joins a Janus VideoRoom; see `recorder.call.source.CallSource`.

    Args:
        url: janus+ws://HOST:PORT/ROOM, or janus+wss:// with TLS.
        name: what people see; it says that the bot records.
        pin: of the room.
        token: of the server.
        clock: of the call; a new one otherwise.
        text_room: number or name of the text room; that of the video room if None.
        bind: when words in the text room count.
        tile: lines of the picture that the bot shows; none for no picture, in which case rooms without
            `notify_joining` do not show it to anybody.
        spoken: the notice, float32 (n,) mono at 48,000 Hz, said once after joining; nothing is said if None.
        layer: simulcast layer to receive, 0 the smallest to 2 the largest.
        patience_s: how long a call that cannot be reached is tried again.
        host_addresses: see `Peer`.
        tls: context for janus+wss; the usual one if None.

    Raises:
        UsageError: the address is none of a Janus room.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "Recorder bot (recording)",
        pin: str | None = None,
        token: str | None = None,
        clock: CallClock | None = None,
        text_room: int | str | None = None,
        bind: BindRule | None = None,
        tile: tuple[str, ...] | None = ("Recording", "Everybody is asked first.", "No answer means no."),
        spoken: Samples | None = None,
        layer: int = 2,
        patience_s: float = JANUS_PATIENCE,
        host_addresses: Sequence[str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._address = JanusAddress.parse(url)
        self._name = name
        self._pin = pin
        self._token = token
        self._given_clock = clock
        self.clock = clock or CallClock()
        self._text_room = self._address.room if text_room is None else text_room
        self._tile = tile
        self._spoken = spoken
        self._layer = layer
        self._patience_s = patience_s
        self._host_addresses = None if host_addresses is None else list(host_addresses)
        self._tls = tls
        self._numbers = TrackNumbers()
        self._room = Room()
        self._feeds: Feeds | None = None
        self._users = TextUsers(bind or BindRule())
        self._users_rule = bind or BindRule()
        self._text: TextChannel | None = None
        self._able: bool | None = None  # as told last
        self._been_inside = False
        self._announced = False
        self._closing = asyncio.Event()

    async def run(self, observer: CallObserver) -> Ended:
        """Stay in the room; come back after an outage."""
        check_hooks()
        self.clock = self._given_clock or CallClock()  # models were loaded since this object was made
        lost_at, tries = self.clock.now(), 0
        while not self._closing.is_set():
            entered, outcome = await self._visit(observer)
            if isinstance(outcome, Ended):
                return outcome
            if not self._been_inside:
                raise outcome or UnreadableInput("the Janus server cannot be reached")
            if entered:
                lost_at, tries = self.clock.now(), 0
            if self.clock.now() - lost_at > self._patience_s:
                return Ended.LOST
            try:
                async with asyncio.timeout(JANUS_PAUSES[min(tries, len(JANUS_PAUSES) - 1)]):
                    await self._closing.wait()
            except TimeoutError:
                tries += 1
        return Ended.OVER

    async def receive(self, participant: str, wanted: bool) -> None:
        """Subscribe to somebody, or no longer."""
        if self._feeds is not None:
            self._feeds.want(participant, wanted)

    async def notify(self, text: str, *, to: str | None = None) -> bool:
        """Write in the text room."""
        if self._text is None:
            return False
        if to is None:
            return self._text.send(text)
        user = self._users.user_of(to)
        return user is not None and self._text.send(text, to=user)

    async def close(self) -> None:
        """Leave; `run` returns soon."""
        self._closing.set()

    # One stay in the room, from connecting to losing or leaving it.

    async def _visit(self, observer: CallObserver) -> tuple[bool, Ended | UnreadableInput | None]:
        """Return whether the room was entered, and how the stay ended; None is an outage."""
        self._room = Room()
        self._users = TextUsers(self._users_rule)
        outcome: Ended | UnreadableInput | None = None
        entered = False
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as http:
            try:
                async with asyncio.timeout(15):
                    socket = await http.ws_connect(
                        self._address.websocket,
                        protocols=("janus-protocol",),
                        heartbeat=15,
                        max_msg_size=MAX_MESSAGE,
                        ssl=self._tls if self._tls is not None else True,
                    )
            except (aiohttp.ClientError, OSError, TimeoutError):
                return False, None
            link = JanusLink(socket, self._token)
            async with asyncio.TaskGroup() as group:
                feeds = self._feeds = Feeds(link, group, observer, self._setting())
                tasks = [group.create_task(link.run()), group.create_task(link.keep_alive())]
                try:
                    handle, answer = await self._join(link)
                    entered = self._been_inside = True
                    feeds.private_id = answer.data.get("private_id")
                    tasks.append(group.create_task(self._talk(link, observer)))
                    shown = self._shown()
                    if shown:
                        tasks.append(group.create_task(self._show(link, handle, shown)))
                    tasks.append(group.create_task(self._watch_closing(link)))
                    outcome = await self._stay(link, handle, answer, observer, feeds)
                except UnreadableInput as refusal:
                    outcome = refusal
                except LinkLost:
                    outcome = None
                finally:
                    tasks += feeds.all_gone()
                    self._text = None
                    if entered:
                        self._report_able(False, observer)
                    await link.leave()
                    for task in tasks:
                        task.cancel()
                    self._feeds = None
            await socket.close()
        return entered, outcome

    async def _join(self, link: JanusLink) -> tuple[int, JanusMessage]:
        opened = await link.open()
        if opened.failed():
            raise UnreadableInput("the Janus server refuses the session; it may want another token")
        handle = await link.attach(_PLUGIN)
        request: dict[str, object] = {
            "request": "join", "ptype": "publisher", "room": self._address.room, "display": self._name,
        }  # fmt: skip
        if self._pin is not None:
            request["pin"] = self._pin
        answer = await link.ask(handle, request)
        if answer.error == _NO_SUCH_ROOM:
            raise UnreadableInput("there is no such room on the Janus server")
        if answer.error in _UNAUTHORISED:
            raise UnreadableInput("the room refuses the bot; it may want another PIN or token")
        if answer.failed():
            raise UnreadableInput("the room cannot be joined")
        return handle, answer

    def _setting(self) -> FeedSetting:
        return FeedSetting(
            room=self._address.room,
            pin=self._pin,
            clock=self.clock,
            numbers=self._numbers,
            layer=self._layer,
            host_addresses=self._host_addresses,
        )

    async def _stay(
        self, link: JanusLink, handle: int, first: JanusMessage, observer: CallObserver, feeds: Feeds
    ) -> Ended | None:
        message: JanusMessage | None = first
        while message is not None:
            if message.handle == handle:
                if message.kind == "detached":
                    return None
                for event in self._room.apply(message.data):
                    ended = self._handle(event, observer, feeds)
                    if ended is not None:
                        return ended
            elif message.kind in {"hangup", "detached"}:
                feeds.lost(message.handle)
            message = await link.events.get()
        return Ended.OVER if self._closing.is_set() else None

    def _handle(self, event: RoomEvent, observer: CallObserver, feeds: Feeds) -> Ended | None:
        now = self.clock.now()
        match event:
            case Removed():
                return Ended.REMOVED
            case Gone():
                return Ended.OVER
            case Joined(feed):
                feeds.there(feed)
                observer.joined(feed.id, feed.name, now)
            case Renamed(feed):
                observer.renamed(feed.id, feed.name, now)
            case PublisherJoined(feed):
                self._users.claimed(feed.id, feed.text_user, now)
                feeds.published(feed)
            case ParticipantLeft(feed):
                self._users.left(feed.id)
                feeds.gone(feed.id)
        return None

    async def _watch_closing(self, link: JanusLink) -> None:
        await self._closing.wait()
        await link.events.put(None)

    # Being seen, and chat.

    def _shown(self) -> list[MediaStreamTrack]:
        """Return the tracks that the bot publishes."""
        tracks: list[MediaStreamTrack] = []
        if self._spoken is not None and not self._announced:
            tracks.append(LoopingAudio(self._spoken, once=True))
            self._announced = True
        if self._tile is not None:
            tracks.append(TileTrack(self._tile))
        return tracks

    async def _show(self, link: JanusLink, handle: int, tracks: list[MediaStreamTrack]) -> None:
        """Publish the tile, and what is said, while the room lasts."""
        connection = MediaConnection(host_addresses=self._host_addresses)
        try:
            for track in tracks:
                connection.addTransceiver(track, direction="sendonly")
            await connection.setLocalDescription(await connection.createOffer())
            offer = ("offer", connection.localDescription.sdp)
            answer = await link.ask(handle, {"request": "publish"}, jsep=offer)
            if answer.failed() or answer.jsep_type != "answer":
                return  # a room without a place for another publisher: the bot is in the list of people only
            await connection.setRemoteDescription(RTCSessionDescription(answer.jsep_sdp, "answer"))
            await asyncio.get_running_loop().create_future()
        except (LinkLost, *REFUSALS):
            return  # the bot is in the list of people only
        finally:
            await connection.close()

    async def _talk(self, link: JanusLink, observer: CallObserver) -> None:
        """Be in the text room while the video room lasts; tell whether people can be asked there."""
        while not link.lost:
            text = TextChannel(
                link,
                self._text_room,
                self._users,
                on_text=lambda user, words: self._handle_text(user, words, observer),
                now=self.clock.now,
                name=self._name,
                pin=self._pin,
                host_addresses=self._host_addresses,
            )
            try:
                if await text.enter():
                    self._text = text
                    self._report_able(True, observer)
                    await text.run()
            except LinkLost:
                return
            finally:
                self._text = None
                self._report_able(False, observer)
                await text.close()
            await asyncio.sleep(TEXT_AGAIN)

    def _report_able(self, able: bool, observer: CallObserver) -> None:
        """Tell whether people can be asked, once for each change."""
        if able != self._able:
            self._able = able
            observer.can_ask(able, self.clock.now())

    def _handle_text(self, user: str, words: str, observer: CallObserver) -> None:
        for participant in self._users.speaks_for(user, self._room.people):
            observer.chat(participant, words, self.clock.now())
