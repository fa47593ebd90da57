"""Who is a minor, and where such a person is: the judge of ages and the silhouettes, called sparingly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, VideoFrame
from redaction.video.cuts import Thumbnail, block_of
from redaction.video.detect import Detection

__all__ = ["AgeJudging", "Ages", "Moment", "Outlines", "Silhouettes"]

Mask = NDArray[np.bool_]


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


class Silhouettes(Protocol):
    """Outlines people."""

    def mask(self, frame: VideoFrame, head: Box) -> Mask | None:
        """Return bool (H, W), True on the person with that head, hair and body included; None when unsure."""
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

    def forget(self, number: int) -> None:
        """Drop all that is known of a tracklet."""
        known = self._known.pop(number, None)
        if self._judge is not None and known is not None:
            self._judge.forget(known.identity)

    def _of(self, number: int) -> _Known:
        if number not in self._known:
            self._known[number] = _Known(next(self._numbers))
        return self._known[number]


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame of the look-ahead and where one minor's head is on it; `seen` is False beyond the sightings."""

    index: int
    frame: VideoFrame
    thumbnail: Thumbnail | None
    head: Box
    seen: bool = True


@dataclass(slots=True)
class _Anchor:
    index: int
    mask: Mask | None
    thumbnail: Thumbnail | None


class Outlines:
    """Masks of removed people on every frame, outlined afresh every few frames.

    Between two outlined frames the mask is the union of both, plus every block near it that differs from both: what
    of the person is neither in the one, nor in the other, nor has changed, cannot be there.
    """

    every = 8

    def __init__(self, silhouettes: Silhouettes) -> None:
        self._silhouettes = silhouettes
        self._anchors: dict[int, list[_Anchor]] = {}

    def mask(self, number: int, moments: Sequence[Moment]) -> Mask | None:
        """Return where the person is on the first of the moments, bool (H, W), or None when that is unsure.

        Args:
            number: of the tracklet.
            moments: the frame to cover, then the frames of the look-ahead on which the tracklet is covered too.
        """
        here = moments[0]
        shape = here.frame.y.shape
        anchors = [item for item in self._anchors.get(number, []) if here.index - item.index <= self.every]
        anchors = [item for item in anchors if item.mask is None or item.mask.shape == shape]
        self._anchors[number] = anchors
        known = {item.index for item in anchors}
        due = [moments[0]]
        if any(index <= here.index for index in known):
            ahead = (item for item in moments if item.index % self.every == 0 and item.frame.y.shape == shape)
            due = [next(ahead, here)]
        for moment in due:
            if moment.index not in known:
                anchors.append(self._outlined(moment, anchors))
        near = [item for item in anchors if abs(item.index - here.index) <= self.every]
        if any(item.mask is None for item in near):
            return None
        mask = np.zeros(shape, dtype=np.bool_)
        for item in near:
            if item.mask is not None:
                mask |= item.mask
        if all(item.index != here.index for item in near):
            mask |= _moved(mask, here, near)
        head = here.head.clipped(shape[1], shape[0])
        mask[head.y1 : head.y2, head.x1 : head.x2] = True
        return mask

    def forget(self, number: int) -> None:
        """Drop all outlines of a tracklet."""
        self._anchors.pop(number, None)

    def _outlined(self, moment: Moment, known: Sequence[_Anchor]) -> _Anchor:
        mask = self._silhouettes.mask(moment.frame, moment.head)
        if mask is None and not moment.seen:
            # The person may have left or not yet come: what was outlined last, grown, stands in.
            latest = next((item.mask for item in reversed(known) if item.mask is not None), None)
            if latest is not None:
                side = max(3, moment.head.width // 4) | 1
                mask = cv2.dilate(latest.astype(np.uint8), np.ones((side, side), np.uint8)).astype(np.bool_)
        if mask is not None and mask.shape != moment.frame.y.shape:
            raise ValueError("a silhouette has another size than its frame")
        return _Anchor(moment.index, mask, moment.thumbnail)


def _moved(mask: Mask, here: Moment, near: Sequence[_Anchor]) -> Mask:
    """Return the changed blocks that touch the mask, as bool (H, W)."""
    height, width = mask.shape
    result = np.zeros((height, width), dtype=np.bool_)
    now = here.thumbnail
    if now is None:
        return result
    changed = np.ones(now.shape, dtype=np.uint8)
    for item in near:
        if item.thumbnail is not None and item.thumbnail.shape == now.shape:
            changed &= (cv2.absdiff(now, item.thumbnail) >= 6).astype(np.uint8)
    if not changed.any():
        return result
    block = block_of(here.frame)
    rows, columns = now.shape
    small = cv2.resize(mask.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_AREA)
    count, labels = cv2.connectedComponents(changed)
    touching = np.unique(labels[(cv2.dilate(small, np.ones((5, 5), np.uint8)) > 0) & (changed > 0)])
    if count > 1 and touching.size:
        grown = cv2.dilate(
            np.isin(labels, touching[touching > 0]).astype(np.uint8), np.ones((3, 3), np.uint8)
        )
        full = np.repeat(np.repeat(grown.astype(np.bool_), block, axis=0), block, axis=1)
        result[: full.shape[0], : full.shape[1]] = full[:height, :width]
    return result
