"""Pictures of Zoom, decoded in a thread of their own, bounded; what cannot be decoded costs pictures alone."""

from __future__ import annotations

import asyncio
import base64
import binascii
import queue
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import av

from recorder.call.rtc.codecs import VideoDecoder
from recorder.call.zoom.protocol import MediaCodec

__all__ = ["CodedPicture", "PictureDecoder", "begins_anew"]

MAX_WAITING: Final = 16
"""Coded pictures between the network and the decoder."""
LARGEST_PICTURE: Final = 6 * 2**20
_DECODERS: Final = {MediaCodec.H264: "h264", MediaCodec.JPEG: "mjpeg", MediaCodec.PNG: "png"}
_KEY_UNIT: Final = re.compile(rb"\x00\x00\x01[\x07\x27\x47\x67\x05\x25\x45\x65]")
"""A parameter set or a picture that needs no other. Source: ITU-T H.264, 7.3.1 and table 7-1."""


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """A picture in base64, in parts as they came.

    Attributes:
        track: which of the decoder's tracks it belongs to; another one begins with a new decoder.
        time: call time.
    """

    track: int
    codec: MediaCodec
    time: float
    parts: tuple[str, ...] = field(repr=False)


Decoded = Callable[[CodedPicture, list[tuple[av.VideoFrame, float]] | None], None]
"""Takes a coded picture, and what it became: pictures with their times, or None where it could not be decoded."""


@dataclass(frozen=True, slots=True)
class _Coded:
    decoder: str


class PictureDecoder:
    """Decodes the pictures of one kind of media, one track at a time.

    Args:
        decoded: told on the event loop.

    Attributes:
        dropped: pictures for which there was no room.
    """

    def __init__(self, decoded: Decoded) -> None:
        self._decoded = decoded
        self._jobs: queue.Queue[CodedPicture | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._current = 0
        self.dropped = 0

    def only(self, track: int) -> None:
        """Decode that track alone from now on: what waits of an earlier one is thrown away undecoded."""
        self._current = track

    def put(self, picture: CodedPicture) -> bool:
        """Have a picture decoded; return False where there is no room."""
        if self._closed:
            return False
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="zoom-pictures", daemon=True)
            self._thread.start()
        try:
            self._jobs.put_nowait(picture)
        except queue.Full:
            self.dropped += 1
            return False
        return True

    def close(self) -> None:
        """Decode nothing more; what waits is thrown away."""
        self._closed = True
        while True:
            try:
                self._jobs.put_nowait(None)
                return
            except queue.Full:
                try:
                    self._jobs.get_nowait()
                except queue.Empty:
                    continue

    def _run(self) -> None:
        decoder: VideoDecoder | None = None
        track, codec, number = -1, MediaCodec.H264, 0
        times: dict[int, float] = {}
        while (job := self._jobs.get()) is not None:
            if self._closed or job.track != self._current:
                continue
            if decoder is None or job.track != track or job.codec is not codec:
                decoder, track, codec, times = (
                    VideoDecoder(_Coded(_DECODERS[job.codec])),
                    job.track,
                    job.codec,
                    {},
                )
            number += 1
            times[number] = job.time
            times.pop(number - MAX_WAITING, None)
            frames: list[tuple[av.VideoFrame, float]] | None
            try:
                found = decoder.decode(_data(job), number)
                frames = [(frame, times.get(frame.pts or 0, job.time)) for frame in found]
            except (av.FFmpegError, ValueError):
                frames, decoder = None, None
            if self._loop is not None:
                try:
                    self._loop.call_soon_threadsafe(self._decoded, job, frames)
                except RuntimeError:
                    return  # the loop has ended, and with it the call


def begins_anew(parts: tuple[str, ...]) -> bool:
    """Tell whether an H264 picture can be decoded without those before it."""
    try:
        return any(_KEY_UNIT.search(base64.b64decode(part[:4096], validate=True)) for part in parts)
    except (binascii.Error, ValueError):
        return False


def _data(job: CodedPicture) -> bytes:
    """Return what a decoder takes. Raises ValueError where it is nothing, or too much."""
    data = b"".join(base64.b64decode(part, validate=True) for part in job.parts)
    if not 0 < len(data) <= LARGEST_PICTURE:
        raise ValueError("no picture of a size that is taken")
    return data
