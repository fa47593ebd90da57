"""A person is covered with all that belongs to them, or the caller is told that this is not sure."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from redaction.errors import ModelUnavailable
from redaction.model import Box, VideoFrame
from redaction.video.people.silhouette import SelfieSegmenter, Silhouette
from tests.paths import ROOT

Mask = NDArray[np.bool_]


class FakeSegmenter:
    """Takes bright pixels for people; keeps what it was shown."""

    def __init__(self, *, blind: bool = False) -> None:
        self.seen: list[NDArray[np.uint8]] = []
        self.blind = blind

    def people(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return 1 where the picture is bright."""
        self.seen.append(picture)
        share = (picture.mean(axis=2) > 128).astype(np.float32)
        return np.zeros_like(share) if self.blind else share

    def close(self) -> None:
        """Hold nothing."""


class FakeBroken(FakeSegmenter):
    """Gives masks that cannot be used."""

    def __init__(self, answer: NDArray[np.float32]) -> None:
        super().__init__()
        self.answer = answer

    def people(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what was given, at the picture's size unless it has another already."""
        if self.answer.size == 1:
            return np.full(picture.shape[:2], self.answer.item(), np.float32)
        return self.answer


def frame_of(drawn: Mask) -> VideoFrame:
    """Return a frame with bright people on a dark ground."""
    height, width = drawn.shape
    half = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    return VideoFrame(np.where(drawn, 200, 40).astype(np.uint8), half, half.copy(), 0, Fraction(1, 30))


def draw(drawn: Mask, *, x: int, top: int, head: int, tall: float = 2.5) -> Box:
    """Draw a person: a head `head` px tall and a body `tall` heads long; return the box a head would be covered by."""
    canvas = drawn.astype(np.uint8)
    cv2.ellipse(canvas, (x, top + head // 2), (round(0.38 * head), head // 2), 0, 0, 360, 1, -1)
    body = round(0.8 * head), round(tall * head)
    cv2.rectangle(canvas, (x - body[0], top + head - 2), (x + body[0], top + head + body[1]), 1, -1)
    drawn |= canvas.astype(np.bool_)
    aside = round(0.5 * head)
    return Box(x - aside, top - round(0.07 * head), x + aside, top + round(1.18 * head))


def canvas(width: int = 640, height: int = 360) -> Mask:
    """Return an empty scene."""
    return np.zeros((height, width), np.bool_)


@pytest.mark.parametrize(
    ("width", "height", "x", "top", "head"),
    [
        (640, 360, 320, 40, 160),
        (640, 360, 90, 60, 120),
        (1280, 720, 900, 300, 60),
        (1280, 720, 640, 400, 30),
        (641, 363, 300, 50, 90),
    ],
)
def test_the_whole_person_is_covered(width: int, height: int, x: int, top: int, head: int) -> None:
    """Every pixel of the person and a margin around is in the mask, for large and small heads, at odd sizes too."""
    drawn = canvas(width, height)
    box = draw(drawn, x=x, top=top, head=head)
    mask = Silhouette(FakeSegmenter()).mask(frame_of(drawn), box)
    assert mask is not None
    assert mask.shape == drawn.shape
    margin = max(2, head // 12)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    wanted = cv2.dilate(drawn.astype(np.uint8), kernel).astype(np.bool_)
    assert not (wanted & ~mask).any()
    inside = box.clipped(width, height)
    assert mask[inside.y1 : inside.y2, inside.x1 : inside.x2].all()


def test_far_away_people_stay() -> None:
    """A neighbour at a distance is not covered, and most of the scene is not either."""
    drawn = canvas(1280, 720)
    box = draw(drawn, x=250, top=200, head=80)
    alone = drawn.copy()
    draw(drawn, x=1000, top=200, head=80)
    mask = Silhouette(FakeSegmenter()).mask(frame_of(drawn), box)
    assert mask is not None
    assert not (mask & drawn & ~alone).any()
    assert mask.mean() < 0.2


def test_neighbours_that_touch_are_covered_too() -> None:
    """Where two people merge both are removed, since nothing says where one ends."""
    drawn = canvas(1280, 720)
    box = draw(drawn, x=600, top=200, head=80)
    draw(drawn, x=700, top=200, head=80)
    mask = Silhouette(FakeSegmenter()).mask(frame_of(drawn), box)
    assert mask is not None
    assert not (drawn & ~mask).any()


def test_a_hand_apart_belongs_to_the_person() -> None:
    """What lies close by but apart, a raised hand, is covered."""
    drawn = canvas()
    box = draw(drawn, x=300, top=60, head=100)
    hand = np.zeros_like(drawn)
    hand[100:140, 395:430] = True
    drawn |= hand
    mask = Silhouette(FakeSegmenter()).mask(frame_of(drawn), box)
    assert mask is not None
    assert mask[hand].all()


def test_a_tall_person_is_followed_down() -> None:
    """A standing person whose body leaves the first look is covered to the feet."""
    drawn = canvas(1280, 720)
    box = draw(drawn, x=640, top=60, head=70, tall=6.5)
    segmenter = FakeSegmenter()
    mask = Silhouette(segmenter).mask(frame_of(drawn), box)
    assert mask is not None
    assert not (drawn & ~mask).any()
    assert len(segmenter.seen) == 2


@pytest.mark.parametrize("x", [640, 1210, 20])
def test_an_unsure_outline_covers_what_a_body_can_fill(x: int) -> None:
    """Without outline, body and arms to the lower edge are covered, at the frame's edges too, and the room stays."""
    drawn = canvas(1280, 720)
    box = draw(drawn, x=x, top=200, head=160)
    mask = Silhouette(FakeSegmenter(blind=True)).mask(frame_of(drawn), box)
    assert mask is not None
    assert not (drawn & ~mask).any()
    inside = box.clipped(1280, 720)
    assert mask[inside.y2 :, max(0, x - 300) : x + 300].all()
    assert not mask[:100].any()
    assert mask.mean() < 0.5


def test_a_head_half_outside_counts_with_its_whole_size() -> None:
    """Of a head that the edge cuts, the body is as wide as if all of it were seen."""
    drawn = canvas(1280, 720)
    draw(drawn, x=0, top=200, head=160)
    mask = Silhouette(FakeSegmenter(blind=True)).mask(frame_of(drawn), Box(0, 190, 60, 390))
    assert mask is not None
    assert mask[390:, :320].all()
    assert not mask[:, 480:].any()


def test_a_head_without_a_body_takes_the_place_of_one() -> None:
    """An outline that ends at the chin although the frame goes on is not believed."""
    drawn = canvas()
    box = draw(drawn, x=320, top=100, head=60, tall=0)
    assert Silhouette(FakeSegmenter()).mask(frame_of(drawn), box, strict=True) is None
    mask = Silhouette(FakeSegmenter()).mask(frame_of(drawn), box)
    assert mask is not None
    assert mask[box.y1 :, 230:410].all()


def test_nothing_beyond_the_tile_of_a_meeting_window_is_covered() -> None:
    """The outline and what stands in for it end at the gutters around the head's tile."""
    drawn = canvas(1280, 720)
    box = draw(drawn, x=320, top=80, head=160)
    draw(drawn, x=960, top=80, head=160)
    draw(drawn, x=320, top=440, head=160)
    frame = frame_of(drawn)
    random = np.random.default_rng(0)
    frame.y[:] = np.maximum(frame.y, random.integers(60, 90, frame.y.shape, dtype=np.uint8))
    frame.y[356:364], frame.y[:, 636:644] = 16, 16
    for blind in (False, True):
        mask = Silhouette(FakeSegmenter(blind=blind)).mask(frame, box)
        assert mask is not None
        assert not mask[362:].any()
        assert not mask[:, 642:].any()
        assert not (drawn[:354, :634] & ~mask[:354, :634]).any()


def test_a_head_at_the_bottom_needs_no_body() -> None:
    """Where the frame ends at the chin there is no body to be seen, and the outline is believed."""
    drawn = canvas()
    box = draw(drawn, x=320, top=200, head=160)
    mask = Silhouette(FakeSegmenter()).mask(frame_of(drawn), box)
    assert mask is not None
    assert not (drawn & ~mask).any()


def test_a_far_person_without_outline_is_covered_by_a_rectangle() -> None:
    """A small head that the net does not see is covered with all that a standing body can take."""
    drawn = canvas(1280, 720)
    box = draw(drawn, x=640, top=200, head=50, tall=6)
    mask = Silhouette(FakeSegmenter(blind=True)).mask(frame_of(drawn), box)
    assert mask is not None
    assert not (drawn & ~mask).any()
    assert mask.mean() < 0.15


def test_a_head_outside_the_frame_is_unsure() -> None:
    """A head of which nothing is in the frame has no outline."""
    assert Silhouette(FakeSegmenter()).mask(frame_of(canvas()), Box(-200, 10, -100, 110)) is None


@pytest.mark.parametrize(
    "answer",
    [np.array([np.nan], np.float32), np.array([np.inf], np.float32), np.ones((3, 5), np.float32)],
    ids=["not a number", "infinite", "another size"],
)
def test_unusable_masks_raise(answer: NDArray[np.float32]) -> None:
    """A net that gives nonsense raises, so that the run covers the frame and says so."""
    drawn = canvas()
    box = draw(drawn, x=320, top=40, head=160)
    with pytest.raises(ValueError, match="person mask"):
        Silhouette(FakeBroken(answer)).mask(frame_of(drawn), box)


def test_pictures_are_erased() -> None:
    """What the net was shown holds nothing afterwards, and the frame itself is untouched."""
    drawn = canvas()
    box = draw(drawn, x=320, top=40, head=160)
    frame = frame_of(drawn)
    before = frame.y.copy()
    segmenter = FakeSegmenter()
    Silhouette(segmenter).mask(frame, box)
    assert segmenter.seen
    assert not any(picture.any() for picture in segmenter.seen)
    assert np.array_equal(frame.y, before)


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(16, 200), st.integers(16, 200)),
    head=st.tuples(st.integers(-60, 220), st.integers(-60, 220), st.integers(1, 150), st.integers(1, 150)),
    seed=st.integers(0, 1000),
)
def test_a_mask_always_holds_the_head(
    size: tuple[int, int], head: tuple[int, int, int, int], seed: int
) -> None:
    """Whatever is seen wherever, there is no mask, or one of the frame's size that holds the head."""
    random = np.random.default_rng(seed)
    cells = random.random((4, 4)).astype(np.float32)
    drawn = cv2.resize(cells, (size[0], size[1])) > 0.5
    x, y, wide, tall = head
    box = Box(x, y, x + wide, y + tall)
    mask = Silhouette(FakeSegmenter()).mask(frame_of(drawn), box)
    inside = box.clipped(*size)
    if mask is None:
        return
    assert mask.shape == (size[1], size[0])
    assert mask.dtype == np.bool_
    assert mask[inside.y1 : inside.y2, inside.x1 : inside.x2].all()


@pytest.fixture(scope="module")
def selfie(real_models: None) -> Iterator[SelfieSegmenter]:
    """The real net."""
    try:
        made = SelfieSegmenter()
    except ModelUnavailable:
        pytest.skip("person.selfie is not in the model cache: offrecord models fetch")
    yield made
    made.close()


def test_the_net_answers_at_the_pictures_size(selfie: SelfieSegmenter) -> None:
    """The real net gives shares of 0 to 1 at any size, and nobody where there is only noise."""
    random = np.random.default_rng(0)
    for height, width in ((64, 64), (201, 333), (720, 1280)):
        share = selfie.people(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        assert share.shape == (height, width)
        assert share.dtype == np.float32
        assert share.min() >= 0
        assert share.max() <= 1
        assert share.mean() < 0.5


def test_the_net_opens_again(selfie: SelfieSegmenter) -> None:
    """A closed net opens at the next picture; closing twice is fine."""
    picture = np.full((90, 90, 3), 90, np.uint8)
    first = selfie.people(picture)
    selfie.close()
    selfie.close()
    assert np.array_equal(selfie.people(picture), first)


def test_the_net_outlines_a_known_person(selfie: SelfieSegmenter) -> None:
    """A portrait's face, hair and suit are covered, its corners are not."""
    data = pytest.importorskip(
        "skimage.data", reason="scikit-image, whose sample picture this needs, is not here"
    )
    portrait = np.asarray(data.astronaut())
    planes = cv2.cvtColor(portrait, cv2.COLOR_RGB2YUV_I420)
    u, v = planes[512:].reshape(2, 256, 256)
    mask = Silhouette(selfie).mask(VideoFrame(planes[:512], u, v, 0, Fraction(1, 30)), Box(150, 5, 300, 210))
    assert mask is not None
    assert mask[20:500:20, 190:260].all()
    assert not mask[:60, 460:].any()


def test_the_net_is_silent_and_leaves_quietly(selfie: SelfieSegmenter) -> None:
    """A process that outlines someone and ends without closing anything prints nothing and exits with 0."""
    code = (
        "import numpy as np\n"
        "from redaction.video.people.silhouette import SelfieSegmenter\n"
        "net = SelfieSegmenter()\n"
        "net.people(np.zeros((80, 80, 3), np.uint8))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_missing_net_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the net the silhouette cannot be made: the run ends before a frame is read."""
    monkeypatch.setenv("OFFRECORD_MODELS", "/nowhere")
    with pytest.raises(ModelUnavailable):
        Silhouette()
