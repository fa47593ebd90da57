"""The hash-chained log: what was decided, covered and missed, and when; ids, spans and types only."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from recorder.runtime.storage import storage_errors
from redaction.errors import InternalError, RedactionIncomplete
from redaction.model import EntityType, Event, EventKind, Span

__all__ = [
    "EVENT_KEYS",
    "GENESIS",
    "LOG",
    "ChainedLog",
    "LoggedEvent",
    "check_chain",
    "read_log",
    "safe_detail",
]

LOG: Final = "log.jsonl"
GENESIS: Final = "0" * 64
EVENT_KEYS: Final = frozenset(
    {
        "action", "adults", "bottom", "bridged", "bytes", "channels", "check", "count", "covered_whole", "detected",
        "engine", "entity_type", "examined", "failures", "figure", "files", "frames", "height", "in_doubt",
        "incomplete", "kind", "language", "left", "level", "limit", "located", "lowest_score", "method", "minors",
        "model", "name", "passed", "reason", "recording", "result", "right", "round", "rule", "sample_rate",
        "score", "seconds", "sha256", "speaker", "speakers", "state", "status", "threshold", "top", "tracklet",
        "tracklets", "uncovered_seconds", "unexamined", "utterances", "version", "width", "words",
    }
)  # fmt: skip
_LONGEST_LINE: Final = 1 << 20
_CHAIN: Final = frozenset({"seq", "prev", "hash", "event", "track", "span"})
_SAFE_TEXT: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9 ._+:/-]{0,79}$")
_ENTITY_NAMES: Final = frozenset(str(kind) for kind in EntityType)


class ChainedLog:
    """Append events to `log.jsonl`; each line holds the hash of the line before it.

    Args:
        path: file to create; it must not exist.

    Raises:
        StorageFailed: the file exists already or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        with storage_errors():
            self._file = path.open("xb", buffering=0)  # an error belongs to the line that met it
        self._head = GENESIS
        self._count = 0

    @classmethod
    def resumed(cls, path: Path) -> Self:
        """Go on with a log whose process died; a last line that was cut off is dropped.

        Raises:
            StorageFailed: the file cannot be read or written.
            RedactionIncomplete: a line but the last is missing, altered, out of order or not JSON.
        """
        log = cls.__new__(cls)
        with storage_errors():
            log._file = path.open("r+b", buffering=0)
            written = log._file.read()
            whole = written.rfind(b"\n") + 1
            log._file.truncate(whole)
            log._file.seek(whole)
        try:
            log._head, log._count = check_chain(path)
        except RedactionIncomplete:
            log._file.close()
            raise
        return log

    @property
    def head(self) -> str:
        """Hash of the last line, `GENESIS` before the first."""
        return self._head

    @property
    def count(self) -> int:
        """Number of lines written."""
        return self._count

    def append(self, event: Event) -> None:
        """Write one event.

        Raises:
            StorageFailed: the line cannot be written.
            InternalError: the event carries a key or a text that is not known to be safe.
        """
        record: dict[str, object] = {"seq": self._count, "prev": self._head, "event": str(event.kind)}
        if event.track:
            record["track"] = _safe(event.track)
        if event.span is not None:
            record["span"] = [round(event.span.start, 3), round(event.span.end, 3)]
        record |= safe_detail(event)
        digest = _digest(record)
        with storage_errors():
            self._file.write((_canonical({**record, "hash": digest}) + "\n").encode("ascii"))
        self._head = digest
        self._count += 1

    def extend(self, events: Iterable[Event]) -> None:
        """Write several events in order."""
        for event in events:
            self.append(event)

    def close(self) -> None:
        """Bring it to the disk and close; safe to call twice."""
        if not self._file.closed:
            with storage_errors(), self._file:
                os.fsync(self._file.fileno())


def safe_detail(event: Event) -> dict[str, str | int | float]:
    """Return an event's figures as the log holds them.

    Raises:
        InternalError: a key or a text is not known to be safe.
    """
    for key in event.detail:
        if key not in EVENT_KEYS:
            raise InternalError(f"An event of kind {event.kind} carries a key that the log does not know.")
    return {
        key: _safe(value) if isinstance(value, str) else _finite(value) for key, value in event.detail.items()
    }


def check_chain(path: Path) -> tuple[str, int]:
    """Follow the chain of a stored log.

    Returns:
        The hash of the last line and the number of lines.

    Raises:
        RedactionIncomplete: a line is missing, altered, out of order or not JSON.
    """
    head, count = GENESIS, 0
    with path.open(encoding="ascii", errors="replace") as lines:
        for line in iter(lambda: lines.readline(_LONGEST_LINE), ""):
            try:
                record = json.loads(line)
                claimed = record.pop("hash")
                digest = _digest(record)
            except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
                raise RedactionIncomplete(f"Line {count + 1} of the log cannot be read.") from None
            if record.get("prev") != head or record.get("seq") != count or digest != claimed:
                raise RedactionIncomplete(f"The log's chain is broken at line {count + 1}.")
            head, count = claimed, count + 1
    return head, count


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One line of a stored log; `event` is a kind of its version, which this one need not know."""

    event: str
    track: str
    span: Span | None
    detail: Mapping[str, str | int | float]

    def as_event(self) -> Event:
        """Return it as an event of this version.

        Raises:
            ValueError: this version knows no such event.
        """
        return Event(EventKind(self.event), self.track, self.span, self.detail)


def read_log(path: Path) -> list[LoggedEvent]:
    """Read a stored log whose chain was checked, or which this process has just written.

    Raises:
        OSError: it cannot be read.
        ValueError, KeyError, TypeError: a line of it is not an event.
    """
    with path.open(encoding="ascii") as lines:
        return [_logged(json.loads(line)) for line in lines]


def _logged(record: dict[str, Any]) -> LoggedEvent:
    span = record.get("span")
    return LoggedEvent(
        event=str(record["event"]),
        track=str(record.get("track", "")),
        span=None if span is None else Span(float(span[0]), float(span[1])),
        detail={key: value for key, value in record.items() if key not in _CHAIN},
    )


def _canonical(record: dict[str, object]) -> str:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _digest(record: dict[str, object]) -> str:
    return hashlib.sha256(_canonical(record).encode()).hexdigest()


def _safe(text: str) -> str:
    if text and text not in _ENTITY_NAMES and not _SAFE_TEXT.match(text):
        raise InternalError("An event carries a text that may be content.")
    return text


def _finite(value: int | float) -> int | float:
    return round(value, 4) if isinstance(value, float) and abs(value) < 1e12 else int(value)
