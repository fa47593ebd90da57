"""Ages: who is shown to the judge, and what its word becomes."""

from itertools import count

import numpy as np
import pytest

from redaction.policy import MinorsSection
from redaction.video.faces.detect import Detection
from redaction.video.people.adulthood import Ages, AgeVerdict
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
    """A face whose eyes are unknown is shown to nobody."""
    judge = FakeJudge()
    ages = Ages(judge, numbers=count(1))
    ages.observe(1, frame(), Detection(SEEN.box, 0.9))
    assert judge.observed == []


def test_unseen_tracklet_is_in_doubt() -> None:
    """Whoever was never observed is neither an adult nor a minor."""
    assert Ages(FakeJudge([7]), numbers=count(1)).verdict(7) is AgeVerdict.IN_DOUBT


def ages(judge: FakeJudge, *, adult: bool | None = None, **keys: object) -> Ages:
    """Return ages of a camera in which tracklet 1 was seen."""
    made = Ages(judge, numbers=count(1), minors=MinorsSection.model_validate(keys), adult=adult)
    made.observe(1, frame(), SEEN)
    return made


@pytest.mark.parametrize(("in_doubt", "removed"), [("cover", False), ("remove", True)])
def test_policy_says_what_becomes_of_who_is_in_doubt(in_doubt: str, removed: bool) -> None:
    """A minor is removed and an adult is not, whatever the policy; who is in doubt is treated as it says."""
    made = ages(FakeJudge(), in_doubt=in_doubt)
    assert made.removes(AgeVerdict.MINOR)
    assert not made.removes(AgeVerdict.ADULT)
    assert made.removes(AgeVerdict.IN_DOUBT) is removed


def test_who_is_removed_when_in_doubt_gets_no_second_proof() -> None:
    """Where the doubtful are removed, a proof that was taken back once makes a minor for good."""
    judge = FakeJudge([1])
    made = ages(judge, in_doubt="remove")
    assert made.decide(1) is AgeVerdict.ADULT
    judge.doubtful.add(1)
    assert made.decide(1) is AgeVerdict.MINOR
    judge.doubtful.clear()
    assert made.decide(1) is AgeVerdict.MINOR


def test_declared_adult_is_believed_where_the_judge_is_in_doubt() -> None:
    """A declaration settles a doubt, unless the policy ignores it; it settles nothing where a child is clear."""
    doubtful = FakeJudge(doubtful=[1])
    assert ages(doubtful, adult=True).decide(1) is AgeVerdict.ADULT
    assert ages(doubtful, all_declared_adult=True).decide(1) is AgeVerdict.ADULT
    assert ages(doubtful, adult=True, declared="ignore").decide(1) is AgeVerdict.IN_DOUBT
    assert ages(doubtful).decide(1) is AgeVerdict.IN_DOUBT
    assert ages(FakeJudge(), adult=True).decide(1) is AgeVerdict.MINOR


def test_declared_minor_is_one_whatever_the_judge_says() -> None:
    """A declaration to be a minor outweighs every estimate."""
    assert ages(FakeJudge([1]), adult=False).decide(1) is AgeVerdict.MINOR


def test_declaration_speaks_for_the_main_face_alone() -> None:
    """A small face that passes behind a declared adult is judged like anybody's."""
    made = ages(FakeJudge(doubtful=[1, 2]), adult=True)
    made.observe(1, frame(), Detection((20, 0, 100, 80), 0.9, np.zeros((5, 2), np.float32)))
    made.observe(2, frame(), SEEN)
    assert made.decide(1) is AgeVerdict.ADULT
    assert made.decide(2) is AgeVerdict.IN_DOUBT


class FakeHeirs(FakeJudge):
    """Notes who is to take over from whom."""

    def __init__(self) -> None:
        super().__init__()
        self.heirs: list[tuple[int, int]] = []

    def succeed(self, former_id: int, tracklet_id: int) -> None:
        """Note it."""
        self.heirs.append((former_id, tracklet_id))


@pytest.mark.parametrize(
    ("box", "index", "heirs"),
    [
        ((62, 21, 86, 45), 30, [(1, 2)]),  # a second later in the same place
        ((62, 21, 86, 45), 60, []),  # too late
        ((120, 20, 144, 44), 30, []),  # elsewhere
        ((62, 21, 86, 45), 0, []),  # beside the other, in the same frame
    ],
)
def test_who_appears_where_another_was_lost_may_be_the_same(
    box: tuple[float, float, float, float], index: int, heirs: list[tuple[int, int]]
) -> None:
    """The judge is told of exactly one face that was in the place of a new one a moment ago."""
    judge = FakeHeirs()
    made = Ages(judge, numbers=count(1))
    made.observe(1, frame((), 0), SEEN)
    made.observe(2, frame((), index), Detection(box, 0.9, np.zeros((5, 2), np.float32)))
    assert judge.heirs == heirs
