"""One track's time stamps, put on the call clock: exact where they are sound, bounded where they are not."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Final

__all__ = ["TrackClock", "finer"]

_COARSEST: Final = Fraction(1, 10_000)
_LONGEST_JUMP_S: Final = 3600
_ALL_JUMPS_S: Final = 8 * 3600
_LONGEST_STEP_BACK_S: Final = 1
_SLACK_S: Final = 10


def finer(time_base: Fraction) -> Fraction:
    """Return the time base, divided so that the call clock's zero can be hit within 50 microseconds."""
    return time_base / max(1, ceil(time_base / _COARSEST))


class TrackClock:
    """Turns a track's raw pts into pts on the call clock that rise strictly and never leap.

    A missing pts follows from the one before. A stamp that does not rise is put one tick later, and a stamp that
    leaps back by more than a second, ahead by more than an hour, or past the end of the media continues from where the
    track was: such leaps are joints between recordings or damage, and hours of nothing must not be made of them. Nor
    may many smaller jumps add up to that.
    """

    def __init__(
        self,
        *,
        raw_time_base: Fraction,
        zero: Fraction,
        step: Fraction,
        end: Fraction | None,
        sparse: bool = False,
    ) -> None:
        """Set up for one track.

        Args:
            raw_time_base: seconds per raw pts unit.
            zero: the call clock's zero in seconds of raw time.
            step: seconds a frame lasts when nothing else is known.
            end: seconds of call time where the media ends, when that is known.
            sparse: the file is too small for the time it claims, so jumps may add up to an hour instead of eight.
        """
        self.time_base = finer(raw_time_base)
        self._factor = int(raw_time_base / self.time_base)
        self._zero = round(zero / self.time_base)
        self.step = max(1, round(step / self.time_base))
        self._jump = int(_LONGEST_JUMP_S / self.time_base)
        self._back = int(_LONGEST_STEP_BACK_S / self.time_base)
        self._limit = None if end is None else int((end + _SLACK_S) / self.time_base)
        self._budget = int((_LONGEST_JUMP_S if sparse else _ALL_JUMPS_S) / self.time_base)
        self._notable = int(_SLACK_S / self.time_base)
        self._shift = 0
        self._last: int | None = None
        self._expected = 0
        self.leaps = 0

    def ticks(self, raw: int) -> int:
        """Return where a raw pts lies on the call clock, as it stands."""
        return raw * self._factor - self._zero + self._shift

    def scaled(self, raw_duration: int) -> int:
        """Return a raw duration in this clock's ticks."""
        return raw_duration * self._factor

    def place(self, raw: int | None, *, duration: int = 0) -> int:
        """Return the next frame's pts on the call clock.

        Args:
            raw: the frame's own pts, None when it has none.
            duration: how long the frame lasts, in this clock's ticks; 0 when that is not known.
        """
        value = self._expected if raw is None else self.ticks(raw)
        if self._leaps(value):
            self.leaps += 1
            self._shift += self._expected - value
            value = self._expected
        elif value - self._expected > self._notable:
            self._budget -= value - self._expected
        value = max(value, 0 if self._last is None else self._last + 1)
        self._last = value
        self._expected = value + (duration if 0 < duration <= self._jump else self.step)
        return value

    def _leaps(self, value: int) -> bool:
        since = 0 if self._last is None else self._last
        if value - since > min(self._jump, max(self._budget, self._notable)) or since - value > self._back:
            return True
        return self._limit is not None and value > self._limit and value > self._expected
