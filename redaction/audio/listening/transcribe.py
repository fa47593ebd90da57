"""Turn the speech of a piece into words with call time."""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np

from redaction.audio.listening.segment import RATE, SpeechSegment, wipe
from redaction.errors import ModelMissing, UsageError
from redaction.model import AudioBlock, Samples, Span, Word
from redaction.weights import locate

__all__ = [
    "JoinedSpeech",
    "PassageSplitter",
    "Transcriber",
    "Transcript",
    "WhisperTranscriber",
    "join_speech",
]

SPEECH_PAD_S = 0.4
"""Sound left around each run of speech, in seconds. Source: faster-whisper's VAD default; its maintainers
raised it to 0.4 s because first and last words were lost with less."""

_BIAS_S = {"speech.whisper_tiny_en": -0.08, "speech.whisper_base": 0.07}
"""What is added to Whisper's word times, in seconds: its attention heads place words of tiny.en late and of
base early, the same in every recording measured. Source: measured against the word times of TIMIT."""

_ENDING = re.compile(r"\.[A-Za-z]{2,}[.,?!]?")
_TEMPERATURES = (0.0, 0.4, 0.8)  # a window that loops is tried twice more, then taken as it is
_OVERHANG_S = 0.1  # what a word may reach over a joint without taking in the silence there
_SHORTEST_PASSAGE_S = 1.5
"""Speech from which a language can be told, in seconds. An estimate: it has not been measured."""

_SAME_PASSAGE_S = 3.0
"""Runs of speech that are further apart than this are told apart, however short."""

