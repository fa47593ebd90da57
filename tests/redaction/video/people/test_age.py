"""Only a clear adult is one; every doubt makes a minor; no age leaves the judge."""

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

CLEAR, PLAIN, DOUBT, YOUNG = 40.0, 26.0, 23.0, 9.0
UNIQUE = 41.625
SIDE = 400


class FakeEstimator:
    """Gives scripted ages, the last one for ever; keeps the crops it saw."""

    def __init__(self, *years: float, margin: float = 1.0, size_px: int = 64) -> None:
        self.margin = margin
        self.size_px = size_px
        self.script = list(years)
        self.seen: list[NDArray[np.uint8]] = []

    def years(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the next scripted age."""
        self.seen.append(crops)
        age = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return np.full(len(crops), age, np.float32)


class FakeFailing(FakeEstimator):
    """Raises."""

    def __init__(self, error: Exception) -> None:
        super().__init__(UNIQUE)
        self.error = error

    def years(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raise what was given."""
        raise self.error


def picture_frame(luma: NDArray[np.uint8], *, at: float = 0.0, whole_cover: bool = False) -> VideoFrame:
    """Return a grey picture as a frame."""
    half = np.full((luma.shape[0] // 2, luma.shape[1] // 2), 128, np.uint8)
    return VideoFrame(luma, half, half.copy(), round(at * 1000), Fraction(1, 1000), whole_cover)


def pattern(seed: int) -> NDArray[np.uint8]:
    """Return a picture with detail of all sizes, uint8 (SIDE, SIDE)."""
    random = np.random.default_rng(seed)
    total = np.zeros((SIDE, SIDE), np.float32)
    for cells in (4, 12, 40, 130):
        coarse = random.normal(0, 1, (cells, cells)).astype(np.float32)
        total += cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.clip(126 + 25 * total, 16, 235).astype(np.uint8)


def face(
    size: float = 200, *, centre: tuple[float, float] = (200, 200), turn: float = 0, roll: float = 0
) -> Detection:
    """Return a detection as tall as `size`, three quarters as wide; `turn` moves the nose aside, in eye distances."""
    x, y = centre
    box = (x - 0.375 * size, y - 0.5 * size, x + 0.375 * size, y + 0.5 * size)
    eyes = 0.36 * size
    points = np.array(
        [[-0.5, -0.4], [0.5, -0.4], [turn, 0.2], [-0.4, 0.65], [0.4, 0.65]], np.float32
    ) * np.float32(eyes)
    angle = np.deg2rad(roll)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    return Detection(box, 0.9, np.asarray(points @ rotation.T + np.array([x, y], np.float32), np.float32))


def judge(*estimators: AgeEstimator) -> AgeJudge:
    """Return a judge with fakes."""
    return AgeJudge(estimators=estimators)


def adult(made: AgeJudge, number: int) -> bool:
    """Tell whether the verdict is an adult."""
    return made.verdict(number) is AgeVerdict.ADULT


def watch(made: AgeJudge, views: int, *, number: int = 1, start: int = 0) -> list[bool]:
    """Show different views a second apart; return the verdict after each."""
    verdicts = []
    for view in range(start, start + views):
        made.observe(number, picture_frame(pattern(view), at=10.0 * view), face())
        verdicts.append(adult(made, number))
    return verdicts


@pytest.mark.parametrize(
    ("ages", "verdicts"),
    [
        ([CLEAR], [True]),
        ([PLAIN], [False]),
        ([PLAIN, PLAIN], [False, False]),
        ([PLAIN, PLAIN, PLAIN], [False, False, True]),
        ([CLEAR, PLAIN, PLAIN], [True, True, True]),
        ([DOUBT], [False]),
        ([CLEAR, DOUBT], [True, False]),
        ([CLEAR, CLEAR, DOUBT], [True, True, False]),
        ([CLEAR, CLEAR, CLEAR, DOUBT], [True, True, True, True]),
        ([CLEAR, CLEAR, CLEAR, DOUBT, DOUBT], [True, True, True, True, False]),
        ([YOUNG, CLEAR, CLEAR, CLEAR], [False, False, False, True]),
        ([CLEAR] * 7 + [YOUNG], [True] * 7 + [False]),
        ([CLEAR, YOUNG, CLEAR, YOUNG, CLEAR, CLEAR, CLEAR, CLEAR], [True] + [False] * 7),
    ],
)
def test_votes_of_views(ages: list[float], verdicts: list[bool]) -> None:
    """Three plain views or one clear one make an adult; doubtful and young views take it back."""
    assert watch(judge(FakeEstimator(*ages)), len(ages)) == verdicts


def test_nobody_is_adult_before_a_view() -> None:
    """A tracklet that was never observed is a minor."""
    assert not adult(judge(FakeEstimator(CLEAR)), 7)


def test_the_youngest_opinion_counts() -> None:
    """One net that sees a child outweighs any number that see an adult, whichever is asked first."""
    assert watch(judge(FakeEstimator(CLEAR), FakeEstimator(CLEAR)), 1) == [True]
    assert watch(judge(FakeEstimator(DOUBT), FakeEstimator(CLEAR)), 4)[-1] is False
    assert watch(judge(FakeEstimator(CLEAR), FakeEstimator(DOUBT)), 4)[-1] is False


def test_nets_that_disagree_are_a_doubt() -> None:
    """Two estimates far apart make no adult although both are old enough."""
    assert watch(judge(FakeEstimator(60.0), FakeEstimator(30.0)), 4)[-1] is False


def test_second_net_rests_once_the_first_says_no() -> None:
    """What cannot change the verdict is not computed."""
    second = FakeEstimator(CLEAR)
    watch(judge(FakeEstimator(YOUNG), second), 3)
    assert second.seen == []


@pytest.mark.parametrize("years", [float("nan"), float("inf"), float("-inf")])
def test_estimates_that_are_no_numbers_are_doubts(years: float) -> None:
    """A non-finite estimate never makes an adult."""
    made = judge(FakeEstimator(years), FakeEstimator(CLEAR))
    assert watch(made, 4) == [False] * 4
    assert made.failures == 4


@pytest.mark.parametrize(
    "error",
    [RuntimeError(), ValueError(), ArithmeticError(), IndexError(), TypeError(), MemoryError(), cv2.error()],
)
def test_a_failing_net_is_a_doubt(error: Exception) -> None:
    """A net that raises makes no adult, is counted, and its message goes nowhere."""
    made = judge(FakeFailing(error))
    assert watch(made, 4) == [False] * 4
    assert made.failures == 4


def test_failures_take_adulthood_back() -> None:
    """A net that begins to fail ends what it said before."""
    estimator = FakeEstimator(CLEAR)
    made = judge(estimator)
    assert watch(made, 1) == [True]
    estimator.script = [float("nan")]
    assert watch(made, 2, start=1) == [False, False]


def blurred(seed: int) -> NDArray[np.uint8]:
    """Return a pattern without detail."""
    return np.asarray(cv2.GaussianBlur(pattern(seed), (0, 0), 12), np.uint8)


POOR: dict[str, Callable[[int], tuple[VideoFrame, Detection]]] = {
    "too small": lambda seed: (picture_frame(pattern(seed)), face(60)),
    "box too large for its landmarks": lambda seed: (
        picture_frame(pattern(seed)),
        Detection((40, 40, 360, 360), 0.9, face(60).landmarks),
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
def test_poor_views_make_no_adult(case: str) -> None:
    """A view that cannot be judged is not shown to the nets, and nobody becomes an adult by it."""
    estimator = FakeEstimator(CLEAR)
    made = judge(estimator)
    for seed in range(4):
        made.observe(1, *POOR[case](seed))
    assert not adult(made, 1)
    assert estimator.seen == []


def test_a_small_face_needs_more() -> None:
    """At the size from which faces are judged at all, one view needs more years than a large face does."""
    frame = picture_frame(pattern(0))
    for size, expected in ((200, True), (70, False)):
        made = judge(FakeEstimator(28.0))
        made.observe(1, frame, face(size))
        assert adult(made, 1) is expected


def test_a_still_is_one_view() -> None:
    """The same picture for an hour, coded anew each time, never becomes the three views that plain ages need."""
    estimator = FakeEstimator(PLAIN)
    made = judge(estimator)
    still = pattern(0)
    for second in range(0, 3600, 60):
        coded = cv2.imencode(".jpg", still, [cv2.IMWRITE_JPEG_QUALITY, 40 + second // 60])[1]
        again = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
        made.observe(1, picture_frame(again, at=second), face(200 + second % 3))
    assert len(estimator.seen) == 1
    assert not adult(made, 1)


def test_views_are_rare_once_enough_are_known() -> None:
    """After three views a face is looked at every few seconds, not in every frame."""
    estimator = FakeEstimator(CLEAR)
    made = judge(estimator)
    for frame in range(300):
        made.observe(1, picture_frame(pattern(frame), at=frame / 30), face())
    assert 3 <= len(estimator.seen) <= 6


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
    assert adult(made, 1)
    assert not adult(made, 2)


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
    made = judge(estimator)
    assert all(watch(made, 6))
    numbers = [
        item for item in reachable(made, without=[estimator]) if isinstance(item, (int, float, np.generic))
    ]
    arrays = [item for item in reachable(made, without=[estimator]) if isinstance(item, np.ndarray)]
    assert numbers
    assert arrays
    assert not [number for number in numbers if abs(float(number) - UNIQUE) < 3]
    assert not [array for array in arrays if (np.abs(array.astype(np.float64) - UNIQUE) < 3).any()]
    told = repr(made) + str(vars(made)) + caplog.text + "".join(capfd.readouterr())
    assert "41" not in re.sub(r"0x[0-9a-f]+", "", told)


def test_no_age_in_an_exception() -> None:
    """An error that a net raises with the age in its text does not come out."""
    made = judge(FakeFailing(ValueError(f"estimated {UNIQUE}")))
    assert watch(made, 1) == [False]


def test_crops_are_erased() -> None:
    """The pictures that a net was shown hold nothing once the view is judged."""
    estimator = FakeEstimator(CLEAR)
    watch(judge(estimator), 3)
    assert len(estimator.seen) == 3
    assert not any(crops.any() for crops in estimator.seen)


def test_forget_erases() -> None:
    """Forgetting a tracklet overwrites what was kept of it and makes it a minor again; others stay."""
    made = judge(FakeEstimator(CLEAR))
    watch(made, 3, number=1)
    watch(made, 3, number=2)
    before = [item for item in reachable(made) if isinstance(item, np.ndarray) and item.dtype == np.float32]
    assert len(before) == 6
    made.forget(1)
    made.forget(1)
    assert sum(not item.any() for item in before) == 3
    assert not adult(made, 1)
    assert adult(made, 2)
    made.forget(2)
    assert not any(item.any() for item in before)
    assert not adult(made, 2)


def test_a_missing_net_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the nets the judge cannot be made: the run ends before a frame is read."""
    monkeypatch.setenv("OFFRECORD_MODELS", "/nowhere")
    with pytest.raises(ModelUnavailable):
        AgeJudge()


def test_no_estimators_is_an_error() -> None:
    """A judge without a net would call nobody an adult, or everybody: it is refused."""
    with pytest.raises(ValueError, match="no age estimator"):
        AgeJudge(estimators=())


@settings(max_examples=30, deadline=None)
@given(
    ages=st.lists(
        st.tuples(st.floats(-10, 120), st.floats(-10, 120)).map(lambda pair: (min(pair), max(pair))),
        min_size=1,
        max_size=9,
    ),
)
def test_never_adult_below_the_threshold(ages: list[tuple[float, float]]) -> None:
    """An adult's latest views hold at least three quarters at the threshold, whatever the nets say."""
    first, second = FakeEstimator(*(low for low, _ in ages)), FakeEstimator(*(high for _, high in ages))
    made = judge(first, second)
    for count, verdict in enumerate(_watched(made, first, second, ages), start=1):
        latest = [low for low, _ in ages[:count]][-8:]
        if verdict:
            assert sum(low >= 25 for low in latest) >= 0.75 * len(latest)


def _watched(
    made: AgeJudge, first: FakeEstimator, second: FakeEstimator, ages: Sequence[tuple[float, float]]
) -> Iterator[bool]:
    for view, (low, high) in enumerate(ages):
        first.script, second.script = [low], [high]
        yield watch(made, 1, start=view)[0]


@pytest.fixture(scope="module")
def nets() -> tuple[AgeEstimator, ...]:
    """The two real nets."""
    try:
        return default_estimators()
    except ModelUnavailable:
        pytest.skip("the age nets are not in the model cache: offrecord models fetch")


def test_the_nets_know_a_known_adult(nets: tuple[AgeEstimator, ...]) -> None:
    """A portrait of a woman of 43 is an adult's, and the same at 40 px is nobody's."""
    data = pytest.importorskip(
        "skimage.data", reason="scikit-image, whose sample picture this needs, is not here"
    )
    portrait = np.asarray(data.astronaut()[:400, :400])
    # Landmarks of the sample picture, by hand: eyes, nose, corners of the mouth.
    points = np.array([[206, 112], [244, 112], [227, 137], [212, 155], [243, 155]], np.float32)
    found = Detection((178.0, 67.0, 268.0, 182.0), 0.9, points)
    for scale, expected in ((1.0, True), (0.35, False)):
        size = round(400 * scale / 2) * 2
        small = cv2.resize(portrait, (size, size), interpolation=cv2.INTER_AREA)
        planes = cv2.cvtColor(small, cv2.COLOR_RGB2YUV_I420)
        u, v = planes[size:].reshape(2, size // 2, size // 2)
        frame = VideoFrame(planes[:size], u, v, 0, Fraction(1, 30))
        x1, y1, x2, y2 = (value * scale for value in found.box)
        made = AgeJudge(estimators=nets)
        made.observe(1, frame, Detection((x1, y1, x2, y2), 0.9, points * np.float32(scale)))
        assert adult(made, 1) is expected


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
