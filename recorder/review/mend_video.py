"""A stored video with more of it covered, or less of it: encoded once more, and proven like the first time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder.bundle.manifest import StillEntry
from recorder.media.encode import VideoWriter
from recorder.media.file import FileSource
from recorder.media.source import TrackInfo
from recorder.review.cuts import Cuts
from recorder.review.follow_cover import CoverPath
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from recorder.verify.proof import FrameProof, Highlight, StoredVideo
from recorder.verify.video import stored_frames
from redaction.errors import RedactionIncomplete, UnreadableInput
from redaction.model import Box, Span, VideoFrame
from redaction.policy import OutputSection
from redaction.video.cover import evened, shows_cover, solid

__all__ = ["VideoMends", "cover_patches", "mended_video", "proofs_of_stored"]

_LEAST_BLOCKS: Final = 32
_SOLID: Final = 0.6
"""A patch of cover of so many pairs of pixels that fills so much of its box counts as covered, and is not searched."""

_MOST_BOXES: Final = 200
_WITHIN: Final = ((0.5, 0.5), (0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))


@dataclass(frozen=True, slots=True)
class VideoMends:
    """What is covered and cut of one track.

    Attributes:
        paths: covers, frame by frame.
        whole: stretches that are covered whole.
        words: boxes by the number of the frame.
        cuts: what goes.
        spared: when a hint of an earlier run held, and where: what looks like a face there is none.
    """

    paths: tuple[CoverPath, ...]
    whole: tuple[Span, ...]
    words: Mapping[int, Sequence[Box]]
    cuts: Cuts
    spared: tuple[tuple[Span, Box], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.paths or self.whole or self.words or self.cuts)

    def boxes(self, number: int, frame: VideoFrame) -> list[Box]:
        """Return what is covered of a frame, in pixels."""
        if any(span.start <= frame.time < span.end for span in self.whole):
            return [Box(0, 0, frame.width, frame.height)]
        found = [box for path in self.paths if (box := path.at(frame.time)) is not None]
        found += self.words.get(number, ())
        clipped = (box.clipped(frame.width, frame.height) for box in found)
        return [evened(box, width=frame.width, height=frame.height) for box in clipped if box.area]


def mended_video(
    source: Path,
    target: Path,
    mends: VideoMends,
    *,
    track: str,
    stills: Sequence[StillEntry],
    output: OutputSection,
    run: Run,
) -> StoredVideo:
    """Write a stored video again with what is mended, and return it with what proves each frame.

    Args:
        source: as it is stored.
        target: where the mended one goes.
        mends: what is covered and cut.
        track: its id.
        stills: frames worth a look, which are searched in any case.
        output: how it is encoded.
        run: is told of the progress, and stops it.

    Raises:
        RedactionIncomplete: the stored video does not decode cleanly, or nothing would be left of it.
        StorageFailed: the file cannot be written.
    """
    info = _track_of(source, track)
    proofs: list[FrameProof] = []
    pixels = added = 0
    writer = VideoWriter.of_track(target, info, output)
    try:
        with run.stage(f"mending {track}", _seconds_of(source)) as reach:
            for number, frame in enumerate(stored_frames(source, run)):
                reach(frame.time)
                if mends.cuts.holds(frame.time):
                    continue
                boxes = mends.boxes(number, frame)
                mended = _covered(frame, boxes)
                pixels += frame.width * frame.height
                shown = shows_cover(mended)
                if boxes:
                    added += int((shown & ~shows_cover(frame)).sum())
                moved = round(mends.cuts.moved(frame.time) / frame.time_base)
                mended = VideoFrame(mended.y, mended.u, mended.v, moved, frame.time_base)
                if proofs and mended.time <= proofs[-1].time:
                    continue  # two frames that a cut brought together
                proof = _proof(mended, boxes, shown)
                spared = tuple(box for span, box in mends.spared if span.start <= frame.time < span.end)
                proofs.append(replace(proof, spared=spared))
                with storage_errors():
                    writer.write(mended)
    finally:
        with storage_errors():
            writer.close()
    if not proofs:
        raise RedactionIncomplete("Nothing would be left of a video track; drop or delete it instead.")
    return StoredVideo(
        track=info,
        path=target,
        proofs=tuple(proofs),
        highlights=tuple(_highlights(stills, mends.cuts, last=proofs[-1].time)),
        repaired=added / max(1, pixels),
    )


def proofs_of_stored(source: Path, *, track: str, run: Run) -> StoredVideo:
    """Return a stored video as it is, with where it shows covers.

    Raises:
        RedactionIncomplete: it does not decode cleanly.
    """
    info = _track_of(source, track)
    proofs = tuple(_proof(frame, (), shows_cover(frame)) for frame in stored_frames(source, run))
    return StoredVideo(info, source, proofs, ())


def _track_of(source: Path, track: str) -> TrackInfo:
    try:
        info = FileSource(source, own=True).info().video[0]
    except (UnreadableInput, IndexError):
        raise RedactionIncomplete("A stored video cannot be read back.") from None
    return TrackInfo(
        id=track,
        kind=info.kind,
        width=info.width,
        height=info.height,
        average_rate=info.average_rate,
        time_base=info.time_base,
        sample_rate=0,
        channels=0,
        bt709=info.bt709,
    )


def _seconds_of(source: Path) -> float:
    return FileSource(source, own=True).info().duration


def _covered(frame: VideoFrame, boxes: Sequence[Box]) -> VideoFrame:
    if not boxes:
        return frame
    y, u, v = frame.y.copy(), frame.u.copy(), frame.v.copy()
    for box in boxes:
        solid((y, u, v), box)
    return VideoFrame(y, u, v, frame.pts, frame.time_base)


def _proof(frame: VideoFrame, boxes: Sequence[Box], shown: NDArray[np.bool_]) -> FrameProof:
    """Return what the stored frame must show: new covers at some points, and where others are already."""
    points = [
        (box.x1 + int(box.width * across), box.y1 + int(box.height * down))
        for box in boxes
        for across, down in _WITHIN
    ]
    where = np.array(points, np.uint16).reshape(-1, 2)
    edges = [*boxes, *cover_patches(shown)]
    return FrameProof(
        frame.time,
        where,
        frame.y[where[:, 1], where[:, 0]].copy(),
        np.array([(b.x1, b.y1, b.x2, b.y2) for b in edges], np.uint16).reshape(-1, 4),
    )


def cover_patches(shown: NDArray[np.bool_]) -> Iterator[Box]:
    """Yield the boxes of patches that are covered: what a detector thinks it sees in one of them is no find."""
    small = np.ascontiguousarray(shown[::2, ::2]).view(np.uint8)
    height, width = shown.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats(small, connectivity=4)
    rows = sorted(stats[1:], key=lambda row: -int(row[cv2.CC_STAT_AREA]))[:_MOST_BOXES]
    for left, top, wide, high, area in rows:
        if area >= _LEAST_BLOCKS and area >= _SOLID * wide * high:
            yield Box(2 * left, 2 * top, 2 * (left + wide), 2 * (top + high)).clipped(width, height)


def _highlights(stills: Sequence[StillEntry], cuts: Cuts, *, last: float) -> Iterator[Highlight]:
    for still in stills:
        if not cuts.holds(still.time):
            yield Highlight(still.rank, min(last, cuts.moved(still.time)), still.reason)
