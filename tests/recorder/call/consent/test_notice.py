"""The notice says everything that a participant must know."""

from __future__ import annotations

import pytest

from recorder.call.consent.notice import NoticeTexts
from redaction.policy import Policy


@pytest.mark.parametrize("default", ["deny", "allow"])
@pytest.mark.parametrize("method", ["resynthesize", "disguise", "mute"])
def test_the_notice_is_complete(default: str, method: str) -> None:
    """What is recorded, taken out, why, for how long, how to answer, what silence means, and not under 18."""
    policy = Policy.model_validate(
        {
            "purpose": {"name": "support-quality", "retention_days": 30},
            "consent": {"default": default},
            "voice": {"method": method},
        }
    )
    text = NoticeTexts.of(policy).asking
    for part in (
        "support quality",
        "30 days",
        "faces",
        "voice",
        "/record yes",
        "/record no",
        "/record erase",
        "18",
    ):
        assert part in text
    assert f"No answer means {'no' if default == 'deny' else 'yes'}." in text
    assert ("not make them anonymous" in text) == (method == "disguise")
    assert len(text) < 1000
    assert ("voices" in NoticeTexts.of(policy).tile[1]) == (method != "disguise")


def test_the_tile_is_plain_ascii() -> None:
    """The image tile's lines can be drawn by a font without other letters, and say what silence means."""
    lines = NoticeTexts.of(Policy()).tile
    assert all(line.isascii() and len(line) < 40 for line in lines)
    assert "No answer means no." in lines