_SURE_OF_LANGUAGE = 0.5
UNKNOWN_LANGUAGE = "und"
_ENGLISH_ONLY = ("speech.whisper_tiny_en",)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard in a piece.

    Attributes:
        segments: the words in order, in groups that the model ended itself (about a sentence each). No word
            is `located`: its time is the model's estimate, which may be off by 0.3 s.
        language: ISO 639-1 code, such as `en`.
    """

    segments: tuple[tuple[Word, ...], ...]
    language: str = "en"


class Transcriber(Protocol):
    """Hears words."""

    def transcribe(self, piece: SpeechSegment) -> Transcript:
        """Return the words of the piece's speech, in order, with call time.

        An implementation may raise anything that `Exception` covers: the piece then counts as not heard.
        """


@runtime_checkable
class PassageSplitter(Protocol):
    """Tells where the language of a piece changes."""

    def passages(self, piece: SpeechSegment) -> list[SpeechSegment]:
        """Return the piece cut where another language begins; its samples stay those of the piece."""


class WhisperTranscriber:
    """Whisper on the CPU through faster-whisper, from a local folder, with no look at the network.

    Args:
        model_name_or_path: a name of the weights' list, or the path of a CTranslate2 Whisper folder, which
            must hold `model.bin` and `tokenizer.json`.
        language: ISO 639-1 code, or `auto` to detect it passage by passage.
        threads: CPU threads.

    Raises:
        UsageError: an English-only model with another language, or a language the model does not know.
        ModelMissing: the folder or a file in it is missing.
    """

    def __init__(self, model_name_or_path: str, *, language: str = "en", threads: int = 2) -> None:
        if model_name_or_path in _ENGLISH_ONLY and language != "en":
            raise UsageError(_ENGLISH_SENTENCE)
        folder = locate(model_name_or_path)
        for name in ("model.bin", "tokenizer.json", "config.json"):
            if not (folder / name).is_file():
                raise ModelMissing(
                    f"The Whisper folder that the policy names has no {name}; "
                    "run `offrecord models fetch` or name a complete CTranslate2 folder."
                )
        os.environ["HF_HUB_OFFLINE"] = "1"
        from faster_whisper import WhisperModel

        self._model = WhisperModel(
            str(folder),
            device="cpu",
            compute_type="int8",
            cpu_threads=threads,
            num_workers=1,
            local_files_only=True,
        )
        known: Sequence[str] = self._model.supported_languages
        if language != "en" and not self._model.model.is_multilingual:
            raise UsageError(_ENGLISH_SENTENCE)
        if language != "auto" and language not in known:
            raise UsageError("The speech model does not know the language that speech.language names.")
        self._language = None if language == "auto" else language
        self._bias_s = _BIAS_S.get(model_name_or_path, 0.0)
        self._lock = threading.Lock()

    def passages(self, piece: SpeechSegment) -> list[SpeechSegment]:
        """Return the piece cut where another language begins; as it is where the language is set.

        Each run of speech is looked at by itself, short ones with their neighbour: people change over with a pause.
        """
        groups = [] if self._language is not None else _language_groups(piece.speech)
        if len(groups) < 2:
            return [piece]
        with self._lock:
            languages = [self._detected(piece, group) for group in groups]
        return _cut(piece, groups, languages)

    def _detected(self, piece: SpeechSegment, runs: Sequence[Span]) -> str:
        speech = join_speech(SpeechSegment(piece.block, tuple(runs)))
        try:
            language, probability, _ = self._model.detect_language(speech.samples)
        finally:
            wipe(speech.samples)
        sure = float(probability) >= _SURE_OF_LANGUAGE
        return str(language) if sure else UNKNOWN_LANGUAGE

    def transcribe(self, piece: SpeechSegment) -> Transcript:
        """Return the words of the piece's speech; no words and the set language where there is no speech."""
        speech = join_speech(piece)
        if not speech.places:
            return Transcript((), self._language or "en")
        try:
            with self._lock:
                segments, info = self._model.transcribe(
                    speech.samples,
                    language=self._language,
                    beam_size=1,
                    best_of=1,
                    temperature=_TEMPERATURES,
                    word_timestamps=True,
                    condition_on_previous_text=False,
                    vad_filter=False,
                )
                groups = tuple(
                    group
                    for segment in segments
                    if (group := self._words(segment.words or (), speech=speech))
                )
        finally:
            wipe(speech.samples)
        return Transcript(groups, str(info.language))

    def _words(self, untrusted_words: Iterable[_WhisperWord], *, speech: JoinedSpeech) -> tuple[Word, ...]:
        words: list[Word] = []
        for word in untrusted_words:
            text = word.word.strip()
            if text:
                span = speech.call_span(float(word.start) + self._bias_s, float(word.end) + self._bias_s)
                if words and _ENDING.fullmatch(text):  # `example .org` was one word when it was said
                    before = words.pop()
                    text, span = before.text + text, Span(before.span.start, max(before.span.start, span.end))
                words.append(Word(text, span, probability=_unit(float(word.probability)), located=False))
        return tuple(words)


def _language_groups(runs: Sequence[Span]) -> list[list[Span]]:
    """Return runs of speech in groups that are long enough to tell their language: short ones with the nearer one."""
    groups = [[run] for run in runs]
    at = 0
    while at < len(groups):
        gaps = [
            (groups[other][0].start - groups[other - 1][-1].end, other)
            for other in (at, at + 1)
            if 0 < other < len(groups)
        ]
        nearest = min(gaps, default=(_SAME_PASSAGE_S, 0))
        if sum(run.duration for run in groups[at]) >= _SHORTEST_PASSAGE_S or nearest[0] >= _SAME_PASSAGE_S:
            at += 1
            continue
        groups[nearest[1] - 1 : nearest[1] + 1] = [[*groups[nearest[1] - 1], *groups[nearest[1]]]]
        at = nearest[1] - 1
    return groups


