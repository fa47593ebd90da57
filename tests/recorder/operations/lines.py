"""What the tests of the operational log share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from recorder.operations.log import LogFormat, LogLevel, configure_log

__all__ = ["json_log", "lines_of"]


@contextmanager
def json_log(level: LogLevel = LogLevel.DEBUG) -> Iterator[None]:
    """Log as JSON within the block."""
    configure_log(LogFormat.JSON, level)
    try:
        yield
    finally:
        structlog.reset_defaults()


def lines_of(text: str) -> list[dict[str, object]]:
    """Return the lines of a log without their times, levels and durations."""
    left_out = ("time", "level", "seconds")
    return [
        {key: value for key, value in json.loads(line).items() if key not in left_out}
        for line in text.splitlines()
    ]
