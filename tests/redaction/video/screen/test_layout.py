"""Corners of tiles and pictures before names."""

import cv2
import numpy as np

from redaction.model import Box
from redaction.video.screen.layout import at_corner, avatar


def tiles() -> np.ndarray:
    """Return luma of four grey tiles on black."""
    luma = np.full((480, 640), 16, np.uint8)
    for x, y in ((10, 10), (325, 10), (10, 245), (325, 245)):
        luma[y : y + 225, x : x + 305] = 90
    return luma


def test_corner_of_a_tile() -> None:
    """A tag in any corner of a tile is cornered; a line in its middle, or above it, is not."""
    luma = tiles()
    assert at_corner(luma, Box(16, 212, 100, 228))
    assert at_corner(luma, Box(540, 212, 624, 228))
    assert at_corner(luma, Box(331, 252, 420, 268))
    assert not at_corner(luma, Box(120, 120, 204, 136))
    assert not at_corner(luma, Box(430, 212, 500, 228))


def test_picture_before_a_name() -> None:
    """A disc with a letter before a name is boxed as a whole; where there is none, nothing is."""
    luma = np.full((100, 300), 40, np.uint8)
    name = Box(60, 44, 150, 56)
    assert avatar(luma, name) is None
    cv2.circle(luma, (40, 50), 12, 150, -1)
    box = avatar(luma, name)
    assert box is not None
    assert box.x1 <= 28 + 1
    assert box.x2 >= 52
    assert box.y1 <= 38
    assert box.y2 >= 62


def test_a_texture_is_no_picture_before_a_name() -> None:
    """What runs on up to the line is its ground; noise around a disc, as JPEG leaves it, does not make it one."""
    random = np.random.default_rng(4)
    name = Box(60, 44, 150, 56)
    assert avatar(random.integers(20, 220, (100, 300)).astype(np.uint8), name) is None
    luma = np.full((100, 300), 40, np.uint8)
    cv2.circle(luma, (40, 50), 12, 150, -1)
    specks = random.random((100, 300)) < 0.08
    luma[specks] += 20
    assert avatar(luma, name) is not None


def test_gutters_are_no_picture_before_a_name() -> None:
    """Where tiles meet before a tag nothing is boxed; a disc beside the gutter still is."""
    luma = tiles()
    tag = Box(331, 452, 420, 466)
    assert avatar(luma, tag) is None
    cv2.circle(luma, (360, 455), 8, 200, -1)
    beside = avatar(luma, Box(374, 448, 430, 464))
    assert beside is not None
    assert abs(beside.x1 - 352) <= 1
    assert abs(beside.x2 - 369) <= 1
