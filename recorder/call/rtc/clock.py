"""One clock for a call: when, in seconds since the bot joined, something was captured.

A sender stamps packets with RTP time, which starts anywhere and runs at its own pace, and says now and then in a sender
report which NTP time of its own that is. Its NTP time is placed in call time by the quickest of its recent reports:
what is left is the shortest way through the network, the same for all that it sends, so its sound and picture agree.
Until the first report, arrival times stand in the same way. Source: RFC 3550, 6.4.1; the minimum filter of RFC 5905.
"""

from __future__ import annotations

import time
from collections import deque
from statistics import median_low
from typing import Final

__all__ = ["CallClock", "RtpClock", "SenderClock", "ntp_seconds"]

REPORT_WINDOW: Final = 60.0
"""Seconds over which the quickest sender report counts; a clock 100 ppm off moves 6 ms in it."""
ARRIVAL_WINDOW: Final = 30
"""Buckets of a second over which the quickest packet counts."""
REPORTS: Final = 5
"""Reports of a track whose median counts: a sender that is short of time stamps some of them late."""
NTP_STEP: Final = 1.0
"""Seconds by which a sender's NTP time may disagree with itself before it counts as set anew."""
DISCONTINUITY: Final = 10.0
"""Seconds between RTP time and arrival that no network explains: the source was switched, or lies."""
MAX_BEHIND: Final = 5.0
MAX_AHEAD: Final = 1.0
STEP: Final = 0.25
"""Seconds by which time may be set forwards at once; it is never set back, but slowed down."""
SETTLING: Final = 10.0
"""Seconds from a track's beginning during which its time is corrected quickly."""
REPORT_TRUST: Final = 3.0
"""Seconds by which a report may place media away from its arrival and still be believed."""


def ntp_seconds(ntp: int) -> float:
    """Turn a 64-bit NTP timestamp into seconds."""
    return (ntp >> 32) + (ntp & 0xFFFFFFFF) / 2**32


class CallClock:
    """Call time: seconds since this object was made, which is when the bot joined. Never runs backwards."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def now(self) -> float:
        """Return the call time."""
        return time.monotonic() - self._start


class SenderClock:
    """Where a sender's NTP time stands in call time; one for all tracks that share that NTP time."""

    def __init__(self) -> None:
        self._offsets: deque[tuple[float, float]] = deque(maxlen=256)
        self.epoch = 0
        """Rises whenever the sender's NTP time was set anew; reports of an older epoch are worth nothing."""

    def report(self, ntp: float, arrival: float) -> None:
        """Take a sender report: its NTP time in seconds, and the call time of its arrival."""
        offset = arrival - ntp
        if self._offsets and abs(offset - self._offsets[-1][1]) > NTP_STEP:
            self._offsets.clear()
            self.epoch += 1
        self._offsets.append((arrival, offset))
        while arrival - self._offsets[0][0] > REPORT_WINDOW:
            self._offsets.popleft()

    @property
    def offset(self) -> float | None:
        """Seconds to add to the sender's NTP time; None before its first report."""
        return min(offset for _, offset in self._offsets) if self._offsets else None


