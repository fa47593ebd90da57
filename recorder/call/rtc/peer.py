"""One receive-only peer connection for one participant; whose media comes by it is settled when it is made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from aiortc import RTCSessionDescription

from recorder.call.rtc.clock import CallClock, SenderClock
from recorder.call.rtc.connection import MediaConnection, MediaReceiver
from recorder.call.rtc.description import (
    BadDescription,
    Section,
    answer_with,
    offered,
    settle_answer,
    without,
)
from recorder.call.rtc.hooks import REFUSALS
from recorder.call.rtc.stats import QualityMeter
from recorder.call.rtc.tracks import ReceivedAudio, ReceivedVideo, TrackNumbers, TrackSetting
from recorder.call.source import CallObserver, LiveKind

__all__ = ["DEFAULT_KINDS", "BadDescription", "Peer", "PeerEnd"]

DEFAULT_KINDS: Final = (LiveKind.CAMERA, LiveKind.SCREEN, LiveKind.MICROPHONE)
TICK: Final = 0.025
CONNECT_TIMEOUT: Final = 20.0
CLOSE_TIMEOUT: Final = 5.0


class PeerEnd(StrEnum):
    """Why a peer's `run` returned."""

    CLOSED = "closed"  # by us
    LOST = "lost"  # by the other side, or by the network
    NEVER = "never"  # it did not come about in time


