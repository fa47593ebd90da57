"""What must be said of the voices of a call."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.bundle.call_contents import SILENCED, ParticipantContents, TrackContents, notes_of
from recorder.bundle.contents import VoiceMethod
from recorder.bundle.manifest import VOICE_CHECK, Check, Coverage
from redaction.model import RedactedUtterance, Span, Token

NOT_COMPARED = ("voices-not-compared",)


def person(*checks: Check, speaks: bool = True, microphone: bool = True) -> ParticipantContents:
    """Return somebody with a microphone."""
    said = RedactedUtterance((Token("hello", Span(1, 2)),), Span(1, 2), "S1", "microphone")
    return ParticipantContents(
        receipt="f" * 32,
        via="page",
        stays=(Span(0, 4),),
        tracks=(TrackContents("microphone", Path("none"), (Span(0, 4),)),) if microphone else (),
        utterances=(said,) if speaks else (),
        chat=(),
        quality=(),
        events=(),
        stills=(),
        coverage=Coverage(),
        redacted={},
        checks=checks,
    )


@pytest.mark.parametrize(
    ("voice", "speaks", "notes"),
    [
        ("resynthesize", True, NOT_COMPARED),
        ("resynthesize", False, ()),
        ("disguise", True, NOT_COMPARED),
        ("disguise", False, NOT_COMPARED),
        ("mute", True, ()),
    ],
)
def test_voice_that_is_heard_and_was_not_compared_is_told(
    voice: VoiceMethod, speaks: bool, notes: tuple[str, ...]
) -> None:
    """Where nothing of a voice can be heard there is nothing to compare; else it is told once, however many."""
    assert notes_of([person(speaks=speaks)] * 3, voice=voice) == notes
    assert notes_of([person(speaks=speaks, microphone=False)], voice=voice) == ()


def test_outcome_of_a_comparison_is_told() -> None:
    """A check that passed needs no note; one that failed, or led to silence, has its own."""
    passed = Check(name=VOICE_CHECK, passed=True, figure=0.1)
    failed = Check(name=VOICE_CHECK, passed=False, figure=0.8)
    silenced = Check(name=VOICE_CHECK, passed=True, note=SILENCED)
    assert notes_of([person(passed)], voice="resynthesize") == ()
    assert notes_of([person(failed)], voice="disguise") == ("disguised-voice-may-be-recognised",)
    assert notes_of([person(silenced)], voice="resynthesize") == ("voice-might-be-recognised-and-is-silent",)
