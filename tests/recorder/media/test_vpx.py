"""Sizes in VP8 and VP9 key frames are those that the decoder finds."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.media.vpx import picture_size
from tests.media import make_clip


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [
        ("libvpx", "yuv420p"),
        ("libvpx-vp9", "yuv420p"),
        ("libvpx-vp9", "yuv444p"),
    ],
)
@pytest.mark.parametrize("size", [(322, 178), (65, 33)])
def test_sizes(tmp_path: Path, codec: str, pix_fmt: str, size: tuple[int, int]) -> None:
    """Key frames tell their size and other frames tell none, in every profile."""
    options = {"deadline": "realtime", "cpu-used": "8"}
    clip = make_clip(
        tmp_path / "a.webm", seconds=0.2, size=size, codec=codec, pix_fmt=pix_fmt, audio=None, options=options
    )
    with av.open(str(clip.path)) as container:
        name = container.streams.video[0].codec_context.name
        for packet in container.demux(video=0):
            if packet.size:
                found = picture_size(name, bytes(memoryview(packet)[:16]))
                assert found == (size if packet.is_keyframe else None)


@given(st.sampled_from(["vp8", "vp9", "h264"]), st.binary(max_size=16))
def test_anything_else(codec: str, data: bytes) -> None:
    """Bytes of any kind give a possible size or none."""
    found = picture_size(codec, data)
    assert found is None or (0 <= found[0] <= 65_536 and 0 <= found[1] <= 65_536)
