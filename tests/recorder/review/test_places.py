"""The queue of a review: what is most worth a look comes first, and nothing that the log tells is left out."""

from __future__ import annotations

from pathlib import Path

from recorder.bundle.log import LOG, LoggedEvent, read_log
from recorder.bundle.manifest import Check, GapEntry
from recorder.bundle.verify_files import read_manifest
from recorder.review.places import places_of, worst_of
from redaction.model import Span
from tests.recorder.bundle.bundles import published_file


def logged(event: str, start: float, end: float, **detail: str | int | float) -> LoggedEvent:
    """Return a line of a log."""
    return LoggedEvent(event, "V1", Span(start, end), detail)


def test_worst_comes_first(tmp_path: Path) -> None:
    """A failed check leads, then whole covers, finds of the second look, doubts, removed persons, gaps, comings."""
    manifest = read_manifest(published_file(tmp_path).path).model_copy(
        update={
            "duration": 100.0,
            "checks": (Check(name="voice-not-recognised", passed=False),),
            "gaps": (GapEntry(track="V1", start=50, end=52, reason="lost"),),
            "stills": (),
        }
    )
    log = [
        logged("tracklet", 10, 20, reason="face", lowest_score=0.95, in_doubt=0),
        logged("tracklet", 30, 40, reason="minor", lowest_score=0.9, in_doubt=0),
        logged("tracklet", 60, 70, reason="face", lowest_score=0.9, in_doubt=1),
        logged("verify", 80, 80, score=0.7),
        logged("whole_cover", 90, 91, reason="failed"),
    ]
    kinds = list(dict.fromkeys(place.kind for place in places_of(manifest, log)))
    assert kinds == ["check", "whole", "mended", "doubt", "minor", "gap", "enters", "leaves"]


def test_an_unsure_face_leads_a_sure_one(tmp_path: Path) -> None:
    """The lower the score, the earlier; a sure face is no place, but for where it comes and goes."""
    manifest = read_manifest(published_file(tmp_path).path).model_copy(
        update={"duration": 100.0, "stills": ()}
    )
    log = [
        logged("tracklet", 10, 20, reason="face", lowest_score=0.7),
        logged("tracklet", 30, 40, reason="face", lowest_score=0.5),
        logged("tracklet", 50, 60, reason="face", lowest_score=0.9),
    ]
    low = [place.span.start for place in places_of(manifest, log) if place.kind == "low"]
    assert low == [30, 10]


def test_places_that_touch_are_one_and_there_are_never_too_many(tmp_path: Path) -> None:
    """Finds a second apart are one place; however long a log is, a page can show the queue."""
    manifest = read_manifest(published_file(tmp_path).path).model_copy(update={"duration": 1e5, "stills": ()})
    near = [logged("verify", 10 + number, 10 + number, score=0.5) for number in range(5)]
    (one,) = places_of(manifest, near)
    assert one.span == Span(9.5, 14.5)
    far = [logged("verify", 10 * number, 10 * number, score=0.5) for number in range(5000)]
    assert len(places_of(manifest, far)) == 400


def test_a_bundle_with_worse_places_comes_before_others(tmp_path: Path) -> None:
    """By its worst place first; without any it comes last."""
    bundle = published_file(tmp_path).path
    places = places_of(read_manifest(bundle), read_log(bundle / LOG))
    assert 0.5 < worst_of(places) <= 1.1
    assert worst_of([]) == 0.0
    assert worst_of(places[1:]) <= worst_of(places)
