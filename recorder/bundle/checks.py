"""The steps of the second look as the manifest holds them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from recorder.bundle.manifest import Check
from recorder.media.check import LENGTH_TOLERANCE_S, audio_length_error, require_bare_container

__all__ = ["audio_length_check", "container_check", "joined_checks"]


def audio_length_check(path: Path, expected: float) -> Check:
    """Hold the length of stored audio against the recording's, in seconds (step 3).

    Raises:
        RedactionIncomplete: it cannot be read back, or its length is off.
    """
    off = audio_length_error(path, expected)
    return Check(name="sound-length", passed=True, figure=round(off, 3), limit=LENGTH_TOLERANCE_S)


def container_check(path: Path, *, video: int, audio: int) -> Check:
    """Look in a stored file for anything but its streams (step 6).

    Raises:
        RedactionIncomplete: there is something.
    """
    require_bare_container(path, video=video, audio=audio)
    return Check(name="metadata", passed=True, figure=0, limit=0)


def joined_checks(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Make one of all checks of a name: figures of counts add up, those with a limit keep the worst."""
    joined: dict[str, Check] = {}
    for check in checks:
        other = joined.get(check.name)
        if other is None:
            joined[check.name] = check
            continue
        figures = [item.figure for item in (other, check) if item.figure is not None]
        together = max(figures, default=0.0) if check.limit is not None else sum(figures)
        joined[check.name] = check.model_copy(
            update={
                "passed": other.passed and check.passed,
                "figure": round(together, 3) if figures else None,
            }
        )
    return tuple(joined.values())
