"""Find where in the sound each recognised word is."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from redaction.audio.listening.pronounce import Slot, phones_of, spoken_slots
from redaction.audio.listening.segment import RATE, SpeechSegment, wipe
from redaction.audio.listening.transcribe import JoinedSpeech, Transcript, join_speech
from redaction.errors import ModelAltered
from redaction.model import Samples, Span, Word
from redaction.weights import locate, open_session

__all__ = ["Aligner", "PocketsphinxAligner"]

_FRAMES_PER_S = 100  # pocketsphinx's default frame rate
_MARGIN_S = 0.3
"""Sound taken on each side of the words to align, in seconds. Source: Whisper places 98 % of word edges
within 0.3 s (measured against the word times of TIMIT)."""

_OVERLAP_S = 0.1  # how far a window may reach into the sentence beside it

_FAR_S = 0.6
"""A word found this far from where Whisper heard it is not believed, in seconds. Source: 99.4 % of Whisper's
words lie within 0.5 s of the truth (measured against the word times of TIMIT)."""

_LONGEST_S = 32.0  # longest stretch aligned at once
_MOST_WORDS = 250  # spoken words in one stretch, more than 8 a second
_NEW_WORDS = 4000  # words added to the dictionary before it is loaded afresh, so that none stay for long
_FEWEST_FRAMES_PER_PHONE = 3  # states of a phone model; fewer frames than that cannot be aligned


class Aligner(Protocol):
    """Gives words exact times."""

    def align(self, piece: SpeechSegment, transcript: Transcript) -> tuple[tuple[Word, ...], ...]:
        """Return the transcript's segments with the same words, `located` where their times are exact."""


@dataclass(frozen=True, slots=True)
class _Graph:
    """A finite-state grammar of the ways to speak some words."""

    transitions: list[tuple[int, int, float] | tuple[int, int, float, str]]
    slots: list[tuple[int, Slot]]
    states: int


class PocketsphinxAligner:
    """Forced alignment with pocketsphinx's en-us model: English only, one sentence at a time.

    Words that its dictionary lacks are read by hibari's letter-to-sound net. Figures may be spoken in any
    usual way. Nothing is written: dictionary and grammar live in memory, the log is off.

    Source: github.com/cmusphinx/pocketsphinx, BSD; median error 14 ms against Whisper's 96 ms on TIMIT.

    Raises:
        ModelMissing, ModelAltered: the acoustic model is not in place.
    """

    def __init__(self) -> None:
        self._folder = locate("align.pocketsphinx")
        self._letters = _LetterReader()
        self._lock = threading.Lock()
        self._load()

    def _load(self) -> None:
        from pocketsphinx import Decoder

        try:
            self._decoder = Decoder(
                hmm=str(self._folder / "en-us"),
                dict=str(self._folder / "cmudict-en-us.dict"),
                lm=None,
                bestpath=False,
                loglevel="FATAL",
                samprate=RATE,
            )
        except (RuntimeError, ValueError):
            raise ModelAltered("The aligner's model align.pocketsphinx cannot be loaded.") from None
        self._phones: dict[str, int] = {}
        self._added = 0

    def align(self, piece: SpeechSegment, transcript: Transcript) -> tuple[tuple[Word, ...], ...]:
        """Return the segments with exact times where they were found, Whisper's where not."""
        if transcript.language != "en":
            return transcript.segments
        speech = join_speech(piece)
        try:
            with self._lock:
                if self._added > _NEW_WORDS:
                    self._load()
                return tuple(
                    self._segment(speech, segment, window=window)
                    for segment, window in zip(
                        transcript.segments, _windows(speech, transcript.segments), strict=True
                    )
                )
        finally:
            wipe(speech.samples)

    def _segment(
        self, speech: JoinedSpeech, words: tuple[Word, ...], *, window: tuple[float, float]
    ) -> tuple[Word, ...]:
        spoken = [(index, slot) for index, word in enumerate(words) for slot in spoken_slots(word.text)]
        if not spoken or len(spoken) > _MOST_WORDS or window[1] - window[0] > _LONGEST_S:
            return words
        first = round(window[0] * RATE)
        heard = self._decode(speech.samples[first : round(window[1] * RATE)], spoken)
        if heard is None:
            return words
        return tuple(
            _placed(word, heard.get(index), speech=speech, origin=first / RATE)
            for index, word in enumerate(words)
        )

    def _decode(self, samples: Samples, spoken: list[tuple[int, Slot]]) -> dict[int, tuple[int, int]] | None:
        """Return for each word its first and one past its last frame, or None where the words do not fit."""
        graph = self._graph(spoken)
        shortest = sum(
            min(sum(self._length(word) for word in way) for way in slot) for _, slot in graph.slots
        )
        if not graph.slots or shortest * _FEWEST_FRAMES_PER_PHONE > len(samples) * _FRAMES_PER_S / RATE:
            return None
        pcm = np.clip(samples * 32767.0, -32768, 32767).astype("<i2")
        decoder = self._decoder
        try:
            decoder.add_fsg("words", decoder.create_fsg("words", 0, graph.states - 1, graph.transitions))
            decoder.activate_search("words")
            decoder.start_utt()
            try:
                decoder.process_raw(pcm.tobytes(), full_utt=True)
            finally:
                decoder.end_utt()
            path = [(_plain(seg.word), seg.start_frame, seg.end_frame + 1) for seg in decoder.seg() or ()]
        except (RuntimeError, ValueError):
            return None
        finally:
            wipe(pcm)
        heard = [(word, a, b) for word, a, b in path if word]
        return _matched(heard, graph.slots)

    def _graph(self, spoken: list[tuple[int, Slot]]) -> _Graph:
        """Chain the slots; a way with a word that nothing can read is left out, a slot with no way left
        too."""
        transitions: list[tuple[int, int, float] | tuple[int, int, float, str]] = []
        slots: list[tuple[int, Slot]] = []
        at, free = 0, 1
        for index, slot in spoken:
            ways = tuple(way for way in slot if all(self._length(word) for word in way))
            if not any(ways):
                continue
            end, free = free, free + 1
            for way in ways:
                state = at
                for place, word in enumerate(way):
                    target = end if place == len(way) - 1 else free
                    free += target == free
                    transitions.append((state, target, 1.0, word))
                    state = target
                if not way:
                    transitions.append((at, end, 1.0))
            slots.append((index, ways))
            at = end
        # The last state has a number of its own, so that it is the highest, and is reached in silence.
        transitions.append((at, free, 1.0))
        return _Graph(transitions, slots, free + 1)

    def _length(self, word: str) -> int:
        """Return the number of phones of a word, adding it to the dictionary if need be; 0 if it cannot be
        read."""
        known = self._phones.get(word)
        if known is not None:
            return known
        phones = self._decoder.lookup_word(word)
        if phones is None:
            phones = phones_of(word, read=self._letters)
            if phones:
                try:
                    self._decoder.add_word(word, phones, False)
                    self._added += 1
                except RuntimeError:
                    phones = ""
        self._phones[word] = len(phones.split())
        return self._phones[word]


