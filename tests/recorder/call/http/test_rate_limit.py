"""Allowances."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.call.http.rate_limit import Allowance


@given(st.lists(st.floats(0, 100), max_size=200), st.integers(1, 10), st.floats(0.1, 10))
def test_never_more_than_allowed(times: list[float], burst: int, rate: float) -> None:
    """Whatever the clock does, no more pass than the burst and what time has earned."""
    allowance = Allowance(burst, rate)
    passed = sum(allowance.take(time) for time in times)
    span = max(times, default=0.0) - (times[0] if times else 0.0)
    assert passed <= burst + span * rate + 1e-6


def test_it_comes_back() -> None:
    """What was used up is there again after a while."""
    allowance = Allowance(1, 0.5)
    assert [allowance.take(time) for time in (0.0, 1.0, 2.0, 2.5)] == [True, False, True, False]
