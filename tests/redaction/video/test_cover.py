"""Operators: the original is gone, the neighbours are untouched."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redaction.model import Box, Cover, CoverReason, VideoFrame
from redaction.video.cover import (
    FILL,
    covered,
    covered_whole,
    evened,
    mosaic,
    rounded_head,
    shows_cover,
    solid,
)


def noise(seed: int, width: int = 96, height: int = 64) -> VideoFrame:
    """Return a frame of noise."""
    random = np.random.default_rng(seed)
    half = ((height + 1) // 2, (width + 1) // 2)
    return VideoFrame(
        random.integers(16, 236, (height, width)).astype(np.uint8),
        random.integers(16, 240, half).astype(np.uint8),
        random.integers(16, 240, half).astype(np.uint8),
        3,
        Fraction(1, 30),
    )


def swapped(frame: VideoFrame, other: VideoFrame, box: Box) -> VideoFrame:
    """Return `frame` with what is inside the box, chroma samples that reach into it included, taken from `other`."""
    planes = [plane.copy() for plane in (frame.y, frame.u, frame.v)]
    for plane, source, step in zip(planes, (other.y, other.u, other.v), (1, 2, 2), strict=True):
        part = np.s_[box.y1 // step : -(-box.y2 // step), box.x1 // step : -(-box.x2 // step)]
        plane[part] = source[part]
    return VideoFrame(planes[0], planes[1], planes[2], frame.pts, frame.time_base)


BOXES = [Box(10, 12, 40, 50), Box(11, 13, 41, 51), Box(-9, -5, 20, 20), Box(80, 50, 200, 90), Box(5, 5, 6, 6)]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("size", [(96, 64), (95, 63)])
def test_solid_leaks_nothing(box: Box, size: tuple[int, int]) -> None:
    """Two frames that differ inside a box alone are the same after it was filled: nothing can be recovered."""
    one = noise(1, *size)
    two = swapped(one, noise(2, *size), box.clipped(*size))
    cover = Cover(box, CoverReason.FACE)
    a, b = covered(one, [cover]), covered(two, [cover])
    for left, right in zip((a.y, a.u, a.v), (b.y, b.u, b.v), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("box", BOXES)
def test_solid_is_flat_inside_and_exact_outside(box: Box) -> None:
    """Inside the evened box there is one colour in all planes; outside of it every sample is the original's."""
    one = noise(3)
    result = covered(one, [Cover(box, CoverReason.FACE)])
    area = evened(box, width=96, height=64)
    for plane, original, value, step in zip(
        (result.y, result.u, result.v), (one.y, one.u, one.v), FILL, (1, 2, 2), strict=True
    ):
        part = np.s_[area.y1 // step : area.y2 // step, area.x1 // step : area.x2 // step]
        assert (plane[part] == value).all()
        outside = np.ones(plane.shape, bool)
        outside[part] = False
        np.testing.assert_array_equal(plane[outside], original[outside])


def test_mask_covers_whole_chroma_samples() -> None:
    """A mask with odd edges leaks no chroma, and leaves what is two pixels away alone."""
    one = noise(4)
    box = Box(11, 7, 40, 30)
    mask = np.zeros((box.height, box.width), bool)
    mask[5:10, 4:11] = True
    result = covered(one, [Cover(box, CoverReason.MINOR, mask=mask)])
    rows, columns = np.nonzero(mask)
    assert (result.y[rows + box.y1, columns + box.x1] == FILL[0]).all()
    assert (result.u[(rows + box.y1) // 2, (columns + box.x1) // 2] == FILL[1]).all()
    far = np.ones(one.y.shape, bool)
    far[box.y1 + 3 : box.y1 + 12, box.x1 + 2 : box.x1 + 13] = False
    np.testing.assert_array_equal(result.y[far], one.y[far])


def test_mask_of_another_size_is_refused() -> None:
    """A mask that does not fit its box raises instead of covering something else."""
    one = noise(5)
    with pytest.raises(ValueError, match="size"):
        solid((one.y, one.u, one.v), Box(0, 0, 10, 10), mask=np.ones((4, 4), bool))


@pytest.mark.parametrize(
    "box", [Box(100, 80, 260, 300), Box(-40, 50, 90, 170), Box(3, 3, 30, 40), Box(560, 300, 700, 420)]
)
def test_mosaic_keeps_few_values(box: Box) -> None:
    """A mosaic has at most 8 blocks each way across the box (9 if the grid begins in one), quantised to 16."""
    one = noise(6, 640, 360)
    result = covered(one, [Cover(box, CoverReason.FACE)], pixelate=True)
    area = evened(box, width=640, height=360)
    part = result.y[area.y1 : area.y2, area.x1 : area.x2]
    across = 1 + int(np.any(part[:, 1:] != part[:, :-1], axis=0).sum())
    down = 1 + int(np.any(part[1:] != part[:-1], axis=1).sum())
    assert max(across, down) <= 9
    assert set(np.unique(part) % 16) == {8}


def test_mosaic_tells_only_rounded_means() -> None:
    """Shuffling the pixels of a block changes nothing in the result: only the mean was used."""
    random = np.random.default_rng(0)
    one = noise(7, 256, 256)
    two = VideoFrame(one.y.copy(), one.u, one.v, one.pts, one.time_base)
    block = two.y[64:96, 64:96]
    block[:] = random.permutation(block.ravel()).reshape(block.shape)
    box = Box(0, 0, 256, 256)
    a = covered(one, [Cover(box, CoverReason.FACE)], pixelate=True)
    b = covered(two, [Cover(box, CoverReason.FACE)], pixelate=True)
    np.testing.assert_array_equal(a.y, b.y)


def test_mosaic_covers_its_box_and_stays_near() -> None:
    """Every pixel of the box is replaced; nothing further than one block away is."""
    one = noise(8, 640, 360)
    planes = (one.y.copy(), one.u.copy(), one.v.copy())
    box = Box(100, 80, 228, 208)
    mosaic(planes, box)
    assert (planes[0][80:208, 100:228] % 16 == 8).all()
    far = np.ones(one.y.shape, bool)
    far[64:224, 84:244] = False
    np.testing.assert_array_equal(planes[0][far], one.y[far])


def test_whole_cover_keeps_size_and_time_only() -> None:
    """A frame covered whole is one colour, with the original's size and time."""
    one = noise(9, 95, 63)
    result = covered_whole(one)
    assert [set(np.unique(plane)) for plane in (result.y, result.u, result.v)] == [{value} for value in FILL]
    assert (result.y.shape, result.u.shape, result.pts) == (one.y.shape, one.u.shape, one.pts)


def test_originals_are_not_written_to() -> None:
    """Covering works on copies: the source's planes may be read-only."""
    one = noise(10)
    for plane in (one.y, one.u, one.v):
        plane.flags.writeable = False
    covered(one, [Cover(Box(0, 0, 50, 50), CoverReason.FACE)])
    covered(one, [Cover(Box(0, 0, 50, 50), CoverReason.FACE)], pixelate=True)


edges = st.one_of(st.floats(-3000, 3000), st.sampled_from([float("nan"), float("inf"), float("-inf")]))


@settings(max_examples=200, deadline=None)
@given(rect=st.tuples(edges, edges, edges, edges), size=st.tuples(st.integers(2, 97), st.integers(2, 65)))
def test_any_head_is_rounded_within_its_frame(
    rect: tuple[float, float, float, float], size: tuple[int, int]
) -> None:
    """Boxes anywhere, of any size, numbers or not, give a cover inside the frame, or none."""
    width, height = size
    box, mask = rounded_head(rect, width=width, height=height)
    assert box == box.clipped(width, height)
    if mask is not None:
        assert mask.shape == (box.height, box.width)
    if box.area:
        frame = covered(noise(1, width, height), [Cover(box, CoverReason.FACE, mask=mask)])
        assert frame.y.shape == (height, width)


def test_head_is_rounded_and_holds_its_middle() -> None:
    """A cover has no corners, is .85 to .93 of its box, and the face in its middle is in it whole."""
    box, mask = rounded_head((10, 10, 70, 90), width=200, height=200)
    assert mask is not None
    assert box == Box(10, 10, 70, 90)
    assert not mask[0, 0]
    assert not mask[-1, -1]
    assert 0.85 < mask.mean() < 0.93
    assert mask[12:-12, 10:-10].all()


def test_head_cut_off_by_the_border_keeps_its_shape() -> None:
    """What lies in the frame of a head at the border is covered as if all of it were there."""
    whole, full = rounded_head((20, 20, 80, 100), width=200, height=200)
    part, cut = rounded_head((-30, 20, 30, 100), width=200, height=200)
    assert (whole.width, part.width) == (60, 30)
    assert full is not None
    assert cut is not None
    np.testing.assert_array_equal(cut, full[:, 30:])


def test_mosaic_stays_within_its_mask() -> None:
    """A mosaic of a rounded face leaves what is around the face as it was, and nothing in it."""
    frame = noise(5, 160, 160)
    box, mask = rounded_head((30, 30, 110, 130), width=160, height=160)
    assert mask is not None
    result = covered(frame, [Cover(box, CoverReason.FACE, mask=mask)], pixelate=True)
    outside = np.ones((160, 160), bool)
    outside[box.y1 : box.y2, box.x1 : box.x2] = ~mask
    np.testing.assert_array_equal(result.y[outside], frame.y[outside])
    inside = ~outside
    assert (result.y[inside] % 16 == 8).all()


def test_a_stored_cover_is_told_by_its_grey() -> None:
    """What is covered shows the cover, also when a codec moved it by a few levels; noise shows hardly any."""
    frame = noise(6, 160, 120)
    result = covered(frame, [Cover(Box(20, 20, 60, 80), CoverReason.FACE)])
    shifted = VideoFrame(result.y + 3, result.u + 2, result.v - 2, result.pts, result.time_base)
    for item in (result, shifted):
        assert shows_cover(item)[20:80, 20:60].all()
        assert shows_cover(item)[:, 80:].mean() < 0.01
