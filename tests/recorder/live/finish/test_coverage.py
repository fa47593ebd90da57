"""Figures of a call's parts add up, and nothing that was lost counts as kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.bundle.manifest import VideoCoverage
from recorder.live.finish.coverage import (
    UsableAudio,
    audio_seconds,
    call_audio_coverage,
    call_video_coverage,
    redacted_counts,
)
from recorder.live.finish.verify_segments import VerifiedSegment, VerifiedSegments
from recorder.media.concat import Part
from redaction.model import EntityType, RedactedUtterance, Span, Token
from tests.media import make_clip


def segment(**counts: float) -> VerifiedSegment:
    """Return a stored segment with these figures."""
    coverage = VideoCoverage.model_validate(counts)
    return VerifiedSegment("camera", Part(Path("a"), 0, 1, 64, 48), coverage, (), ())


def test_frames_add_up_and_areas_are_weighed() -> None:
    """Each frame counts once, and a share is of all frames, so that a short segment weighs little."""
    seen = VerifiedSegments(
        (
            segment(frames=30, detected=20, bridged=10, tracklets=2, minors=1, share_of_area_covered=0.1),
            segment(frames=10, covered_whole=4, unaccounted=6, tracklets=1, share_of_area_covered=0.5),
        ),
        (),
    )
    found = call_video_coverage(seen)
    assert (found.frames, found.detected, found.bridged, found.covered_whole) == (40, 20, 10, 4)
    assert (found.unaccounted, found.tracklets, found.minors) == (6, 3, 1)
    assert found.share_of_area_covered == pytest.approx(0.2)
    assert call_video_coverage(VerifiedSegments((), ())) == VideoCoverage()


def spoken(*tokens: Token) -> RedactedUtterance:
    """Return two seconds of speech."""
    return RedactedUtterance(tokens, Span(1, 3), "P01", "microphone")


def test_audio_is_what_is_stored_and_words_are_what_is_kept_of_them() -> None:
    """An utterance of which nothing is left is no speech, and a participant without any is no speaker."""
    audio = UsableAudio((), (Span(0, 10), Span(20, 25)), ())
    words = (Token("hello", Span(1, 2)), Token("PERSON", Span(2, 3), EntityType.PERSON))
    found = call_audio_coverage(audio, [spoken(*words), spoken()], [Span(5, 6.5)])
    assert (found.seconds, found.speech, found.silenced) == (15.0, 2.0, 1.5)
    assert (found.words, found.speakers) == (2, 1)
    assert call_audio_coverage(audio, [spoken()], []).speakers == 0


def test_what_was_removed_is_counted_by_kind() -> None:
    """Faces that are not minors, minors, and personal words; a kind without any is left out."""
    seen = VerifiedSegments((segment(frames=1, tracklets=3, minors=1),), ())
    tokens = [
        Token("x", Span(0, 1), kind) for kind in (EntityType.PERSON, EntityType.PERSON, EntityType.PHONE)
    ]
    assert redacted_counts(seen, [spoken(*tokens)]) == {"faces": 2, "minors": 1, "PERSON": 2, "PHONE": 1}
    assert redacted_counts(VerifiedSegments((), ()), []) == {}


def test_audio_that_cannot_be_read_has_no_seconds(tmp_path: Path) -> None:
    """A file that is none, one without audio, and one of two seconds."""
    (tmp_path / "bad.m4a").write_bytes(b"x" * 100)
    assert audio_seconds(tmp_path / "bad.m4a") == 0.0
    assert audio_seconds(tmp_path / "missing.m4a") == 0.0
    clip = make_clip(tmp_path / "a.mp4", seconds=2).path
    assert audio_seconds(clip) == pytest.approx(2.0, abs=0.1)
