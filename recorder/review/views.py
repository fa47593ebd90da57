"""What the page plays of a bundle, and which track is seen where on the composed recording of a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from recorder.bundle.contents import RECORDING
from recorder.bundle.manifest import Manifest, TrackEntry
from recorder.media.grid import CANVAS, arranged
from recorder.media.planes import fitted
from redaction.model import Box

__all__ = ["Playable", "Region", "layout_of", "views_of"]

_Rect = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Region:
    """Where one track is seen on the composed recording, as shares of it, for a stretch."""

    start: float
    end: float
    track: str
    box: _Rect


@dataclass(frozen=True, slots=True)
class Playable:
    """Something that can be played.

    Attributes:
        name: what the page calls it.
        track: the video track that it shows; empty for a composed recording and for audio alone.
        file: of the bundle.
        width, height: in pixels; 0 for audio alone.
        regions: of a composed recording.
    """

    name: str
    track: str
    file: str
    width: int
    height: int
    regions: tuple[Region, ...] = ()


def views_of(manifest: Manifest) -> list[Playable]:
    """Return what can be played of a bundle, the recording first."""
    videos = [track for track in manifest.tracks if track.kind == "video" and track.file in manifest.files]
    views: list[Playable] = []
    call = manifest.participants is not None
    if RECORDING in manifest.files and (call or not any(track.file == RECORDING for track in videos)):
        width, height = CANVAS if call else (0, 0)
        views.append(Playable("Recording", "", RECORDING, width, height, tuple(layout_of(manifest))))
    views += [
        Playable(track.id.replace("-", " "), track.id, str(track.file), track.width or 0, track.height or 0)
        for track in videos
    ]
    return views


def layout_of(manifest: Manifest) -> Iterator[Region]:
    """Yield which track of a call is seen where on its recording, in order of time."""
    if manifest.participants is None:
        return
    labels = [entry.id for entry in manifest.participants.people]
    cameras = {track.id: track for track in manifest.tracks if track.id.endswith("-camera")}
    screens = [track for track in manifest.tracks if track.id.endswith("-screen")]
    edges = sorted(
        {
            0.0,
            manifest.duration,
            *(edge for one in screens for span in one.spans for edge in (span.start, span.end)),
        }
    )
    for start, end in pairwise(edges):
        shared = _shared(screens, (start + end) / 2)
        tiles, main = arranged(labels, screen=shared is not None)
        for label in labels:
            camera = cameras.get(f"{label}-camera")
            if camera is not None:
                yield _region(start, end, camera, tiles[label])
        if shared is not None and main is not None:
            yield _region(start, end, shared, main)


def _shared(screens: Sequence[TrackEntry], time: float) -> TrackEntry | None:
    """Return whose screen is shown: the one shared last."""
    sharing = [
        (span.start, track.id, track)
        for track in screens
        for span in track.spans
        if span.start <= time < span.end
    ]
    return max(sharing)[2] if sharing else None


def _region(start: float, end: float, track: TrackEntry, tile: Box) -> Region:
    place = fitted(track.width or tile.width, track.height or tile.height, tile)
    width, height = CANVAS
    box = (place.x1 / width, place.y1 / height, place.x2 / width, place.y2 / height)
    return Region(start, end, track.id, box)
