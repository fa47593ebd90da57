"""Everybody has a tile of the composed picture, on even pixels, and no two overlap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.media.grid import CANVAS, arranged, draw_label, draw_plain
from recorder.media.planes import BLACK_Y, blank
from redaction.model import Box


@given(st.integers(1, 60), st.booleans())
def test_tiles_lie_inside_and_apart(count: int, screen: bool) -> None:
    """Of one or of sixty, with or without a screen."""
    labels = [f"P{number:02d}" for number in range(1, count + 1)]
    tiles, main = arranged(labels, screen=screen)
    boxes = [*tiles.values(), *([main] if main else [])]
    assert set(tiles) == set(labels)
    assert (main is not None) is screen
    for box in boxes:
        assert 0 <= box.x1 < box.x2 <= CANVAS[0]
        assert 0 <= box.y1 < box.y2 <= CANVAS[1]
        assert all(edge % 2 == 0 for edge in (box.x1, box.y1, box.x2, box.y2))
    for number, one in enumerate(boxes):
        assert not any(one.intersection(other).area for other in boxes[number + 1 :])


def test_tiles_are_as_large_as_can_be() -> None:
    """One participant has the whole picture, four a quarter each."""
    assert arranged(["P01"], screen=False)[0]["P01"] == Box(0, 0, *CANVAS)
    four, _ = arranged(["P01", "P02", "P03", "P04"], screen=False)
    assert {(box.width, box.height) for box in four.values()} == {(CANVAS[0] // 2, CANVAS[1] // 2)}


@pytest.mark.parametrize("tile", [Box(40, 20, 360, 200), Box(40, 20, 60, 32)])
def test_drawing_stays_inside_its_tile(tile: Box) -> None:
    """A label, and a tile without a picture, change nothing of the neighbours, however small the tile."""
    canvas = blank(400, 240)
    draw_plain(canvas, tile, "P01")
    draw_label(canvas, tile, "P01 screen")
    inside = canvas[0][tile.y1 : tile.y2, tile.x1 : tile.x2]
    assert int(inside.max()) > BLACK_Y
    inside[:] = BLACK_Y
    assert int(canvas[0].max()) == BLACK_Y
