"""The operational log: static event names and safe keys alone; nothing that a person typed, said or showed.

A value is a number, a member of an enum, a span, or an id that this program made. No text can be logged: there is no
key for it, and what does not fit its key is withheld, counted and named by no more than the count.
"""

from __future__ import annotations

import builtins
import logging
import re
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from recorder.runtime.terminal import echo
from redaction import errors
from redaction.model import Span

__all__ = [
    "SAFE_KEYS",
    "Id",
    "LogEvent",
    "LogFormat",
    "LogLevel",
    "LogValue",
    "OperationalLog",
    "Reason",
    "Way",
    "configure_log",
    "error_id",
    "failure_logged",
    "made_here",
    "unsafe_keys",
]

_MADE_HERE: Final = re.compile(r"call-\d{8}-(\d{6}-[0-9a-f]{4}|[0-9a-f]{8})|[0-9a-f]{16,64}")
"""A call's id says when it was and holds chance; a recording's is an HMAC under the destination's key."""


def _error_names() -> frozenset[str]:
    found = [*vars(builtins).values(), *vars(errors).values()]
    return frozenset(
        kind.__name__ for kind in found if isinstance(kind, type) and issubclass(kind, BaseException)
    )


_ERRORS: Final = _error_names()


class LogFormat(StrEnum):
    """How a line looks."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """From which level on events are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogEvent(StrEnum):
    """Every event that the operational log can hold."""

    CALL_STARTED = "call_started"
    PARTICIPANT_JOINED = "participant_joined"
    PARTICIPANT_LEFT = "participant_left"
    PARTICIPANT_RECORDING = "participant_recording"
    PARTICIPANT_STOPPED = "participant_stopped"
    PARTICIPANT_ERASED = "participant_erased"
    ASKING = "asking"
    LOAD_CHANGED = "load_changed"
    GAP = "gap"
    STAGE_FAILED = "stage_failed"
    CONNECTIONS_TURNED_AWAY = "connections_turned_away"
    LEAVING = "leaving"
    CALL_PUBLISHED = "call_published"
    BATCH_STARTED = "batch_started"
    BATCH_PLANNED = "batch_planned"
    BATCH_COUNTED = "batch_counted"
    BATCH_WAITING = "batch_waiting"
    RECORDING_ENDED = "recording_ended"
    BATCH_ENDED = "batch_ended"
    FAILED = "failed"
    OTHER = "other"


_LEVELS: Final[Mapping[LogEvent, int]] = {
    LogEvent.BATCH_COUNTED: logging.DEBUG,
    LogEvent.CONNECTIONS_TURNED_AWAY: logging.WARNING,
    LogEvent.GAP: logging.WARNING,
    LogEvent.LOAD_CHANGED: logging.WARNING,
    LogEvent.STAGE_FAILED: logging.ERROR,
    LogEvent.FAILED: logging.ERROR,
}


class Reason(StrEnum):
    """Why the bot leaves a call, or why a call was over."""

    DISK = "disk"
    ALONE = "alone"
    TIME = "time"
    LEFT = "left"
    OVER = "over"
    REMOVED = "removed"
    LOST = "lost"
    OTHER = "other"


class Way(StrEnum):
    """The way into a call."""

    ROOM = "room"
    JANUS = "janus"
    WHIP = "whip"
    WHEP = "whep"
    ZOOM = "zoom"
    BROWSER = "browser"
    OTHER = "other"

    @classmethod
    def of(cls, name: str) -> Way:
        """Return the way of that name."""
        return next((way for way in cls if way.value == name), cls.OTHER)


@dataclass(frozen=True, slots=True)
class Id:
    """A name that this program made, or that of a known kind of error.

    Raises:
        ValueError: the text is neither.
    """

    text: str

    def __post_init__(self) -> None:
        if not _MADE_HERE.fullmatch(self.text) and self.text not in _ERRORS:
            raise ValueError("This is no id that the program made.")

    def __str__(self) -> str:
        return self.text


