"""Recordings in a store that fsspec reaches, streamed by blocks; copied only where a scratch folder is given."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any, BinaryIO, Final, Self, cast

from fsspec.caching import BlockCache

from recorder.batch.contract import Found
from recorder.batch.stores.remote import AlreadyThere, Remote, version_of
from recorder.runtime.storage import storage_errors
from recorder.sources.file_names import is_recording_name
from redaction.errors import StorageFailed, UnreadableInput

__all__ = ["RemoteFile", "RemoteSources"]

BLOCK_BYTES: Final = 4 << 20
BLOCKS: Final = 4
"""A handle holds at most this many blocks; a recording has three handles open at a time."""

_MAGIC: Final = frozenset("*?[")
_MISSING: Final = "The recording is gone from its store."
_CHANGED: Final = "The recording changed since it was listed; run the batch again."

Fetch = Callable[[int, int], bytes]


class _Blocks(io.RawIOBase):
    """A seekable handle over a function that fetches bytes; holds a bounded number of blocks."""

    def __init__(self, size: int, fetch: Fetch, close: Callable[[], None]) -> None:
        super().__init__()
        self._size = size
        self._place = 0
        self._close = close
        # The cache asks for whole blocks, even where the last one is shorter.
        self._cache = BlockCache(
            BLOCK_BYTES, lambda start, end: fetch(start, min(end, size)), size, maxblocks=BLOCKS
        )

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        end = min(self._size, self._place + len(buffer))
        data = self._cache._fetch(self._place, end) if end > self._place else b""
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._cache = BlockCache(BLOCK_BYTES, _nothing, 0, maxblocks=1)
            self._close()
        super().close()


def _nothing(_start: int, _end: int) -> bytes:
    return b""


class _Range:
    """Reads ranges of one object in full, with a handle of the store that is opened anew after a fault."""

    def __init__(self, remote: Remote, path: str, size: int, version: str) -> None:
        self._remote = remote
        self._path = path
        self._size = size
        self._version = version
        self._handle: IO[bytes] | None = None

    def fetch(self, start: int, end: int) -> bytes:
        """Return the bytes of [start, end).

        Raises:
            UnreadableInput: the object is gone or another one now.
            StorageFailed: the store failed at every try, or gave too few bytes.
        """
        return self._remote.do(lambda: self._try(start, end), missing=_MISSING)

    def _try(self, start: int, end: int) -> bytes:
        try:
            handle = self._handle or self._open()
            handle.seek(start)
            data = bytes(handle.read(end - start))
            if len(data) != end - start:
                raise EOFError
        except Exception:
            self.close()
            raise
        return data

    def _open(self) -> IO[bytes]:
        found = self._remote.fs.info(self._path)
        if (int(found["size"]), version_of(found)) != (self._size, self._version):
            raise UnreadableInput(_CHANGED)
        self._handle = cast("IO[bytes]", self._remote.fs.open(self._path, "rb", cache_type="none"))
        return self._handle

    def close(self) -> None:
        """Give the store's handle back."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()


class RemoteFile:
    """An `Opener` of one object. With a scratch folder it is copied once into a nameless file of that folder."""

    def __init__(self, remote: Remote, item: Found, *, scratch: Path | None) -> None:
        self._remote = remote
        self._item = item
        self._copy = _copied(self._range(), item.size, scratch) if scratch is not None else None

    @property
    def recording(self) -> None:
        """None: it is no file with a name, and nothing lies beside it."""
        return None

    @property
    def size(self) -> int:
        """Bytes."""
        return self._item.size

    def open(self) -> BinaryIO:
        """Return a new handle.

        Raises:
            UnreadableInput: the object is gone or another one now.
            StorageFailed: the store failed at every try.
        """
        if self._copy is not None:
            descriptor = os.dup(self._copy.fileno())
            blocks = _Blocks(
                self.size,
                lambda start, end: os.pread(descriptor, end - start, start),
                lambda: os.close(descriptor),
            )
            return cast("BinaryIO", blocks)
        ranges = self._range()
        return cast("BinaryIO", _Blocks(self.size, ranges.fetch, ranges.close))

    def _range(self) -> _Range:
        return _Range(self._remote, self._remote.path(self._item.source), self._item.size, self._item.version)

    def close(self) -> None:
        """Give up the copy, if there is one; having no name, it goes even when the process is killed."""
        if self._copy is not None:
            self._copy.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _copied(ranges: _Range, size: int, scratch: Path) -> IO[bytes]:
    with storage_errors():
        copy = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - lives as long as its opener
        try:
            for start in range(0, size, BLOCK_BYTES):
                copy.write(ranges.fetch(start, min(size, start + BLOCK_BYTES)))
            copy.flush()
        except BaseException:
            copy.close()
            raise
        finally:
            ranges.close()
    return copy