class Peer:
    """Receives one participant.

    Make it, exchange descriptions (`answer`, or `offer` and `accept`), keep `run` going in a task group, and `close`
    it in the end. Nothing is decoded before `receive(True)`.

    Args:
        participant: whose media this is, for ever.
        observer: gets tracks, pictures, sound, losses and quality.
        clock: of the call.
        kinds: what m-lines carry: by their mid, or in their order (the first sound is the microphone, pictures are
            camera and screen in the order given). Lines beyond these are declined.
        declined: what is sent by somebody but was not asked for, because its codec is not received; told as lost.
        numbers: shared by all peers of a call, so that a participant who comes back gets higher track numbers.
        host_addresses: where to be reached instead of at the network interfaces' addresses; ["127.0.0.1"] for calls
            within this machine, since loopback is never offered otherwise.
        reports: whether the sender's reports tell when media was captured. Those of who hands on what was captured
            elsewhere do not.

    Raises:
        InternalError: aiortc is not the version that this was built for.
    """

    def __init__(
        self,
        participant: str,
        observer: CallObserver,
        clock: CallClock,
        *,
        kinds: Mapping[str, LiveKind] | tuple[LiveKind, ...] = DEFAULT_KINDS,
        declined: Sequence[LiveKind] = (),
        numbers: TrackNumbers | None = None,
        host_addresses: Sequence[str] | None = None,
        reports: bool = True,
    ) -> None:
        self.participant = participant
        self._observer = observer
        self._clock = clock
        self._kinds = kinds
        self._reports = reports
        self._meter = QualityMeter(clock.now())
        self._setting = TrackSetting(
            participant, observer, clock, SenderClock(), numbers or TrackNumbers(), self._meter
        )
        self._connection = MediaConnection(
            host_addresses=None if host_addresses is None else list(host_addresses)
        )
        self._connection.on("connectionstatechange", self._state_changed)
        self._tracks: list[tuple[ReceivedAudio | ReceivedVideo, MediaReceiver]] = []
        self._declined = list(declined)
        self._wanted = False
        self._closed = False
        self._connected = asyncio.Event()
        self._over = asyncio.Event()
        self._offer: str | None = None

    async def answer(self, offer_sdp: str) -> str:
        """Take an offer and return the answer to it, with all candidates in it.

        Raises:
            BadDescription: the offer is malformed, out of bounds, or offers nothing that can be received.
        """
        sections = offered(offer_sdp)
        kept = self._assign(sections)
        if not any(kept.values()):
            raise BadDescription("the offer has neither Opus sound nor VP8 or H264 pictures")
        mids = [section.mid for section in sections if kept[section.mid] is not None]
        try:
            await self._connection.setRemoteDescription(
                RTCSessionDescription(without(offer_sdp, sections, mids), "offer")
            )
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except REFUSALS:
            raise BadDescription("the offer cannot be used") from None
        self._attach([kept[mid] for mid in mids])
        return answer_with(self._connection.localDescription.sdp, sections, mids)

    async def offer(self) -> str:
        """Return an offer to receive, with all candidates in it."""
        kinds = list(self._kinds.values() if isinstance(self._kinds, Mapping) else self._kinds)
        for kind in kinds:
            name = "audio" if kind is LiveKind.MICROPHONE else "video"
            self._connection.addTransceiver(name, direction="recvonly")
        await self._connection.setLocalDescription(await self._connection.createOffer())
        self._attach(kinds)
        self._offer = self._connection.localDescription.sdp
        return self._offer

    async def accept(self, answer_sdp: str) -> None:
        """Take the answer to `offer`.

        Raises:
            BadDescription: the answer is malformed, out of bounds, or does not fit the offer.
        """
        if self._offer is None:
            raise BadDescription("an answer came before there was an offer")
        settled = settle_answer(answer_sdp, self._offer)
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(settled, "answer"))
        except REFUSALS:
            raise BadDescription("the answer cannot be used") from None

    def receive(self, wanted: bool) -> None:
        """Begin or stop decoding; before, and after, packets are thrown away as they come. Safe to repeat."""
        if self._closed or wanted == self._wanted:
            return
        self._wanted = wanted
        now = self._clock.now()
        for track, receiver in self._tracks:
            if wanted:
                receiver.resume()
            track.receive(wanted)
        if wanted:
            for kind in self._declined:
                key = self._setting.numbers.next(self.participant, kind)
                self._observer.track_started(key, now)
                self._observer.track_lost(key, now, now, "codec")
                self._observer.track_ended(key, now)

    def lose(self) -> None:
        """The other side is known to be gone: let `run` return."""
        self._over.set()

    @property
    def connected(self) -> bool:
        """Whether media can come."""
        return self._connected.is_set() and not self._over.is_set()

    async def run(self) -> PeerEnd:
        """Keep the connection going; return when it is over. For a task of the caller's group."""
        async with asyncio.TaskGroup() as group:
            measuring = group.create_task(self._connection.watch_round_trip())
            try:
                return await self._until_over()
            finally:
                measuring.cancel()

    async def _until_over(self) -> PeerEnd:
        started = sampled = self._clock.now()
        while not self._over.is_set():
            try:
                async with asyncio.timeout(TICK if self._wanted else 0.25):
                    await self._over.wait()
            except TimeoutError:
                now = self._clock.now()
                if not self._connected.is_set() and now - started > CONNECT_TIMEOUT:
                    return PeerEnd.NEVER
                await self._tick(now)
                if now - sampled >= 1.0:
                    sampled = now
                    self._sample(now)
        return PeerEnd.CLOSED if self._closed else PeerEnd.LOST

    async def close(self) -> None:
        """End the tracks and the connection. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._wanted = False
        for track, _ in self._tracks:
            track.receive(False)
        self._over.set()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._connection.close()
        except (TimeoutError, OSError):
            return  # nothing comes by it any more; aiortc's own timers end the rest

    def _assign(self, sections: Sequence[Section]) -> dict[str, LiveKind | None]:
        """Return what each m-line carries, None for those that are declined."""
        by_mid = self._kinds if isinstance(self._kinds, Mapping) else None
        in_order = () if isinstance(self._kinds, Mapping) else self._kinds
        pictures = [kind for kind in in_order if kind is not LiveKind.MICROPHONE]
        sounds = [kind for kind in in_order if kind is LiveKind.MICROPHONE]
        kept: dict[str, LiveKind | None] = {}
        for section in sections:
            kept[section.mid] = None
            left = sounds if section.kind == "audio" else pictures
            kind: LiveKind | None
            if by_mid is not None:
                kind = by_mid.get(section.mid)
                if (kind is LiveKind.MICROPHONE) != (section.kind == "audio"):
                    kind = None
            else:
                kind = left.pop(0) if left and section.sends and section.kind in {"audio", "video"} else None
            if kind is None or not section.sends:
                continue
            if section.decodable:
                kept[section.mid] = kind
            else:
                self._declined.append(kind)
        return kept

    def _attach(self, kinds: Sequence[LiveKind | None]) -> None:
        for kind, receiver in zip(kinds, self._connection.media_receivers, strict=True):
            if kind is None:
                continue
            track = (
                ReceivedAudio(self._setting, kind)
                if kind is LiveKind.MICROPHONE
                else ReceivedVideo(kind, self._setting)
            )
            receiver.sink = track
            receiver.reports = self._reports
            receiver.on_disconnect = self._over.set
            self._tracks.append((track, receiver))
            if self._wanted:
                track.receive(True)

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._connected.set()
        elif state in {"failed", "closed"}:
            self._over.set()

    async def _tick(self, now: float) -> None:
        for track, receiver in self._tracks:
            if isinstance(track, ReceivedAudio):
                track.tick(now)
                continue
            wants = track.tick(now)
            if wants.again:
                await receiver.ask_again(wants.again)
            if wants.keyframe:
                await receiver.ask_keyframe()

    def _sample(self, now: float) -> None:
        flow = next(
            (t.flow for t, _ in self._tracks if isinstance(t, ReceivedVideo) and t.kind is LiveKind.CAMERA),
            None,
        )
        sample = self._meter.sample(
            now,
            [receiver.reception for _, receiver in self._tracks],
            flow,
            round_trip_s=self._connection.round_trip_s,
        )
        if self._wanted:
            self._observer.quality(self.participant, sample)
