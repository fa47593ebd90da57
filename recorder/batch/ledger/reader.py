"""What the ledger of a batch knows: recordings, where they stand, and how many of each kind."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Final

from recorder.batch.ledger.records import Counts, Record, RecordState
from recorder.batch.ledger.sqlite import failures
from redaction.errors import StorageFailed

__all__ = ["LedgerReader"]

_COLUMNS: Final = (
    "id", "source", "size", "version", "state", "tries", "status", "reason", "seconds", "media_seconds", "bundle",
    "claimed", "figures", "attention", "source_deleted",
)  # fmt: skip


class LedgerReader:
    """Reads a ledger, as one job sees it; changes nothing."""

    _db: sqlite3.Connection
    _job: int
    _digest: str

    def record(self, id_: str) -> Record:
        """Return one recording.

        Raises:
            StorageFailed: it is not in the store.
        """
        for record in self._records("WHERE id = ?", id_):
            return record
        raise StorageFailed("A recording is missing from the store; run the batch again.")

    def records(self, *states: RecordState, mine: bool = False) -> Iterator[Record]:
        """Yield recordings by id: of this job alone or of the whole destination, in these states or in any."""
        where, values = ["1"], list[str | int]()
        if states:
            where.append(f"state IN ({', '.join('?' * len(states))})")
            values += states
        if mine:
            where.append("id IN (SELECT id FROM listed WHERE job = ? AND chosen)")
            values.append(self._job)
        return self._records(f"WHERE {' AND '.join(where)} ORDER BY id", *values)

    def unfinished(self) -> Iterator[Record]:
        """Yield what is pending here though an earlier run may have published it: its bundle stands there."""
        return self._records(
            "JOIN listed USING (id) WHERE listed.job = ? AND state = 'pending' AND digest = ? "
            "AND 'recording-' || id IN (SELECT name FROM present)",
            self._job,
            self._digest,
        )

    def earlier(self, record: Record) -> list[Record]:
        """Return published recordings of the same source as it was before it changed."""
        return list(
            self._records(
                "WHERE source = ? AND id <> ? AND state = 'published' AND NOT source_deleted",
                record.source,
                record.id,
            )
        )

    def counts(self, *, mine: bool = False) -> Counts:
        """Count states, media and work, of this job's choice or of the whole destination."""
        where, values = "", tuple[int, ...]()
        if mine:
            where, values = "WHERE id IN (SELECT id FROM listed WHERE job = ? AND chosen)", (self._job,)
        with failures():
            rows = self._db.execute(
                "SELECT state, count(*), total(media_seconds), total(seconds), sum(size) FROM recordings "  # noqa: S608
                f"{where} GROUP BY state",
                values,
            ).fetchall()
        ended = ("published", "refused")
        return Counts(
            states={RecordState(row[0]): row[1] for row in rows},
            media_seconds=sum(row[2] for row in rows if row[0] == "published"),
            seconds=sum(row[3] for row in rows if row[0] in ended),
            bytes_done=sum(row[4] for row in rows if row[0] in ended),
            bytes_to_do=sum(row[4] for row in rows if row[0] in ("pending", "running")),
        )

    def busy(self) -> list[str]:
        """Return the names of the bundles that any job is making."""
        with failures():
            rows = self._db.execute("SELECT id FROM recordings WHERE state = 'running'").fetchall()
        return [f"recording-{id_}" for (id_,) in rows]

    def _records(self, clause: str, *values: str | int) -> Iterator[Record]:
        with failures():
            cursor = self._db.execute(f"SELECT {', '.join(_COLUMNS)} FROM recordings {clause}", values)  # noqa: S608
            for row in cursor:
                named = dict(zip(_COLUMNS, row, strict=True))
                yield Record(
                    **{
                        **named,
                        "state": RecordState(named["state"]),
                        "figures": json.loads(named["figures"]),
                        "attention": tuple(json.loads(named["attention"])),
                        "source_deleted": bool(named["source_deleted"]),
                    }
                )

    def _one(self, query: str, *values: str | int) -> int:
        row = self._db.execute(query, values).fetchone()
        return int(row[0]) if row else 0
