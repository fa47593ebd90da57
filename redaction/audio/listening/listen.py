"""Listen to one track: samples in, utterances with word times out, and what was not understood."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from redaction.audio.listening.align import Aligner
from redaction.audio.listening.pronounce import is_figure
from redaction.audio.listening.segment import Segmenter, SpeechSegment, Vad, wipe
from redaction.audio.listening.transcribe import PassageSplitter, Transcriber
from redaction.audio.voice.mute import merged_spans
from redaction.model import AudioBlock, Span, Utterance, Word

__all__ = ["Listener", "uncovered_speech"]

PAUSE_S = 0.6
"""A pause this long ends an utterance, in seconds."""

FIGURE_PAUSE_S = 2.0
"""Between two figures only a pause this long does: people pause between the groups of a number they read
out."""

LONGEST_UTTERANCE_S = 30.0
MOST_UTTERANCE_WORDS = 120

UNCOVERED_S = 0.25
"""Speech without a word counts as unheard from this length on, in seconds: about the length of a spoken
digit. The speech detector closes gaps of 0.25 s, so that shorter ones are often the pause between two
words."""

_LONGEST_BASE_S, _LONGEST_LETTER_S, _LONGEST_FIGURE_S = 0.35, 0.07, 0.5
"""What an aligned word lasts at most, in seconds: so much, and more for each letter and figure. Source: above the
99th percentile of aligned words, prolonged ones included; a dropped word stretches its neighbours beyond it."""

_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a recogniser may raise over one piece without ending the run. Anything else is a defect and ends
it."""


class Listener:
    """Turn one track into utterances, piece by piece, and wipe the sound.

    Words that a broken recogniser puts at impossible times are kept and marked as not located. A piece over
    which the transcriber raises has no words and is a failure: whoever stores sound must silence it.

    Args:
        track: name of the track, such as `p01-microphone`.
        speaker: label of the speaker, such as `S1`.
        transcriber: hears words; may be shared between listeners.
        aligner: gives words exact times; None leaves them all not located.
        vad: speech detector of this listener alone; None makes one.
        longest_s: most sound that is held before it is transcribed, in seconds.
    """

    def __init__(
        self,
        *,
        track: str,
        speaker: str,
        transcriber: Transcriber,
        aligner: Aligner | None,
        vad: Vad | None = None,
        longest_s: float = 60.0,
    ) -> None:
        self._track = track
        self._speaker = speaker
        self._transcriber = transcriber
        self._aligner = aligner
        self._segmenter = Segmenter(vad=vad, max_s=longest_s)
        self._open: list[Word] = []
        self._language = "en"
        self._settled = self._until = 0.0
        self._uncovered: list[Span] = []
        self._speech: list[Span] = []
        self._failures: list[Span] = []

    @property
    def uncovered(self) -> list[Span]:
        """Speech so far that no word covers, in call time and order."""
        return list(self._uncovered)

    @property
    def speech(self) -> list[Span]:
        """Runs of speech so far, in call time and order."""
        return list(self._speech)

    @property
    def failures(self) -> list[Span]:
        """Pieces so far that the transcriber could not hear, in call time and order."""
        return list(self._failures)

    @property
    def settled(self) -> float:
        """Call time before which utterances, uncovered speech and failures are complete, in seconds."""
        return self._settled

    def push(self, block: AudioBlock) -> list[Utterance]:
        """Take samples at 16,000 Hz and return the utterances that are complete.

        Raises:
            InternalError: the block is of another rate or shape, or goes back in time.
        """
        return self._heard(self._segmenter.push(block))

    def flush(self) -> list[Utterance]:
        """Return the utterances that are left; afterwards no sample is held."""
        done = self._heard(self._segmenter.flush())
        if self._open:
            done += self._closed(len(self._open))
        self._settled = self._until
        return done

    def _heard(self, pieces: Iterable[SpeechSegment]) -> list[Utterance]:
        done: list[Utterance] = []
        for piece in pieces:
            try:
                for passage in self._passages(piece):
                    done += self._piece(passage)
            finally:
                wipe(piece.block.samples)
        return done

    def _passages(self, piece: SpeechSegment) -> list[SpeechSegment]:
        """Return the parts of a piece that are in one language each; the piece itself where nothing tells them."""
        if not piece.speech or not isinstance(self._transcriber, PassageSplitter):
            return [piece]
        try:
            return self._transcriber.passages(piece)
        except _BROKEN:
            return [piece]

    def _piece(self, piece: SpeechSegment) -> list[Utterance]:
        done: list[Utterance] = []
        heard, words, language = self._words(piece)
        if language != self._language:
            done += self._closed(len(self._open))
            self._language = language
        self._speech += piece.speech
        believable = [word for word in words if not _stretched(word)]
        self._uncovered += merged_spans(
            [*uncovered_speech(piece.speech, heard), *uncovered_speech(piece.speech, believable)]
        )
        self._open += words
        while (count := _complete(self._open)) is not None:
            done += self._closed(count)
        if self._open and piece.span.end - _end(self._open) >= _pause(self._open[-1], self._open[-1]):
            done += self._closed(len(self._open))
        self._until = piece.span.end
        self._settled = min((word.span.start for word in self._open), default=self._until)
        return done

    def _words(self, piece: SpeechSegment) -> tuple[list[Word], list[Word], str]:
        """Return the words of a piece as transcribed and as aligned, and their language.

        Where the transcriber raised there are no words, and the piece is a failure.
        """
        if not piece.speech:
            return [], [], self._language
        try:
            transcript = self._transcriber.transcribe(piece)
            segments = transcript.segments
            language = transcript.language
            heard = [_sane(word, piece.span) for segment in segments for word in segment]
        except _BROKEN:
            self._failures.append(piece.span)
            return [], [], self._language
        words = heard
        if self._aligner is not None:
            try:
                aligned = [word for segment in self._aligner.align(piece, transcript) for word in segment]
                if [word.text for word in aligned] == [word.text for word in words]:
                    words = [_sane(word, piece.span) for word in aligned]
            except _BROKEN:
                words = [Word(word.text, word.span, word.probability, located=False) for word in words]
        return heard, _in_order(words, piece.span), language

    def _closed(self, count: int) -> list[Utterance]:
        """Close the first `count` open words as an utterance."""
        words = tuple(self._open[:count])
        del self._open[:count]
        if not words:
            return []
        span = Span(min(word.span.start for word in words), max(word.span.end for word in words))
        return [Utterance(words, span, self._speaker, self._track, self._language)]


