"""Small frames with bright squares for faces, and fake models that see exactly those."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, Examined, RedactedFrame, VideoFrame
from redaction.policy import FacesSection, MinorsSection, Policy, ScreenSection
from redaction.video.faces.detect import Detection
from redaction.video.faces.examine import Cadence
from redaction.video.hints import HintedPlaces
from redaction.video.lookahead import Bounds
from redaction.video.people.adulthood import AgeVerdict
from redaction.video.redact import VideoRedactor, VideoStages
from redaction.video.view import Picture

BRIGHT = 220
GROUND = 60
RATE = 30
WIDTH, HEIGHT = 160, 96


def frame(
    faces: Iterable[Box] = (),
    index: int = 0,
    *,
    ground: int | NDArray[np.uint8] = GROUND,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    whole_cover: bool = False,
) -> VideoFrame:
    """Return a frame at 30 a second with bright boxes on a dark ground."""
    width, height = size
    y = np.empty((height, width), np.uint8)
    y[:] = ground
    for box in faces:
        inside = box.clipped(width, height)
        y[inside.y1 : inside.y2, inside.x1 : inside.x2] = BRIGHT
    chroma = ((height + 1) // 2, (width + 1) // 2)
    u, v = np.full(chroma, 128, np.uint8), np.full(chroma, 128, np.uint8)
    return VideoFrame(y, u, v, index, Fraction(1, RATE), whole_cover)


class FakeDetector:
    """Sees every bright blob, save on calls listed as `missing`; raises on those listed as `raising`.

    It doubts every face in the first `firm_from` calls.
    """

    def __init__(
        self,
        *,
        missing: Iterable[int] = (),
        raising: Iterable[int] = (),
        score: float = 0.9,
        firm_from: int = 0,
    ) -> None:
        self.calls = 0
        self._missing = frozenset(missing)
        self._raising = frozenset(raising)
        self._score = score
        self._firm_from = firm_from

    def detect(self, picture: Picture) -> list[Detection]:
        """Return a box around each bright blob."""
        self.calls += 1
        if self.calls - 1 in self._raising:
            raise RuntimeError("fault injected")
        if self.calls - 1 in self._missing:
            return []
        bright = (picture.min(axis=2) > 150).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
        return [
            Detection(
                (float(x), float(y), float(x + w), float(y + h)),
                self._score,
                np.zeros((5, 2), np.float32),
                trust=1.0 if self.calls > self._firm_from else 0.0,
            )
            for x, y, w, h, area in stats[1:count]
            if area >= 9
        ]


class FakeJudge:
    """Proves adults by their number; keeps count of what it was shown and told to forget."""

    def __init__(self, adults: Iterable[int] = (), *, doubtful: Iterable[int] = ()) -> None:
        self.adults = set(adults)
        self.doubtful = set(doubtful)
        self.observed: list[int] = []
        self.forgotten: list[int] = []

    def observe(self, tracklet_id: int, frame: VideoFrame, detection: Detection) -> None:
        """Note who was shown."""
        self.observed.append(tracklet_id)

    def verdict(self, tracklet_id: int, *, declared_adult: bool = False) -> AgeVerdict:
        """Return an adult whoever is on the list, a minor whoever is not; doubt, or belief, whoever is doubtful."""
        if tracklet_id in self.doubtful:
            return AgeVerdict.ADULT if declared_adult else AgeVerdict.IN_DOUBT
        return AgeVerdict.ADULT if tracklet_id in self.adults else AgeVerdict.MINOR

    def forget(self, tracklet_id: int) -> None:
        """Note who was forgotten."""
        self.forgotten.append(tracklet_id)


class FakeSilhouette:
    """Takes everything below the head, as wide as the head, for the body; unsure or raising on demand."""

    def __init__(self, *, unsure: bool = False, raising: bool = False) -> None:
        self.calls = 0
        self._unsure = unsure
        self._raising = raising

    def mask(self, frame: VideoFrame, head: Box, *, strict: bool = False) -> NDArray[np.bool_] | None:
        """Return the head's box down to the lower edge."""
        self.calls += 1
        if self._raising:
            raise RuntimeError("fault injected")
        if self._unsure:
            return None
        mask = np.zeros(frame.y.shape, np.bool_)
        box = head.clipped(frame.width, frame.height)
        mask[box.y1 :, box.x1 : box.x2] = True
        return mask


def policy(*, adults: bool = True, method: str = "solid", in_doubt: str = "cover") -> Policy:
    """Return a policy; nobody's age is estimated unless told otherwise."""
    key = "i_know_that_every_person_is_an_adult_and_accept_that_an_undetected_child_stays_visible"
    return Policy(
        minors=MinorsSection.model_validate({key: adults, "in_doubt": in_doubt}),
        faces=FacesSection.model_validate({"method": method}),
        screen=ScreenSection(text="none", codes=False),
    )


def redactor(
    detector: FakeDetector | None = None,
    *,
    rules: Policy | None = None,
    judge: FakeJudge | None = None,
    silhouettes: FakeSilhouette | None = None,
    bounds: Bounds | None = None,
    cadence: Cadence | None = None,
    threaded: bool = False,
    hints: HintedPlaces | None = None,
) -> VideoRedactor:
    """Return the engine with fake models."""
    eyes = detector or FakeDetector()
    return VideoRedactor(
        width=WIDTH,
        height=HEIGHT,
        policy=rules or policy(),
        stages=VideoStages(eyes, eyes, judge, silhouettes),
        track="V1",
        bounds=bounds,
        cadence=cadence,
        threaded=threaded,
        hints=hints,
    )


def run(engine: VideoRedactor, frames: Sequence[VideoFrame]) -> list[RedactedFrame]:
    """Push all frames and flush."""
    done = [item for given in frames for item in engine.push(given)]
    return done + engine.flush()


def covered_mask(redacted: RedactedFrame) -> NDArray[np.bool_]:
    """Return what the covers of a frame say is covered, bool (H, W)."""
    mask = np.zeros(redacted.frame.y.shape, np.bool_)
    if redacted.examined is Examined.COVERED:
        mask[:] = True
    for cover in redacted.covers:
        box = cover.box.clipped(redacted.frame.width, redacted.frame.height)
        mask[box.y1 : box.y2, box.x1 : box.x2] |= True if cover.mask is None else cover.mask
    return mask


def bright(redacted: RedactedFrame) -> int:
    """Return how many pixels still show a face."""
    return int((redacted.frame.y > 150).sum())
