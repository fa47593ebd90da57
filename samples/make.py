"""Make a sample call with a real face, intelligible speech and everything that a recording may give away.

    python -m samples.make [-o FOLDER]

Nothing of it is committed: the photograph comes out of a package, the speech is synthesised here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from redaction.model import Box, Span
from redaction.weights import cache_root
from samples.picture import FPS, HEIGHT, WIDTH, CallPicture
from samples.speech import SAMPLE_HZ, SCRIPT, CallSpeech, ScriptLine, SpokenWord, speak_call

__all__ = ["PLANTED", "FaceTruth", "Sample", "Truth", "edition", "make_call", "make_main", "mouth"]

_FILE_NAME: Final = "Laura Bennett and Daniel Carter"
_TAGS: Final = {
    "title": "Support call with Laura Bennett",
    "artist": "Daniel Carter",
    "comment": "Call back at 415 555 0142, daniel.carter@example.com",
    "location": "+37.7749-122.4194/",
    "creation_time": "2026-03-02T10:00:00Z",
}
_CHAPTER: Final = "Laura asks Daniel for his number"
_SUBTITLE: Final = "Hello, my name is Laura Bennett"
_ATTACHMENT: Final = "name,phone\nDaniel Carter,415 555 0142\nLaura Bennett,laura.bennett@example.com\n"

PLANTED: Final = (
    "laura",
    "bennett",
    "daniel",
    "carter",
    "415 555 0142",
    "4155550142",
    "daniel.carter",
    "laura.bennett",
    "37.7749",
    "122.4194",
)
"""Everything personal in the file, in lower case, as it must be found nowhere afterwards."""


@dataclass(frozen=True, slots=True)
class FaceTruth:
    """Where the face is in the frame that is shown at a time."""

    time: float
    box: Box


@dataclass(frozen=True, slots=True)
class Truth:
    """What is in the sample: every word with its time, the face of every frame, the words planted in the container."""

    duration: float
    words: tuple[SpokenWord, ...]
    faces: tuple[FaceTruth, ...]
    planted: tuple[str, ...] = PLANTED

    @property
    def personal_words(self) -> tuple[SpokenWord, ...]:
        """The words that must be neither heard nor read afterwards."""
        return tuple(word for word in self.words if word.personal)

    @classmethod
    def read(cls, path: Path) -> Truth:
        """Read back what `write` wrote."""
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            duration=data["duration"],
            words=tuple(SpokenWord(**{**word, "span": Span(**word["span"])}) for word in data["words"]),
            faces=tuple(FaceTruth(face["time"], Box(**face["box"])) for face in data["faces"]),
            planted=tuple(data["planted"]),
        )

    def write(self, path: Path) -> None:
        """Write it beside the sample."""
        path.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Sample:
    """A made recording and what is in it."""

    path: Path
    truth: Truth


def make_call(
    folder: Path | None = None, *, container: str = "mp4", script: Sequence[ScriptLine] = SCRIPT
) -> Sample:
    """Make the sample call, or take the one made before by the same program.

    Args:
        folder: where it shall lie; by default a folder of the model cache.
        container: `mp4`, or `mkv`, which also holds an attachment.
        script: what is said; a part of it makes a shorter call.

    Raises:
        ModelMissing: the photograph's package cannot be had.
    """
    place = (folder or cache_root() / "samples") / edition(script)
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{_FILE_NAME}.{container}"
    truth_path = place / f"truth.{container}.json"
    if path.is_file() and truth_path.is_file():
        return Sample(path, Truth.read(truth_path))
    speech = speak_call(script)
    fresh = place / f".making.{container}"
    truth = _write(fresh, speech)
    truth.write(truth_path)
    fresh.replace(path)
    return Sample(path, truth)


def edition(script: Sequence[ScriptLine]) -> str:
    """Return a name that changes whenever the script or the program that makes the sample does."""
    digest = hashlib.sha256("\n".join(line.text for line in script).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return f"call-{digest.hexdigest()[:8]}"


def _write(path: Path, speech: CallSpeech) -> Truth:
    duration = len(speech.samples) / SAMPLE_HZ
    picture = CallPicture(mouth(speech, round(duration * FPS), speaker=0))
    faces: list[FaceTruth] = []
    with av.open(str(path), "w", options={"movflags": "+faststart"} if path.suffix == ".mp4" else {}) as out:
        out.metadata.update(_TAGS)
        out.set_chapters(
            [
                {
                    "id": 1,
                    "start": 0,
                    "end": round(duration * 1000),
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": _CHAPTER},
                }
            ]
        )
        video = out.add_stream("libx264", rate=FPS, options={"preset": "superfast", "crf": "22"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.thread_count = 2
        audio = out.add_stream("aac", rate=SAMPLE_HZ, layout="mono", options={"b": "96k"})
        if path.suffix == ".mkv":
            out.add_attachment("contacts.csv", "text/csv", _ATTACHMENT.encode())
        subtitle = _subtitle_stream(out, path.suffix)
        out.start_encoding()
        _write_subtitle(out, subtitle, path.suffix)
        for packet in _audio_packets(audio, speech.samples):
            out.mux(packet)
        for number, (image, box) in enumerate(picture):
            faces.append(FaceTruth(number / FPS, box))
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            for packet in video.encode(frame):
                out.mux(packet)
        for packet in video.encode(None):
            out.mux(packet)
    return Truth(duration, speech.words, tuple(faces))


def mouth(speech: CallSpeech, frames: int, *, speaker: int) -> NDArray[np.float32]:
    """Return how far a speaker opens the mouth in each frame, 0 to 1."""
    step = SAMPLE_HZ // FPS
    samples = np.pad(speech.samples, (0, max(0, frames * step - len(speech.samples))))[: frames * step]
    level = np.sqrt(np.square(samples.reshape(frames, step)).mean(axis=1))
    own = [word.span for word in speech.words if word.speaker == speaker]
    speaking = np.array([any(span.start <= n / FPS < span.end for span in own) for n in range(frames)])
    return np.asarray(np.clip(level / 0.12, 0, 1) * speaking, np.float32)


def _audio_packets(audio: av.AudioStream, samples: NDArray[np.float32]) -> list[av.Packet[av.AudioStream]]:
    packets: list[av.Packet[av.AudioStream]] = []
    for start in range(0, len(samples), SAMPLE_HZ):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[None, start : start + SAMPLE_HZ]), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_HZ, start, Fraction(1, SAMPLE_HZ)
        packets += audio.encode(frame)
    return packets + list(audio.encode(None))


def _subtitle_stream(out: OutputContainer, suffix: str) -> av.subtitles.stream.SubtitleStream:
    stream = out.add_stream("mov_text" if suffix == ".mp4" else "subrip")
    context = stream.codec_context
    context.time_base = Fraction(1, 1000)
    context.subtitle_header = (
        b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\n"
        b"Style: Default,Arial,16\n\n[Events]\nFormat: Layer, Start, End, Style, Name, Text\n"
    )
    return stream


def _write_subtitle(out: OutputContainer, stream: av.subtitles.stream.SubtitleStream, suffix: str) -> None:
    text = _SUBTITLE.encode()
    packet = av.Packet(len(text).to_bytes(2, "big") + text if suffix == ".mp4" else text)
    packet.stream = stream
    packet.time_base = Fraction(1, 1000)
    packet.pts = packet.dts = 800
    packet.duration = 3000
    out.mux(packet)


def make_main() -> None:
    """Make both containers and say where they are."""
    parser = argparse.ArgumentParser(description="Make the sample call on this machine.")
    parser.add_argument("-o", "--output", type=Path, help="folder for it (default: in the model cache)")
    folder = parser.parse_args().output
    for container in ("mp4", "mkv"):
        print(make_call(folder, container=container).path)


if __name__ == "__main__":
    make_main()
