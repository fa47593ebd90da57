"""Bundles published into a store that fsspec reaches: every file first, the manifest last and alone deciding."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from fsspec.callbacks import Callback
from pydantic import ValidationError

from recorder.batch.contract import STATE_FOLDER
from recorder.batch.stores.lease import LEASE_S, Claim, claimed_name
from recorder.batch.stores.remote import AlreadyThere, Remote
from recorder.bundle.manifest import FileEntry, Manifest
from recorder.bundle.verify_files import LARGEST_MANIFEST, verify_bundle
from recorder.bundle.writer import MANIFEST
from recorder.runtime.storage import storage_errors
from redaction.errors import OffrecordError, StorageFailed, UnreadableInput

__all__ = ["RemoteDestination"]

_SUFFIX: Final = ".offrecord"
_CLAIMS: Final = "claims"
_KEY_BYTES: Final = 32
_CHUNK: Final = 4 << 20
_PART_BYTES: Final = 16 << 20
"""Larger files go up in parts of this size, two at a time, so that a worker's memory stays bounded."""

_NOT_WHAT_WAS_SENT: Final = "What the store holds is not what was sent to it. Nothing was published."


class _Sent(Callback):  # type: ignore[misc]
    """Adds up what goes out, over all files and tries."""

    def __init__(self, moved: Callable[[int], None] | None) -> None:
        super().__init__()
        self._moved = moved
        self._steps = 0

    def relative_update(self, inc: int = 1) -> None:
        self._steps += max(1, inc)
        if self._moved is not None:
            self._moved(self._steps)


