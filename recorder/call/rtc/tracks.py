"""From packets to timed pictures and samples of one track, handed to the observer as they come, held nowhere.

Sound is decoded on the event loop (0.1 ms a packet), pictures in one thread a track. What is in flight is bounded: a
decoder that falls behind costs pictures, which is told, and never memory.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from aiortc import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from recorder.call.rtc.clock import CallClock, RtpClock, SenderClock, ntp_seconds
from recorder.call.rtc.codecs import (
    OPUS_RATE,
    VIDEO_RATE,
    AudioDecoder,
    VideoCoding,
    VideoDecoder,
    fits,
    video_coding,
)
from recorder.call.rtc.jitter_buffer import Assembled, FrameAssembler, MediaPacket, PacketOrder, Wants
from recorder.call.rtc.stats import QualityMeter, VideoFlow
from recorder.call.source import CallObserver, LiveKind, TimedAudio, TimedVideo, TrackKey
from redaction.model import Samples

__all__ = ["AudioPlacer", "ReceivedAudio", "ReceivedVideo", "TrackNumbers", "TrackSetting"]

MAX_IN_FLIGHT: Final = 32
"""Pictures between network and observer: 45 MB at 720p."""
STALL: Final = 1.0
"""Seconds without media after which the pause is told as lost."""
MAX_STEP_AHEAD: Final = 1.0
KEYFRAME_PAUSES: Final = (0.5, 1.0, 2.0)
"""Seconds between one request for a key frame and the next."""
LISTEN: Final = 0.4
"""Seconds of a track's first media that are held until the quickest of it tells when all of it was captured."""
HOLE: Final = 0.06
"""Seconds by which sound may be off its time before it is moved there at once instead of a sample here and there."""


class TrackNumbers:
    """Counts the tracks of everybody in a call, so that one that comes back has a higher number."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, LiveKind]] = Counter()

    def next(self, participant: str, kind: LiveKind) -> TrackKey:
        """Return the key of a new track."""
        self._counts[(participant, kind)] += 1
        return TrackKey(participant, kind, self._counts[(participant, kind)])


@dataclass(frozen=True, slots=True)
class TrackSetting:
    """What the tracks of one participant share."""

    participant: str
    observer: CallObserver
    clock: CallClock
    sender: SenderClock
    numbers: TrackNumbers
    meter: QualityMeter


class _Track:
    """One m-line of one participant; what comes after a pause in being wanted is a new track with a new key."""

    def __init__(self, kind: LiveKind, setting: TrackSetting, *, rate: int) -> None:
        self.kind = kind
        self._setting = setting
        self._rate = rate
        self._wanted = False
        self._refused = False
        self._key: TrackKey | None = None
        self._clock = RtpClock(setting.sender, rate)
        self._until: float | None = None  # call time up to which media was handed on

    def wanted(self) -> bool:
        """Tell whether packets are to be kept."""
        return self._wanted and not self._refused

    def report(self, ntp: int, rtp: int) -> None:
        """Take a sender report."""
        self._clock.report(ntp_seconds(ntp), rtp, self._setting.clock.now())

    def bye(self) -> None:
        """End: the sender is done. Media that comes nevertheless is a new track."""
        self._end()
        self._restart()

    def receive(self, wanted: bool) -> None:
        """Begin or stop."""
        if wanted == self._wanted:
            return
        self._wanted, self._refused = wanted, False
        if not wanted:
            self._end()
        self._restart()

    def refuse(self, reason: str) -> None:
        """Receive nothing more of this track until it is wanted anew."""
        self._start(self._setting.clock.now())
        if self._key is not None:
            now = self._setting.clock.now()
            self._setting.observer.track_lost(self._key, min(now, self._until or now), now, reason)
            self._until = None
        self._refused = True
        self._end()

    def _restart(self) -> None:
        self._clock = RtpClock(self._setting.sender, self._rate)
        self._until = None

    def _start(self, time: float) -> TrackKey:
        if self._key is None:
            self._key = self._setting.numbers.next(self._setting.participant, self.kind)
            self._setting.observer.track_started(self._key, time)
        return self._key

    def _end(self) -> None:
        if self._key is None:
            return
        now = self._setting.clock.now()
        if self._until is not None and now - self._until > STALL and self.kind is not LiveKind.SCREEN:
            self._lost(self._until, now, "stalled")
        key, self._key = self._key, None
        self._setting.observer.track_ended(key, now)

    def _lost(self, start: float, end: float, reason: str) -> None:
        if self._key is not None and end > start:
            self._setting.observer.track_lost(self._key, start, end, reason)
            if self.kind is LiveKind.MICROPHONE:
                self._setting.meter.concealed += end - start


class AudioPlacer:
    """Puts blocks of sound end to end, a sample more or less where clocks drift, and leaves a hole where there is one.

    Sound that is off by less than `HOLE` is stretched, by a sample in a block where clocks drift, by one part in
    fifty at most where a track has just begun, so that no block overlaps another.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._next: float | None = None

    @property
    def next(self) -> float | None:
        """Where the next block would begin if there were no hole."""
        return self._next

    def place(self, time: float, samples: Samples, *, hole: bool) -> tuple[float, Samples]:
        """Return where float32 (n,) samples captured at `time` begin, and the samples to put there."""
        start = time
        if self._next is not None:
            error = time - self._next
            if error > HOLE or (hole and error > 0):
                start = time
            else:
                start = self._next
                samples = self._stretched(samples, error)
        self._next = start + len(samples) / self._rate
        return start, samples

    def _stretched(self, samples: Samples, error: float) -> Samples:
        count = len(samples)
        if abs(error) < 0.001 or count < 200:
            return samples
        most = 1 if abs(error) < 0.003 else count // 200 if abs(error) < 0.01 else count // 50
        more = max(-most, min(most, round(error * self._rate)))
        places = np.linspace(0, count - 1, count + more)
        return np.interp(places, np.arange(count), samples).astype(np.float32)


