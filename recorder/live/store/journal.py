"""What is written while a call goes on: one folder per participant, a call-wide log, and their erasure."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal

from pydantic import BaseModel, ValidationError

from recorder.bundle.log import ChainedLog, safe_detail
from recorder.bundle.manifest import MediaKind
from recorder.bundle.quality import QualitySecond
from recorder.call.consent.receipts import Receipt, Receipts
from recorder.live.store.schema import CallRecord, FactLine, PersonRecord, WordsLine
from recorder.runtime.storage import storage_errors
from redaction.errors import InternalError, UnreadableInput
from redaction.model import Event, EventKind

__all__ = ["RECEIPTS", "ErasureFigures", "Journal", "SegmentPaths"]

RECEIPTS: Final = "receipts.json"

_LIVE: Final = "live"
_PEOPLE: Final = "people"
_CALL: Final = "call.json"
_PERSON: Final = "person.json"
_LOG: Final = "log.jsonl"
_TOKEN: Final = re.compile(r"^[0-9a-f]{16}$")
_GONE: Final = "gone-"
_SYNC_EVERY: Final = 50
_NUMBER: Final = re.compile(r"^(camera|screen|microphone)-(\d{4,6})\.(?:mp4|jsonl)$")


@dataclass(frozen=True, slots=True)
class ErasureFigures:
    """What an erasure removed; nothing in it tells whose it was."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class SegmentPaths:
    """Where a piece and its proofs are written.

    Attributes:
        number: from 1 within a participant and kind.
    """

    number: int
    media: Path
    sidecar: Path


