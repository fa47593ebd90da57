"""The second look: finds a face that is left, and what it doubts is looked at closely before the picture is mended."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from redaction.errors import ModelUnavailable
from redaction.model import VideoFrame
from redaction.video.faces.detect import overlap
from redaction.video.faces.second_detector import SecondLook, Sighting
from redaction.weights import cache_root
from tests.redaction.video.scene import frame

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def look(real_models: None) -> Iterator[SecondLook]:
    """The real detectors, skipped where their models are not in place."""
    try:
        with SecondLook() as made:
            yield made
    except ModelUnavailable:
        pytest.skip("the face models are not in the cache: run `offrecord models fetch`")


def shown(tall: int) -> tuple[VideoFrame, tuple[float, float, float, float]]:
    """Return a frame with the sample's photograph, its face that many px high, and where the face is."""
    picture = cv2.imread(str(cache_root() / "samples" / "astronaut.png"), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        pytest.skip("the sample photograph is not in the cache: run `make demo` once")
    scale = tall / 111
    part = cv2.resize(picture[:300, 60:360], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ground = np.full((360, 640), 150, np.uint8)
    ground[20 : 20 + part.shape[0], 30 : 30 + part.shape[1]] = part
    x1, y1, x2, y2 = (edge * scale for edge in (121, 64, 210, 175))
    return frame(ground=ground, size=(640, 360)), (x1 + 30, y1 + 20, x2 + 30, y2 + 20)


@pytest.mark.parametrize("tall", [30, 60, 110])
def test_face_that_is_left_is_found(look: SecondLook, tall: int) -> None:
    """A face that stands uncovered in the picture is a sighting at its place."""
    picture, face = shown(tall)
    assert any(overlap(box, face)[0] > 0.3 for box, _ in look.search(picture))


@pytest.mark.parametrize(("score", "found"), [(0.6, False), (0.9, True)])
def test_doubtful_sighting_needs_a_closer_look(
    look: SecondLook, monkeypatch: pytest.MonkeyPatch, score: float, found: bool
) -> None:
    """What one detector doubts on a flat wall is dropped, what it is sure of is not."""
    sighting: Sighting = ((100.0, 100.0, 160.0, 170.0), score)
    monkeypatch.setattr(look, "_blazes", lambda _rgb, _tile: [sighting])
    assert bool(look.search(frame(size=(640, 360)))) == found


def test_doubtful_sighting_of_a_face_stands(look: SecondLook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A face that one detector doubts and the first look missed stands after the closer look."""
    picture, face = shown(60)
    monkeypatch.setattr(look._center, "detect", lambda _picture: [])
    monkeypatch.setattr(look, "_blazes", lambda _rgb, _tile: [(face, 0.55)])
    assert look.search(picture)
