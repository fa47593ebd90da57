"""Recordings in plain folders, and bundles published into one."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from glob import iglob
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from recorder.batch.contract import STATE_FOLDER, Found
from recorder.bundle.manifest import Manifest
from recorder.bundle.reader import read_manifest, verify_bundle
from recorder.bundle.writer import MANIFEST, storage_errors
from recorder.sources.naming import is_recording_name
from redaction.errors import OffrecordError, StorageFailed, UnreadableInput, UsageError

__all__ = ["FolderDestination", "FolderSources", "LocalFile"]

_SUFFIX: Final = ".offrecord"
_KEY_BYTES: Final = 32
_MAGIC: Final = frozenset("*?[")


class LocalFile:
    """An `Opener` of a file on this machine."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    @property
    def local_path(self) -> Path:
        """Where it lies."""
        return self._path

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def open(self) -> BinaryIO:
        """Return a new handle.

        Raises:
            UnreadableInput: it is gone, or may not be read.
        """
        try:
            return self._path.open("rb")
        except OSError:
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
    """A `SourceStore` of local files: one recording, a folder and all below it, a glob, or given paths.

    Args:
        text: what the operator typed: a file, a folder, or a pattern with `*`, `?` or `[`.
        paths: in place of `text`, the recordings themselves (a list file); taken whatever their suffix.
    """

    def __init__(self, text: str = "", *, paths: Iterable[str] | None = None) -> None:
        self._text = text
        self._paths = paths

    def list(self) -> Iterator[Found]:
        """Yield the recordings.

        Raises:
            UnreadableInput: there is no such file or folder, or it may not be read.
        """
        if self._paths is not None:
            for path in self._paths:
                place = Path(path).absolute()
                yield _look(place) or Found(source=str(place), size=0, version="missing")
            return
        place = Path(self._text).absolute()
        if place.is_dir():
            yield from _below(place)
        elif place.exists():
            yield _seen(place)
        elif _MAGIC & set(self._text):
            yield from _matching(self._text)
        else:
            raise UnreadableInput("The source does not exist; check the path given.")

    def open(self, item: Found, *, scratch: Path | None) -> LocalFile:  # noqa: ARG002 - a local file is never copied
        """Open one recording.

        Raises:
            UnreadableInput: it is gone, may not be read, or is no longer the version that was listed.
        """
        self.check_unchanged(item)
        return LocalFile(Path(item.source), item.size)

    def check_unchanged(self, item: Found) -> None:
        """Look again.

        Raises:
            UnreadableInput: it is no longer the version that was listed.
        """
        now = _seen(Path(item.source))
        if (now.size, now.version) != (item.size, item.version):
            raise UnreadableInput("The recording changed since it was listed; run the batch again.")

    def delete(self, item: Found) -> None:
        """Delete one recording, if it is still the version that was listed.

        Raises:
            UnreadableInput: it is no longer that version.
            StorageFailed: it cannot be deleted.
        """
        self.check_unchanged(item)
        try:
            Path(item.source).unlink()
        except OSError:
            raise StorageFailed("A source could not be deleted; its folder may not be writable.") from None