class RtpClock:
    """Places RTP times of one track in call time; what it returns never falls.

    Args:
        sender: shared by the tracks of one sender.
        rate: RTP clock rate in hertz.
    """

    def __init__(self, sender: SenderClock, rate: int) -> None:
        self._sender = sender
        self._rate = rate
        self._last_rtp: int | None = None
        self._media = 0.0  # seconds of RTP time since the first packet
        self._last_arrival = 0.0
        self._shift: float | None = None  # what to add to _media
        self._slewed_at = 0.0
        self._began = 0.0
        self._quickest: deque[tuple[int, float]] = deque(maxlen=ARRIVAL_WINDOW + 1)
        self._reports: deque[float] = deque(maxlen=REPORTS)  # NTP seconds less media seconds
        self._epoch = sender.epoch
        self._out = -1.0

    def report(self, ntp: float, rtp: int, arrival: float) -> None:
        """Take a sender report of this track; those that come before its first packet are of no use yet."""
        self._sender.report(ntp, arrival)
        if self._last_rtp is None:
            return
        media = self._media + _signed(rtp - self._last_rtp) / self._rate
        offset = self._sender.offset
        by_arrival = self._arrival_shift()
        if self._epoch != self._sender.epoch:
            self._reports.clear()
            self._epoch = self._sender.epoch
        if offset is None or by_arrival is None or abs(offset + ntp - media - by_arrival) > REPORT_TRUST:
            self._reports.clear()
            return
        self._reports.append(ntp - media)

    def listen(self, rtp: int, arrival: float) -> None:
        """Take note of media that is placed later, so that the first of it is placed by the quickest of it."""
        self._follow(rtp, arrival)
        self._record_arrival(arrival)

    def time(self, rtp: int, arrival: float) -> float:
        """Return the call time at which media stamped `rtp`, arriving at `arrival`, was captured."""
        self._follow(rtp, arrival)
        self._record_arrival(arrival)
        wanted = self._wanted(arrival)
        placed = self._media + self._slew(wanted, arrival)
        if not arrival - MAX_BEHIND <= placed <= arrival + MAX_AHEAD:
            self._restart(rtp, arrival)
            self._record_arrival(arrival)
            placed = self._media + self._slew(self._wanted(arrival), arrival)
        self._out = max(self._out, placed, 0.0)
        return self._out

    def _follow(self, rtp: int, arrival: float) -> None:
        if self._last_rtp is None:
            self._restart(rtp, arrival)
            return
        step = _signed(rtp - self._last_rtp) / self._rate
        if abs(step - (arrival - self._last_arrival)) > DISCONTINUITY:
            self._restart(rtp, arrival)
        else:
            self._media += step
            self._last_rtp, self._last_arrival = rtp, arrival

    def _restart(self, rtp: int, arrival: float) -> None:
        self._last_rtp, self._last_arrival = rtp, arrival
        self._media = 0.0
        self._shift = None
        self._quickest.clear()
        self._reports.clear()

    def _record_arrival(self, arrival: float) -> None:
        bucket, shift = int(arrival), arrival - self._media
        if self._quickest and self._quickest[-1][0] == bucket:
            self._quickest[-1] = (bucket, min(self._quickest[-1][1], shift))
        else:
            self._quickest.append((bucket, shift))
        while bucket - self._quickest[0][0] > ARRIVAL_WINDOW:
            self._quickest.popleft()

    def _arrival_shift(self) -> float | None:
        return min((shift for _, shift in self._quickest), default=None)

    def _wanted(self, arrival: float) -> float:
        offset = self._sender.offset
        if self._reports and offset is not None and self._epoch == self._sender.epoch:
            return offset + median_low(self._reports)
        quickest = self._arrival_shift()
        return arrival - self._media if quickest is None else quickest

    def _slew(self, wanted: float, arrival: float) -> float:
        """Move towards the wanted shift, the faster the further it is; a step only forwards, and only a large one."""
        if self._shift is None:
            self._shift, self._began = wanted, arrival
        else:
            error = wanted - self._shift
            elapsed = min(1.0, max(0.0, arrival - self._slewed_at))
            if error > STEP:
                self._shift = wanted
            else:
                # what the first packets told is rough: they wait for connections, decoders and key frames
                quick = arrival - self._began < SETTLING or abs(error) > STEP / 4
                most = (0.02 if quick else 0.005) * elapsed
                self._shift += max(-most, min(most, error))
        self._slewed_at = arrival
        return self._shift


def _signed(step: int) -> int:
    """Return the step of a 32-bit counter nearest to zero."""
    return ((step + 2**31) & 0xFFFFFFFF) - 2**31
