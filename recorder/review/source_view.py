"""The source beside the redacted recording, where a reviewer gave it by hand: one picture at a time, from memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av
import av.error
import cv2
import numpy as np
from av.video.frame import VideoFrame as AvVideoFrame

from redaction.errors import UnreadableInput

__all__ = ["SourceView"]

_WIDTH: Final = 960
_QUALITY: Final = 80
_MOST_S: Final = 1e6


class SourceView:
    """Reads single pictures of a source; nothing of it is written anywhere, and no sound is read.

    Args:
        untrusted: the file.

    Raises:
        UnreadableInput: it has no picture that can be decoded.
    """

    def __init__(self, untrusted: Path) -> None:
        self._path = untrusted
        self._lock = threading.Lock()
        self.picture(0.0)

    def picture(self, time: float) -> bytes:
        """Return the picture nearest to a time as JPEG.

        Raises:
            UnreadableInput: there is none.
        """
        if not 0 <= time <= _MOST_S:
            raise UnreadableInput("The source has no picture at that time.")
        with self._lock:
            try:
                frame = self._nearest(time)
            except (av.error.FFmpegError, IndexError, OSError, ValueError):
                raise UnreadableInput("The source cannot be read.") from None
            if frame is None:
                raise UnreadableInput("The source has no picture at that time.")
            wide = min(_WIDTH, frame.width)
            high = max(2, round(frame.height * wide / frame.width))
            shown = np.asarray(frame.to_ndarray(width=wide, height=high, format="bgr24"), np.uint8)
        done, data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if not done:
            raise UnreadableInput("The source cannot be read.")
        return data.tobytes()

    def _nearest(self, time: float) -> AvVideoFrame | None:
        near: AvVideoFrame | None = None
        with av.open(f"file:{self._path}", mode="r", metadata_errors="replace") as container:
            for frame in self._from(container, time):
                if near is None or abs((frame.time or 0.0) - time) <= abs((near.time or 0.0) - time):
                    near = frame
                if (frame.time or 0.0) >= time:
                    break
        return near

    def _from(self, container: av.container.InputContainer, time: float) -> Iterator[AvVideoFrame]:
        stream = container.streams.video[0]
        if stream.time_base is not None and time > 0:
            container.seek(max(0, int(time / stream.time_base)), stream=stream)
        yield from container.decode(stream)