class FolderDestination:
    """A `DestinationStore` in a plain folder, where a rename publishes.

    Raises:
        UsageError: the place is a file, or a link to nowhere.
    """

    def __init__(self, text: str) -> None:
        self._folder = Path(text).absolute()
        if self._folder.is_symlink() and not self._folder.exists():
            raise UsageError("The destination is a link to nowhere; name a real folder.")
        if self._folder.exists() and not self._folder.is_dir():
            raise UsageError("The destination must be a folder, and a file has that name; name another.")

    @property
    def state(self) -> Path:
        """Folder of the store, log and report."""
        return self._folder / STATE_FOLDER

    def key(self) -> bytes:
        """Return the secret of this destination; made on first use.

        Raises:
            StorageFailed: the destination cannot be written.
        """
        place = self.state / "key"
        with storage_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
            self.state.mkdir(mode=0o700, exist_ok=True)
            if not place.exists():
                _create_once(place, secrets.token_bytes(_KEY_BYTES))
            key = place.read_bytes()
        if len(key) != _KEY_BYTES:
            raise StorageFailed(f"The key in {STATE_FOLDER} is damaged; bring back a copy of it.")
        return key

    def workplace(self) -> Path:
        """Return the folder itself: bundles are built where they will stand."""
        return self._folder

    def names(self) -> Iterator[str]:
        """Yield the names of all published bundles."""
        if not self._folder.is_dir():
            return
        with storage_errors(), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(_SUFFIX) and entry.is_dir(follow_symlinks=False):
                    yield entry.name.removesuffix(_SUFFIX)

    def publish(
        self,
        bundle: Path,
        *,
        replace: bool,  # noqa: ARG002 - the rename has replaced it
        moved: Callable[[int], None] | None = None,  # noqa: ARG002 - nothing is sent
    ) -> str:
        """Read the renamed bundle back; one that is not whole is taken away.

        Raises:
            RedactionIncomplete: the step that failed.
        """
        name = bundle.name.removesuffix(_SUFFIX)
        try:
            self.verify(name)
        except OffrecordError:
            self.delete(name)
            raise
        return bundle.name

    def manifest(self, name: str) -> Manifest:
        """Read a published bundle's manifest.

        Raises:
            UnreadableInput: there is none.
        """
        return read_manifest(self._place(name))

    def verify(self, name: str) -> Manifest:
        """Verify a published bundle in full.

        Raises:
            UnreadableInput: there is none.
            RedactionIncomplete: the step that failed.
        """
        place = self._place(name)
        verify_bundle(place)
        return read_manifest(place)

    def delete(self, name: str) -> None:
        """Delete a bundle: it loses its name at once and then its files.

        Raises:
            StorageFailed: it cannot be deleted.
        """
        place = self._place(name)
        aside = place.with_name(place.name + ".removed")
        with storage_errors():
            if aside.exists():
                shutil.rmtree(aside)
            if place.exists():
                place.rename(aside)
                shutil.rmtree(aside)

    def sweep(self, *, busy: Sequence[str]) -> int:
        """Remove what no run holds of what runs left half done, and bring back a bundle caught in being replaced."""
        swept = 0
        if not self._folder.is_dir():
            return 0
        with storage_errors():
            for partial in self._folder.glob(f"recording-*{_SUFFIX}.partial"):
                if partial.name.removesuffix(f"{_SUFFIX}.partial") not in busy:
                    swept += _remove_unless_held(partial)
            for aside in self._folder.glob(f"recording-*{_SUFFIX}.replaced"):
                final = aside.with_name(aside.name.removesuffix(".replaced"))
                if final.name.removesuffix(_SUFFIX) in busy:
                    continue
                if (final / MANIFEST).exists():
                    shutil.rmtree(aside)
                else:
                    aside.rename(final)
                swept += 1
            for removed in self._folder.glob(f"recording-*{_SUFFIX}.removed"):
                shutil.rmtree(removed)
                swept += 1
        return swept

    def _place(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"


def _remove_unless_held(partial: Path) -> bool:
    """Remove a partial bundle unless a `BundleWriter` holds its lock."""
    try:
        folder = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(partial)
    except BlockingIOError:
        return False
    finally:
        os.close(folder)
    return True


def _create_once(place: Path, data: bytes) -> None:
    """Write a file in full or not at all; when another process was first, its file stays."""
    fresh = place.with_name(f"{place.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if not place.exists():
            try:
                os.link(fresh, place)
            except FileExistsError:
                return
    finally:
        fresh.unlink()


def _below(folder: Path) -> Iterator[Found]:
    for parent, folders, files in os.walk(folder, onerror=_unreadable_folder):
        inside = Path(parent).relative_to(folder)
        folders[:] = [name for name in folders if not name.startswith(".") and _SUFFIX not in name]
        for name in files:
            if is_recording_name(inside / name):
                found = _look(Path(parent) / name)
                if found is not None:
                    yield found


def _unreadable_folder(_error: OSError) -> None:
    raise UnreadableInput("A folder of the source may not be read; what is in it is unknown.") from None


def _matching(pattern: str) -> Iterator[Found]:
    seen = False
    for match in iglob(pattern, recursive=True):  # noqa: PTH207 - Path.glob takes no absolute pattern
        path = Path(match).absolute()
        stored = any(_SUFFIX in part and not part.startswith(".") for part in path.parts)
        if not stored and is_recording_name(Path(path.name)) and path.is_file() and (found := _look(path)):
            seen = True
            yield found
    if not seen:
        raise UnreadableInput("No recording matches the pattern of the source.")


def _seen(path: Path) -> Found:
    found = _look(path)
    if found is None:
        raise UnreadableInput("The recording is gone, or may not be looked at.")
    return found


def _look(path: Path) -> Found | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return Found(source=str(path), size=status.st_size, version=str(status.st_mtime_ns))
