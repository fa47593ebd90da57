"""The tile around a head is found where a meeting window draws one, and nowhere else."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from redaction.model import Box, VideoFrame
from redaction.video.people.silhouette_tile import tile_of

HEAD = Box(100, 60, 200, 180)
WHOLE = Box(0, 0, 640, 360)


def room(seed: int = 0) -> NDArray[np.uint8]:
    """Return the luma of a picture without a flat line."""
    return np.random.default_rng(seed).integers(60, 200, (360, 640), dtype=np.uint8)


def frame_of(luma: NDArray[np.uint8]) -> VideoFrame:
    """Return a grey frame."""
    half = np.full(((luma.shape[0] + 1) // 2, (luma.shape[1] + 1) // 2), 128, np.uint8)
    return VideoFrame(luma, half, half.copy(), 0, Fraction(1, 30))


def gallery(gutter: int = 8) -> NDArray[np.uint8]:
    """Return four tiles."""
    luma = room()
    luma[180 - gutter // 2 : 180 + gutter // 2] = 20
    luma[:, 320 - gutter // 2 : 320 + gutter // 2] = 20
    return luma


@pytest.mark.parametrize("gutter", [2, 4, 8, 24])
def test_the_tile_ends_at_the_gutters(gutter: int) -> None:
    """A head in the first of four tiles has that tile, though its cover reaches into the next."""
    tile = tile_of(frame_of(gallery(gutter)), Box(100, 60, 330, 200))
    assert tile.x1 == tile.y1 == 0
    assert 318 <= tile.x2 <= 322
    assert 178 <= tile.y2 <= 182


def test_noise_of_a_codec_hides_no_gutter() -> None:
    """Gutters that differ by a few levels are gutters."""
    luma = gallery()
    noise = np.random.default_rng(1).integers(-3, 4, luma.shape)
    noisy = np.clip(luma.astype(np.int16) + noise, 16, 235).astype(np.uint8)
    assert tile_of(frame_of(noisy), HEAD).area < WHOLE.area / 3


def test_hair_as_dark_as_a_gutter_is_in_the_tile() -> None:
    """Where the head touches the gutter in its colour, the tile still begins in the gutter."""
    luma = gallery()
    luma[184:188, 90:260] = 20
    assert 178 <= tile_of(frame_of(luma), Box(100, 200, 240, 340)).y1 <= 184


def test_a_room_is_one_tile() -> None:
    """A picture without gutters is a tile of its own."""
    assert tile_of(frame_of(room()), HEAD) == WHOLE


def test_a_line_that_a_body_crosses_is_no_gutter() -> None:
    """A table's edge with an arm over it does not end a tile."""
    luma = room()
    luma[240:248] = 20
    assert tile_of(frame_of(luma), HEAD).y2 < 300
    luma[238:250, 150:165] = 120
    assert tile_of(frame_of(luma), HEAD) == WHOLE


def test_a_plain_background_is_no_gutter() -> None:
    """A wall of one colour between a person and their hand ends no tile: it has no straight edge."""
    luma = np.full((360, 640), 40, np.uint8)
    for row in range(360):
        luma[row, 90 + row % 40 : 200 + row % 50] = 120 + row % 60
    luma[200:260, 400:450] = room()[200:260, 400:450]
    assert tile_of(frame_of(luma), HEAD) == WHOLE


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(2, 120), st.integers(2, 120)),
    head=st.tuples(st.integers(-60, 140), st.integers(-60, 140), st.integers(0, 150), st.integers(0, 150)),
    level=st.integers(16, 235),
)
def test_any_picture_has_a_tile(size: tuple[int, int], head: tuple[int, int, int, int], level: int) -> None:
    """Whatever the size, the head and the colour, the tile lies in the frame."""
    x, y, wide, tall = head
    luma = np.full((size[1], size[0]), level, np.uint8)
    tile = tile_of(frame_of(luma), Box(x, y, x + wide, y + tall))
    assert tile.area > 0
    assert tile.clipped(*size) == tile