def uncovered_speech(speech: Sequence[Span], words: Sequence[Word]) -> list[Span]:
    """Return the stretches of speech, of `UNCOVERED_S` or more, in which no word lies."""
    covered = sorted(word.span for word in words)
    left: list[Span] = []
    for run in speech:
        at = run.start
        for span in covered:
            if span.end <= at:
                continue
            if span.start >= run.end:
                break
            left.append(Span(at, max(at, span.start)))
            at = span.end
        left.append(Span(at, max(at, run.end)))
    return [span for span in left if span.duration >= UNCOVERED_S]


def _stretched(word: Word) -> bool:
    """Tell whether an aligned word lasts so long that another, unheard one may be hidden in it."""
    figures = sum(char.isdecimal() for char in word.text)
    letters = sum(char.isalpha() for char in word.text)
    longest = _LONGEST_BASE_S + _LONGEST_LETTER_S * letters + _LONGEST_FIGURE_S * figures
    return word.located and word.span.duration > longest


def _sane(word: Word, piece: Span) -> Word:
    """Return the word within its piece; one that lies outside or nowhere may be anywhere in the piece."""
    start, end = float(word.span.start), float(word.span.end)
    text = " ".join(word.text.split())
    if not (math.isfinite(start) and math.isfinite(end)) or end < piece.start or start > piece.end:
        return Word(text, piece, probability=0.0, located=False)
    inside = Span(max(start, piece.start), min(max(end, piece.start), piece.end))
    whole = inside == word.span
    return Word(text, inside, probability=word.probability, located=word.located and whole)


def _in_order(words: Sequence[Word], piece: Span) -> list[Word]:
    """Return the words that have a text; one that starts before its predecessor is not located."""
    kept: list[Word] = []
    latest = -math.inf
    for word in words:
        if not word.text:
            continue
        if word.located and word.span.start < latest:
            word = Word(word.text, piece, probability=word.probability, located=False)
        elif word.located:
            latest = word.span.start
        kept.append(word)
    return kept


def _end(words: Sequence[Word]) -> float:
    return max(word.span.end for word in words)


def _pause(before: Word, after: Word) -> float:
    return FIGURE_PAUSE_S if is_figure(before.text) and is_figure(after.text) else PAUSE_S


def _complete(words: Sequence[Word]) -> int | None:
    """Return how many of the first words are an utterance for certain, or None to wait for more."""
    latest = -math.inf
    for index, word in enumerate(words):
        if index and word.span.start - latest >= _pause(words[index - 1], word):
            return index
        if index and (
            index >= MOST_UTTERANCE_WORDS
            or max(latest, word.span.end) - words[0].span.start > LONGEST_UTTERANCE_S
        ):
            return _widest_gap(words[: index + 1])
        latest = max(latest, word.span.end)
    return None


def _widest_gap(words: Sequence[Word]) -> int:
    """Return where to cut an utterance that has grown too long: its longest pause, in the later half."""
    half = max(1, len(words) // 2)
    gaps = [(words[i].span.start - words[i - 1].span.end, i) for i in range(half, len(words))]
    return max(gaps)[1]
