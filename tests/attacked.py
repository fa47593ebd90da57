"""A recording to attack: six made faces in tiles, and as many made voices that speak in turn, each a track of its own.

The faces are one public-domain photograph, bent and tinted so that recognisers tell them apart; the voices are one
synthetic voice, changed. Nobody's face or voice is in them but the photograph's.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
import pyworld
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray
from scipy.signal import resample_poly

from redaction.audio.voice.disguise import Disguiser
from redaction.audio.voice.resynthesize import Resynthesizer
from redaction.audio.voice.speak import HibariSynthesizer
from redaction.model import AudioBlock, Box, RedactedUtterance, Span, Token
from redaction.policy import Policy
from samples.picture import portrait

__all__ = ["PEOPLE", "StagedFaces", "blurred_copy", "portrait_of", "stage_faces", "stage_voices"]

PEOPLE: Final = 6
_FPS: Final = 6
_TILE: Final = 240
_COLUMNS: Final = 3
_HEAD: Final = Box(112, 4, 352, 244)
_FACE: Final = Box(58, 42, 182, 196)
"""In the pixels of a tile."""

_HZ: Final = 24_000
_LINES: Final = (
    "The export was late again because the button does nothing at all.",
    "Please close the window first and then we try it once more.",
    "It works now, the chart looks right and the file is still open.",
)
_VOICES: Final = ((1.3, 1.34), (0.5, 0.64), (1.7, 1.5), (0.42, 0.54), (0.7, 1.45), (1.15, 0.6))
"""Pitch and vocal tract as factors, far from those that redaction draws (samples/speech.py)."""

_Tile = NDArray[np.uint8]
_Sound = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StagedFaces:
    """Where it lies, and where the faces are in it."""

    path: Path
    faces: tuple[Box, ...]


def stage_faces(
    path: Path, *, people: int = PEOPLE, seconds: float = 2.0, alike: bool = False
) -> StagedFaces:
    """Make a gallery without sound; `alike` shows one person in every tile."""
    tiles = [portrait_of(0 if alike else number) for number in range(people)]
    with av.open(str(path), "w") as container:
        video = _video(container, _COLUMNS * _TILE, -(-people // _COLUMNS) * _TILE)
        for number in range(round(seconds * _FPS)):
            _add(container, video, _picture(tiles, number), number)
        container.mux(video.encode(None))
    faces = tuple(
        Box(_FACE.x1 + x, _FACE.y1 + y, _FACE.x2 + x, _FACE.y2 + y) for x, y in map(_corner, range(people))
    )
    return StagedFaces(path, faces)


def stage_voices(originals: Path, *, people: int = 6, **stored: Path) -> None:
    """Make three recordings of each speaker, a folder each, and the same as each method of the engine stores them.

    The words are given to the method, which otherwise would be heard; in what is said nothing is personal.

    Args:
        originals: where they go.
        people: how many speakers.
        stored: method of `voice.method` -> where its results go.
    """
    synthesizer = HibariSynthesizer()
    for number, line in enumerate(_LINES):
        speech = synthesizer.speak(line.split())
        spans = [span for span in speech.spans if span is not None]
        tokens = tuple(Token(word, span) for word, span in zip(line.split(), spans, strict=True))
        said = RedactedUtterance(tokens, Span(spans[0].start, spans[-1].end), "S1", "A1")
        for speaker in range(people):
            mood = 1.16 if (number + speaker) % 2 else 0.86
            samples = _voiced(np.asarray(speech.samples, np.float64), speaker, mood=mood)
            name = f"speaker-{speaker}/line-{number}.wav"
            _write(originals / name, samples, _HZ)
            for method, folder in stored.items():
                _write(folder / name, *_stored(method, samples, said, synthesizer))


def _stored(
    method: str, samples: _Sound, said: RedactedUtterance, synthesizer: HibariSynthesizer
) -> tuple[_Sound, int]:
    length = len(samples) / _HZ
    if method == "disguise":
        low = np.asarray(resample_poly(samples, 2, 3), np.float32)
        blocks = list(Disguiser().render([AudioBlock(low, 0, 16_000)], [said.span], duration=length))
    else:
        blocks = list(Resynthesizer(Policy(), synthesizer).render([said], duration=length))
    return np.concatenate([block.samples for block in blocks]).astype(np.float64), blocks[0].sample_rate


def _write(path: Path, samples: _Sound, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def blurred_copy(staged: StagedFaces, path: Path, *, sigma: float) -> Path:
    """Copy it with every face blurred, as other tools do it."""
    with av.open(str(staged.path)) as source, av.open(str(path), "w") as container:
        shape = source.streams.video[0]
        video = _video(container, shape.width, shape.height)
        for number, decoded in enumerate(source.decode(video=0)):
            picture = decoded.to_ndarray(format="bgr24")
            for box in staged.faces:
                grown = Box(box.x1 - 12, box.y1 - 12, box.x2 + 12, box.y2 + 12).clipped(
                    shape.width, shape.height
                )
                part = picture[grown.y1 : grown.y2, grown.x1 : grown.x2]
                part[:] = cv2.GaussianBlur(part, (0, 0), sigma)
            _add(container, video, np.asarray(picture, np.uint8), number)
        container.mux(video.encode(None))
    return path


def _video(container: OutputContainer, width: int, height: int) -> VideoStream:
    video = container.add_stream("libx264", rate=_FPS)
    video.width, video.height, video.pix_fmt = width, height, "yuv420p"
    video.options = {"crf": "18", "preset": "ultrafast"}
    return video


def _add(container: OutputContainer, video: VideoStream, picture: _Tile, number: int) -> None:
    frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
    frame.pts, frame.time_base = number, Fraction(1, _FPS)
    container.mux(video.encode(frame))


def _corner(number: int) -> tuple[int, int]:
    return number % _COLUMNS * _TILE, number // _COLUMNS * _TILE


def portrait_of(number: int) -> _Tile:
    """Return a head that is somebody else's for each number, uint8 (240, 240, 3) BGR."""
    head = portrait()[_HEAD.y1 : _HEAD.y2, _HEAD.x1 : _HEAD.x2].copy()
    chance = np.random.default_rng(100 + number)
    rows, columns = np.indices(head.shape[:2]).astype(np.float32)
    for x, y, reach in (
        (92, 100, 26),
        (146, 100, 26),
        (120, 128, 22),
        (120, 162, 30),
        (80, 150, 30),
        (160, 150, 30),
    ):
        by = chance.uniform(-11, 11, 2)
        near = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * reach**2)).astype(np.float32)
        columns = columns - np.float32(by[0]) * near
        rows = rows - np.float32(by[1]) * near
    bent = cv2.remap(head, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    tint = np.array([chance.uniform(0.7, 1.1) for _ in range(3)]) * chance.uniform(0.7, 1.1)
    return np.asarray(np.clip(bent * tint, 0, 255), np.uint8)


def _picture(tiles: list[_Tile], number: int) -> _Tile:
    rows = -(-len(tiles) // _COLUMNS)
    picture = np.full((rows * _TILE, _COLUMNS * _TILE, 3), 40, np.uint8)
    for at, tile in enumerate(tiles):
        x, y = _corner(at)
        shift = (2 * np.sin(number + at), 2 * np.cos(0.7 * number + at))
        matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
        light = 1 + 0.05 * np.sin(0.9 * number + 2 * at)
        moved = cv2.warpAffine(tile, matrix, (_TILE, _TILE), borderMode=cv2.BORDER_REPLICATE)
        picture[y : y + _TILE, x : x + _TILE] = cv2.convertScaleAbs(moved, alpha=light)
    return picture


def _voiced(samples: NDArray[np.float64], speaker: int, *, mood: float) -> NDArray[np.float64]:
    """Return another pitch and throat for each speaker; in a high mood, higher, livelier and louder."""
    pitch, stretch = _VOICES[speaker]
    rough, times = pyworld.dio(samples, _HZ, f0_floor=70.0, f0_ceil=420.0)
    f0 = pyworld.stonemask(samples, rough, times, _HZ)
    voiced = f0 > 0
    middle = np.median(f0[voiced])
    f0[voiced] = middle * mood * (f0[voiced] / middle) ** (mood**4)
    spectrum = pyworld.cheaptrick(samples, f0, times, _HZ)
    noise = pyworld.d4c(samples, f0, times, _HZ)
    bins = np.arange(spectrum.shape[1])
    warped = np.stack([np.interp(bins / stretch, bins, row) for row in np.log(spectrum)])
    out = pyworld.synthesize(f0 * pitch, np.ascontiguousarray(np.exp(warped)), noise, _HZ)
    return np.asarray(np.clip(out / max(1e-6, np.abs(out).max()) * 0.4 * mood**3, -1, 1), np.float64)
