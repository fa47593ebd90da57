"""What was found in the words is covered on the stored picture, where the screen alone had left it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from recorder.offline.video import RedactedVideo
from recorder.runtime.context import Run
from recorder.verify.proof import FrameProof
from recorder.verify.repair_video import reencode_covered
from recorder.verify.video import stored_frames
from redaction.errors import RedactionIncomplete
from redaction.model import Box, Event, EventKind, VideoFrame
from redaction.policy import Policy
from redaction.video.lookahead import Bounds
from redaction.video.screen.reader import ScreenReader
from redaction.video.screen.track import ScreenWatch

__all__ = ["cover_known_text"]

_BOUNDS: Final = Bounds()


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
    watch = ScreenWatch(screen)
    covers: dict[int, tuple[Box, ...]] = {}
    held: deque[VideoFrame] = deque()
    number = size = 0
    found = False
    stored = zip(stored_frames(video.path, run), video.proofs, strict=True)
    with run.stage(f"names on screen {video.track.id}", video.seconds) as reach:
        for frame, proof in stored:
            watch.see(frame, hidden=_boxes(proof))
            held.append(frame)
            size += frame.nbytes
            while held and (held[0].time <= frame.time - _BOUNDS.seconds or size > _BOUNDS.bytes):
                size -= held.popleft().nbytes
                found |= _note(watch, number, covers)
                number += 1
            reach(frame.time)
        for _ in held:
            found |= _note(watch, number, covers)
            number += 1
    if watch.failures:
        raise RedactionIncomplete(
            f"The search for names failed on {watch.failures} frame(s) of {video.track.id}. "
            "Nothing was published; run `offrecord doctor`, then try again."
        )
    if not found:
        return redacted
    covered = reencode_covered(video, partial(_at, covers), policy=policy, run=run)
    event = Event(
        EventKind.MENDED, video.track.id, detail={"count": watch.lines, "reason": "known from the words"}
    )
    summary = replace(redacted.summary, screen_texts=redacted.summary.screen_texts + watch.lines)
    return replace(redacted, stored=covered, summary=summary, events=(*redacted.events, event))


def _note(watch: ScreenWatch, number: int, covers: dict[int, tuple[Box, ...]]) -> bool:
    """Take up what is to be covered of the oldest frame; tell whether a line of it is known."""
    seen = watch.release()
    if seen.lines or seen.unread:
        covers[number] = (*seen.lines, *seen.unread)
    return bool(seen.lines)


def _boxes(proof: FrameProof) -> list[Box]:
    return [Box(*(int(edge) for edge in row)) for row in proof.boxes]


def _at(covers: dict[int, tuple[Box, ...]], index: int, frame: VideoFrame) -> Sequence[Box]:
    return [box.clipped(frame.width, frame.height) for box in covers.get(index, ())]
