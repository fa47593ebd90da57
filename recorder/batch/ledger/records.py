"""What the store tells: where each recording stands, what a plan came to, and how many there are of each."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from enum import StrEnum

from recorder.batch.contract import Found, WorkItem

__all__ = ["Counts", "PlannedItem", "Record", "RecordState", "item_id"]


class RecordState(StrEnum):
    """Where a recording stands. A job is done when none is pending or running."""

    PENDING = "pending"
    RUNNING = "running"
    PUBLISHED = "published"
    REFUSED = "refused"
    EXPIRED = "expired"
    """Was published; its bundle was deleted when its time had come."""
    SUPERSEDED = "superseded"
    """Was published; its source changed since, and the bundle of what it is now took its place."""


@dataclass(frozen=True, slots=True)
class Record:
    """One recording of the plan; `source` is personal."""

    id: str
    source: str = field(repr=False)
    size: int
    version: str = field(repr=False)
    state: RecordState
    tries: int
    status: int
    reason: str
    seconds: float
    media_seconds: float
    bundle: str
    claimed: float
    figures: dict[str, float]
    attention: tuple[str, ...]
    source_deleted: bool

    @property
    def item(self) -> WorkItem:
        """The recording as work."""
        return WorkItem(source=self.source, size=self.size, version=self.version, id=self.id)


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """What a plan came to.

    Attributes:
        listed: recordings found, and `bytes_listed` their size.
        new: never seen here.
        changed: seen, but under another policy or other models, or their bundle is gone.
        kept: published and verified under the same digests.
        refused: refused before under the same digests; `retry` tries them again.
        elsewhere: in the hands of another job that is running.
        to_do: pending in this job.
    """

    listed: int
    bytes_listed: int
    new: int
    changed: int
    kept: int
    refused: int
    elsewhere: int
    to_do: int
    bytes_to_do: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many recordings of a job, or of the whole destination, stand where."""

    states: dict[RecordState, int]
    media_seconds: float
    seconds: float
    bytes_done: int
    bytes_to_do: int

    def of(self, *states: RecordState) -> int:
        """Return how many are in these states."""
        return sum(self.states.get(state, 0) for state in states)

    @property
    def left(self) -> int:
        """How many are neither published nor refused."""
        return self.of(RecordState.PENDING, RecordState.RUNNING)


def item_id(found: Found, key: bytes) -> str:
    """Derive a recording's id from what it is: the same wherever and whenever it is listed, and telling nobody."""
    text = json.dumps([found.source, found.size, found.version]).encode()
    return hmac.new(key, b"offrecord recording\0" + text, hashlib.sha256).hexdigest()[:16]
