"""Compares stored voices with the voices that spoke, at the same times, and keeps nothing of either."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from redaction.audio.speakers.embed import SHORTEST_SPEECH_S, Embedder, Embedding, cosine
from redaction.model import AudioBlock, Gap, Samples, Span

__all__ = ["VoiceCheck"]

COMPARED_HZ: Final = 16_000
STRETCHES: Final = 8
"""Stretches compared of each speaker; their mean is what an attacker would enrol."""

LONGEST_COMPARED_S: Final = 8.0
SHORTEST_S: Final = 1.5
_LEAST_LEVEL: Final = 1e-3


class VoiceCheck:
    """Tells how alike the original voice and the stored voice of each speaker are to CAM++.

    Args:
        embedder: makes speaker vectors; they and all that is made of them are zeroed before the answer is given.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def cosines(
        self,
        original: Iterable[AudioBlock | Gap],
        stored: Iterable[AudioBlock | Gap],
        speech: Mapping[str, Sequence[Span]],
    ) -> dict[str, float]:
        """Return the cosine of mean speaker vectors, original against stored, -1 to 1, for each speaker.

        Args:
            original: of the speakers' track, 16,000 Hz mono, from its beginning.
            stored: the stored sound, likewise.
            speech: when each speaker speaks, in call time. Speakers with no stretch of 1.5 s on both sides are
                left out, since there is nothing to recognise.
        """
        chosen = {speaker: _spread(spans) for speaker, spans in speech.items()}
        wanted = sorted((span, speaker) for speaker, spans in chosen.items() for span in spans)
        spans = [span for span, _ in wanted]
        before: dict[str, list[Embedding]] = {}
        after: dict[str, list[Embedding]] = {}
        sums: list[Embedding] = []
        try:
            for (_, speaker), one in zip(wanted, self._vectors(original, spans), strict=True):
                before.setdefault(speaker, []).extend(one)
            for (_, speaker), one in zip(wanted, self._vectors(stored, spans), strict=True):
                after.setdefault(speaker, []).extend(one)
            return {
                speaker: cosine(_sum(before[speaker], sums), _sum(after[speaker], sums))
                for speaker in chosen
                if before.get(speaker) and after.get(speaker)
            }
        finally:
            for vectors in (*before.values(), *after.values(), sums):
                for vector in vectors:
                    vector.fill(0)

    def _vectors(
        self, blocks: Iterable[AudioBlock | Gap], spans: Sequence[Span]
    ) -> Iterator[list[Embedding]]:
        for samples in _cut(blocks, spans):
            try:
                sounding = int((np.abs(samples) > _LEAST_LEVEL).sum())
                yield [self._embedder.embed(samples)] if sounding >= SHORTEST_SPEECH_S * COMPARED_HZ else []
            finally:
                samples.fill(0)


def _sum(vectors: Sequence[Embedding], sums: list[Embedding]) -> Embedding:
    """Return the sum of vectors, which points where their mean does, and note it for zeroing; copies nothing else."""
    total: Embedding = np.zeros_like(vectors[0])
    sums.append(total)
    for vector in vectors:
        total += vector
    return total


def _spread(spans: Sequence[Span]) -> list[Span]:
    """Return at most `STRETCHES` of the longer spans, spread over the recording."""
    usable = [
        Span(span.start, min(span.end, span.start + LONGEST_COMPARED_S))
        for span in spans
        if span.duration >= SHORTEST_S
    ]
    if len(usable) <= STRETCHES:
        return usable
    places = np.linspace(0, len(usable) - 1, STRETCHES).round().astype(int)
    return [usable[int(place)] for place in places]


def _cut(blocks: Iterable[AudioBlock | Gap], spans: Sequence[Span]) -> Iterator[Samples]:
    """Yield the samples of each span in order; silence where there are none. Holds only spans that are open."""
    bounds = [(round(span.start * COMPARED_HZ), round(span.end * COMPARED_HZ)) for span in spans]
    open_spans: dict[int, Samples] = {}
    given = opened = 0
    for block in blocks:
        if isinstance(block, Gap):
            continue
        start, end = block.start, block.start + len(block.samples)
        while opened < len(bounds) and bounds[opened][0] < end:
            first, last = bounds[opened]
            open_spans[opened] = np.zeros(last - first, np.float32)
            opened += 1
        for number, held in open_spans.items():
            first, last = bounds[number]
            a, b = max(first, start), min(last, end)
            if b > a:
                held[a - first : b - first] = block.samples[a - start : b - start]
        while given in open_spans and bounds[given][1] <= end:
            yield open_spans.pop(given)
            given += 1
    for number in range(given, len(bounds)):
        first, last = bounds[number]
        yield open_spans.pop(number, np.zeros(last - first, np.float32))
