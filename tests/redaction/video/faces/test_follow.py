"""Following a face by its pixels: on, back, at the border, and not where nothing looks like it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from redaction.model import VideoFrame
from redaction.video.faces.detect import Rect
from redaction.video.faces.follow import Template
from tests.redaction.video.scene import frame

SIZE = (320, 240)


def textured(x: int, y: int, *, seed: int = 1, side: int = 40) -> VideoFrame:
    """Return a frame with a patch of coarse texture at a place."""
    random = np.random.default_rng(seed)
    look = np.kron(random.integers(30, 220, (side // 5, side // 5)), np.ones((5, 5)))
    ground: NDArray[np.uint8] = np.full((SIZE[1], SIZE[0]), 90, np.uint8)
    ground[y : y + side, x : x + side] = look.astype(np.uint8)
    return frame((), ground=ground, size=SIZE)


def box(x: float, y: float, side: float = 40.0) -> Rect:
    """Return a square."""
    return x, y, x + side, y + side


def test_a_patch_is_found_where_it_went() -> None:
    """A face that moves by a third of its size is found to within two pixels."""
    template = Template.of(textured(100, 80), box(100, 80))
    assert template is not None
    found = template.found(textured(113, 74), box(100, 80))
    assert found is not None
    np.testing.assert_allclose(found, box(113, 74), atol=2)


def test_nothing_is_found_where_another_patch_stands() -> None:
    """What looks otherwise is not taken for the face, and a flat wall is neither followed nor found."""
    template = Template.of(textured(100, 80), box(100, 80))
    assert template is not None
    assert template.found(textured(100, 80, seed=2), box(100, 80)) is None
    assert template.found(frame((), size=SIZE), box(100, 80)) is None
    assert Template.of(frame((), size=SIZE), box(100, 80)) is None


def test_a_face_is_followed_to_the_border_and_no_further() -> None:
    """A face that comes to the border is found; one of which less than half would be in the picture is not."""
    whole = Template.of(textured(12, 80), box(12, 80))
    assert whole is not None
    assert whole.found(textured(4, 80), box(12, 80)) is not None
    assert whole.found(textured(4, 80), box(-30, 80)) is None


edges = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([float("nan"), float("inf"), float("-inf")]))


@settings(max_examples=150, deadline=None)
@given(rect=st.tuples(edges, edges, edges, edges), near=st.tuples(edges, edges, edges, edges))
def test_any_box_is_followed_or_dropped(rect: Rect, near: Rect) -> None:
    """Boxes anywhere, of any size, numbers or not, raise nothing."""
    picture = textured(100, 80)
    template = Template.of(picture, rect) or Template.of(picture, box(100, 80))
    assert template is not None
    template.found(picture, near)
