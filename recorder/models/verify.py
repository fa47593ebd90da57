"""Tells of every model whether its files are the pinned ones."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from redaction.errors import ModelAltered, ModelMissing
from redaction.weights import ModelEntry, check_entry

__all__ = ["ModelState", "entry_state", "states"]


class ModelState(StrEnum):
    """What became of a model's files."""

    OK = "ok"
    MISSING = "missing"
    ALTERED = "altered"


def entry_state(entry: ModelEntry) -> ModelState:
    """Hash every file of an entry and compare."""
    try:
        check_entry(entry)
    except ModelMissing:
        return ModelState.MISSING
    except ModelAltered:
        return ModelState.ALTERED
    return ModelState.OK


def states(entries: Iterable[ModelEntry]) -> dict[str, ModelState]:
    """Return name -> state of each entry."""
    return {entry.name: entry_state(entry) for entry in entries}
