"""What lies before a reviewer: one bundle, or those of a folder, of which some are drawn as a sample."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from recorder.bundle.log import LOG, read_log
from recorder.bundle.verify_files import read_manifest
from recorder.bundle.writer import MANIFEST, digest_file
from recorder.review.places import places_of, worst_of
from recorder.review.session import Choices, ReviewSession
from recorder.review.state import StateStore
from redaction.errors import OffrecordError, UnreadableInput

__all__ = ["Desk", "bundles_in"]

_SUFFIX = ".offrecord"


def bundles_in(place: Path) -> tuple[Path, ...]:
    """Return the bundle, or the bundles of a folder, without versions that were kept beside a newer one.

    Raises:
        UnreadableInput: there is none.
    """
    if place.name.endswith(_SUFFIX):
        if place.is_symlink() or not place.is_dir():
            raise UnreadableInput("There is no bundle at that place.")
        return (place,)
    if place.name.endswith(f"{_SUFFIX}.partial"):
        raise UnreadableInput("That bundle was never finished; redact its source again.")
    try:
        found = sorted(
            item
            for item in place.iterdir()
            if item.name.endswith(_SUFFIX)
            and ".before-" not in item.name
            and item.is_dir()
            and not item.is_symlink()
        )
    except OSError:
        raise UnreadableInput("There is no bundle and no folder of bundles at that place.") from None
    if not found:
        raise UnreadableInput("There is no bundle in that folder.")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Row:
    path: Path
    duration: float
    created: str
    worst: float
    places: int
    bad: str = ""


class Desk:
    """The bundles before a reviewer, and those that are open.

    Args:
        bundles: in any order.
        choices: of whoever started it.
        sample: share of them that is drawn, worst first, 0 to 1; None for all.
    """

    def __init__(self, bundles: tuple[Path, ...], choices: Choices, *, sample: float | None = None) -> None:
        self._choices = choices
        self._lock = threading.RLock()
        self._open: dict[int, ReviewSession] = {}
        self._stores = {path.parent: StateStore(path.parent) for path in bundles}
        self.single = len(bundles) == 1
        rows = [_row(path) for path in bundles]
        rows.sort(key=lambda row: (-row.worst, row.path.name))
        self._of = len(rows)
        self._rows = rows if sample is None else rows[: max(1, ceil(sample * len(rows)))]

    def session(self, number: int) -> ReviewSession:
        """Return the session of a bundle, which is opened when it is asked for first.

        Raises:
            UnreadableInput: there is no such bundle, or not one that this version understands.
            RedactionIncomplete: it is not whole.
            StorageFailed: somebody else has it open.
        """
        with self._lock:
            known = self._open.get(number)
            if known is not None:
                return known
            if not 0 <= number < len(self._rows):
                raise UnreadableInput("There is no such recording.")
            path = self._rows[number].path
            session = ReviewSession(path, self._stores[path.parent], self._choices)
            self._open[number] = session
            return session

    def put_back(self, number: int) -> None:
        """Let go of a bundle."""
        with self._lock:
            session = self._open.pop(number, None)
        if session is not None:
            session.close()

    def close(self) -> None:
        """Let go of every bundle."""
        for number in list(self._open):
            self.put_back(number)

    def told(self) -> dict[str, Any]:
        """Return the list as the page shows it."""
        with self._lock:
            return {
                "of": self._of,
                "single": self.single,
                "rows": [self._told_row(number, row) for number, row in enumerate(self._rows)],
            }

    def _told_row(self, number: int, row: _Row) -> dict[str, Any]:
        store = self._stores[row.path.parent]
        standing, looked, bad = "new", 0, row.bad
        if not bad:
            try:
                digest = digest_file(row.path / MANIFEST).sha256
                state = store.read(row.path, manifest_digest=digest, manifest=read_manifest(row.path))
                standing, looked = state.standing, len(state.looked)
            except (OSError, OffrecordError):
                bad = "It cannot be read any more."
        return {
            "number": number,
            "name": row.path.name.removesuffix(_SUFFIX),
            "duration": row.duration,
            "created": row.created,
            "worst": round(row.worst, 3),
            "places": row.places,
            "standing": standing,
            "looked": looked,
            "mine": number in self._open,
            "elsewhere": number not in self._open and store.is_claimed(row.path),
            "bad": bad,
        }


def _row(path: Path) -> _Row:
    try:
        manifest = read_manifest(path)
        places = places_of(manifest, read_log(path / LOG))
    except OffrecordError as error:
        return _Row(path, 0.0, "", 2.0, 0, bad=error.sentence)
    except (OSError, ValueError, KeyError, TypeError):
        return _Row(path, 0.0, "", 2.0, 0, bad="The bundle's log cannot be understood.")
    return _Row(path, manifest.duration, manifest.created.isoformat(), worst_of(places), len(places))
