"""Media for tests: clips whose frames show their numbers, sound with beeps at known times, and damage.

clip = make_clip(tmp_path / "a.mp4", seconds=2, flashes=(1.0,))
for frame in FileSource(clip.path).video("V1"): frame_number(frame)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, pi, sin
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

from redaction.model import AudioBlock, Gap, VideoFrame

__all__ = [
    "Clip",
    "beep_times",
    "break_bytes",
    "flash_times",
    "frame_number",
    "frames_of",
    "gaps_of",
    "make_clip",
    "pattern",
    "samples_of",
    "tone",
]

Picture = NDArray[np.uint8]
Sound = NDArray[np.float32]

_BITS = 12
_COLUMNS, _ROWS = 4, 3
BEEP_S = 0.1


@dataclass(frozen=True, slots=True)
class Clip:
    """A generated file and what it holds: the frames' presentation times in seconds."""

    path: Path
    times: tuple[float, ...]
    seconds: float


def pattern(number: int, *, width: int, height: int, flash: bool = False) -> Picture:
    """Draw an upright picture, uint8 (H, W, 3) RGB, with `number` (below 4096) coded in a grid of black and white.

    The grid takes the upper half, 4 columns by 3 rows, lowest bit first. Below it are coloured quarters, so that every
    turn and mirror shows: red to the left, blue to the right. A flash is all white.
    """
    if flash:
        return np.full((height, width, 3), 235, np.uint8)
    image = np.zeros((height, width, 3), np.uint8)
    image[height // 2 :, : width // 2] = (200, 40, 40)
    image[height // 2 :, width // 2 :] = (40, 40, 200)
    for bit in range(_BITS):
        top, left, bottom, right = _cell(bit, width, height)
        image[top:bottom, left:right] = 235 if number >> bit & 1 else 20
    return image


def frame_number(frame: VideoFrame) -> int:
    """Read the number that `pattern` coded into a frame."""
    number = 0
    for bit in range(_BITS):
        top, left, bottom, right = _cell(bit, frame.width, frame.height)
        y, x = (top + bottom) // 2, (left + right) // 2
        if frame.y[max(top, y - 1) : y + 2, max(left, x - 1) : x + 2].mean() > 126:
            number |= 1 << bit
    return number


def _cell(bit: int, width: int, height: int) -> tuple[int, int, int, int]:
    row, column = divmod(bit, _COLUMNS)
    half = height // 2
    return (
        row * half // _ROWS,
        column * width // _COLUMNS,
        (row + 1) * half // _ROWS,
        (column + 1) * width // _COLUMNS,
    )


def tone(seconds: float, *, sample_rate: int, hertz: float = 440.0, level: float = 0.2) -> Sound:
    """Make a sine, float32 (n,)."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return (level * np.sin(2 * pi * hertz * time)).astype(np.float32)


def make_clip(
    path: Path,
    *,
    seconds: float = 2.0,
    fps: Fraction | int = 25,
    size: tuple[int, int] = (320, 240),
    codec: str | None = "libx264",
    pix_fmt: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    gop: int = 12,
    vfr: bool = False,
    rotation: int = 0,
    mirrored: bool = False,
    aspect: Fraction | None = None,
    full_range: bool = False,
    interlaced: bool = False,
    flashes: Sequence[float] = (),
    picture: Callable[[int], Picture] | None = None,
    video_start: float = 0.0,
    audio: str | None = "aac",
    audio_tracks: int = 1,
    sample_rate: int = 48_000,
    layout: str = "mono",
    sound: Sound | None = None,
    audio_start: float = 0.0,
    tags: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    cover: bool = False,
) -> Clip:
    """Write a clip; the container follows from the suffix.

    Args:
        path: where to; its suffix names the container.
        seconds: length of picture and sound.
        fps: frames per second, the average where `vfr`.
        size: upright width and height in pixels, as players show it.
        codec: of the picture; None leaves it out.
        pix_fmt: as the encoder stores it.
        options: the encoder's.
        gop: frames between key frames.
        vfr: uneven frame times in whole milliseconds.
        rotation: degrees counter-clockwise that a player turns the stored picture: 0, 90, 180 or 270.
        mirrored: a player mirrors the picture left to right after turning it.
        aspect: sample aspect ratio written beside the picture.
        full_range: store luma 0 to 255.
        interlaced: mark the picture interlaced, top field first.
        flashes: times in seconds at which the picture is white for one frame and, without `sound`, a beep sounds.
        picture: draws frame n, upright uint8 (H, W, 3) RGB; `pattern` by default.
        video_start: seconds of silence before the picture begins.
        audio: codec of the sound; None leaves it out.
        audio_tracks: number of sound tracks; track n carries a tone of 440 * n hertz, or beeps at `flashes`.
        sample_rate: of the sound.
        layout: of the sound's channels, such as `5.1`; all carry the same.
        sound: mono float32 (n,) for every sound track.
        audio_start: seconds before the sound begins.
        tags: metadata of the container.
        container_options: the muxer's.
        cover: attach a cover picture.
    """
    container = av.open(str(path), mode="w", container_options=dict(container_options or {}))
    container.metadata.update(tags or {})
    rate = Fraction(fps)
    times = _frame_times(seconds, rate, vfr=vfr) if codec else ()
    shot = _Shot(
        times=times,
        start=video_start,
        base=Fraction(1, 1000) if vfr or video_start else 1 / rate,
        rate=rate,
        size=size,
        pix_fmt=pix_fmt,
        gop=gop,
        rotation=rotation,
        mirrored=mirrored,
        aspect=aspect,
        full_range=full_range,
        interlaced=interlaced,
    )
    video = _add_picture(container, codec, shot, options or {}) if codec else None
    sounds = [_add_sound(container, audio, sample_rate, layout) for _ in range(audio_tracks) if audio]
    if cover:
        _attach_cover(container)
    if video is not None:
        white = _flashing(times, flashes)
        draw = picture or (lambda n: pattern(n, width=size[0], height=size[1], flash=n in white))
        _film(container, video, shot, draw)
    for number, stream in enumerate(sounds, start=1):
        if sound is not None:
            samples = sound
        elif flashes:
            samples = _beeps(seconds, flashes, sample_rate)
        else:
            samples = tone(seconds, sample_rate=sample_rate, hertz=440.0 * number)
        _encode_sound(container, stream, samples, start=round(audio_start * sample_rate))
    container.close()
    return Clip(path=path, times=tuple(float(time) + video_start for time in times), seconds=seconds)


@dataclass(frozen=True, slots=True)
class _Shot:
    times: tuple[Fraction, ...]
    start: float
    base: Fraction
    rate: Fraction
    size: tuple[int, int]
    pix_fmt: str
    gop: int
    rotation: int
    mirrored: bool
    aspect: Fraction | None
    full_range: bool
    interlaced: bool


def _add_picture(
    container: OutputContainer, codec: str, shot: _Shot, options: Mapping[str, str]
) -> VideoStream:
    quick = {"deadline": "realtime", "cpu-used": "8"} if codec.startswith("libvpx") else {}
    video = container.add_stream(codec, rate=shot.rate, options={**quick, **options})
    assert isinstance(video, VideoStream)
    video.width, video.height = shot.size[::-1] if shot.rotation in (90, 270) else shot.size
    video.pix_fmt = shot.pix_fmt
    context = video.codec_context
    context.time_base = shot.base
    context.gop_size = shot.gop
    if shot.aspect is not None:
        context.sample_aspect_ratio = shot.aspect
    if shot.full_range:
        context.color_range = 2
    if shot.interlaced:
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
    if shot.rotation or shot.mirrored:
        video.set_display_rotation(shot.rotation, shot.mirrored, False)
    return video


def _film(
    container: OutputContainer, video: VideoStream, shot: _Shot, draw: Callable[[int], Picture]
) -> None:
    for number, time in enumerate(shot.times):
        image = _stored(draw(number), rotation=shot.rotation, mirrored=shot.mirrored)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame = frame.reformat(
            format=shot.pix_fmt,
            src_color_range="JPEG",
            dst_color_range="JPEG" if shot.full_range else "MPEG",
            dst_colorspace="ITU601",
        )
        frame.pts = round((float(time) + shot.start) / shot.base)
        frame.time_base = shot.base
        container.mux(video.encode(frame))
    container.mux(video.encode(None))


def _add_sound(container: OutputContainer, codec: str, sample_rate: int, layout: str) -> AudioStream:
    stream = container.add_stream(codec, rate=sample_rate)
    assert isinstance(stream, AudioStream)
    stream.layout = layout
    return stream


def _attach_cover(container: OutputContainer) -> None:
    attached = container.add_stream("mjpeg", rate=1)
    assert isinstance(attached, VideoStream)
    attached.width, attached.height, attached.pix_fmt = 64, 64, "yuvj420p"
    attached.disposition = Disposition.attached_pic
    frame = av.VideoFrame.from_ndarray(pattern(7, width=64, height=64), format="rgb24")
    container.mux(attached.encode(frame.reformat(format="yuvj420p")))
    container.mux(attached.encode(None))


def break_bytes(
    path: Path, *, first: float = 0.4, last: float = 0.6, count: int = 400, seed: int = 1
) -> Path:
    """Overwrite runs of bytes between two shares of the file with noise, and return the path."""
    data = bytearray(path.read_bytes())
    dice = random.Random(seed)
    for _ in range(max(1, count // 50)):
        start = dice.randrange(int(len(data) * first), int(len(data) * last))
        for offset in range(start, min(start + 50, len(data))):
            data[offset] = dice.randrange(256)
    path.write_bytes(data)
    return path


def frames_of(items: Sequence[VideoFrame | Gap]) -> list[VideoFrame]:
    """Return the frames among what a picture track yielded."""
    return [item for item in items if isinstance(item, VideoFrame)]


def gaps_of(items: Sequence[VideoFrame | AudioBlock | Gap]) -> list[Gap]:
    """Return the gaps among what a track yielded."""
    return [item for item in items if isinstance(item, Gap)]


def samples_of(items: Sequence[AudioBlock | Gap]) -> Sound:
    """Join the blocks that a sound track yielded, float32 (n,)."""
    parts = [item.samples for item in items if isinstance(item, AudioBlock)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def flash_times(frames: Sequence[VideoFrame]) -> list[float]:
    """Return the times in seconds of the frames that are white."""
    return [frame.time for frame in frames if frame.y.mean() > 200]


def beep_times(samples: Sound, *, sample_rate: int) -> list[float]:
    """Return the times in seconds at which beeps begin, to the millisecond."""
    step = sample_rate // 1000
    level = np.abs(samples[: len(samples) // step * step]).reshape(-1, step).max(axis=1)
    loud = level > 0.5 * max(0.05, float(level.max(initial=0.0)))
    starts: list[float] = []
    quiet_since = -1000
    for index in np.flatnonzero(loud):
        if index - quiet_since > 50:
            starts.append(float(index) / 1000)
        quiet_since = int(index)
    return starts


def _frame_times(seconds: float, rate: Fraction, *, vfr: bool) -> tuple[Fraction, ...]:
    count = ceil(seconds * rate)
    if not vfr:
        return tuple(n / rate for n in range(count))
    uneven = (float(n / rate) + (0.4 / float(rate)) * sin(n * 1.7) for n in range(count))
    milliseconds = [0, *(round(1000 * time) for time in uneven)][: count + 1]
    return tuple(Fraction(ms, 1000) for ms in sorted(set(max(0, ms) for ms in milliseconds[1:])))


def _flashing(times: Sequence[Fraction], flashes: Sequence[float]) -> frozenset[int]:
    return frozenset(min(range(len(times)), key=lambda n: abs(float(times[n]) - at)) for at in flashes)


def _stored(upright: Picture, *, rotation: int, mirrored: bool) -> Picture:
    image = upright[:, ::-1] if mirrored else upright
    return np.rot90(image, k=-rotation // 90)


def _beeps(seconds: float, at: Sequence[float], sample_rate: int) -> Sound:
    samples = np.zeros(round(seconds * sample_rate), np.float32)
    beep = tone(BEEP_S, sample_rate=sample_rate, hertz=1000.0, level=0.7)
    for time in at:
        start = round(time * sample_rate)
        end = min(start + len(beep), len(samples))
        samples[start:end] = beep[: end - start]
    return samples


def _encode_sound(container: OutputContainer, stream: AudioStream, samples: Sound, *, start: int) -> None:
    context = stream.codec_context
    context.open(strict=False)
    channels = context.layout.nb_channels
    resampler = av.AudioResampler(
        format=context.format.name,
        layout=context.layout.name,
        rate=context.sample_rate,
        frame_size=context.frame_size,
    )
    layout = context.layout.name
    piece = 9600
    offset = start
    frames: list[av.AudioFrame | None] = []
    for begin in range(0, len(samples), piece):
        part = np.repeat(samples[begin : begin + piece], channels).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(part, format="flt", layout=layout)
        frame.sample_rate = context.sample_rate
        frame.pts = start + begin
        frame.time_base = Fraction(1, context.sample_rate)
        frames.append(frame)
    for item in (*frames, None):
        for frame in resampler.resample(item):
            frame.pts = offset
            frame.time_base = Fraction(1, context.sample_rate)
            offset += frame.samples
            container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
