"""Bundles published into a plain folder."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from recorder.batch.contract import STATE_FOLDER
from recorder.bundle.manifest import Manifest
from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.bundle.writer import MANIFEST
from recorder.runtime.storage import storage_errors
from redaction.errors import OffrecordError, StorageFailed, UsageError

__all__ = ["FolderDestination"]

_SUFFIX: Final = ".offrecord"
_KEY_BYTES: Final = 32


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
