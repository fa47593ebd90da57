"""Who is a minor: the judge of ages, called sparingly, and what follows from its word for each tracklet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from redaction.model import VideoFrame
from redaction.policy import MinorsSection
from redaction.video.faces.detect import Detection, Rect, overlap

__all__ = ["AgeJudging", "AgeVerdict", "Ages", "CountsViews", "KnowsSuccessors"]

_GONE_S = 1.5
_SAME_PLACE = 0.5
"""A face that appears where another was lost so many seconds ago at the most, their boxes sharing so much of both, is
shown to the judge as possibly the same; whether it is, the judge says by what it looks like."""

_MAIN_SHARE = 0.5
"""In a participant's own camera a face is theirs as long as none other was seen twice as large and long."""


class AgeVerdict(Enum):
    """What may be known of a person's age: never more than this."""

    MINOR = "minor"
    ADULT = "adult"
    IN_DOUBT = "in doubt"


class AgeJudging(Protocol):
    """Tells minors from adults; a tracklet never observed is in doubt."""

    def observe(self, tracklet_id: int, frame: VideoFrame, detection: Detection) -> None:
        """Take one view of a face, in frame pixels, into account."""
        ...

    def verdict(self, tracklet_id: int, *, declared_adult: bool = False) -> AgeVerdict:
        """Return what the views so far make of a tracklet.

        Args:
            tracklet_id: the followed face.
            declared_adult: believe that this is an adult unless it is clearly a child.
        """
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


@runtime_checkable
class KnowsSuccessors(Protocol):
    """A judge that can take over what it knows of a tracklet that was lost."""

    def succeed(self, former_id: int, tracklet_id: int) -> None:
        """Let a new tracklet take over what is known of one that was in its place, if they look alike."""
        ...


@dataclass(slots=True)
class _Known:
    identity: int
    weight: float = 0.0
    box: Rect = (0.0, 0.0, 0.0, 0.0)
    time: float = float("-inf")
    adult: bool = False
    minor: bool = False
    declared: bool = False


class Ages:
    """Shows faces to the judge, remembers its word for each tracklet of one track, and says who is removed.

    Where those in doubt are removed, an adult whose proof is taken back is a minor for good.

    Args:
        judge: None when the policy says that nobody's age is estimated; all are adults then.
        numbers: what the judge shall know each tracklet by.
        minors: the policy's section; the default one when None.
        adult: what the participant whose camera this is declared to be: an adult, a minor (False) or nothing (None).
            An adult's word goes for the face most to be seen, a minor's for everybody in the camera.
    """

    def __init__(
        self,
        judge: AgeJudging | None,
        *,
        numbers: Iterator[int],
        minors: MinorsSection | None = None,
        adult: bool | None = None,
    ) -> None:
        self._judge = judge
        self._numbers = numbers
        self._minors = minors or MinorsSection()
        self.adult = adult
        self._known: dict[int, _Known] = {}

    def observe(self, number: int, frame: VideoFrame, face: Detection) -> None:
        """Show one face to the judge, who chooses the views worth a look."""
        known = self._known.get(number) or self._begun(number, frame.time, face.box)
        x1, y1, x2, y2 = known.box = face.box
        known.time = frame.time
        known.weight += max(0.0, x2 - x1) * max(0.0, y2 - y1)
        if self._judge is not None and face.landmarks is not None:
            self._judge.observe(known.identity, frame, face)

    def believe(self, number: int) -> None:
        """Take a tracklet's person for somebody who declared to be an adult, as a reviewer said."""
        known = self._known.get(number)
        if known is not None:
            known.declared = True

    def decide(self, number: int) -> AgeVerdict:
        """Return what counts for a tracklet from now on."""
        verdict = self.verdict(number)
        known = self._known.get(number)
        if known is not None:
            known.minor = verdict is AgeVerdict.MINOR
            known.adult = known.adult or verdict is AgeVerdict.ADULT
        return verdict

    def verdict(self, number: int) -> AgeVerdict:
        """Return what counts for a tracklet by now; unlike `decide`, asking changes nothing."""
        if self.adult is False:
            return AgeVerdict.MINOR
        if self._judge is None:
            return AgeVerdict.ADULT
        known = self._known.get(number)
        if known is None:
            return AgeVerdict.ADULT if self._minors.all_declared_adult else AgeVerdict.IN_DOUBT
        verdict = self._judge.verdict(known.identity, declared_adult=self._believes(known))
        if verdict is AgeVerdict.ADULT:
            fallen = known.minor and known.adult and self._minors.in_doubt == "remove"
            return AgeVerdict.MINOR if fallen else verdict
        taken_back = known.adult and self._minors.in_doubt == "remove"
        return AgeVerdict.MINOR if taken_back else verdict

    def removes(self, verdict: AgeVerdict) -> bool:
        """Tell whether the policy removes the whole person of such a verdict."""
        if verdict is AgeVerdict.IN_DOUBT:
            return self._minors.in_doubt == "remove"
        return verdict is AgeVerdict.MINOR

    def views(self, number: int) -> int:
        """Return how often the judge took a good look; 0 of a judge who does not say."""
        judge: object = self._judge
        if number not in self._known or not isinstance(judge, CountsViews):
            return 0
        return judge.views(self._known[number].identity)

    def forget(self, number: int) -> None:
        """Drop all that is known of a tracklet."""
        known = self._known.pop(number, None)
        if self._judge is not None and known is not None:
            self._judge.forget(known.identity)

    def _believes(self, known: _Known) -> bool:
        if not self._minors.believes_declared:
            return False
        if self._minors.all_declared_adult or known.declared:
            return True
        most = max(one.weight for one in self._known.values())
        return self.adult is True and known.weight >= _MAIN_SHARE * most

    def _begun(self, number: int, time: float, box: Rect) -> _Known:
        """Take up a new tracklet; tell the judge of the one that was in its place, if there was exactly one."""
        former = [
            one
            for one in self._known.values()
            if 0 < time - one.time <= _GONE_S and overlap(one.box, box)[0] >= _SAME_PLACE
        ]
        known = self._known[number] = _Known(next(self._numbers))
        judge: object = self._judge
        if len(former) == 1 and isinstance(judge, KnowsSuccessors):
            judge.succeed(former[0].identity, known.identity)
        return known
