"""The time line of the page: a lane for each track or participant and kind of thing, as shares of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from recorder.bundle.log import LoggedEvent
from recorder.bundle.manifest import Manifest
from recorder.bundle.report.timeline import Row, file_rows, participant_lanes
from recorder.bundle.transcript import TranscriptFile

__all__ = ["lanes_of"]

_MOST_BARS: Final = 600


def lanes_of(
    manifest: Manifest, transcript: TranscriptFile | None, log: Sequence[LoggedEvent]
) -> list[dict[str, Any]]:
    """Return the lanes of a bundle, those of a report: name, and bars with left, width, kind and title."""
    if manifest.participants is None:
        return [_told(row.name, row) for row in file_rows(manifest, transcript, log)]
    return [
        _told(f"{entry.id} {row.name}", row)
        for entry in manifest.participants.people
        for row in participant_lanes(entry, manifest, transcript, log).rows
    ]


def _told(name: str, row: Row) -> dict[str, Any]:
    """Return a lane; of very many bars those that cover most stay, since a page cannot show the rest."""
    bars = sorted(sorted(row.bars, key=lambda bar: -bar.width)[:_MOST_BARS], key=lambda bar: bar.left)
    return {"name": name, "bars": [[bar.left, bar.width, bar.kind, bar.title] for bar in bars]}
