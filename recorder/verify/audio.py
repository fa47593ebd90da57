"""The stored sound of a call heard again: what is still personal falls silent, and its words are masked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from recorder.bundle.manifest import Check
from recorder.media.file import FileSource
from recorder.media.source import Source, TrackInfo
from recorder.runtime.context import Run
from redaction.audio.listening.listen import Listener
from redaction.audio.redact import LISTENING_HZ, RedactedSpeech
from redaction.audio.speakers.compare import VoiceCheck
from redaction.audio.speakers.models import SAME_SPEAKER_COSINE, Embedder
from redaction.audio.voice.mute import merged_spans, mute_spans
from redaction.errors import RedactionIncomplete, UnreadableInput
from redaction.model import (
    AudioBlock,
    EntityType,
    Event,
    EventKind,
    Gap,
    RedactedUtterance,
    Span,
    TextFinding,
    Token,
    Utterance,
    Word,
)
from redaction.policy import Policy
from redaction.stages import AudioStages

__all__ = ["HeardAgain", "RenderedAudio", "VerifiedAudio", "hear_again", "personal_words", "verify_audio"]

_SOUND_ROUNDS: Final = 2
_VOICE_ROUNDS: Final = 4
_SHORTEST_WORD: Final = 4
_SHORTEST_NUMBER: Final = 4


_ROUNDS: Final = 3
_PAD_S: Final = 0.3
_PLACEHOLDER: Final = "—"
"""Stands for what is masked already, so that its neighbours are read in their place and it is not found again."""

Resilence = Callable[[str, Sequence[Span]], Path]


@dataclass(frozen=True, slots=True)
class HeardAgain:
    """What the stored sound says, once nothing personal is left in it.

    Attributes:
        utterances: what may be stored of each participant's words.
        silent: what had to fall silent, by participant.
        events: what was done, by participant.
        words: how many words were heard again.
    """

    utterances: Mapping[str, tuple[RedactedUtterance, ...]]
    silent: Mapping[str, tuple[Span, ...]]
    events: Mapping[str, tuple[Event, ...]]
    words: int


def hear_again(
    tracks: Mapping[str, Path],
    stored: Mapping[str, Sequence[RedactedUtterance]],
    *,
    duration: float,
    policy: Policy,
    stages: AudioStages,
    resilence: Resilence,
    run: Run,
) -> HeardAgain:
    """Transcribe every stored track, search it and the stored words, and silence what is found, until nothing is.

    Args:
        tracks: each participant's sound on the call clock.
        stored: each participant's words as they were stored while the call went on.
        duration: of the call in seconds.
        policy: what stands for personal words.
        stages: the models.
        resilence: writes a participant's track anew with all these spans silent, and returns it.
        run: is told of the progress, and stops the work when somebody asks.

    Raises:
        RedactionIncomplete: something personal is still heard after the last round.
    """
    search = _RepeatedHearing(dict(tracks), stored, duration, policy, stages, run)
    for number in range(_ROUNDS + 1):
        found = search.search(whole=number == _ROUNDS - 1, first=not number)
        if not found:
            return search.result()
        if number == _ROUNDS:
            break
        for person, spans in found.items():
            search.silence(person, spans)
            if person in search.tracks:
                search.tracks[person] = resilence(person, search.silent[person])
                search.heard.pop(person, None)
    raise RedactionIncomplete("A personal word can still be heard in the stored sound.")


class _RepeatedHearing:
    def __init__(
        self,
        tracks: dict[str, Path],
        stored: Mapping[str, Sequence[RedactedUtterance]],
        duration: float,
        policy: Policy,
        stages: AudioStages,
        run: Run,
    ) -> None:
        self.tracks = tracks
        self.heard: dict[str, tuple[tuple[Utterance, ...], tuple[Span, ...]]] = {}
        self.silent: dict[str, list[Span]] = {}
        self._words: dict[str, tuple[RedactedUtterance, ...]] = {
            person: tuple(replace(item, speaker=person) for item in items) for person, items in stored.items()
        }
        self._events: dict[str, list[Event]] = {}
        self._duration = duration
        self._policy = policy
        self._stages = stages
        self._run = run

    def search(self, *, whole: bool, first: bool) -> dict[str, list[Span]]:
        """Return what must fall silent, by participant; the stored words are masked on the way."""
        found: dict[str, list[Span]] = {}
        if first:
            for person, spans in self._mask_stored().items():
                found.setdefault(person, []).extend(spans)
        for person, path in self.tracks.items():
            if person not in self.heard:
                self.heard[person] = self._listen(person, path)
            _, failures = self.heard[person]
            if failures:
                found.setdefault(person, []).extend(failures)
        utterances = sorted(
            (item for items, _ in self.heard.values() for item in items), key=lambda item: item.span
        )
        findings = self._stages.finder.find(utterances)
        for person in self.tracks:
            spans = mute_spans(utterances, findings, track=person)
            if whole:
                spans = [
                    utterances[item.utterance].span.padded(_PAD_S, _PAD_S)
                    for item in findings
                    if utterances[item.utterance].track == person
                ]
            if spans:
                found.setdefault(person, []).extend(spans)
        self._run.check()
        return {person: merged_spans(spans) for person, spans in found.items()}

    def silence(self, person: str, spans: Sequence[Span]) -> None:
        """Take note of what falls silent, and mask the words in it."""
        self.silent[person] = merged_spans([*self.silent.get(person, ()), *spans])
        self._events.setdefault(person, []).extend(
            Event(EventKind.MENDED, "microphone", span, {"reason": "personal word heard"}) for span in spans
        )
        self._words[person] = tuple(
            _masked(item, spans, self._policy) for item in self._words.get(person, ())
        )

    def result(self) -> HeardAgain:
        """Return what is left."""
        return HeardAgain(
            utterances=self._words,
            silent={person: tuple(spans) for person, spans in self.silent.items()},
            events={person: tuple(events) for person, events in self._events.items()},
            words=sum(len(item.words) for items, _ in self.heard.values() for item in items),
        )

    def _mask_stored(self) -> dict[str, list[Span]]:
        """Search the stored words as text; mask what is found in them and return where it is heard."""
        order = sorted(
            ((person, at) for person, items in self._words.items() for at in range(len(items))),
            key=lambda place: self._words[place[0]][place[1]].span,
        )
        texts = [_as_spoken(self._words[person][at]) for person, at in order]
        found: dict[str, list[Span]] = {}
        by_place: dict[int, list[TextFinding]] = {}
        for item in self._stages.finder.find(texts):
            by_place.setdefault(item.utterance, []).append(item)
        words = {person: list(items) for person, items in self._words.items()}
        for index, findings in by_place.items():
            person, at = order[index]
            tokens = list(words[person][at].tokens)
            for finding in findings:
                for place in range(finding.first, finding.last):
                    token = tokens[place]
                    if token.entity_type is None:
                        span = token.span if token.located else words[person][at].span
                        found.setdefault(person, []).append(span.padded(_PAD_S / 2, _PAD_S / 2))
                        tokens[place] = _mask(token, finding.entity_type, self._policy)
            words[person][at] = replace(words[person][at], tokens=tuple(tokens))
        self._words = {person: tuple(items) for person, items in words.items()}
        return found

    def _listen(self, person: str, path: Path) -> tuple[tuple[Utterance, ...], tuple[Span, ...]]:
        with self._run.stage(f"hearing {person} again", self._duration) as reach:
            listener = Listener(
                track=person,
                speaker=person,
                transcriber=self._stages.transcriber,
                aligner=self._stages.aligner,
            )
            utterances: list[Utterance] = []
            for block in _for_listening(path):
                self._run.check()
                utterances += listener.push(block)
                reach(block.span.end)
            utterances += listener.flush()
        return tuple(utterances), tuple(listener.failures)


def _for_listening(path: Path) -> Iterator[AudioBlock]:
    source = FileSource(path)
    try:
        for item in source.audio(source.info().audio[0].id, LISTENING_HZ):
            if isinstance(item, Gap):
                raise RedactionIncomplete("The stored sound does not decode cleanly.")
            yield item
    except (UnreadableInput, IndexError):
        raise RedactionIncomplete("The stored sound cannot be read back.") from None


def _as_spoken(utterance: RedactedUtterance) -> Utterance:
    words = tuple(
        Word(token.text if token.entity_type is None else _PLACEHOLDER, token.span, located=token.located)
        for token in utterance.tokens
    )
    return Utterance(words, utterance.span, utterance.speaker, utterance.speaker, utterance.language)


def _masked(utterance: RedactedUtterance, spans: Sequence[Span], policy: Policy) -> RedactedUtterance:
    tokens = tuple(
        _mask(token, EntityType.OTHER, policy)
        if token.entity_type is None and any(_hidden(token, utterance, span) for span in spans)
        else token
        for token in utterance.tokens
    )
    return replace(utterance, tokens=tokens)


def _hidden(token: Token, utterance: RedactedUtterance, span: Span) -> bool:
    """Tell whether at least half of a word falls into a silent span."""
    place = token.span if token.located else utterance.span
    shared = min(place.end, span.end) - max(place.start, span.start)
    return shared > 0 and shared >= place.duration / 2


def _mask(token: Token, kind: EntityType, policy: Policy) -> Token:
    text = "" if policy.transcript.names == "drop" else str(kind)
    return Token(text, token.span, kind, located=token.located)


@dataclass(frozen=True, slots=True)
class RenderedAudio:
    """The stored sound and what is known of it."""

    path: Path
    seconds: float
    silenced: float
    method: str
    events: tuple[Event, ...]
    transcript: tuple[RedactedUtterance, ...]


Rerender = Callable[[Sequence[Span]], RenderedAudio]


@dataclass(frozen=True, slots=True)
class VerifiedAudio:
    """A sound that passed, with what the second look did."""

    sound: RenderedAudio
    checks: tuple[Check, ...]
    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()


def verify_audio(
    sound: RenderedAudio,
    heard: RedactedSpeech,
    *,
    source: Source,
    tracks: Sequence[TrackInfo],
    stages: AudioStages,
    rerender: Rerender,
    run: Run,
) -> VerifiedAudio:
    """Transcribe the stored sound again and compare its voices with those that spoke.

    Raises:
        RedactionIncomplete: a personal word or a voice is still there after the last round.
    """
    if sound.method == "mute":
        return VerifiedAudio(sound, (Check(name="silent", passed=_is_silent(sound.path), figure=0),), ())
    wanted = personal_words(heard)
    speakers = stages.speakers
    events: list[Event] = []
    silent: list[Span] = []
    silenced = redrawn = 0
    highest = -1.0
    while True:
        hits = _heard_again(sound.path, wanted, stages=stages, run=run)
        if hits:
            if silenced == _SOUND_ROUNDS:
                raise RedactionIncomplete("A personal word can still be heard in the stored sound.")
            silenced += 1
            events += [
                Event(EventKind.MENDED, span=span, detail={"reason": "personal word heard"}) for span in hits
            ]
            silent += [span.padded(0.3, 0.3) for span in hits]
            sound = rerender(silent)
            continue
        if speakers is not None:
            highest = _voice_check(sound, heard, source, tracks, speakers.embedder, run)
        if highest < SAME_SPEAKER_COSINE or sound.method != "resynthesize" or redrawn == _VOICE_ROUNDS:
            break
        redrawn += 1
        events.append(Event(EventKind.MENDED, detail={"reason": "voices drawn anew"}))
        sound = rerender(silent)  # which draws new voices, so what they say is heard again
    checks = [Check(name="no-personal-word-heard", passed=True, figure=len(wanted.words | wanted.numbers))]
    if speakers is None:
        return VerifiedAudio(sound, tuple(checks), tuple(events), ("voices-not-compared",))
    passed = highest < SAME_SPEAKER_COSINE
    if not passed and sound.method == "resynthesize":
        raise RedactionIncomplete("A stored voice may be recognised as one that spoke.")
    checks.append(
        Check(
            name="voice-not-recognised",
            passed=passed,
            figure=round(highest, 3),
            limit=SAME_SPEAKER_COSINE,
            note="cosine, CAM++",
        )
    )
    return VerifiedAudio(
        sound, tuple(checks), tuple(events), () if passed else ("disguised-voice-may-be-recognised",)
    )


@dataclass(frozen=True, slots=True)
class PersonalWords:
    """Raw personal words, in memory only, for the one comparison with what is heard again."""

    words: frozenset[str]
    numbers: frozenset[str]


def personal_words(heard: RedactedSpeech) -> PersonalWords:
    """Collect the words that were redacted and occur nowhere in what is kept."""
    kept = {
        _normal(token.text)
        for utterance in heard.redacted
        for token in utterance.tokens
        if token.entity_type is None
    }
    words: set[str] = set()
    numbers: set[str] = set()
    for finding in heard.findings:
        texts = [
            word.text for word in heard.utterances[finding.utterance].words[finding.first : finding.last]
        ]
        words |= {word for text in texts if len(word := _normal(text)) >= _SHORTEST_WORD and word.isalpha()}
        digits = re.sub(r"\D", "", "".join(texts))
        if len(digits) >= _SHORTEST_NUMBER:
            numbers.add(digits)
    words |= heard.written.personal
    return PersonalWords(frozenset(words - kept), frozenset(numbers))


def _normal(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _heard_again(
    path: Path,
    wanted: PersonalWords,
    *,
    stages: AudioStages,
    run: Run,
) -> list[Span]:
    source = FileSource(path)
    info = source.info()
    with run.stage("hearing it again", info.duration) as reach:
        listener = Listener(track="A1", speaker="S1", transcriber=stages.transcriber, aligner=None)
        utterances = []
        for item in source.audio(info.audio[0].id, 16_000):
            run.check()
            if isinstance(item, Gap):
                raise RedactionIncomplete("The stored sound does not decode cleanly.")
            utterances += listener.push(item)
            reach(item.span.end)
        utterances += listener.flush()
    if listener.failures:
        raise RedactionIncomplete("The stored sound could not be transcribed again.")
    hits: list[Span] = []
    for utterance in utterances:
        digits = re.sub(r"\D", "", "".join(word.text for word in utterance.words))
        if any(number in digits for number in wanted.numbers) or any(
            _normal(word.text) in wanted.words for word in utterance.words
        ):
            hits.append(utterance.span)
    return hits


def _voice_check(
    sound: RenderedAudio,
    heard: RedactedSpeech,
    source: Source,
    tracks: Sequence[TrackInfo],
    embedder: Embedder,
    run: Run,
) -> float:
    """Return the highest cosine between a stored voice and the voice that spoke in its place."""
    highest = -1.0
    check = VoiceCheck(embedder)
    for track in tracks:
        speech: dict[str, list[Span]] = {}
        for utterance in heard.utterances:
            if utterance.track == track.id:
                speech.setdefault(utterance.speaker, []).append(utterance.span)
        stored = FileSource(sound.path)
        cosines = check.cosines(
            source.audio(track.id, 16_000), stored.audio(stored.info().audio[0].id, 16_000), speech
        )
        run.check()
        highest = max([highest, *cosines.values()])
    return highest


def _is_silent(path: Path) -> bool:
    for item in FileSource(path).audio("A1", 16_000):
        if not isinstance(item, Gap) and len(item.samples) and float(np.abs(item.samples).max()) > 1e-3:
            raise RedactionIncomplete("The stored sound should be silent and is not.")
    return True
