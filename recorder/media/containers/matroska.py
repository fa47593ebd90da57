"""Where a Matroska or WebM file is damaged: libav goes on at the next cluster without a word.

A picture stands until the next one, so what was lost between two must be known from the file itself: its elements no
longer follow each other, or a cluster's checksum is not that of its bytes. Source: RFC 8794 (EBML), RFC 9559.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from recorder.media.containers.lost_bytes import MOST_PLACES, PIECE, ContainerBytes, LostBytes, opened
from recorder.media.stream import Input

__all__ = ["lost_in_matroska"]

_HEAD, _SEGMENT, _CLUSTER, _INFO, _SCALE = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1549A966, 0x2AD7B1
_TIMESTAMP, _SIMPLE_BLOCK, _GROUP, _BLOCK, _CRC, _VOID = 0xE7, 0xA3, 0xA0, 0xA1, 0xBF, 0xEC
_TOP: Final = frozenset(
    {_CLUSTER, _INFO, 0x114D9B74, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367}
)
"""Cluster, Info, SeekHead, Tracks, Cues, Attachments, Chapters, Tags."""
_ANYWHERE: Final = frozenset({_CRC, _VOID})
_INSIDE: Final = frozenset({_TIMESTAMP, _SIMPLE_BLOCK, _GROUP, 0xA7, 0xAB, 0xAF, 0x5854}) | _ANYWHERE
"""Of a cluster: also Position, PrevSize, EncryptedBlock, SilentTracks."""
_MARK: Final = _CLUSTER.to_bytes(4, "big")
_USUAL_SCALE_NS: Final = 1_000_000


def lost_in_matroska(untrusted: Input) -> tuple[LostBytes, ...]:
    """Read the file's elements once and return where they break off, in order.

    Raises:
        UnreadableInput: it can no longer be opened.
        StorageFailed: its store failed.
    """
    with opened(untrusted) as file:
        walk = _Walk(file)
        broken = list(walk.broken())
        wrong = [] if 2 * len(walk.wrong) > walk.checked else walk.wrong  # such checksums say nothing
    return tuple(sorted([*broken, *wrong], key=lambda one: one.start))


@dataclass(frozen=True, slots=True)
class _Element:
    """Where an element stands; `end` None where its size is not told."""

    id: int
    body: int
    end: int | None


class _Walk:
    """Goes through a file's elements.

    Attributes:
        checked: clusters that have a checksum.
        wrong: those of them whose bytes have another.
    """

    def __init__(self, file: ContainerBytes) -> None:
        self._file = file
        self._scale = Fraction(_USUAL_SCALE_NS, 10**9)
        self._last = 0
        self.checked = 0
        self.wrong: list[LostBytes] = []

    def broken(self) -> Iterator[LostBytes]:
        """Yield every place where elements do not follow each other."""
        at = self._segment()
        for _ in range(MOST_PLACES):
            place = self._sound_until(at)
            if place is None:
                return
            since = self._last
            following = self._next_cluster(place)
            if following is None:
                yield LostBytes(since * self._scale, None)
                return
            at = following
            self._last = max(since, self._begins(at))
            yield LostBytes(since * self._scale, self._last * self._scale)

    def _segment(self) -> int:
        """Return where the segment's first element is, the end of the file where there is no segment."""
        at = 0
        while (found := self._element(at)) is not None and found.id in (_HEAD, _SEGMENT):
            if found.id == _SEGMENT:
                return found.body
            if found.end is None:
                break
            at = found.end
        return self._file.size

    def _sound_until(self, at: int) -> int | None:
        """Follow top elements; return where they break off, None at the end of the file."""
        while at < self._file.size:
            found = self._element(at)
            if found is None or found.id not in _TOP | _ANYWHERE | {_HEAD, _SEGMENT}:
                return at
            if found.id == _CLUSTER:
                at, whole = self._cluster(found)
                if not whole:
                    return at
                continue
            if found.id == _INFO:
                self._read_scale(found)
            at = found.body if found.id == _SEGMENT or found.end is None else found.end
        return None

    def _cluster(self, cluster: _Element) -> tuple[int, bool]:
        """Follow a cluster's elements; return where they end or break off, and whether they are whole."""
        first, at, time = self._last, cluster.body, 0
        checksum: int | None = None
        while at < self._file.size and (cluster.end is None or at < cluster.end):
            one = self._element(at)
            if one is None or (one.end is None and one.id not in _TOP):
                return at, False
            if cluster.end is None and one.id in _TOP:
                break
            if one.end is None or (cluster.end is not None and one.end > cluster.end):
                return at, False
            if one.id not in _INSIDE and not self._known(one.end, cluster):
                return at, False
            if one.id == _TIMESTAMP:
                time = int.from_bytes(self._file.read(one.body, min(8, one.end - one.body)), "big")
            elif one.id in (_SIMPLE_BLOCK, _GROUP):
                self._last = self._block_time(one, time)
            elif one.id == _CRC and at == cluster.body:
                checksum = int.from_bytes(self._file.read(one.body, 4), "little")
            at = one.end
        if checksum is not None and cluster.end is not None and cluster.end <= self._file.size:
            self.checked += 1
            if self._crc(cluster.body + 6, cluster.end) != checksum:
                self.wrong.append(
                    LostBytes(min(first, time) * self._scale, max(self._last, time) * self._scale)
                )
        return at, True

    def _known(self, at: int, cluster: _Element) -> bool:
        """Tell whether something that is known follows an element that is not."""
        if at == cluster.end or at >= self._file.size:
            return True
        following = self._element(at)
        return following is not None and following.id in _INSIDE | _TOP

    def _block_time(self, one: _Element, time: int) -> int:
        block: _Element | None = one
        if one.id == _GROUP:
            block = self._element(one.body)
            if block is None or block.id != _BLOCK:
                return self._last
        head = self._file.read(block.body, 12) if block is not None else b""
        _, width = _number(head, keep_mark=False)
        stamp = head[width : width + 2]
        return (
            max(0, time + int.from_bytes(stamp, "big", signed=True))
            if width and len(stamp) == 2
            else self._last
        )

    def _begins(self, at: int) -> int:
        """Return the time of the cluster at a place, the last one known where it says none."""
        found = self._element(at)
        at = found.body if found is not None else self._file.size
        for _ in range(8):
            one = self._element(at)
            if one is None or one.end is None or one.id not in _INSIDE:
                break
            if one.id == _TIMESTAMP:
                return int.from_bytes(self._file.read(one.body, min(8, one.end - one.body)), "big")
            at = one.end
        return self._last

    def _next_cluster(self, at: int) -> int | None:
        """Search for the next place that begins like a cluster."""
        while at < self._file.size:
            piece = self._file.read(at, PIECE)
            place = piece.find(_MARK)
            if place < 0:
                at += max(1, len(piece) - len(_MARK) + 1) if len(piece) == PIECE else self._file.size
                continue
            found = self._element(at + place)
            inside = None if found is None else self._element(found.body)
            if inside is not None and inside.id in _INSIDE:
                return at + place
            at += place + 1
        return None

    def _read_scale(self, info: _Element) -> None:
        at = info.body
        while info.end is not None and at < info.end:
            one = self._element(at)
            if one is None or one.end is None:
                return
            if one.id == _SCALE:
                scale = int.from_bytes(self._file.read(one.body, min(8, one.end - one.body)), "big")
                self._scale = Fraction(scale or _USUAL_SCALE_NS, 10**9)
            at = one.end

    def _crc(self, at: int, end: int) -> int:
        value = 0
        while at < end:
            piece = self._file.read(at, min(PIECE, end - at))
            if not piece:
                break
            value = zlib.crc32(piece, value)
            at += len(piece)
        return value

    def _element(self, at: int) -> _Element | None:
        head = self._file.read(at, 12)
        name, wide = _number(head[:4], keep_mark=True)
        size, more = _number(head[wide:], keep_mark=False)
        if not wide or not more:
            return None
        body = at + wide + more
        unknown = size == (1 << 7 * more) - 1
        return _Element(name, body, None if unknown else body + size)


def _number(data: bytes, *, keep_mark: bool) -> tuple[int, int]:
    """Return a number of variable width at the beginning of data, and its width; 0 wide where there is none."""
    width = 9 - data[0].bit_length() if data else 9
    if width > 8 or len(data) < width:
        return 0, 0
    value = int.from_bytes(data[:width], "big")
    return (value if keep_mark else value & ((1 << 7 * width) - 1)), width
