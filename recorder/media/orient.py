"""Turn decoded pictures of any kind into upright, square-pixel, limited-range I420 planes of one size."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame as AvVideoFrame
from av.video.reformatter import VideoReformatter

from recorder.media.planes import Plane, Planes, blank

__all__ = ["Geometry", "Upright"]


_MPEG, _JPEG = 1, 2
_BT709, _UNSPECIFIED = 1, 2
_SWS_709, _SWS_601 = 1, 5
_HD_LINES: Final = 720
_SQUARE_ENOUGH: Final = Fraction(1, 100)
_ODDEST_ASPECT: Final = 4


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a track's pictures are turned and stretched.

    Attributes:
        coded: width and height in pixels that the decoder gave for the first picture.
        flat: width and height with square pixels, before turning.
        transposed: rows become columns, before the mirrors.
        mirror_x: mirrored left to right.
        mirror_y: mirrored top to bottom.
        bt709: as in `TrackInfo`.
    """

    coded: tuple[int, int]
    flat: tuple[int, int]
    transposed: bool = False
    mirror_x: bool = False
    mirror_y: bool = False
    bt709: bool = False

    @classmethod
    def of(cls, width: int, height: int, *, aspect: Fraction | None, first: AvVideoFrame | None) -> Geometry:
        """Work the geometry out from the size in pixels, the sample aspect ratio and the first picture's marks."""
        flat = (width, height)
        if aspect and 1 / _ODDEST_ASPECT <= aspect <= _ODDEST_ASPECT and abs(aspect - 1) > _SQUARE_ENOUGH:
            flat = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
        transposed, mirror_x, mirror_y = _orientation(first)
        return cls(
            coded=(width, height),
            flat=flat,
            transposed=transposed,
            mirror_x=mirror_x,
            mirror_y=mirror_y,
            bt709=_is_bt709(first, height),
        )

    @property
    def width(self) -> int:
        """Upright width in pixels."""
        return self.flat[1] if self.transposed else self.flat[0]

    @property
    def height(self) -> int:
        """Upright height in pixels."""
        return self.flat[0] if self.transposed else self.flat[1]


class Upright:
    """Converts a track's decoded pictures; planes of plain I420 pictures are views, never copies.

    High dynamic range is only cut to 8 bits, not tone-mapped: such pictures look pale. A picture whose size differs
    from the first one's is scaled to fit and centred on black.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self._reformatter = VideoReformatter()

    def convert(self, picture: AvVideoFrame) -> Planes:
        """Return read-only planes: uint8 (H, W) and twice (ceil(H/2), ceil(W/2)), 16 to 235 luma."""
        geometry = self._geometry
        if (picture.width, picture.height) == geometry.coded:
            planes = _views(self._plain(picture, *geometry.flat))
        else:
            planes = self._fitted(picture)
        if geometry.transposed or geometry.mirror_x or geometry.mirror_y:
            planes = (self._turned(planes[0]), self._turned(planes[1]), self._turned(planes[2]))
        for plane in planes:
            plane.flags.writeable = False
        return planes

    def _plain(self, picture: AvVideoFrame, width: int, height: int) -> AvVideoFrame:
        name = picture.format.name
        full = picture.color_range == _JPEG or name.startswith("yuvj")
        if name == "yuv420p" and not full and (picture.width, picture.height) == (width, height):
            return picture
        rgb = picture.format.is_rgb or name == "pal8"
        matrix = _SWS_709 if self._geometry.bt709 else _SWS_601
        return self._reformatter.reformat(
            picture,
            width=width,
            height=height,
            format="yuv420p",
            src_colorspace=None if rgb else matrix,
            dst_colorspace=matrix,
            src_color_range=_JPEG if full or rgb else _MPEG,
            dst_color_range=_MPEG,
            threads=1,
        )

    def _fitted(self, picture: AvVideoFrame) -> Planes:
        width, height = self._geometry.flat
        scale = min(width / picture.width, height / picture.height)
        inner_w = max(1, min(width, round(picture.width * scale)))
        inner_h = max(1, min(height, round(picture.height * scale)))
        left, top = (width - inner_w) // 4 * 2, (height - inner_h) // 4 * 2
        inner = _views(self._plain(picture, inner_w, inner_h))
        outer = blank(width, height)
        for number, (target, source) in enumerate(zip(outer, inner, strict=True)):
            half = 1 if number == 0 else 2
            y, x = top // half, left // half
            target[y : y + source.shape[0], x : x + source.shape[1]] = source
        return outer

    def _turned(self, plane: Plane) -> Plane:
        turned = plane.T if self._geometry.transposed else plane
        if self._geometry.mirror_x:
            turned = turned[:, ::-1]
        if self._geometry.mirror_y:
            turned = turned[::-1]
        return np.ascontiguousarray(turned)


def _views(picture: AvVideoFrame) -> Planes:
    return _view(picture, 0), _view(picture, 1), _view(picture, 2)


def _view(picture: AvVideoFrame, index: int) -> Plane:
    plane = picture.planes[index]
    stride = plane.line_size
    flat: Plane = np.frombuffer(memoryview(plane), np.uint8)
    if stride < 0:
        return flat.reshape(plane.height, -stride)[::-1, : plane.width]
    return flat.reshape(plane.height, stride)[:, : plane.width]


def _orientation(first: AvVideoFrame | None) -> tuple[bool, bool, bool]:
    """Read the display matrix as (transposed, mirrored left to right, mirrored top to bottom).

    Angles between are taken to the nearest right angle. Source: ISO/IEC 14496-12, 6.2.2 (`matrix`).
    """
    side: object = None if first is None else first.side_data.get("DISPLAYMATRIX")
    if not isinstance(side, SideData):
        return False, False, False
    raw = bytes(memoryview(side))
    if len(raw) < 36:
        return False, False, False
    a, b, _, c, d, *_ = struct.unpack("=9i", raw[:36])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, a < 0, d < 0
    return True, c < 0, b < 0


def _is_bt709(first: AvVideoFrame | None, height: int) -> bool:
    """Tell the matrix; where the media does not say, as players do: BT.709 from 720 lines on."""
    if first is None or first.colorspace == _UNSPECIFIED:
        return height >= _HD_LINES
    return first.format.is_rgb or first.colorspace in (_BT709, 9, 10)
