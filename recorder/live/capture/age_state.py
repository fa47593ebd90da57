"""What is known of each participant while the call goes on: minor, adult or in doubt, and when only minors show."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

from redaction.model import CoverReason, RedactedFrame, Span
from redaction.policy import MinorsSection
from redaction.video.people.adulthood import AgeVerdict

__all__ = ["Adulthood", "FaceView", "ParticipantAge"]

JUDGED_VIEWS: Final = 3
"""Views from which a face counts as judged. Source: `redaction.video.people.age`, which gives few views a margin."""

UNPROVED_AFTER_S: Final = 20.0
"""Where doubt removes: a main face that is judged and not proved adult for so long is a minor's. The judge's later
views come 6 s apart, so that a bad moment decides nothing; meanwhile the body is covered and the sound withheld."""

SETTLED_S: Final = 5.0
"""A participant whose main faces are all judged minors for so long is removed. The body is covered and the sound
withheld meanwhile, and all that was stored before is erased then."""

_MAIN_SHARE: Final = 0.5
"""A face is main as long as none other was twice as much to be seen, by area and time."""

_EDGE_S: Final = 0.5
_KEPT_S: Final = 180.0
_LONGEST_STEP_S: Final = 0.5


class FaceView(Protocol):
    """One face that is followed in a camera.

    Attributes:
        number: of the tracklet.
        size_px: shorter side of its box in pixels.
        views: how often the judge of ages has taken a good look.
        age: what counts by now.
    """

    @property
    def number(self) -> int:
        """Number of the tracklet."""
        ...

    @property
    def size_px(self) -> float:
        """Shorter side of its box in pixels."""
        ...

    @property
    def views(self) -> int:
        """How often the judge of ages has taken a good look."""
        ...

    @property
    def age(self) -> AgeVerdict:
        """What counts by now."""
        ...


class Adulthood(Enum):
    """What is known of a participant's age: never more than this."""

    NO_CAMERA = "no camera"
    UNPROVED = "unproved"
    IN_DOUBT = "in doubt"
    ADULT = "adult"
    MINOR = "minor"


@dataclass(slots=True)
class _Face:
    weight: float = 0.0
    views: int = 0
    age: AgeVerdict = AgeVerdict.IN_DOUBT
    unproved_since: float | None = None


@dataclass(slots=True)
class _Camera:
    opened: float
    decided: float
    faces: dict[int, _Face] = field(default_factory=dict)
    last: float | None = None
    suspected_from: float | None = None