class Journal:
    """The folder `live/` of a partial bundle. Every method may be called from any thread.

    Opening one completes erasures that were cut off and drops half a line at the end of the call-wide log.

    Args:
        partial: the partial bundle's folder; it exists.

    Raises:
        StorageFailed: the folder cannot be read or written.
        RedactionIncomplete: the log's chain is broken.
    """

    def __init__(self, partial: Path) -> None:
        self._partial = partial
        self._live = partial / _LIVE
        self._people = self._live / _PEOPLE
        self._lock = threading.RLock()
        self._open: dict[tuple[str, str], _Lines] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._forgotten: set[str] = set()
        self._moved: dict[str, Path] = {}  # folders that lost their name, and are not gone yet
        with storage_errors():
            self._people.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(self._live)
        log = partial / _LOG
        self._log = ChainedLog.resumed(log) if log.exists() else ChainedLog(log)
        self._complete_erasures()

    @property
    def head(self) -> str:
        """Hash of the call-wide log's last line."""
        return self._log.head

    @property
    def lines(self) -> int:
        """Number of the call-wide log's lines."""
        return self._log.count

    def begin(self, record: CallRecord) -> None:
        """Say how the call is recorded."""
        with self._lock:
            _write_whole(self._live / _CALL, record)

    def ended(self, why: Literal["over", "removed", "lost", "left"]) -> None:
        """Say why the bot left the call."""
        with self._lock:
            _write_whole(self._live / _CALL, self.call().model_copy(update={"ended": why}))

    def receipts(self, receipts: Sequence[Receipt]) -> None:
        """Say how every consent stands by now, in place of what was said before."""
        with self._lock:
            _write_whole(self._live / RECEIPTS, Receipts(receipts=tuple(receipts)))

    def call(self) -> CallRecord:
        """Return how the call is recorded.

        Raises:
            UnreadableInput: that was never written, or is not what this version writes.
        """
        with storage_errors():
            path = self._live / _CALL
            text = path.read_bytes() if path.is_file() else b""
        try:
            return CallRecord.model_validate_json(text)
        except ValidationError:
            raise UnreadableInput("The partial bundle does not say how its call was recorded.") from None

    def log_event(self, event: Event) -> None:
        """Append to the call-wide log; the event must not tell participants apart."""
        with self._lock:
            self._log.append(event)

    def admit(self, person: PersonRecord) -> None:
        """Make a participant's folder, or replace what is known of them.

        Raises:
            InternalError: they were erased, and an erased token does not come back.
        """
        with self._lock:
            if person.token in self._forgotten:
                raise InternalError("A participant who was erased is written again.")
            folder = self._people / person.token
            with storage_errors():
                folder.mkdir(mode=0o700, exist_ok=True)
                _sync(self._people)
            _write_whole(folder / _PERSON, person)

    def people(self) -> list[PersonRecord]:
        """Return everybody who is recorded, in order of joining; folders without a readable record are erased."""
        found: list[PersonRecord] = []
        with self._lock, storage_errors():
            for folder in sorted(self._people.iterdir()):
                person = _person(folder)
                if person is None or person.removed:
                    self._remove(folder)
                else:
                    found.append(person)
        return sorted(found, key=lambda person: (person.order, person.token))

    def folder(self, token: str) -> Path:
        """Return a participant's folder; it need not exist.

        Raises:
            InternalError: that is no token.
        """
        if not _TOKEN.match(token):
            raise InternalError("A participant's token is none.")
        return self._people / token

    def holds(self, token: str) -> bool:
        """Tell whether anything may be written of a participant."""
        with self._lock:
            return token not in self._forgotten and (self.folder(token) / _PERSON).is_file()

    def segment(self, token: str, kind: MediaKind) -> SegmentPaths:
        """Return where a participant's next piece is written.

        Raises:
            InternalError: they are not recorded.
        """
        with self._lock:
            if not self.holds(token):
                raise InternalError("A participant who is not recorded has a piece.")
            folder = self.folder(token)
            if (token, kind) not in self._numbers:
                with storage_errors():
                    self._numbers[token, kind] = max(_numbers(folder, kind), default=0)
            self._numbers[token, kind] += 1
            number = self._numbers[token, kind]
            stem = folder / f"{kind}-{number:04d}"
            return SegmentPaths(number, stem.with_suffix(".mp4"), stem.with_suffix(".jsonl"))

    def words(self, token: str, line: WordsLine) -> None:
        """Append an utterance, or one that replaces it."""
        self._append(token, "words", line)

    def chat(self, token: str, line: WordsLine) -> None:
        """Append a message of the chat."""
        self._append(token, "chat", line)

    def quality(self, token: str, line: QualitySecond) -> None:
        """Append how a participant's connection did."""
        self._append(token, "quality", line)

    def fact(self, token: str, event: Event, *, track: MediaKind | None = None) -> None:
        """Append an event of a participant; `track` says which of their tracks.

        Raises:
            InternalError: a key or text of the event is not known to be safe.
        """
        span = event.span
        line = FactLine(
            kind=str(event.kind),
            track=track or "",
            start=None if span is None else round(span.start, 3),
            end=None if span is None else round(span.end, 3),
            detail=safe_detail(event),
        )
        self._append(token, "facts", line)

    def erase(self, token: str) -> ErasureFigures:
        """Remove all that is stored of a participant, and log that somebody's was removed.

        Nothing can be written of them afterwards. The first thing that happens on the disk is that the folder loses
        its name, which needs no room: from then on nobody publishes it, and a crash or a failure on the way is
        completed by the next one who opens this folder. Safe to repeat.

        Raises:
            StorageFailed: a file could not be removed.
        """
        with self._lock:
            self._forgotten.add(token)
            for key in [key for key in self._open if key[0] == token]:
                self._open.pop(key).abandon()
            figures = ErasureFigures()
            folder = self._moved.get(token, self.folder(token))
            if folder.is_dir():
                figures = self._remove(self._nameless(token, folder))
                self._log_erasure()
            self._moved.pop(token, None)
            return figures

    def stored_bytes(self) -> int:
        """Return how much lies on the disk."""
        with storage_errors():
            return sum(_sizes(self._live))

    def close(self) -> None:
        """Bring everything to the disk; safe to call twice."""
        with self._lock:
            for lines in self._open.values():
                lines.close()
            self._open.clear()
            self._log.close()

    def _append(self, token: str, name: str, line: BaseModel) -> None:
        """Append a line; what comes of a participant who is no longer recorded is dropped."""
        with self._lock:
            if not self.holds(token):
                return
            lines = self._open.get((token, name))
            if lines is None:
                lines = self._open[token, name] = _Lines(self.folder(token) / f"{name}.jsonl")
            lines.append(line)

    def _complete_erasures(self) -> None:
        with self._lock, storage_errors():
            for folder in [*self._live.iterdir(), *self._people.iterdir()]:
                person = _person(folder) if _TOKEN.match(folder.name) else None
                if folder.name.startswith(_GONE) or (person is not None and person.removed):
                    self._remove(folder)
                    self._log_erasure()

    def _log_erasure(self) -> None:
        self._log.append(Event(EventKind.ERASED))

    def _nameless(self, token: str, folder: Path) -> Path:
        """Take a folder's name away, and remember where it is."""
        if folder.name.startswith(_GONE):
            return folder
        nameless = self._live / f"{_GONE}{secrets.token_hex(8)}"
        with storage_errors():
            try:
                folder.rename(nameless)
            except OSError:
                (folder / _PERSON).unlink(missing_ok=True)  # nobody publishes a folder without its record
                raise
            self._moved[token] = nameless
            _sync(self._people)
            _sync(self._live)
        return nameless

    def _remove(self, folder: Path) -> ErasureFigures:
        """Take a folder's name away, then its files, then itself."""
        files = size = 0
        folder = self._nameless(folder.name, folder)
        with storage_errors():
            for item in sorted(folder.rglob("*"), reverse=True):
                if item.is_dir() and not item.is_symlink():
                    item.rmdir()
                    continue
                size += item.lstat().st_size
                item.unlink()
                files += 1
            _sync(folder)
            folder.rmdir()
            _sync(self._live)
        return ErasureFigures(files, size)


