"""Media of several parts for tests: one track whose picture size or sample rate changes on the way."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from tests.media import Clip, pattern, tone

__all__ = ["make_joined_clip"]


def make_joined_clip(
    path: Path,
    *,
    parts: Sequence[tuple[int, int]] = (),
    rates: Sequence[int] = (),
    seconds: float = 1.0,
    fps: int = 25,
    codec: str = "libvpx",
    audio: str = "mp2",
) -> Clip:
    """Write one track whose picture size (`parts`) or sample rate (`rates`) changes between stretches of `seconds`."""
    container = av.open(str(path), mode="w")
    stamps = _join_pictures(container, parts, count=round(seconds * fps), fps=fps, codec=codec)
    if rates:
        _join_sound(container, rates, seconds=seconds, codec=audio)
    container.close()
    return Clip(path=path, times=tuple(stamps), seconds=seconds * max(len(parts), len(rates)))


def _join_pictures(
    container: OutputContainer, parts: Sequence[tuple[int, int]], *, count: int, fps: int, codec: str
) -> list[float]:
    stamps: list[float] = []
    if not parts:
        return stamps
    video = container.add_stream(codec, rate=fps)
    assert isinstance(video, VideoStream)
    video.width, video.height = parts[0]
    video.pix_fmt = "yuv420p"
    container.start_encoding()
    for width, height in parts:
        context = CodecContext.create(codec, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = Fraction(1, fps)
        context.framerate = Fraction(fps)
        context.bit_rate = 500_000
        frames: list[av.VideoFrame | None] = []
        for _ in range(count):
            image = pattern(len(stamps), width=width, height=height)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = len(stamps), Fraction(1, fps)
            stamps.append(len(stamps) / fps)
            frames.append(frame)
        for item in (*frames, None):
            for packet in context.encode(item):
                packet.stream = video
                container.mux(packet)
    return stamps


def _join_sound(container: OutputContainer, rates: Sequence[int], *, seconds: float, codec: str) -> None:
    stream = container.add_stream(codec, rate=rates[0])
    assert isinstance(stream, AudioStream)
    stream.layout = "mono"
    container.start_encoding()
    time = Fraction(0)
    for rate in rates:
        context = CodecContext.create(codec, "w")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate, context.layout, context.format = rate, "mono", stream.format
        context.time_base = Fraction(1, rate)
        context.open()
        samples = tone(seconds, sample_rate=rate)
        size = context.frame_size
        whole = len(samples) // size * size
        frames: list[av.AudioFrame | None] = []
        for begin in range(0, whole, size):
            frame = av.AudioFrame.from_ndarray(samples[begin : begin + size].reshape(1, -1), "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
            frames.append(frame)
        for item in (*frames, None):
            for packet in context.encode(item):
                if packet.pts is not None and 0 <= packet.pts < whole:
                    packet.stream = stream
                    _shift(packet, time, rate)
                    container.mux(packet)
        time += Fraction(whole, rate)


def _shift(packet: Packet[Stream], by: Fraction, rate: int) -> None:
    ticks = round(by * rate)
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks
    packet.time_base = Fraction(1, rate)
