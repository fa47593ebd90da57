"""Says of each frame what is to be covered, once its people were followed: boxes, and outlines of who is removed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from redaction.model import Box, Cover, CoverReason, Examined, VideoFrame
from redaction.video.faces.examine import FAULTS
from redaction.video.people.silhouette_track import Moment, Outlines, Patch

__all__ = ["Doubt", "Draft", "PlannedCovers", "Planner", "Removal"]


class Doubt(Enum):
    """How doubtful a face is, and what of the person goes with it."""

    NONE = "none"
    """The body, as far as it may reach where its outline is unsure."""
    SOME = "some"
    """The body if it is surely outlined."""
    GREAT = "great"
    """Nothing but the head."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A person to be removed from a frame.

    Attributes:
        number: of the tracklet.
        reason: why.
        score: of the detection on this frame, 0 without one.
        here: the frame, with the person's head.
        ahead: a later frame to outline the person on, see `Outlines.patch`.
        doubt: whether what is taken for a face is one.
    """

    number: int
    reason: CoverReason
    score: float
    here: Moment
    ahead: Moment | None
    doubt: Doubt = Doubt.NONE


@dataclass(frozen=True, slots=True)
class Draft:
    """One frame with all that is known of its people; nothing that comes later changes it.

    Attributes:
        whole: why it is covered whole already: source, detector, screen or memory; empty when it is not.
        covers: boxes to cover and people to remove, in the order in which they were found.
        people: visible tracklets.
        minors: those of them that are removed as minors.
        over: tracklets that no later frame shows.
        spared: places in which what looks like a face is none, as a person said.
    """

    frame: VideoFrame
    examined: Examined
    whole: str
    covers: tuple[Cover | Removal, ...]
    people: int
    minors: int
    over: tuple[int, ...]
    spared: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedCovers:
    """One frame with all that is to be done to it.

    Attributes:
        whole: why it is covered whole: source, detector, screen, silhouette, unsure or memory; empty when it is not.
        people: visible tracklets.
        minors: those of them that are removed as minors.
        spared: see `Draft`.
    """

    frame: VideoFrame
    covers: tuple[Cover, ...]
    examined: Examined
    whole: str = ""
    people: int = 0
    minors: int = 0
    spared: tuple[Box, ...] = ()


class Planner:
    """Outlines the people of each draft who are to be removed; drafts come in order.

    Attributes:
        failures: frames on which the silhouette raised.
    """

    def __init__(self, outlines: Outlines | None) -> None:
        self._outlines = outlines
        self.failures = 0

    def plan(self, draft: Draft) -> PlannedCovers:
        """Return what is to be done to a frame."""
        frame, whole = draft.frame, draft.whole
        covers: list[Cover] = []
        for item in draft.covers:
            if whole:
                break
            if isinstance(item, Cover):
                covers.append(item)
                continue
            patch, whole = self._outlined(item)
            if patch is not None:
                covers.append(Cover(patch.box, item.reason, item.number, item.score, patch.mask))
        if self._outlines is not None:
            for number in draft.over:
                self._outlines.forget(number)
        if not whole:
            return PlannedCovers(
                frame, tuple(covers), draft.examined, "", draft.people, draft.minors, draft.spared
            )
        reason = CoverReason.MINOR if whole == "unsure" else CoverReason.WHOLE
        cover = Cover(Box(0, 0, frame.width, frame.height), reason)
        return PlannedCovers(frame, (cover,), Examined.COVERED, whole, draft.people, draft.minors)

    def _outlined(self, item: Removal) -> tuple[Patch | None, str]:
        """Return where a person is, or None and why the whole frame must go: nothing outlines, or it failed.

        A head that may be none, on a body that the outline does not know, is covered alone.
        """
        if self._outlines is None:
            return None, "unsure"
        if item.doubt is Doubt.GREAT:
            return _head(item), ""
        doubtful = item.doubt is Doubt.SOME
        try:
            patch = self._outlines.patch(item.number, item.here, item.ahead, doubtful=doubtful)
        except FAULTS:
            self.failures += 1
            return None, "silhouette"
        if patch is None and doubtful:
            patch = _head(item)
        return patch, "" if patch is not None else "unsure"


def _head(item: Removal) -> Patch:
    head = item.here.head.clipped(item.here.frame.width, item.here.frame.height)
    return Patch(head, np.ones((head.height, head.width), dtype=np.bool_))
