"""Recordings in plain folders: what is one, what it is told by, and what is deleted with it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from glob import iglob
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import BinaryIO, Final, Generic, Self, TypeVar
from urllib.parse import quote, unquote_to_bytes

from recorder.batch.contract import Found
from recorder.sources.discover import placed_here, placed_in, recording_at, recording_of
from recorder.sources.file_names import is_recording_name
from recorder.sources.recording import Recording
from redaction.errors import StorageFailed, UnreadableInput

__all__ = ["FolderSources", "LocalFile"]

_MAGIC: Final = frozenset("*?[")
_URL: Final = "file://"
_STORED: Final = ".offrecord"
_SETTLED_NS: Final = 2_000_000_000
_GONE: Final = "The recording is gone, or may not be looked at."
_T = TypeVar("_T")


class LocalFile:
    """An `Opener` of a recording on this machine, with all its files."""

    def __init__(self, recording: Recording, size: int) -> None:
        self._recording = recording
        self._size = size

    @property
    def recording(self) -> Recording:
        """Its files."""
        return self._recording

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return self._size

    def open(self) -> BinaryIO:
        """Return a new handle of its first media file.

        Raises:
            UnreadableInput: it is gone, or may not be read.
        """
        self._recording.check()
        try:
            return self._recording.media[0].open("rb")
        except (OSError, IndexError):
            raise UnreadableInput("The input file cannot be opened.") from None

    def close(self) -> None:
        """Hold nothing, give up nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FolderSources:
    """A `SourceStore` of local recordings: one file, a folder and all below it, a glob, or given paths.

    What is one recording is told as `offrecord redact` tells it: a folder that a call system left is one, any other
    media file is one with its sidecars.

    Args:
        text: what the operator typed: a file, a folder, or a pattern with `*`, `?` or `[`.
        paths: in place of `text`, the recordings themselves (a list file), files or folders that are one; files are
            taken whatever their suffix.
    """

    def __init__(self, text: str = "", *, paths: Iterable[str] | None = None) -> None:
        self._text = text
        self._paths = paths
        self._here = _Remembered(placed_here)
        self._names = _Remembered(_names_in)

    def list(self) -> Iterator[Found]:
        """Yield the recordings.

        Raises:
            UnreadableInput: there is no such file or folder, or it may not be read.
        """
        if self._paths is not None:
            for path in self._paths:
                place = Path(path).absolute()
                yield self._find(place) or Found(source=_source_text(place), size=0, version="missing")
            return
        place = Path(self._text).absolute()
        if place.is_dir():
            yield from (found for where, one in placed_in(place) if (found := _found(where, one)))
        elif place.exists():
            yield self._read_facts(place)[0]
        elif _MAGIC & set(self._text):
            yield from self._matching()
        else:
            raise UnreadableInput("The source does not exist; check the path given.")

    def open(self, item: Found, *, scratch: Path | None) -> LocalFile:  # noqa: ARG002 - a local file is never copied
        """Open one recording.

        Raises:
            UnreadableInput: it is gone, may not be read, or is no longer the version that was listed.
        """
        return LocalFile(self._unchanged(item), item.size)

    def check_unchanged(self, item: Found) -> None:
        """Look again, at every file of the recording.

        Raises:
            UnreadableInput: it is no longer the version that was listed.
        """
        self._unchanged(item)

    def delete(self, item: Found) -> None:
        """Delete one recording, if it is still the version that was listed; not what belongs to another one too.

        Raises:
            UnreadableInput: it is no longer that version.
            StorageFailed: it cannot be deleted, or not all of it.
        """
        recording = self._unchanged(item)
        if recording.strangers or any(path.is_symlink() for path in recording.files):
            raise StorageFailed(
                "A source is a link, or its folder holds files that do not belong to it; it is kept."
            )
        shared = self._shared(recording)
        try:
            for path in recording.files:
                if path not in shared:
                    path.unlink()
        except OSError:
            raise StorageFailed("A source could not be deleted; its folder may not be writable.") from None

    def _unchanged(self, item: Found) -> Recording:
        now, recording = self._read_facts(_place(item.source))
        if (now.size, now.version) != (item.size, item.version):
            raise UnreadableInput("The recording changed since it was listed; run the batch again.")
        return recording

    def _read_facts(self, place: Path) -> tuple[Found, Recording]:
        recording = self._recording(place)
        if recording is None and place.is_dir():
            raise UnreadableInput("A folder of the list is not one recording; name the recordings in it.")
        found = _found(place, recording) if recording is not None else None
        if found is None or recording is None:
            raise UnreadableInput(_GONE)
        return found, recording

    def _find(self, place: Path) -> Found | None:
        try:
            return self._read_facts(place)[0]
        except UnreadableInput:
            return None

    def _recording(self, place: Path) -> Recording | None:
        if place.is_dir():
            return recording_of(place)
        if self._text and Path(self._text).is_dir():
            return self._here.of(place.parent).get(place)
        return recording_at(place, self._siblings(place)) if place.exists() else None

    def _siblings(self, place: Path) -> Iterator[Path]:
        names, prefix = self._names.of(place.parent), f"{place.stem}."
        for name in names[bisect_left(names, prefix) :]:
            if not name.startswith(prefix):
                return
            yield place.with_name(name)

    def _shared(self, recording: Recording) -> set[Path]:
        """Return the files beside a recording that go with another media file of the same folder too."""
        sidecars = [path for path in recording.files if path not in recording.media]
        if recording.layout != "plain" or not sidecars:
            return set()
        media = recording.media[0]
        others = [
            recording_at(other, self._siblings(other))
            for name in self._names.of(media.parent)
            if is_recording_name(Path(name)) and (other := media.with_name(name)) != media
            if any(path.name.startswith(f"{other.stem}.") for path in sidecars)
        ]
        return {path for other in others for path in other.files} & set(sidecars)

    def _matching(self) -> Iterator[Found]:
        seen = False
        for match in iglob(self._text, recursive=True):  # noqa: PTH207 - Path.glob takes no absolute pattern
            path = Path(match).absolute()
            stored = any(_STORED in part and not part.startswith(".") for part in path.parts)
            if (
                not stored
                and is_recording_name(Path(path.name))
                and path.is_file()
                and (found := self._find(path))
            ):
                seen = True
                yield found
        if not seen:
            raise UnreadableInput("No recording matches the pattern of the source.")


