"""Metrics tell how a call does in fixed series; no participant adds a label, a name or a minor to them."""

from __future__ import annotations

import re

from prometheus_client.parser import text_string_to_metric_families

from recorder.live.capture.status import CallStatus, ParticipantState, PersonStatus
from recorder.operations.metrics import CallMetrics

Series = dict[tuple[str, str], float]


class Clock:
    """Time by hand."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def series(metrics: CallMetrics) -> Series:
    """Parse the text as Prometheus does: name and label's value -> figure."""
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def person(number: int, *, level: str = "full", gaps: int = 0, lag_s: float = 0.0) -> PersonStatus:
    """Return one who is recorded."""
    return PersonStatus(number, ParticipantState.RECORDED, level=level, gaps=gaps, lag_s=lag_s)


def test_figures_follow_the_call() -> None:
    """Sessions, load steps, gaps, disk and events stand as the statuses and events said."""
    metrics = CallMetrics(clock=Clock())
    metrics.event("joined", number=1)
    metrics.event("joined", number=2)
    people = (person(1, level="half", gaps=2, lag_s=0.75), person(2))
    counts = {"recorded": 2, "notices not delivered": 3}
    metrics.show(CallStatus(seconds=5.0, people=people, stored_bytes=1000, free_bytes=10**10, counts=counts))
    metrics.show(CallStatus(seconds=6.0, people=(person(1, level="sparse", gaps=3),), free_bytes=10**9))
    found = series(metrics)
    assert found["offrecord_call_seconds", ""] == 6
    assert found["offrecord_sessions", ""] == 1
    assert found["offrecord_load_participants", "sparse"] == 1
    assert found["offrecord_load_participants", "half"] == 0
    assert found["offrecord_load_changes_total", "up"] == 2
    assert found["offrecord_load_changes_total", "down"] == 1
    assert found["offrecord_gaps_total", ""] == 3
    assert found["offrecord_disk_free_bytes", ""] == 10**9
    assert found["offrecord_events_total", "participant_joined"] == 2


def test_no_series_tells_of_a_minor() -> None:
    """Who was not proved to be an adult is counted among the erased, and nowhere else."""
    removed, erased = CallMetrics(), CallMetrics()
    removed.show(CallStatus(seconds=1.0, counts={"removed": 1}))
    erased.show(CallStatus(seconds=1.0, counts={"erased": 1}))
    assert series(removed) == series(erased)
    assert series(removed)["offrecord_participants", "erased"] == 1


def test_nothing_a_participant_does_makes_it_grow() -> None:
    """A thousand participants, odd events and odd levels give the series that an empty call has."""
    clock = Clock()
    metrics = CallMetrics(clock=clock)
    before = set(series(metrics))
    clock.now += 2
    for number in range(1000):
        metrics.event("Ada Example", who="Ada Example")
        one = person(number, level="Ada Example")
        metrics.show(CallStatus(seconds=1.0, people=(one,), counts={"Ada": 1}))
    assert set(series(metrics)) == before
    assert b"Ada" not in metrics.text()
    assert len(metrics.text()) < 10_000


def test_nothing_of_the_machine_is_told() -> None:
    """What the library collects by default (process, platform, times of making) is left out."""
    for name, _ in series(CallMetrics()):
        assert re.fullmatch(r"offrecord(_[a-z]+)+", name)
        assert not name.endswith("_created")


def test_many_requests_cost_one() -> None:
    """A text is rendered once a second at most."""
    clock = Clock()
    metrics = CallMetrics(clock=clock)
    first = metrics.text()
    metrics.event("joined", number=1)
    clock.now += 0.5
    assert metrics.text() is first
    clock.now += 0.6
    assert metrics.text() != first


def test_health_is_a_status_that_came_lately() -> None:
    """Before the first status all is well; half a minute without one is not."""
    clock = Clock()
    metrics = CallMetrics(clock=clock)
    clock.now += 1000
    assert metrics.healthy
    metrics.show(CallStatus(seconds=1.0))
    clock.now += 29
    assert metrics.healthy
    clock.now += 2
    assert not metrics.healthy
