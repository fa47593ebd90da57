"""The engine of one machine: as many workers as cores and memory carry, each on cores of its own."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recorder.batch.contract import BatchEvent, JobSpec, Outcome, OutcomeState, Step, WorkItem
from recorder.batch.engines.supervisor import WORKER_GRACE_S, Supervisor
from recorder.runtime.hardening import place_of
from redaction.errors import ExitCode, InternalError, UsageError

__all__ = ["LocalEngine", "PoolSize", "free_bytes", "size_up"]

_WORKER_BYTES: Final = 3 << 29
"""What a worker takes at 720p with some room, 1.5 GiB. Source: README, Figures (1.14 GB with picture and speech)."""
_KEPT_FREE: Final = 0.1
"""Share of the free memory that is left to the system."""
_MOST_JOBS: Final = 256
_MOST_THREADS: Final = 4
"""Threads of one detector; more only wait for each other, and picture and sound run side by side anyway."""
_IDLE_S: Final = 3.0
"""A worker idle for so long tells that there is no more work, so its cores help the others."""
_OUTBOX: Final = 4096
_CGROUP: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class PoolSize:
    """How a machine is divided.

    Attributes:
        jobs: number of workers.
        threads: of each worker.
        memory_bytes: that each worker may take.
        cores: of each worker.
    """

    jobs: int
    threads: int
    memory_bytes: int
    cores: tuple[tuple[int, ...], ...]


def size_up(jobs: int | None = None, *, threads: int | None = None, at_most: int | None = None) -> PoolSize:
    """Divide this machine's cores and free memory among workers.

    Args:
        jobs: number of workers; None takes as many as cores and memory carry.
        threads: cores of each worker; None shares them out.
        at_most: no more workers than there are recordings; each then has more of the machine.

    Raises:
        UsageError: the number of workers is out of range.
    """
    cores = _cores()
    memory = int(free_bytes() * (1 - _KEPT_FREE))
    if jobs is None:
        jobs = max(1, min(len(cores), memory // _WORKER_BYTES))
    if not 1 <= jobs <= _MOST_JOBS:
        raise UsageError(f"The number of workers must lie between 1 and {_MOST_JOBS}.")
    if at_most is not None:
        jobs = max(1, min(jobs, at_most))
    share = threads or max(1, len(cores) // jobs)
    whole = tuple(
        tuple(cores[(first + step) % len(cores)] for step in range(min(share, len(cores))))
        for first in range(0, share * jobs, share)
    )
    return PoolSize(jobs=jobs, threads=share, memory_bytes=max(memory // jobs, _WORKER_BYTES), cores=whole)


def _cores() -> list[int]:
    allowed = (
        sorted(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else list(range(os.cpu_count() or 1))
    )
    quota = _read(_CGROUP / "cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit() and int(quota[1]):
        return allowed[: max(1, int(quota[0]) // int(quota[1]))]
    return allowed


def free_bytes() -> int:
    """Return how much memory is free, within the control group that this process is in."""
    free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) * 1024
    most, used = _read(_CGROUP / "memory.max").strip(), _read(_CGROUP / "memory.current").strip()
    if most.isdigit() and used.isdigit():
        free = min(free, max(0, int(most) - int(used)))
    return free


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""


def _outcome_of(supervisor: Supervisor, item: WorkItem) -> Outcome:
    try:
        return supervisor.run(item)
    except Exception as error:  # noqa: BLE001 - every item gives an outcome, or the driver would wait for ever
        supervisor.close()
        return Outcome(
            item=item.id,
            state=OutcomeState.LOST,
            status=int(ExitCode.INTERNAL),
            reason=f"Internal error ({place_of(error)}).",
        )


class LocalEngine:
    """An `Engine` of threads that hold one worker process each."""

    def __init__(
        self, job: JobSpec, size: PoolSize, *, module: str = "recorder.batch.engines.worker"
    ) -> None:
        """Make ready; worker processes start with their first recording.

        Args:
            job: what every worker knows.
            size: how the machine is divided.
            module: what is run as a worker.
        """
        self._inbox: queue.Queue[WorkItem | None] = queue.Queue(size.jobs)
        self._outbox: queue.Queue[BatchEvent] = queue.Queue(_OUTBOX)
        self._slots = size.jobs
        self._under_way = 0
        self._closed = False
        self._spread = False
        self._all_busy = time.monotonic()
        self._cores = size.cores
        self._supervisors = [
            Supervisor(job, name=f"w{number}", emit=self._emit, cores=cores, module=module)
            for number, cores in enumerate(size.cores, start=1)
        ]
        self._threads = [
            threading.Thread(target=self._serve, args=(supervisor,), name=f"batch-{number}", daemon=True)
            for number, supervisor in enumerate(self._supervisors, start=1)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def slots(self) -> int:
        """Number of workers."""
        return self._slots

    def submit(self, item: WorkItem) -> None:
        """Begin an item.

        Raises:
            InternalError: every slot is taken.
        """
        if self._closed or self._under_way >= self._slots:
            raise InternalError("A recording was given to an engine whose workers are all busy.")
        self._under_way += 1
        self._inbox.put_nowait(item)
        if self._under_way == self._slots:
            self._share_out(spread=False)

    def poll(self, timeout_s: float) -> Sequence[BatchEvent]:
        """Return what has happened, waiting at most that long for the first of it."""
        events: list[BatchEvent] = []
        if self._under_way < self._slots and time.monotonic() - self._all_busy > _IDLE_S:
            self._share_out(spread=True)
        try:
            events.append(self._outbox.get(timeout=max(0.001, timeout_s)))
            while len(events) < _OUTBOX:
                events.append(self._outbox.get_nowait())
        except queue.Empty:
            pass
        self._under_way -= sum(isinstance(item, Outcome) for item in events)
        return events

    def _share_out(self, *, spread: bool) -> None:
        """Give every worker its own cores while all are busy, and every core when some have nothing to do."""
        if not spread:
            self._all_busy = time.monotonic()
        if spread != self._spread:
            self._spread = spread
            every = tuple(sorted({core for cores in self._cores for core in cores}))
            for supervisor, cores in zip(self._supervisors, self._cores, strict=True):
                supervisor.confine(every if spread else cores)

    def close(self, *, now: bool) -> None:
        """End the workers; with `now` they give up what they do."""
        self._closed = True
        if now:
            for supervisor in self._supervisors:
                supervisor.stop()
        for thread in self._threads:
            if thread.is_alive():
                self._inbox.put(None)
        for thread in self._threads:
            thread.join(timeout=2 * WORKER_GRACE_S if now else None)

    def _serve(self, supervisor: Supervisor) -> None:
        try:
            while (item := self._inbox.get()) is not None:
                self._outbox.put(_outcome_of(supervisor, item))
        finally:
            supervisor.close()

    def _emit(self, step: Step) -> None:
        try:
            self._outbox.put_nowait(step)
        except queue.Full:
            return  # a display that lags misses a step; outcomes wait for room
