"""The places of a bundle that are most worth a look, worst first, as its log, gaps, stills and checks tell them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from recorder.bundle.log import LoggedEvent
from recorder.bundle.manifest import Manifest, StillEntry
from redaction.model import EventKind, Span

__all__ = ["ReviewPlace", "places_of", "worst_of"]

_NEAR_S: Final = 1.5
_EDGE_S: Final = 0.5
_SURE: Final = 0.75
_MOST: Final = 400
_LEAST_S: Final = 0.6

_WHY: Final = {
    "check": "A check did not pass",
    "whole": "Covered whole",
    "gap": "Could not be read",
    "mended": "The second look covered something here",
    "doubt": "In doubt whether a minor",
    "low": "A face that detectors were unsure of",
    "minor": "A person was removed",
    "still": "Most worth a look",
    "load": "The machine could not keep up",
    "silenced": "Sound was dropped",
    "enters": "A face comes in",
    "leaves": "A face goes out",
}


@dataclass(frozen=True, slots=True)
class ReviewPlace:
    """A stretch of one track that somebody should look at.

    Attributes:
        kind: a key that the page has a sign for.
        track: such as `V1` or `P01-camera`; empty for the whole recording.
        rank: 0 to 1, higher is more worth a look.
        why: in plain words.
    """

    kind: str
    track: str
    span: Span
    rank: float
    why: str

    @property
    def id(self) -> str:
        """Its name for as long as the bundle is the same."""
        return f"{self.kind}.{self.track}.{self.span.start:.2f}"


def places_of(manifest: Manifest, log: Sequence[LoggedEvent]) -> list[ReviewPlace]:
    """Return the places of a bundle, worst first.

    Places of one kind and track that nearly touch are one. At most 400 are returned.
    """
    found = [*_from_manifest(manifest), *_from_log(manifest, log)]
    places = sorted(_joined(found), key=lambda place: (-place.rank, place.span, place.track))
    return places[:_MOST]


def worst_of(places: Sequence[ReviewPlace]) -> float:
    """Return how much a bundle is worth a look: its worst place, and a little for how many there are of these."""
    if not places:
        return 0.0
    return places[0].rank + min(0.09, 0.01 * sum(place.rank >= 0.5 for place in places))


def _place(kind: str, track: str, span: Span, rank: float, more: str = "") -> ReviewPlace:
    return ReviewPlace(kind, track, span, round(rank, 3), _WHY[kind] + (f": {more}" if more else ""))


def _from_manifest(manifest: Manifest) -> Iterator[ReviewPlace]:
    everything = Span(0.0, manifest.duration)
    people = manifest.participants.people if manifest.participants else ()
    checks = (*manifest.checks, *(check for person in people for check in person.checks))
    for name in dict.fromkeys(check.name for check in checks if not check.passed):
        yield _place("check", "", everything, 1.0, name.replace("-", " "))
    for gap in manifest.gaps:
        yield _place("gap", gap.track, Span(gap.start, gap.end), 0.6, gap.reason)
    for still in manifest.stills:
        if still.reason in ("covered whole", "seen before its process died"):
            yield _place("still", still.track, _around(still), 0.8, still.reason)
        elif manifest.participants is not None and still.rank > 0.3:
            yield _place("still", still.track, _around(still), min(0.9, still.rank), still.reason)


def _around(still: StillEntry) -> Span:
    return Span(max(0.0, still.time - _EDGE_S), still.time + _EDGE_S)


def _from_log(manifest: Manifest, log: Sequence[LoggedEvent]) -> Iterator[ReviewPlace]:
    for event in log:
        span = event.span
        if span is None:
            continue
        reason = str(event.detail.get("reason", ""))
        if event.event == EventKind.WHOLE_COVER and reason != "review":
            yield _place("whole", event.track, span, 0.95, reason)
        elif event.event == EventKind.VERIFY and "score" in event.detail:
            yield _place("mended", event.track, span.padded(_EDGE_S, _EDGE_S), 0.85)
        elif event.event == EventKind.MENDED:
            yield _place("mended", event.track, span, 0.75, reason)
        elif event.event == EventKind.SILENCED:
            yield _place("silenced", event.track, span, 0.35, reason)
        elif event.event == EventKind.LOAD and event.detail.get("level") not in ("full", None):
            yield _place("load", event.track, span.padded(0, _EDGE_S), 0.5, str(event.detail["level"]))
        elif event.event == EventKind.TRACKLET:
            yield from _of_tracklet(event, span, reason, manifest.duration)


def _of_tracklet(event: LoggedEvent, span: Span, reason: str, duration: float) -> Iterator[ReviewPlace]:
    score = float(event.detail.get("lowest_score", 1.0))
    if event.detail.get("in_doubt") == 1:
        yield _place("doubt", event.track, span, 0.7)
    if reason == "minor":
        yield _place("minor", event.track, span, 0.65)
    elif score < _SURE:
        yield _place("low", event.track, span, 0.9 - 0.5 * score, f"lowest score {score:.2f}")
    if span.start > _EDGE_S:
        yield _place("enters", event.track, Span(span.start - _EDGE_S, span.start + _EDGE_S), 0.3)
    if span.end < duration - _EDGE_S:
        yield _place("leaves", event.track, Span(max(0.0, span.end - _EDGE_S), span.end + _EDGE_S), 0.28)


def _joined(found: Iterable[ReviewPlace]) -> Iterator[ReviewPlace]:
    by_kind: dict[tuple[str, str], list[ReviewPlace]] = {}
    for place in sorted(found, key=lambda item: item.span):
        near = by_kind.setdefault((place.kind, place.track), [])
        if near and place.kind != "check" and place.span.start <= near[-1].span.end + _NEAR_S:
            last = near[-1]
            worse = max(last, place, key=lambda item: item.rank)
            near[-1] = replace(worse, span=Span(last.span.start, max(last.span.end, place.span.end)))
        else:
            near.append(place)
    for near in by_kind.values():
        for place in near:
            longer = max(place.span.end, place.span.start + _LEAST_S)
            yield replace(place, span=Span(place.span.start, longer))
