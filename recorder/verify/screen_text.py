"""Where lines of text that are known by now stand on a stored video, frame by frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from redaction.model import Box, VideoFrame
from redaction.video.lookahead import Bounds
from redaction.video.screen.reader import ScreenReader
from redaction.video.screen.track import ScreenWatch

__all__ = ["TextCovers", "text_covers"]

_BOUNDS: Final = Bounds()


@dataclass(frozen=True, slots=True)
class TextCovers:
    """What the search came to.

    Attributes:
        boxes: what must be covered, by the number of the frame; empty where no line was found.
        lines: how many lines were found.
        failures: frames that could not be searched.
    """

    boxes: dict[int, tuple[Box, ...]]
    lines: int
    failures: int


def text_covers(frames: Iterable[tuple[VideoFrame, Sequence[Box]]], screen: ScreenReader) -> TextCovers:
    """Follow the text of a stored video with a reader that knows what it looks for.

    Args:
        frames: every frame in order, with the boxes that are covered on it.
        screen: finds lines that hold what is known.
    """
    watch = ScreenWatch(screen)
    covers: dict[int, tuple[Box, ...]] = {}
    held: deque[VideoFrame] = deque()
    number = size = 0
    found = False
    for frame, hidden in frames:
        watch.see(frame, hidden=hidden)
        held.append(frame)
        size += frame.nbytes
        while held and (held[0].time <= frame.time - _BOUNDS.seconds or size > _BOUNDS.bytes):
            size -= held.popleft().nbytes
            found |= _note(watch, number, covers)
            number += 1
    for _ in held:
        found |= _note(watch, number, covers)
        number += 1
    return TextCovers(covers if found else {}, watch.lines, watch.failures)


def _note(watch: ScreenWatch, number: int, covers: dict[int, tuple[Box, ...]]) -> bool:
    """Take up what is to be covered of the oldest frame; tell whether a line of it is known."""
    seen = watch.release()
    if seen.lines or seen.unread:
        covers[number] = (*seen.lines, *seen.unread)
    return bool(seen.lines)