class RemoteDestination:
    """A `DestinationStore` below a prefix.

    A reader sees a bundle only while its `manifest.json` is there. Publishing takes the old manifest away, removes what
    an interrupted upload left, sends the files, compares what the store holds, and puts the manifest.

    Args:
        url: the prefix.
        lease_s: how long a publisher may be silent before another one takes over.
    """

    def __init__(self, url: str, *, remote: Remote | None = None, lease_s: float = LEASE_S) -> None:
        self._remote = remote or Remote(url)
        self._lease_s = lease_s
        place = hashlib.sha256(self._remote.url(self._remote.root).encode()).hexdigest()[:16]
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
        self._state = Path(home) / "offrecord" / "batch" / place

    @property
    def state(self) -> Path:
        """Local folder of the store, log and report, in the user's state folder."""
        return self._state

    def key(self) -> bytes:
        """Return the secret of this destination; made on first use, by one of several jobs.

        Raises:
            StorageFailed: the destination or the local state folder cannot be written.
        """
        with storage_errors():
            self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._remote.below(STATE_FOLDER, "key")
        try:
            key = self._remote.read(path, most=_KEY_BYTES)
        except UnreadableInput:
            with contextlib.suppress(AlreadyThere):  # another job was first; its key is the one
                self._remote.write(path, secrets.token_bytes(_KEY_BYTES), exclusive=True)
            key = self._remote.read(path, most=_KEY_BYTES)
        if len(key) != _KEY_BYTES:
            raise StorageFailed(f"The key in {STATE_FOLDER} is damaged; bring back a copy of it.")
        return key

    def workplace(self) -> Path:
        """Return the local folder in which bundles are built before they go up."""
        return self._state / "building"

    def names(self) -> Iterator[str]:
        """Yield the names of all published bundles.

        Raises:
            StorageFailed: the store fails.
        """
        for inside in self._inside():
            bundle, _, file = inside.partition("/")
            if file == MANIFEST and bundle.endswith(_SUFFIX):
                yield bundle.removesuffix(_SUFFIX)

    def publish(self, bundle: Path, *, replace: bool, moved: Callable[[int], None] | None = None) -> str:
        """Send a verified local bundle and make it visible; the local folder is removed, whatever happens.

        Raises:
            StorageFailed: the store refused, holds something else than was sent, or another job is publishing it.
        """
        try:
            verify_bundle(bundle)
            manifest = (bundle / MANIFEST).read_bytes()
            files = Manifest.model_validate_json(manifest).files
            name = bundle.name.removesuffix(_SUFFIX)
            with Claim(self._remote, self._claim(name), lease_s=self._lease_s) as claim:
                if replace or not self._published(name):
                    self._send(bundle, files, manifest, claim, _Sent(moved))
        except UnreadableInput as error:
            raise StorageFailed(error.sentence) from None
        finally:
            shutil.rmtree(bundle, ignore_errors=True)
        return f"{name}{_SUFFIX}"

    def _send(
        self, bundle: Path, files: dict[str, FileEntry], manifest: bytes, claim: Claim, sent: _Sent
    ) -> None:
        remote = self._remote
        place = remote.below(bundle.name)
        self._clear(place)
        try:
            for name, entry in files.items():
                claim.check(
                    lately=True
                )  # who stood still for a lease sends nothing into what is another one's
                target = f"{place}/{name}"
                remote.change(lambda name=name, target=target: self._put(bundle / name, target, sent))  # type: ignore[misc]
                self._compare(bundle / name, target, entry)
                sent.relative_update(0)
            present = {str(info["name"]).removeprefix(f"{place}/") for info in remote.files(place)}
            if present != set(files):
                raise StorageFailed(_NOT_WHAT_WAS_SENT)
            claim.check()
            remote.write(f"{place}/{MANIFEST}", manifest)
            if remote.read(f"{place}/{MANIFEST}", most=len(manifest)) != manifest:
                raise StorageFailed(_NOT_WHAT_WAS_SENT)
        except OffrecordError:
            self._withdraw(place, claim)
            raise

    def _put(self, file: Path, target: str, sent: _Sent) -> None:
        extra = {"chunksize": _PART_BYTES} if hasattr(self._remote.fs, "call_s3") else {}
        self._remote.fs.put_file(str(file), target, callback=sent, **extra)

    def _compare(self, file: Path, target: str, entry: FileEntry) -> None:
        """Compare size and MD5, which an ETag often is; where it is not, read everything back.

        Source: AWS, "Checking object integrity": the ETag of an object sent in one part without KMS is its MD5.
        """
        info = self._remote.info(target)
        if int(info["size"]) != entry.bytes:
            raise StorageFailed(_NOT_WHAT_WAS_SENT)
        if str(info.get("ETag", "")).strip('"') == _md5(file):
            return
        if self._remote.do(lambda: self._sha256(target, entry.bytes)) != entry.sha256:
            raise StorageFailed(_NOT_WHAT_WAS_SENT)

    def _sha256(self, target: str, size: int) -> str:
        digest = hashlib.sha256()
        with self._remote.fs.open(target, "rb", cache_type="none") as data:
            while chunk := data.read(_CHUNK):
                digest.update(chunk)
            if data.tell() != size:
                raise EOFError
        return digest.hexdigest()

    def manifest(self, name: str) -> Manifest:
        """Read a published bundle's manifest.

        Raises:
            UnreadableInput: there is none, or it cannot be understood.
            StorageFailed: the store fails.
        """
        data = self._remote.read(self._remote.below(name + _SUFFIX, MANIFEST), most=LARGEST_MANIFEST)
        try:
            return Manifest.model_validate_json(data)
        except ValidationError:
            raise UnreadableInput("The bundle's manifest is not one that this version understands.") from None

    def verify(self, name: str) -> Manifest:
        """Fetch a published bundle, which holds redacted media only, and verify it in full.

        Raises:
            UnreadableInput: there is none.
            RedactionIncomplete: the step that failed.
            StorageFailed: the store fails.
        """
        manifest = self.manifest(name)
        place = self._remote.below(name + _SUFFIX)
        fetched = self._state / "verifying" / secrets.token_hex(8)
        try:
            with storage_errors():
                for info in self._remote.files(place):
                    target = _within(fetched, str(info["name"]).removeprefix(f"{place}/"))
                    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    self._remote.do(lambda info=info, target=target: self._fetch(info, target))  # type: ignore[misc]
            verify_bundle(fetched)
        finally:
            shutil.rmtree(fetched, ignore_errors=True)
        return manifest

    def _fetch(self, info: dict[str, Any], target: Path) -> None:
        self._remote.fs.get_file(str(info["name"]), str(target))
        if target.stat().st_size != int(info["size"]):
            raise EOFError

    def delete(self, name: str) -> None:
        """Delete a bundle, its manifest first; nothing when there is none.

        Raises:
            StorageFailed: it cannot be deleted.
        """
        with Claim(self._remote, self._claim(name), lease_s=self._lease_s):
            self._clear(self._remote.below(name + _SUFFIX))

    def sweep(self, *, busy: Sequence[str]) -> int:
        """Remove what interrupted uploads and local work left behind, unless a job holds it.

        What is claimed is let be, unless by a process that ran on this machine and died; another machine's claim lapses
        when its bundle is published again.

        Raises:
            StorageFailed: the store fails.
        """
        swept = self._sweep_local(busy)
        published, others, claims, signs = set[str](), set[str](), set[str](), set[str]()
        for inside in self._inside():
            bundle, _, file = inside.partition("/")
            if bundle == STATE_FOLDER and file.startswith(f"{_CLAIMS}/"):
                name = file.removeprefix(f"{_CLAIMS}/")
                (claims if name == claimed_name(name) else signs).add(name)
            elif bundle.startswith("recording-") and bundle.endswith(_SUFFIX):
                (published if file == MANIFEST else others).add(bundle.removesuffix(_SUFFIX))
        for name in sorted(((others - published) | claims) - set(busy)):
            try:
                with Claim(self._remote, self._claim(name), lease_s=self._lease_s, wait=False):
                    if name in others and not self._published(name):  # since the listing it may have been
                        self._clear(self._remote.below(name + _SUFFIX))
                        swept += 1
            except StorageFailed:
                continue  # somebody is at work there
        for name in sorted(signs):
            if claimed_name(name) not in claims:  # of a publisher that was taken over from and died later
                self._remote.remove(self._claim(name))
        return swept

    def _sweep_local(self, busy: Sequence[str]) -> int:
        swept = 0
        with storage_errors():
            for folder in (self.workplace(), self._state / "verifying"):
                for item in folder.iterdir() if folder.is_dir() else ():
                    name = item.name.partition(".")[0]
                    if name not in busy:
                        shutil.rmtree(item)
                        swept += 1
        return swept

    def _clear(self, place: str) -> None:
        """Remove a bundle's objects, the manifest first, so that it is no bundle while the others go."""
        self._remote.remove(f"{place}/{MANIFEST}")
        self._remote.abort_uploads(f"{place}/")
        for info in list(self._remote.files(place)):
            self._remote.remove(str(info["name"]))

    def _withdraw(self, place: str, claim: Claim) -> None:
        try:
            claim.check()  # else what is there belongs to who took it over
            self._clear(place)
        except OffrecordError:
            return  # the store is out of order, and the first error tells so; the next run sweeps

    def _published(self, name: str) -> bool:
        try:
            self.manifest(name)
        except UnreadableInput:
            return False
        return True

    def _claim(self, name: str) -> str:
        return self._remote.below(STATE_FOLDER, _CLAIMS, name)

    def _inside(self) -> Iterable[str]:
        root = self._remote.root
        try:
            for info in self._remote.files(root):
                yield str(info["name"]).removeprefix(f"{root}/")
        except UnreadableInput:
            raise StorageFailed("The destination cannot be read; check its bucket and credentials.") from None


def _within(folder: Path, untrusted_name: str) -> Path:
    target = folder / untrusted_name
    if ".." in target.parts or not target.is_relative_to(folder):
        raise UnreadableInput("An object of the bundle would lie outside of it.")
    return target


def _md5(file: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with storage_errors(), file.open("rb") as data:
        while chunk := data.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
