"""The closer look: what is shown again, what stands, and what a face that does not is still good for."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redaction.errors import ModelUnavailable
from redaction.video.faces.confirm import DOUBTED, FLOOR, SETTLED, Review, ReviewedDetector, ReviewedPair
from redaction.video.faces.detect import (
    BIRTH_SCORE,
    CenterFace,
    Detection,
    Rect,
    YuNet,
    merged_faces,
    overlap,
)
from redaction.video.faces.link import Linker
from redaction.video.view import Picture
from redaction.weights import cache_root

LARGE: Rect = (200.0, 100.0, 300.0, 220.0)
SMALL: Rect = (40.0, 40.0, 60.0, 64.0)


@dataclass
class Scripted:
    """Sees given faces in the whole picture, and in the middle of every crop one face of a given score, or none."""

    whole: list[Detection] = field(default_factory=list)
    again: float = 0.0
    crops: list[Picture] = field(default_factory=list)

    def detect(self, picture: Picture) -> list[Detection]:
        """Return the script's faces."""
        height, width = picture.shape[:2]
        if width == 640:
            return self.whole
        self.crops.append(picture)
        side, tall = width / 2.2, height / 2.2
        middle = ((width - side) / 2, (height - tall) / 2, (width + side) / 2, (height + tall) / 2)
        return [Detection(middle, self.again)] if self.again else []


def judged(box: Rect, first: float, second: float, again: tuple[float, float]) -> Detection:
    """Return a face that two detectors give these scores, in the whole and again in every crop."""
    one = Scripted([Detection(box, first)] if first else [], again[0])
    two = Scripted([Detection(box, second)] if second else [], again[1])
    (face,) = ReviewedPair(one, two, Review((one, two))).detect(np.zeros((360, 640, 3), np.uint8))
    return face


def seen(box: Rect, *, first: float, second: float = 0.0, again: tuple[float, float] = (0.0, 0.0)) -> float:
    """Return the score of a face that two detectors give these scores, in the whole and again in every crop."""
    return judged(box, first, second, again).score


@pytest.mark.parametrize("box", [LARGE, SMALL])
def test_doubtful_face_of_one_detector_that_nobody_sees_again_is_doubted(box: Rect) -> None:
    """What one detector alone was not sure of, and neither sees in a crop, begins no tracklet."""
    assert seen(box, first=0.8) == DOUBTED
    assert seen(box, first=0.0, second=0.8) == DOUBTED
    assert DOUBTED < BIRTH_SCORE


@pytest.mark.parametrize("box", [LARGE, SMALL])
def test_sure_face_of_one_detector_needs_no_second_look(box: Rect) -> None:
    """A detector that is sure is believed, whatever the crops would show."""
    assert seen(box, first=0.9) == 0.9


def test_two_doubting_detectors_are_believed() -> None:
    """A large face both took for one stands without a crop, a small one when the other saw anything at all."""
    assert seen(LARGE, first=0.52, second=0.55) == pytest.approx(1 - 0.48 * 0.45)
    assert seen(SMALL, first=0.6, second=0.3) == pytest.approx(1 - 0.4 * 0.7)
    assert seen(LARGE, first=0.6, second=0.3) == DOUBTED


def test_large_face_must_be_seen_again_clearly_a_small_one_at_all() -> None:
    """The same faint sight in the crop lets a small face stand and a large one not; two faint ones add up."""
    assert seen(SMALL, first=0.6, again=(0.35, 0.0)) == 0.6
    assert seen(LARGE, first=0.6, again=(0.35, 0.0)) == DOUBTED
    assert seen(LARGE, first=0.6, again=(0.35, 0.35)) == 0.6
    assert seen(SMALL, first=0.6, again=(0.12, 0.12)) == DOUBTED


def test_tiny_face_needs_to_be_seen_again_ever_so_faintly() -> None:
    """A tiny face stands on a sight that a small one would not, and is doubted when nobody sees anything."""
    tiny = (40.0, 40.0, 54.0, 58.0)
    assert seen(tiny, first=0.6, again=(0.2, 0.0)) == 0.6
    assert seen(tiny, first=0.6) == DOUBTED


@pytest.mark.parametrize("box", [LARGE, SMALL])
def test_face_is_trusted_when_one_is_sure_or_two_agree_and_less_when_the_crops_settle_it(box: Rect) -> None:
    """Only what one detector alone doubts, and what is hardly seen again, has no trust."""
    assert judged(box, 0.9, 0.0, (0.0, 0.0)).trust == 1
    assert judged(box, 0.55, 0.55, (0.0, 0.0)).trust == 1
    assert judged(box, 0.6, 0.0, (0.7, 0.0)).trust == SETTLED
    assert judged(box, 0.6, 0.0, (0.3, 0.25)).trust == 0
    assert judged(box, 0.6, 0.0, (0.0, 0.0)).trust == 0


def test_what_only_carries_a_face_on_is_not_judged() -> None:
    """A detection too weak to begin a face says nothing about whether it is one."""
    weak = Scripted([Detection(LARGE, 0.4)])
    (face,) = ReviewedDetector(weak, Review((weak,))).detect(np.zeros((360, 640, 3), np.uint8))
    assert face.trust is None
    assert judged(SMALL, 0.4, 0.0, (0.0, 0.0)).trust is None
    assert not weak.crops


