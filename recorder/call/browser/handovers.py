"""Who is received from a page: a connection within this machine for each participant who is wanted."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from recorder.call.browser.loopback import LOOPBACK_HOST, for_page, for_recorder
from recorder.call.browser.messages import Look, PageTrack
from recorder.call.browser.page import MeetingPage
from recorder.call.browser.pipe import BrowserLost
from recorder.call.consent.commands import clean_name
from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.description import BadDescription
from recorder.call.rtc.peer import Peer
from recorder.call.rtc.tracks import TrackNumbers
from recorder.call.source import CallObserver, LiveKind

__all__ = ["Handovers"]

_ORDER: Final = (LiveKind.MICROPHONE, LiveKind.CAMERA, LiveKind.SCREEN)
_AGAIN_S: Final = 1.0


@dataclass(slots=True)
class _Handover:
    key: str
    tracks: tuple[PageTrack, ...]
    task: asyncio.Task[None] | None = None
    peer: Peer | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def over(self) -> bool:
        return self.ended.is_set()


@dataclass(slots=True)
class _Seen:
    name: str = field(repr=False)
    tracks: tuple[PageTrack, ...] = ()
    wanted: bool = False
    handover: _Handover | None = None
    not_before: float = 0.0


class Handovers:
    """The participants of one visit to a page.

    Args:
        page: that is asked.
        group: for the tasks of their connections.
        observer: told of everybody.
        clock: of the call.
        numbers: of its tracks.
    """

    def __init__(
        self,
        page: MeetingPage,
        group: asyncio.TaskGroup,
        observer: CallObserver,
        *,
        clock: CallClock,
        numbers: TrackNumbers,
    ) -> None:
        self._page = page
        self._group = group
        self._observer = observer
        self._clock = clock
        self._numbers = numbers
        self._people: dict[str, _Seen] = {}
        self._keys = itertools.count(1)

    def take(self, look: Look) -> None:
        """Tell who came, went and is called otherwise; begin and end connections as tracks did."""
        now = self._clock.now()
        here = {person.id: person for person in look.people}
        for gone in [one for one in self._people if one not in here]:
            self._left(gone, now)
        for participant, person in here.items():
            name = clean_name(person.name)
            known = self._people.get(participant)
            if known is None:
                self._people[participant] = _Seen(name)
                self._observer.joined(participant, name, now)
            elif known.name != name:
                known.name = name
                self._observer.renamed(participant, name, now)
        for line in look.said:
            if line.sender in self._people:
                self._observer.chat(line.sender, line.line, now)
        for participant, seen in list(self._people.items()):
            seen.tracks = _chosen([track for track in look.tracks if track.owner == participant])
            self._settle(participant, seen)

    def want(self, participant: str, wanted: bool) -> None:
        """Receive somebody, or no longer; at once where it is no longer."""
        seen = self._people.get(participant)
        if seen is not None and seen.wanted != wanted:
            seen.wanted = wanted
            seen.not_before = 0.0
            self._settle(participant, seen)

    def all_gone(self) -> None:
        """Everybody has left, or the page is lost."""
        for participant in list(self._people):
            self._left(participant, self._clock.now())

    def _left(self, participant: str, now: float) -> None:
        seen = self._people.pop(participant)
        self._end(seen)
        self._observer.left(participant, now)

    def _settle(self, participant: str, seen: _Seen) -> None:
        handover = seen.handover
        if handover is not None and (not seen.wanted or handover.tracks != seen.tracks or handover.over):
            self._end(seen)
        if seen.wanted and seen.tracks and seen.handover is None and self._clock.now() >= seen.not_before:
            seen.not_before = self._clock.now() + _AGAIN_S  # what fails is not tried in every look
            begun = seen.handover = _Handover(str(next(self._keys)), seen.tracks)
            begun.task = self._group.create_task(self._receive(participant, begun))

    def _end(self, seen: _Seen) -> None:
        handover, seen.handover = seen.handover, None
        if handover is None:
            return
        handover.ended.set()
        if handover.peer is not None:
            handover.peer.receive(False)  # from here on nothing is decoded, whatever still comes
            handover.peer.lose()
        elif handover.task is not None:
            handover.task.cancel()

    async def _receive(self, participant: str, handover: _Handover) -> None:
        """Keep one connection from offer to end."""
        peer = Peer(
            participant,
            self._observer,
            self._clock,
            kinds=tuple(track.kind for track in handover.tracks),
            numbers=self._numbers,
            host_addresses=[LOOPBACK_HOST],
            reports=False,
        )
        try:
            offer = for_page(await peer.offer())
            answer = await self._page.forward(handover.key, offer, [track.id for track in handover.tracks])
            if answer is None or handover.over:
                return
            await peer.accept(for_recorder(answer.sdp, answer.codings))
            if handover.ended.is_set():
                return
            handover.peer = peer
            peer.receive(True)
            await peer.run()
        except (BadDescription, BrowserLost):
            return  # it is tried anew with the next look, or the page is lost and that is told elsewhere
        finally:
            handover.ended.set()
            peer.receive(False)
            await asyncio.shield(self._close(peer, handover.key))

    async def _close(self, peer: Peer, key: str) -> None:
        try:
            await self._page.stop(key)
        except BrowserLost:
            pass  # with it went whatever it handed on
        finally:
            await peer.close()


def _chosen(tracks: Sequence[PageTrack]) -> tuple[PageTrack, ...]:
    """Return one track of each kind, the newest, in the order of a connection's lines."""
    newest: dict[LiveKind, PageTrack] = {}
    for track in sorted(tracks, key=lambda one: int(one.id.partition(".")[0])):
        newest[track.kind] = track
    return tuple(newest[kind] for kind in _ORDER if kind in newest)
