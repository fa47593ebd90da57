"""What is spared when the machine cannot keep up: steps from sparser looks to whole covers, never less covering."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from redaction.video.faces.examine import Cadence

__all__ = ["CADENCES", "FRAME_STEPS", "Governor", "Level", "Load", "spares"]


class Level(IntEnum):
    """How much is spared, from nothing to everything that can be."""

    FULL = 0
    SPARSE = 1  # detectors look less often, within the bounds that the linker bridges
    HALF = 2  # at most 15 pictures a second
    FEW = 3  # at most 4 pictures a second
    COVERED = 4  # whole tiles are covered, nothing is looked at


CADENCES: Final = {
    Level.FULL: Cadence(),
    Level.SPARSE: Cadence(key=0.4, frames=16, deep=2.0, rescues=3),
    Level.HALF: Cadence(key=0.4, frames=16, deep=2.0, rescues=3),
    Level.FEW: Cadence(key=0.5, frames=4, deep=3.0, rescues=2),
    Level.COVERED: Cadence(),
}
"""Both detectors see the whole frame at least this often.

Source: `Reach.spanning` in `redaction.video.faces.link`: a face is covered before and after its sightings for as long
as two looks lie apart and bridged over 1.2 s, so that half a second between whole looks leaves no hole; between them
whatever changes is looked at as before.
"""

FRAME_STEPS: Final = {
    Level.FULL: 0.0,
    Level.SPARSE: 0.0,
    Level.HALF: 1 / 15,
    Level.FEW: 1 / 4,
    Level.COVERED: 1.0,
}
"""Least time between two pictures that are taken, in seconds."""

_JITTER_S: Final = 0.01
_LESS: Final = 0.9


def spares(level: Level, *, since: float) -> bool:
    """Tell whether a picture that comes `since` seconds after the last one taken is left out at that level."""
    return since < FRAME_STEPS[level] - _JITTER_S


@dataclass(frozen=True, slots=True)
class Load:
    """How a worker stands.

    Attributes:
        lag_s: age of its oldest picture that waits.
        fill: share of its queue that is full, 0 to 1.
    """

    lag_s: float
    fill: float


class Governor:
    """Raises the level soon and lowers it late, one step at a time.

    Args:
        raise_lag_s: pictures that wait longer raise the level.
        early_lag_s: the same for the first step, which costs no picture.
        lower_lag_s: while all wait less, it may go down.
        raise_every_s: least time between two rises, so that each shows its effect; as long as it does, and what
            waits gets less by a tenth in that time, there is no other.
        lower_after_s: calm for so long lowers it; doubled, up to `lower_at_most_s`, when it had to rise again at once.
    """

    def __init__(
        self,
        *,
        raise_lag_s: float = 2.0,
        early_lag_s: float = 0.5,
        lower_lag_s: float = 0.25,
        raise_every_s: float = 1.0,
        lower_after_s: float = 5.0,
        lower_at_most_s: float = 60.0,
    ) -> None:
        self.level = Level.FULL
        self._raise_lag_s = raise_lag_s
        self._early_lag_s = early_lag_s
        self._before = Load(0.0, 0.0)  # when the level rose, or was last found to suffice
        self._lower_lag_s = lower_lag_s
        self._raise_every_s = raise_every_s
        self._lower_after_s = self._patience_s = lower_after_s
        self._lower_at_most_s = lower_at_most_s
        self._raised = float("-inf")
        self._lowered = float("-inf")
        self._calm: float | None = None

    def observe(self, load: Load, *, now: float) -> Level:
        """Take up how the worker stands at a time in seconds, and return the level from now on."""
        bound = self._early_lag_s if self.level is Level.FULL else self._raise_lag_s
        strained = load.lag_s > bound or load.fill > 0.5
        urgent = load.lag_s > 2 * self._raise_lag_s or load.fill > 0.8
        if strained:
            self._calm = None
            pause = self._raise_every_s / 2 if urgent else self._raise_every_s
            if self.level < Level.COVERED and now - self._raised >= pause:
                if self.level is Level.FULL or not self._catches_up(load):
                    self._rise(now)
                self._before, self._raised = load, now
        elif load.lag_s > self._lower_lag_s:
            self._calm = None
        else:
            self._calm = now if self._calm is None else self._calm
            if self.level > Level.FULL and now - self._calm >= self._patience_s:
                self.level = Level(self.level - 1)
                self._lowered = self._calm = now
        if now - self._raised > 4 * self._patience_s and self.level is Level.FULL:
            self._patience_s = self._lower_after_s
        return self.level

    def _catches_up(self, load: Load) -> bool:
        return load.lag_s < _LESS * self._before.lag_s and load.fill < max(0.5, _LESS * self._before.fill)

    def _rise(self, now: float) -> None:
        if now - self._lowered < 2 * self._patience_s:
            self._patience_s = min(2 * self._patience_s, self._lower_at_most_s)
        self.level = Level(self.level + 1)
