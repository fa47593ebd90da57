"""Reading a container's own bytes, to find what libav passes over without a word."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Protocol

from recorder.media.opening import open_regular
from recorder.media.stream import Input, open_stream

__all__ = ["MOST_PLACES", "PIECE", "ContainerBytes", "LostBytes", "opened"]

PIECE: Final = 1 << 20
"""How many bytes are searched at once."""
MOST_PLACES: Final = 10_000
"""How many damaged places are told of one file."""


@dataclass(frozen=True, slots=True, order=True)
class LostBytes:
    """Raw time in seconds in which something was lost and the rest cannot be trusted.

    Attributes:
        start: of the last thing before it that is whole, or half of which may be lost.
        end: where what follows begins; None where nothing does.
    """

    start: Fraction
    end: Fraction | None


class _Readable(Protocol):
    """What is read of a file: the bytes from a place on."""

    def read(self, count: int = -1, /) -> bytes:
        """Return up to so many bytes."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        ...


class ContainerBytes:
    """The bytes of a file, by place.

    Attributes:
        size: of the file, in bytes.
    """

    def __init__(self, handle: _Readable, size: int) -> None:
        self._handle = handle
        self.size = size

    def read(self, at: int, count: int) -> bytes:
        """Return up to so many bytes from a place on, none where there is no such place."""
        if not 0 <= at < self.size:
            return b""
        self._handle.seek(at)
        return self._handle.read(count)


@contextmanager
def opened(untrusted: Input) -> Iterator[ContainerBytes]:
    """Open a file for reading its bytes.

    Raises:
        UnreadableInput: it can no longer be opened.
        StorageFailed: its store failed.
    """
    if isinstance(untrusted, Path):
        with os.fdopen(open_regular(untrusted), "rb") as file:
            yield ContainerBytes(file, os.fstat(file.fileno()).st_size)
        return
    handle, latched = open_stream(untrusted)
    with handle:
        yield ContainerBytes(latched, latched.size)
        latched.check()
