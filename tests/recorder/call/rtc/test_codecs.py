"""What is received, and the size that a picture announces before any decoder sees it."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from av.video.codeccontext import VideoCodecContext
from hypothesis import given
from hypothesis import strategies as st

from recorder.call.rtc.codecs import (
    MAX_SIDE_PX,
    AudioDecoder,
    VideoDecoder,
    accepted,
    fits,
    video_coding,
)
from tests.recorder.call.senders import coded_pictures, coded_tone, pitch


def payloads(codec: str, width: int, height: int) -> list[list[bytes]]:
    """Return the packet payloads of some pictures."""
    coded = coded_pictures((90, 100, 120), codec=codec, width=width, height=height)
    if codec == "VP8":
        return [Vp8Encoder._packetize(data, n) for n, (data, _) in enumerate(coded)]
    return [H264Encoder._packetize(H264Encoder._split_bitstream(data)) for data, _ in coded]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
@pytest.mark.parametrize(("width", "height"), [(320, 180), (640, 368)])
def test_key_frames_and_their_size_are_seen_before_decoding(codec: str, width: int, height: int) -> None:
    """Exactly the key frames begin with a packet that says so, and they announce their size."""
    coding = video_coding(f"video/{codec}")
    assert coding is not None
    pictures = payloads(codec, width, height)
    assert [any(coding.begins_keyframe(p) for p in picture) for picture in pictures] == [True] + [False] * 29
    size = coding.size(pictures[0])
    assert size is not None
    assert size[0] == width
    assert height <= size[1] < height + 16
    assert coding.size(pictures[1]) is None
    decoder = VideoDecoder(coding)
    shown = [frame for n, picture in enumerate(pictures) for frame in decoder.decode(coding.join(picture), n)]
    assert len(shown) == 30
    assert {(frame.width, frame.height) for frame in shown} == {(width, height)}
    assert [frame.pts for frame in shown] == list(range(30))


def test_only_three_codecs_are_offered() -> None:
    """Opus, VP8 and H264, and what sends VP8 and H264 again."""
    names = {codec.mimeType.lower() for kind in ("audio", "video") for codec in accepted(kind)}
    assert names == {"audio/opus", "video/vp8", "video/h264", "video/rtx"}
    assert video_coding("video/VP9") is None


def test_a_size_is_within_bounds_or_not() -> None:
    """Nothing and anything beyond 4096 is refused."""
    assert fits(1, 1)
    assert fits(MAX_SIDE_PX, MAX_SIDE_PX)
    assert not fits(0, 100)
    assert not fits(100, 0)
    assert not fits(MAX_SIDE_PX + 1, 100)


@given(st.binary(max_size=200), st.sampled_from(["video/vp8", "video/h264"]))
def test_no_payload_confuses_the_readers(data: bytes, codec: str) -> None:
    """Any bytes give an answer, or a ValueError from joining."""
    coding = video_coding(codec)
    assert coding is not None
    coding.begins_keyframe(data)
    size = coding.size([data])
    assert size is None or all(side >= 0 for side in size)
    try:
        coding.join([data])
    except ValueError:
        return


def test_an_h264_decoder_refuses_what_is_too_large() -> None:
    """A stream beyond the bound never becomes a picture, even when its announced size is not read."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = 4128, 4128, "yuv420p"
    context.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}
    context.time_base = Fraction(1, 30)
    frame = av.VideoFrame.from_ndarray(np.zeros((4128 * 3 // 2, 4128), np.uint8), format="yuv420p")
    frame.pts = 0
    data = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    coding = video_coding("video/H264")
    assert coding is not None
    packets = H264Encoder._packetize(H264Encoder._split_bitstream(data))
    assert coding.size(packets) == (4128, 4128)
    with pytest.raises(av.FFmpegError):
        VideoDecoder(coding).decode(data, 0)


def test_sound_is_mono_at_48_khz() -> None:
    """Stereo Opus becomes mono float32 with the same tone."""
    decoder = AudioDecoder()
    heard = np.concatenate([decoder.decode(data) for data, _ in coded_tone(700)])
    assert heard.dtype == np.float32
    assert len(heard) == 48000
    assert pitch(heard, 48000) == pytest.approx(700, abs=2)
    assert 0.1 < np.abs(heard).max() < 0.5
    with pytest.raises(av.FFmpegError):
        decoder.decode(b"\xff\xff\xff")
