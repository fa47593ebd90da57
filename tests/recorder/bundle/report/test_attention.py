"""What a person should look at first: failures, then what is missing, each in a line."""

from __future__ import annotations

from recorder.bundle.log import LoggedEvent
from recorder.bundle.manifest import AudioCoverage, Check, Coverage, GapEntry, VideoCoverage
from recorder.bundle.report.attention import attention
from redaction.model import EventKind
from tests.recorder.bundle.report.calls import manifest


def test_failures_come_first_and_gaps_are_summed_up() -> None:
    """A check that failed leads, then pieces left out, then each track's gaps in one line."""
    failed = Check(name="voice-not-recognised", passed=False)
    lines = attention(manifest(checks=(failed,)), [])
    assert "voice-not-recognised did not pass" in lines[0]
    assert lines[1].startswith("P02-camera: 1 stored piece(s) were left out")
    assert lines[2] == "P01-camera: 2 gaps of 6.5 s in all (no pictures); covered or silent."
    assert len([line for line in lines if "P01-camera" in line]) == 1


def test_thousands_of_gaps_stay_a_few_lines() -> None:
    """A call on a bad line has a report that can be read."""
    gaps = tuple(
        GapEntry(track="P01-camera", start=n / 10, end=n / 10 + 0.05, reason="lost") for n in range(5000)
    )
    assert len(attention(manifest(gaps=gaps), [])) < 5


def test_each_gap_of_a_file_has_its_times() -> None:
    """In a file, where gaps are few, each is told with when it is."""
    gaps = (GapEntry(track="V1", start=1, end=2.5, reason="damaged"),)
    lines = attention(manifest(gaps=gaps, participants=None), [])
    assert "V1: 0:01.0 to 0:02.5 could not be read (damaged); it is covered or silent." in lines


def test_what_the_second_look_covered_is_added_up() -> None:
    """Places that were covered again are one figure, whichever round and track they are of."""
    log = [LoggedEvent(EventKind.MENDED, track, None, {"count": 2}) for track in ("V1", "V2")]
    log.append(LoggedEvent(EventKind.MENDED, "A1", None, {"reason": "personal word heard"}))
    assert "The second look covered 4 more places." in attention(manifest(participants=None), log)


def test_figures_of_a_file_and_of_a_call_are_told_in_their_words() -> None:
    """Silence is a fault in a call only; speech without words, failures and unaccounted frames are told of both."""
    coverage = Coverage(
        video=VideoCoverage(frames=9, failed_detections=3, unaccounted=2),
        audio=AudioCoverage(seconds=9, silenced=5, failed=1.5, speech_without_words=2),
    )
    for participants in (manifest().participants, None):
        lines = " ".join(attention(manifest(coverage=coverage, participants=participants, gaps=()), []))
        for part in (
            "failed on 3 frames",
            "recorded 2 frames died",
            "1.5 s of sound could not",
            "In 2.0 s of speech",
        ):
            assert part in lines
        assert ("heard again" in lines) is (participants is not None)


def test_a_note_that_is_not_known_stands_as_it_is() -> None:
    """A bundle of another version may carry a note without a sentence; it is told all the same."""
    assert attention(manifest(notes=("of-tomorrow",), gaps=()), [])[-1] == "of-tomorrow"


def test_voices_that_were_not_compared_are_told_with_every_cause() -> None:
    """In a call too little speech, missing models and a process that died are named; a file knows only the models."""
    (call,) = attention(manifest(notes=("voices-not-compared",), gaps=()), [])[-1:]
    (file,) = attention(manifest(notes=("voices-not-compared",), gaps=(), participants=None), [])[-1:]
    causes = ("too little speech", "models fetch speakers", "process died")
    assert [cause in call for cause in causes] == [True, True, True]
    assert [cause in file for cause in causes] == [False, True, False]


def test_tracks_that_were_too_many_are_told() -> None:
    """A participant with more tracks than may be is told of in words of its own."""
    gaps = (GapEntry(track="P01-camera", start=4, end=4, reason="too many tracks"),)
    assert any("P01-camera: more tracks at once" in line for line in attention(manifest(gaps=gaps), []))
