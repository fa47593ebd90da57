"""Time stamps on the call clock: exact where they are sound, bounded where they are not."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.media.timeline import TrackClock, finer

_MS = Fraction(1, 1000)


def _clock(*, end: float | None = None, zero: Fraction = Fraction(0)) -> TrackClock:
    return TrackClock(
        raw_time_base=_MS, zero=zero, step=Fraction(1, 25), end=None if end is None else Fraction(end)
    )


def _placed(stamps: list[int | None], *, end: float | None = None) -> list[float]:
    clock = _clock(end=end)
    return [float(clock.place(stamp) * clock.time_base) for stamp in stamps]


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        pytest.param([0, 40, 80], [0, 0.04, 0.08], id="sound"),
        pytest.param([0, 33, 100, 101], [0, 0.033, 0.1, 0.101], id="uneven"),
        pytest.param([0, None, None, 120], [0, 0.04, 0.08, 0.12], id="missing"),
        pytest.param([None, None], [0, 0.04], id="none at all"),
        pytest.param([0, 40, 40, 80], [0, 0.04, 0.0401, 0.08], id="twice the same"),
        pytest.param([0, 40, 10, 80], [0, 0.04, 0.0401, 0.08], id="a little back"),
        pytest.param([0, 40, -50_000, -49_960], [0, 0.04, 0.08, 0.12], id="far back"),
        pytest.param([0, 40, 18_000_000, 18_000_040], [0, 0.04, 0.08, 0.12], id="hours ahead"),
        pytest.param([0, 40, 1_800_000], [0, 0.04, 1800], id="half an hour ahead"),
        pytest.param([-20, 20], [0, 0.02], id="before zero"),
        pytest.param([90_000_000, 90_000_040], [0, 0.04], id="far from zero"),
    ],
)
def test_stamps(stamps: list[int | None], times: list[float]) -> None:
    """Each kind of stamp is placed as the docstring says."""
    assert _placed(stamps) == pytest.approx(times, abs=1e-9)


def test_past_the_end_of_the_media() -> None:
    """A stamp past the end that the media states is a leap, however small an hour it is."""
    assert _placed([0, 40, 60_000], end=20) == pytest.approx([0, 0.04, 0.08])
    assert _placed([0, 40, 60_000], end=70) == pytest.approx([0, 0.04, 60])


@pytest.mark.parametrize(("sparse", "most"), [(True, 3700), (False, 8.1 * 3600)])
def test_many_jumps_do_not_add_up(sparse: bool, most: float) -> None:
    """Jumps of a quarter of an hour each make no more than the hours allowed."""
    clock = TrackClock(raw_time_base=_MS, zero=Fraction(0), step=Fraction(1, 25), end=None, sparse=sparse)
    placed = [clock.place(n * 900_000) * clock.time_base for n in range(100)]
    assert most * 0.7 < placed[-1] < most


def test_zero_is_hit_exactly() -> None:
    """A zero that is no multiple of the time base is met within 50 microseconds."""
    zero = Fraction(-1024, 44_100)
    clock = TrackClock(raw_time_base=Fraction(1, 25), zero=zero, step=Fraction(1, 25), end=None)
    assert float(clock.place(0) * clock.time_base) == pytest.approx(float(-zero), abs=5e-5)


@given(st.fractions(min_value=Fraction(1, 10**9), max_value=1))
def test_finer_divides(time_base: Fraction) -> None:
    """The finer time base divides the raw one a whole number of times."""
    ratio = time_base / finer(time_base)
    assert ratio.denominator == 1
    assert finer(time_base) <= Fraction(1, 10_000)


@given(st.lists(st.none() | st.integers(-(2**62), 2**62), min_size=1, max_size=60))
def test_time_always_rises_and_never_leaps(stamps: list[int | None]) -> None:
    """Whatever the stamps, time rises strictly from at least zero by at most an hour a step."""
    clock = _clock()
    placed = [clock.place(stamp) * clock.time_base for stamp in stamps]
    assert placed[0] >= 0
    assert all(0 < later - earlier <= 3600 for earlier, later in pairwise(placed))
