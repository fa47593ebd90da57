"""Checks of several stored files become one of each name."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.bundle.checks import audio_length_check, container_check, joined_checks
from recorder.bundle.manifest import Check
from recorder.media.encode import AudioWriter, mux
from redaction.errors import RedactionIncomplete
from redaction.model import AudioBlock
from tests.media import make_clip, tone


def test_counts_add_up_and_limits_keep_the_worst() -> None:
    """A figure without a limit is a count; one with a limit is held to it, so the highest stands."""
    checks = joined_checks(
        (
            Check(name="frames", passed=True, figure=3),
            Check(name="cosine", passed=True, figure=0.1, limit=0.5),
            Check(name="frames", passed=True, figure=4),
            Check(name="cosine", passed=False, figure=0.7, limit=0.5),
            Check(name="plain", passed=True),
        )
    )
    assert checks == (
        Check(name="frames", passed=True, figure=7),
        Check(name="cosine", passed=False, figure=0.7, limit=0.5),
        Check(name="plain", passed=True),
    )


def test_a_stored_file_is_held_to_its_streams_and_length(tmp_path: Path) -> None:
    """A clip passes with what it holds, and not with other streams, another length, or a tag."""
    made = make_clip(tmp_path / "a.mp4", seconds=2).path
    clip = tmp_path / "clean.mp4"
    with AudioWriter(tmp_path / "a.m4a", sample_rate=24_000) as writer:
        writer.write(AudioBlock(tone(2, sample_rate=24_000), 0, 24_000))
    mux(video=made, audio=tmp_path / "a.m4a", out=clip)
    assert container_check(clip, video=1, audio=1).passed
    assert audio_length_check(clip, 2.0).limit == 0.1
    with pytest.raises(RedactionIncomplete, match="streams"):
        container_check(clip, video=1, audio=0)
    with pytest.raises(RedactionIncomplete, match="off"):
        audio_length_check(clip, 5.0)
    tagged = make_clip(tmp_path / "b.mp4", seconds=1, tags={"artist": "Adaeze"}).path
    with pytest.raises(RedactionIncomplete, match="tag"):
        container_check(tagged, video=1, audio=1)
