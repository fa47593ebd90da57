"""Tracks that play what was made before."""

from __future__ import annotations

import asyncio
import wave
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
import pytest

from recorder.call.rtc.playback import EncodedVideo, LoopingAudio, LoopingVideo, looping_video
from redaction.errors import UnreadableInput


def _clip(path: Path, *, codec: Literal["mpeg4", "libvpx"] = "mpeg4") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(
                np.full((48, 64, 3), 40 + 80 * number, np.uint8), format="rgb24"
            )
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_file_goes_on_over_its_end(tmp_path: Path) -> None:
    """A clip of three pictures is played again and again, times rising by the same step over every seam."""

    async def test() -> tuple[list[int | None], list[float]]:
        track = LoopingVideo(_clip(tmp_path / "clip.mp4"), fps=100)
        frames = [await track.recv() for _ in range(8)]
        return [frame.pts for frame in frames], [
            float(frame.to_ndarray(format="gray").mean()) for frame in frames
        ]

    times, bright = asyncio.run(test())
    assert times == [900 * number for number in range(8)]
    assert np.allclose(bright[3:6], bright[:3], atol=1)
    assert bright[0] < bright[1] < bright[2]


def test_encoded_pictures_are_sent_as_they_are(tmp_path: Path) -> None:
    """A file of VP8 is played packet by packet, byte for byte, over its end; another is decoded."""
    path = _clip(tmp_path / "clip.webm", codec="libvpx")
    with av.open(str(path)) as container:
        stored = [bytes(packet) for packet in container.demux(video=0) if packet.size]

    async def test() -> tuple[list[int | None], list[bytes]]:
        track = looping_video(path, fps=100)
        assert isinstance(track, EncodedVideo)
        packets = [await track.recv() for _ in range(2 * len(stored))]
        return [packet.pts for packet in packets], [bytes(packet) for packet in packets]

    times, sent = asyncio.run(test())
    assert times == [900 * number for number in range(2 * len(stored))]
    assert sent == [*stored, *stored]
    assert isinstance(looping_video(_clip(tmp_path / "clip.mp4"), fps=100), LoopingVideo)


def test_sound_goes_on_over_its_end(tmp_path: Path) -> None:
    """A sound that does not fill whole blocks is played without a seam."""
    ramp = (np.arange(1000) / 32767).astype(np.float32)

    async def test() -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
        track = LoopingAudio(ramp)
        blocks = [await track.recv() for _ in range(3)]
        assert [block.pts for block in blocks] == [0, 960, 1920]
        return np.concatenate([block.to_ndarray()[0] for block in blocks])

    assert np.abs(asyncio.run(test()) - np.arange(2880) % 1000).max() <= 1


def test_a_sound_file_is_taken_at_any_rate(tmp_path: Path) -> None:
    """A file at 16 kHz is played at 48 kHz in its own length."""
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.full(16_000, 3000, "<i2").tobytes())
    assert abs(len(LoopingAudio(path)._samples) - 48_000) < 100


def test_pictures_come_in_real_time() -> None:
    """Pictures are handed on when they are due, not as fast as they are taken."""

    async def test() -> float:
        track = LoopingVideo([np.zeros((16, 16, 3), np.uint8)], fps=20)
        loop = asyncio.get_running_loop()
        start = loop.time()
        for _ in range(5):
            await track.recv()
        return loop.time() - start

    assert 0.19 <= asyncio.run(test()) < 1


def test_nothing_to_play() -> None:
    """No picture and no sound end with an error that says so."""
    with pytest.raises(UnreadableInput):
        LoopingAudio(np.zeros(0, np.float32))
    with pytest.raises(UnreadableInput):
        asyncio.run(LoopingVideo([]).recv())
