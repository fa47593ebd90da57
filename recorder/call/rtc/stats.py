"""How a participant's connection does, second by second."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from recorder.call.source import QualitySample

__all__ = ["QualityMeter", "Reception", "VideoFlow"]

FREEZE_STEPS: Final = 3
FREEZE_LEAST: Final = 0.15
"""Source: W3C webrtc-stats, freezeCount."""


class Reception:
    """Counts the packets of one source. Source: RFC 3550, A.3 and A.8.

    Attributes:
        packets: received.
        size: media payload in bytes, retransmissions included.
        jitter_s: interarrival jitter in seconds.
    """

    def __init__(self) -> None:
        self.packets = 0
        self.size = 0
        self.jitter_s = 0.0
        self._before = 0  # expected of earlier sources
        self._packets_before = 0
        self._rate = 1
        self._reported = (0, 0)
        self.restart()

    def restart(self) -> None:
        """Go on with another source; what was counted stays."""
        if self.packets:
            self._before = self.expected
            self._packets_before = self.packets
        self._first: int | None = None
        self._highest = 0
        self._transit: tuple[float, int] | None = None

    def add(self, number: int, timestamp: int, rate: int, now: float) -> None:
        """Take a packet: 16-bit number, 32-bit RTP time, clock rate in hertz, arrival in seconds."""
        self.packets += 1
        self._rate = rate
        if self._first is None:
            self._first = self._highest = number + 65536
        step = ((number - self._highest + 32768) & 0xFFFF) - 32768
        self._highest += max(step, 0)
        if self._transit is not None and step > 0:
            media = (((timestamp - self._transit[1]) + 2**31) & 0xFFFFFFFF) - 2**31
            if media:
                off = abs((now - self._transit[0]) - media / rate)
                if off < 10:
                    self.jitter_s += (off - self.jitter_s) / 16
                self._transit = (now, timestamp)
        elif self._transit is None:
            self._transit = (now, timestamp)

    @property
    def expected(self) -> int:
        """Packets that were sent as far as their numbers tell."""
        return self._before + (0 if self._first is None else self._highest - self._first + 1)

    @property
    def lost(self) -> int:
        """Packets that were expected and have not come; falls when they come late."""
        return max(0, self.expected - self.packets)

    def report(self) -> tuple[int, int, int, int]:
        """Return fraction lost since the last call (of 256), packets lost, highest number, jitter in RTP units."""
        expected, packets = self.expected, self.packets
        new, came = expected - self._reported[0], packets - self._reported[1]
        self._reported = (expected, packets)
        fraction = min(255, ((new - came) << 8) // new) if new > came and new > 0 else 0
        current = expected - self._before - (packets - self._packets_before)
        jitter = min(0xFFFFFFFF, int(self.jitter_s * self._rate))
        return fraction, max(-(2**23), min(2**23 - 1, current)), self._highest & 0xFFFFFFFF, jitter


class VideoFlow:
    """Counts pictures and freezes of one track by their capture times."""

    def __init__(self) -> None:
        self.pictures = 0
        self.freezes = 0
        self.size: tuple[int, int] | None = None
        self._last: float | None = None
        self._steps: deque[float] = deque(maxlen=30)

    def add(self, time: float, width: int, height: int) -> None:
        """Take a picture."""
        self.pictures += 1
        self.size = (width, height)
        if self._last is not None:
            step = time - self._last
            if self._steps:
                usual = sum(self._steps) / len(self._steps)
                if step >= max(FREEZE_STEPS * usual, usual + FREEZE_LEAST):
                    self.freezes += 1
            self._steps.append(step)
        self._last = time


class QualityMeter:
    """Turns counters that only grow into one `QualitySample` after another.

    Attributes:
        concealed: seconds of sound that were missing when due.
        dropped: pictures and sound blocks that the recorder could not take.
    """

    def __init__(self, start: float) -> None:
        self.concealed = 0.0
        self.dropped = 0
        self._at = start
        self._was: tuple[int, int, int, int, int, float, int] = (0, 0, 0, 0, 0, 0.0, 0)

    def sample(
        self,
        now: float,
        receptions: Iterable[Reception],
        flow: VideoFlow | None,
        *,
        round_trip_s: float | None = None,
    ) -> QualitySample:
        """Return what happened since the last call; `flow` is that of the camera."""
        received = list(receptions)
        packets, lost = sum(r.packets for r in received), sum(r.lost for r in received)
        size = sum(r.size for r in received)
        pictures, freezes = (flow.pictures, flow.freezes) if flow is not None else (0, 0)
        was, self._was = self._was, (packets, lost, size, pictures, freezes, self.concealed, self.dropped)
        passed = max(now - self._at, 1e-3)
        self._at = now
        heard = [r.jitter_s for r in received if r.packets]
        return QualitySample(
            time=now,
            packets=max(0, packets - was[0]),
            lost=max(0, lost - was[1]),
            jitter_ms=round(1000 * max(heard), 2) if heard else None,
            round_trip_ms=None if round_trip_s is None else round(1000 * round_trip_s, 2),
            bitrate_kbps=round(max(0, size - was[2]) * 8 / 1000 / passed, 1),
            width=flow.size[0] if flow is not None and flow.size is not None else None,
            height=flow.size[1] if flow is not None and flow.size is not None else None,
            fps=round(max(0, pictures - was[3]) / passed, 2) if flow is not None else None,
            freezes=max(0, freezes - was[4]),
            concealed_ms=round(1000 * max(0.0, self.concealed - was[5]), 1),
            dropped=max(0, self.dropped - was[6]),
        )
