"""The second look at stored picture pieces: mended where it must be, left out where nothing proves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from recorder.bundle.call_contents import MOST_STILLS, StoredStill, TrackContents
from recorder.bundle.manifest import Check, MediaKind, VideoCoverage
from recorder.live.store.fragments import cut_to_whole
from recorder.live.store.load import StoredSegment, read_proofs
from recorder.media.concat import Part, concat_video
from recorder.media.file import FileSource
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from recorder.verify.proof import Highlight, StoredVideo
from recorder.verify.repair_video import verify_video
from recorder.verify.video import stored_frames
from redaction.errors import RedactionIncomplete, UnreadableInput
from redaction.model import Event, EventKind, Span
from redaction.policy import Policy
from redaction.video.cover import shows_cover
from redaction.video.faces.second_detector import SecondLook
from redaction.video.screen.reader import ScreenReader

__all__ = ["LAST_SHOWN_S", "VerifiedSegment", "VerifiedSegments", "verify_segments"]

LAST_SHOWN_S: Final = 0.2
"""How long the last picture of a piece stays. Source: `recorder.live.store.segments.LONGEST_STEP_S`."""


@dataclass(frozen=True, slots=True)
class VerifiedSegment:
    """One piece that passed, on the call clock."""

    kind: MediaKind
    part: Part
    counts: VideoCoverage
    stills: tuple[StoredStill, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class VerifiedSegments:
    """What is known of all of a participant's picture pieces; events name their kind of track."""

    pieces: tuple[VerifiedSegment, ...]
    events: tuple[Event, ...]

    @property
    def kinds(self) -> tuple[MediaKind, ...]:
        """Kinds of tracks of which anything is stored: camera, screen, in this order."""
        return tuple(sorted({piece.kind for piece in self.pieces}))

    @property
    def stills(self) -> tuple[StoredStill, ...]:
        """The frames most worth a look."""
        found = [still for piece in self.pieces for still in piece.stills]
        return tuple(sorted(found, key=lambda item: (-item.rank, item.time))[:MOST_STILLS])

    def track(
        self, kind: MediaKind, out: Path, *, duration: float, policy: Policy, run: Run
    ) -> TrackContents | None:
        """Join the pieces of one kind; None when there is none."""
        parts = [piece.part for piece in self.pieces if piece.kind == kind]
        if not parts:
            return None
        width, height = concat_video(parts, out, duration=duration, output=policy.output, run=run)
        return TrackContents(kind, out, tuple(part.span for part in parts), width, height)


def verify_segments(
    pieces: Sequence[StoredSegment],
    *,
    work: Path,
    who: str,
    policy: Policy,
    look: SecondLook,
    screen: ScreenReader | None,
    run: Run,
) -> VerifiedSegments:
    """Look at every picture piece; the pieces themselves stay as they are, what is mended is a copy in `work`.

    Raises:
        StorageFailed: the disk refused.
        Interrupted: the run was cancelled.
    """
    kept: list[VerifiedSegment] = []
    events: list[Event] = []
    for piece in pieces:
        if piece.kind == "microphone":
            continue
        copy = work / f"{who}-{piece.media.name}"
        try:
            looked, found = _look(
                piece,
                copy,
                who=who,
                policy=policy,
                look=look,
                screen=screen,
                run=run,
            )
        except (RedactionIncomplete, UnreadableInput):
            events.append(_left_out(piece, "unproven"))
            with storage_errors():
                copy.unlink(missing_ok=True)
            continue
        events += found
        if looked is not None:
            kept.append(looked)
    return VerifiedSegments(tuple(kept), tuple(events))


def _look(
    piece: StoredSegment,
    copy: Path,
    *,
    who: str,
    policy: Policy,
    look: SecondLook,
    screen: ScreenReader | None,
    run: Run,
) -> tuple[VerifiedSegment | None, list[Event]]:
    proofs = read_proofs(piece)
    with storage_errors():
        count = cut_to_whole(piece.media, copy, proven=len(proofs))
    if not count:
        return None, [] if not proofs else [_left_out(piece, "cut off")]
    track = next(iter(FileSource(copy).info().video), None)
    if track is None or (track.width, track.height) != (
        piece.width + piece.width % 2,
        piece.height + piece.height % 2,
    ):
        raise RedactionIncomplete("A stored piece has another size than it should.")
    first = proofs[0].time
    proofs = tuple(replace(proof, time=proof.time - first) for proof in proofs[:count])
    last = proofs[-1].time
    highlights = piece.highlights or tuple(
        Highlight(0.5, proofs[at].time, "seen before its process died")
        for at in range(0, count, max(1, count // 4))
    )
    video = StoredVideo(
        track=replace(track, id=f"{who}-{piece.kind}"),
        path=copy,
        proofs=proofs,
        highlights=tuple(
            replace(item, time=item.time - first) for item in highlights if first <= item.time <= last + first
        ),
    )
    verdict = verify_video(video, policy=policy, look=look, run=run, screen=screen)
    start = piece.start + first
    shift = [
        replace(
            event,
            track=piece.kind,
            span=Span(event.span.start + start, event.span.end + start) if event.span else None,
        )
        for event in verdict.events
    ]
    looked = VerifiedSegment(
        kind=piece.kind,
        part=Part(copy, start, start + last + LAST_SHOWN_S, track.width, track.height),
        counts=_counted(piece, verdict.video, policy=policy, run=run),
        stills=tuple(
            StoredStill(piece.kind, start + item.time, item.rank, item.reason) for item in verdict.stills
        ),
        checks=verdict.checks,
    )
    return looked, shift


def _counted(piece: StoredSegment, video: StoredVideo, *, policy: Policy, run: Run) -> VideoCoverage:
    """Return the figures of a piece, with what the second look covered of it."""
    if piece.closed:
        counts, share = piece.counts, piece.counts.share_of_area_covered + video.repaired
    else:
        count = len(video.proofs)
        counts, share = VideoCoverage(frames=count, unaccounted=count), _share_shown(video, policy, run)
    return counts.model_copy(update={"share_of_area_covered": round(min(1.0, share), 4)})


def _share_shown(video: StoredVideo, policy: Policy, run: Run) -> float:
    """Return the share of a picture that is covered, where nobody lived to say so: by what is stored of its covers."""
    mosaic = policy.faces.method == "mosaic"
    pixels = covered = 0
    for frame, proof in zip(stored_frames(video.path, run), video.proofs, strict=True):
        inside = np.zeros(frame.y.shape, np.bool_)
        for x1, y1, x2, y2 in proof.boxes:
            inside[y1:y2, x1:x2] = True
        pixels += inside.size
        covered += int((inside if mosaic else inside & shows_cover(frame)).sum())
    return covered / max(1, pixels)


def _left_out(piece: StoredSegment, reason: str) -> Event:
    return Event(EventKind.GAP, piece.kind, Span(piece.start, piece.start), {"reason": reason})