LogValue = int | float | StrEnum | Span | Id

_NUMBER: Final = (int, float)
SAFE_KEYS: Final[Mapping[str, tuple[type, ...]]] = {
    "able": _NUMBER,
    "call": (Id,),
    "count": _NUMBER,
    "error": (Id,),
    "left": _NUMBER,
    "media_seconds": _NUMBER,
    "participant": _NUMBER,
    "participants": _NUMBER,
    "published": _NUMBER,
    "reason": (StrEnum,),
    "recording": (Id,),
    "refused": _NUMBER,
    "result": (StrEnum,),
    "seconds": _NUMBER,
    "span": (Span,),
    "state": (StrEnum,),
    "status": _NUMBER,
    "step": (StrEnum,),
    "way": (StrEnum,),
    "withheld": _NUMBER,
    "workers": _NUMBER,
}
"""Every key that may stand beside an event's name, and what its value may be."""

_EVENTS: Final = frozenset(event.value for event in LogEvent)
_OWN_KEYS: Final = frozenset({"event", "level", "time"})


def unsafe_keys(fields: Mapping[str, object]) -> Iterator[str]:
    """Yield the keys of a line that are not on the list, or whose value is not what the list allows."""
    for key, value in fields.items():
        if key in _OWN_KEYS:
            continue
        if not isinstance(value, SAFE_KEYS.get(key, ())):
            yield key


def made_here(text: str) -> bool:
    """Tell whether a name is one that this program makes, such as a call's."""
    return _MADE_HERE.fullmatch(text) is not None


def error_id(name: str) -> Id:
    """Return the id of a kind of error; one that is not known is `Exception`."""
    return Id(name if name in _ERRORS else "Exception")


class OperationalLog:
    """Writes events; writing one changes nothing else."""

    def __init__(self) -> None:
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

    def log(self, event: LogEvent, **fields: LogValue) -> None:
        """Log an event at its own level; what is not safe is withheld."""
        self._log.log(_LEVELS.get(event, logging.INFO), event.value, **fields)


def configure_log(form: LogFormat = LogFormat.CONSOLE, level: LogLevel = LogLevel.WARNING) -> None:
    """Have lines of that form written to stderr from that level on."""
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form is LogFormat.JSON
        else structlog.processors.KeyValueRenderer(key_order=["time", "level", "event"])
    )
    structlog.configure(
        processors=[
            _withhold,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.value),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=False,
    )


class _Stderr:
    """Writes lines to what stderr is at the moment: a live view may have put itself before it."""

    def _write(self, line: str) -> None:
        echo(line, err=True)

    debug = info = warning = error = critical = msg = _write


def _withhold(
    _logger: object, _method: str, fields: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    withheld = list(unsafe_keys(fields))
    for key in withheld:
        del fields[key]
    if fields.get("event") not in _EVENTS:
        fields["event"] = LogEvent.OTHER.value
    if withheld:
        fields["withheld"] = len(withheld)
    for key, value in fields.items():
        fields[key] = _plain(value)
    return fields


def _plain(value: object) -> object:
    """Return a value as a line shows it: spans as seconds, enums and ids as their text."""
    if isinstance(value, Span):
        return [round(value.start, 3), round(value.end, 3)]
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Id):
        return value.text
    return round(value, 3) if isinstance(value, float) else value


@contextmanager
def failure_logged(log: OperationalLog, *, began: float) -> Iterator[None]:
    """Log with which status the block failed, and after how long; the error goes on.

    Args:
        log: where to.
        began: when the work began, in seconds of `time.monotonic`.
    """
    try:
        yield
    except Exception as error:
        status = error.exit_code if isinstance(error, errors.OffrecordError) else errors.ExitCode.INTERNAL
        log.log(
            LogEvent.FAILED,
            status=int(status),
            error=error_id(type(error).__name__),
            seconds=time.monotonic() - began,
        )
        raise
