"""Media read through a file object, for stores that are no folders: bounded reads, and errors that cannot be lost."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeAlias

from redaction.errors import OffrecordError, StorageFailed, UnreadableInput

__all__ = ["Input", "Latched", "StreamOpener", "open_stream"]

_LONGEST_READ: Final = 1 << 20


class StreamOpener(Protocol):
    """Opens the same bytes again and again; every reader has a handle of its own."""

    def open(self) -> BinaryIO:
        """Return a seekable handle at the first byte, which the caller closes.

        Raises:
            OffrecordError: the bytes cannot be had.
        """
        ...


Input: TypeAlias = Path | StreamOpener
"""Where a recording's bytes come from: a file, or whatever opens a file object."""


class Latched:
    """A read-only view of a handle for libav, which would take any error in its callbacks for the end of the file.

    After the first error every read says that the file ended; `check` then raises what happened, so that nothing is
    taken for complete which was cut off on the way. A handle that ends before its size counts as such an error.
    No exception is ever raised into libav: PyAV keeps it for the thread, may raise it while another file is read, and
    prints its traceback, addresses included, when a second one follows.

    Attributes:
        size: bytes of the whole, as the handle says.
    """

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self._error: Exception | None = None
        self._place = 0
        self.size = 0
        try:
            self.size = handle.seek(0, io.SEEK_END)
        except Exception as error:  # noqa: BLE001 - whatever a store's library raises; kept and raised by check()
            self._error = error

    def read(self, count: int = -1) -> bytes:
        """Return as many bytes as there are up to `count`, never more."""
        left = max(0, self.size - self._place)
        wanted = min(left, _LONGEST_READ) if count < 0 else min(left, count, _LONGEST_READ)
        if self._error is not None or not wanted:
            return b""
        try:
            self._handle.seek(self._place)
            data = _exactly(self._handle, wanted)
        except Exception as error:  # noqa: BLE001 - kept and raised by check()
            self._error = error
            return b""
        self._place += wanted
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place and return it, -1 where there is no such place."""
        place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        if place < 0:
            return -1
        self._place = place
        return place

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._place

    def seekable(self) -> bool:
        """Say that `seek` works."""
        return True

    def readable(self) -> bool:
        """Say that `read` works."""
        return True

    def check(self) -> None:
        """Raise the first error there was.

        Raises:
            OffrecordError: the handle's own.
            StorageFailed: the handle raised anything else, or ended before its size.
        """
        error = self._error
        if error is None:
            return
        if isinstance(error, OffrecordError | MemoryError):
            raise error from None
        raise StorageFailed(
            "The input could not be read to its end: its store failed or cut it off. Nothing was published; "
            "try again."
        ) from None


def open_stream(untrusted: StreamOpener) -> tuple[BinaryIO, Latched]:
    """Open a handle and look at its size.

    Raises:
        UnreadableInput: it is empty, or cannot be gone back in.
        OffrecordError: as the opener says.
    """
    try:
        handle = untrusted.open()
    except OSError:
        raise UnreadableInput("The input cannot be opened.") from None
    try:
        if not handle.seekable():
            raise UnreadableInput("The input's store cannot read from the middle of a file, which is needed.")
        latched = Latched(handle)
        latched.check()
        if not latched.size:
            raise UnreadableInput("The input file is empty.")
    except BaseException:
        handle.close()
        raise
    return handle, latched


def _exactly(handle: BinaryIO, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = handle.read(count)
        if not part or len(part) > count:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
