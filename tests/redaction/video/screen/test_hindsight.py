"""Going back from a look: places that moved, and what was unread too briefly to be writing before a moving camera."""

import numpy as np
import pytest

from redaction.model import Box
from redaction.video.screen.hindsight import Sight, go_back, lasting
from redaction.video.screen.reader import TextLine
from redaction.video.screen.settings import ScreenSettings
from tests.redaction.video.screen.made import as_frame
from tests.redaction.video.test_camera import HEIGHT, WIDTH, motion_of, wall

SHAPE = (20, 40)


def sights(unread: list[int], *, moving: bool, count: int = 30) -> list[Sight]:
    """Return sights on some of which one place is unread."""
    frame = as_frame(np.zeros((16, 16, 3), np.uint8), 0)
    blocks = np.zeros(SHAPE, np.bool_)
    blocks[8:10, 10:16] = True
    return [
        Sight(frame, unread=blocks.copy() if at in unread else None, moving=moving) for at in range(count)
    ]


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("length", [1, 2, 5, 6, 12])
def test_brief_changes_are_left_out_before_a_moving_camera_only(length: int, *, moving: bool) -> None:
    """What is unread for five frames or fewer is covered on a screen, and left out before a camera that moves."""
    all_sights = sights(list(range(10, 10 + length)), moving=moving)
    covered, before = 0, None
    for at in range(len(all_sights)):
        before = lasting(all_sights[at:], before)
        covered += before is not None
    assert covered == (length if length > 5 or not moving else 0)


def test_line_is_covered_where_it_was_before_the_camera_moved() -> None:
    """A line found at the end of a pan is covered on every frame before, where it stood on each, and unread no more."""
    wide = wall(width=2 * WIDTH)
    wide[120:140, 400:480] = 20
    wide[124:136, 404:476:6] = 240
    held: list[Sight] = []
    for step in range(10):
        luma = wide[:HEIGHT, 8 * step : 8 * step + WIDTH]
        frame = as_frame(np.dstack([luma] * 3), step)
        unread = np.zeros((HEIGHT // 4, WIDTH // 4), np.bool_)
        unread[30:35, 100 - 2 * step : 120 - 2 * step] = True
        held.append(Sight(frame, unread=unread, place=motion_of(1.0, -8.0 * step, 0.0)))
    box = Box(400 - 72, 120, 480 - 72, 140)
    go_back(
        held,
        looked=np.ones((HEIGHT // 4, WIDTH // 4), np.bool_),
        texture=np.zeros((HEIGHT // 4, WIDTH // 4), np.bool_),
        lines=[TextLine(box, personal=True, covers=(box,))],
        block=4,
        settings=ScreenSettings(),
    )
    for step, sight in enumerate(held[:-1]):
        (cover,) = sight.lines
        assert abs(cover.x1 - (400 - 8 * step)) <= 1
        assert sight.unread is None
