"""Speak the redacted words again, at about their places, in voices that carry nobody."""

from __future__ import annotations

import math
import secrets
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from redaction.audio.voice.mix import Mixer
from redaction.audio.voice.phrase import Phrase, split_phrases
from redaction.audio.voice.pseudovoice import PseudoVoice, Uniform, draw_voices
from redaction.audio.voice.speak import SPOKEN_HZ, CannotSpeak, Speech, Synthesizer
from redaction.audio.voice.timing import spread_unspoken, unspoken
from redaction.audio.voice.tone import make_tone
from redaction.model import AudioBlock, EntityType, Event, EventKind, RedactedUtterance, Samples, Span, Token
from redaction.policy import Policy

__all__ = ["MAX_SLIP_S", "MAX_SPEED", "Resynthesizer"]

MAX_SLIP_S = 0.3
"""How far a phrase may start from where it was said, in seconds: seen lips and speech stay together."""

JITTER_S = 0.12
"""Random shift of each phrase's start, in seconds: pauses identify a speaker too. Source: arXiv 2412.17164."""

MAX_SPEED = 1.25
"""How much faster than its own pace a voice may speak to make room for the speaker's next phrase."""

GAP_S = 0.05  # between two phrases of one speaker
FADE_S = 0.01

_FAULTS = (CannotSpeak, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)

_SAID = {
    EntityType.PERSON: "name",
    EntityType.PHONE: "number",
    EntityType.EMAIL: "email",
    EntityType.ADDRESS: "address",
    EntityType.LOCATION: "place",
    EntityType.AGE: "age",
    EntityType.BIRTH_DATE: "date",
    EntityType.DATE: "day",
    EntityType.ORGANIZATION: "company",
    EntityType.SCHOOL: "school",
    EntityType.ID: "number",
    EntityType.CARD: "number",
    EntityType.ACCOUNT: "number",
    EntityType.URL: "address",
}
_SAID_OTHERWISE = "something"


@dataclass(frozen=True, slots=True)
class _Take:
    """A phrase as it goes into the mix: where it starts, its sound, and where in it each word is."""

    start: int
    samples: Samples
    spans: tuple[Span | None, ...]


