"""Tells minors from adults, and says where it cannot. No age ever leaves this file.

A *view* is one look at one face. It counts only when the face is large, facing the camera, sharp, lit and whole, and
when it differs from the views before it: a still picture shown for an hour is one view. Each view becomes a vote and
its age is forgotten on the spot, so that there is no number to store, print or log.

Three or more views make an adult when three quarters of them reach 25 years; of one or two, all
must reach it and one must clear it by a margin; never when the latest view looks like a child's, or two did. Half of
the views, and two at least, that look like a child's make a minor. Whoever was never well seen is in doubt; where the
nets fail, everybody is a minor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from math import isfinite
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

from redaction.model import VideoFrame
from redaction.video.faces.detect import Detection
from redaction.video.people.adulthood import AgeVerdict
from redaction.video.people.age_crop import FaceCrop, Pose
from redaction.weights import open_session

__all__ = ["AgeEstimator", "AgeJudge", "OnnxAgeEstimator", "default_estimators"]

_FAULTS = (
    ArithmeticError,
    Fail,
    InvalidArgument,
    LookupError,
    MemoryError,
    RuntimeError,
    RuntimeException,
    TypeError,
    ValueError,
    cv2.error,
)

# Source: UTKFace, 2,400 faces: smaller of two nets below 25 years finds 99.3 % of minors in one view, below 27 years
# 99.7 %; the error of one view falls with the number of views, that between people does not.
_LONE_VIEW_MARGIN_YEARS = 2.0
# Source: the same at 64 px: minor recall falls from .996 to .988, made good by two years; none needed from 128 px.
_SMALL_FACE_MARGIN_YEARS = 2.0
_SURE_FACE_PX = 128
_YOUNG_BELOW_YEARS = 7.0
# Source: adults of UTKFace whom both nets call adult: 95 % differ by less than 14.5 years.
_DISAGREEMENT_YEARS = 15.0

_ADULT_YEARS = 25.0
_MIN_FACE_PX = 64

_ENOUGH_VIEWS = 3
_KEPT_VIEWS = 8
_AGREEING_SHARE = 0.75
_FIRST_VIEWS_EVERY_S = 0.1
_LATER_VIEWS_EVERY_S = 6.0


class AgeEstimator(Protocol):
    """Says how old faces look.

    Attributes:
        margin: side of the square crop it wants, in sizes of the face box's longer side.
        size_px: side of the crop in pixels.
    """

    margin: float
    size_px: int

    def years(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return years, float32 (N,), of upright crops, uint8 (N, size_px, size_px, 3) RGB."""
        ...


