"""Minors, adults and doubt: what views make of a face; failures prove nobody; no age leaves the judge."""

from __future__ import annotations

import gc
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from redaction.errors import ModelUnavailable
from redaction.model import VideoFrame
from redaction.video.faces.detect import Detection
from redaction.video.people.adulthood import AgeVerdict
from redaction.video.people.age import AgeEstimator, AgeJudge, default_estimators
from tests.redaction.video.people.judging import (
    ADULT,
    CLEAR,
    IN_DOUBT,
    MINOR,
    OPEN,
    SIDE,
    UNIQUE,
    YOUNG,
    FakeEstimator,
    FakeFailing,
    FakeTwin,
    face,
    judge,
    pattern,
    picture_frame,
    watch,
)


@pytest.mark.parametrize(
    ("ages", "last"),
    [
        ([CLEAR], ADULT),
        ([CLEAR] * 5, ADULT),
        ([OPEN] * 5, IN_DOUBT),
        ([YOUNG], MINOR),
        ([YOUNG] * 5, MINOR),
        ([20.5], IN_DOUBT),  # one view alone needs a margin
        ([18.5] * 3, MINOR),
        ([CLEAR] * 5 + [YOUNG], ADULT),  # one bad view of many
        ([CLEAR] * 9 + [YOUNG] * 3, MINOR),  # a child who took the place
        ([YOUNG] * 3 + [CLEAR], MINOR),
        ([YOUNG] + [CLEAR] * 11, ADULT),
        ([15.0] * 3 + [OPEN] * 2, MINOR),
        ([15.0] * 3 + [26.0] * 9, IN_DOUBT),
    ],
)
def test_verdict_of_views(ages: list[float], last: AgeVerdict) -> None:
    """All views together decide, a few with a margin, and the latest three where they alone are clear."""
    assert watch(judge(FakeEstimator(*ages)), len(ages))[-1] is last


def test_nobody_is_known_before_a_view() -> None:
    """A tracklet that was never observed is in doubt, or what it declared to be."""
    made = judge(FakeEstimator(CLEAR))
    assert made.verdict(7) is IN_DOUBT
    assert made.verdict(7, declared_adult=True) is ADULT


@pytest.mark.parametrize(
    ("years", "believed"),
    [(2.0, MINOR), (8.0, MINOR), (14.0, ADULT), (17.0, ADULT), (OPEN, ADULT), (CLEAR, ADULT)],
)
def test_declared_adult_is_a_minor_only_where_clearly_a_child(years: float, believed: AgeVerdict) -> None:
    """Whoever declared to be an adult is believed unless three views say clearly a child; undeclared, nobody is."""
    made = judge(FakeEstimator(years))
    watch(made, 2)
    assert made.verdict(1, declared_adult=True) is ADULT
    watch(made, 3, start=2)
    assert made.verdict(1, declared_adult=True) is believed
    assert made.verdict(1) is (ADULT if years == CLEAR else IN_DOUBT if years == OPEN else MINOR)


def test_a_minors_verdict_does_not_flicker() -> None:
    """Near the border a minor stays one until the odds have fallen clearly below it."""
    made = judge(FakeEstimator(19.0, 19.0, 19.0, 20.5, 20.5, 20.5))
    assert watch(made, 6)[2:] == [MINOR] * 4


@pytest.mark.parametrize("years", [float("nan"), float("inf"), float("-inf")])
def test_estimates_that_are_no_numbers_prove_nobody(years: float) -> None:
    """A non-finite estimate makes everybody a minor."""
    made = judge(FakeEstimator(years), FakeEstimator(CLEAR))
    assert watch(made, 4) == [MINOR] * 4
    assert made.failures == 4


@pytest.mark.parametrize(
    "error",
    [RuntimeError(), ValueError(), ArithmeticError(), IndexError(), TypeError(), MemoryError(), cv2.error()],
)
def test_a_failing_net_proves_nobody(error: Exception) -> None:
    """A net that raises makes everybody a minor, is counted, and its message goes nowhere."""
    made = judge(FakeFailing(error))
    assert watch(made, 4) == [MINOR] * 4
    assert made.failures == 4


