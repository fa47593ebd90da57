"""Planes of pictures: blank ones, fitting into a box, and pasting without touching what is around."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.media.planes import BLACK_Y, NEUTRAL, black, blank, fitted, paste, placed
from redaction.model import Box, VideoFrame


def test_blank_planes_have_the_size_of_their_picture() -> None:
    """The chroma of an odd size is rounded up."""
    y, u, v = blank(5, 3, luma=70)
    assert (y.shape, u.shape, v.shape) == ((3, 5), (2, 3), (2, 3))
    assert [int(plane.min()) for plane in (y, u, v)] == [70, NEUTRAL, NEUTRAL]
    assert [int(plane.max()) for plane in (y, u, v)] == [70, NEUTRAL, NEUTRAL]


def test_black_cannot_be_written_to() -> None:
    """The planes of a gap are shared, so that nobody may draw on them."""
    y, _, _ = black(4, 4)
    assert set(y.flat) == {BLACK_Y}
    with pytest.raises(ValueError, match="read-only"):
        y[0, 0] = 200


@given(
    st.integers(2, 4000), st.integers(2, 4000), st.integers(2, 2000), st.integers(2, 2000), st.integers(0, 99)
)
def test_a_fitted_box_is_even_and_inside(width: int, height: int, wide: int, high: int, left: int) -> None:
    """Whatever its shape, a picture has a place of at least two pixels on even pixels inside the box."""
    area = Box(left * 2, 10, left * 2 + (wide & ~1), 10 + (high & ~1))
    box = fitted(width, height, area)
    assert area.x1 <= box.x1 < box.x2 <= area.x2
    assert area.y1 <= box.y1 < box.y2 <= area.y2
    assert all(edge % 2 == 0 for edge in (box.x1, box.y1, box.width, box.height))


def test_pasting_leaves_the_rest() -> None:
    """Only the box changes, in luma and in chroma, also where the picture is scaled."""
    canvas = blank(16, 12)
    paste(blank(32, 32, luma=200), canvas, Box(4, 2, 12, 10))
    assert set(canvas[0][2:10, 4:12].flat) == {200}
    outside = canvas[0].copy()
    outside[2:10, 4:12] = BLACK_Y
    assert set(outside.flat) == {BLACK_Y}


def test_a_placed_frame_keeps_its_time() -> None:
    """A smaller frame stands in the middle of a black one; one of the size is returned as it is."""
    y, u, v = blank(8, 8, luma=200)
    frame = VideoFrame(y, u, v, 7, Fraction(1, 25))
    assert placed(frame, width=8, height=8) is frame
    larger = placed(frame, width=16, height=8)
    assert (larger.width, larger.height, larger.pts) == (16, 8, 7)
    assert set(larger.y[:, :4].flat) == {BLACK_Y}
    assert set(larger.y[:, 4:12].flat) == {200}
    assert not np.shares_memory(larger.y, frame.y)