class _LetterReader:
    """hibari's net for unknown words: letters in, phonemes out.

    Source: hibari-tts 0.2.1, `assets/oov.onnx`, Apache-2.0, trained on 225,000 readings.
    """

    def __init__(self) -> None:
        spec = find_spec("hibari")
        if spec is None or not spec.submodule_search_locations:
            raise ModelAltered("The package hibari-tts, which reads unknown words, is not installed whole.")
        path = Path(spec.submodule_search_locations[0]) / "assets" / "oov.onnx"
        self._net = import_module("hibari.g2p.oov").OOV(str(path), session=open_session(str(path)))

    def __call__(self, word: str) -> str | None:
        read: str | None = self._net(word)
        return read


def _windows(speech: JoinedSpeech, segments: Sequence[tuple[Word, ...]]) -> list[tuple[float, float]]:
    """Return for each segment the seconds of the joined sound in which to look for its words."""
    end = len(speech.samples) / RATE
    times = [(speech.joined_time(s[0].span.start), speech.joined_time(s[-1].span.end)) for s in segments]
    windows = []
    for index, (a, b) in enumerate(times):
        before = max((time for _, time in times[:index]), default=0.0)
        after = min((time for time, _ in times[index + 1 :]), default=end)
        start = max(0.0, a - _MARGIN_S, min(a, before) - _OVERLAP_S)
        stop = min(end, b + _MARGIN_S, max(b, after) + _OVERLAP_S)
        windows.append((start, max(start, stop)))
    return windows


def _matched(
    heard: list[tuple[str, int, int]], slots: list[tuple[int, Slot]]
) -> dict[int, tuple[int, int]] | None:
    """Lay the words of the best path over the slots that allowed them.

    Returns:
        Token number to `(first frame, one past the last)`, or None when the path is not a whole reading.
    """
    # From each slot, the positions in `heard` from which the rest can be read.
    reach: list[dict[int, int]] = [{} for _ in slots] + [{len(heard): 0}]
    words = [word for word, _, _ in heard]
    for number in range(len(slots) - 1, -1, -1):
        for way in slots[number][1]:
            for after in reach[number + 1]:
                start = after - len(way)
                if start >= 0 and tuple(words[start:after]) == way:
                    reach[number].setdefault(start, len(way))
    if 0 not in reach[0]:
        return None
    found: dict[int, tuple[int, int]] = {}
    at = 0
    for number, (token, _) in enumerate(slots):
        taken = reach[number][at]
        if taken:
            first, last = heard[at][1], heard[at + taken - 1][2]
            found[token] = (found[token][0] if token in found else first, last)
        at += taken
    return found


def _placed(word: Word, frames: tuple[int, int] | None, *, speech: JoinedSpeech, origin: float) -> Word:
    if frames is None:
        return word
    start, end = (origin + frame / _FRAMES_PER_S for frame in frames)
    span = speech.call_span(start, end)
    away = max(start - speech.joined_time(word.span.end), speech.joined_time(word.span.start) - end)
    if away > _FAR_S:
        hull = Span(min(span.start, word.span.start), max(span.end, word.span.end))
        return Word(word.text, hull, probability=word.probability, located=False)
    return Word(word.text, span, probability=word.probability, located=True)


def _plain(word: str) -> str:
    """Return a dictionary word without its variant number; empty for silence and noise."""
    if word.startswith(("<", "[", "++", "(NULL)")):
        return ""
    return word.partition("(")[0]
