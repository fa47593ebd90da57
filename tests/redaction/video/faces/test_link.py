"""Tracklets: who is followed, bridged, extended and held, and how far."""

import numpy as np
import pytest

from redaction.video.faces.detect import Detection, Rect
from redaction.video.faces.link import Linker
from redaction.video.faces.tracklet import Reach, Tracklet, kept_face

REACH = Reach()


def face(x: float, y: float = 100.0, side: float = 40.0, score: float = 0.9, turn: int = 0) -> Detection:
    """Return a square face with its corner at `(x, y)`."""
    return Detection((x, y, x + side, y + side), score, turn=turn)


def box_at(item: Tracklet, time: float) -> Rect | None:
    """Return the cover at a time."""
    return item.covers_at(time, margin=0.05, reach=REACH)


def holds(outer: Rect | None, inner: Rect) -> bool:
    """Tell whether a cover holds a face."""
    if outer is None:
        return False
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


def test_moving_face_stays_one_tracklet() -> None:
    """A face that moves a quarter of its size a frame is one tracklet, covered where it is at each time."""
    linker = Linker()
    for index in range(20):
        linker.link(index / 30, [face(10.0 * index)])
    assert [item.number for item in linker.tracklets] == [1]
    for index in range(20):
        assert holds(box_at(linker.tracklets[0], index / 30), face(10.0 * index).box)


def test_faint_sightings_are_bracketed_by_the_sure_ones_around_them() -> None:
    """Where faint sightings lie beside the face, the boxes before and after them stay covered through them."""
    linker = Linker()
    for index, (x, score) in enumerate([(100.0, 0.9), (76.0, 0.4), (78.0, 0.35), (102.0, 0.9)]):
        linker.link(index * 0.13, [face(x, score=score)])
    (item,) = linker.tracklets
    for step in range(40):
        assert holds(box_at(item, step * 0.01), face(102.0).box)
        assert holds(box_at(item, step * 0.01), face(100.0).box) or step > 30


@pytest.mark.parametrize(
    ("trusts", "firm"),
    [
        ([1.0], True),
        ([0.5], False),
        ([0.5, 0.5, *[0.0] * 6], True),
        ([0.5, 0.5, *[0.0] * 7], False),
        ([0.5, None, None, None, None, 0.5], True),
        ([1.0, *[0.0] * 7], True),
        ([1.0, *[0.0] * 8], False),
        ([0.0, None], False),
    ],
)
def test_few_trusted_sightings_among_many_doubted_ones_are_no_face(
    trusts: list[float | None], firm: bool
) -> None:
    """An eighth of the judged sightings sure, or a quarter settled, make a face; the others do not count."""
    linker = Linker()
    for index, trust in enumerate(trusts):
        linker.link(index / 10, [Detection((100.0, 100.0, 140.0, 140.0), 0.6, trust=trust)])
    (item,) = linker.tracklets
    assert item.firm == firm
    item.settled = True
    assert item.firm


def test_looks_in_which_it_is_not_seen_count_against_a_face_of_which_nobody_was_sure() -> None:
    """Two settled doubts do not outlast four looks that miss the face; a sure sighting does."""
    for trust, missed, firm in ((0.5, 3, True), (0.5, 4, False), (1.0, 9, True)):
        linker = Linker()
        for time in (0.0, 0.1):
            linker.link(time, [Detection((100.0, 100.0, 140.0, 140.0), 0.6, trust=trust)])
        linker.tracklets[0].missed = missed
        assert linker.tracklets[0].firm == firm


def test_two_faces_are_two_tracklets_that_do_not_swap() -> None:
    """Faces side by side keep their numbers in whatever order they are found."""
    linker = Linker()
    for index in range(10):
        faces = [face(100.0 + index), face(200.0 - index)]
        linker.link(index / 30, faces if index % 2 else faces[::-1])
    first, second = linker.tracklets
    assert abs(first.last.box[0] - first.observations[0].box[0]) == 9
    assert abs(second.last.box[0] - second.observations[0].box[0]) == 9


@pytest.mark.parametrize("gap", [0.1, 0.4, 0.9])
def test_miss_is_bridged_along_the_way(gap: float) -> None:
    """Between two sightings a face is covered where it passed."""
    linker = Linker()
    speed = 30.0
    for index in range(5):
        linker.link(index / 30, [face(speed * index / 30)])
    last = 4 / 30
    linker.link(last + gap, [face(speed * (last + gap))])
    assert len(linker.tracklets) == 1
    for share in (0.1, 0.5, 0.9):
        time = last + gap * share
        assert holds(box_at(linker.tracklets[0], time), face(speed * time).box)


def test_face_is_covered_before_and_after_its_sightings() -> None:
    """A face is covered a third of a second before the first and after the last sighting, and no longer."""
    linker = Linker()
    for index in range(6):
        linker.link(10 + index / 30, [face(50)])
    item = linker.tracklets[0]
    assert holds(box_at(item, 9.7), face(50).box)
    assert holds(box_at(item, 10 + 5 / 30 + 0.3), face(50).box)
    assert box_at(item, 9.6) is None
    assert box_at(item, 10.6) is None


def test_weak_single_sighting_extends_less() -> None:
    """What was seen once with a low score is extended by a fifth of a second only."""
    linker = Linker()
    linker.link(10, [face(50, score=0.55)])
    item = linker.tracklets[0]
    assert box_at(item, 10.15) is not None
    assert box_at(item, 10.25) is None


