"""Looks for bytes of recordings where none may be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

__all__ = ["files_with_raw_bytes"]

_STRETCH: Final = 48
_STRETCHES: Final = 32
_LEAST_KINDS: Final = 20
"""Different bytes in a stretch that could not stand in another file by chance, as padding and headers do."""


def files_with_raw_bytes(sources: Iterable[bytes], *folders: Path) -> list[Path]:
    """Return the files below the folders that hold a stretch of a source.

    Args:
        sources: what recordings hold; stretches are taken from all over each.
        folders: where to look; what vanishes meanwhile is left out.
    """
    stretches = {stretch for source in sources for stretch in _stretches(source)}
    if not stretches:
        raise ValueError("the sources are too short to be told from anything")
    return [path for folder in folders for path in _files(folder) if _holds(path, stretches)]


def _stretches(source: bytes) -> Iterator[bytes]:
    step = max(1, (len(source) - _STRETCH) // _STRETCHES)
    for start in range(0, len(source) - _STRETCH, step):
        stretch = source[start : start + _STRETCH]
        if len(set(stretch)) >= _LEAST_KINDS:
            yield stretch


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):  # what vanishes meanwhile is no error to it
        yield from (path for name in names if (path := Path(parent, name)).is_file())


def _holds(path: Path, stretches: set[bytes]) -> bool:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return False
    return any(stretch in data for stretch in stretches)
