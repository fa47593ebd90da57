"""Who is a minor: the judge of ages, called sparingly, and its word for each tracklet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from redaction.model import VideoFrame
from redaction.video.faces.detect import Detection

__all__ = ["AgeJudging", "Ages", "CountsViews"]


class AgeJudging(Protocol):
    """Tells adults from everybody else; a tracklet never observed is no adult."""

    def observe(self, tracklet_id: int, frame: VideoFrame, detection: Detection) -> None:
        """Take one view of a face, in frame pixels, into account."""
        ...

    def is_adult(self, tracklet_id: int) -> bool:
        """Tell whether the tracklet was proved to be an adult."""
        ...

    def forget(self, tracklet_id: int) -> None:
        """Drop all that is known of a tracklet."""
        ...


@runtime_checkable
class CountsViews(Protocol):
    """A judge that says how often it took a good look."""

    def views(self, tracklet_id: int) -> int:
        """Return how many different views of a face were judged."""
        ...


@dataclass(slots=True)
class _Known:
    identity: int
    minor: bool = False
    adult: bool = False


class Ages:
    """Shows faces to the judge and remembers its word for each tracklet of one track.

    Args:
        judge: None when the policy declares that all are adults.
        numbers: what the judge shall know each tracklet by.
    """

    def __init__(self, judge: AgeJudging | None, *, numbers: Iterator[int]) -> None:
        self._judge = judge
        self._numbers = numbers
        self._known: dict[int, _Known] = {}

    def observe(self, number: int, frame: VideoFrame, face: Detection) -> None:
        """Show one face to the judge, who chooses the views worth a look."""
        known = self._of(number)
        if self._judge is not None and face.landmarks is not None and not known.minor:
            self._judge.observe(known.identity, frame, face)

    def is_adult(self, number: int) -> bool:
        """Tell whether a tracklet was proved adult by now; once an adult is taken back it is a minor for good."""
        if self._judge is None:
            return True
        known = self._of(number)
        if known.minor:
            return False
        adult = self._judge.is_adult(known.identity)
        known.minor = known.adult and not adult
        known.adult = adult
        return adult

    def views(self, number: int) -> int:
        """Return how often the judge took a good look; 0 of a judge who does not say."""
        judge: object = self._judge
        if number not in self._known or not isinstance(judge, CountsViews):
            return 0
        return judge.views(self._known[number].identity)

    def is_proved(self, number: int) -> bool:
        """Tell whether a tracklet counts as an adult now; unlike `is_adult`, asking changes nothing."""
        if self._judge is None:
            return True
        known = self._known.get(number)
        return known is not None and not known.minor and self._judge.is_adult(known.identity)

    def forget(self, number: int) -> None:
        """Drop all that is known of a tracklet."""
        known = self._known.pop(number, None)
        if self._judge is not None and known is not None:
            self._judge.forget(known.identity)

    def _of(self, number: int) -> _Known:
        if number not in self._known:
            self._known[number] = _Known(next(self._numbers))
        return self._known[number]
