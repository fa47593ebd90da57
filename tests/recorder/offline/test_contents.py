"""The results of a file become what is published of it: figures, stills, words, and where each track is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from recorder.bundle.contents import BundleContents
from recorder.bundle.manifest import Check
from recorder.media.source import SourceInfo, TrackInfo, TrackKind
from recorder.offline.contents import Results, file_contents, transcript_of, view_file
from recorder.offline.video import RedactedVideo
from recorder.verify.audio import RenderedAudio
from recorder.verify.proof import Highlight, StoredVideo
from redaction.audio.redact import RedactedSpeech
from redaction.errors import ModelUnavailable
from redaction.model import (
    CoverReason,
    EntityType,
    Event,
    EventKind,
    Gap,
    RedactedUtterance,
    Span,
    TextFinding,
    Token,
    Utterance,
    Word,
)
from redaction.policy import Policy
from redaction.text.recording_text import NO_TEXT, RedactedMessage, RedactedText
from redaction.video.lookahead import TrackletRecord
from redaction.video.redact import VideoSummary


def view(number: int) -> TrackInfo:
    """Return a video track."""
    return TrackInfo(f"V{number}", TrackKind.VIDEO, 64, 48, Fraction(10), Fraction(1, 10), 0, 0)


SOUND = TrackInfo("A1", TrackKind.AUDIO, 0, 0, None, Fraction(1, 16_000), 16_000, 1)
SAID = RedactedUtterance((Token("hello", Span(1, 2)),), Span(1, 2), "S1", "A1")


def video(number: int, *reasons: CoverReason, gaps: tuple[Gap, ...] = ()) -> RedactedVideo:
    """Return a redacted view of ten frames with a face followed for each reason."""
    records = tuple(
        TrackletRecord(number=at, reason=reason, start=0.0, end=1.0, frames=10, seen=10, lowest_score=0.9)
        for at, reason in enumerate(reasons, start=1)
    )
    summary = VideoSummary(
        frames=10,
        detected=6,
        bridged=3,
        covered_whole=1,
        failed_detections=0,
        failed_silhouettes=0,
        incomplete=0,
        tracklets=records,
        minors=sum(reason is CoverReason.MINOR for reason in reasons),
        minors_only=(),
        screen_texts=2,
    )
    stored = StoredVideo(view(number), Path(f"v{number}.mp4"), (), ())
    return RedactedVideo(stored, summary, gaps, (), 0.2 * number, ())


def audio() -> RenderedAudio:
    """Return stored audio of ten seconds."""
    silenced = Event(EventKind.SILENCED, "A1", Span(0, 1), {"reason": "x"})
    return RenderedAudio(Path("a.m4a"), 10.0, 1.0, "resynthesize", (silenced,), (SAID,))


def speech() -> RedactedSpeech:
    """Return what was heard: a greeting and a name."""
    words = (Word("hello", Span(1, 2)), Word("Adaeze", Span(2, 3)))
    return RedactedSpeech(
        utterances=(Utterance(words, Span(1, 3), "S1", "A1"),),
        findings=(TextFinding(0, 1, 2, EntityType.PERSON, 1.0, "test"),),
        redacted=(SAID,),
        uncovered={"A1": (Span(5, 6),)},
        failures={"A1": ()},
        speech_seconds=2.0,
        seconds=10.0,
        gaps=(Gap(Span(8, 9), "A1", "damaged"),),
        speakers_told_apart=True,
    )


@pytest.fixture
def models(real_models: None) -> None:
    """The digests of the models stand in a manifest."""


def contents(results: Results) -> BundleContents:
    """Return what is published."""
    try:
        return file_contents(results, Policy(), checks=[Check(name="a", passed=True)], notes=["x", "x"])
    except ModelUnavailable:
        pytest.skip("the models are not in the cache: offrecord models fetch")


def test_a_file_of_two_views_and_audio(models: None) -> None:
    """Figures add up, each view says its file, the frames most worth a look come first, and notes stand once."""
    info = SourceInfo(10.0, (view(1), view(2), SOUND))
    results = Results(
        info,
        (
            video(1, CoverReason.FACE, gaps=(Gap(Span(0, 1), "V1", "damaged"),)),
            video(2, CoverReason.FACE, CoverReason.MINOR),
        ),
        (
            (Highlight(0.5, 1.00049, "least certain face"),),
            (Highlight(0.9, 2.0, "minor removed"), Highlight(0.5, 3.0, "bridged face")),
        ),
        speech(),
        audio(),
        NO_TEXT,
        10.0,
    )
    made = contents(results)
    assert [(track.id, track.file) for track in made.tracks] == [
        ("V1", "recording.mp4"),
        ("V2", "tracks/p02-screen.mp4"),
        ("A1", None),
    ]
    assert [(still.track, still.time) for still in made.stills] == [("V2", 2.0), ("V2", 3.0), ("V1", 1.0)]
    assert made.redacted == {"faces": 2, "minors": 1, "screen": 4, "PERSON": 1}
    assert (made.coverage.video.frames, made.coverage.video.tracklets) == (20, 3)
    assert made.coverage.video.share_of_area_covered == pytest.approx(0.3)
    assert (made.coverage.audio.words, made.coverage.audio.speech_without_words) == (1, 1.0)
    assert [(gap.track, gap.reason) for gap in made.gaps] == [("V1", "damaged"), ("A1", "damaged")]
    assert [event.kind for event in made.events] == [EventKind.SILENCED]
    assert (made.notes, made.transcript, made.origin.voice) == (("x",), (SAID,), "resynthesize")
    assert "Adaeze" not in repr(made)


def test_captions_are_the_transcript_where_nothing_is_heard(models: None) -> None:
    """Without audio the words are the captions, and the sender of a message is called as they call them."""
    text = RedactedText(chat=(RedactedMessage(1.0, "PERSON 1", "A1", ()),), captions=(SAID,))
    made = contents(Results(SourceInfo(10.0, (view(1),)), (video(1),), ((),), None, None, text, 10.0))
    assert made.transcript == (SAID,)
    assert made.chat[0].speaker == "Speaker 1"
    assert made.origin.voice == "none"
    assert transcript_of(audio(), text) == (SAID,)


def test_a_silent_film_has_no_words(models: None) -> None:
    """Neither transcript nor chat is written where there is nothing."""
    made = contents(Results(SourceInfo(10.0, (view(1),)), (video(1),), ((),), None, None, NO_TEXT, 10.0))
    assert (made.transcript, made.chat, made.gaps) == (None, (), ())
    assert [view_file(number) for number in (1, 3)] == ["recording.mp4", "tracks/p03-screen.mp4"]
