"""Tells of every model whether its files are the pinned ones."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from redaction.errors import ModelAltered, ModelMissing
from redaction.weights import ModelEntry, check_entry

__all__ = ["State", "entry_state", "states"]


class State(StrEnum):
    """What became of a model's files."""

    OK = "ok"
    MISSING = "missing"
    ALTERED = "altered"


def entry_state(entry: ModelEntry) -> State:
    """Hash every file of an entry and compare."""
    try:
        check_entry(entry)
    except ModelMissing:
        return State.MISSING
    except ModelAltered:
        return State.ALTERED
    return State.OK


def states(entries: Iterable[ModelEntry]) -> dict[str, State]:
    """Return name -> state of each entry."""
    return {entry.name: entry_state(entry) for entry in entries}
