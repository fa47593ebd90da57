"""A stretch of a stored video, read from the nearest key frame on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av.error

from recorder.media.encode import reopen
from recorder.media.planes import planes
from redaction.errors import UnreadableInput
from redaction.model import VideoFrame

__all__ = ["frames_between"]


def frames_between(path: Path, start: float, end: float) -> Iterator[VideoFrame]:
    """Yield the frames of a file's first video track with a time in `[start, end)`, in order.

    Args:
        path: an MP4 file that this program wrote.
        start: in seconds.
        end: the same.

    Raises:
        UnreadableInput: it cannot be decoded.
    """
    try:
        with reopen(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            base = stream.time_base
            if base is None:
                raise UnreadableInput("A stored video has no clock.")
            container.seek(max(0, int(start / base)), stream=stream)
            for frame in container.decode(stream):
                if frame.pts is None or frame.time < start:
                    continue
                if frame.time >= end:
                    return
                y, u, v = planes(frame)
                yield VideoFrame(y, u, v, frame.pts, base)
    except (av.error.FFmpegError, IndexError):
        raise UnreadableInput("A stored video cannot be read back.") from None
