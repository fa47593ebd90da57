"""Tracks of Zoom's participants: sound and pictures placed in call time, decoded after consent alone."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import av
import numpy as np

from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.codecs import OPUS_RATE, AudioDecoder, fits
from recorder.call.rtc.stats import VideoFlow
from recorder.call.rtc.tracks import AudioPlacer, TrackNumbers
from recorder.call.source import CallObserver, LiveKind, TimedAudio, TimedVideo, TrackKey
from recorder.call.zoom.pictures import CodedPicture, PictureDecoder, begins_anew
from recorder.call.zoom.protocol import MediaCodec
from redaction.model import Samples

__all__ = ["TrackGround", "ZoomClock", "ZoomMicrophone", "ZoomPictures"]

MAX_LATE: Final = 75.0
"""Seconds by which media may come late: Zoom holds sound for a minute while a connection is lost."""
_WINDOW: Final = 60
"""Seconds over which the quickest message tells how Zoom's clock stands to ours."""
_HOLE: Final = 0.06
LARGEST_SOUND: Final = 256 * 1024
"""Characters of base64 of one message; a second of 48,000 Hz mono is 128,000."""
MOST_PARTS: Final = 64
"""Messages that may make up one picture."""
_MAX_STEP_AHEAD: Final = 1.0
IDLE_S: Final = 2.0
"""Seconds without a picture after which a camera's track ends: Zoom shows somebody else."""


class ZoomClock:
    """Where the clock of Zoom's servers stands in call time, by the quickest message of the last minute."""

    def __init__(self, clock: CallClock) -> None:
        self._clock = clock
        self._quickest: deque[tuple[int, float]] = deque(maxlen=_WINDOW + 1)

    def place(self, stamp: float | None) -> float:
        """Return the call time of a time in seconds on Zoom's clock; that of its arrival where there is none."""
        arrival = self._clock.now()
        if stamp is None:
            return arrival
        shift = arrival - stamp
        best = min((known for _, known in self._quickest), default=shift)
        if abs(shift - best) > MAX_LATE:  # their clock was set, or somebody lies
            self._quickest.clear()
            best = shift
        bucket = int(arrival)
        if self._quickest and self._quickest[-1][0] == bucket:
            self._quickest[-1] = (bucket, min(self._quickest[-1][1], shift))
        else:
            self._quickest.append((bucket, shift))
        while bucket - self._quickest[0][0] > _WINDOW:
            self._quickest.popleft()
        return stamp + min(best, shift)


@dataclass(frozen=True, slots=True)
class TrackGround:
    """What all tracks of a call share."""

    observer: CallObserver
    clock: CallClock
    numbers: TrackNumbers


class ZoomMicrophone:
    """What somebody says: one track from their first sound to when they leave or are no longer received.

    Attributes:
        outage: the connection was lost since the last sound, so a hole is a loss and not silence.
        received: bytes of sound since they were last counted.
        blocks: messages since then.
    """

    def __init__(self, participant: str, ground: TrackGround) -> None:
        self._participant = participant
        self._ground = ground
        self._key: TrackKey | None = None
        self._placer = AudioPlacer(OPUS_RATE)
        self._format: tuple[MediaCodec, int] | None = None
        self._opus: AudioDecoder | None = None
        self._until: float | None = None
        self.outage = False
        self.received = 0
        self.blocks = 0

    def take(self, data: str, codec: MediaCodec, rate: int, time: float) -> None:
        """Decode sound in base64 that was captured at a call time, and hand it on."""
        samples = self._decoded(data, codec, rate)
        if samples is None or not len(samples):
            return
        if self._format != (codec, rate):
            self._format, self._placer = (codec, rate), AudioPlacer(rate)
        if self._until is not None and time + len(samples) / rate <= self._until - _HOLE:
            return  # it came before
        self.blocks += 1
        self.received += len(data) * 3 // 4
        if self._key is None:
            self._key = self._ground.numbers.next(self._participant, LiveKind.MICROPHONE)
            self._ground.observer.track_started(self._key, time)
        if self._until is not None and time < self._until:
            time = max(time, self._until - _HOLE)
        begin, samples = self._placer.place(time, samples, hole=False)
        if self._until is not None:
            begin = max(begin, self._until)
            if self.outage and begin > self._until + _HOLE:
                self._ground.observer.track_lost(self._key, self._until, begin, "outage")
        self.outage = False
        self._until = begin + len(samples) / rate
        self._ground.observer.audio(self._key, TimedAudio(samples, rate, begin))

    def end(self) -> None:
        """End; what comes after is a new track."""
        key, self._key = self._key, None
        self._opus, self._format, self._until, self.outage = None, None, None, False
        if key is not None:
            self._ground.observer.track_ended(key, self._ground.clock.now())

    def _decoded(self, data: str, codec: MediaCodec, rate: int) -> Samples | None:
        if len(data) > LARGEST_SOUND:
            return None
        try:
            raw = base64.b64decode(data, validate=True)
            if codec is MediaCodec.OPUS:
                self._opus = self._opus or AudioDecoder()
                return self._opus.decode(raw)
        except (binascii.Error, ValueError, av.FFmpegError):
            return None
        if len(raw) % 2 or len(raw) > 2 * rate * 2:
            return None
        pulses: Samples = np.frombuffer(raw, "<i2").astype(np.float32) / np.float32(32768)
        return pulses


