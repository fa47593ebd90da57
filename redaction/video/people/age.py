"""Tells minors from adults, and says where it cannot. No age ever leaves this file.

A *view* is one look at one face. It counts when the face is large enough, faces the camera, is lit and whole, and when
it differs from the views before it: a still picture shown for an hour is one view. What the nets say of a view becomes
a log-odds of being a minor (`minor_odds`) and is forgotten on the spot, so that there is no age to store, print or log.

The verdict is that of all latest views together. Few views need a margin. The last three are looked at alone too, so
that a child who takes an adult's place is not hidden behind what was seen before. Whoever was never well seen is in
doubt; where the nets fail and nothing good is known, everybody is a minor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

from redaction.model import VideoFrame
from redaction.video.faces.detect import Detection
from redaction.video.people.adulthood import AgeVerdict
from redaction.video.people.age_crop import FaceCrop, Pose
from redaction.video.people.minor_odds import (
    ADULT_AT_MOST,
    CHILD_AT_LEAST,
    MINOR_AT_LEAST,
    ViewOdds,
    combined,
    view_odds,
)
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

_NETS = 2
_MIN_FACE_PX = 32
"""Source: UTKFace, 2,400 faces: both nets together tell minors at .97 (area under the curve) at full size, .93 at 40 px
and .86 at 28 px; below that they guess."""

_LEAST_SEEN_PX = 16
"""Source: 207 faces of UTKFace of 128 px, blurred by a Gaussian of 4 px (as much detail as 17 to 19 px): 94 of 100
below 13 and two thirds of those of 13 to 15 are still found. Where nothing is to be seen it measures 12."""

_ENOUGH_VIEWS = 5
_SOME_VIEWS = 3
_KEPT_VIEWS = 12
_FEW_VIEWS_MARGIN = 0.5
"""Source: 207 faces of UTKFace, six views: near the border the views of one face differ by .24 at 128 px and more, by
.66 at 48 px (standard deviation of the log-odds)."""
_RELEASE_MARGIN = 0.7
"""A minor is let go again only when the odds have fallen by so much below the border."""
_RECENT_MARGIN = 1.5
"""The last three views alone make a minor, or take an adult back, when they lie by so much beyond the border."""
_SAME_FACE = 0.35
"""Source: traces of 70 people of UTKFace: two people's differ by less in under 1 of 1,000 pairs; a view of a person in
the shared clips differs from the nearest of the views before by less in three of four."""
_FIRST_VIEWS_EVERY_S = 0.1
_LATER_VIEWS_EVERY_S = 6.0
_DOUBTED_VIEWS_EVERY_S = 1.0
_BETWEEN = 1.5
"""A view that lies by so much from what was known brings the next one soon."""


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


@dataclass(slots=True, repr=False)
class _Case:
    """What is known of one tracklet: odds and a 16 x 16 trace of the latest views, to tell a new view from an old."""

    views: deque[ViewOdds] = field(default_factory=lambda: deque(maxlen=_KEPT_VIEWS))
    traces: deque[NDArray[np.float32]] = field(default_factory=lambda: deque(maxlen=_KEPT_VIEWS))
    failures: int = 0
    minor: bool = False
    next_view_s: float = float("-inf")
    before: _Case | None = field(default=None)

    def erase(self) -> None:
        """Overwrite what was kept."""
        for trace in self.traces:
            trace.fill(0)
        self.traces.clear()
        self.views.clear()
        self.before = None

    def add(self, view: ViewOdds) -> bool:
        """Take up a view; return whether it agrees with those before it."""
        before = combined(self.views) if self.views else view.odds
        self.views.append(view)
        self.minor = self._is_minor()
        return abs(view.odds - before) < _BETWEEN

    def inherit(self, trace: NDArray[np.float32]) -> None:
        """Take over the views of who was here a moment ago, if the first view looks like one of theirs."""
        before, self.before = self.before, None
        if before is not None and any(np.abs(trace - seen).mean() < _SAME_FACE for seen in before.traces):
            self.views.extend(before.views)
            self.traces.extend(seen.copy() for seen in before.traces)
            self.minor = before.minor

    def verdict(self) -> AgeVerdict:
        """Return what the views make of somebody of whom nothing was declared."""
        if self.failures > len(self.views) or self.minor:
            return AgeVerdict.MINOR
        if not self.views:
            return AgeVerdict.IN_DOUBT
        margin = 0.0 if len(self.views) >= _SOME_VIEWS else _FEW_VIEWS_MARGIN
        proved = (
            combined(self.views) <= ADULT_AT_MOST - margin
            and self._recent() <= ADULT_AT_MOST + _RECENT_MARGIN
        )
        return AgeVerdict.ADULT if proved else AgeVerdict.IN_DOUBT

    def is_clearly_a_child(self) -> bool:
        """Tell whether a declaration to be an adult cannot be believed."""
        return len(self.views) >= _SOME_VIEWS and combined(self.views) >= CHILD_AT_LEAST

    def _is_minor(self) -> bool:
        odds = combined(self.views)
        if len(self.views) < _SOME_VIEWS:
            return odds >= MINOR_AT_LEAST + _FEW_VIEWS_MARGIN
        border = MINOR_AT_LEAST - (_RELEASE_MARGIN if self.minor else 0.0)
        return odds >= border or self._recent() >= MINOR_AT_LEAST + _RECENT_MARGIN

    def _recent(self) -> float:
        return combined(list(self.views)[-_SOME_VIEWS:])


class AgeJudge:
    """Collects views of tracklets and says of each whether it is a minor, an adult, or in doubt.

    Args:
        estimators: the two age nets that `minor_odds` was fitted to, in its order; the default ones when None.
        threads: threads of each default net.

    Raises:
        ModelMissing: a default net is not in place.
        ModelAltered: a default net is not the pinned file.
        ValueError: there are not two nets.
    """

    def __init__(self, *, estimators: Sequence[AgeEstimator] | None = None, threads: int = 1) -> None:
        self._cases: dict[int, _Case] = {}
        self._failures = 0
        given = default_estimators(threads=threads) if estimators is None else tuple(estimators)
        if len(given) != _NETS:
            raise ValueError("the odds of a minor were fitted to two age nets")
        self._estimators = given

    def __repr__(self) -> str:
        return "AgeJudge()"

    @property
    def failures(self) -> int:
        """How many views could not be judged because a net failed."""
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
            case.failures += 1
            case.next_view_s = frame.time + _FIRST_VIEWS_EVERY_S

    def succeed(self, former_id: int, tracklet_id: int) -> None:
        """Let a new tracklet take over what is known of one that was in its place a moment ago, if they look alike.

        Args:
            former_id: the tracklet that was lost.
            tracklet_id: the new one, of which there is no view yet.
        """
        former = self._cases.get(former_id)
        if former is not None and tracklet_id not in self._cases:
            self._cases[tracklet_id] = _Case(before=former)

    def verdict(self, tracklet_id: int, *, declared_adult: bool = False) -> AgeVerdict:
        """Return what the views so far make of a tracklet.

        Args:
            tracklet_id: the followed face.
            declared_adult: believe that this is an adult unless it is clearly a child.
        """
        case = self._cases.get(tracklet_id)
        if declared_adult:
            child = case is not None and case.is_clearly_a_child()
            return AgeVerdict.MINOR if child else AgeVerdict.ADULT
        return AgeVerdict.IN_DOUBT if case is None else case.verdict()

    def views(self, tracklet_id: int) -> int:
        """Return how many different views of a face were judged, at most as many as are kept."""
        case = self._cases.get(tracklet_id)
        return 0 if case is None else len(case.views)

    def forget(self, tracklet_id: int) -> None:
        """Erase everything about a tracklet."""
        case = self._cases.pop(tracklet_id, None)
        if case is not None:
            case.erase()

    def _look(self, case: _Case, frame: VideoFrame, pose: Pose) -> None:
        """Take up a view if it is good and new."""
        with FaceCrop.of(frame, pose) as crop:
            if not crop.is_lit or crop.seen_px < _LEAST_SEEN_PX:
                return
            # A view already seen, or still to be judged: either way the next is due later.
            known = len(case.views) >= _ENOUGH_VIEWS
            case.next_view_s = frame.time + (_LATER_VIEWS_EVERY_S if known else _FIRST_VIEWS_EVERY_S)
            trace = crop.trace()
            case.inherit(trace)
            if any(np.abs(trace - seen).mean() < crop.SAME_VIEW for seen in case.traces):
                trace.fill(0)
                return
            if len(case.traces) == _KEPT_VIEWS:
                case.traces[0].fill(0)
            case.traces.append(trace)
            if not case.add(self._view(crop, pose)) and known:
                case.next_view_s = frame.time + _DOUBTED_VIEWS_EVERY_S

    def _view(self, crop: FaceCrop, pose: Pose) -> ViewOdds:
        """Ask both nets.

        Raises:
            ValueError: what a net says is no number.
        """
        years = [self._years(estimator, crop) for estimator in self._estimators]
        return view_odds(years, size_px=pose.size_px, seen_px=crop.seen_px, frontal=pose.frontal)

    @staticmethod
    def _years(estimator: AgeEstimator, crop: FaceCrop) -> float:
        pair = crop.square(margin=estimator.margin, size_px=estimator.size_px)
        try:
            # The face and its mirror image: two looks at one view for the price of little.
            return float(np.mean(estimator.years(pair), dtype=np.float64))
        finally:
            pair.fill(0)
