"""Detectors: merging and, with the real models, faces at any place, size and turn of a picture."""

import cv2
import numpy as np
import pytest

from redaction.errors import ModelUnavailable
from redaction.video.faces.detect import (
    BIRTH_SCORE,
    CenterFace,
    Detection,
    FaceDetector,
    YuNet,
    merged_faces,
    overlap,
)
from redaction.video.view import Picture
from redaction.weights import cache_root


def found(box: tuple[float, float, float, float], score: float = 0.9, turn: int = 0) -> Detection:
    """Return a detection."""
    return Detection(box, score, turn=turn)


def test_alike_boxes_become_their_hull_and_doubts_add_up() -> None:
    """Two doubtful sightings of one face are one sighting that is not: hull of the boxes, scores joined."""
    one = merged_faces([found((10, 10, 50, 60), 0.4), found((14, 8, 54, 58), 0.4)])
    assert [item.box for item in one] == [(10, 8, 54, 60)]
    assert one[0].score == pytest.approx(0.64)
    assert one[0].score >= BIRTH_SCORE


def test_neighbours_stay_apart() -> None:
    """Faces side by side are not merged."""
    assert len(merged_faces([found((10, 10, 50, 60)), found((45, 10, 85, 60))])) == 2


def test_upright_sighting_wins_over_a_turned_one() -> None:
    """A face seen upright and, by chance, turned too is one upright face; a doubtful upright one yields."""
    assert merged_faces([found((10, 10, 50, 60), 0.6), found((8, 8, 52, 62), 0.95, 90)]) == [
        found((10, 10, 50, 60), 0.6)
    ]
    assert merged_faces([found((10, 10, 50, 60), 0.3), found((8, 8, 52, 62), 0.95, 90)])[0].turn == 90


def test_overlap_of_disjoint_and_contained_boxes() -> None:
    """Overlap is zero for boxes apart; a contained box is wholly inside."""
    assert overlap((0, 0, 10, 10), (10, 0, 20, 10)) == (0.0, 0.0)
    assert overlap((0, 0, 10, 10), (0, 0, 5, 10)) == (0.5, 1.0)


@pytest.fixture(scope="module")
def portrait() -> Picture:
    """The sample's photograph of a face, 240x240 px; skipped where it was not fetched."""
    picture = cv2.imread(str(cache_root() / "samples" / "astronaut.png"))
    if picture is None:
        pytest.skip("the sample photograph is not in the cache: run `make demo` once")
    return np.asarray(cv2.resize(picture[:300, 60:360], (240, 240), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="module", params=["yunet", "centerface"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    """A real detector, skipped where its model is not in place."""
    try:
        if request.param == "yunet":
            return YuNet()
        return CenterFace()
    except ModelUnavailable:
        pytest.skip("the face models are not in the cache: run `offrecord models fetch`")


def best(detector: FaceDetector, picture: Picture) -> Detection:
    """Return the surest face."""
    return max(detector.detect(picture), key=lambda face: face.score)


@pytest.mark.slow
def test_models_place_a_face_at_any_size_of_picture(detector: FaceDetector, portrait: Picture) -> None:
    """A face is found in its place in pictures whose size is no multiple of the net's stride."""
    for width, height, x, y in ((240, 240, 0, 0), (401, 333, 100, 60), (640, 360, 390, 110)):
        canvas = np.full((height, width, 3), (150, 170, 160), np.uint8)
        canvas[y : y + 240, x : x + 240] = portrait
        face = best(detector, canvas)
        assert face.score >= BIRTH_SCORE
        assert overlap(face.box, (x + 97, y + 51, x + 168, y + 140))[0] > 0.7
        assert face.landmarks is not None
        left, right = face.landmarks[0], face.landmarks[1]
        assert np.hypot(*(left - (x + 114, y + 82))) < 8
        assert np.hypot(*(right - (x + 149, y + 82))) < 8


@pytest.mark.slow
def test_models_see_nothing_in_nothing(detector: FaceDetector) -> None:
    """Flat pictures of any size, down to a few pixels, hold no face."""
    for height, width in ((2, 2), (5, 3), (33, 64), (360, 640)):
        faces = detector.detect(np.full((height, width, 3), 120, np.uint8))
        assert all(face.score < BIRTH_SCORE for face in faces)


@pytest.mark.slow
def test_half_a_face_at_the_border_is_found(detector: FaceDetector, portrait: Picture) -> None:
    """A face half of which is outside of the picture is found."""
    canvas = np.full((360, 640, 3), (150, 170, 160), np.uint8)
    canvas[60:300, 0:108] = portrait[:, 132:]
    assert overlap(best(detector, canvas).box, (0, 111, 36, 200))[1] > 0.6
