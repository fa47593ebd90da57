"""What was said by whom, cut out of an original and of what was stored in its place; held for one recording only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from recorder.audit.hearing import speech_pieces
from recorder.audit.targets import Attacked
from recorder.media.source import Source
from redaction.model import AudioBlock, Samples, Span

__all__ = ["SPEECH_HZ", "Said", "said_in"]

SPEECH_HZ: Final = 16_000
_SHORTEST_S: Final = 1.2
_LONGEST_S: Final = 12.0
_MOST: Final = 8
_LEAD_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance.

    Attributes:
        speaker: whose it is: the person's folder, or the recording and the speaker in it.
        recording: where it was said.
        original: float32 (n,) at 16,000 Hz.
        stored: what is heard in its place.
    """

    speaker: str
    recording: str
    original: Samples
    stored: Samples


def said_in(attacked: Attacked) -> Iterator[Said]:
    """Yield up to eight utterances of each speaker, who are told apart by the bundle's transcript.

    Without a transcript, everything in an audio track counts as one speaker's.
    """
    stored = attacked.open()
    if attacked.original is None or stored is None or not stored.info().audio:
        return
    source = attacked.original.open()
    spans = _spans(attacked, source)
    wanted = sorted({span for _, _, span in spans})
    heard = _cut(stored, stored.info().audio[0].id, wanted)
    for track in {track for _, track, _ in spans}:
        own = sorted(span for _, of, span in spans if of == track)
        spoken = _cut(source, track, own)
        for speaker, of, span in spans:
            if of == track:
                yield Said(speaker, attacked.name, spoken[span], heard[span])


def _spans(attacked: Attacked, source: Source) -> list[tuple[str, str, Span]]:
    """Return speaker, track and time of what is compared."""
    tracks = {track.id for track in source.info().audio}
    person = attacked.original.person if attacked.original is not None else ""
    found: list[tuple[str, str, Span]] = []
    transcript = attacked.bundle.transcript() if attacked.bundle is not None else None
    if transcript is not None:
        for one in transcript.utterances:
            if one.track in tracks:
                found.append(
                    (person or f"{attacked.name}/{one.speaker}", one.track, Span(one.start, one.end))
                )
    if not found:
        for track in sorted(tracks):
            for piece in speech_pieces(source, track):
                found += [(person or f"{attacked.name}/{track}", track, run) for run in piece.speech]
    counts: dict[str, int] = {}
    kept = []
    for speaker, track, span in found:
        if span.duration >= _SHORTEST_S and counts.get(speaker, 0) < _MOST:
            counts[speaker] = counts.get(speaker, 0) + 1
            kept.append((speaker, track, Span(span.start, min(span.end, span.start + _LONGEST_S))))
    return kept


def _cut(source: Source, track: str, spans: Sequence[Span]) -> dict[Span, Samples]:
    """Return the samples of spans, in one pass over a track."""
    cut: dict[Span, Samples] = {}
    borders = {
        span: (round(max(0.0, span.start - _LEAD_S) * SPEECH_HZ), round((span.end + _LEAD_S) * SPEECH_HZ))
        for span in spans
    }
    for span, (start, end) in borders.items():
        cut[span] = np.zeros(end - start, np.float32)
    for block in source.audio(track, SPEECH_HZ):
        if not isinstance(block, AudioBlock):
            continue
        first, last = block.start, block.start + len(block.samples)
        for span, (start, end) in borders.items():
            low, high = max(first, start), min(last, end)
            if low < high:
                cut[span][low - start : high - start] = block.samples[low - first : high - first]
    return cut
