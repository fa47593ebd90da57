"""Tracks that play what was made before, in real time and with times that only rise: for guests and for the notice."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final, TypeAlias

import av
import numpy as np
from aiortc.mediastreams import MediaStreamTrack
from numpy.typing import NDArray

from redaction.errors import UnreadableInput
from redaction.model import Samples

__all__ = [
    "PLAYING_RATE",
    "EncodedVideo",
    "LoopingAudio",
    "LoopingVideo",
    "Pictures",
    "Sound",
    "looping_video",
]

Pictures = Path | Sequence[NDArray[np.uint8]]
Sound: TypeAlias = "Path | Samples"
PLAYING_RATE: Final = 48_000
_BLOCK: Final = 960  # 20 ms, what Opus takes
_VIDEO_RATE: Final = 90_000


class LoopingVideo(MediaStreamTrack):
    """Plays pictures over and over, in real time, with times that only rise.

    Args:
        pictures: a file, or uint8 (H, W, 3) RGB arrays of even size.
        fps: pictures a second.
    """

    kind = "video"

    def __init__(self, pictures: Pictures, *, fps: int = 15) -> None:
        super().__init__()
        self._fps = fps
        self._frames = _pictures(pictures)
        self._count = 0
        self._start: float | None = None

    async def recv(self) -> av.VideoFrame:
        """Return the next picture when it is due."""
        self._start = await _due(self._start, self._count / self._fps)
        frame = next(self._frames)
        frame.pts = round(self._count * _VIDEO_RATE / self._fps)
        frame.time_base = Fraction(1, _VIDEO_RATE)
        self._count += 1
        return frame


class EncodedVideo(MediaStreamTrack):
    """Plays a file's VP8 video over and over as it was encoded once, in real time, with times that only rise.

    It costs next to nothing, and gives no key frame when one is asked for: the file must have them often.

    Args:
        path: of the file.
        fps: pictures a second.
    """

    kind = "video"

    def __init__(self, path: Path, *, fps: int) -> None:
        super().__init__()
        self._fps = fps
        self._packets = _packets(path)
        self._count = 0
        self._start: float | None = None

    async def recv(self) -> av.Packet[av.VideoStream]:
        """Return the next encoded picture when it is due."""
        self._start = await _due(self._start, self._count / self._fps)
        packet = next(self._packets)
        packet.pts = packet.dts = round(self._count * _VIDEO_RATE / self._fps)
        packet.time_base = Fraction(1, _VIDEO_RATE)
        self._count += 1
        return packet


def looping_video(pictures: Pictures, *, fps: int) -> EncodedVideo | LoopingVideo:
    """Return a track that plays pictures, without encoding them anew where they are VP8 already."""
    if isinstance(pictures, Path):
        with av.open(str(pictures)) as container:
            if any(stream.codec_context.name == "vp8" for stream in container.streams.video):
                return EncodedVideo(pictures, fps=fps)
    return LoopingVideo(pictures, fps=fps)


class LoopingAudio(MediaStreamTrack):
    """Plays sound over and over, in real time, with times that only rise.

    Args:
        sound: a file, or float32 (n,) mono at 48,000 Hz, -1 to 1.
        once: silence follows instead of the beginning.
    """

    kind = "audio"

    def __init__(self, sound: Sound, *, once: bool = False) -> None:
        super().__init__()
        samples = _sound(sound) if isinstance(sound, Path) else sound
        if not len(samples):
            raise UnreadableInput("There is no sound in what a guest should play.")
        self._samples = np.clip(samples * 32767, -32768, 32767).astype(np.int16)
        self._once = once
        self._at = 0
        self._start: float | None = None

    async def recv(self) -> av.AudioFrame:
        """Return the next 20 ms when they are due."""
        self._start = await _due(self._start, self._at / PLAYING_RATE)
        places = np.arange(self._at, self._at + _BLOCK)
        block = self._samples[places % len(self._samples)]
        if self._once:
            block = np.where(places < len(self._samples), block, np.int16(0))
        frame = av.AudioFrame.from_ndarray(block[None, :], format="s16", layout="mono")
        frame.sample_rate = PLAYING_RATE
        frame.pts = self._at
        frame.time_base = Fraction(1, PLAYING_RATE)
        self._at += _BLOCK
        return frame


async def _due(start: float | None, seconds: float) -> float:
    """Wait until so many seconds after the start; return the start."""
    now = asyncio.get_running_loop().time()
    begun = now if start is None else start
    await asyncio.sleep(max(0.0, begun + seconds - now))
    return begun


def _packets(path: Path) -> Iterator[av.Packet[av.VideoStream]]:
    """Yield the encoded pictures of a file for ever.

    Raises:
        UnreadableInput: there is none.
    """
    while True:
        shown = 0
        with av.open(str(path)) as container:
            for packet in container.demux(video=0):
                if packet.size:
                    shown += 1
                    yield packet
        if not shown:
            raise UnreadableInput("There is no picture in what a guest should show.")


def _pictures(pictures: Pictures) -> Iterator[av.VideoFrame]:
    """Yield pictures for ever.

    Raises:
        UnreadableInput: there is none.
    """
    if not isinstance(pictures, Path):
        if not len(pictures):
            raise UnreadableInput("There is no picture in what a guest should show.")
        planes = [
            av.VideoFrame.from_ndarray(picture, format="rgb24").to_ndarray(format="yuv420p")
            for picture in pictures
        ]
        for plane in itertools.cycle(planes):
            yield av.VideoFrame.from_ndarray(plane, format="yuv420p")
        return
    while True:
        shown = 0
        with av.open(str(pictures)) as container:
            for frame in container.decode(video=0):
                shown += 1
                yield frame.reformat(format="yuv420p")
        if not shown:
            raise UnreadableInput("There is no picture in what a guest should show.")


def _sound(path: Path) -> Samples:
    """Read a file's sound as float32 (n,) mono at 48,000 Hz."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=PLAYING_RATE)
    blocks: list[Samples] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            blocks += [block.to_ndarray()[0].astype(np.float32) for block in resampler.resample(frame)]
    blocks += [block.to_ndarray()[0].astype(np.float32) for block in resampler.resample(None)]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
