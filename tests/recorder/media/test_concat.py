"""A track is cut: black until its first picture, each picture at its time."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from recorder.media.concat import cut_video
from recorder.runtime.context import Run
from redaction.policy import OutputSection


@pytest.mark.parametrize("later", [False, True])
def test_a_track_is_cut_whether_frames_wait_for_later_ones_or_not(tmp_path: Path, later: bool) -> None:
    """A cut track, taken over or encoded anew, is black until its first picture, and shows each at its time."""
    path, out = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.options = {"bf": "2" if later else "0", "b-adapt": "0"}
        for number in range(100):
            level = 16 if number < 62 else 90 + 2 * (number - 62)
            picture = av.VideoFrame.from_ndarray(np.full((72, 64), level, np.uint8), format="yuv420p")
            picture.planes[1].update(bytes([128]) * picture.planes[1].buffer_size)
            picture.planes[2].update(bytes([128]) * picture.planes[2].buffer_size)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    cut_video(path, out, begin=6.0, end=9.0, size=(64, 48), output=OutputSection(), run=Run())
    with av.open(str(out)) as container:
        shown = [
            (float(frame.time or 0), frame.to_ndarray()[:48].mean()) for frame in container.decode(video=0)
        ]
        assert float(container.duration or 0) / 1e6 == pytest.approx(3, abs=0.1)
    assert shown[0][0] == 0
    assert all(level < 20 for time, level in shown if time < 0.19)
    late = [(time, level) for time, level in shown if time >= 0.2]
    assert [level for _, level in late] == pytest.approx([90 + 20 * (time - 0.2) for time, _ in late], abs=4)
    assert len(late) == 28
