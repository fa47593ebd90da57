"""Cut a stored piece to whole fragments that are proven: a crash may leave half a fragment, or one without proof."""

from __future__ import annotations

import os
import shutil
import struct
from bisect import bisect_left
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import av
import av.error
import av.logging

__all__ = ["cut_to_whole", "take_over", "whole_fragments"]

_HEADER: Final = 8
_LARGE_HEADER: Final = 16
_MOST_BOXES: Final = 4_000_000


def whole_fragments(path: Path) -> list[int]:
    """Return where each whole fragment of a fragmented MP4 ends, in bytes; what follows the last is half.

    Source: ISO/IEC 14496-12, 4.2 (boxes) and 8.8 (movie fragments).
    """
    size = path.stat().st_size
    ends: list[int] = []
    at, begun, described = 0, False, False
    with path.open("rb") as file:
        for _ in range(_MOST_BOXES):
            file.seek(at)
            head = file.read(_LARGE_HEADER)
            if len(head) < _HEADER:
                break
            length, kind = struct.unpack(">I4s", head[:_HEADER])
            if length == 1 and len(head) == _LARGE_HEADER:
                (length,) = struct.unpack(">Q", head[_HEADER:])
            if length < _HEADER or at + length > size:
                break
            at += length
            described = described or kind == b"moov"
            if kind == b"moof":
                begun = described
            elif kind == b"mdat" and begun:
                ends.append(at)
                begun = False
    return ends


def take_over(source: Path, target: Path, *, length: int) -> None:
    """Give a file a second name, or copy its first `length` bytes where it is longer."""
    with suppress(FileNotFoundError):
        target.unlink()
    if source.stat().st_size == length:
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
        return
    with source.open("rb") as given, target.open("xb") as taken:
        left = length
        while left and (chunk := given.read(min(left, 1 << 20))):
            taken.write(chunk)
            left -= len(chunk)


def cut_to_whole(source: Path, target: Path, *, proven: int | None) -> int:
    """Take over the whole fragments of a piece whose frames are all proven.

    Args:
        source: the piece as it was left; it is not changed.
        target: where its usable part goes; nothing is written when there is none.
        proven: number of frames that have a proof; None takes every whole fragment.

    Returns:
        The number of packets in the usable part, 0 when there is none.
    """
    ends = whole_fragments(source)
    counts = _packets_up_to(source, ends)
    usable = [
        (end, count)
        for end, count in zip(ends, counts, strict=True)
        if count and (proven is None or count <= proven)
    ]
    if not usable:
        return 0
    end, count = usable[-1]
    whole = source.stat().st_size if end == ends[-1] and _tail_is_index(source, end) else end
    take_over(source, target, length=whole)
    return count


class _Beginning:
    """The first bytes of a file: libav opens none that breaks off within the head of a fragment."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file, self._length = file, length

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`."""
        left = max(0, self._length - self._file.tell())
        return self._file.read(left if size < 0 else min(size, left))

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, from the beginning, from here or from the end of what is shown."""
        if whence == os.SEEK_END:
            offset, whence = self._length + offset, os.SEEK_SET
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()


def _packets_up_to(path: Path, ends: list[int]) -> list[int]:
    """Return how many packets lie before each end."""
    if not ends:
        return []
    counts = [0] * len(ends)
    av.logging.set_level(None)
    try:
        with (
            path.open("rb") as file,
            av.open(_Beginning(file, ends[-1]), mode="r", format="mp4") as container,
        ):
            for packet in container.demux(container.streams[0]):
                place = packet.pos
                if packet.size and place is not None and place >= 0 and place + packet.size <= ends[-1]:
                    counts[bisect_left(ends, place + packet.size)] += 1
    except (av.error.FFmpegError, IndexError, ValueError):
        pass  # what was read so far counts
    total = 0
    for number, count in enumerate(counts):
        total += count
        counts[number] = total
    return counts


def _tail_is_index(path: Path, end: int) -> bool:
    """Tell whether nothing but the closing index follows."""
    size = path.stat().st_size
    if size == end:
        return True
    with path.open("rb") as file:
        file.seek(end)
        head = file.read(_HEADER)
    return len(head) == _HEADER and head[4:] == b"mfra" and int.from_bytes(head[:4], "big") == size - end
