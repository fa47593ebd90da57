"""The source beside the redacted recording: a picture from memory, and nothing else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from recorder.review.source_view import SourceView
from redaction.errors import UnreadableInput
from tests.media import make_clip


def test_the_picture_of_a_time_is_returned_and_nothing_is_written(tmp_path: Path) -> None:
    """Each time gives its picture as JPEG; the folder holds what it held."""
    clip = make_clip(tmp_path / "a.mkv", seconds=2, size=(64, 48), flashes=(1.0,))
    view = SourceView(clip.path)
    white = cv2.imdecode(np.frombuffer(view.picture(1.0), np.uint8), cv2.IMREAD_GRAYSCALE)
    other = cv2.imdecode(np.frombuffer(view.picture(0.2), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert white is not None
    assert other is not None
    assert white.mean() > 200 > other.mean()
    assert [item.name for item in tmp_path.iterdir()] == ["a.mkv"]


@pytest.mark.parametrize("time", [-1.0, float("nan"), 1e9])
def test_times_that_are_none_are_refused(time: float, tmp_path: Path) -> None:
    """A time that no recording has is refused without decoding."""
    view = SourceView(make_clip(tmp_path / "a.mp4", seconds=1, size=(64, 48)).path)
    with pytest.raises(UnreadableInput):
        view.picture(time)


def test_what_is_no_recording_is_said_at_once(tmp_path: Path) -> None:
    """A file without a picture is refused when the review begins."""
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(UnreadableInput):
        SourceView(tmp_path / "a.txt")
