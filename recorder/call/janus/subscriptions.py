"""Who is subscribed to in a Janus VideoRoom: a handle and a peer connection of its own for each who is wanted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from recorder.call.janus.protocol import Feed, JanusMessage, Stream
from recorder.call.janus.websocket import JanusLink, LinkLost
from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.description import BadDescription
from recorder.call.rtc.peer import Peer
from recorder.call.rtc.tracks import TrackNumbers
from recorder.call.source import CallObserver, LiveKind

__all__ = ["FeedSetting", "Feeds"]

_PLUGIN: Final = "janus.plugin.videoroom"
SETUPS: Final = 6
"""Peer connections that are set up at once; the others wait their turn."""
SUBSCRIBE_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before a feed that was lost is subscribed to again."""
STEADY: Final = 30.0
"""Seconds after which a connection counts as having worked."""


@dataclass(frozen=True, slots=True)
class FeedSetting:
    """What all subscriptions of a call share.

    Attributes:
        layer: simulcast layer, 0 to 2.
        host_addresses: see `Peer`.
    """

    room: int | str
    pin: str | None
    clock: CallClock
    numbers: TrackNumbers
    layer: int
    host_addresses: list[str] | None


@dataclass(slots=True)
class _Person:
    feed: Feed
    wanted: bool = False
    peer: Peer | None = None
    task: asyncio.Task[None] | None = None


class Feeds:
    """Everybody in the room during one stay, and what is received of them.

    Args:
        group: in which subscriptions run.

    Attributes:
        private_id: by which some rooms tie a subscription to who is in the room.
    """

    def __init__(
        self, link: JanusLink, group: asyncio.TaskGroup, observer: CallObserver, setting: FeedSetting
    ) -> None:
        self._link = link
        self._group = group
        self._observer = observer
        self._setting = setting
        self._people: dict[str, _Person] = {}
        self._peers: dict[int, Peer] = {}  # by subscriber handle
        self.private_id: object = None
        self._setups = asyncio.Semaphore(SETUPS)

    def there(self, feed: Feed) -> None:
        """Somebody is there."""
        self._people[feed.id] = _Person(feed)

    def published(self, feed: Feed) -> None:
        """What somebody publishes is now this: what was received of it before ends, and begins anew."""
        person = self._people[feed.id]
        changed = person.feed.streams != feed.streams
        person.feed = feed
        if changed:
            self._stop(person)
            self._settle(person)

    def gone(self, participant: str) -> asyncio.Task[None] | None:
        """Somebody left; return the task that still closes their connection."""
        person = self._people.pop(participant)
        task = person.task
        self._stop(person)
        self._observer.left(participant, self._setting.clock.now())
        return task

    def all_gone(self) -> list[asyncio.Task[None]]:
        """The stay is over for everybody; return the tasks that still close connections."""
        tasks = [self.gone(participant) for participant in list(self._people)]
        return [task for task in tasks if task is not None]

    def want(self, participant: str, wanted: bool) -> None:
        """Receive somebody, or no longer."""
        person = self._people.get(participant)
        if person is not None and person.wanted != wanted:
            person.wanted = wanted
            self._settle(person)

    def lost(self, handle: int) -> None:
        """The server says that a connection is gone."""
        if handle in self._peers:
            self._peers[handle].lose()

    def _stop(self, person: _Person) -> None:
        """Stop receiving at once; the connection is closed by its task."""
        if person.peer is not None:
            person.peer.receive(False)
        if person.task is not None:
            person.task.cancel()
        person.peer = person.task = None

    def _settle(self, person: _Person) -> None:
        """Receive somebody if, and only if, they are wanted and publish something."""
        if not person.wanted or not person.feed.streams:
            self._stop(person)
        elif person.task is None:
            person.task = self._group.create_task(self._subscribed(person, person.feed))

    async def _subscribed(self, person: _Person, feed: Feed) -> None:
        """Receive a feed until cancelled; begin again when the connection is lost."""
        declined = [s.kind for s in feed.streams if not s.decodable and s.kind is not None]
        streams = [s for s in feed.streams if s.decodable and s.kind is not None]
        if not streams:
            peer = self._peer(feed, {}, declined)
            peer.receive(True)  # tells that what is sent cannot be received
            await peer.close()
            return
        tries = 0
        while not self._link.lost:
            started = self._setting.clock.now()
            try:
                await self._received(person, feed, streams, declined)
            except (LinkLost, BadDescription):
                tries += 1
            if self._setting.clock.now() - started > STEADY:
                tries = 0
            await asyncio.sleep(SUBSCRIBE_PAUSES[min(tries, len(SUBSCRIBE_PAUSES) - 1)])

    async def _received(
        self, person: _Person, feed: Feed, streams: list[Stream], declined: list[LiveKind]
    ) -> None:
        """Receive a feed over one connection, until that is over."""
        handle, peer = 0, None
        try:
            async with self._setups:
                handle = await self._link.attach(_PLUGIN)
                answer = await self._link.ask(handle, self._subscription(feed, streams))
                if answer.failed() or answer.jsep_type != "offer":
                    raise LinkLost
                carried = _carried(answer, streams)
                kinds = {mid: stream.kind for mid, stream in carried.items() if stream.kind is not None}
                peer = self._peer(feed, kinds, declined)
                sdp = await peer.answer(answer.jsep_sdp)
                person.peer = self._peers[handle] = peer
                peer.receive(True)
                await self._link.ask(handle, {"request": "start"}, jsep=("answer", sdp))
                layers = [
                    {"mid": mid, "substream": self._setting.layer, "temporal": 2}
                    for mid, stream in carried.items()
                    if stream.simulcast
                ]
                if layers:
                    await self._link.ask(handle, {"request": "configure", "streams": layers})
            await peer.run()
        finally:
            if person.peer is peer:
                person.peer = None
            self._peers.pop(handle, None)
            if peer is not None:
                await peer.close()
            if handle:
                await _detached(self._link, handle)

    def _peer(self, feed: Feed, kinds: dict[str, LiveKind], declined: list[LiveKind]) -> Peer:
        return Peer(
            feed.id,
            self._observer,
            self._setting.clock,
            kinds=kinds,
            declined=declined,
            numbers=self._setting.numbers,
            host_addresses=self._setting.host_addresses,
        )

    def _subscription(self, feed: Feed, streams: list[Stream]) -> dict[str, object]:
        request: dict[str, object] = {
            "request": "join", "ptype": "subscriber", "room": self._setting.room,
            "streams": [{"feed": feed.raw, "mid": stream.mid} for stream in streams], "private_id": self.private_id,
        }  # fmt: skip
        if self._setting.pin is not None:
            request["pin"] = self._setting.pin
        return request


def _carried(answer: JanusMessage, streams: list[Stream]) -> dict[str, Stream]:
    """Return which of the publisher's streams each of the subscription's m-lines carries."""
    by_mid = {stream.mid: stream for stream in streams}
    listed = answer.data.get("streams")
    found: dict[str, Stream] = {}
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("mid"), str):
            stream = by_mid.get(str(entry.get("feed_mid")))
            if stream is not None:
                found[entry["mid"]] = stream
    return found


async def _detached(link: JanusLink, handle: int) -> None:
    try:
        async with asyncio.timeout(2.0):
            await link.detach(handle)
    except (LinkLost, TimeoutError):
        return
