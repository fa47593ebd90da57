"""How long a job may take is judged by what was tried, and says how little that is."""

from __future__ import annotations

import pytest

from recorder.batch import estimate as module
from recorder.batch.contract import Outcome, WorkItem
from recorder.batch.engines.local import PoolSize
from recorder.batch.estimate import Estimate
from recorder.batch.ledger.records import PlannedItem
from tests.recorder.batch.fakes import item_named, outcome

SIZE = PoolSize(jobs=2, threads=1, memory_bytes=4 * 2**30, cores=())


def planned(*, to_do: int, bytes_to_do: int) -> PlannedItem:
    """Return the plan of a job."""
    return PlannedItem(
        listed=to_do + 3,
        bytes_listed=bytes_to_do,
        new=to_do,
        changed=0,
        kept=2,
        refused=1,
        elsewhere=0,
        to_do=to_do,
        bytes_to_do=bytes_to_do,
    )


def judged(plan: PlannedItem, count: int) -> Estimate:
    """Judge by some recordings of 100 bytes, of 2 s of work for 10 s of media each."""
    tried: list[tuple[WorkItem, Outcome]] = [
        (item.model_copy(update={"size": 100}), outcome(item))
        for item in (item_named(f"{at}.mp4", at) for at in range(count))
    ]
    return module._judge(plan, SIZE, tried)


def test_time_follows_from_size_and_workers() -> None:
    """Ten times the bytes take ten times as long, shared by two workers; the first try, which loads, does not count."""
    made = judged(planned(to_do=10, bytes_to_do=1000), 3)
    assert made.tried == 3
    assert made.seconds == pytest.approx(10)
    assert made.media_seconds == pytest.approx(100)


def test_one_try_is_better_than_none() -> None:
    """With a single recording tried, it is judged by, though it loaded the models; and one worker is enough."""
    made = judged(planned(to_do=1, bytes_to_do=100), 1)
    assert made.tried == 1
    assert made.seconds == pytest.approx(2)


def test_without_any_try_nothing_is_claimed() -> None:
    """A job of which nothing could be redacted gives no time, and the lines say why."""
    made = judged(planned(to_do=10, bytes_to_do=1000), 0)
    assert (made.seconds, made.row()["seconds"]) == (None, None)
    assert "cannot be told" in " ".join(made.lines())


def test_lines_say_how_little_was_tried() -> None:
    """Whoever reads them learns of how many recordings they come, and that nothing was published."""
    lines = judged(planned(to_do=10, bytes_to_do=1000), 3).lines()
    assert lines[0].startswith("13 recordings found: 10 to do")
    assert "judged by 3 recording(s)" in lines[2]
    assert lines[-1] == "Nothing was published."
