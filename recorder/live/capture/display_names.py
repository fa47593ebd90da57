"""Display names on their way to whatever masks them: not faster than a bound, and no more than a bound in one call."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from recorder.call.http.rate_limit import Allowance

__all__ = ["DisplayNames"]

_BURST: Final = 200
_PER_SECOND: Final = 20.0
"""How many names are masked at once, and after that. Learning one takes a redacting thread about a millisecond."""

_MOST_RENAMES: Final = 2000
"""Names in one call beyond the first of each participant, of whom there are at most a thousand."""


class DisplayNames:
    """Hands names on; the first name of anybody comes before later ones, and is never left out.

    Args:
        mask: takes names; returns at once.

    Attributes:
        left_out: names beyond the bound of a call.
    """

    def __init__(self, mask: Callable[[Sequence[str]], None]) -> None:
        self._mask = mask
        self._first: deque[str] = deque()
        self._later: deque[str] = deque()
        self._renames = 0
        self._allowance = Allowance(_BURST, _PER_SECOND)
        self.left_out = 0

    def add(self, name: str, *, first: bool, time: float) -> None:
        """Have a name masked, now or soon.

        Args:
            name: as displayed.
            first: whether it is the first one of its participant.
            time: call time in seconds.
        """
        if first:
            self._first.append(name)
        elif self._renames < _MOST_RENAMES:
            self._renames += 1
            self._later.append(name)
        else:
            self.left_out += 1
        self.hand_on(time)

    def hand_on(self, time: float) -> None:
        """Hand on what has waited, as far as the bound lets it at a call time; call it about once a second."""
        names: list[str] = []
        while (self._first or self._later) and self._allowance.take(time):
            names.append((self._first or self._later).popleft())
        if names:
            self._mask(names)

    def hand_on_all(self) -> None:
        """Hand on all that waits: the call is over, and what was said in it is looked through once more."""
        names = [*self._first, *self._later]
        self._first.clear()
        self._later.clear()
        if names:
            self._mask(names)
