"""Work out which sound to mute so that no personal word is heard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from redaction.model import Span, TextFinding, Utterance, Word

__all__ = ["merged_spans", "mute_spans"]

PAD_S = 0.1
"""What is muted around the aligned time of personal words, in seconds. Source: the smallest pad at which
alignment with gap fill left nothing audible in synthetic calls; `benchmarks/audio.py`."""

LONGEST_FILL_S = 0.8
"""How far the mute reaches into the pause beside personal words, towards the neighbouring word, in seconds.
Source: measured with `benchmarks/audio.py`; recognisers start and end words late and early next to pauses."""


def mute_spans(
    utterances: Sequence[Utterance],
    findings: Iterable[TextFinding],
    *,
    track: str | None = None,
    uncovered: Iterable[Span] = (),
    failures: Iterable[Span] = (),
    pad_s: float = PAD_S,
) -> list[Span]:
    """Return the stretches of one track to mute.

    Personal words are muted with `pad_s` on each side and on to the neighbouring words, at most
    `LONGEST_FILL_S`. Where one of them is not located its whole utterance is muted, with the same margins.
    Speech that no word covers is muted with `pad_s` on each side.

    Args:
        utterances: what was searched; a finding's `utterance` is an index into it.
        findings: personal data in them.
        track: the track whose sound is to be muted; None takes all utterances for one track.
        uncovered: speech that no word covers.
        failures: stretches that could not be heard.
        pad_s: what is muted around the time of personal words, in seconds.

    Returns:
        Spans in call time, in order, apart from each other.
    """
    here = [(n, u) for n, u in enumerate(utterances) if track is None or u.track == track]
    spans = [*(span.padded(pad_s, pad_s) for span in uncovered), *failures]
    for finding in findings:
        utterance = utterances[finding.utterance]
        if track is not None and utterance.track != track:
            continue
        first, last = max(0, finding.first), min(len(utterance.words), finding.last)
        if first >= last or not all(word.located for word in utterance.words[first:last]):
            first, last = 0, len(utterance.words)
            spans.append(utterance.span)
        reach = utterance.span.padded(LONGEST_FILL_S, LONGEST_FILL_S)
        others = [
            word
            for number, near in here
            if near.span.overlaps(reach)
            for place, word in enumerate(near.words)
            if word.located and not (number == finding.utterance and first <= place < last)
        ]
        if first < last:
            spans.append(_filled(utterance.words[first:last], others, pad_s=pad_s))
    return merged_spans(spans)


def merged_spans(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order with those that touch or overlap made one; empty ones are left out."""
    result: list[Span] = []
    for span in sorted(spans):
        if span.duration <= 0:
            continue
        if result and span.start <= result[-1].end:
            result[-1] = Span(result[-1].start, max(result[-1].end, span.end))
        else:
            result.append(span)
    return result


def _filled(personal: Sequence[Word], others: Iterable[Word], *, pad_s: float) -> Span:
    """Return the hull of personal words, padded, and grown into the pauses beside it."""
    start = min(word.span.start for word in personal)
    end = max(word.span.end for word in personal)
    before, after = start - LONGEST_FILL_S, end + LONGEST_FILL_S
    for word in others:
        if word.span.start < start:
            before = max(before, min(word.span.end, start))
        if word.span.end > end:
            after = min(after, max(word.span.start, end))
    return Span(max(0.0, min(start - pad_s, before)), max(end + pad_s, after))
