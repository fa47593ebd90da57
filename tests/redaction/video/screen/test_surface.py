"""What is known of a picture's blocks while it moves: nothing is new that only moved, and everything that is."""

import numpy as np

from redaction.model import Box
from redaction.video.camera import STILL
from redaction.video.screen.changes import within
from redaction.video.screen.reader import TextLine
from redaction.video.screen.surface import Surface
from tests.redaction.video.test_camera import HEIGHT, WIDTH, wall

BLOCK = 4


def looked_at(luma: np.ndarray, time: float = 0.0) -> Surface:
    """Return a surface all of which was looked at."""
    surface = Surface(luma, block=BLOCK)
    surface.anchor(luma, time, looked_at=np.ones_like(surface.differs))
    return surface


def shown(wide: np.ndarray, at: int) -> np.ndarray:
    """Return what a camera sees of a wide wall."""
    return np.ascontiguousarray(wide[:, at : at + WIDTH])


def test_pan_leaves_only_the_edge_unknown() -> None:
    """While the camera pans by 40 px, with new anchors on the way, only what came into the frame differs."""
    wide = wall(width=2 * WIDTH)
    surface = looked_at(shown(wide, 0))
    for step in range(1, 11):
        luma = shown(wide, 4 * step)
        surface.enter(luma, step / 10)
        columns = surface.differs.mean(axis=0)
        assert columns[: (WIDTH - 4 * step) // BLOCK - 2].max() < 0.05
        assert columns[(WIDTH - 4 * step) // BLOCK :].mean() > 0.2
        assert abs(surface.place[0, 2] + 4 * step) < 1.5
        if surface.due(step / 10):
            surface.anchor(luma, step / 10)


def test_what_changes_in_a_moving_picture_differs() -> None:
    """Strokes that appear on a wall while the camera pans are new, blocks that only moved are not."""
    wide = wall(width=2 * WIDTH)
    surface = looked_at(shown(wide, 0))
    luma = shown(wide, 12)
    luma[100:116, 200:260:4] = 250
    surface.enter(luma, 0.1)
    assert surface.motion is not STILL
    there = within(surface.differs.shape, [Box(204, 104, 256, 112)], block=BLOCK)
    assert surface.differs[there].mean() > 0.8
    assert surface.differs[:, : 180 // BLOCK].mean() < 0.02


def test_line_goes_along_and_one_over_the_picture_stays() -> None:
    """A line on the wall is placed where it went; a tag over the camera's picture stays where it was."""
    wide, tag, sign = wall(width=2 * WIDTH), Box(20, 320, 100, 340), Box(300, 120, 380, 140)
    wide[120:140, 300:380] = 20
    wide[124:136, 304:376:6] = 240

    def frame(at: int) -> np.ndarray:
        luma = shown(wide, at)
        luma[320:340, 20:100] = 20
        luma[324:336, 24:96:6] = 240
        return luma

    surface = looked_at(frame(0))
    surface.enter(frame(14), 0.1)
    lines = [surface.placed(TextLine(box, covers=(box,), found=(box, (box,)))) for box in (sign, tag)]
    assert abs(lines[0].box.x1 - (300 - 14)) <= 1
    assert lines[0].covers == (lines[0].box,)
    assert any(cover == tag for cover in lines[1].covers)
    assert HEIGHT > lines[1].box.y1 >= 318
