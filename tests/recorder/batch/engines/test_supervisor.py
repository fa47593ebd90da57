"""A worker that dies, hangs, swells or babbles costs its recording and nothing else."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder.batch.contract import OutcomeState, Step
from recorder.batch.engines import supervisor as module
from recorder.batch.engines.supervisor import Supervisor
from tests.paths import ROOT
from tests.recorder.batch.fakes import item_named, job_in

FAKE = "tests.recorder.batch.fakeworker"
TIGHT = {"stall_s": 2.0, "opening_s": 20.0, "least_s": 4.0, "memory_bytes": 300 << 20}


@pytest.fixture
def steps() -> list[Step]:
    """What was told."""
    return []


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[Step]) -> Iterator[Supervisor]:
    """A supervisor of fake workers with tight bounds."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    supervisor = Supervisor(job_in(tmp_path, **TIGHT), name="w1", emit=steps.append, module=FAKE)
    yield supervisor
    supervisor.close()


def test_one_worker_serves_many(held: Supervisor, steps: list[Step]) -> None:
    """Recordings that go well meet the same process, so models are loaded once; steps arrive."""
    outcomes = [held.run(item_named("good", number)) for number in range(3)]
    assert {outcome.state for outcome in outcomes} == {OutcomeState.PUBLISHED}
    assert len({outcome.bundle for outcome in outcomes}) == 1
    assert [step.item for step in steps] == [f"{number:016x}" for number in range(3)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hangs", "Nothing moved"),
        ("exits", "ended with status 9"),
        ("dies", "ended by signal 9"),
        ("eats", "300 MiB of memory"),
        ("babbles", "could not be understood"),
        ("shouts", "could not be understood"),
        ("crawls", "more than 5 s"),
    ],
)
def test_poisoned(name: str, reason: str, held: Supervisor) -> None:
    """Whatever a recording does to its worker is LOST with a reason in time, and the next recording is served."""
    began = time.monotonic()
    outcome = held.run(item_named(name))
    assert outcome.state is OutcomeState.LOST
    assert reason in outcome.reason
    assert "secret" not in outcome.reason
    assert name not in outcome.reason.split()
    assert time.monotonic() - began < 15
    after = held.run(item_named("good", 1))
    assert after.state is OutcomeState.PUBLISHED
    assert held.pid == int(after.bundle)


def test_length_that_never_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording whose length is not known in time is given up; a large one has a second more for each MiB."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    supervisor = Supervisor(job_in(tmp_path, opening_s=0.2), name="w1", emit=lambda _: None, module=FAKE)
    item = item_named("opens for ever")
    outcome = supervisor.run(item)
    assert (outcome.state, "length was not known" in outcome.reason) == (OutcomeState.LOST, True)
    large = item.model_copy(update={"size": 3 << 20})
    assert "after 3 s" in supervisor.run(large).reason
    supervisor.close()


@pytest.mark.parametrize("name", ["hangs", "hangs on"])
def test_stopped(name: str, held: Supervisor, steps: list[Step], monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording under way is given up when asked, also by a worker that ignores the question."""
    monkeypatch.setattr(module, "WORKER_GRACE_S", 0.3)

    def stop() -> None:
        while not steps:
            time.sleep(0.02)
        held.stop()

    asker = threading.Thread(target=stop)
    asker.start()
    assert held.run(item_named(name)).state is OutcomeState.STOPPED
    asker.join()
    assert held.run(item_named("good")).state is OutcomeState.STOPPED


def test_killed_from_outside(held: Supervisor, steps: list[Step]) -> None:
    """Kill -9 of a worker costs one try, and no process is left behind."""

    def kill() -> None:
        while not steps:
            time.sleep(0.02)
        os.kill(held.pid or 0, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = held.run(item_named("hangs"))
    killer.join()
    assert outcome.state is OutcomeState.LOST
    assert "signal 9" in outcome.reason
    pid = held.pid
    assert held.run(item_named("good")).state is OutcomeState.PUBLISHED
    assert held.pid != pid
    held.close()
    assert held.pid is None


def test_worker_that_cannot_start(tmp_path: Path) -> None:
    """A worker whose module is missing gives an outcome, not an error."""
    supervisor = Supervisor(job_in(tmp_path), name="w1", emit=lambda _: None, module="recorder.batch.nowhere")
    assert supervisor.run(item_named("good")).state is OutcomeState.LOST
    supervisor.close()


def test_outcomes_and_steps_carry_no_source(held: Supervisor, steps: list[Step]) -> None:
    """What a source is called stays with the item: neither step nor outcome nor any repr tells it."""
    item = item_named("Adaeze Okonkwo")
    outcome = held.run(item)
    assert "Adaeze" not in outcome.model_dump_json() + "".join(step.model_dump_json() for step in steps)
    assert "Adaeze" not in repr(item) + str(item)
