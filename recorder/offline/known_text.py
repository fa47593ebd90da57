"""What was found in the words is covered on the stored picture, where the screen alone had left it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from recorder.offline.video import RedactedVideo
from recorder.runtime.context import Run
from recorder.verify.proof import FrameProof
from recorder.verify.repair_video import reencode_covered
from recorder.verify.screen_text import text_covers
from recorder.verify.video import stored_frames
from redaction.errors import RedactionIncomplete
from redaction.model import Box, Event, EventKind, VideoFrame
from redaction.policy import Policy
from redaction.video.screen.reader import ScreenReader

__all__ = ["cover_known_text"]


def cover_known_text(
    redacted: RedactedVideo,
    *,
    screen: ScreenReader,
    policy: Policy,
    run: Run,
) -> RedactedVideo:
    """Follow the text of a stored picture once more, with a reader for what is known by now, and cover what it finds.

    Args:
        redacted: what is stored.
        screen: finds lines that hold what is known, and nothing else.
        policy: how the picture is encoded.
        run: is told of the progress, and stops the work when somebody asks.

    Returns:
        The same where nothing was found.

    Raises:
        RedactionIncomplete: a frame could not be searched.
        StorageFailed: the file cannot be written.
    """
    video = redacted.stored
    stored = zip(stored_frames(video.path, run), video.proofs, strict=True)
    with run.stage(f"names on screen {video.track.id}", video.seconds) as reach:
        found = text_covers(_hidden(stored, reach), screen)
    if found.failures:
        raise RedactionIncomplete(
            f"The search for names failed on {found.failures} frame(s) of {video.track.id}. "
            "Nothing was published; run `offrecord doctor`, then try again."
        )
    if not found.boxes:
        return redacted
    covered = reencode_covered(video, partial(_at, found.boxes), policy=policy, run=run)
    event = Event(
        EventKind.MENDED, video.track.id, detail={"count": found.lines, "reason": "known from the words"}
    )
    summary = replace(redacted.summary, screen_texts=redacted.summary.screen_texts + found.lines)
    return replace(redacted, stored=covered, summary=summary, events=(*redacted.events, event))


def _hidden(
    stored: Iterable[tuple[VideoFrame, FrameProof]], reach: Callable[[float], None]
) -> Iterator[tuple[VideoFrame, list[Box]]]:
    """Yield every frame with what is covered on it, and tell of the progress once it was searched."""
    for frame, proof in stored:
        yield frame, _boxes(proof)
        reach(frame.time)


def _boxes(proof: FrameProof) -> list[Box]:
    return [Box(*(int(edge) for edge in row)) for row in proof.boxes]


def _at(covers: dict[int, tuple[Box, ...]], index: int, frame: VideoFrame) -> Sequence[Box]:
    return [box.clipped(frame.width, frame.height) for box in covers.get(index, ())]
