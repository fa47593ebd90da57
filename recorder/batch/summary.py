"""What is told of a published recording: figures for the table, and how much it deserves a human look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recorder.bundle.manifest import Manifest

__all__ = ["attention_rank", "figures_of"]

_WEIGHTS: Final[Mapping[str, float]] = {
    "checks_failed": 100.0,
    "gap_share": 20.0,
    "gap_seen": 3.0,
    "sound_failed_share": 20.0,
    "speech_without_words_share": 10.0,
    "covered_whole_share": 5.0,
    "bare_picture": 3.0,
    "bare_sound": 2.0,
    "minors_seen": 0.5,
    "voice_disguised": 2.0,
    "notes": 0.25,
}
"""How much each sign counts, by judgement: what failed first, then what is missing, then what is merely odd.

A minor counts little, since many adults are treated as one."""


def figures_of(manifest: Manifest) -> dict[str, float]:
    """Count what a table shows and what `attention_rank` weighs; shares are of the recording's length or frames."""
    video, audio = manifest.coverage.video, manifest.coverage.audio
    length = max(manifest.duration, 0.001)
    frames = max(video.frames, 1)
    figures = {
        "duration": manifest.duration,
        "faces": float(manifest.redacted.get("faces", 0)),
        "minors": float(manifest.redacted.get("minors", 0)),
        "personal_words": float(
            sum(count for kind, count in manifest.redacted.items() if kind not in ("faces", "minors"))
        ),
        "area_covered": video.share_of_area_covered,
        "speakers": float(audio.speakers),
        "gaps": float(len(manifest.gaps)),
        "checks_failed": float(sum(not check.passed for check in manifest.checks)),
        "gap_seen": float(bool(manifest.gaps)),
        "gap_share": min(1.0, sum(gap.end - gap.start for gap in manifest.gaps) / length),
        "sound_failed_share": min(1.0, audio.failed / length),
        "speech_without_words_share": min(1.0, audio.speech_without_words / max(audio.speech, 1.0)),
        "covered_whole_share": video.covered_whole / frames,
        "bare_picture": float(video.frames > 0 and not video.tracklets and not video.covered_whole),
        "bare_sound": float(audio.seconds > 10 and not audio.words),
        "minors_seen": float(video.minors > 0),
        "voice_disguised": float(manifest.voice.method == "disguise"),
        "notes": float(len(manifest.notes)),
    }
    return {key: round(value, 4) for key, value in figures.items() if value}


def attention_rank(figures: Mapping[str, float]) -> float:
    """Weigh the signs that something may be wrong, or that a person would want to see it; 0 when there is none."""
    return round(sum(weight * figures.get(sign, 0.0) for sign, weight in _WEIGHTS.items()), 4)
