"""The governor: raises the level soon, lowers it late, and never past what still covers everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.live.capture.load_shedding import CADENCES, FRAME_STEPS, Governor, Level, Load, spares
from redaction.video.faces.tracklet import Reach

CALM, BUSY = Load(0.05, 0.1), Load(2.2, 0.4)


def test_nothing_is_spared_without_need() -> None:
    """A worker that keeps up stays at full level for ever."""
    governor = Governor()
    assert {governor.observe(CALM, now=second / 10) for second in range(6000)} == {Level.FULL}


def test_strain_raises_step_by_step_to_covers() -> None:
    """Pictures that wait raise the level one step at a time, a second apart, up to whole covers and no further."""
    governor = Governor()
    levels = [governor.observe(BUSY, now=tick / 10) for tick in range(80)]
    assert levels[0] is Level.SPARSE
    changes = [at / 10 for at in range(1, 80) if levels[at] is not levels[at - 1]]
    assert changes == [1.0, 2.0, 3.0]
    assert levels[-1] is Level.COVERED


def test_the_step_that_costs_no_picture_comes_first_and_early() -> None:
    """Half a second makes looks sparser; nothing more happens before two seconds wait."""
    governor = Governor()
    assert {governor.observe(Load(1.9, 0.1), now=tick / 10) for tick in range(600)} == {Level.SPARSE}
    assert governor.observe(Load(2.1, 0.1), now=60.0) is Level.HALF


def test_a_step_that_helps_is_given_time() -> None:
    """While what waits gets less the level stays, however much it still is; once it does not it rises."""
    governor = Governor()
    levels = {governor.observe(Load(10.0 * 0.97**tick, 0.4), now=tick / 10) for tick in range(50)}
    assert levels == {Level.SPARSE}
    stuck = 10.0 * 0.97**49
    assert stuck > 2.0
    later = [governor.observe(Load(stuck, 0.4), now=5 + tick / 10) for tick in range(25)]
    assert later[-1] > Level.SPARSE


def test_a_full_queue_raises_without_a_lag() -> None:
    """A queue that fills up counts like pictures that wait."""
    assert Governor().observe(Load(0.0, 0.7), now=0.0) is Level.SPARSE


def test_calm_lowers_late() -> None:
    """The level goes down one step after five calm seconds, not before, and only while it stays calm."""
    governor = Governor()
    governor.observe(BUSY, now=0.0)
    governor.observe(CALM, now=1.0)
    assert governor.observe(CALM, now=5.9) is Level.SPARSE
    governor.observe(Load(0.5, 0.1), now=5.95)  # neither calm nor strained
    assert governor.observe(CALM, now=6.1) is Level.SPARSE
    assert governor.observe(CALM, now=11.2) is Level.FULL


def test_a_level_that_does_not_hold_is_tried_ever_later() -> None:
    """A machine that only keeps up when it spares does not swing between two levels all the time."""
    governor = Governor()
    changes, last = 0, Level.FULL
    for tick in range(6000):
        level = governor.observe(BUSY if governor.level is Level.FULL else CALM, now=tick / 10)
        changes += level is not last
        last = level
    assert changes < 40  # five seconds of patience alone would make 200


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 1)), max_size=200))
def test_level_moves_one_step_at_a_time(loads: list[tuple[float, float]]) -> None:
    """Whatever the load, the level changes by one step and stays within its range."""
    governor = Governor()
    last = governor.level
    for tick, (lag, fill) in enumerate(loads):
        level = governor.observe(Load(lag, fill), now=tick / 5)
        assert abs(level - last) <= 1
        assert Level.FULL <= level <= Level.COVERED
        last = level


def test_looks_stay_within_what_the_linker_bridges() -> None:
    """At every level the time between two whole looks is one over which a face stays covered by itself."""
    for level, cadence in CADENCES.items():
        reach = Reach().spanning(cadence.key)
        assert max(cadence.key, FRAME_STEPS[level] if level < Level.COVERED else 0) <= reach.extend_weak
        assert cadence.key <= reach.bridge / 2
        assert cadence.turned_score == CADENCES[Level.FULL].turned_score


def test_levels_leave_out_pictures_and_nothing_else() -> None:
    """Of 30 pictures a second all, all, half, four, and one are taken at the five levels."""
    taken: list[int] = []
    for level in Level:
        last, count = float("-inf"), 0
        for index in range(300):
            if not spares(level, since=index / 30 - last):
                last, count = index / 30, count + 1
        taken.append(count)
    assert taken[:3] == [300, 300, 150]
    assert 36 <= taken[3] <= 44
    assert taken[4] == 10
