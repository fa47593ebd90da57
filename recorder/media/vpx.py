"""Read picture sizes from VP8 and VP9 key frames without decoding, since recordings of calls change them on the way."""

from __future__ import annotations

from typing import Final

from av.container import InputContainer
from av.video.stream import VideoStream

from recorder.media.opening import MAX_PIXELS
from recorder.media.packets import DEMUX_FAULTS

__all__ = ["largest_picture", "picture_size"]

_VP8_START: Final = b"\x9d\x01\x2a"
_VP9_SYNC: Final = 0x498342
_VP9_RGB: Final = 7


def largest_picture(container: InputContainer, stream: VideoStream) -> tuple[int, int] | None:
    """Return the width and height of the largest key frame within bounds, None when no key frame tells.

    A call's recording often begins small, until the sender has measured the line; all is kept at the largest size.
    """
    largest: tuple[int, int] | None = None
    try:
        for packet in container.demux(stream):
            if not packet.is_keyframe or not packet.size:
                continue
            size = picture_size(stream.codec_context.name, bytes(memoryview(packet)[:16]))
            if size is None or not 0 < size[0] * size[1] <= MAX_PIXELS:
                continue
            if largest is None or size[0] * size[1] > largest[0] * largest[1]:
                largest = size
    except DEMUX_FAULTS:
        return largest
    return largest


def picture_size(codec: str, untrusted_start: bytes) -> tuple[int, int] | None:
    """Return the width and height in a key frame's first bytes, None if it is none.

    Source: RFC 6386, section 9.1 (VP8); VP9 Bitstream Specification 0.7, section 6.2.
    """
    if codec in {"vp8", "libvpx"}:
        return _vp8_size(untrusted_start)
    return _vp9_size(untrusted_start) if codec in {"vp9", "libvpx-vp9"} else None


def _vp8_size(start: bytes) -> tuple[int, int] | None:
    if len(start) < 10 or start[0] & 1 or start[3:6] != _VP8_START:
        return None
    return int.from_bytes(start[6:8], "little") & 0x3FFF, int.from_bytes(start[8:10], "little") & 0x3FFF


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        return (self._value >> max(0, self._left)) & ((1 << count) - 1)


def _vp9_size(start: bytes) -> tuple[int, int] | None:
    if len(start) < 16:
        return None
    bits = _Bits(start)
    marker = bits.take(2)
    profile = bits.take(1) | bits.take(1) << 1
    if profile == 3:
        bits.take(1)
    shown_before, inter = bits.take(1), bits.take(1)
    bits.take(2)
    if marker != 2 or shown_before or inter or bits.take(24) != _VP9_SYNC:
        return None
    if profile >= 2:
        bits.take(1)
    space = bits.take(3)
    if space != _VP9_RGB:
        bits.take(4 if profile in (1, 3) else 1)
    elif profile in (1, 3):
        bits.take(1)
    return bits.take(16) + 1, bits.take(16) + 1
