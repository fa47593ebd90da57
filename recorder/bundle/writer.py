"""Build a bundle as NAME.offrecord.partial and give it its final name only once it is verified."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from pathlib import Path
from typing import Final, Self

from recorder.bundle.manifest import BundleState, FileEntry, Manifest
from recorder.runtime.storage import storage_errors
from redaction.errors import InternalError, StorageFailed, UnreadableInput, UsageError

__all__ = ["LIVE", "MANIFEST", "BundleWriter", "digest_file", "settle_replaced", "taken_over"]

MANIFEST: Final = "manifest.json"
LIVE: Final = "live"
"""Folder of a partial bundle that holds a call until it is finished; whatever else is there can be made again."""
_SUFFIX: Final = ".offrecord"
_PARTIAL: Final = ".partial"
_CHUNK: Final = 1 << 20


class BundleWriter:
    """One bundle under construction, held by an exclusive lock.

    `BundleWriter(...)` redoes a file: it clears what a killed run left, and `discard` removes what it wrote. A call
    cannot be redone: `for_call` begins one and `adopt` goes on with one whose process died; both keep the folder
    whatever happens, until it is published or `remove` is called.

    Args:
        folder: where the bundle will stand; made when missing.
        name: final name without the suffix; must hold no personal data.
        replace: remove a published bundle of the same name, but only at the moment of publishing.

    Raises:
        UsageError: a bundle of that name exists and `replace` is False, the place is a link or a file, or it holds a
            call that was not finished.
        StorageFailed: the folder cannot be written, or another run is writing this bundle.
    """

    def __init__(self, folder: Path, name: str, *, replace: bool = False) -> None:
        self.final = folder / f"{name}{_SUFFIX}"
        self.partial = folder / f"{name}{_SUFFIX}{_PARTIAL}"
        self._replace = replace
        self._keep = False
        self._lock: int | None = None
        with storage_errors():
            self._claim(folder, make=True)
            try:
                self._refuse_call()
                for left_over in self.partial.iterdir():
                    _remove(left_over)
            except (OSError, UsageError):
                self._unlock()
                raise

    @classmethod
    def for_call(cls, folder: Path, name: str) -> Self:
        """Begin the bundle of a call, with an empty `live` folder in it.

        Raises:
            UsageError: a bundle of that name exists or was begun, or the place is a link or a file.
            StorageFailed: the folder cannot be written.
        """
        if (folder / f"{name}{_SUFFIX}{_PARTIAL}").exists():
            raise UsageError("A recording of that name was begun already; choose another name.")
        writer = cls(folder, name)
        writer._keep = True
        with storage_errors():
            (writer.partial / LIVE).mkdir(mode=0o700)
        return writer

    @classmethod
    def adopt(cls, untrusted_partial: Path) -> Self:
        """Go on with the folder of a call whose process died.

        Raises:
            UnreadableInput: it is no partial bundle.
            UsageError: a bundle of its name was published meanwhile, or a link is in the way.
            StorageFailed: the process that records it, or another that recovers it, is alive.
        """
        place = untrusted_partial.absolute()
        name = place.name.removesuffix(_PARTIAL).removesuffix(_SUFFIX)
        if place.name != f"{name}{_SUFFIX}{_PARTIAL}" or not name or place.is_symlink() or not place.is_dir():
            raise UnreadableInput(
                "There is no unfinished recording at that place; name a folder that ends in .offrecord.partial."
            )
        writer = cls.__new__(cls)
        writer.final, writer.partial = place.with_name(f"{name}{_SUFFIX}"), place
        writer._replace, writer._keep, writer._lock = False, True, None
        with storage_errors():
            writer._claim(place.parent, make=False)
        return writer

    def _claim(self, folder: Path, *, make: bool) -> None:
        _refuse_links(folder, self.final, self.partial)
        if self.final.exists() and not self._replace:
            raise UsageError(
                f"{self.final.name} exists already in the output folder; use --force to replace it."
            )
        if make:
            folder.mkdir(parents=True, exist_ok=True)
            self.partial.mkdir(mode=0o700, exist_ok=True)
        self._take_lock()

    def _refuse_call(self) -> None:
        if (self.partial / LIVE).exists():
            raise UsageError(
                f"{self.partial.name} holds a call that was not finished; run `offrecord recover` on it first."
            )

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
        if manifest.state is not BundleState.PUBLISHED:
            raise InternalError("Only a verified recording may be published.")
        if manifest.files != self.file_entries():
            raise InternalError("The manifest does not describe the files that would be published.")
        self.seal(manifest)
        with storage_errors():
            self._swap_in()
        self._unlock()
        return self.final

    def seal(self, manifest: Manifest) -> None:
        """Write the manifest and flush everything to the disk; the bundle is whole then, though not published.

        Raises:
            StorageFailed: the disk refused.
        """
        with storage_errors():
            _write_whole(self.partial / MANIFEST, manifest.model_dump_json(indent=2) + "\n")
            for item in sorted(self.partial.rglob("*")):
                _sync(item)
            _sync(self.partial)

    def _swap_in(self) -> None:
        aside = _aside(self.final)
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

    def clear(self, *, keep: frozenset[str] = frozenset()) -> None:
        """Remove everything at the top of the partial folder but what is named.

        Raises:
            StorageFailed: the disk refused.
        """
        with storage_errors():
            for item in self.partial.iterdir():
                if item.name not in keep:
                    _remove(item)

    def discard(self) -> None:
        """Let go of the partial bundle, if it is still there; never raises, since an error may be on its way.

        What can be made again from a file is removed; the folder of a call stays for `offrecord recover`.
        """
        if self._lock is None:
            return
        if not self._keep:
            shutil.rmtree(self.partial, ignore_errors=True)
        self._unlock()

    def remove(self) -> None:
        """Remove the partial bundle though it is a call's: nothing of it may be kept.

        Raises:
            StorageFailed: the disk refused.
        """
        with storage_errors():
            if self._lock is not None:
                shutil.rmtree(self.partial)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def settle_replaced(final: Path) -> bool:
    """Settle what a run left that was killed between taking an old bundle away and putting a new one in its place.

    Args:
        final: where the bundle stands, or should.

    Returns:
        Whether the new one had taken its place; if not, the old one is back there.

    Raises:
        StorageFailed: the disk refused.
    """
    aside = _aside(final)
    if not aside.is_dir() or aside.is_symlink():
        return False
    with storage_errors():
        if not final.exists():
            aside.rename(final)
            return False
        shutil.rmtree(aside)
    return True


def _aside(final: Path) -> Path:
    return final.with_name(final.name + ".replaced")


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that its name never stands for a part of it."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, encoding="utf-8")
    _sync(beside)
    beside.replace(path)


def digest_file(path: Path) -> FileEntry:
    """Return size and sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as data:
        while chunk := data.read(_CHUNK):
            digest.update(chunk)
        return FileEntry(sha256=digest.hexdigest(), bytes=data.tell())


def taken_over(source: Path, target: Path) -> None:
    """Give a file of one bundle to another: both name the same bytes, or where that cannot be, the same copied.

    Raises:
        StorageFailed: what arrived is not of the same size.
        OSError: the disk refused.
    """
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    if target.stat().st_size != source.stat().st_size:
        raise StorageFailed("A file could not be taken over. The bundle is as it was.")


def _refuse_links(folder: Path, *places: Path) -> None:
    if folder.is_symlink() and not folder.exists():
        raise UsageError("The output folder is a link to nowhere; name a real folder.")
    if folder.exists() and not folder.is_dir():
        raise UsageError("The output must be a folder, and a file has that name; name another.")
    if any(part.endswith((_SUFFIX, f"{_SUFFIX}{_PARTIAL}")) for part in folder.resolve().parts):
        raise UsageError(
            "The output lies inside a bundle, which would be whole no more; name another folder."
        )
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
