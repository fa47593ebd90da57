"""Where a Flash video file is damaged: libav looks for the next tag without a word. Source: Adobe FLV 10.1, annex E."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from recorder.media.containers.lost_bytes import MOST_PLACES, PIECE, ContainerBytes, LostBytes, opened
from recorder.media.stream import Input

__all__ = ["lost_in_flv"]

_TYPES: Final = frozenset({8, 9, 18})
_HEAD: Final = 11
_LIKE_A_HEAD: Final = re.compile(
    b"(?=[%s].{7}\0{3})" % re.escape(bytes(one for one in range(256) if one & 0x1F in _TYPES)), re.DOTALL
)
"""A type, size and time, and the stream's id, which is 0; found in all places, overlapping ones too."""


def lost_in_flv(untrusted: Input) -> tuple[LostBytes, ...]:
    """Follow the file's tags and return where they break off, in order.

    Raises:
        UnreadableInput: it can no longer be opened.
        StorageFailed: its store failed.
    """
    with opened(untrusted) as file:
        return tuple(_Walk(file).broken())


class _Walk:
    def __init__(self, file: ContainerBytes) -> None:
        self._file = file
        self._last_ms = 0

    def broken(self) -> Iterator[LostBytes]:
        """Yield every place where tags do not follow each other."""
        head = self._file.read(0, 9)
        at = int.from_bytes(head[5:9], "big") + 4
        for _ in range(MOST_PLACES):
            while (end := self._tag(at)) is not None:
                at = end
            if at + _HEAD > self._file.size:
                return
            since, following = self._last_ms, self._next(at + 1)
            if following is None:
                if self._cut_off(at):
                    return
                yield LostBytes(Fraction(since, 1000), None)
                return
            at = following
            self._tag(at)
            self._last_ms = max(since, self._last_ms)
            yield LostBytes(Fraction(since, 1000), Fraction(self._last_ms, 1000))

    def _tag(self, at: int) -> int | None:
        """Return where the tag at a place ends, None where there is none that is whole."""
        head = self._file.read(at, _HEAD)
        size = int.from_bytes(head[1:4], "big")
        if len(head) < _HEAD or head[0] & 0x1F not in _TYPES or any(head[8:11]):
            return None
        if int.from_bytes(self._file.read(at + _HEAD + size, 4), "big") != _HEAD + size:
            return None
        self._last_ms = int.from_bytes(head[4:7], "big") | head[7] << 24
        return at + _HEAD + size + 4

    def _cut_off(self, at: int) -> bool:
        """Tell whether the file ends within the tag at a place, as it does when its recorder died."""
        head = self._file.read(at, _HEAD)
        sound = head[0] & 0x1F in _TYPES and not any(head[8:11])
        return sound and at + _HEAD + int.from_bytes(head[1:4], "big") + 4 > self._file.size

    def _next(self, at: int) -> int | None:
        while at < self._file.size:
            piece = self._file.read(at, PIECE + _HEAD)
            before = self._last_ms
            for like in _LIKE_A_HEAD.finditer(piece):
                whole = self._tag(at + like.start()) is not None
                self._last_ms = before
                if whole:
                    return at + like.start()
            at += PIECE
        return None
