"""What follows from the events of a call and takes time: done one after another, in the order in which it was asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final

__all__ = ["Effect", "Effects"]

Effect = Callable[[], Awaitable[None]]

_URGENT: Final = 0
_USUAL: Final = 1
_END: Final = 2


class Effects:
    """A queue of side effects on the disk and the call system, and the task that carries them out.

    Urgent ones overtake all that wait. A call system that does not answer in time costs its effect alone; any other
    error ends the queue.

    Attributes:
        tally: what could not be done, counted.
    """

    def __init__(self) -> None:
        self._queue: asyncio.PriorityQueue[tuple[int, int, Effect | None]] = asyncio.PriorityQueue()
        self._order = count()
        self.tally: Counter[str] = Counter()

    def schedule(self, effect: Effect, *, urgent: bool = False) -> None:
        """Have something done soon."""
        self._queue.put_nowait((_URGENT if urgent else _USUAL, next(self._order), effect))

    def close(self) -> None:
        """Have `run` return when all that was scheduled is done."""
        self._queue.put_nowait((_END, next(self._order), None))

    async def run(self) -> None:
        """Carry out effects until `close` was called and none is left.

        Raises:
            OffrecordError: something could not be stored or erased; nothing that waits is carried out.
        """
        while True:
            *_, effect = await self._queue.get()
            if effect is None:
                return
            try:
                await effect()
            except (ConnectionError, TimeoutError):
                self.tally["call system did not answer"] += 1
