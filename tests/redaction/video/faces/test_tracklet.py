"""A followed face: how large its cover is, how still, how far it reaches, and when there is none."""

from itertools import pairwise

import numpy as np
import pytest

from redaction.model import Box
from redaction.video.faces.detect import Detection, Rect
from redaction.video.faces.link import Linker
from redaction.video.faces.tracklet import Reach, Tracklet, grown_face

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


def test_small_face_takes_twice_the_trust() -> None:
    """One sure sighting of a face of 20 px is not enough, two are."""
    linker = Linker()
    for index, firm in enumerate((False, True)):
        linker.link(index / 10, [face(100.0, side=20.0)])
        assert linker.tracklets[0].firm == firm


def test_rarer_looks_reach_further() -> None:
    """However far apart looks lie, a face is covered until the next one."""
    reach = Reach().spanning(0.5)
    linker = Linker(reach)
    linker.link(10, [face(50, score=0.55)])
    assert linker.tracklets[0].covers_at(10.45, margin=0.05, reach=reach) is not None
    assert reach.extend > 0.5


def test_cover_moves_on_with_a_face_that_left_the_picture() -> None:
    """After the last sighting a cover goes where the face was going, hardly larger than its way."""
    linker = Linker()
    for index in range(10):
        linker.link(index / 30, [face(20.0 * index)])
    item = linker.tracklets[0]
    during, after = box_at(item, 0.2), box_at(item, 0.3 + 0.2)
    assert during is not None
    assert after is not None
    assert holds(after, face(20.0 * 15).box)
    assert after[2] - after[0] < 2.2 * (during[2] - during[0])


def test_trembling_sightings_make_a_steady_cover() -> None:
    """Boxes of a still face that tremble by a twentieth give successive covers that are the same by 95 %."""
    random = np.random.default_rng(3)
    linker = Linker()
    for index in range(60):
        shift = random.uniform(-2, 2, 4)
        box = tuple(float(a + b) for a, b in zip((100, 100, 140, 150), shift, strict=True))
        linker.link(index / 30, [Detection(box, 0.9)])  # type: ignore[arg-type]
    item = linker.tracklets[0]
    boxes = [box_at(item, index / 30) for index in range(10, 50)]
    alike = [Box.outward(*one).iou(Box.outward(*two)) for one, two in pairwise(boxes) if one and two]
    assert len(alike) == 39
    assert np.mean(alike) > 0.95


def test_what_closer_looks_miss_time_and_again_is_covered_nowhere() -> None:
    """A face seen once, never for sure, and missed by three whole looks is none; one seen for sure stays."""
    for trust, missed, gone in ((0.5, 3, True), (0.0, 3, True), (0.0, 2, False), (1.0, 9, False)):
        linker = Linker()
        linker.link(0.0, [Detection((100.0, 100.0, 140.0, 140.0), 0.6, trust=trust)])
        linker.tracklets[0].missed = missed
        assert (box_at(linker.tracklets[0], 0.0) is None) == gone


def test_growth_holds_hair_ears_and_chin() -> None:
    """A face seen plainly grows most above, one in doubt more, most below; one that lies as much on all sides."""
    plain, doubtful, lying = (grown_face((100, 100, 140, 150), room=room) for room in (0.0, 1.0, 2.0))
    assert plain == pytest.approx((91.4, 84, 148.6, 161))
    assert doubtful == pytest.approx((86.2, 79, 153.8, 176))
    assert holds(doubtful, plain)
    assert holds(lying, doubtful)
    assert lying[0] == pytest.approx(76.5)


def test_size_of_a_cover_changes_slowly() -> None:
    """When a face turns away for a moment its cover grows at once, and shrinks by less than 5 % a frame."""
    front = np.array([[112, 118], [128, 118], [120, 128], [114, 138], [126, 138]], np.float32)
    linker = Linker()
    for index in range(90):
        marks = front.copy()
        if 30 <= index < 35:
            marks[:, 0] = 132
        linker.link(index / 30, [Detection((100.0, 100.0, 140.0, 150.0), 0.97, marks)])
    item = linker.tracklets[0]
    sizes = [
        (box[2] - box[0]) * (box[3] - box[1])
        for index in range(80)
        if (box := item.covers_at(index / 30, margin=0.0, reach=REACH))
    ]
    assert sizes[32] > 1.3 * sizes[75]
    assert sizes[75] == pytest.approx(min(sizes), rel=0.02)
    assert all(later > 0.95 * earlier for earlier, later in pairwise(sizes))


def test_cover_reaches_as_far_as_the_detector_that_saw_most_of_a_face() -> None:
    """Where every fifth box of a still face reaches to the chin and the others end above it, the chin stays in."""
    linker = Linker()
    for index in range(40):
        chin = 160.0 if index % 5 == 0 else 148.0
        linker.link(index / 30, [Detection((100.0, 100.0, 140.0, chin), 0.9)])
    for index in range(10, 30):
        cover = box_at(linker.tracklets[0], index / 30)
        assert cover is not None
        assert cover[3] >= grown_face((100.0, 100.0, 140.0, 157.0))[3]


def test_halves_of_a_lying_face_are_covered_to_the_whole() -> None:
    """A face that lies is seen in halves, then turned: the whole is covered while only halves were seen."""
    linker = Linker()
    halves = ((100.0, 100.0, 190.0, 200.0), (130.0, 100.0, 240.0, 210.0))
    for index in range(45):
        box, turn, score = (
            (halves[index % 2], 0, 0.6) if index < 30 else ((100.0, 100.0, 245.0, 210.0), 90, 0.9)
        )
        linker.link(index / 30, [Detection(box, score, turn=turn)])
    (item,) = linker.tracklets
    for index in range(2, 30):
        assert holds(box_at(item, index / 30), (100.0, 100.0, 245.0, 210.0))


def test_doubtful_box_reaches_as_far_as_those_beside_it() -> None:
    """Of a face that is never seen plainly the widest box counts on all sides, of a plain one below alone."""
    front = np.array([[112, 118], [128, 118], [120, 128], [114, 138], [126, 138]], np.float32)
    reaches = []
    for score in (0.6, 0.97):
        linker = Linker()
        for index in range(30):
            right = 150.0 if index % 5 == 0 else 140.0
            linker.link(index / 30, [Detection((100.0, 100.0, right, 150.0), score, front)])
        cover = box_at(linker.tracklets[0], 0.5)
        assert cover is not None
        reaches.append(cover[2])
    assert reaches[0] > reaches[1] + 5
