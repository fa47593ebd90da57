"""The SQLite file under the store: its tables, its failures without content, and whether a process still lives."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from redaction.errors import StorageFailed

__all__ = ["boot_id", "change", "failures", "prepare_database", "started"]

_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE recordings (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, size INTEGER NOT NULL, version TEXT NOT NULL,
    spec TEXT NOT NULL, digest TEXT NOT NULL, state TEXT NOT NULL, owner INTEGER, claimed REAL NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0, status INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
    seconds REAL NOT NULL DEFAULT 0, media_seconds REAL NOT NULL DEFAULT 0, bundle TEXT NOT NULL DEFAULT '',
    worker TEXT NOT NULL DEFAULT '', figures TEXT NOT NULL DEFAULT '{}', attention TEXT NOT NULL DEFAULT '[]',
    changed REAL NOT NULL DEFAULT 0, source_deleted INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX by_source ON recordings(source);
CREATE INDEX by_state ON recordings(state, digest, tries, size DESC);
CREATE TABLE listed (job INTEGER NOT NULL, id TEXT NOT NULL, chosen INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (job, id))
WITHOUT ROWID;
CREATE TABLE jobs (
    job INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL, host TEXT NOT NULL, boot TEXT NOT NULL,
    pid INTEGER NOT NULL, pid_started TEXT NOT NULL, started REAL NOT NULL, heard REAL NOT NULL, ended REAL
);
"""


def prepare_database(db: sqlite3.Connection, *, create: bool) -> None:
    """Set a connection up and make its tables when there are none.

    Raises:
        StorageFailed: they are of another version.
    """
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA journal_mode = TRUNCATE")
    with change(db):
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0 and create:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
        elif version != _SCHEMA_VERSION:
            raise StorageFailed("The store of this destination was made by another version of offrecord.")


@contextmanager
def change(db: sqlite3.Connection) -> Iterator[None]:
    """Make all changes of the block or none; no other process writes meanwhile."""
    with failures():
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


@contextmanager
def failures() -> Iterator[None]:
    """Turn an error of SQLite or of the disk into `StorageFailed`, without its text."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        code = getattr(error, "sqlite_errorname", type(error).__name__)
        full = code == "SQLITE_FULL" or getattr(error, "errno", 0) == 28
        what = (
            "the disk is full; free some space"
            if full
            else f"the system answered {code}; see that it is writable"
        )
        raise StorageFailed(f"The store of the destination cannot be used: {what} and run again.") from None


def boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def started(pid: int) -> str:
    """Return when a process began, in clock ticks since the boot; empty when there is no such process."""
    try:
        return (
            Path(f"/proc/{pid}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()[19]
        )
    except (OSError, IndexError):
        return ""