class ZoomPictures:
    """Cameras, or shared screens: one picture stream whose owner changes; each stretch of one owner is a track.

    Args:
        kind: camera or screen.
        wants: tells whether a participant's pictures are taken now.
    """

    def __init__(self, kind: LiveKind, ground: TrackGround, wants: Callable[[str], bool]) -> None:
        self._kind = kind
        self._ground = ground
        self._wants = wants
        self._decoder = PictureDecoder(self._decoded)
        self._owner = ""
        self._key: TrackKey | None = None
        self._stretch = 0
        self._gathered: tuple[float | None, float, list[str]] | None = None
        self._broken = True  # nothing can be decoded before a picture that needs no other
        self._last = -1.0
        self._arrived = 0.0
        self._lost: str = ""
        self.outage = False
        self._flow = VideoFlow()
        self._told = (0, 0)
        self.received = 0
        self.messages = 0

    @property
    def owner(self) -> str:
        """Whose pictures came last; nobody's if empty."""
        return self._owner

    def take(self, owner: str, data: str, codec: MediaCodec, time: float, stamp: float | None) -> None:
        """Take a picture in base64, or a part of one, of somebody who is wanted; parts have one time stamp."""
        if owner != self._owner:
            self.end()
            self._owner = owner
        self.messages += 1
        self.received += len(data) * 3 // 4
        self._arrived = self._ground.clock.now()
        if self.outage:
            self._lost, self._broken, self._gathered, self.outage = "outage", True, None, False
        if codec is not MediaCodec.H264:
            self._decode(codec, time, [data])
            return
        # a picture's parameter sets may come in a message of their own, with the same time
        if self._gathered is not None and stamp is not None and self._gathered[0] == stamp:
            if len(self._gathered[2]) < MOST_PARTS:
                self._gathered[2].append(data)
            return
        self.flush()
        self._gathered = (stamp, time, [data])

    def figures(self) -> tuple[tuple[int, int] | None, int, int]:
        """Return the pictures' size, and how many pictures and freezes there were since the last call."""
        was, self._told = self._told, (self._flow.pictures, self._flow.freezes)
        return self._flow.size, self._told[0] - was[0], self._told[1] - was[1]

    def flush(self) -> None:
        """Decode what was gathered."""
        gathered, self._gathered = self._gathered, None
        if gathered is not None:
            self._decode(MediaCodec.H264, gathered[1], gathered[2])

    def tick(self) -> None:
        """End the track of somebody of whom nothing comes any more."""
        idle = self._ground.clock.now() - self._arrived
        if idle > 0.2:
            self.flush()
        if self._owner and self._kind is LiveKind.CAMERA and idle > IDLE_S and not self.outage:
            self.end()

    def end(self, owner: str | None = None) -> None:
        """End the track there is, if it is of that owner or of anybody."""
        if owner is not None and owner != self._owner:
            return
        key, self._key = self._key, None
        self._owner = ""
        self._stretch += 1
        self._decoder.only(self._stretch)
        self._gathered, self._broken, self._last, self._lost = None, True, -1.0, ""
        self._flow, self._told = VideoFlow(), (0, 0)
        if key is not None:
            self._ground.observer.track_ended(key, self._ground.clock.now())

    def close(self) -> None:
        """End, and let the decoder go."""
        self.end()
        self._decoder.close()

    def _decode(self, codec: MediaCodec, time: float, parts: list[str]) -> None:
        if codec is MediaCodec.H264 and self._broken:
            if not begins_anew(tuple(parts)):
                return
            self._broken = False
        if not self._decoder.put(CodedPicture(self._stretch, codec, time, tuple(parts))):
            self._broken, self._lost = True, "overload"

    def _decoded(self, coded: CodedPicture, frames: list[tuple[av.VideoFrame, float]] | None) -> None:
        if coded.track != self._stretch or not self._owner or not self._wants(self._owner):
            return
        if frames is None:
            self._broken, self._lost = True, self._lost or "undecodable"
            return
        for frame, at in frames:
            time = max(at, self._last + 0.001)
            if not fits(frame.width, frame.height):
                self._lost = "resolution"
                continue
            if time > self._ground.clock.now() + _MAX_STEP_AHEAD:
                continue
            if self._key is None:
                self._key = self._ground.numbers.next(self._owner, self._kind)
                self._ground.observer.track_started(self._key, time)
            elif self._lost:
                self._ground.observer.track_lost(self._key, self._last, time, self._lost)
            self._lost, self._last = "", time
            self._flow.add(time, frame.width, frame.height)
            self._ground.observer.video(self._key, TimedVideo(frame, time))
