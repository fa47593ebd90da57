"""The pictures of a published recording and of its original, side by side, one at a time and in memory only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from recorder.audit.detectors import Picture3
from recorder.audit.targets import Attacked
from recorder.media.source import Source
from redaction.model import Gap, VideoFrame
from redaction.video.view import View

__all__ = ["Shown", "shown_pictures"]

_LONG_SIDE_PX: Final = 1280
_TIME_TOLERANCE_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture as it is stored.

    Attributes:
        time: seconds from the start.
        stored: what a viewer sees.
        original: what the source shows at that time, at the same size; None where there is none.
    """

    time: float
    stored: Picture3
    original: Picture3 | None = None


def shown_pictures(attacked: Attacked, *, every_s: float) -> Iterator[Shown]:
    """Yield pictures at least `every_s` apart, 0 for all of them, made small where they are large.

    The original counts where it has one picture track of the same shape; otherwise its tracks were composed anew.
    """
    stored = attacked.open()
    if stored is None or not stored.info().video:
        return
    track = stored.info().video[0]
    source = attacked.original.open() if attacked.original is not None else None
    beside: Iterator[VideoFrame] | None = None
    if source is not None and _same_shape(source, track.width / track.height):
        beside = _frames(source)
    held = next(beside, None) if beside is not None else None
    due = 0.0
    for frame in _frames(stored):
        if frame.time + 1e-6 < due:
            continue
        due = frame.time + every_s
        original = None
        while beside is not None and held is not None and held.time < frame.time - _TIME_TOLERANCE_S:
            held = next(beside, None)
        if held is not None and abs(held.time - frame.time) <= _TIME_TOLERANCE_S:
            original = held
        picture = _rgb(frame)
        yield Shown(frame.time, picture, None if original is None else _fitted(_rgb(original), picture))


def _same_shape(source: Source, ratio: float) -> bool:
    tracks = source.info().video
    return len(tracks) == 1 and abs(tracks[0].width / tracks[0].height - ratio) < 0.02


def _frames(source: Source) -> Iterator[VideoFrame]:
    for item in source.video(source.info().video[0].id):
        if not isinstance(item, Gap):
            yield item


def _rgb(frame: VideoFrame) -> Picture3:
    scale = min(1.0, _LONG_SIDE_PX / max(frame.width, frame.height))
    picture = View.of(frame, scale=scale).picture(frame)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def _fitted(picture: Picture3, like: Picture3) -> Picture3:
    if picture.shape == like.shape:
        return picture
    size = (like.shape[1], like.shape[0])
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
