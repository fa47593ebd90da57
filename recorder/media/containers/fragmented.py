"""Where a fragmented MP4 file is damaged: libav ends there without a word. Source: ISO/IEC 14496-12, clause 8."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from recorder.media.containers.lost_bytes import PIECE, ContainerBytes, LostBytes, opened
from recorder.media.stream import Input

__all__ = ["lost_in_fragments"]

_TOP: Final = frozenset(
    b"ftyp styp moov moof mdat sidx ssix mfra free skip wide uuid prft emsg meta pdin mfro".split()
)
_LARGEST_HEAD: Final = 1 << 24


def lost_in_fragments(untrusted: Input) -> tuple[LostBytes, ...]:
    """Return what is lost from where a file's fragments no longer follow each other; nothing of one without fragments.

    Raises:
        UnreadableInput: it can no longer be opened.
        StorageFailed: its store failed.
    """
    with opened(untrusted) as file:
        return tuple(_Walk(file).broken())


class _Walk:
    def __init__(self, file: ContainerBytes) -> None:
        self._file = file
        self._scales: dict[int, int] = {}

    def broken(self) -> Iterator[LostBytes]:
        """Yield from the last whole fragment to the last one that there is, if something between them is broken."""
        at, since = 0, None
        while at + 8 <= self._file.size:
            kind, body, end = self._box(at)
            if kind not in _TOP or end <= at:
                break
            if end > self._file.size:
                return  # it was cut off
            if kind == b"moov":
                self._scales = dict(_scales(self._file.read(body, min(end - body, _LARGEST_HEAD))))
            elif kind == b"moof":
                since = self._begins(body, end) or since or Fraction(0)
            at = end
        if since is None or at + 8 > self._file.size:
            return
        later = [time for time in map(self._fragment, self._marks(at)) if time is not None]
        yield LostBytes(since, max([since, *later]) if later else None)

    def _fragment(self, at: int) -> Fraction | None:
        kind, body, end = self._box(at)
        sound = kind == b"moof" and end <= self._file.size and self._file.read(body + 4, 4) == b"mfhd"
        return self._begins(body, end) if sound else None

    def _marks(self, at: int) -> Iterator[int]:
        """Yield where fragments may begin from a place on."""
        while at < self._file.size:
            piece = self._file.read(at, PIECE + 3)
            place = piece.find(b"moof")
            while place >= 0:
                yield at + place - 4
                place = piece.find(b"moof", place + 1)
            at += PIECE

    def _begins(self, body: int, end: int) -> Fraction | None:
        """Return when a fragment's first track begins, None where it does not say."""
        data = self._file.read(body, min(end - body, _LARGEST_HEAD))
        times = []
        for kind, traf in _children(data):
            if kind != b"traf":
                continue
            parts = dict(_children(traf))
            head, time = parts.get(b"tfhd", b""), parts.get(b"tfdt", b"")
            scale = self._scales.get(int.from_bytes(head[4:8], "big"), 0)
            if scale and len(time) >= 8:
                times.append(Fraction(int.from_bytes(time[4 : 12 if time[0] else 8], "big"), scale))
        return min(times, default=None)

    def _box(self, at: int) -> tuple[bytes, int, int]:
        head = self._file.read(at, 16)
        size, body = int.from_bytes(head[:4], "big"), at + 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), at + 16
        return head[4:8], body, at + (size or self._file.size - at)


def _children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _scales(moov: bytes) -> Iterator[tuple[int, int]]:
    """Yield each track's id with its time units in a second."""
    for kind, trak in _children(moov):
        if kind != b"trak":
            continue
        parts = dict(_children(trak))
        head = parts.get(b"tkhd", b"")
        media = dict(_children(parts.get(b"mdia", b""))).get(b"mdhd", b"")
        if head and media:
            place = 20 if head[0] else 12
            scale = 20 if media[0] else 12
            yield (
                int.from_bytes(head[place : place + 4], "big"),
                int.from_bytes(media[scale : scale + 4], "big"),
            )
