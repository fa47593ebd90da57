"""What is seen faintly: one face once it was seen often enough, and nothing before."""

import pytest

from redaction.video.faces.detect import Detection
from redaction.video.faces.faint import FaintFaces
from redaction.video.faces.link import Linker
from redaction.video.faces.tracklet import Reach

STEP = 0.15


def seen(x: float, *, score: float = 0.35, side: float = 60.0, turn: int = 0) -> Detection:
    """Return a square face that is 100 px from the upper edge."""
    return Detection((x, 100.0, x + side, 100.0 + side), score, turn=turn, trust=None)


def linked(faces: list[list[Detection]], *, step: float = STEP) -> Linker:
    """Link the faces of several looks."""
    linker = Linker()
    for index, some in enumerate(faces):
        linker.link(index * step, some)
    return linker


def test_what_is_seen_time_and_again_is_covered_from_its_first_sight_on() -> None:
    """Eight faint sights within a second and more are a face, with a wide cover, also where it moves and is missed."""
    linker = linked([[seen(100.0 + 10 * at)] if at != 4 else [] for at in range(9)])
    (item,) = linker.tracklets
    assert item.faint
    assert not item.dismissed
    for at in range(9):
        cover = item.covers_at(at * STEP, margin=0.03, reach=Reach())
        assert cover is not None
        assert cover[0] <= 90.0 + 10 * at
        assert cover[2] >= 170.0 + 10 * at


@pytest.mark.parametrize(
    "faces",
    [
        [[seen(100.0 + 10 * at)] for at in range(7)],
        [[seen(100.0 + at % 2)] for at in range(24)],
        [[seen(100.0 + 90 * at)] for at in range(12)],
        [[seen(100.0 + 20 * at, side=140.0)] for at in range(12)],
        [[seen(100.0 + 10 * at, score=0.2)] for at in range(12)],
        [[seen(100.0 + 10 * at, turn=90)] for at in range(12)],
        [[seen(100.0 + 3 * at)] if at % 4 == 0 else [] for at in range(24)],
    ],
    ids=["seldom", "still", "elsewhere", "large", "too faint", "turned", "far apart"],
)
def test_what_is_not_seen_well_enough_is_nothing(faces: list[list[Detection]]) -> None:
    """Too few sights, of a thing at rest, scattered, large, fainter still, turned, or with pauses begin no tracklet."""
    assert linked(faces).tracklets == []


def test_sights_within_a_moment_are_no_more_than_a_few() -> None:
    """Many looks in a short time see the same picture."""
    assert linked([[seen(100.0 + 10 * at)] for at in range(12)], step=0.05).tracklets == []


def test_nothing_is_gathered_across_a_cut() -> None:
    """What was seen before a cut does not count after it."""
    linker = Linker()
    for at in range(12):
        if at == 6:
            linker.cut(at * STEP)
        linker.link(at * STEP, [seen(100.0 + 10 * at)])
    assert linker.tracklets == []


def test_faint_sights_of_a_known_face_begin_no_second_one() -> None:
    """A face that is followed is not also gathered."""
    linker = linked([[seen(100.0, score=0.9)], *[[seen(100.0)] for _ in range(12)]])
    assert len(linker.tracklets) == 1


def test_memory_is_bounded() -> None:
    """What is not seen again is forgotten after half a second."""
    faint = FaintFaces()
    for at in range(200):
        assert not faint.take(at * STEP, [seen(200.0 * (at % 7))])
    assert len(faint._chains) <= 4
