"""What is received: VP8, H264 and Opus, opened with bounds on what a sender may make of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import av
import numpy as np
from aiortc import RTCRtpCodecCapability, RTCRtpReceiver
from aiortc.codecs.h264 import h264_depayload
from aiortc.codecs.vpx import vp8_depayload
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

from redaction.model import Samples

__all__ = [
    "MAX_SIDE_PX",
    "OPUS_RATE",
    "VIDEO_RATE",
    "AudioDecoder",
    "CodecName",
    "VideoCoding",
    "VideoDecoder",
    "accepted",
    "fits",
    "video_coding",
]

MAX_SIDE_PX: Final = 4096
OPUS_RATE: Final = 48000
VIDEO_RATE: Final = 90000
_ACCEPTED: Final = frozenset({"audio/opus", "video/vp8", "video/h264", "video/rtx"})


def accepted(kind: str) -> list[RTCRtpCodecCapability]:
    """Return the codecs that are offered and answered for "audio" or "video"."""
    capabilities = RTCRtpReceiver.getCapabilities(kind)
    found = capabilities.codecs if capabilities is not None else []
    return [codec for codec in found if codec.mimeType.lower() in _ACCEPTED]


def fits(width: int, height: int) -> bool:
    """Tell whether a picture of this size is received."""
    return 0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX


class CodecName(Protocol):
    """What FFmpeg calls the decoder of a codec."""

    @property
    def decoder(self) -> str:
        """The name."""
        ...


class VideoCoding(CodecName, Protocol):
    """How pictures of one codec lie in packets."""

    def begins_keyframe(self, payload: bytes) -> bool:
        """Tell whether a key frame begins with this packet payload."""
        ...

    def size(self, payloads: Sequence[bytes]) -> tuple[int, int] | None:
        """Return width and height that a picture announces, None where it announces none or cannot be read."""
        ...

    def join(self, payloads: Sequence[bytes]) -> bytes:
        """Return what the decoder takes. Raises ValueError where a payload is malformed."""
        ...


class _Vp8:
    decoder = "libvpx"

    def begins_keyframe(self, payload: bytes) -> bool:
        start = _vp8_start(payload)
        return start is not None and not start[0] & 1

    def size(self, payloads: Sequence[bytes]) -> tuple[int, int] | None:
        start = _vp8_start(payloads[0]) if payloads else None
        # Source: RFC 6386, 9.1: three bytes of tag, a start code, then 14 bits of each side and 2 of scale
        if start is None or start[0] & 1 or len(start) < 10 or start[3:6] != b"\x9d\x01\x2a":
            return None
        return int.from_bytes(start[6:8], "little") & 0x3FFF, int.from_bytes(start[8:10], "little") & 0x3FFF

    def join(self, payloads: Sequence[bytes]) -> bytes:
        return b"".join(vp8_depayload(payload) for payload in payloads)


def _vp8_start(payload: bytes) -> bytes | None:
    """Return the first bytes of a VP8 frame if this payload begins one. Source: RFC 7741, 4.2."""
    if not payload or payload[0] & 0x17 != 0x10:  # S set, partition 0
        return None
    try:
        return vp8_depayload(payload)[:10] or None
    except ValueError:
        return None


class _H264:
    decoder = "h264"

    def begins_keyframe(self, payload: bytes) -> bool:
        # what WebRTC senders put before every IDR picture; without it a late comer could not decode
        return _h264_sps(payload) is not None

    def size(self, payloads: Sequence[bytes]) -> tuple[int, int] | None:
        for payload in payloads[:4]:
            sps = _h264_sps(payload)
            if sps is not None:
                return _sps_size(sps)
        return None

    def join(self, payloads: Sequence[bytes]) -> bytes:
        return b"".join(h264_depayload(payload) for payload in payloads)


def _h264_sps(payload: bytes) -> bytes | None:
    """Return the sequence parameter set that a payload carries whole. Source: RFC 6184, 5.6 and 5.7.1."""
    if not payload:
        return None
    kind = payload[0] & 0x1F
    if kind == 7:
        return payload
    position = 1
    while kind == 24 and position + 3 <= len(payload):
        length = int.from_bytes(payload[position : position + 2], "big")
        unit = payload[position + 2 : position + 2 + length]
        if unit and unit[0] & 0x1F == 7:
            return unit
        position += 2 + length
    return None


class _Bits:
    """Reads an H264 parameter set bit by bit."""

    def __init__(self, data: bytes) -> None:
        # Source: ITU-T H.264, 7.4.1: 00 00 03 stands for 00 00
        plain = data.replace(b"\x00\x00\x03", b"\x00\x00")
        self._bits = "".join(f"{byte:08b}" for byte in plain[:128])
        self._at = 0

    def take(self, count: int) -> int:
        if self._at + count > len(self._bits):
            raise ValueError("a parameter set is cut off")
        self._at += count
        return int(self._bits[self._at - count : self._at] or "0", 2)

    def golomb(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise ValueError("a parameter set is malformed")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        value = self.golomb()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def _sps_size(sps: bytes) -> tuple[int, int] | None:
    """Return the coded size before cropping. Source: ITU-T H.264, 7.3.2.1.1."""
    bits = _Bits(sps[1:])
    try:
        profile = bits.take(8)
        bits.take(16)
        bits.golomb()
        if profile in {100, 110, 122, 244, 44, 83, 86, 118, 128, 138}:
            chroma = bits.golomb()
            if chroma == 3:
                bits.take(1)
            bits.golomb()
            bits.golomb()
            bits.take(1)
            if bits.take(1):
                return None  # scaling matrices: the decoder's own bound holds
        bits.golomb()
        order = bits.golomb()
        if order == 0:
            bits.golomb()
        elif order == 1:
            bits.take(1)
            bits.signed()
            bits.signed()
            for _ in range(min(bits.golomb(), 255)):
                bits.signed()
        bits.golomb()
        bits.take(1)
        width = bits.golomb() + 1
        height = (bits.golomb() + 1) * (2 - bits.take(1))
    except ValueError:
        return None
    return width * 16, height * 16


_CODINGS: Final[dict[str, VideoCoding]] = {"video/vp8": _Vp8(), "video/h264": _H264()}


def video_coding(mime_type: str) -> VideoCoding | None:
    """Return how pictures of a codec lie in packets, None for codecs that are not received."""
    return _CODINGS.get(mime_type.lower())


class VideoDecoder:
    """Decodes one track; used by one thread."""

    def __init__(self, coding: CodecName) -> None:
        context = av.CodecContext.create(coding.decoder, "r")
        if not isinstance(context, VideoCodecContext):
            raise TypeError("not a picture decoder")
        context.thread_count = 1
        context.options = {"max_pixels": str(MAX_SIDE_PX * MAX_SIDE_PX)}
        self._context = context

    def decode(self, data: bytes, number: int) -> list[av.VideoFrame]:
        """Return the pictures that are complete; their pts is the `number` that came with their data.

        Raises:
            av.FFmpegError: the data cannot be decoded.
        """
        packet = av.Packet(data)
        packet.pts = number
        return self._context.decode(packet)


class AudioDecoder:
    """Decodes Opus to mono."""

    def __init__(self) -> None:
        context = av.CodecContext.create("libopus", "r")
        if not isinstance(context, AudioCodecContext):
            raise TypeError("not a sound decoder")
        context.format = "s16"
        context.layout = "mono"
        context.sample_rate = OPUS_RATE
        self._context = context

    def decode(self, data: bytes) -> Samples:
        """Return float32 (n,) at 48,000 Hz.

        Raises:
            av.FFmpegError: the data cannot be decoded.
        """
        parts = [frame.to_ndarray() for frame in self._context.decode(av.Packet(data))]
        if not parts:
            return np.zeros(0, np.float32)
        joined = np.concatenate(parts, axis=1)
        mono: Samples = joined.mean(axis=0, dtype=np.float32) / np.float32(32768)
        return mono
