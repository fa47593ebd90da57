"""A cover that is drawn once stays over what moves, in both directions, and never vanishes while that is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from recorder.review.follow_cover import CoverPath, follow, standing
from recorder.runtime.context import Run
from redaction.model import Box, Span
from tests.media import Clip, Picture, make_clip

SIZE = (320, 240)
SIDE = 40
FPS = 15
SECONDS = 4.0


def _texture(seed: int, height: int, width: int, step: int) -> Picture:
    random = np.random.default_rng(seed)
    small = random.integers(50, 200, (height // step, width // step, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


GROUND = _texture(1, SIZE[1], SIZE[0], 16)
MARK = _texture(2, SIDE, SIDE, 5)


def place(number: int) -> tuple[int, int]:
    """Return where the object's left upper corner is on a frame."""
    time = number / FPS
    return round(140 + 120 * np.sin(1.4 * time)), round(100 + 80 * np.cos(1.7 * time))


def film(path: Path, *, hidden: Callable[[int], bool] = lambda _: False, seconds: float = SECONDS) -> Clip:
    """Write a clip of an object that moves; on some frames something stands before it."""

    def draw(number: int) -> Picture:
        picture = GROUND.copy()
        if not hidden(number):
            x, y = place(number)
            picture[y : y + SIDE, x : x + SIDE] = MARK
        return picture

    return make_clip(path, seconds=seconds, fps=FPS, size=SIZE, picture=draw, audio=None)


def uncovered(path: CoverPath, numbers: range) -> list[int]:
    """Return the frames on which the object is not wholly covered."""
    bare = []
    for number in numbers:
        x, y = place(number)
        box = path.at(number / FPS)
        inside = Box(x, y, x + SIDE, y + SIDE)
        if box is None or box.intersection(inside) != inside:
            bare.append(number)
    return bare


def drawn(number: int) -> Box:
    """Return the object's box on a frame, as a person draws it."""
    x, y = place(number)
    return Box(x - 2, y - 2, x + SIDE + 2, y + SIDE + 2)


@pytest.mark.parametrize("number", [0, 30, 59])
def test_the_object_is_covered_on_every_frame(number: int, tmp_path: Path) -> None:
    """Drawn at the beginning, in the middle or at the end, the cover is over the object on all frames."""
    clip = film(tmp_path / "a.mp4")
    path = follow(clip.path, drawn(number), number / FPS, span=None, run=Run())
    assert uncovered(path, range(60)) == []
    largest = max(box.area for box in path.boxes)
    assert largest < 3 * SIDE * SIDE, "it covers the object, not the picture"


def test_the_cover_stays_and_grows_while_the_object_is_lost(tmp_path: Path) -> None:
    """Behind something for half a second, it is covered again when it comes out, and the cover never went."""
    clip = film(tmp_path / "a.mp4", hidden=lambda number: 30 <= number < 37)
    path = follow(clip.path, drawn(20), 20 / FPS, span=None, run=Run())
    assert all(path.at(number / FPS) is not None for number in range(60))
    assert uncovered(path, range(40, 60)) == []
    (lost, *_) = path.lost
    assert lost.start == pytest.approx(30 / FPS, abs=0.1)
    held = [path.at(number / FPS) for number in (29, 33, 36)]
    areas = [box.area for box in held if box is not None]
    assert areas == sorted(areas)
    assert areas[-1] > areas[0]


def test_within_a_span_the_cover_ends_with_it_and_not_before(tmp_path: Path) -> None:
    """What is lost for good is covered to the end of the span; without a span for two seconds more."""
    clip = film(tmp_path / "a.mp4", hidden=lambda number: number >= 15, seconds=6)
    fixed = follow(clip.path, drawn(5), 5 / FPS, span=Span(0, 5.5), run=Run())
    assert fixed.span.end == pytest.approx(5.5, abs=0.1)
    free = follow(clip.path, drawn(5), 5 / FPS, span=None, run=Run())
    assert free.span.end == pytest.approx(1 + 2.0, abs=0.25)


def test_what_shows_nothing_to_follow_is_covered_where_it_was_drawn(tmp_path: Path) -> None:
    """A cover over a flat surface stays there all along."""
    clip = make_clip(
        tmp_path / "a.mp4", seconds=2, fps=FPS, size=SIZE, audio=None,
        picture=lambda _: np.full((SIZE[1], SIZE[0], 3), 120, np.uint8),
    )  # fmt: skip
    path = follow(clip.path, Box(50, 50, 90, 90), 1.0, span=None, run=Run())
    assert path.span.start == 0
    assert path.span.end == pytest.approx(2, abs=0.1)
    assert len(set(path.boxes)) == 1


def test_a_time_beyond_the_end_takes_the_last_frame(tmp_path: Path) -> None:
    """Drawn on the last picture, of which a player says a later time, it is followed from there."""
    clip = film(tmp_path / "a.mp4")
    path = follow(clip.path, drawn(59), 4.2, span=None, run=Run())
    assert uncovered(path, range(60)) == []


def test_between_two_frames_both_places_are_covered() -> None:
    """A frame that nobody looked at is covered where the one before and the one after are."""
    path = CoverPath((0.0, 1.0), (Box(0, 0, 10, 10), Box(20, 20, 30, 30)))
    assert path.at(0.5) == Box(0, 0, 30, 30)
    assert path.at(-1) is None
    assert path.at(1.5) is None
    assert standing(Box(1, 1, 2, 2), Span(0, 5)).at(2.5) == Box(1, 1, 2, 2)
