"""Build a bundle as NAME.offrecord.partial and give it its final name only once it is verified."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from recorder.bundle.manifest import FileEntry, Manifest, State
from redaction.errors import InternalError, StorageFailed, UsageError

__all__ = ["MANIFEST", "BundleWriter", "digest_file", "storage_errors"]

MANIFEST: Final = "manifest.json"
_SUFFIX: Final = ".offrecord"
_CHUNK: Final = 1 << 20


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn an `OSError` of the destination into `StorageFailed` without naming a path."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            reason = "the disk is full; free some space and run again"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            reason = "it cannot be written; choose a folder that you may write to"
        else:
            reason = f"the system answered {errno.errorcode.get(error.errno or 0, 'an error')}"
        raise StorageFailed(f"The output could not be stored: {reason}. Nothing was published.") from None


class BundleWriter:
    """One bundle under construction, held by an exclusive lock.

    Args:
        folder: where the bundle will stand; made when missing.
        name: final name without the suffix; must hold no personal data.
        replace: remove a published bundle of the same name, but only at the moment of publishing.

    Raises:
        UsageError: a bundle of that name exists and `replace` is False, or the place is a link or a file.
        StorageFailed: the folder cannot be written, or another run is writing this bundle.
    """

    def __init__(self, folder: Path, name: str, *, replace: bool = False) -> None:
        self.final = folder / f"{name}{_SUFFIX}"
        self.partial = folder / f"{name}{_SUFFIX}.partial"
        self._replace = replace
        self._lock: int | None = None
        with storage_errors():
            _refuse_links(folder, self.final, self.partial)
            folder.mkdir(parents=True, exist_ok=True)
            if self.final.exists() and not replace:
                raise UsageError(
                    f"{self.final.name} exists already in the output folder; use --force to replace it."
                )
            self.partial.mkdir(mode=0o700, exist_ok=True)
            self._take_lock()
            for left_over in self.partial.iterdir():
                _remove(left_over)

    def _take_lock(self) -> None:
        self._lock = os.open(self.partial, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = None
            raise StorageFailed("Another run is writing this bundle; wait for it to end.") from None

    def path(self, name: str) -> Path:
        """Return the path of a file of the bundle while it is being built; folders are made."""
        target = self.partial / name
        if ".." in target.parts:
            raise InternalError("A bundle file would lie outside its bundle.")
        with storage_errors():
            target.parent.mkdir(mode=0o700, exist_ok=True)
        return target

    def file_entries(self) -> dict[str, FileEntry]:
        """Hash every file but the manifest, in order of name."""
        with storage_errors():
            names = sorted(
                item.relative_to(self.partial).as_posix()
                for item in self.partial.rglob("*")
                if item.is_file() and item.name != MANIFEST
            )
            return {name: digest_file(self.partial / name) for name in names}

    def publish(self, manifest: Manifest) -> Path:
        """Write the manifest, flush everything to the disk and take the final name.

        Raises:
            InternalError: the manifest does not say PUBLISHED, or does not hold every file.
            StorageFailed: the disk refused.
        """
        if manifest.state is not State.PUBLISHED:
            raise InternalError("Only a verified recording may be published.")
        if manifest.files != self.file_entries():
            raise InternalError("The manifest does not describe the files that would be published.")
        with storage_errors():
            (self.partial / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
            for item in sorted(self.partial.rglob("*")):
                _sync(item)
            _sync(self.partial)
            self._swap_in()
        self._unlock()
        return self.final

    def _swap_in(self) -> None:
        aside = self.final.with_name(self.final.name + ".replaced")
        if self.final.exists():
            if not self._replace:
                raise UsageError(f"{self.final.name} appeared meanwhile; nothing was replaced.")
            if aside.exists():
                _remove(aside)
            self.final.rename(aside)
        try:
            self.partial.rename(self.final)
        except OSError:
            if aside.exists():
                aside.rename(self.final)
            raise
        _sync(self.final.parent)
        if aside.exists():
            _remove(aside)

    def discard(self) -> None:
        """Remove the partial bundle, if it is still there; never raises, since an error may be on its way."""
        if self._lock is None:
            return
        shutil.rmtree(self.partial, ignore_errors=True)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def digest_file(path: Path) -> FileEntry:
    """Return size and sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as data:
        while chunk := data.read(_CHUNK):
            digest.update(chunk)
        return FileEntry(sha256=digest.hexdigest(), bytes=data.tell())


def _refuse_links(folder: Path, *places: Path) -> None:
    if folder.is_symlink() and not folder.exists():
        raise UsageError("The output folder is a link to nowhere; name a real folder.")
    if folder.exists() and not folder.is_dir():
        raise UsageError("The output must be a folder, and a file has that name; name another.")
    for place in places:
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise UsageError("A link or file stands where the bundle would be written; remove it first.")


def _remove(item: Path) -> None:
    if item.is_dir() and not item.is_symlink():
        shutil.rmtree(item)
    else:
        item.unlink()


def _sync(item: Path) -> None:
    descriptor = os.open(item, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
