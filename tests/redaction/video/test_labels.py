"""Labels on covers: one person keeps one, nobody else gets it, and writing one shows nothing of what is covered."""

import numpy as np
import pytest

from redaction.model import Box, Cover, CoverReason
from redaction.policy import FacesSection
from redaction.video.cover import FILL, covered
from redaction.video.labels import Labels, write_label
from tests.redaction.video.scene import FakeJudge, FakeSilhouette, frame, policy, redactor, run
from tests.redaction.video.screen.made import as_frame

LEFT, RIGHT = Box(20, 20, 80, 100), Box(200, 20, 260, 100)


def test_label_stays_with_who_is_followed_and_with_their_place() -> None:
    """Two people are 1 and 2; who is lost and seen again in the same place by another tracklet is still 1."""
    labels = Labels()
    for step in range(10):
        assert labels.label(1, LEFT, time=step / 10, shot=0) == "1"
        assert labels.label(2, RIGHT, time=step / 10, shot=0) == "2"
    labels.forget(1)
    assert labels.label(2, RIGHT, time=5.0, shot=0) == "2"
    assert labels.label(3, Box(24, 22, 84, 102), time=5.0, shot=0) == "1"


@pytest.mark.parametrize(
    ("box", "time", "shot"),
    [(Box(90, 20, 150, 100), 2.0, 0), (LEFT, 62.0, 0), (LEFT, 2.0, 1), (LEFT, 1.0, 0)],
)
def test_nobody_else_gets_a_label(box: Box, time: float, shot: int) -> None:
    """Another place, a place lost a minute ago, another shot, and a place that is taken make another person."""
    labels = Labels()
    assert labels.label(1, LEFT, time=1.0, shot=0) == "1"
    assert labels.label(2, box, time=time, shot=shot) == "2"


def test_label_is_written_within_the_cover_whatever_is_under_it() -> None:
    """Two pictures under the same labelled cover give the same pixels in it, and no pixel outside changes."""
    random = np.random.default_rng(0)
    frames = [as_frame(random.integers(0, 255, (120, 160, 3)).astype(np.uint8), 0) for _ in range(2)]
    box = Box(40, 20, 100, 100)
    plain, *labelled = (
        covered(noise, [Cover(box, CoverReason.FACE, label=label)])
        for noise, label in ((frames[0], ""), (frames[0], "12"), (frames[1], "12"))
    )
    inside = np.s_[box.y1 : box.y2, box.x1 : box.x2]
    assert (labelled[0].y[inside] == labelled[1].y[inside]).all()
    assert (plain.y[inside] == FILL[0]).all()
    differs = labelled[0].y != plain.y
    assert 50 < differs[inside].sum() == differs.sum()


@pytest.mark.parametrize(
    "box", [Box(0, 0, 20, 20), Box(-40, 10, 12, 60), Box(150, 100, 200, 160), Box(0, 0, 0, 0)]
)
def test_no_label_where_there_is_no_room(box: Box) -> None:
    """A tiny cover, and one of whose middle too little lies in the frame, bears none, and nothing raises."""
    luma = np.full((120, 160), FILL[0], np.uint8)
    write_label(luma, Cover(box, CoverReason.FACE, label="123456789"))
    assert (luma == FILL[0]).all()


@pytest.mark.parametrize("wanted", [True, False])
def test_engine_labels_adults_through_a_gap_and_no_minor(*, wanted: bool) -> None:
    """An adult who is gone for three seconds bears the same number before and after; a minor, removed whole, none."""
    adult, minor = Box(20, 16, 52, 56), Box(100, 20, 132, 60)
    rules = policy(adults=False).model_copy(update={"faces": FacesSection(label=wanted)})
    engine = redactor(rules=rules, judge=FakeJudge({1, 3}), silhouettes=FakeSilhouette())
    gone = range(30, 120)
    done = run(engine, [frame([minor] if at in gone else [adult, minor], at) for at in range(180)])
    labels = {
        at: {cover.reason: cover.label for cover in done[at].covers}.get(CoverReason.FACE) for at in (5, 170)
    }
    assert labels == ({5: "1", 170: "1"} if wanted else {5: "", 170: ""})
    assert not any(cover.label for item in done for cover in item.covers if cover.reason is CoverReason.MINOR)
    inked = [int((item.frame.y[16:56, 20:52] > 150).sum()) for item in (done[5], done[170])]
    assert all(inked) if wanted else not any(inked)