class RemoteSources:
    """A `SourceStore` of objects: one recording, all below a prefix, or a pattern with `*`, `?` or `[`."""

    def __init__(self, url: str, *, remote: Remote | None = None) -> None:
        self._remote = remote or Remote(url)
        self._pattern = bool(_MAGIC & set(self._remote.root))

    def list(self) -> Iterator[Found]:
        """Yield the recordings.

        Raises:
            UnreadableInput: there is no such place, or it may not be read.
            StorageFailed: the store failed at every try.
        """
        remote = self._remote
        if self._pattern:
            yield from self._matching()
            return
        seen = False
        for info in remote.files(remote.root):
            seen = True
            inside = PurePosixPath(str(info["name"]).removeprefix(remote.root).lstrip("/"))
            if is_recording_name(inside):
                yield self._found(info)
        if not seen:
            yield self._found(
                remote.info(remote.root, missing="The source does not exist; check the URL given.")
            )

    def _matching(self) -> Iterator[Found]:
        remote = self._remote
        found: dict[str, dict[str, Any]] = remote.do(lambda: remote.fs.glob(remote.root, detail=True))
        seen = False
        for path, info in found.items():
            place = PurePosixPath(path)
            stored = any(".offrecord" in part for part in place.parts[:-1])
            if info["type"] == "file" and not stored and is_recording_name(PurePosixPath(place.name)):
                seen = True
                yield self._found(info)
        if not seen:
            raise UnreadableInput("No recording matches the pattern of the source.")

    def _found(self, info: dict[str, Any]) -> Found:
        return Found(
            source=self._remote.url(str(info["name"])), size=int(info["size"]), version=version_of(info)
        )

    def find(self, url: str) -> Found:
        """Return one recording as it is now.

        Raises:
            UnreadableInput: it is gone.
            StorageFailed: the store failed at every try.
        """
        return self._found(self._remote.info(self._remote.path(url), missing=_MISSING))

    def open(self, item: Found, *, scratch: Path | None) -> RemoteFile:
        """Open one recording.

        Raises:
            UnreadableInput: it is gone, may not be read, or is no longer the version that was listed.
            StorageFailed: the store failed at every try.
        """
        self.check_unchanged(item)
        return RemoteFile(self._remote, item, scratch=scratch)

    def check_unchanged(self, item: Found) -> None:
        """Look again.

        Raises:
            UnreadableInput: it is no longer the version that was listed.
            StorageFailed: the store failed at every try.
        """
        now = self.find(item.source)
        if (now.size, now.version) != (item.size, item.version):
            raise UnreadableInput(_CHANGED)

    def delete(self, item: Found) -> None:
        """Delete one recording, if it is still the version that was listed.

        Raises:
            UnreadableInput: it is no longer that version.
            StorageFailed: it cannot be deleted.
        """
        self.check_unchanged(item)
        try:
            self._remote.remove(self._remote.path(item.source))
        except (AlreadyThere, StorageFailed):
            raise StorageFailed(
                "A source could not be deleted; check the permissions of its store."
            ) from None
