"""Where times stand once stretches are cut out."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.review.cuts import Cuts
from redaction.model import Span

few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
spans = st.lists(
    st.tuples(st.floats(0, 100), st.floats(0, 100)).map(lambda pair: Span(min(pair), max(pair))), max_size=6
)


@few
@given(spans, st.floats(0, 100), st.floats(0, 100))
def test_time_never_runs_backwards(cut: list[Span], one: float, other: float) -> None:
    """Whatever is cut, what came first still comes first, and nothing lies beyond the end."""
    cuts = Cuts(cut, duration=100)
    first, second = sorted((one, other))
    assert 0 <= cuts.moved(first) <= cuts.moved(second) <= cuts.duration + 1e-6


@few
@given(spans)
def test_what_stays_and_what_goes_is_all(cut: list[Span]) -> None:
    """Kept and cut stretches add up to the whole."""
    cuts = Cuts(cut, duration=100)
    kept = sum(span.duration for span in cuts.kept())
    assert abs(kept - cuts.duration) < 1e-6
    assert abs(kept + sum(span.duration for span in cuts.spans) - 100) < 1e-6


def test_spans_move_shrink_or_go() -> None:
    """A span after a cut moves, one over its edge shrinks, one inside it goes."""
    cuts = Cuts([Span(2, 4)], duration=10)
    assert cuts.moved_span(Span(5, 6)) == Span(3, 4)
    assert cuts.moved_span(Span(1, 3)) == Span(1, 2)
    assert cuts.moved_span(Span(2.5, 3.5)) is None
    assert cuts.moved_span(Span(3, 3)) is None
    assert cuts.moved_span(Span(4, 4)) == Span(2, 2)
