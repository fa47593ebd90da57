"""One recording from beginning to end, with stages that fail: nothing is published, nothing is left."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recorder.bundle.publish import Published
from recorder.bundle.verify_files import verify_bundle
from recorder.bundle.writer import BundleWriter
from recorder.offline.session import redact_file
from recorder.runtime.context import Run
from recorder.sources.recording import open_source
from redaction.errors import ExitCode, OffrecordError
from redaction.policy import Policy
from redaction.stages import Stages
from redaction.video.faces.detect import Detection
from tests.media import make_clip


class FakeRaisingDetector:
    """Finds nothing, and raises on its fourth look."""

    def __init__(self) -> None:
        self.looks = 0

    def detect(self, picture: NDArray[np.uint8]) -> list[Detection]:
        """Return no face, or raise."""
        self.looks += 1
        if self.looks == 4:
            raise RuntimeError("a secret word")
        return []


def redacted(path: Path, out: Path, stages: Stages) -> Published:
    """Redact one file."""
    writer = BundleWriter(out, "one")
    try:
        return redact_file(open_source(path), writer, stages=stages, run=Run())
    finally:
        writer.discard()


def test_detector_that_raises_on_one_frame(tmp_path: Path, stages: Stages) -> None:
    """One frame that no detector could look at is status 3, in a sentence without the cause's text."""
    clip = make_clip(tmp_path / "a.mp4", seconds=3, audio=None).path
    faulty = Stages(Policy())
    detector = FakeRaisingDetector()
    faulty._video = replace(stages.video, quick=detector, thorough=detector)
    faulty._second_look = stages.second_look
    with pytest.raises(OffrecordError, match="failed on") as error:
        redacted(clip, tmp_path / "out", faulty)
    assert error.value.exit_code is ExitCode.INCOMPLETE
    assert "secret" not in error.value.sentence
    assert list((tmp_path / "out").iterdir()) == []


def test_zero_frame_rate_is_read_by_its_time_stamps(tmp_path: Path, stages: Stages) -> None:
    """A header that claims 0 frames a second is read by the time stamps there are, and what is published is whole."""
    path = make_clip(tmp_path / "a.avi", seconds=1, codec="mjpeg", pix_fmt="yuvj420p", audio=None).path
    data = bytearray(path.read_bytes())
    at = data.index(b"strh") + 8
    data[at + 20 : at + 28] = struct.pack("<II", 1, 0)  # scale and rate
    path.write_bytes(data)
    published = redacted(path, tmp_path / "out", stages)
    assert len(verify_bundle(published.path)) == 5
    assert 0.5 < published.manifest.duration < 2


def test_tags_and_extra_streams_are_gone(tmp_path: Path, stages: Stages) -> None:
    """Titles, artists and cover art of the source are nowhere in the bundle."""
    name = "Adaeze Okonkwo"
    tags = {"title": name, "artist": name, "comment": name}
    clip = make_clip(tmp_path / "a.mp4", seconds=1, tags=tags, cover=True).path
    assert name.encode() in clip.read_bytes()
    published = redacted(clip, tmp_path / "out", stages)
    stored = b"".join(item.read_bytes() for item in published.path.rglob("*") if item.is_file())
    assert name.encode() not in stored