class ReceivedAudio(_Track):
    """A microphone."""

    def __init__(self, setting: TrackSetting, kind: LiveKind = LiveKind.MICROPHONE) -> None:
        super().__init__(kind, setting, rate=OPUS_RATE)
        self._order = PacketOrder()
        self._decoder: AudioDecoder | None = None
        self._placer = AudioPlacer(OPUS_RATE)
        self._missing = False
        self._reason = "loss"
        self._held: list[tuple[MediaPacket, int]] | None = []

    def _restart(self) -> None:
        super()._restart()
        self._held = []
        self._order = PacketOrder()
        self._decoder = None
        self._placer = AudioPlacer(OPUS_RATE)
        self._missing = False

    def packet(self, packet: RtpPacket, _codec: RTCRtpCodecParameters, ssrc_changed: bool) -> None:
        """Take a packet."""
        if not self.wanted():
            return
        now = self._setting.clock.now()
        if ssrc_changed:
            self._deliver(self._order.due(now + 3600))
            self._order = PacketOrder()
            self._clock = RtpClock(self._setting.sender, self._rate)
            self._held = []
        media = MediaPacket(
            packet.sequence_number, packet.timestamp, packet.payload, bool(packet.marker), now
        )
        self._deliver(self._order.add(media))

    def tick(self, now: float) -> None:
        """Hand on what has waited long enough."""
        if self.wanted():
            self._deliver(self._order.due(now))

    def _after_listening(self, packets: list[tuple[MediaPacket, int]]) -> list[tuple[MediaPacket, int]]:
        """Hold the first packets for a while; then return them all."""
        if self._held is None:
            return packets
        for packet, _ in packets:
            self._clock.listen(packet.timestamp, packet.arrival)
        held = self._held
        held += packets
        if not held or self._setting.clock.now() - held[0][0].arrival < LISTEN:
            return []
        self._held = None
        return held

    def _deliver(self, packets: list[tuple[MediaPacket, int]]) -> None:
        for packet, missing in self._after_listening(packets):
            if missing:
                self._missing, self._reason = True, "loss"
            if not packet.payload:
                continue
            time = self._clock.time(packet.timestamp, packet.arrival)
            if self._decoder is None:
                self._decoder = AudioDecoder()
            try:
                samples = self._decoder.decode(packet.payload)
            except av.FFmpegError:
                self._missing, self._reason = True, "undecodable"
                continue
            if len(samples):
                self._put(time, samples)

    def _put(self, time: float, samples: Samples) -> None:
        key = self._start(time)
        begin, samples = self._placer.place(time, samples, hole=self._missing)
        if self._until is not None and begin > self._until + 1e-6:
            if self._missing:
                self._lost(self._until, begin, self._reason)
            elif begin - self._until > STALL:
                self._lost(self._until, begin, "stalled")
        self._missing = False
        self._until = begin + len(samples) / self._rate
        self._setting.observer.audio(key, TimedAudio(samples, self._rate, begin))


@dataclass(frozen=True, slots=True)
class _Coded:
    """A coded picture on its way to the decoder."""

    coding: VideoCoding
    data: bytes
    time: float
    lost: str
    generation: int