def test_sure_faces_cost_no_look() -> None:
    """No crop is cut for a picture whose faces are sure, at most two sizes for each that is not."""
    detector = Scripted([Detection(LARGE, 0.95)])
    ReviewedDetector(detector, Review((detector,))).detect(np.zeros((360, 640, 3), np.uint8))
    assert not detector.crops
    detector.whole = [Detection(SMALL, 0.6)]
    ReviewedDetector(detector, Review((detector,))).detect(np.zeros((360, 640, 3), np.uint8))
    assert len(detector.crops) == 2


@pytest.mark.parametrize("box", [LARGE, SMALL, (-30.0, 300.0, 90.0, 420.0), (600.0, -20.0, 660.0, 50.0)])
def test_crop_shows_the_box_in_its_middle(box: Rect) -> None:
    """What lies in a box fills the same share of every crop, at the border and at any size too."""
    picture = np.zeros((360, 640, 3), np.uint8)
    x1, y1, x2, y2 = (int(edge) for edge in box)
    picture[max(0, y1) : y2, max(0, x1) : x2] = 255
    detector = Scripted([Detection(box, 0.6)])
    ReviewedDetector(detector, Review((detector,))).detect(picture)
    for crop in detector.crops:
        height, width = crop.shape[:2]
        assert crop[height // 2, width // 2].min() > 200
        if x1 >= 0 and y1 >= 0 and x2 <= 640 and y2 <= 360:
            expected = (x2 - x1) * (y2 - y1) / max(x2 - x1, y2 - y1) ** 2 / 2.2**2
            assert (crop[..., 0] > 127).mean() == pytest.approx(expected, rel=0.15)


def test_doubted_face_carries_a_known_one_on_and_begins_none() -> None:
    """A face followed already stays followed through doubt; doubt alone begins nothing, joined or not."""
    doubted = Detection(LARGE, DOUBTED)
    linker = Linker()
    assert linker.link(0.0, merged_faces([doubted, doubted])) == []
    linker.link(0.1, [Detection(LARGE, 0.9)])
    ((item, _),) = linker.link(0.2, [doubted])
    assert item.seen == 2


@pytest.fixture(scope="module")
def panel(real_models: None) -> tuple[YuNet, CenterFace]:
    """The real detectors, skipped where their models are not in place."""
    try:
        return YuNet(floor=FLOOR), CenterFace(floor=FLOOR)
    except ModelUnavailable:
        pytest.skip("the face models are not in the cache: run `offrecord models fetch`")


@pytest.fixture(scope="module")
def portrait() -> Picture:
    """The sample's photograph, its face at (97, 51)-(168, 140); skipped where it was not fetched."""
    picture = cv2.imread(str(cache_root() / "samples" / "astronaut.png"))
    if picture is None:
        pytest.skip("the sample photograph is not in the cache: run `make demo` once")
    return np.asarray(cv2.resize(picture[:300, 60:360], (240, 240), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("tall", [24, 48, 120, 260])
@pytest.mark.parametrize("dark", [1.0, 0.25])
def test_real_face_stands_at_any_size_and_in_the_dark(
    panel: tuple[YuNet, CenterFace], portrait: Picture, tall: int, dark: float
) -> None:
    """A face whose detector doubted for whatever reason stands after the closer look."""
    scale = tall / 89
    size = round(240 * scale)
    shown = cv2.resize(portrait, (size, size), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    canvas = np.full((720, 900, 3), (150, 170, 160), np.uint8)
    canvas[10 : 10 + size, 20 : 20 + size] = shown
    picture = np.asarray((canvas * dark).astype(np.uint8), np.uint8)
    box = tuple(
        edge * scale + shift for edge, shift in zip((97, 51, 168, 140), (20, 10, 20, 10), strict=True)
    )
    doubtful = Detection((box[0], box[1], box[2], box[3]), 0.55)
    assert Review(panel).judged(picture, doubtful).score == doubtful.score


@pytest.mark.slow
def test_no_face_does_not_stand(panel: tuple[YuNet, CenterFace]) -> None:
    """A large box on a smooth sky, a board of squares or noise is doubted."""
    tall = np.linspace(90, 200, 360, dtype=np.uint8)[:, None, None].repeat(640, 1).repeat(3, 2)
    board = (
        np.kron(np.indices((9, 16)).sum(0) % 2, np.ones((40, 40))).astype(np.uint8)[..., None].repeat(3, 2)
    )
    noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3)).astype(np.uint8)
    for picture in (tall, board * 255, noise):
        face = Review(panel).judged(np.asarray(picture, np.uint8), Detection(LARGE, 0.7))
        assert face.score == DOUBTED
        assert face.trust == 0
        assert overlap(face.box, LARGE)[0] == 1.0


edges = st.one_of(st.floats(-2000, 2000), st.sampled_from([float("nan"), float("inf"), float("-inf")]))


@settings(max_examples=200, deadline=None)
@given(rect=st.tuples(edges, edges, edges, edges), believed=st.booleans())
def test_any_box_is_looked_at_or_doubted(rect: Rect, believed: bool) -> None:
    """Boxes anywhere, of any size, numbers or not, raise nothing; what lies outside the picture is doubted."""
    picture = np.zeros((120, 160, 3), np.uint8)
    face = Review([Scripted()]).judged(picture, Detection(rect, 0.6), believed=believed)
    x1, y1, x2, y2 = rect
    if not (x1 < 160 and y1 < 120 and x2 > 0 and y2 > 0):
        assert face.score == DOUBTED
