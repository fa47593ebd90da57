"""How a picture moves as a whole: pans, zooms and hands are found, what moves before the camera is not taken for it."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from redaction.model import Box
from redaction.video.camera import STILL, Camera, Motion, carried, is_free, is_still, moved_box

WIDTH, HEIGHT = 640, 360


def wall(seed: int = 1, *, width: int = WIDTH, height: int = HEIGHT, shapes: int = 60) -> NDArray[np.uint8]:
    """Return a picture of soft shapes with corners."""
    random = np.random.default_rng(seed)
    picture = np.full((height, width), 120, np.uint8)
    for _ in range(shapes):
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        w, h = int(random.integers(10, 90)), int(random.integers(10, 90))
        cv2.rectangle(picture, (x, y), (x + w, y + h), int(random.integers(20, 230)), -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)


def moved(picture: NDArray[np.uint8], motion: Motion) -> NDArray[np.uint8]:
    """Return a picture as a camera shows it after a motion."""
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.warpAffine(picture, motion[:2], size, borderMode=cv2.BORDER_REFLECT), np.uint8)


def motion_of(scale: float, across: float, down: float) -> Motion:
    """Return a zoom and a shift."""
    return np.array([[scale, 0, across], [0, scale, down], [0, 0, 1]], np.float64)


@pytest.mark.parametrize(
    ("scale", "across", "down"), [(1.0, 9.0, 0.0), (1.06, -14.0, -8.0), (1.0, -3.5, 6.25)]
)
def test_pan_and_zoom_are_found(scale: float, across: float, down: float) -> None:
    """Every corner of the frame is found where it went, to a pixel."""
    camera, true = Camera(), motion_of(scale, across, down)
    camera.anchor(wall())
    found = camera.find(moved(wall(), true))
    corners = np.array([[0, WIDTH, 0, WIDTH], [0, 0, HEIGHT, HEIGHT], [1, 1, 1, 1]], np.float64)
    assert np.abs((found - true) @ corners).max() < 1.0


def test_long_pan_is_followed_after_the_anchor_left_the_frame() -> None:
    """A camera that pans by more than its frame is followed step by step, to 2 % of the way."""
    wide = wall(width=3 * WIDTH)
    camera = Camera()
    camera.anchor(wide[:, :WIDTH])
    for step in range(1, 61):
        found = camera.find(np.ascontiguousarray(wide[:, 12 * step : 12 * step + WIDTH]))
        assert found[0, 2] == pytest.approx(-12 * step, rel=0.02, abs=1.0)


def test_what_moves_before_a_still_camera_does_not_move_the_picture() -> None:
    """A third of the frame that goes by leaves the picture still; so do noise, blank pictures and another size."""
    camera, other = Camera(), wall(7)
    camera.anchor(wall())
    passing = wall()
    passing[:, 100:320] = other[:, 60:280]
    assert camera.find(passing) is STILL
    noise = np.random.default_rng(0).normal(0, 4, (HEIGHT, WIDTH))
    assert camera.find(np.clip(wall() + noise, 0, 255).astype(np.uint8)) is STILL
    assert camera.find(wall(width=WIDTH // 2)) is STILL
    camera.anchor(np.full((HEIGHT, WIDTH), 90, np.uint8))
    assert camera.find(np.full((HEIGHT, WIDTH), 90, np.uint8)) is STILL


def test_page_that_scrolls_is_not_free() -> None:
    """A shift along one axis is a page's, a zoom or a shift along both a camera's."""
    assert not is_free(motion_of(1.0, 0.3, -40.0), width=WIDTH, height=HEIGHT)
    assert is_free(motion_of(1.0, 4.0, -40.0), width=WIDTH, height=HEIGHT)
    assert is_free(motion_of(1.02, 0.0, 0.0), width=WIDTH, height=HEIGHT)
    assert is_still(motion_of(1.0, 0.3, 0.0), width=WIDTH, height=HEIGHT)


def test_box_and_picture_are_carried_to_the_same_place() -> None:
    """What a box held is in the box that a motion makes of it."""
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    picture[100:120, 200:260] = 255
    motion = motion_of(1.1, -20.0, 8.0)
    box = moved_box(motion, Box(200, 100, 260, 120))
    inked = np.argwhere(carried(picture, motion) > 60)
    assert (inked.min(axis=0) >= (box.y1, box.x1)).all()
    assert (inked.max(axis=0) < (box.y2, box.x2)).all()
    part = carried(picture, motion, onto=box)
    assert part.shape == (box.height, box.width)
    assert moved_box(STILL, box) == box