class ReceivedVideo(_Track):
    """A camera or a shared screen."""

    def __init__(self, kind: LiveKind, setting: TrackSetting) -> None:
        super().__init__(kind, setting, rate=VIDEO_RATE)
        self.flow = VideoFlow()
        self._coding: VideoCoding | None = None
        self._frames: FrameAssembler | None = None
        self._held: list[Assembled] | None = []
        self._generation = 0
        self._in_flight = 0
        self._reason = "loss"
        self._last = -1.0
        self._asked: float | None = None
        self._asks = 0
        self._thread: _DecoderThread | None = None

    def _restart(self) -> None:
        super()._restart()
        self._coding, self._frames = None, None
        self._held = []
        self._generation += 1
        self._asked, self._asks = None, 0
        self._last = -1.0
        self.stop()

    def stop(self) -> threading.Thread | None:
        """Let the decoder go; return its thread, which ends on its own."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.finish()
        return thread

    def packet(self, packet: RtpPacket, codec: RTCRtpCodecParameters, ssrc_changed: bool) -> None:
        """Take a packet."""
        coding = video_coding(codec.mimeType)
        if coding is None or not self.wanted():
            return
        now = self._setting.clock.now()
        if ssrc_changed:
            self._clock = RtpClock(self._setting.sender, self._rate)
            self._held = []
        if self._frames is None or coding is not self._coding or ssrc_changed:
            self._coding = coding
            self._frames = FrameAssembler(coding.begins_keyframe)
        media = MediaPacket(
            packet.sequence_number, packet.timestamp, packet.payload, bool(packet.marker), now
        )
        self._take(self._frames.add(media))

    def _take(self, frames: list[Assembled]) -> None:
        """Decode pictures; the first ones once it is known when they were captured."""
        if self._held is not None:
            for frame in frames:
                self._clock.listen(frame.timestamp, frame.arrival)
            self._held += frames
            if not self._held or self._setting.clock.now() - self._held[0].arrival < LISTEN:
                return
            frames, self._held = self._held, None
        for frame in frames:
            self._decode(frame.payloads, frame.timestamp, frame.arrival, frame.after_loss)

    def tick(self, now: float) -> Wants:
        """Return what to ask the sender for now."""
        if not self.wanted() or self._frames is None:
            return Wants()
        wants, shown = self._frames.due(now)
        self._take(shown)
        if not wants.keyframe:
            self._asks = 0
        pause = KEYFRAME_PAUSES[min(self._asks, len(KEYFRAME_PAUSES) - 1)]
        ask = wants.keyframe and (self._asked is None or now - self._asked >= pause)
        if ask:
            self._asked, self._asks = now, self._asks + 1
        return Wants(wants.again, ask)

    def _decode(self, payloads: tuple[bytes, ...], timestamp: int, arrival: float, after_loss: bool) -> None:
        if self._coding is None or self._frames is None or not self.wanted():
            return
        size = self._coding.size(payloads)
        if size is not None and not fits(*size):
            self.refuse("resolution")
            return
        try:
            data = self._coding.join(payloads)
        except ValueError:
            self._give_up("undecodable")
            return
        if self._in_flight >= MAX_IN_FLIGHT:
            self._setting.meter.dropped += 1
            self._give_up("overload")
            return
        time = self._clock.time(timestamp, arrival)
        lost, self._reason = (self._reason, "loss") if after_loss else ("", self._reason)
        if self._thread is None:
            self._thread = _DecoderThread(self, asyncio.get_running_loop())
            self._thread.start()
        self._in_flight += 1
        self._thread.jobs.put(_Coded(self._coding, data, time, lost, self._generation))

    def _give_up(self, reason: str) -> None:
        self._reason = reason
        if self._frames is not None:
            self._frames.lose()

    def decoded(self, coded: _Coded, pictures: list[tuple[av.VideoFrame, float]] | None) -> None:
        """Take what the decoder made of a coded picture, None where it could not be decoded."""
        self._in_flight -= 1
        if coded.generation != self._generation or not self.wanted():
            return
        if pictures is None:
            self._give_up("undecodable")
            return
        for frame, at in pictures:
            if not fits(frame.width, frame.height):
                self.refuse("resolution")
                return
            time = max(at, self._last + 0.001)
            if time > self._setting.clock.now() + MAX_STEP_AHEAD:
                self._setting.meter.dropped += 1
                continue
            key = self._start(time)
            if self._until is not None:
                if coded.lost:
                    self._lost(self._until, time, coded.lost)
                elif time - self._until > STALL and self.kind is LiveKind.CAMERA:
                    self._lost(self._until, time, "stalled")
            self._last = self._until = time
            self.flow.add(time, frame.width, frame.height)
            self._setting.observer.video(key, TimedVideo(frame, time))


class _DecoderThread(threading.Thread):
    """Decodes what one track puts in, in order, and hands it back on the event loop."""

    def __init__(self, track: ReceivedVideo, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(name="picture-decoder", daemon=True)
        self.jobs: queue.SimpleQueue[_Coded | None] = queue.SimpleQueue()  # bounded by MAX_IN_FLIGHT
        self._track = track
        self._loop = loop
        self._finished = threading.Event()

    def finish(self) -> None:
        """Decode nothing more and end."""
        self._finished.set()
        self.jobs.put(None)

    def run(self) -> None:
        """Decode until told to finish."""
        decoder: VideoDecoder | None = None
        coding: VideoCoding | None = None
        times: dict[int, float] = {}
        number = 0
        while (coded := self.jobs.get()) is not None:
            pictures: list[tuple[av.VideoFrame, float]] | None = []
            if not self._finished.is_set():
                if decoder is None or coded.coding is not coding:
                    decoder, coding = VideoDecoder(coded.coding), coded.coding
                number += 1
                times[number] = coded.time
                times.pop(number - MAX_IN_FLIGHT, None)
                try:
                    frames = decoder.decode(coded.data, number)
                    pictures = [(frame, times.get(frame.pts or 0, coded.time)) for frame in frames]
                except av.FFmpegError:
                    pictures = None
            try:
                self._loop.call_soon_threadsafe(self._track.decoded, coded, pictures)
            except RuntimeError:
                return  # the loop has ended, and with it the call
