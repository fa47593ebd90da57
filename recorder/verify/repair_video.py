"""What the second look finds is covered again and looked at again; what cannot be mended ends the run."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from recorder.bundle.manifest import Check
from recorder.media.encode import VideoWriter
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from recorder.verify.proof import FrameProof, Highlight, StoredVideo
from recorder.verify.video import Suspect, around_suspect, search_video, stored_frames, with_covers
from redaction.errors import RedactionIncomplete
from redaction.model import Box, Event, EventKind, Span, VideoFrame
from redaction.policy import Policy
from redaction.video.boxes import joined
from redaction.video.cover import evened, shows_cover
from redaction.video.faces.second_detector import SecondLook
from redaction.video.screen.reader import ScreenReader

__all__ = ["VerifiedVideo", "reencode_covered", "verify_video"]

_ROUNDS: Final = 5
_BOX_ROUNDS: Final = 3
"""Rounds at most, and those in which boxes are covered; after them whole frames are."""

_REACH_S: Final = 1.1
_STANDS_S: Final = 10.0
"""Seconds around a look in which what was found is covered in any case, and if it is a face that still stands there."""

_ALIKE: Final = 0.3
_SAME: Final = 0.6
"""Correlation from which text, and a face, stands where it stood."""


@dataclass(frozen=True, slots=True)
class VerifiedVideo:
    """A picture that passed, with what the second look did."""

    video: StoredVideo
    stills: tuple[Highlight, ...]
    checks: tuple[Check, ...]
    events: tuple[Event, ...]


def verify_video(
    video: StoredVideo,
    *,
    policy: Policy,
    look: SecondLook,
    run: Run,
    screen: ScreenReader | None = None,
) -> VerifiedVideo:
    """Look at a stored picture, cover what is found, and look again at every frame that was covered anew.

    Frames that passed and are encoded anew with the others are compared, but not searched again: a face does not come
    from encoding, while each new chance of a detector to err would be one more place to cover, without end.

    Raises:
        RedactionIncomplete: after the last round something like a face or personal text is still there, or the file is
            not what was redacted.
    """
    events: list[Event] = []
    found = searched = 0
    covers: _Covers | None = None
    for number in range(_ROUNDS + 1):
        stage = f"second look {video.track.id}" if not number else f"mending {video.track.id}, round {number}"
        with run.stage(stage, video.seconds) as reach:
            verdict = search_video(
                video.path,
                video.proofs,
                video.highlights,
                look=look,
                run=run,
                reach=reach,
                screen=screen,
                only=covers.touched if covers else None,
                surely=covers.seeds if covers else (),
            )
        searched = searched or verdict.looked
        if not verdict.suspects:
            checks = (
                Check(name="picture-as-redacted", passed=True, figure=verdict.frames, note="frames"),
                Check(name="covered-pixels", passed=True, figure=verdict.probes, note="pixels"),
                Check(name="no-face-left", passed=True, figure=searched, note="frames searched"),
            )
            if found:
                events.append(
                    Event(EventKind.MENDED, video.track.id, detail={"count": found, "round": number})
                )
            return VerifiedVideo(video, verdict.stills, checks, tuple(events))
        if number == _ROUNDS:
            break
        found += len(verdict.suspects)
        events += [
            Event(EventKind.VERIFY, video.track.id, Span(item.time, item.time), {"score": item.score})
            for item in verdict.suspects
        ]
        covers = _Covers(verdict.suspects, whole=number >= _BOX_ROUNDS)
        video = reencode_covered(video, covers, policy=policy, run=run)
    raise RedactionIncomplete("The second look still finds a face or personal text in the stored picture.")


def reencode_covered(
    video: StoredVideo,
    boxes_at: Callable[[int, VideoFrame], Sequence[Box]],
    *,
    policy: Policy,
    run: Run,
) -> StoredVideo:
    """Encode the stored picture once more with more of it covered; the source is not needed.

    Args:
        video: what is stored.
        boxes_at: says what to cover of a frame, by its index and what is stored of it.
        policy: how the picture is encoded.
        run: ends it.

    Raises:
        RedactionIncomplete: the stored picture does not decode cleanly.
        StorageFailed: the file cannot be written.
    """
    target = video.path.with_name(video.path.name + ".mended.mp4")
    proofs: list[FrameProof] = []
    pixels = added = 0
    mosaic = policy.faces.method == "mosaic"
    writer = VideoWriter.of_track(target, video.track, policy.output)
    try:
        stored = zip(stored_frames(video.path, run), video.proofs, strict=True)
        for index, (frame, proof) in enumerate(stored):
            boxes = boxes_at(index, frame)
            pixels += frame.width * frame.height
            if boxes:
                before, frame = frame, with_covers(frame, boxes)
                added += _newly_covered(before, frame, boxes, known=proof.boxes if mosaic else ())
                proof = _extended(proof, frame, boxes)
            proofs.append(proof)
            with storage_errors():
                writer.write(frame)
    finally:
        with storage_errors():
            writer.close()
    with storage_errors():
        target.replace(video.path)
    repaired = video.repaired + added / max(1, pixels)
    return replace(video, proofs=tuple(proofs), repaired=repaired)


class _Covers:
    """Says what to cover of a frame because of what was found near it, or where what was found still stands.

    Attributes:
        seeds: the frames in which something was found.
        touched: the frames of which something was covered.
    """

    def __init__(self, suspects: Iterable[Suspect], *, whole: bool) -> None:
        self._suspects = sorted(suspects, key=lambda item: item.time)
        self._times = [item.time for item in self._suspects]
        self._texts = [item for item in self._suspects if item.text]
        self._whole = whole
        self.seeds = {item.frame for item in self._suspects}
        self.touched: set[int] = set()

    def __call__(self, index: int, frame: VideoFrame) -> list[Box]:
        """Return boxes in frame pixels."""
        boxes = self._boxes(frame)
        if boxes:
            self.touched.add(index)
        return boxes

    def _boxes(self, frame: VideoFrame) -> list[Box]:
        found = [item for item in self._within(frame.time, _REACH_S) if _fits(item, frame)]
        if found and self._whole:
            return [Box(0, 0, frame.width, frame.height)]
        faces = [item for item in self._within(frame.time, _STANDS_S) if not item.text]
        found += [item for item in (*faces, *self._texts) if item not in found and _stands(item, frame)]
        return [around_suspect(item.box, frame) for item in found]

    def _within(self, time: float, reach: float) -> list[Suspect]:
        return self._suspects[
            bisect_left(self._times, time - reach) : bisect_right(self._times, time + reach)
        ]


def _fits(suspect: Suspect, frame: VideoFrame) -> bool:
    return suspect.box.x2 <= frame.width and suspect.box.y2 <= frame.height


def _stands(suspect: Suspect, frame: VideoFrame) -> bool:
    """Tell whether what was found stands in the same place of a frame: it is looked for only now and then."""
    box = suspect.box
    if not _fits(suspect, frame):
        return False
    first = suspect.look.astype(np.float32)
    second = frame.y[box.y1 : box.y2, box.x1 : box.x2].astype(np.float32)
    if second.shape != first.shape:
        second = np.asarray(
            cv2.resize(second, first.shape[::-1], interpolation=cv2.INTER_AREA), dtype=np.float32
        )
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return scale >= 1.0 and float((first * second).sum()) / scale >= (_ALIKE if suspect.text else _SAME)


def _newly_covered(
    before: VideoFrame, after: VideoFrame, boxes: Sequence[Box], *, known: Iterable[Iterable[int]]
) -> int:
    """Count the pixels of a frame that are covered and were not; only in boxes can there be one.

    Args:
        before: the frame.
        after: the same with the boxes covered.
        boxes: what was covered now.
        known: xyxy of what was covered before and does not show grey, as a mosaic does not.
    """
    count = 0
    covers = [Box(*(int(edge) for edge in row)) for row in known]
    for box in joined(evened(box, width=before.width, height=before.height) for box in boxes):
        new = shows_cover(_part(after, box)) & ~shows_cover(_part(before, box))
        for cover in covers:
            inside = cover.intersection(box)
            new[inside.y1 - box.y1 : inside.y2 - box.y1, inside.x1 - box.x1 : inside.x2 - box.x1] = False
        count += int(new.sum())
    return count


def _part(frame: VideoFrame, box: Box) -> VideoFrame:
    half = slice(box.y1 // 2, -(-box.y2 // 2)), slice(box.x1 // 2, -(-box.x2 // 2))
    luma = frame.y[box.y1 : box.y2, box.x1 : box.x2]
    return VideoFrame(luma, frame.u[half], frame.v[half], frame.pts, frame.time_base)


def _extended(proof: FrameProof, frame: VideoFrame, boxes: Sequence[Box]) -> FrameProof:
    points = np.array([((box.x1 + box.x2) // 2, (box.y1 + box.y2) // 2) for box in boxes], np.uint16).reshape(
        -1, 2
    )
    where = np.concatenate([proof.points, points])
    edges = np.array([(b.x1, b.y1, b.x2, b.y2) for b in boxes], np.uint16).reshape(-1, 4)
    return replace(
        proof,
        points=where,
        luma=frame.y[
            where[:, 1], where[:, 0]
        ].copy(),  # a mosaic that is covered anew shows grey, not its blocks
        boxes=np.concatenate([proof.boxes, edges]),
    )
