"""What is kept of each redacted frame to prove the stored one."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recorder.media.encode import LAST_FRAME_S
from recorder.media.source import TrackInfo
from redaction.model import (
    Box,
    Cover,
    CoverReason,
    Examined,
    RedactedFrame,
    VideoFrame,
)
from redaction.video.cover import evened

__all__ = ["FrameProof", "Highlight", "Ledger", "StoredVideo"]

_PROBES: Final = 6
_HIGHLIGHTS: Final = 12


@dataclass(frozen=True, slots=True)
class FrameProof:
    """What the stored frame must show where it was covered.

    Attributes:
        time: presentation time in seconds.
        points: uint16 (n, 2) x and y of pixels inside covers.
        luma: uint8 (n,) what stands there after redaction.
        boxes: uint16 (k, 4) xyxy of the covers.
        spared: places in which what looks like a face is none, as a person said.
    """

    time: float
    points: NDArray[np.uint16]
    luma: NDArray[np.uint8]
    boxes: NDArray[np.uint16]
    spared: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Highlight:
    """A stored frame that is most worth a person's look; a higher rank comes first."""

    rank: float
    time: float
    reason: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class StoredVideo:
    """A redacted track once it is encoded, and what proves it: all that the second look is given.

    Attributes:
        proofs: of every frame, in order.
        highlights: the frames most worth a look, best first.
        repaired: share of all pixels that were covered since, where they had not been, 0 to 1.
    """

    track: TrackInfo
    path: Path
    proofs: tuple[FrameProof, ...]
    highlights: tuple[Highlight, ...]
    repaired: float = 0.0

    @property
    def seconds(self) -> float:
        """When its last frame ends, 0 when it has none."""
        return self.proofs[-1].time + float(LAST_FRAME_S) if self.proofs else 0.0


class Ledger:
    """Keeps of each redacted frame only what the second look and the report need."""

    def __init__(self) -> None:
        self.proofs: list[FrameProof] = []
        self._best: list[Highlight] = []
        self._pixels = 0
        self._covered = 0
        self._second = -1.0

    def note(self, redacted: RedactedFrame) -> None:
        """Take up the next frame."""
        frame = redacted.frame
        self._pixels += frame.width * frame.height
        self._covered += _covered_area(redacted)
        points = [_probe_points(cover, frame) for cover in redacted.covers]
        where = np.concatenate(points) if points else np.empty((0, 2), np.uint16)
        boxes = [cover.box.clipped(frame.width, frame.height) for cover in redacted.covers]
        if redacted.examined is Examined.COVERED:
            boxes.append(Box(0, 0, frame.width, frame.height))
        edges = np.array([(b.x1, b.y1, b.x2, b.y2) for b in boxes], np.uint16).reshape(-1, 4)
        luma = frame.y[where[:, 1], where[:, 0]].copy()
        self.proofs.append(FrameProof(frame.time, where, luma, edges, redacted.spared))
        self._rank(redacted)

    def _rank(self, redacted: RedactedFrame) -> None:
        rank, reason = _interest(redacted)
        if rank <= 0 or redacted.frame.time - self._second < 0.5:
            return
        self._second = redacted.frame.time
        heapq.heappush(self._best, Highlight(rank, redacted.frame.time, reason))
        if len(self._best) > _HIGHLIGHTS:
            heapq.heappop(self._best)

    def drain(self) -> list[FrameProof]:
        """Return the proofs since the last call, and let go of them."""
        proofs, self.proofs = self.proofs, []
        return proofs

    @property
    def highlights(self) -> tuple[Highlight, ...]:
        """The frames most worth a look, best first."""
        return tuple(sorted(self._best, reverse=True))

    @property
    def area_covered(self) -> float:
        """Share of all pixels that are covered, 0 to 1."""
        return self._covered / self._pixels if self._pixels else 0.0


def _covered_area(redacted: RedactedFrame) -> int:
    frame = redacted.frame
    if redacted.examined is Examined.COVERED:
        return frame.width * frame.height
    # Covers fill whole chroma samples, so that one bit stands for four pixels.
    union = np.zeros((-(-frame.height // 2), -(-frame.width // 2)), bool)
    for cover in redacted.covers:
        box = evened(cover.box, width=frame.width, height=frame.height)
        target = union[box.y1 // 2 : -(-box.y2 // 2), box.x1 // 2 : -(-box.x2 // 2)]
        if cover.mask is None:
            target[:] = True
        else:
            target |= _quartered(cover, box)
    area = 4 * np.count_nonzero(union)
    if frame.height % 2:
        area -= 2 * np.count_nonzero(union[-1])
    if frame.width % 2:
        area -= (2 * np.count_nonzero(union[:, -1])) - (frame.height % 2) * int(union[-1, -1])
    return int(area)


def _quartered(cover: Cover, area: Box) -> NDArray[np.bool_]:
    """Return which chroma samples of an area, which holds the cover's part in the frame, its mask touches."""
    whole = np.zeros((area.height + area.height % 2, area.width + area.width % 2), bool)
    inside = cover.box.intersection(area)
    if cover.mask is not None and inside.area:
        whole[inside.y1 - area.y1 : inside.y2 - area.y1, inside.x1 - area.x1 : inside.x2 - area.x1] = (
            cover.mask[
                inside.y1 - cover.box.y1 : inside.y2 - cover.box.y1,
                inside.x1 - cover.box.x1 : inside.x2 - cover.box.x1,
            ]
        )
    return np.asarray(whole[0::2, 0::2] | whole[1::2, 0::2] | whole[0::2, 1::2] | whole[1::2, 1::2], np.bool_)


def _probe_points(cover: Cover, frame: VideoFrame) -> NDArray[np.uint16]:
    """Pick a few covered pixels, away from the edge of the cover where the codec blends."""
    box = cover.box.clipped(frame.width, frame.height)
    if not box.area:
        return np.empty((0, 2), np.uint16)
    fractions = ((0.5, 0.5), (0.3, 0.3), (0.7, 0.3), (0.3, 0.7), (0.7, 0.7), (0.5, 0.2))[:_PROBES]
    points = [
        (box.x1 + min(int(box.width * fx), box.width - 1), box.y1 + min(int(box.height * fy), box.height - 1))
        for fx, fy in fractions
    ]
    if cover.mask is not None:
        mask = cover.mask
        points = [
            (x, y)
            for x, y in points
            if 0 <= y - cover.box.y1 < mask.shape[0]
            and 0 <= x - cover.box.x1 < mask.shape[1]
            and mask[y - cover.box.y1, x - cover.box.x1]
        ]
    return np.array(points, np.uint16).reshape(-1, 2)


def _interest(redacted: RedactedFrame) -> tuple[float, str]:
    """Say how much a frame is worth a look: whole covers, minors, then the least certain faces."""
    if redacted.examined is Examined.COVERED:
        return 1.0, "covered whole"
    if any(cover.reason is CoverReason.MINOR for cover in redacted.covers):
        return 0.9, "minor removed"
    scores = [cover.score for cover in redacted.covers if cover.score > 0]
    if scores:
        return 0.8 - 0.7 * min(scores), "least certain face"
    return (0.3, "bridged face") if redacted.covers else (0.01, "nothing covered")