class Resynthesizer:
    """Renders redacted utterances as sound. No sample of the original comes near it.

    Every speaker gets one voice, the same for the life of this object, so make one per recording. Utterances in a
    language that the synthesizer lacks, phrases that it fails on and words for which there is no time stay silent,
    and an event says so.
    """

    def __init__(
        self,
        policy: Policy,
        synthesizer: Synthesizer,
        voices: Sequence[PseudoVoice] = (),
        *,
        rng: Uniform | None = None,
    ) -> None:
        """Prepare for one recording.

        Args:
            policy: `speech.personal` says what stands for personal words.
            synthesizer: speaks.
            voices: given to speakers in order of appearance; more are drawn where they do not suffice.
            rng: a source of chance; the operating system's by default. Anything else is for tests.
        """
        self._personal = policy.speech.personal
        self._synthesizer = synthesizer
        self._chance: Uniform = secrets.SystemRandom() if rng is None else rng
        self._spare = list(voices)
        self._cast: dict[tuple[str, str], PseudoVoice] = {}
        self._events: list[Event] = []
        self._failed: list[tuple[str, Phrase, int]] = []
        self._rendered: tuple[RedactedUtterance, ...] = ()

    def render(
        self, utterances: Sequence[RedactedUtterance], *, duration: float, muted: Sequence[Span] = ()
    ) -> Iterator[AudioBlock]:
        """Yield the whole recording, 24,000 Hz mono, in blocks of about a second.

        Different speakers who talk at once are mixed. What is held in memory does not grow with the duration.

        Args:
            utterances: in any order; spans on the call clock.
            duration: of the recording in seconds; exactly round(duration * 24,000) samples come out.
            muted: spans where nothing may be heard: exactly zero, with short fades outside them.
        """
        total = round(duration * SPOKEN_HZ)
        self._rendered = ()
        self._failed.clear()
        speakable = self._speakable(utterances)
        rendered = [one if ok else unspoken(one) for one, ok in zip(utterances, speakable, strict=True)]
        phrases = split_phrases(utterances, [at for at, ok in enumerate(speakable) if ok])
        self._assign([utterances[phrase.utterance] for phrase in phrases])
        following = _following(phrases, utterances)
        free: dict[tuple[str, str], float] = defaultdict(float)
        mixer = Mixer(total, rate=SPOKEN_HZ, muted=muted)
        for at, phrase in enumerate(phrases):
            yield from mixer.advance(round((phrase.start - MAX_SLIP_S) * SPOKEN_HZ))
            speaker = _key(utterances[phrase.utterance])
            limit = min(following[at] + MAX_SLIP_S - GAP_S, total / SPOKEN_HZ)
            take = self._take(phrase, utterances[phrase.utterance], earliest=free[speaker], limit=limit)
            spans: tuple[Span | None, ...] = (None,) * len(phrase.tokens)
            if take is not None:
                mixer.add(take.samples, take.start)
                free[speaker] = (take.start + len(take.samples)) / SPOKEN_HZ + GAP_S
                spans = take.spans
            rendered[phrase.utterance] = _retimed(rendered[phrase.utterance], phrase, spans)
        yield from mixer.finish()
        self._rendered = tuple(map(spread_unspoken, rendered))
        for reason, phrase, words in self._failed:
            self._silenced(reason, self._rendered[phrase.utterance], phrase, words)
        self._failed.clear()

    @property
    def rendered(self) -> tuple[RedactedUtterance, ...]:
        """The utterances given to `render`, their tokens at the times at which they are now heard.

        Empty until `render` has been exhausted. Tokens that are not heard, `located` False, are at even times.
        """
        return self._rendered

    def drain_events(self) -> list[Event]:
        """Return what happened since the last call, and forget it."""
        events, self._events = self._events, []
        return events

    def _speakable(self, utterances: Sequence[RedactedUtterance]) -> list[bool]:
        known = [utterance.language in self._synthesizer.languages for utterance in utterances]
        for utterance, ok in zip(utterances, known, strict=True):
            if not ok:
                self._silenced("no-voice-for-language", unspoken(utterance))
        return known

    def _assign(self, utterances: Sequence[RedactedUtterance]) -> None:
        """Give each new speaker a voice; voices not given are drawn together, so that they differ."""
        new = dict.fromkeys(key for one in utterances if (key := _key(one)) not in self._cast)
        if len(new) > len(self._spare):
            self._spare.extend(draw_voices(len(new) - len(self._spare), rng=self._chance))
        for speaker in new:
            self._cast[speaker] = self._spare.pop(0)

    def _take(
        self, phrase: Phrase, utterance: RedactedUtterance, *, earliest: float, limit: float
    ) -> _Take | None:
        """Speak a phrase so that it starts within 0.3 s of its place and ends before `limit` (seconds)."""
        voice = self._cast[_key(utterance)]
        try:
            words = [self._said(token) for token in phrase.tokens]
            speech = self._synthesizer.speak(words, rate=voice.pace)
            start, speed = self._place(phrase.start, len(speech.samples) / SPOKEN_HZ, earliest, limit)
            samples = voice.apply(speech, speed=speed)
        except _FAULTS:
            self._failed.append(("synthesis-failed", phrase, len(phrase.tokens)))
            return None
        spans = _sped(speech, speed)
        if unsaid := sum(1 for one in speech.spans if one is None):
            self._failed.append(("cannot-be-spoken", phrase, unsaid))
        self._substitute(samples, phrase.tokens, spans)
        room = math.floor((limit - start) * SPOKEN_HZ)
        if len(samples) > room:
            samples, spans = _trimmed(samples, spans, room / SPOKEN_HZ)
            lost = sum(1 for a, b in zip(spans, speech.spans, strict=True) if a is None and b is not None)
            self._failed.append(("no-room", phrase, lost))
        if not len(samples):
            return None
        first = max(0, round(start * SPOKEN_HZ))
        _fade(samples)
        return _Take(first, samples, tuple(one and _moved(one, first / SPOKEN_HZ) for one in spans))

    def _place(self, wanted: float, length: float, earliest: float, limit: float) -> tuple[float, float]:
        """Return a start in seconds and a speed: jittered if there is room, else as early and fast as needed."""
        first = max(0.0, wanted - MAX_SLIP_S, earliest)
        last = max(first, wanted + MAX_SLIP_S)
        start = min(max(first, wanted + self._chance.uniform(-JITTER_S, JITTER_S)), last)
        room = max(limit - start, 1e-3)
        if length <= room:
            return start, 1.0
        if length <= (limit - first) * 1.1:
            start = max(first, limit - length)
        elif length > room * MAX_SPEED:
            start = first
        return start, float(np.clip(length / max(limit - start, 1e-3), 1.0, MAX_SPEED))

    def _said(self, token: Token) -> str:
        if token.entity_type is None:
            return token.text
        ending = token.text[-1:] if token.text[-1:] in {".", ",", "?", "!"} else ""
        return _SAID.get(token.entity_type, _SAID_OTHERWISE) + ending

    def _substitute(self, samples: Samples, tokens: Sequence[Token], spans: Sequence[Span | None]) -> None:
        """Put a tone or silence where a stand-in for personal words was spoken, in place."""
        if self._personal == "word":
            return
        for token, span in zip(tokens, spans, strict=True):
            if token.entity_type is None or span is None:
                continue
            start, end = round(span.start * SPOKEN_HZ), min(round(span.end * SPOKEN_HZ), len(samples))
            hole = samples[start:end]
            hole[:] = (
                0 if self._personal == "mute" else make_tone(len(hole) / SPOKEN_HZ, sample_rate=SPOKEN_HZ)
            )

    def _silenced(
        self, reason: str, utterance: RedactedUtterance, phrase: Phrase | None = None, words: int = 0
    ) -> None:
        """Take note of what is not heard, at the times at which it is stored."""
        detail: dict[str, str | int | float] = {"reason": reason, "speaker": utterance.speaker}
        if words:
            detail["words"] = words
        tokens = utterance.tokens if phrase is None else utterance.tokens[phrase.first : phrase.last]
        spans = [token.span for token in tokens] or [utterance.span]
        span = Span(min(one.start for one in spans), max(one.end for one in spans))
        self._events.append(Event(EventKind.SILENCED, track=utterance.track, span=span, detail=detail))