class ParticipantAge:
    """Judges one participant by their own cameras. Every method may be called from any thread.

    The main faces are those that were most to be seen, by area and time; whoever passes by decides nothing. One main
    face that is proved an adult's makes the participant an adult. When all that were judged are minors', the sound is
    withheld, and the participant a minor for good if it stays so, or if the camera ends meanwhile. Who is in doubt is
    kept, or, where the policy removes them, withheld until proved an adult and a minor when not in time.

    Args:
        minors: the policy's section; the default one when None.
        adult: the participant declared to be an adult.
    """

    def __init__(self, minors: MinorsSection | None = None, *, adult: bool = False) -> None:
        self._minors = minors or MinorsSection()
        self._unchecked = self._minors.unchecked
        self._adult = adult
        self._lock = threading.Lock()
        self._cameras: dict[object, _Camera] = {}
        self._state = Adulthood.NO_CAMERA
        self._unproved_from: float | None = None
        self._minors_only: deque[Span] = deque()
        self._judged = False

    @property
    def state(self) -> Adulthood:
        """What is known by now."""
        return self._state

    @property
    def declared_adult(self) -> bool | None:
        """True for who declared to be an adult, None for who declared nothing."""
        return self._adult or None

    def declare_adult(self) -> None:
        """Believe that this is an adult, as far as the policy does; who was found to be a minor stays one."""
        with self._lock:
            self._adult = True
            if self._state in (Adulthood.UNPROVED, Adulthood.IN_DOUBT):
                self._state = self._first()

    def camera_opened(self, camera: object, time: float) -> None:
        """Take up a camera of theirs, by any key of its own."""
        with self._lock:
            self._cameras[camera] = _Camera(opened=time, decided=time)
            if self._state is Adulthood.NO_CAMERA:
                self._state = self._first()
                self._unproved_from = time if self._state is Adulthood.UNPROVED else None

    def camera_ended(self, camera: object) -> None:
        """Let go of a camera. Whoever was never judged is again one who has none."""
        with self._lock:
            own = self._cameras.pop(camera, None)
            self._settle(own)
            if not self._cameras and self._state is Adulthood.UNPROVED and not self._judged:
                self._state = Adulthood.NO_CAMERA

    def camera_paused(self, camera: object) -> None:
        """Nothing more comes of a camera for now, and all that came is decided."""
        with self._lock:
            if camera in self._cameras:
                self._cameras[camera].decided = float("inf")
                self._settle(self._cameras[camera])

    def camera_resumed(self, camera: object, time: float) -> None:
        """Pictures come again."""
        with self._lock:
            if camera in self._cameras:
                self._cameras[camera].decided = time

    def saw(self, camera: object, time: float, faces: Sequence[FaceView]) -> Adulthood:
        """Take up which faces a camera shows at a time, and return what is known from now on."""
        with self._lock:
            own = self._cameras.get(camera)
            if own is None or self._unchecked:
                return self._state
            step = 0.0 if own.last is None else min(_LONGEST_STEP_S, max(0.0, time - own.last))
            own.last = time
            for view in faces:
                face = own.faces.setdefault(view.number, _Face())
                face.weight += step * view.size_px * view.size_px
                face.views, face.age = view.views, view.age
                self._judged = self._judged or view.views >= JUDGED_VIEWS
                if face.age is AgeVerdict.ADULT or view.views < JUDGED_VIEWS:
                    face.unproved_since = None
                elif face.unproved_since is None:
                    face.unproved_since = time
            self._conclude(own, time)
            return self._state

    def stored(self, camera: object, redacted: RedactedFrame) -> None:
        """Take up a decided frame: sound up to here may be told from what it shows."""
        time = redacted.frame.time
        reasons = {cover.reason for cover in redacted.covers}
        alone = CoverReason.MINOR in reasons and CoverReason.FACE not in reasons
        with self._lock:
            own = self._cameras.get(camera)
            if own is None:
                return
            own.decided = max(own.decided, time)
            if not alone or self._unchecked:
                return
            span = Span(max(0.0, time - _EDGE_S), time + _EDGE_S)
            last = self._minors_only[-1] if self._minors_only else None
            if last is not None and last.start <= span.start <= last.end:
                self._minors_only[-1] = Span(last.start, max(last.end, span.end))
            else:
                self._minors_only.append(span)
            while self._minors_only[0].end < time - _KEPT_S:
                self._minors_only.popleft()

    def may_release(self, until: float) -> float:
        """Return the call time up to which sound is decided, at most `until`."""
        with self._lock:
            if self._state is Adulthood.MINOR:
                return 0.0
            if self._unproved_from is not None and self._state is Adulthood.UNPROVED:
                until = min(until, self._unproved_from)
            for camera in self._cameras.values():
                until = min(until, max(camera.decided, camera.opened))
                if camera.suspected_from is not None:
                    until = min(until, camera.suspected_from)
            return until

    @property
    def waits_for_pictures(self) -> bool:
        """Whether nothing but pictures that are still to be decided can hold sound back."""
        with self._lock:
            if self._state in (Adulthood.MINOR, Adulthood.UNPROVED):
                return False
            return all(camera.suspected_from is None for camera in self._cameras.values())

    def minors_only(self, span: Span) -> list[Span]:
        """Return when, in a span, every visible person was a minor or not yet proved to be none."""
        with self._lock:
            return [one for one in self._minors_only if one.overlaps(span)]

    def _first(self) -> Adulthood:
        """Return what counts before any view."""
        declared = self._adult or self._minors.all_declared_adult
        if self._unchecked or (declared and self._minors.believes_declared):
            return Adulthood.ADULT
        return Adulthood.UNPROVED if self._minors.in_doubt == "remove" else Adulthood.IN_DOUBT

    def _conclude(self, camera: _Camera, time: float) -> None:
        if not camera.faces or self._state is Adulthood.MINOR:
            return
        most = max(face.weight for face in camera.faces.values())
        main = [face for face in camera.faces.values() if face.weight >= _MAIN_SHARE * most]
        judged = [face for face in main if face.views >= JUDGED_VIEWS]
        if any(face.age is AgeVerdict.ADULT for face in main):
            self._state = Adulthood.ADULT
        if not judged or any(face.age is not AgeVerdict.MINOR for face in judged):
            camera.suspected_from = None
        elif camera.suspected_from is None:
            camera.suspected_from = time
        elif time - camera.suspected_from >= SETTLED_S:
            self._state = Adulthood.MINOR
        if self._state is Adulthood.UNPROVED and any(
            face.unproved_since is not None and time - face.unproved_since >= UNPROVED_AFTER_S
            for face in main
        ):
            self._state = Adulthood.MINOR
        if len(camera.faces) > 64:
            kept = sorted(camera.faces.items(), key=lambda item: -item[1].weight)[:32]
            camera.faces = dict(kept)

    def _settle(self, camera: _Camera | None) -> None:
        """Let a suspicion stand when nothing more will come of a camera for now."""
        if camera is not None and camera.suspected_from is not None:
            self._state = Adulthood.MINOR