def test_a_followed_face_is_covered_where_its_pixels_went() -> None:
    """Places to which a face was followed, on and back, count as sightings do, and end with the reach."""
    linker = Linker()
    linker.link(1.0, [face(50)])
    linker.link(1.1, [face(50)])
    item = linker.tracklets[0]
    assert linker.may_follow(item, 2.0)
    assert not linker.may_follow(item, 2.2)
    linker.follow_back(item, [(0.9, face(80).box), (0.8, face(110).box)])
    linker.follow(item, 1.2, face(20).box)
    linker.follow(item, 1.3, face(-10).box)
    assert holds(box_at(item, 0.8), face(110).box)
    assert holds(box_at(item, 1.3), face(-10).box)
    assert not holds(box_at(item, 1.3), face(110).box)
    assert item.seen == 2


def test_no_tracklet_crosses_a_cut() -> None:
    """Covers end at a cut and begin at it; a face at the same place after it is another tracklet."""
    linker = Linker()
    linker.link(0.0, [face(50)])
    linker.link(0.1, [face(50)])
    linker.cut(0.2)
    linker.link(0.2, [face(50)])
    old, new = linker.tracklets
    assert box_at(old, 0.19) is not None
    assert box_at(old, 0.2) is None
    assert box_at(new, 0.19) is None
    assert box_at(new, 0.2) is not None


def test_flash_is_no_cut() -> None:
    """After a cut is taken back a tracklet goes on, covered through what looked like another shot."""
    linker = Linker()
    linker.link(0.0, [face(50)])
    linker.link(0.1, [face(50)])
    linker.cut(0.13)
    linker.uncut(0.2)
    linker.link(0.2, [face(50)])
    assert len(linker.tracklets) == 1
    assert holds(box_at(linker.tracklets[0], 0.15), face(50).box)


def test_doubtful_face_carries_on_but_begins_nothing() -> None:
    """A score below the birth threshold continues a known face and is nothing by itself."""
    linker = Linker()
    linker.link(0.0, [face(50, score=0.3)])
    assert linker.tracklets == []
    linker.link(0.1, [face(50)])
    linker.link(0.2, [face(52, score=0.3)])
    assert linker.tracklets[0].seen == 2
    assert linker.tracklets[0].lowest == 0.3


def test_same_face_twice_on_a_frame_is_one() -> None:
    """Two looks at one frame do not make two tracklets of one face."""
    linker = Linker()
    linker.link(0.0, [face(50)])
    linker.link(0.0, [face(53)])
    assert len(linker.tracklets) == 1


def test_lost_face_ends_and_is_forgotten() -> None:
    """A face not seen for longer than the bridge is closed, and dropped once no held frame needs it."""
    linker = Linker()
    linker.link(0.0, [face(50)])
    linker.link(0.1, [face(50)])
    linker.link(2.0, [face(50)])
    assert [item.closed for item in linker.tracklets] == [True, False]
    assert linker.forget(0.6) == []
    assert [item.number for item in linker.forget(1.5)] == [1]


def test_observations_do_not_grow_with_time() -> None:
    """A face followed for a minute keeps only the sightings that the look-ahead needs."""
    linker = Linker()
    for index in range(1800):
        linker.link(index / 30, [face(50)])
        linker.forget(index / 30 - 1.5)
    assert len(linker.tracklets[0].observations) < 100


def test_hold_stands_for_a_sighting() -> None:
    """A held face stays covered for as long as it is held, and for its extension after."""
    linker = Linker()
    linker.link(0.0, [face(50)])
    linker.link(0.2, [face(50)])
    item = linker.tracklets[0]
    assert linker.may_hold(item, 5.1)
    assert not linker.may_hold(item, 5.3)
    for index in range(2, 20):
        linker.hold(item, 0.2 * index)
    assert holds(box_at(item, 3.5), face(50).box)
    assert item.seen == 2


def test_what_was_covered_stays_covered_whatever_comes_later() -> None:
    """What is kept of a sighting is covered for the hull time after it, wherever the face goes next."""
    random = np.random.default_rng(5)
    for _ in range(50):
        linker = Linker()
        first = face(
            float(random.uniform(0, 200)), float(random.uniform(0, 200)), float(random.uniform(10, 80))
        )
        linker.link(0.0, [first])
        promised = kept_face(first.box)
        later = float(random.uniform(0.03, 0.25))
        shift = float(random.uniform(-30, 30))
        linker.link(later, [Detection(tuple(value + shift for value in first.box), 0.9)])  # type: ignore[arg-type]
        item = linker.tracklets[0]
        for time in np.linspace(0, min(later, REACH.hull) * 0.999, 5):
            box = item.covers_at(float(time), margin=0.0, reach=REACH)
            assert holds(box, promised)


def test_face_in_profile_is_covered_further_where_its_nose_is() -> None:
    """A nose far from the middle of a box widens the cover on its side; one in the middle widens none."""
    covers = []
    for nose in (120.0, 136.0, 104.0):
        marks = np.array([[110, 115], [130, 115], [nose, 122], [112, 132], [128, 132]], np.float32)
        linker = Linker()
        linker.link(0.0, [Detection((100.0, 100.0, 140.0, 140.0), 0.9, marks)])
        cover = box_at(linker.tracklets[0], 0.0)
        assert cover is not None
        covers.append(cover)
    ahead, right, left = covers
    assert right[2] > ahead[2] + 3
    assert left[0] < ahead[0] - 3
    assert right[0] == pytest.approx(ahead[0], abs=1)
