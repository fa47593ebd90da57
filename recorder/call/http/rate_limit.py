"""How often something may happen."""

from __future__ import annotations

__all__ = ["Allowance"]


class Allowance:
    """A token bucket: so many at once, so many a second after that.

    Args:
        burst: how many may happen at once.
        per_second: how fast the allowance comes back.
    """

    __slots__ = ("_burst", "_left", "_rate", "_since")

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = burst
        self._rate = per_second
        self._left = float(burst)
        self._since: float | None = None

    def take(self, time: float) -> bool:
        """Use one if there is one; `time` is in seconds on any clock, and a step back gives nothing."""
        if self._since is None:
            self._since = time
        self._left = min(self._burst, self._left + max(0.0, time - self._since) * self._rate)
        self._since = max(time, self._since)
        if self._left < 1:
            return False
        self._left -= 1
        return True
