"""Ages and outlines: who is asked, how often, and what holds between two outlines."""

from itertools import count

import numpy as np
import pytest
from numpy.typing import NDArray

from redaction.model import Box, VideoFrame
from redaction.video.cuts import thumbnail
from redaction.video.detect import Detection
from redaction.video.minors import Ages, Moment, Outlines
from tests.redaction.video.scene import FakeJudge, FakeSilhouette, frame

HEAD = Box(60, 20, 84, 44)
SEEN = Detection((60, 20, 84, 44), 0.9, np.zeros((5, 2), np.float32))


def moments(first: int, last: int, *, seen: bool = True) -> list[Moment]:
    """Return moments of a still scene."""
    given = [frame([HEAD], index) for index in range(first, last)]
    return [Moment(index, item, thumbnail(item), HEAD, seen) for index, item in enumerate(given, first)]


def test_two_tracks_never_share_a_number() -> None:
    """Tracklets of two tracks that share a judge are different people to it."""
    judge, numbers = FakeJudge(), count(1)
    one, two = Ages(judge, numbers=numbers), Ages(judge, numbers=numbers)
    one.observe(1, frame(), SEEN)
    two.observe(1, frame(), SEEN)
    assert judge.observed == [1, 2]
    one.forget(1)
    assert judge.forgotten == [1]


def test_face_without_landmarks_is_not_judged() -> None:
    """A face whose eyes are unknown is shown to nobody, and is no adult."""
    judge = FakeJudge()
    ages = Ages(judge, numbers=count(1))
    ages.observe(1, frame(), Detection(SEEN.box, 0.9))
    assert judge.observed == []
    assert not ages.is_adult(1)


def test_unseen_tracklet_is_no_adult() -> None:
    """Whoever was never observed is a minor."""
    assert not Ages(FakeJudge(), numbers=count(1)).is_adult(7)


def test_person_is_outlined_every_eighth_frame() -> None:
    """Twenty frames of one person take six outlines: every eighth frame, and the last ones themselves."""
    silhouette = FakeSilhouette()
    outlines = Outlines(silhouette)
    for index in range(20):
        mask = outlines.mask(1, moments(index, min(20, index + 9)))
        assert mask is not None
        assert mask[20:, 60:84].all()
    assert silhouette.calls <= 6


class FakeWavingSilhouette:
    """Outlines the head alone, and an arm on frames up to a time."""

    def __init__(self, arm_until: float) -> None:
        self._until = arm_until

    def mask(self, frame: VideoFrame, head: Box) -> NDArray[np.bool_]:
        """Return head and arm."""
        mask = np.zeros(frame.y.shape, np.bool_)
        mask[head.y1 : head.y2, head.x1 : head.x2] = True
        mask[60:70, 100:120] = frame.time < self._until
        return mask


def test_mask_between_two_outlines_is_their_union() -> None:
    """What either outline holds is covered on the frames between them."""
    outlines = Outlines(FakeWavingSilhouette(arm_until=0.1))
    masks = [outlines.mask(1, moments(index, 20)) for index in range(16)]
    arms = [mask is not None and bool(mask[60:70, 100:120].all()) for mask in masks]
    assert arms[:8] == [True] * 8
    assert arms[9:] == [False] * 7


def test_unsure_outline_next_to_a_frame_makes_it_unsure() -> None:
    """A frame between a sure and an unsure outline has no mask."""

    class FakeFadingSilhouette(FakeSilhouette):
        """Is unsure from the second call on."""

        def mask(self, frame: VideoFrame, head: Box) -> NDArray[np.bool_] | None:
            """Return a mask once."""
            mask = super().mask(frame, head)
            return mask if self.calls == 1 else None

    outlines = Outlines(FakeFadingSilhouette())
    assert outlines.mask(1, moments(0, 5)) is not None
    assert outlines.mask(1, moments(1, 6)) is None


def test_after_the_last_sighting_the_last_outline_stands_in() -> None:
    """When the person may have left, the last outline, grown, is covered instead of the whole frame."""

    class FakeLeavingSilhouette(FakeSilhouette):
        """Is unsure from the second call on."""

        def mask(self, frame: VideoFrame, head: Box) -> NDArray[np.bool_] | None:
            """Return a mask once."""
            mask = super().mask(frame, head)
            return mask if self.calls == 1 else None

    outlines = Outlines(FakeLeavingSilhouette())
    assert outlines.mask(1, moments(0, 1)) is not None
    later = outlines.mask(1, moments(1, 6, seen=False))
    assert later is not None
    assert later[20:, 58:86].all()


def test_mask_of_another_size_is_refused() -> None:
    """A silhouette that does not fit its frame raises; the engine covers the frame whole."""

    class FakeSmallSilhouette:
        """Returns a mask of the wrong size."""

        def mask(self, frame: VideoFrame, head: Box) -> NDArray[np.bool_]:
            """Return a small mask."""
            return np.ones((4, 4), np.bool_)

    with pytest.raises(ValueError, match="size"):
        Outlines(FakeSmallSilhouette()).mask(1, moments(0, 1))
