"""Finds verified model files in the cache, or where the user put their own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock

from redaction.errors import ModelAltered, ModelMissing, ModelUnavailable
from redaction.weights.catalog import CATALOG, ModelEntry

__all__ = ["TEMPORARY", "cache_root", "check_entry", "identify", "locate", "read", "require", "strangers"]

FETCH = "run `offrecord models fetch`"
TEMPORARY = ".fetch-"
"""How the names of files begin that a fetch is still writing."""

_Stamp = tuple[str, int, int, int, int]
_hashed: dict[_Stamp, str] = {}
_lock = Lock()


def cache_root() -> Path:
    """Return the cache folder: `OFFRECORD_MODELS`, or `~/.cache/offrecord/models`."""
    given = os.environ.get("OFFRECORD_MODELS")
    return Path(given) if given else Path.home() / ".cache" / "offrecord" / "models"


def locate(name: str) -> Path:
    """Return the verified file, or folder, of a model.

    Every file of the entry is hashed the first time in a process and again whenever its size, time or inode
    changed. `name` may instead be the absolute path of the user's own model, which is taken as it is. Who
    loads single files should rather use `read` or `open_session`, which give the very bytes they checked.

    Raises:
        ModelMissing: there is no such model, or a file of it is not there.
        ModelAltered: a file has not the pinned sha256.
    """
    if Path(name).is_absolute():
        own = Path(name)
        if not own.exists():
            raise ModelMissing("The model given by path is not there; check the path in the policy file.")
        return own
    entry = _entry(name)
    check_entry(entry)
    return cache_root() / entry.path


def identify(name: str) -> str:
    """Return the sha256, in hex, that stands for a model in manifests.

    It is the file's own for a model of one file; for a folder it is that of the lines
    `sha256  relative-path`, sorted by path.

    Raises:
        ModelMissing: there is no such model, or a file of it is not there.
        ModelAltered: a file has not the pinned sha256.
    """
    path = locate(name)
    if Path(name).is_absolute():
        if path.is_file():
            return _sha256(path)
        files = {file.relative_to(path).as_posix(): _sha256(file) for file in _files_below(path)}
        return _digest(files)
    entry = CATALOG[name]
    if not entry.folder:
        return next(iter(entry.files.values()))
    return _digest({file.removeprefix(f"{name}/"): sha256 for file, sha256 in entry.files.items()})


def read(name: str, file: str | None = None) -> bytes:
    """Return the bytes of one file of a model, hashed as they were read, so that no swap can come between.

    Args:
        name: a catalog name, or the absolute path of the user's own file or folder.
        file: path within the model's folder; None takes the only file, or the only `.onnx` file of a folder.

    Raises:
        ModelMissing: there is no such model or file.
        ModelAltered: the file has not the pinned sha256.
    """
    if Path(name).is_absolute():
        return _read_own(Path(name), file)
    entry = _entry(name)
    relative = f"{name}/{file}" if file is not None else _only(entry)
    expected = entry.files.get(relative)
    if expected is None:
        raise ModelMissing(f"The model {name} has no file of that name in the catalog.")
    path = cache_root() / relative
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise _missing(name) from None
    except OSError:
        raise _unreadable(name) from None
    if hashlib.sha256(data).hexdigest() != expected:
        raise _altered(name)
    return data


def require(names: Iterable[str]) -> None:
    """See that the files of models are there; whether they are the pinned ones is told when they are loaded.

    Raises:
        ModelMissing: one is not.
    """
    for name in names:
        if Path(name).is_absolute():
            locate(name)
            continue
        if not all((cache_root() / file).is_file() for file in _entry(name).files):
            raise _missing(name)


def check_entry(entry: ModelEntry) -> None:
    """Check every file of an entry, and that a folder holds nothing else: loaders read what lies there.

    Raises:
        ModelMissing: a file is not there.
        ModelAltered: a file has not the pinned sha256, or a folder holds a file that is not listed.
    """
    for file, expected in entry.files.items():
        try:
            actual = _sha256(cache_root() / file)
        except (FileNotFoundError, NotADirectoryError):
            raise _missing(entry.name) from None
        except OSError:
            raise _unreadable(entry.name) from None
        if actual != expected:
            raise _altered(entry.name)
    if strangers(entry):
        raise ModelAltered(f"The model {entry.name} holds a file that does not belong to it; {FETCH}.")


def strangers(entry: ModelEntry) -> tuple[Path, ...]:
    """Return what lies in a folder entry's folder without being listed; a fetch under way is let be."""
    if not entry.folder:
        return ()
    root = cache_root()
    return tuple(
        path
        for path in (root / entry.name).rglob("*")
        if not path.name.startswith(TEMPORARY)
        and (path.is_symlink() or not path.is_dir())
        and path.relative_to(root).as_posix() not in entry.files
    )


def _entry(name: str) -> ModelEntry:
    entry = CATALOG.get(name)
    if entry is None:
        raise ModelMissing("There is no model of that name; see `offrecord models list`.")
    return entry


def _only(entry: ModelEntry) -> str:
    if len(entry.files) == 1:
        return next(iter(entry.files))
    graphs = [file for file in entry.files if file.endswith(".onnx")]
    if len(graphs) != 1:
        raise ModelMissing(f"The model {entry.name} is a folder; the file wanted has to be named.")
    return graphs[0]


def _read_own(path: Path, file: str | None) -> bytes:
    try:
        return (path if file is None else path / file).read_bytes()
    except OSError:
        raise ModelMissing(
            "The model given by path cannot be read; check the path in the policy file."
        ) from None


def _files_below(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _digest(files: Mapping[str, str]) -> str:
    lines = "".join(f"{sha256}  {file}\n" for file, sha256 in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _sha256(path: Path) -> str:
    """Return the file's sha256 in hex, from memory while its size, times and inode stay the same."""
    with path.open("rb") as stream:
        before = _stamp(path, os.fstat(stream.fileno()))
        with _lock:
            known = _hashed.get(before)
        if known is not None:
            return known
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if _stamp(path, os.fstat(stream.fileno())) == before:
            with _lock:
                _hashed[before] = digest
    return digest


def _stamp(path: Path, status: os.stat_result) -> _Stamp:
    return (str(path), status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)


def _missing(name: str) -> ModelMissing:
    return ModelMissing(f"The model {name} is not in place; {FETCH}.")


def _altered(name: str) -> ModelAltered:
    return ModelAltered(f"The model {name} is not the file that was pinned (its sha256 differs); {FETCH}.")


def _unreadable(name: str) -> ModelUnavailable:
    return ModelMissing(f"The model {name} cannot be read; check the rights of the model cache, or {FETCH}.")