class OnnxAgeEstimator:
    """One of the converted nets: `pixels` float32 (N, 3, S, S) RGB 0 to 255 in, `age` float32 (N,) out."""

    def __init__(self, name: str, *, margin: float, size_px: int, threads: int = 1) -> None:
        self.margin = margin
        self.size_px = size_px
        self._session = open_session(name, threads=threads)

    def years(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return years, float32 (N,), of upright crops, uint8 (N, size_px, size_px, 3) RGB."""
        pixels = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), dtype=np.float32)
        try:
            return self._session.run(["age"], {"pixels": pixels})[0]
        finally:
            pixels.fill(0)


def default_estimators(*, threads: int = 1) -> tuple[AgeEstimator, ...]:
    """Open the two nets, the cheaper first.

    Margins measured on UTKFace with boxes that are the hull of two detectors' (a little larger than either's).

    Raises:
        ModelMissing: a net is not in place.
        ModelAltered: a net is not the pinned file.
    """
    return (
        OnnxAgeEstimator("age.faceapi", margin=0.9, size_px=112, threads=threads),
        OnnxAgeEstimator("age.faceres_deep", margin=1.2, size_px=224, threads=threads),
    )


class _Vote(IntEnum):
    """What one view says. Ages exist only while a vote is formed."""

    YOUNG = 0
    DOUBT = 1
    ADULT = 2
    CLEARLY_ADULT = 3


@dataclass(slots=True, repr=False)
class _Case:
    """What is known of one tracklet: votes and a 16 x 16 trace of the latest views, to tell a new view from an old."""

    votes: deque[_Vote] = field(default_factory=lambda: deque(maxlen=_KEPT_VIEWS))
    traces: deque[NDArray[np.float32]] = field(default_factory=lambda: deque(maxlen=_KEPT_VIEWS))
    next_view_s: float = float("-inf")

    def erase(self) -> None:
        """Overwrite what was kept."""
        for trace in self.traces:
            trace.fill(0)
        self.traces.clear()
        self.votes.clear()


class AgeJudge:
    """Collects views of tracklets and says of each whether it is clearly an adult.

    Args:
        estimators: age nets, the cheapest first; the youngest opinion counts. The two default nets when None.
        threads: threads of each default net.

    Raises:
        ModelMissing: a default net is not in place.
        ModelAltered: a default net is not the pinned file.
    """

    def __init__(self, *, estimators: Sequence[AgeEstimator] | None = None, threads: int = 1) -> None:
        self._cases: dict[int, _Case] = {}
        self._failures = 0
        given = default_estimators(threads=threads) if estimators is None else tuple(estimators)
        if not given:
            raise ValueError("no age estimator was given; without one nobody could be an adult")
        self._estimators = given

    def __repr__(self) -> str:
        return "AgeJudge()"

    @property
    def failures(self) -> int:
        """How many views could not be judged because a net failed; each counted against adulthood."""
        return self._failures

    def observe(self, tracklet_id: int, frame: VideoFrame, detection: Detection) -> None:
        """Look at a face if that is due; cheap when it is not.

        Args:
            tracklet_id: the followed face.
            frame: the frame as decoded, nothing covered.
            detection: the face in the frame's own pixels.
        """
        if frame.whole_cover:
            return
        case = self._cases.setdefault(tracklet_id, _Case())
        if frame.time < case.next_view_s:
            return
        pose = Pose.of(detection, width=frame.width, height=frame.height)
        if pose is None or pose.size_px < _MIN_FACE_PX:
            return
        try:
            self._look(case, frame, pose)
        except _FAULTS:
            self._failures += 1
            case.votes.append(_Vote.YOUNG)
            case.next_view_s = frame.time + _FIRST_VIEWS_EVERY_S

    def verdict(self, tracklet_id: int, *, declared_adult: bool = False) -> AgeVerdict:
        """Return what the views so far make of a tracklet.

        Args:
            tracklet_id: the followed face.
            declared_adult: believe that this is an adult unless it is clearly a child.
        """
        case = self._cases.get(tracklet_id)
        votes: Sequence[_Vote] = () if case is None else case.votes
        young = votes.count(_Vote.YOUNG)
        if declared_adult:
            return AgeVerdict.MINOR if young > 1 and young == len(votes) else AgeVerdict.ADULT
        if case is not None and self._is_adult(case):
            return AgeVerdict.ADULT
        return AgeVerdict.MINOR if young > 1 and 2 * young >= len(votes) else AgeVerdict.IN_DOUBT

    def _is_adult(self, case: _Case) -> bool:
        votes = case.votes
        if not votes:
            return False
        if votes[-1] is _Vote.YOUNG or votes.count(_Vote.YOUNG) > 1:
            return False
        if len(votes) < _ENOUGH_VIEWS:
            return min(votes) >= _Vote.ADULT and max(votes) is _Vote.CLEARLY_ADULT
        return sum(vote >= _Vote.ADULT for vote in votes) >= _AGREEING_SHARE * len(votes)

    def views(self, tracklet_id: int) -> int:
        """Return how many different views of a face were judged, at most as many as are kept."""
        case = self._cases.get(tracklet_id)
        return 0 if case is None else len(case.votes)

    def forget(self, tracklet_id: int) -> None:
        """Erase everything about a tracklet."""
        case = self._cases.pop(tracklet_id, None)
        if case is not None:
            case.erase()

    def _look(self, case: _Case, frame: VideoFrame, pose: Pose) -> None:
        """Add a vote if the view is good and new."""
        with FaceCrop.of(frame, pose) as crop:
            if not crop.is_good:
                return
            # A view already seen, or still to be judged: either way the next is due later.
            known = len(case.votes) >= _ENOUGH_VIEWS
            case.next_view_s = frame.time + (_LATER_VIEWS_EVERY_S if known else _FIRST_VIEWS_EVERY_S)
            trace = crop.trace()
            if any(np.abs(trace - seen).mean() < crop.SAME_VIEW for seen in case.traces):
                trace.fill(0)
                return
            if len(case.traces) == _KEPT_VIEWS:
                case.traces[0].fill(0)
            case.traces.append(trace)
            case.votes.append(self._vote(crop, pose))

    def _vote(self, crop: FaceCrop, pose: Pose) -> _Vote:
        """Turn the youngest opinion into a vote; later nets are not asked once one has said no."""
        smallness = (_SURE_FACE_PX - pose.size_px) / (_SURE_FACE_PX - _MIN_FACE_PX)
        needed = _ADULT_YEARS + _SMALL_FACE_MARGIN_YEARS * min(1.0, max(0.0, smallness))
        youngest, oldest = float("inf"), float("-inf")
        for estimator in self._estimators:
            pair = crop.square(margin=estimator.margin, size_px=estimator.size_px)
            try:
                # The face and its mirror image: two looks at one view for the price of little.
                years = float(np.mean(estimator.years(pair), dtype=np.float64))
            finally:
                pair.fill(0)
            if not isfinite(years):
                self._failures += 1
                return _Vote.YOUNG
            youngest, oldest = min(youngest, years), max(oldest, years)
            if youngest < needed - _YOUNG_BELOW_YEARS:
                return _Vote.YOUNG
            if youngest < needed or oldest - youngest > _DISAGREEMENT_YEARS:
                return _Vote.DOUBT
        return _Vote.CLEARLY_ADULT if youngest >= needed + _LONE_VIEW_MARGIN_YEARS else _Vote.ADULT
