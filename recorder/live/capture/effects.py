"""What follows from the events of a call and takes time, and the tasks that carry it out in order."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable

__all__ = ["Effect", "Effects"]

Effect = Callable[[], Awaitable[None]]


class _Line:
    """Effects that wait for one another; one that replaces another waits anew, behind all others."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, Effect] = {}
        self._changed = asyncio.Event()
        self._closed = False

    def add(self, effect: Effect, key: Hashable) -> None:
        self._waiting.pop(key, None)
        self._waiting[key] = effect
        self._changed.set()

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    async def next(self) -> Effect | None:
        while not self._waiting:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.pop(next(iter(self._waiting)))


class Effects:
    """Side effects on the disk and the call system, and what carries them out.

    Usual ones are done one after another. Urgent ones wait for no usual one, not even for one that is under way. A
    call system that does not answer in time costs its effect alone; any other error ends both.

    Attributes:
        tally: what could not be done, counted.
    """

    def __init__(self) -> None:
        self._usual = _Line()
        self._urgent = _Line()
        self.tally: Counter[str] = Counter()

    def schedule(self, effect: Effect, *, key: Hashable = None) -> None:
        """Have something done soon, after what was scheduled before.

        Args:
            effect: what to do.
            key: what waits under the same key is replaced: it is out of date. Nothing is replaced by default.
        """
        self._usual.add(effect, object() if key is None else key)

    def schedule_urgent(self, effect: Effect) -> None:
        """Have something done now; only what is urgent too comes before it."""
        self._urgent.add(effect, object())

    def close(self) -> None:
        """Have `run` return when all that was scheduled is done."""
        self._usual.close()
        self._urgent.close()

    async def run(self) -> None:
        """Carry out effects until `close` was called and none is left.

        Raises:
            ExceptionGroup: something could not be stored or erased; nothing that waits is carried out.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._carry_out(self._usual), name="usual effects")
            group.create_task(self._carry_out(self._urgent), name="urgent effects")

    async def _carry_out(self, line: _Line) -> None:
        while (effect := await line.next()) is not None:
            try:
                await effect()
            except (ConnectionError, TimeoutError):
                self.tally["call system did not answer"] += 1
