"""Outlines of removed people: how often they are made, and what is covered between two."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from redaction.model import Box, VideoFrame
from redaction.video.change import thumbnail
from redaction.video.people.silhouette_track import Moment, Outlines, Patch
from tests.redaction.video.scene import HEIGHT, WIDTH, FakeSilhouette, frame

HEAD = Box(60, 20, 84, 44)


def moment(index: int, *, lit: Box | None = None, seen: bool = True) -> Moment:
    """Return a moment of a still scene, with a patch of light where asked."""
    item = frame([HEAD], index)
    if lit is not None:
        item.y[lit.y1 : lit.y2, lit.x1 : lit.x2] = 140
    return Moment(index, item, thumbnail(item), HEAD, seen)


def covered(outlines: Outlines, index: int, *, last: int, flicker: Box | None = None) -> NDArray[np.bool_]:
    """Return what is covered on a frame of a scene that ends, as a whole frame; a flicker lights every other frame."""

    def at(when: int) -> Moment:
        return moment(when, lit=flicker if when // Outlines.every % 2 else None)

    due = -(-index // Outlines.every) * Outlines.every
    patch = outlines.patch(1, at(index), at(due) if due <= last else None)
    assert patch is not None
    return whole(patch)


def whole(patch: Patch) -> NDArray[np.bool_]:
    """Return a patch as the mask of a whole frame."""
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[patch.box.y1 : patch.box.y2, patch.box.x1 : patch.box.x2] = patch.mask
    return mask


class FakeWavingSilhouette:
    """Outlines the head alone, and an arm on frames up to a time."""

    def __init__(self, arm_until: float) -> None:
        self._until = arm_until
        self.calls = 0

    def mask(self, frame: VideoFrame, head: Box, *, strict: bool = False) -> NDArray[np.bool_]:
        """Return head and arm."""
        self.calls += 1
        mask = np.zeros(frame.y.shape, np.bool_)
        mask[head.y1 : head.y2, head.x1 : head.x2] = True
        mask[60:70, 100:120] = frame.time < self._until
        return mask


class FakeFadingSilhouette(FakeSilhouette):
    """Is unsure from the second call on."""

    def mask(self, frame: VideoFrame, head: Box, *, strict: bool = False) -> NDArray[np.bool_] | None:
        """Return a mask once."""
        mask = super().mask(frame, head, strict=strict)
        return mask if self.calls == 1 else None


def test_still_person_is_outlined_once_a_second() -> None:
    """Ninety frames without change take three outlines: one holds on for at most 32 frames."""
    silhouette = FakeSilhouette()
    outlines = Outlines(silhouette)
    for index in range(90):
        assert covered(outlines, index, last=95)[20:, 60:84].all()
    assert silhouette.calls == 3


def test_moving_person_is_outlined_every_eighth_frame() -> None:
    """What changes beside the person has them outlined afresh every eight frames, not less and not more."""
    silhouette = FakeSilhouette()
    outlines = Outlines(silhouette)
    for index in range(64):
        covered(outlines, index, last=64, flicker=Box(84, 40, 100, 70))
    assert silhouette.calls == 9


def test_change_far_away_or_under_the_mask_needs_no_outline() -> None:
    """Only what changes beside the mask asks for a new outline."""
    for flicker in (Box(120, 10, 150, 40), Box(66, 60, 76, 80)):
        silhouette = FakeSilhouette()
        outlines = Outlines(silhouette)
        for index in range(32):
            covered(outlines, index, last=31, flicker=flicker)
        assert silhouette.calls == 1


def test_mask_between_two_outlines_is_their_union() -> None:
    """What either outline holds is covered on the frames between them."""
    outlines = Outlines(FakeWavingSilhouette(arm_until=0.1))
    flicker = Box(84, 30, 96, 60)
    masks = [covered(outlines, index, last=16, flicker=flicker) for index in range(16)]
    arms = [bool(mask[60:70, 100:120].all()) for mask in masks]
    assert arms[:8] == [True] * 8
    assert arms[9:] == [False] * 7


@settings(max_examples=60, deadline=None)
@given(
    x=st.integers(85, 110),
    y=st.integers(20, 80),
    side=st.integers(9, 40),
    index=st.integers(1, 7),
    far=st.booleans(),
)
def test_what_comes_out_of_the_person_is_covered_before_the_next_outline(
    x: int, y: int, side: int, index: int, far: bool
) -> None:
    """Whatever grows out of the mask between two outlines is covered, as far as it reaches."""
    outlines = Outlines(FakeSilhouette())
    first = moment(0)
    assert outlines.patch(1, first, first) is not None
    arm = Box(80, y, WIDTH if far else min(WIDTH, x + side), min(HEIGHT, y + side))
    patch = outlines.patch(1, moment(index, lit=arm), moment(8))
    assert patch is not None
    block = 4
    inner = Box(arm.x1, -(-arm.y1 // block) * block, arm.x2 // block * block, arm.y2 // block * block)
    assert whole(patch)[inner.y1 : inner.y2, inner.x1 : inner.x2].all()


def test_walls_that_a_moving_camera_changes_are_not_the_person() -> None:
    """When the whole picture changes between two outlines, only what is within two heads of the person is covered."""
    outlines = Outlines(FakeSilhouette())
    assert outlines.patch(1, moment(0), moment(0)) is not None
    patch = outlines.patch(1, moment(3, lit=Box(0, 0, WIDTH, HEIGHT)), moment(8))
    assert patch is not None
    mask = whole(patch)
    assert mask[:, HEAD.x1 : HEAD.x2][HEAD.y1 :].all()
    assert not mask[:, min(WIDTH - 1, HEAD.x2 + 2 * HEAD.width + 24) :].any()


def test_unsure_outline_next_to_a_frame_makes_it_unsure() -> None:
    """A frame between a sure and an unsure outline has no mask."""
    outlines = Outlines(FakeFadingSilhouette())
    assert outlines.patch(1, moment(0), moment(0)) is not None
    assert outlines.patch(1, moment(1), moment(8, lit=Box(84, 30, 96, 60))) is None


def test_after_the_last_sighting_the_last_outline_stands_in() -> None:
    """When the person may have left, the last outline, grown, is covered instead of the whole frame."""
    outlines = Outlines(FakeFadingSilhouette())
    assert outlines.patch(1, moment(0), moment(0)) is not None
    flicker = Box(84, 60, 96, 90)
    later = outlines.patch(1, moment(1, lit=flicker, seen=False), moment(8, lit=flicker, seen=False))
    assert later is not None
    assert whole(later)[20:, 58:86].all()


def test_mask_of_another_size_is_refused() -> None:
    """A silhouette that does not fit its frame raises; the engine covers the frame whole."""

    class FakeSmallSilhouette:
        """Returns a mask of the wrong size."""

        def mask(self, frame: VideoFrame, head: Box, *, strict: bool = False) -> NDArray[np.bool_]:
            """Return a small mask."""
            return np.ones((4, 4), np.bool_)

    with pytest.raises(ValueError, match="size"):
        Outlines(FakeSmallSilhouette()).patch(1, moment(0), moment(0))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_patch_holds_every_pixel_of_its_mask(data: st.DataObject) -> None:
    """Nothing of a mask is lost when it is cut down to its box, whose edges are even or the frame's."""
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    mask = np.zeros((height, width), np.bool_)
    for _ in range(data.draw(st.integers(0, 3))):
        mask[data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))] = True
    patch = Patch.of(mask)
    back = np.zeros_like(mask)
    back[patch.box.y1 : patch.box.y2, patch.box.x1 : patch.box.x2] = patch.mask
    np.testing.assert_array_equal(back, mask)
    assert patch.box.x1 % 2 == patch.box.y1 % 2 == 0
