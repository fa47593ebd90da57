"""What a bundle says of itself: when it expires, under which policy it was made, and which models took part."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recorder.bundle.contents import Origin, gap_entry, gap_events, models_used, voice_note
from redaction.errors import ModelUnavailable
from redaction.model import EventKind, Gap, Span
from redaction.policy import Policy


def test_a_recording_expires_when_its_purpose_ends() -> None:
    """The days of the policy are added to the time of the recording, whose fraction of a second goes."""
    policy = Policy.model_validate({"purpose": {"name": "training", "retention_days": 30}})
    made = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    origin = Origin.of_policy(policy, models=(), audio=True, version="9", created=made)
    assert origin.created == made.replace(microsecond=0)
    assert origin.expires - origin.created == timedelta(days=30)
    assert (origin.version, origin.purpose, origin.policy_digest) == ("9", "training", policy.digest)


def test_voices_are_told_only_where_there_are_any() -> None:
    """Without audio the method is `none`, whatever the policy says; a disguise is never sold as anonymous."""
    policy = Policy.model_validate({"voice": {"method": "disguise"}})
    assert Origin.of_policy(policy, models=(), audio=False).voice == "none"
    assert Origin.of_policy(policy, models=(), audio=True).voice == "disguise"
    assert "not anonymous" in voice_note("disguise")
    assert voice_note("resynthesize") == ""


def test_facts_of_the_policy_hold_no_list_of_names() -> None:
    """The roster of a policy is people's names: it stands nowhere."""
    policy = Policy.model_validate({"speech": {"roster": ["Adaeze Okonkwo"]}})
    origin = Origin.of_policy(policy, models=(), audio=True)
    assert "Adaeze" not in str(origin)


def test_a_gap_is_told_alike_in_log_and_manifest() -> None:
    """The same track, times and reason."""
    gap = Gap(Span(1.0004, 2.5), "V1", "damaged")
    entry = gap_entry(gap)
    (event,) = gap_events([gap])
    assert (entry.track, entry.start, entry.end, entry.reason) == ("V1", 1.0, 2.5, "damaged")
    assert (event.kind, event.track, event.detail) == (EventKind.GAP, "V1", {"reason": "damaged"})


def test_models_are_those_that_took_part(real_models: None) -> None:
    """Video alone names no model of speech; what was written needs the name model; nothing needs none."""
    try:
        video = [item.name for item in models_used(Policy(), video=True, audio=False, speakers=False)]
        audio = [item.name for item in models_used(Policy(), video=False, audio=True, speakers=True)]
    except ModelUnavailable:
        pytest.skip("the models are not in the cache: offrecord models fetch")
    assert "face.yunet" in video
    assert not [name for name in video if name.startswith(("voice", "speaker", "align"))]
    assert {"voice.hibari", "speaker.campplus", "text.rampart"} <= set(audio)
    assert not [name for name in audio if name.startswith(("face", "screen", "age"))]
    written = models_used(Policy(), video=False, audio=False, speakers=False, written=True)
    assert [item.name for item in written] == ["text.rampart"]
    assert models_used(Policy(), video=False, audio=False, speakers=False) == ()
