"""The local engine: every item gives one outcome, and the machine is shared out without overlap."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from recorder.batch.contract import Outcome, OutcomeState
from recorder.batch.engines import local
from recorder.batch.engines.local import LocalEngine, PoolSize, size_up
from redaction.errors import InternalError, UsageError
from tests.paths import ROOT
from tests.recorder.batch.fakes import item_named, job_in

FAKE = "tests.recorder.batch.fakeworker"


def engine_of(folder: Path, jobs: int) -> LocalEngine:
    """Return an engine of fake workers."""
    return LocalEngine(job_in(folder, stall_s=1.0), PoolSize(jobs, 1, 1 << 30, ((),) * jobs), module=FAKE)


def collected(engine: LocalEngine, count: int) -> list[Outcome]:
    """Poll until that many outcomes have come."""
    outcomes: list[Outcome] = []
    deadline = time.monotonic() + 60
    while len(outcomes) < count and time.monotonic() < deadline:
        outcomes += [item for item in engine.poll(0.5) if isinstance(item, Outcome)]
    return outcomes


def test_every_item_gives_one_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Good and poisoned recordings side by side: one outcome each, by different workers."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    engine = engine_of(tmp_path, 2)
    try:
        engine.submit(item_named("exits", 1))
        engine.submit(item_named("waits", 2))
        with pytest.raises(InternalError):
            engine.submit(item_named("good", 3))
        found = {outcome.item[-1]: outcome for outcome in collected(engine, 2)}
        assert found["1"].state is OutcomeState.LOST
        assert found["2"].state is OutcomeState.PUBLISHED
        engine.submit(item_named("good", 4))
        assert collected(engine, 1)[0].state is OutcomeState.PUBLISHED
        assert engine.poll(0.1) == []
    finally:
        engine.close(now=True)
        engine.close(now=True)
    with pytest.raises(InternalError):
        engine.submit(item_named("good", 5))


def test_close_now_stops_what_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing at once ends a hanging worker long before its bound, and its item still gives an outcome."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    engine = engine_of(tmp_path, 1)
    engine.submit(item_named("hangs"))
    while not engine.poll(0.5):
        pass
    began = time.monotonic()
    engine.close(now=True)
    assert time.monotonic() - began < 5
    assert [outcome.state for outcome in collected(engine, 1)] == [OutcomeState.STOPPED]


@pytest.mark.parametrize(("jobs", "threads"), [(None, None), (1, None), (1, 1), (2, 1), (3, 2), (200, None)])
def test_shares(jobs: int | None, threads: int | None) -> None:
    """Every worker gets cores of this machine, as many as its threads where there are enough, and memory to live."""
    size = size_up(jobs, threads=threads)
    assert len(size.cores) == size.jobs == (jobs or size.jobs)
    assert size.memory_bytes >= 1 << 30
    all_cores = set(size_up(1).cores[0])
    for cores in size.cores:
        assert cores
        assert set(cores) <= all_cores
        assert len(set(cores)) == len(cores) >= min(size.threads, len(all_cores))


def test_workers_do_not_share_cores_while_there_are_enough() -> None:
    """As many workers as cores stand on a core each."""
    cores = len(size_up(1).cores[0])
    size = size_up(cores)
    assert len({core for share in size.cores for core in share}) == cores
    assert size.threads == 1


@pytest.mark.parametrize("jobs", [0, -1, 100_000])
def test_absurd_numbers_are_refused(jobs: int) -> None:
    """No worker, or far too many, is a usage error."""
    with pytest.raises(UsageError):
        size_up(jobs)


def test_no_more_workers_than_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single recording gets the whole machine."""
    free = local.free_bytes()
    monkeypatch.setattr(local, "free_bytes", lambda: free)  # what is free changes from moment to moment
    assert size_up(2, at_most=1) == size_up(1)
    assert size_up(2, at_most=0).jobs == 1


def test_idle_cores_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Towards the end a worker may use the cores of those that have nothing to do; when all are busy, its own alone."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(local, "_IDLE_S", 0.0)
    every = sorted(os.sched_getaffinity(0))
    if len(every) < 2:
        pytest.skip("this machine has one core")
    engine = LocalEngine(job_in(tmp_path), PoolSize(2, 1, 1 << 30, ((every[0],), (every[1],))), module=FAKE)
    try:
        for number in range(2):
            engine.submit(item_named("hangs", number))
        while not all(supervisor.pid for supervisor in engine._supervisors):
            engine.poll(0.1)
        pids = [supervisor.pid or 0 for supervisor in engine._supervisors]
        engine._under_way = 1
        engine.poll(0.1)
        assert {frozenset(os.sched_getaffinity(pid)) for pid in pids} == {frozenset(every[:2])}
        engine.submit(item_named("good", 3))
        assert sorted(os.sched_getaffinity(pid).pop() for pid in pids) == every[:2]
    finally:
        engine.close(now=True)