def test_failures_that_prevail_take_adulthood_back() -> None:
    """A net that begins to fail ends what it said before once it has failed more often than not."""
    estimator = FakeEstimator(CLEAR)
    made = judge(estimator)
    assert watch(made, 1) == [ADULT]
    estimator.script = [float("nan")]
    assert watch(made, 2, start=1) == [ADULT, MINOR]


def blurred(seed: int) -> NDArray[np.uint8]:
    """Return a pattern without detail."""
    return np.asarray(cv2.GaussianBlur(pattern(seed), (0, 0), 12), np.uint8)


POOR: dict[str, Callable[[int], tuple[VideoFrame, Detection]]] = {
    "too small": lambda seed: (picture_frame(pattern(seed)), face(30)),
    "box too large for its landmarks": lambda seed: (
        picture_frame(pattern(seed)),
        Detection((40, 40, 360, 360), 0.9, face(30).landmarks),
    ),
    "no landmarks": lambda seed: (picture_frame(pattern(seed)), Detection(face().box, 0.9)),
    "landmarks that are no numbers": lambda seed: (
        picture_frame(pattern(seed)),
        Detection(face().box, 0.9, np.full((5, 2), np.nan, np.float32)),
    ),
    "landmarks in one point": lambda seed: (
        picture_frame(pattern(seed)),
        Detection(face().box, 0.9, np.full((5, 2), 200, np.float32)),
    ),
    "mouth above the eyes": lambda seed: (
        picture_frame(pattern(seed)),
        Detection(face().box, 0.9, face().landmarks[[3, 4, 2, 0, 1]]),  # type: ignore[index]
    ),
    "turned away": lambda seed: (picture_frame(pattern(seed)), face(turn=0.45)),
    "cut by the frame": lambda seed: (picture_frame(pattern(seed)), face(centre=(30, 200))),
    "box that is no number": lambda seed: (
        picture_frame(pattern(seed)),
        Detection((float("nan"), 0, 200, 200), 0.9, face().landmarks),
    ),
    "blurred": lambda seed: (picture_frame(blurred(seed)), face()),
    "dark": lambda seed: (picture_frame(pattern(seed) // 10 + 16), face()),
    "flat": lambda seed: (picture_frame(np.full((SIDE, SIDE), 120, np.uint8)), face()),
    "damaged frame": lambda seed: (picture_frame(pattern(seed), whole_cover=True), face()),
}


@pytest.mark.parametrize("case", list(POOR))
def test_poor_views_leave_a_doubt(case: str) -> None:
    """A view that cannot be judged is not shown to the nets, and whoever has no other is in doubt."""
    estimator = FakeEstimator(CLEAR)
    made = judge(estimator)
    for seed in range(4):
        made.observe(1, *POOR[case](seed))
    assert made.verdict(1) is IN_DOUBT
    assert estimator.seen == []


def test_a_small_face_needs_more() -> None:
    """What proves an adult in a large face leaves a doubt in a small one."""
    for size, expected in ((200, ADULT), (40, IN_DOUBT)):
        made = judge(FakeEstimator(33.0))
        made.observe(1, picture_frame(pattern(0)), face(size))
        assert made.verdict(1) is expected


def test_a_still_is_one_view() -> None:
    """The same picture for an hour, coded anew each time, never becomes a second view."""
    estimator = FakeEstimator(OPEN)
    made = judge(estimator)
    still = pattern(0)
    for second in range(0, 3600, 60):
        coded = cv2.imencode(".jpg", still, [cv2.IMWRITE_JPEG_QUALITY, 40 + second // 60])[1]
        again = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
        made.observe(1, picture_frame(again, at=second), face(200 + second % 3))
    assert len(estimator.seen) == made.views(1) == 1


def test_views_are_rare_once_enough_are_known() -> None:
    """After five views a face is looked at every few seconds, not in every frame."""
    estimator = FakeEstimator(CLEAR)
    made = judge(estimator)
    for frame in range(300):
        made.observe(1, picture_frame(pattern(frame), at=frame / 30), face())
    assert 5 <= len(estimator.seen) <= 7


@pytest.mark.parametrize("roll", [-90, -30, 0, 45, 180])
def test_crops_are_upright(roll: float) -> None:
    """A tilted face reaches the nets upright, with its mirror image beside it."""
    upright = pattern(3)
    turn = cv2.getRotationMatrix2D((200, 200), -roll, 1)
    tilted = np.asarray(cv2.warpAffine(upright, turn, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT), np.uint8)

    class Keeping(FakeEstimator):
        def years(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
            return super().years(crops.copy())

    kept = []
    for luma, tilt in ((upright, 0.0), (tilted, roll)):
        estimator = Keeping(CLEAR)
        judge(estimator).observe(1, picture_frame(luma), face(160, roll=tilt))
        (pair,) = estimator.seen
        assert pair.shape == (2, 64, 64, 3)
        assert np.array_equal(pair[1], pair[0][:, ::-1])
        kept.append(pair[0].astype(np.float32))
    assert np.abs(kept[0] - kept[1]).mean() < 6
    assert np.abs(kept[0] - kept[1][:, ::-1]).mean() > 15


def test_tracklets_are_judged_apart() -> None:
    """What is known of one face says nothing of another."""
    made = judge(FakeEstimator(CLEAR))
    watch(made, 3, number=1)
    assert made.verdict(1) is ADULT
    assert made.verdict(2) is IN_DOUBT


@pytest.mark.parametrize("alike", [True, False])
def test_a_lost_face_that_comes_back_is_known(alike: bool) -> None:
    """A new tracklet takes over the views of the one it succeeds if its first view looks like one of theirs, and not
    those of somebody else who sits down in the same place."""
    made = judge(FakeEstimator(*[YOUNG] * 5, CLEAR))
    watch(made, 5, number=1)
    made.succeed(1, 2)
    assert made.verdict(2) is IN_DOUBT
    shown = np.clip(pattern(4).astype(np.int16) + pattern(50) // 3 - 40, 16, 235).astype(np.uint8)
    made.observe(2, picture_frame(shown if alike else pattern(60), at=60.0), face())
    made.forget(1)
    assert made.verdict(2) is (MINOR if alike else ADULT)
    assert made.views(2) == (6 if alike else 1)


def reachable(root: object, *, without: Sequence[object] = ()) -> Iterator[object]:
    """Yield every object that can be reached from one, classes and modules apart."""
    seen = {id(item) for item in without}
    pending = [root]
    while pending:
        current = pending.pop()
        if (
            id(current) in seen
            or isinstance(current, type)
            or type(current).__name__ in {"module", "function"}
        ):
            continue
        seen.add(id(current))
        yield current
        pending += gc.get_referents(current)


def test_no_age_stays(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """After judging, no number that can be reached from the judge, and nothing it prints or logs, is near the age."""
    caplog.set_level(logging.DEBUG)
    estimator = FakeEstimator(UNIQUE)
    twin = FakeTwin(estimator)
    made = judge(estimator, twin)
    assert watch(made, 6)[-1] is ADULT
    numbers = [
        item
        for item in reachable(made, without=[estimator, twin])
        if isinstance(item, (int, float, np.generic))
    ]
    arrays = [item for item in reachable(made, without=[estimator, twin]) if isinstance(item, np.ndarray)]
    assert numbers
    assert arrays
    assert not [number for number in numbers if abs(float(number) - UNIQUE) < 3]
    assert not [array for array in arrays if (np.abs(array.astype(np.float64) - UNIQUE) < 3).any()]
    told = repr(made) + str(vars(made)) + caplog.text + "".join(capfd.readouterr())
    assert "41" not in re.sub(r"0x[0-9a-f]+", "", told)


def test_no_age_in_an_exception() -> None:
    """An error that a net raises with the age in its text does not come out."""
    made = judge(FakeFailing(ValueError(f"estimated {UNIQUE}")))
    assert watch(made, 1) == [MINOR]


def test_crops_are_erased() -> None:
    """The pictures that a net was shown hold nothing once the view is judged."""
    estimator = FakeEstimator(CLEAR)
    watch(judge(estimator), 3)
    assert len(estimator.seen) == 3
    assert not any(crops.any() for crops in estimator.seen)


def test_forget_erases() -> None:
    """Forgetting a tracklet overwrites what was kept of it and leaves it in doubt; others stay."""
    made = judge(FakeEstimator(CLEAR))
    watch(made, 3, number=1)
    watch(made, 3, number=2)
    before = [item for item in reachable(made) if isinstance(item, np.ndarray) and item.dtype == np.float32]
    assert len(before) == 6
    made.forget(1)
    made.forget(1)
    assert sum(not item.any() for item in before) == 3
    assert made.verdict(1) is IN_DOUBT
    assert made.verdict(2) is ADULT
    made.forget(2)
    assert not any(item.any() for item in before)
    assert made.verdict(2) is IN_DOUBT


def test_a_missing_net_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the nets the judge cannot be made: the run ends before a frame is read."""
    monkeypatch.setenv("OFFRECORD_MODELS", "/nowhere")
    with pytest.raises(ModelUnavailable):
        AgeJudge()


def test_other_than_two_nets_is_an_error() -> None:
    """A judge with other nets than those it was calibrated for is refused."""
    for nets in ((), (FakeEstimator(CLEAR),), (FakeEstimator(CLEAR),) * 3):
        with pytest.raises(ValueError, match="two age nets"):
            AgeJudge(estimators=nets)


@settings(max_examples=30, deadline=None)
@given(
    views=st.lists(st.tuples(st.floats(-10, 120), st.floats(-10, 120)), min_size=3, max_size=8),
    older=st.tuples(st.floats(0, 30), st.floats(0, 30)),
)
def test_more_years_never_make_more_of_a_minor(
    views: list[tuple[float, float]], older: tuple[float, float]
) -> None:
    """Whoever both nets call older in every view is never nearer to a minor for it."""
    order = [ADULT, IN_DOUBT, MINOR]
    plain = judge(FakeEstimator(*(one for one, _ in views)), FakeEstimator(*(two for _, two in views)))
    aged = judge(
        FakeEstimator(*(one + older[0] for one, _ in views)),
        FakeEstimator(*(two + older[1] for _, two in views)),
    )
    assert order.index(watch(aged, len(views))[-1]) <= order.index(watch(plain, len(views))[-1])


@pytest.fixture(scope="module")
def nets(real_models: None) -> tuple[AgeEstimator, ...]:
    """The two real nets."""
    try:
        return default_estimators()
    except ModelUnavailable:
        pytest.skip("the age nets are not in the model cache: offrecord models fetch")


def test_the_nets_know_a_known_adult(nets: tuple[AgeEstimator, ...]) -> None:
    """A portrait of a woman of 43 is no minor's, at full size and at 40 px."""
    data = pytest.importorskip(
        "skimage.data", reason="scikit-image, whose sample picture this needs, is not here"
    )
    portrait = np.asarray(data.astronaut()[:400, :400])
    # Landmarks of the sample picture, by hand: eyes, nose, corners of the mouth.
    points = np.array([[206, 112], [244, 112], [227, 137], [212, 155], [243, 155]], np.float32)
    found = Detection((178.0, 67.0, 268.0, 182.0), 0.9, points)
    for scale in (1.0, 0.35):
        size = round(400 * scale / 2) * 2
        small = cv2.resize(portrait, (size, size), interpolation=cv2.INTER_AREA)
        planes = cv2.cvtColor(small, cv2.COLOR_RGB2YUV_I420)
        u, v = planes[size:].reshape(2, size // 2, size // 2)
        frame = VideoFrame(planes[:size], u, v, 0, Fraction(1, 30))
        x1, y1, x2, y2 = (value * scale for value in found.box)
        made = AgeJudge(estimators=nets)
        made.observe(1, frame, Detection((x1, y1, x2, y2), 0.9, points * np.float32(scale)))
        assert made.verdict(1) is not MINOR


def test_the_nets_answer_each_picture_alone(nets: tuple[AgeEstimator, ...]) -> None:
    """Each net gives one finite age a picture, the same in a batch as alone."""
    for net in nets:
        random = np.random.default_rng(4)
        crops = random.integers(0, 256, (3, net.size_px, net.size_px, 3), dtype=np.uint8)
        together = net.years(crops)
        assert together.shape == (3,)
        assert np.isfinite(together).all()
        assert [float(net.years(crops[i : i + 1])[0]) for i in range(3)] == pytest.approx(
            together.tolist(), abs=0.05
        )
