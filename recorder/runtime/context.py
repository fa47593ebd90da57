"""What a run tells whoever watches it; watching never changes data."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Silent"]


class Progress(Protocol):
    """Receives stage names from this program and seconds of media; never content."""

    def begin(self, stage: str, total: float) -> None:
        """A stage starts; `total` is its length in seconds of media, 0 when unknown."""

    def reach(self, stage: str, seconds: float) -> None:
        """A stage has done that many seconds of media."""

    def end(self, stage: str) -> None:
        """A stage is done."""


class Silent:
    """Tells nobody."""

    def begin(self, stage: str, total: float) -> None:
        """Do nothing."""

    def reach(self, stage: str, seconds: float) -> None:
        """Do nothing."""

    def end(self, stage: str) -> None:
        """Do nothing."""