def _cut(
    piece: SpeechSegment, groups: Sequence[Sequence[Span]], languages: Sequence[str]
) -> list[SpeechSegment]:
    """Cut a piece between groups of different languages; a group of which nothing is sure goes with the one before."""
    known = next((language for language in languages if language != UNKNOWN_LANGUAGE), UNKNOWN_LANGUAGE)
    merged: list[tuple[str, list[Span]]] = []
    for group, language in zip(groups, languages, strict=True):
        known = known if language == UNKNOWN_LANGUAGE else language
        if merged and merged[-1][0] == known:
            merged[-1][1].extend(group)
        else:
            merged.append((known, list(group)))
    if len(merged) < 2:
        return [piece]
    edges = [
        piece.block.start,
        *(round((a[-1].end + b[0].start) / 2 * RATE) for (_, a), (_, b) in pairwise(merged)),
        piece.block.start + len(piece.block.samples),
    ]
    return [
        SpeechSegment(
            AudioBlock(
                piece.block.samples[first - piece.block.start : last - piece.block.start], first, RATE
            ),
            tuple(runs),
        )
        for (first, last), (_, runs) in zip(pairwise(edges), merged, strict=True)
    ]


class _WhisperWord(Protocol):
    word: str
    start: float
    end: float
    probability: float


_ENGLISH_SENTENCE = (
    "The speech model speech.whisper_tiny_en knows English alone; "
    "set speech.model to speech.whisper_base for another language or for auto."
)


@dataclass(frozen=True, slots=True)
class JoinedSpeech:
    """The runs of speech of a piece, padded and joined: what a recogniser is given.

    Attributes:
        samples: float32 (n,), -1 to 1, 16,000 Hz, a copy; whoever joined them wipes them.
        places: for each run, the second of the joined sound at which it begins, and its call time.
    """

    samples: Samples
    places: tuple[tuple[float, Span], ...]

    def call_span(self, start: float, end: float) -> Span:
        """Return the call time of seconds `start` to `end` of the joined sound.

        A stretch that reaches over a joint by less than 0.1 s, or whose times are no numbers, is kept on the
        side where most of it lies; otherwise the span takes in the silence that was left out.
        """
        if not (math.isfinite(start) and math.isfinite(end)):
            return Span(self.places[0][1].start, self.places[-1][1].end)
        end = max(start, end)
        first, last = self._place_at(start), self._place_at(end, closing=True)
        joints = [begin for begin, _ in self.places[first + 1 : last + 1]]
        if joints and joints[0] - start < _OVERHANG_S:
            first += 1
        if joints and last > first and end - joints[-1] < _OVERHANG_S:
            last -= 1
        begin_a, place_a = self.places[first]
        begin_b, place_b = self.places[max(first, last)]
        lower = min(max(start - begin_a + place_a.start, place_a.start), place_a.end)
        upper = min(max(end - begin_b + place_b.start, place_b.start), place_b.end)
        return Span(lower, max(lower, upper))

    def joined_time(self, time: float) -> float:
        """Return where in the joined sound a call time lies; one in a silence left out is moved to the
        joint."""
        at = 0.0
        for begin, place in self.places:
            if time < place.start:
                return begin
            at = begin + min(time, place.end) - place.start
            if time <= place.end:
                return at
        return at

    def _place_at(self, time: float, *, closing: bool = False) -> int:
        number = 0
        for index, (begin, _) in enumerate(self.places):
            if begin < time or (begin == time and not closing):
                number = index
        return number


def join_speech(piece: SpeechSegment, *, pad_s: float = SPEECH_PAD_S) -> JoinedSpeech:
    """Join the runs of speech of a piece, with up to `pad_s` seconds around each; no places without
    speech."""
    start, total = piece.block.start, len(piece.block.samples)
    bounds: list[tuple[int, int]] = []
    for run in piece.speech:
        a = max(0, round((run.start - pad_s) * RATE) - start)
        b = min(total, round((run.end + pad_s) * RATE) - start)
        if bounds and a <= bounds[-1][1]:
            bounds[-1] = (bounds[-1][0], max(b, bounds[-1][1]))
        elif b > a:
            bounds.append((a, b))
    if not bounds:
        return JoinedSpeech(np.zeros(0, np.float32), ())
    places = []
    done = 0
    for a, b in bounds:
        places.append((done / RATE, Span((start + a) / RATE, (start + b) / RATE)))
        done += b - a
    return JoinedSpeech(np.concatenate([piece.block.samples[a:b] for a, b in bounds]), tuple(places))


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value)) if math.isfinite(value) else 0.0