class _Remembered(Generic[_T]):
    """What was last read of a folder, while the folder's names stay the same; threads may share it."""

    def __init__(self, read: Callable[[Path], _T]) -> None:
        self._read = read
        self._lock = Lock()
        self._last: tuple[Path, int, _T] | None = None

    def of(self, folder: Path) -> _T:
        """Return what is in a folder.

        Raises:
            UnreadableInput: it cannot be read.
        """
        with self._lock:
            try:
                changed = folder.stat().st_mtime_ns
            except OSError:
                raise UnreadableInput(_GONE) from None
            if self._last is None or self._last[:2] != (folder, changed):
                # A change within one tick of the file system's clock would not show in its time.
                settled = time.time_ns() - changed > _SETTLED_NS
                self._last = (folder, changed if settled else -1, self._read(folder))
            return self._last[2]


def _source_text(place: Path) -> str:
    """Return a path as text: itself, or a file URL where its bytes are no text and no store could write it down."""
    text = str(place)
    return text if text.isascii() or _is_text(text) else f"{_URL}{quote(os.fsencode(place))}"


def _place(text: str) -> Path:
    return Path(os.fsdecode(unquote_to_bytes(text.removeprefix(_URL))) if text.startswith(_URL) else text)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _names_in(folder: Path) -> Sequence[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        raise UnreadableInput("A folder of the source may not be read; what is in it is unknown.") from None


def _found(place: Path, recording: Recording) -> Found | None:
    """Return a recording as a listing shows it; None when its file is gone."""
    facts: list[tuple[str, int, int]] = []
    base = place if place not in recording.files else place.parent
    for path in recording.files:
        try:
            status = path.stat()
        except OSError:
            if path == place:
                return None
            facts.append((str(path.relative_to(base)), 0, -1))
        else:
            facts.append((str(path.relative_to(base)), status.st_size, status.st_mtime_ns))
    if recording.files == (place,) and not recording.problem:
        version = str(facts[0][2])
    else:
        text = json.dumps([sorted(facts), recording.layout, recording.problem, recording.strangers])
        version = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Found(source=_source_text(place), size=sum(size for _, size, _ in facts), version=version)
