"""Only the codecs that recordings have are opened."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from recorder.media.codecs import allowed_decoders
from recorder.media.file import FileSource
from redaction.errors import UnreadableInput


def picture_file(path: Path, codec: str, pixel_format: str) -> Path:
    """Write ten frames in some codec."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame.reformat(format=pixel_format)))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("codec", "pixel_format"), [("cinepak", "rgb24"), ("snow", "yuv420p"), ("zmbv", "bgr0"), ("png", "rgb24")]
)
def test_other_codecs_are_refused_by_name(tmp_path: Path, codec: str, pixel_format: str) -> None:
    """A codec that no recording has is not opened; the message names it and the way out, and nothing of the file."""
    path = picture_file(tmp_path / "marker.avi", codec, pixel_format)
    with pytest.raises(UnreadableInput, match=f"is {codec}.*ffmpeg -i") as refused:
        FileSource(path).info()
    assert "marker" not in refused.value.sentence


@pytest.mark.parametrize(
    ("codec", "pixel_format"),
    [("libx264", "yuv420p"), ("libvpx", "yuv420p"), ("mpeg4", "yuv420p"), ("mjpeg", "yuvj420p")],
)
def test_codecs_of_recordings_are_opened(tmp_path: Path, codec: str, pixel_format: str) -> None:
    """Codecs that call systems write are read as ever."""
    info = FileSource(picture_file(tmp_path / "a.mkv", codec, pixel_format)).info()
    assert (info.video[0].width, info.video[0].height) == (64, 48)


def test_libavformat_opens_no_other() -> None:
    """The list for probing holds decoders of the allowed codecs alone, with every library's own."""
    names = allowed_decoders().split(",")
    assert {"h264", "vp8", "opus", "aac", "pcm_s16le", "pcm_mulaw"} <= set(names)
    assert not {"cinepak", "zmbv", "png", "exr", "smacker", "bink"} & set(names)
