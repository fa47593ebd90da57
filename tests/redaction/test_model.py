"""Boxes and spans: half-open, rounded outward, never negative."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redaction.model import Box, Span

edges = st.integers(-500, 500)
boxes = st.builds(Box, edges, edges, edges, edges)


@given(boxes, boxes)
def test_intersection_lies_in_both_and_union_holds_both(a: Box, b: Box) -> None:
    """No area is made up by an intersection, none is lost by a union."""
    shared = a.intersection(b)
    assert shared.area <= min(a.area, b.area)
    assert a.union(b).area >= max(a.area, b.area)
    assert 0 <= a.iou(b) <= 1


@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(0, 50), st.floats(0, 50))
def test_rounding_outward_never_loses_a_pixel(x: float, y: float, w: float, h: float) -> None:
    """The whole-pixel box holds the float rectangle."""
    box = Box.outward(x, y, x + w, y + h)
    assert box.x1 <= x
    assert box.y1 <= y
    assert box.x2 >= x + w
    assert box.y2 >= y + h


@given(boxes, st.integers(1, 300), st.integers(1, 300))
def test_clipped_box_indexes_a_frame(box: Box, width: int, height: int) -> None:
    """A clipped box lies within the frame."""
    inside = box.clipped(width, height)
    assert 0 <= inside.x1 <= width
    assert 0 <= inside.y2 <= height


def test_a_span_cannot_end_before_it_starts() -> None:
    """Time never runs backwards, and not-a-number is no time."""
    with pytest.raises(ValueError, match="ends before"):
        Span(2, 1)
    with pytest.raises(ValueError, match="ends before"):
        Span(0, float("nan"))


def test_spans_that_touch_do_not_overlap() -> None:
    """Half-open spans that touch share no time."""
    assert not Span(0, 1).overlaps(Span(1, 2))
    assert Span(0, 1.1).overlaps(Span(1, 2))
