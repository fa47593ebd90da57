"""Plan and progress of a destination: one SQLite file beside the bundles, safe against two jobs at once.

Every change is one transaction that takes the write lock first, so two jobs never claim the same recording. It keeps a
rollback journal, not a write-ahead log, which needs shared memory that network file systems do not give. The file holds
source names, since a later run must find its sources again: mode 0600, and nothing of it is shown unless asked for.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final, Self

from recorder.batch.contract import Found, Outcome, OutcomeState, WorkItem
from recorder.batch.ledger.reader import LedgerReader
from recorder.batch.ledger.records import Counts, PlannedItem, Record, RecordState, item_id
from recorder.batch.ledger.sqlite import boot_id, change, failures, prepare_database, started
from redaction.errors import ExitCode, UsageError

__all__ = ["MOST_TRIES", "BatchLedger", "Counts", "PlannedItem", "Record", "RecordState", "item_id"]

MOST_TRIES: Final = 2
"""How often a recording that ends its worker, or whose bundle cannot be stored, is tried in one run."""
_BATCH: Final = 2000
_SILENT_S: Final = 300.0
"""A job of another machine that has not been heard of for so long is dead."""
_TRANSIENT: Final = (int(ExitCode.STORAGE), int(ExitCode.MODEL), int(ExitCode.INTERRUPTED))
"""Refusals that say nothing about the recording: the next run tries again."""


class BatchLedger(LedgerReader):
    """Plan and progress, and this job's place in it.

    Args:
        folder: of the store; it must exist.
        create: make the store when there is none.

    Raises:
        UsageError: there is no store and none may be made.
        StorageFailed: it cannot be opened, or is of another version.
    """

    def __init__(self, folder: Path, *, create: bool) -> None:
        place = folder / "batch.sqlite"
        if not create and not place.exists():
            raise UsageError("There was no batch at that destination; name the folder that a batch wrote to.")
        with failures():
            if create:
                os.close(os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._use(sqlite3.connect(place, timeout=60, isolation_level=None), create=create)

    @classmethod
    def in_memory(cls, folder: Path) -> Self:
        """Return a copy in memory of the store in a folder, or an empty one, that nobody else sees."""
        store, place = cls.__new__(cls), folder / "batch.sqlite"
        with failures():
            copy = sqlite3.connect(":memory:", isolation_level=None)
            if place.exists():
                with closing(sqlite3.connect(place, timeout=60)) as original:
                    original.backup(copy)
                copy.execute("UPDATE jobs SET ended = heard WHERE ended IS NULL")
            store._use(copy, create=True)
        return store

    def _use(self, db: sqlite3.Connection, *, create: bool) -> None:
        prepare_database(db, create=create)
        self._db, self._job, self._digest = db, 0, ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._db.close()

    def begin(self, digest: str) -> None:
        """Enter this process as a job, and give back what dead jobs had claimed.

        Args:
            digest: of policy and models; whatever was done under another is done anew.

        Raises:
            UsageError: a running job works on this destination under another digest.
        """
        with change(self._db):
            self._release_dead()
            others = self._db.execute("SELECT digest FROM jobs WHERE ended IS NULL").fetchall()
            if any(other != digest for (other,) in others):
                raise UsageError(
                    "Another batch with another policy is running on this destination; wait for it to end, "
                    "or name another destination."
                )
            now, pid = time.time(), os.getpid()
            cursor = self._db.execute(
                "INSERT INTO jobs (digest, host, boot, pid, pid_started, started, heard) VALUES (?,?,?,?,?,?,?)",
                (digest, socket.gethostname(), boot_id(), pid, started(pid), now, now),
            )
            self._job, self._digest = cursor.lastrowid or 0, digest
            self._db.execute("DELETE FROM listed WHERE job IN (SELECT job FROM jobs WHERE ended IS NOT NULL)")

    def plan(
        self, found: Iterable[Found], *, key: bytes, spec: str, present: Iterable[str], retry: bool
    ) -> PlannedItem:
        """Enter what was listed, in one transaction and in bounded memory.

        Args:
            found: the listing.
            key: of the destination.
            spec: what the operator named as source; what an earlier run found there and is gone leaves the plan.
            present: names of all published bundles.
            retry: try again what was refused before.
        """
        mark = hmac.new(key, spec.encode(), hashlib.sha256).hexdigest()[:16]
        with failures():
            known = self._one("SELECT count(*) FROM recordings")
            self._db.execute("CREATE TEMP TABLE IF NOT EXISTS present (name TEXT PRIMARY KEY) WITHOUT ROWID")
            self._db.execute("DELETE FROM present")
            self._db.executemany("INSERT OR IGNORE INTO present VALUES (?)", ((name,) for name in present))
        items = iter(found)
        while rows := [(item_id(item, key), item) for item in islice(items, _BATCH)]:
            with change(self._db):  # a listing may be slow, and another job must not wait for the end of it
                self._enter(rows, mark)
        with change(self._db):
            new = self._one("SELECT count(*) FROM recordings") - known
            changed = self._renew(retry=retry)
            self._db.execute(
                "DELETE FROM recordings WHERE spec = ? AND state IN ('pending', 'refused') AND id NOT IN "
                "(SELECT id FROM listed)",
                (mark,),
            )
            return self._planned(new=new, changed=changed)

    def _enter(self, rows: Sequence[tuple[str, Found]], mark: str) -> None:
        self._db.executemany(
            "INSERT INTO recordings (id, source, size, version, spec, digest, state) "
            "VALUES (?, ?, ?, ?, ?, ?, 'pending') ON CONFLICT (id) DO UPDATE SET spec = excluded.spec",
            [(id_, item.source, item.size, item.version, mark, self._digest) for id_, item in rows],
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO listed (job, id) VALUES (?, ?)", [(self._job, id_) for id_, _ in rows]
        )

    def _renew(self, *, retry: bool) -> int:
        """Make pending again what must be redone; return how many."""
        marks = ", ".join("?" * len(_TRANSIENT))
        mine = "id IN (SELECT id FROM listed WHERE job = ?)"
        cleared = "SET state = 'pending', tries = 0, status = 0, reason = '', claimed = 0, digest = ?"
        outdated = (
            "state NOT IN ('running', 'expired') AND (digest <> ? OR (state IN ('published', 'superseded') "
            "AND 'recording-' || id NOT IN (SELECT name FROM present)))"
        )
        self._db.execute(
            "UPDATE recordings SET bundle = '' WHERE id IN (SELECT id FROM listed WHERE job = ?) "
            "AND 'recording-' || id NOT IN (SELECT name FROM present)",
            (self._job,),
        )
        done = self._db.execute(
            f"UPDATE recordings {cleared} WHERE {mine} AND {outdated}",
            (self._digest, self._job, self._digest),
        ).rowcount
        self._db.execute(
            f"UPDATE recordings {cleared} WHERE {mine} AND state = 'refused' AND (? OR status IN ({marks}))",
            (self._digest, self._job, retry, *_TRANSIENT),
        )
        self._db.execute(
            "UPDATE recordings SET tries = 0 WHERE state = 'pending' AND id IN (SELECT id FROM listed WHERE job = ?)",
            (self._job,),
        )
        return done

    def _planned(self, *, new: int, changed: int) -> PlannedItem:
        found: dict[str, tuple[int, int]] = {
            state: (count, size)
            for state, count, size in self._db.execute(
                "SELECT state, count(*), sum(size) FROM recordings JOIN listed USING (id) WHERE job = ? GROUP BY state",
                (self._job,),
            )
        }
        pending = found.get("pending", (0, 0))
        return PlannedItem(
            listed=sum(count for count, _ in found.values()),
            bytes_listed=sum(size for _, size in found.values()),
            new=new,
            changed=changed,
            kept=found.get("published", (0, 0))[0],
            refused=found.get("refused", (0, 0))[0],
            elsewhere=found.get("running", (0, 0))[0],
            to_do=pending[0],
            bytes_to_do=pending[1],
        )

    def choose(self, count: int, *, at_random: bool) -> int:
        """Let this job do only that many of its pending recordings; return how many there are to do then."""
        order = "random()" if at_random else "source"
        with change(self._db):
            self._db.execute(
                "UPDATE listed SET chosen = 0 WHERE job = ? AND id NOT IN (SELECT id FROM recordings "  # noqa: S608
                f"JOIN listed USING (id) WHERE job = ? AND state = 'pending' ORDER BY {order} LIMIT ?)",
                (self._job, self._job, count),
            )
            return self._one("SELECT count(*) FROM listed WHERE job = ? AND chosen", self._job)

    def claim(self) -> WorkItem | None:
        """Take the largest pending recording of this job, so that no long one is left for the end."""
        with change(self._db):
            row = self._db.execute(
                "SELECT id, source, size, version FROM recordings INDEXED BY by_state WHERE state = 'pending' "
                "AND digest = ? AND EXISTS (SELECT 1 FROM listed WHERE job = ? AND chosen AND id = recordings.id) "
                "ORDER BY tries, size DESC LIMIT 1",
                (self._digest, self._job),
            ).fetchone()
            if row is None:
                return None
            self._db.execute(
                "UPDATE recordings SET state = 'running', owner = ?, claimed = ? WHERE id = ?",
                (self._job, time.time(), row[0]),
            )
        return WorkItem(id=row[0], source=row[1], size=row[2], version=row[3])

    def finish(self, outcome: Outcome) -> Record:
        """Write down how a try ended, and return where the recording stands now.

        What was lost, or could not be stored, is pending again until it has been tried `MOST_TRIES` times.
        """
        again = outcome.state is OutcomeState.LOST or outcome.status == ExitCode.STORAGE
        with change(self._db):
            earlier = self.record(outcome.item)
            tries = earlier.tries + int(again)
            state, reason = RecordState.REFUSED, outcome.reason
            if outcome.state is OutcomeState.PUBLISHED:
                state = RecordState.PUBLISHED
            elif outcome.state is OutcomeState.STOPPED or (again and tries < MOST_TRIES):
                state = RecordState.PENDING
            elif outcome.state is OutcomeState.LOST:
                reason = f"Tried {tries} times and set aside. {reason}"
            if state is RecordState.REFUSED and earlier.bundle:
                reason = f"{reason} Its bundle of an earlier run, under other digests, still stands."
            self._db.execute(
                "UPDATE recordings SET state = ?, tries = ?, status = ?, reason = ?, seconds = ?, media_seconds = ?, "
                "bundle = ?, worker = ?, figures = ?, attention = ?, changed = ? WHERE id = ?",
                (
                    state,
                    tries,
                    outcome.status,
                    reason,
                    outcome.seconds,
                    outcome.media_seconds,
                    outcome.bundle or earlier.bundle,
                    outcome.worker,
                    json.dumps(outcome.figures),
                    json.dumps(outcome.attention),
                    time.time(),
                    outcome.item,
                ),
            )
        return self.record(outcome.item)

    def mark(self, id_: str, *, state: RecordState | None = None, source_deleted: bool = False) -> None:
        """Note that a bundle went, or that a source was deleted."""
        with change(self._db):
            if state is not None:
                self._db.execute("UPDATE recordings SET state = ? WHERE id = ?", (state, id_))
            if source_deleted:
                self._db.execute("UPDATE recordings SET source_deleted = 1 WHERE id = ?", (id_,))

    def beat(self) -> None:
        """Say that this job lives, and give back what dead jobs had claimed."""
        with change(self._db):
            self._db.execute("UPDATE jobs SET heard = ? WHERE job = ?", (time.time(), self._job))
            self._release_dead()

    def end(self) -> None:
        """Leave: whatever this job still held is pending again."""
        with change(self._db):
            self._db.execute(
                "UPDATE recordings SET state = 'pending' WHERE state = 'running' AND owner = ?", (self._job,)
            )
            self._db.execute("UPDATE jobs SET ended = ? WHERE job = ?", (time.time(), self._job))

    def _release_dead(self) -> None:
        host, boot, now = socket.gethostname(), boot_id(), time.time()
        for job, its_host, its_boot, pid, its_start, heard in self._db.execute(
            "SELECT job, host, boot, pid, pid_started, heard FROM jobs WHERE ended IS NULL AND job <> ?",
            (self._job,),
        ).fetchall():
            lives = (
                (its_boot == boot and started(pid) == its_start)
                if its_host == host
                else now - heard < _SILENT_S
            )
            if not lives:
                self._db.execute(
                    "UPDATE recordings SET state = 'pending' WHERE state = 'running' AND owner = ?", (job,)
                )
                self._db.execute("UPDATE jobs SET ended = ? WHERE job = ?", (now, job))
