"""Runs the real command in a process of its own, with a home and a temporary folder that must stay empty."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from redaction.weights import cache_root

__all__ = ["Place", "Ran", "place_in", "run", "start"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run works: `out` receives bundles, `home` and `temporary` must stay empty."""

    out: Path
    home: Path
    temporary: Path

    def leftovers(self) -> list[Path]:
        """Return every file that a run left where it should not."""
        return [
            item for folder in (self.home, self.temporary) for item in folder.rglob("*") if item.is_file()
        ]

    def bundles(self) -> list[Path]:
        """Return published bundles."""
        return sorted(self.out.glob("*.offrecord")) if self.out.is_dir() else []

    def partials(self) -> list[Path]:
        """Return partial bundles."""
        return sorted(self.out.glob("*.offrecord.partial")) if self.out.is_dir() else []


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run answered."""

    status: int
    out: str
    err: str


def place_in(folder: Path) -> Place:
    """Make the folders of one run."""
    place = Place(folder / "out", folder / "home", folder / "temporary")
    place.home.mkdir()
    place.temporary.mkdir()
    return place


def environment(place: Place, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a run; what picks the kernels of numpy stays, as figures depend on it."""
    passed = ("PATH", "LANG", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    kept = {key: value for key, value in os.environ.items() if key in passed}
    own = {"HOME": str(place.home), "TMPDIR": str(place.temporary), "OFFRECORD_MODELS": str(cache_root())}
    return {**kept, **own, **(more or {})}


def start(
    arguments: Sequence[str | Path], place: Place, *, more: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start the command without waiting."""
    return subprocess.Popen(
        [sys.executable, "-m", "recorder.cli", *map(str, arguments)],
        env=environment(place, more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(arguments: Sequence[str | Path], place: Place, *, more: Mapping[str, str] | None = None) -> Ran:
    """Run the command to its end, at most four minutes."""
    process = start(arguments, place, more=more)
    try:
        out, err = process.communicate(timeout=240)
    finally:
        process.kill()
    return Ran(process.returncode, out, err)
