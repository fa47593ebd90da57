"""A real recording in which a name stands on the screen and is said, each where the other alone would leave it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from recorder.bundle.publish import Published
from recorder.bundle.verify_files import verify_bundle
from recorder.bundle.writer import BundleWriter
from recorder.media.file import FileSource
from recorder.offline.session import redact_file
from recorder.runtime.context import Run
from recorder.sources.recording import open_source
from redaction.model import Box, Gap
from redaction.stages import Stages
from redaction.video.screen.reader import ScreenReader
from samples.speech import SAMPLE_HZ, ScriptLine, speak_call
from tests.redaction.video.screen.made import write

WIDTH, HEIGHT, FPS = 640, 360, 5
SEEN, SAID = "Paprika Quintal", "juniper"
KEPT = "the file is on the drive"
LINE = f"the {SAID} build is green"
SCRIPT = (
    ScriptLine(0, "I think the {Paprika} build is green today."),
    ScriptLine(1, "Thanks. My name is {Juniper}, and I press the export button."),
)


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    """What is said, float32 (n,) at 24,000 Hz."""
    return speak_call(SCRIPT).samples


def film(path: Path, speech: NDArray[np.float32], *, picture: bool) -> Path:
    """Write the speech, and a picture with it."""
    with av.open(str(path), "w") as out:
        if picture:
            video = out.add_stream("libx264", rate=FPS)
            video.width, video.height, video.pix_fmt, video.options = WIDTH, HEIGHT, "yuv420p", {"crf": "18"}
        audio = out.add_stream("aac", rate=SAMPLE_HZ, layout="mono")
        for number in range(round(len(speech) / SAMPLE_HZ * FPS) if picture else 0):
            frame = av.VideoFrame.from_ndarray(drawn(number / FPS), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(frame))
        if picture:
            out.mux(video.encode(None))
        for start in range(0, len(speech), SAMPLE_HZ):
            part = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(speech[None, start : start + SAMPLE_HZ]), format="fltp", layout="mono"
            )
            part.sample_rate, part.pts, part.time_base = SAMPLE_HZ, start, Fraction(1, SAMPLE_HZ)
            out.mux(audio.encode(part))
        out.mux(audio.encode(None))
    return path


def drawn(time: float) -> NDArray[np.uint8]:
    """Return a document and a tile with a name tag; after a second there is one more line, which scrolls and rests."""
    picture = np.full((HEIGHT, WIDTH, 3), 235, np.uint8)
    write(picture, KEPT, 60, 80, size=20)
    picture[200:340, 360:620] = (90, 80, 70)
    write(picture, SEEN, 370, 330, size=16, ink=(245, 245, 245))
    if time >= 1:
        write(picture, LINE, 60, 160 - round(20 * min(max(time - 3, 0), 1)), size=20)
    return picture


def redacted(path: Path, out: Path, stages: Stages) -> Published:
    """Redact one film."""
    writer = BundleWriter(out, "one")
    return redact_file(open_source(path), writer, stages=stages, run=Run())


def readable(path: Path, reader: ScreenReader) -> list[str]:
    """Return what a reader makes out in each stored frame, small letters without spaces."""
    texts: list[str] = []
    for item in FileSource(path).video("V1"):
        assert not isinstance(item, Gap)
        lines = reader.look(item, Box(0, 0, item.width, item.height))
        texts.append("".join(line.reading.text for line in lines).lower().replace(" ", ""))
    return texts


def test_names_cross(tmp_path: Path, stages: Stages, speech: NDArray[np.float32]) -> None:
    """A name on a tile is masked in speech, and a name that was said is covered in a document, in every frame."""
    assert stages.video.screen is not None
    reader = stages.video.screen.for_recording(())
    alone = redacted(film(tmp_path / "alone.m4a", speech, picture=False), tmp_path / "alone", stages)
    assert "paprika" in (alone.path / "transcript.vtt").read_text().lower()
    both = redacted(film(tmp_path / "both.mp4", speech, picture=True), tmp_path / "both", stages)
    words = (both.path / "transcript.vtt").read_text().lower()
    assert "paprika" not in words
    assert "build is green" in words
    texts = readable(both.path / "recording.mp4", reader)
    assert not [text for text in texts if any(part in text for part in ("juniper", "papri", "quint"))]
    assert all(KEPT.replace(" ", "") in text for text in texts)
    assert "known from the words" in (both.path / "log.jsonl").read_text()
    assert len(verify_bundle(both.path)) > 3
    stored = b"".join(item.read_bytes().lower() for item in both.path.rglob("*") if item.is_file())
    assert b"paprika" not in stored
    assert b"juniper" not in stored
