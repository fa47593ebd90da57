"""Make the two participants of the sample call, each with a camera and a microphone of their own, as WebM files.

What they say is the sample call's script, each their own lines, so that together they talk with each other. VP8 and
Opus, as WebRTC sends them, with three key frames a second: a sample participant sends these pictures without encoding
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from redaction.weights import cache_root
from samples.make import edition, mouth
from samples.picture import FPS, CallPicture
from samples.speech import SAMPLE_HZ, SCRIPT, CallSpeech, ScriptLine, speak_call

__all__ = ["SampleParticipant", "make_participants"]

CAMERA_WIDTH: Final = 640
CAMERA_HEIGHT: Final = 360
_NAMES: Final = ("Laura Bennett", "Daniel Carter")
_PAD_S: Final = 0.15
_OPUS_HZ: Final = 48_000


@dataclass(frozen=True, slots=True)
class SampleParticipant:
    """A participant who does not exist.

    Attributes:
        name: invented; it must be found nowhere afterwards.
        path: WebM with VP8, 640 x 360 at 25 frames a second, and Opus.
        duration: in seconds.
    """

    name: str = field(repr=False)
    path: Path = field(repr=False)
    duration: float


def make_participants(
    folder: Path | None = None, *, script: Sequence[ScriptLine] = SCRIPT
) -> tuple[SampleParticipant, ...]:
    """Make both, or take those made before by the same program.

    Raises:
        ModelMissing: the photograph's package cannot be had.
    """
    place = (folder or cache_root() / "samples") / edition(script).replace("call-", "people-")
    place.mkdir(parents=True, exist_ok=True)
    paths = [place / f"{number}.webm" for number in range(len(_NAMES))]
    if not all(path.is_file() for path in paths):
        speech = speak_call(script)
        for speaker, path in enumerate(paths):
            fresh = path.with_name(f".making-{path.name}")
            _write(fresh, speech, speaker)
            fresh.replace(path)
    durations = [_duration(path) for path in paths]
    return tuple(SampleParticipant(*item) for item in zip(_NAMES, paths, durations, strict=True))


def _duration(path: Path) -> float:
    with av.open(str(path)) as media:
        return float((media.duration or 0) / av.time_base)


def _own(speech: CallSpeech, speaker: int) -> NDArray[np.float32]:
    """Return the sound with everything silent but one speaker's words."""
    keep = np.zeros(len(speech.samples), bool)
    for word in speech.words:
        if word.speaker == speaker:
            keep[
                max(0, round((word.span.start - _PAD_S) * SAMPLE_HZ)) : round(
                    (word.span.end + _PAD_S) * SAMPLE_HZ
                )
            ] = True
    return np.where(keep, speech.samples, 0).astype(np.float32)


def _write(path: Path, speech: CallSpeech, speaker: int) -> None:
    frames = round(len(speech.samples) / SAMPLE_HZ * FPS)
    picture = CallPicture(mouth(speech, frames, speaker=speaker))
    with av.open(str(path), "w") as out:
        options = {"deadline": "realtime", "cpu-used": "6", "b": "1M", "g": str(FPS // 3)}
        options |= {"lag-in-frames": "0", "auto-alt-ref": "0", "error-resilient": "1"}
        video = out.add_stream("libvpx", rate=FPS, options=options)
        video.width, video.height, video.pix_fmt = CAMERA_WIDTH, CAMERA_HEIGHT, "yuv420p"
        audio = out.add_stream("libopus", rate=_OPUS_HZ, layout="mono", options={"b": "48k"})
        resampler = av.AudioResampler(format="s16", layout="mono", rate=_OPUS_HZ, frame_size=960)
        samples = _own(speech, speaker)
        images = picture.cameras(width=CAMERA_WIDTH, height=CAMERA_HEIGHT, mirrored=speaker == 1)
        step = SAMPLE_HZ // FPS
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(frame.reformat(format="yuv420p")))
            block = np.ascontiguousarray(samples[None, number * step : (number + 1) * step])
            if block.size:
                sound = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                sound.sample_rate, sound.pts, sound.time_base = (
                    SAMPLE_HZ,
                    number * step,
                    Fraction(1, SAMPLE_HZ),
                )
                for ready in resampler.resample(sound):
                    out.mux(audio.encode(ready))
        for ready in resampler.resample(None):
            out.mux(audio.encode(ready))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))
