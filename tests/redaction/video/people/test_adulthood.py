"""Ages: who is shown to the judge, and what its word becomes."""

from itertools import count

import numpy as np

from redaction.video.faces.detect import Detection
from redaction.video.people.adulthood import Ages
from tests.redaction.video.scene import FakeJudge, frame

SEEN = Detection((60, 20, 84, 44), 0.9, np.zeros((5, 2), np.float32))


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