def _key(utterance: RedactedUtterance) -> tuple[str, str]:
    return utterance.track, utterance.speaker


def _following(phrases: Sequence[Phrase], utterances: Sequence[RedactedUtterance]) -> list[float]:
    """Return, per phrase, when the same speaker's next one starts; infinity for the last."""
    nexts: dict[tuple[str, str], float] = {}
    out = []
    for phrase in reversed(phrases):
        speaker = _key(utterances[phrase.utterance])
        out.append(nexts.get(speaker, math.inf))
        nexts[speaker] = phrase.start
    return out[::-1]


def _sped(speech: Speech, speed: float) -> list[Span | None]:
    return [span and Span(span.start / speed, span.end / speed) for span in speech.spans]


def _moved(span: Span, by: float) -> Span:
    return Span(span.start + by, span.end + by)


def _trimmed(
    samples: Samples, spans: Sequence[Span | None], room: float
) -> tuple[Samples, list[Span | None]]:
    """Keep the words that end within `room` seconds; the rest is dropped whole."""
    kept = [span if span is not None and span.end <= room else None for span in spans]
    first_lost = min(
        (at for at, span in enumerate(spans) if span is not None and span.end > room), default=len(spans)
    )
    kept[first_lost:] = [None] * (len(kept) - first_lost)
    end = max((span.end for span in kept if span is not None), default=0.0)
    return samples[: round(end * SPOKEN_HZ)].copy(), kept


def _fade(samples: Samples) -> None:
    """Fade both ends, in place."""
    count = min(round(FADE_S * SPOKEN_HZ), len(samples) // 2)
    ramp = np.linspace(0, 1, count, dtype=np.float32)
    samples[:count] *= ramp
    samples[len(samples) - count :] *= ramp[::-1]


def _retimed(utterance: RedactedUtterance, phrase: Phrase, spans: Sequence[Span | None]) -> RedactedUtterance:
    """Return the utterance with the phrase's tokens where they are heard."""
    tokens = list(utterance.tokens)
    for at, span in zip(range(phrase.first, phrase.last), spans, strict=True):
        tokens[at] = (
            replace(tokens[at], located=False)
            if span is None
            else replace(tokens[at], span=span, located=True)
        )
    heard = [token.span for token in tokens]
    whole = Span(min(span.start for span in heard), max(span.end for span in heard))
    return replace(utterance, tokens=tuple(tokens), span=whole)
