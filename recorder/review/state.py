"""How far the review of each bundle is, kept beside the bundles; no word, name or mend is ever in it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recorder.bundle.manifest import Manifest
from recorder.runtime.storage import storage_errors
from redaction.errors import StorageFailed

__all__ = ["FOLDER", "LookVerdict", "ReviewState", "StateStore"]

FOLDER: Final = ".offrecord-review"
_LARGEST: Final = 1 << 20
LookVerdict = Literal["fine", "mended", "nothing"]
Standing = Literal["new", "work", "signed", "back"]


class ReviewState(BaseModel):
    """What is known of the review of one bundle.

    Attributes:
        manifest: sha256 of the manifest that was looked at, or that signing made.
        standing: not looked at, in work, signed, or sent back.
        looked: what was said of each place of the queue: fine, mended, or covered for nothing.
        seen: stretches that were played, in seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal["offrecord/review/1"] = "offrecord/review/1"
    manifest: str = Field(pattern=r"^[0-9a-f]{64}$")
    standing: Standing = "new"
    looked: dict[str, LookVerdict] = {}
    seen: tuple[tuple[float, float], ...] = ()


class StateStore:
    """The states of the bundles of a folder, and who works on which.

    Args:
        folder: that holds the bundles.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def read(self, bundle: Path, *, manifest_digest: str, manifest: Manifest) -> ReviewState:
        """Return how far a bundle is; one that changed since is not looked at."""
        try:
            data = self._path(bundle, "json").read_bytes()
            state = ReviewState.model_validate_json(data[:_LARGEST])
        except (OSError, ValidationError):
            signed = bool(manifest.review)
            return ReviewState(manifest=manifest_digest, standing="signed" if signed else "new")
        return state if state.manifest == manifest_digest else ReviewState(manifest=manifest_digest)

    def write(self, bundle: Path, state: ReviewState) -> None:
        """Store how far a bundle is, whole or not at all.

        Raises:
            StorageFailed: the disk refused.
        """
        place = self._path(bundle, "json")
        fresh = place.with_name(f"{place.name}.{secrets.token_hex(8)}")
        with storage_errors():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            try:
                fresh.write_text(state.model_dump_json() + "\n", encoding="utf-8")
                fresh.replace(place)
            finally:
                fresh.unlink(missing_ok=True)

    def claim(self, bundle: Path) -> Hold:
        """Take a bundle for one reviewer; it is free again when the hold is let go of, or its process dies.

        Raises:
            StorageFailed: somebody else has it, or the disk refused.
        """
        with storage_errors():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(self._path(bundle, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise StorageFailed("Somebody else has this recording open; take another.") from None
        return Hold(descriptor)

    def is_claimed(self, bundle: Path) -> bool:
        """Tell whether anybody has a bundle open."""
        place = self._path(bundle, "lock")
        if not place.exists():
            return False
        try:
            self.claim(bundle).release()
        except StorageFailed:
            return True
        return False

    def _path(self, bundle: Path, suffix: str) -> Path:
        """Return a place named after the bundle; a name too long for it is shortened by its digest."""
        name = bundle.name
        if len(name.encode()) > 200:
            name = hashlib.sha256(name.encode()).hexdigest()
        return self._folder / f"{name}.{suffix}"


class Hold:
    """A bundle that one reviewer has."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let go; safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
