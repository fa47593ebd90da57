"""Views: what a detector is shown, and the way back to the frame."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from redaction.model import Box, VideoFrame
from redaction.video.view import TURNS, Rotation, View
from tests.redaction.video.scene import frame


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_what_is_seen_maps_back_to_where_it_is(turn: Rotation, scale: float) -> None:
    """A bright box found in a scaled and turned part of the frame maps back to its place in the frame."""
    box = Box(70, 40, 90, 64)
    given = frame([box])
    view = View.of(given, region=Box(41, 11, 131, 91), scale=scale, turn=turn)
    picture = view.picture(given)
    rows, columns = np.nonzero(picture.min(axis=2) > 150)
    corners = np.array([[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]], np.float32)
    mapped = view.to_frame(corners)
    low, high = mapped.min(axis=0), mapped.max(axis=0)
    np.testing.assert_allclose([*low, *high], [box.x1, box.y1, box.x2, box.y2], atol=2)


def test_colours_are_those_of_the_whole_conversion() -> None:
    """A view at full scale is what OpenCV makes of the same planes."""
    random = np.random.default_rng(1)
    planes = np.concatenate([random.integers(16, 236, (64, 96)), random.integers(16, 240, (32, 96))]).astype(
        np.uint8
    )
    u, v = planes[64:].reshape(2, 32, 48)
    given = VideoFrame(planes[:64], u, v, 0, Fraction(1, 30))
    expected = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
    np.testing.assert_array_equal(View.of(given, scale=1).picture(given), expected)


@pytest.mark.parametrize("size", [(2, 2), (3, 5), (161, 97), (1, 40)])
def test_odd_and_tiny_frames_can_be_shown(size: tuple[int, int]) -> None:
    """Frames of odd or tiny size give a picture of even size."""
    given = frame(size=size)
    picture = View.of(given, scale=2.0).picture(given)
    assert picture.ndim == 3
    assert picture.shape[0] % 2 == picture.shape[1] % 2 == 0
