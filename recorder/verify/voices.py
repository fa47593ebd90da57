"""Whether a stored voice may be recognised as the one that spoke, and whether silence is silent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recorder.bundle.manifest import Check
from recorder.media.file import FileSource
from recorder.media.source import Source, TrackInfo
from recorder.runtime.context import Run
from redaction.audio.redact import LISTENING_HZ
from redaction.audio.speakers.compare import VoiceCheck
from redaction.audio.speakers.models import SAME_SPEAKER_COSINE, Embedder
from redaction.errors import RedactionIncomplete
from redaction.model import Gap, Span, Utterance

__all__ = ["check_silent", "compare_voices", "voice_check"]


def compare_voices(
    stored: Path,
    utterances: Sequence[Utterance],
    *,
    source: Source,
    tracks: Sequence[TrackInfo],
    embedder: Embedder,
    run: Run,
) -> float:
    """Return the highest cosine between a stored voice and the voice that spoke in its place, -1 where none did.

    Args:
        stored: the audio as it would be published.
        utterances: who spoke when.
        source: what was said.
        tracks: its audio tracks.
        embedder: makes speaker vectors; they are gone when this returns.
        run: stops the work when somebody asks.
    """
    highest = -1.0
    check = VoiceCheck(embedder)
    for track in tracks:
        speech: dict[str, list[Span]] = {}
        for utterance in utterances:
            if utterance.track == track.id:
                speech.setdefault(utterance.speaker, []).append(utterance.span)
        file = FileSource(stored)
        cosines = check.cosines(
            source.audio(track.id, LISTENING_HZ), file.audio(file.info().audio[0].id, LISTENING_HZ), speech
        )
        run.check()
        highest = max([highest, *cosines.values()])
    return highest


def voice_check(highest: float) -> Check:
    """Return the check that a cosine of voices passes or not."""
    return Check(
        name="voice-not-recognised",
        passed=highest < SAME_SPEAKER_COSINE,
        figure=round(highest, 3),
        limit=SAME_SPEAKER_COSINE,
        note="cosine, CAM++",
    )


def check_silent(path: Path) -> Check:
    """Return the check that stored audio is silent.

    Raises:
        RedactionIncomplete: something is heard in it.
    """
    for item in FileSource(path).audio("A1", LISTENING_HZ):
        if not isinstance(item, Gap) and len(item.samples) and float(np.abs(item.samples).max()) > 1e-3:
            raise RedactionIncomplete("The stored sound should be silent and is not.")
    return Check(name="silent", passed=True, figure=0)
