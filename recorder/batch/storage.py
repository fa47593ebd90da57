"""Which store a source or a destination is in, told by its URL's scheme."""

from __future__ import annotations

from recorder.batch.contract import DestinationStore, SourceStore
from recorder.batch.folders import FolderDestination, FolderSources

__all__ = ["open_destination", "open_sources"]


def open_sources(text: str) -> SourceStore:
    """Open where recordings come from.

    Raises:
        UsageError: there is no store for this scheme.
    """
    return FolderSources(text)


def open_destination(text: str) -> DestinationStore:
    """Open where bundles go.

    Raises:
        UsageError: there is no store for this scheme.
    """
    return FolderDestination(text)
