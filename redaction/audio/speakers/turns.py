"""Gives each word of a shared track the speaker whose turn it falls in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from redaction.model import Span, Utterance, Word

__all__ = ["ONLY_SPEAKER", "SpeakerTurn", "assign_speakers"]

SpeakerTurn = tuple[Span, str]
"""When someone speaks, and the label such as `S1`."""

ONLY_SPEAKER: Final = "S1"
"""Label of everyone in a track whose speakers were not told apart."""

_SLACK_S: Final = 1.0


def assign_speakers(utterances: Sequence[Utterance], turns: Sequence[SpeakerTurn]) -> list[Utterance]:
    """Return the utterances with their speakers, cut wherever the speaker changes between two words.

    A word belongs to the turn that shares most time with it, or else to the nearest; where two people speak at once
    it stays with the speaker of the word before. A word whose time is only its segment's goes with the word before
    it. Every word is kept, in its order. Without turns all is `S1`.
    """
    if not turns:
        return [replace(utterance, speaker=ONLY_SPEAKER) for utterance in utterances]
    parts: list[Utterance] = []
    speaker = min(turns)[1]
    for utterance in utterances:
        near = _near(utterance.span, turns)
        if not any(word.located for word in utterance.words):
            speaker = _speaker(utterance.span, near, speaker)
            parts.append(replace(utterance, speaker=speaker))
            continue
        labels = _labels(utterance.words, near, speaker)
        parts += _cut(utterance, labels)
        speaker = labels[-1]
    return parts


def _near(span: Span, turns: Sequence[SpeakerTurn]) -> list[SpeakerTurn]:
    """Return the turns about an utterance, or the nearest one when there are none."""
    wide = span.padded(_SLACK_S, _SLACK_S)
    return [turn for turn in turns if turn[0].overlaps(wide)] or [
        min(turns, key=lambda turn: _distance(span, turn[0]))
    ]


def _labels(words: Sequence[Word], turns: Sequence[SpeakerTurn], before: str) -> list[str]:
    """Return the speaker of each word; at least one word is located."""
    labels: list[str | None] = []
    for word in words:
        if word.located:
            before = _speaker(word.span, turns, before)
            labels.append(before)
        else:
            labels.append(labels[-1] if labels else None)
    first = next(label for label in labels if label is not None)
    return [first if label is None else label for label in labels]


def _speaker(span: Span, turns: Sequence[SpeakerTurn], before: str) -> str:
    """Return who speaks in a span: most time shared, then least time away, then who spoke before."""
    best: dict[str, tuple[float, float, bool]] = {}
    for turn, label in turns:
        shared = max(0.0, min(span.end, turn.end) - max(span.start, turn.start))
        known = best.get(label, (0.0, -_distance(span, turn), label == before))
        best[label] = (known[0] + shared, max(known[1], -_distance(span, turn)), known[2])
    return max(sorted(best), key=lambda label: best[label])


def _distance(first: Span, second: Span) -> float:
    """Return the seconds between two spans, 0 when they touch."""
    return max(0.0, second.start - first.end, first.start - second.end)


def _cut(utterance: Utterance, labels: Sequence[str]) -> list[Utterance]:
    """Return one utterance for each run of words with one label."""
    runs = [
        (label, tuple(word for _, word in run))
        for label, run in groupby(zip(labels, utterance.words, strict=True), key=lambda pair: pair[0])
    ]
    parts: list[Utterance] = []
    for place, (label, words) in enumerate(runs):
        spans = [word.span for word in words if word.located]
        start = utterance.span.start if place == 0 else min(span.start for span in spans)
        end = utterance.span.end if place == len(runs) - 1 else max(span.end for span in spans)
        parts.append(replace(utterance, words=words, span=Span(start, max(start, end)), speaker=label))
    return parts