class _Lines:
    """One file of lines; each is handed to the system whole, and brought to the disk every few."""

    def __init__(self, path: Path) -> None:
        with storage_errors():
            self._file: IO[bytes] = path.open("a+b", buffering=0)
            self._file.seek(0)
            self._file.truncate(self._file.read().rfind(b"\n") + 1)  # half a line of a process that died
        self._unsynced = 0

    def append(self, line: BaseModel) -> None:
        """Write one line.

        Raises:
            StorageFailed: the disk refused.
        """
        with storage_errors():
            self._file.write(line.model_dump_json().encode() + b"\n")
            self._unsynced += 1
            if self._unsynced >= _SYNC_EVERY:
                os.fsync(self._file.fileno())
                self._unsynced = 0

    def abandon(self) -> None:
        """Close what is about to be removed: what fails is of no account."""
        with contextlib.suppress(OSError):
            self._file.close()

    def close(self) -> None:
        """Bring it to the disk and close."""
        with storage_errors(), self._file:
            os.fsync(self._file.fileno())


def _person(folder: Path) -> PersonRecord | None:
    """Return a folder's record; None when it has none that can be read, as after a crash before it was written."""
    path = folder / _PERSON
    if not path.is_file():
        return None
    try:
        person = PersonRecord.model_validate_json(path.read_bytes())
    except ValidationError:
        return None
    return person if person.token == folder.name else None


def _numbers(folder: Path, kind: str) -> Iterator[int]:
    for item in folder.iterdir():
        match = _NUMBER.match(item.name)
        if match is not None and match[1] == kind:
            yield int(match[2])


def _sizes(folder: Path) -> Iterator[int]:
    """Yield the sizes of the files below a folder; what vanishes meanwhile is left out."""
    with contextlib.suppress(FileNotFoundError):
        for item in list(folder.iterdir()):
            if item.is_dir() and not item.is_symlink():
                yield from _sizes(item)
            else:
                with contextlib.suppress(FileNotFoundError):
                    yield item.lstat().st_size


def _write_whole(path: Path, record: BaseModel) -> None:
    """Write a small file so that a crash leaves the old or the new one."""
    fresh = path.with_name(path.name + ".new")
    with storage_errors():
        with fresh.open("wb") as file:
            file.write(record.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
