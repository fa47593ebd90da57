"""A package index made of files: pip and npm are replaced by a function that copies archives."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal, cast

import pytest

from redaction.weights import CATALOG, Carrier, Member, ModelEntry


def digest(data: bytes) -> str:
    """Return the sha256 in hex."""
    return sha256(data).hexdigest()


def wheel(members: Mapping[str, bytes]) -> bytes:
    """Return a wheel with those members, whatever their names."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarball(members: Mapping[str, bytes | None]) -> bytes:
    """Return a gzipped tar; a member without bytes is a symbolic link to /etc/passwd."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(info)
            else:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


@dataclass
class Index:
    """Archives by `name==version` or `name@version`, and the commands that asked for them."""

    archives: dict[str, bytes] = field(default_factory=dict)
    commands: list[list[str]] = field(default_factory=list)
    stderr: bytes = b""

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        stdin: int,
        capture_output: bool,
        timeout: float,
        check: bool,
        env: Mapping[str, str],
    ) -> subprocess.CompletedProcess[bytes]:
        """Stand in for `subprocess.run`."""
        self.commands.append(list(command))
        wanted = next((word for word in command if word in self.archives), None)
        if wanted is None:
            return subprocess.CompletedProcess(command, 1, b"", self.stderr)
        flag, suffix = ("--dest", "whl") if "pip" in command else ("--pack-destination", "tgz")
        folder = Path(command[list(command).index(flag) + 1])
        (folder / f"carrier-1.0-any.{suffix}").write_bytes(self.archives[wanted])
        return subprocess.CompletedProcess(command, 0, b"", b"")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that does not exist yet."""
    root = tmp_path / "models"
    monkeypatch.setenv("OFFRECORD_MODELS", str(root))
    return root


@pytest.fixture
def index(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """The only package index that the code under test can reach; empty. npm is there, on any machine."""
    made = Index()
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", made.run)
    return made


AddEntry = Callable[[ModelEntry], ModelEntry]


@pytest.fixture
def add_entry(monkeypatch: pytest.MonkeyPatch) -> AddEntry:
    """Add an entry to the catalog for one test."""

    def added(entry: ModelEntry) -> ModelEntry:
        monkeypatch.setitem(cast(MutableMapping[str, ModelEntry], CATALOG), entry.name, entry)
        return entry

    return added


def entry_of(
    data: bytes,
    *,
    kind: Literal["pypi", "npm"] = "pypi",
    member: str = "package/net.bin",
    target: str = "net.bin",
) -> ModelEntry:
    """Return the entry `toy.one`, whose only file is `data` as member of the package `toy` 1.0."""
    carrier = Carrier(kind, "toy", "1.0", (Member(member, digest(data), target),))
    return ModelEntry(
        name="toy.one",
        files={f"toy.one/{target}": digest(data)},
        carriers=(carrier,),
        licence="MIT",
        origin="made by the test",
        purpose="test",
    )


def with_transform(entry: ModelEntry, *, transform: str, result: bytes) -> ModelEntry:
    """Return the entry with its member fed to a transform that should give `result`."""
    (carrier,) = entry.carriers
    feeding = tuple(replace(member, target=None) for member in carrier.members)
    return replace(
        entry,
        carriers=(replace(carrier, members=feeding),),
        files={next(iter(entry.files)): digest(result)},
        transform=transform,
    )
