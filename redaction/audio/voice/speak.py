"""Speak words with a synthetic voice: text in, sound and the place of every word out."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib.resources import files
from typing import Protocol, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

from redaction.errors import ExitCode, ModelAltered, ModelMissing, OffrecordError
from redaction.model import Samples, Span
from redaction.weights import CATALOG, Session, read

__all__ = ["HOP", "SPOKEN_HZ", "CannotSpeak", "HibariSynthesizer", "Speech", "Synthesizer"]

SPOKEN_HZ = 24_000
"""Sample rate of synthetic speech, in hertz."""

HOP = 300
"""Samples between two F0 values: 12.5 ms. Source: hibari-tts 0.2.1, `dsp.py`."""

MAX_WORDS = 60
MAX_WORD_CHARS = 40  # longer "words" are addresses or noise that no listener could follow
MAX_PHONEMES = 480
MAX_SPEECH_S = 60.0
SENTENCE_PAUSE_S = 0.18
_TAIL_FRAMES = 3  # a closing consonant's burst decays for some 40 ms
DURATION_HOPS = 2  # the model counts a phoneme's length in steps of 25 ms, two frames
SILENCE_DB = -50.0  # under the loudest frame: what is below it at both ends is cut
LOWEST_F0_HZ = 40.0  # below this the model means "unvoiced". Source: hibari-tts 0.2.1, `dsp.pulses`

_MODEL = "voice.hibari"
_DURATIONS = "/Clip_output_0"
_SPACED = str.maketrans(
    dict.fromkeys('[](){}<>|\\^~*_`"“”«»…', " ") | {"’": "'", "‘": "'", "–": "-", "—": "-"}
)
_LONG_NUMBER = re.compile(r"\d{7,}")  # read digit by digit, as people do
_READ_ERRORS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
_RUN_ERRORS = (Fail, InvalidArgument, RuntimeException, RuntimeError)


class CannotSpeak(OffrecordError):
    """These words cannot be spoken; what was to be spoken stays silent."""

    exit_code = ExitCode.INCOMPLETE


@dataclass(frozen=True, slots=True)
class Speech:
    """A spoken phrase.

    Attributes:
        samples: float32 (n,) at 24,000 Hz, -1 to 1, without silence at the ends.
        f0: float64 (n / 300,), fundamental frequency of each 12.5 ms in hertz, 0 where unvoiced.
        spans: one per word given, in seconds from the first sample; None for a word that was not spoken.
    """

    samples: Samples
    f0: NDArray[np.float64]
    spans: tuple[Span | None, ...]


class Synthesizer(Protocol):
    """Speaks words. It knows nothing of who said them."""

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of what it can speak."""

    def speak(self, words: Sequence[str], *, rate: float = 1.0) -> Speech:
        """Speak the words as one phrase.

        Args:
            words: what to say, with its punctuation.
            rate: 1 is the voice's own pace, 2 twice as fast.

        Raises:
            CannotSpeak: nothing of it can be spoken, it is too long, or the model failed.
        """


class HibariSynthesizer:
    """The hibari voice: American English, distilled from a synthetic voice (Kokoro-82M's af_heart), on one core.

    Nothing is written or fetched: the model comes from the cache, or from the installed package if that is the
    same file.

    Raises:
        ModelMissing: the voice is in neither place.
        ModelAltered: the file has not the pinned sha256, or is not the graph that is expected.
    """

    def __init__(self, *, threads: int = 1) -> None:
        from hibari.g2p import G2P  # type: ignore[import-untyped]  # brings scipy along

        self._session = _open(threads)
        self._g2p = G2P()
        self._vocabulary: dict[str, int] = _vocabulary()

    @property
    def languages(self) -> frozenset[str]:
        """English alone."""
        return frozenset({"en"})

    def speak(self, words: Sequence[str], *, rate: float = 1.0) -> Speech:
        """Speak the words as one phrase; see `Synthesizer.speak`.

        Raises:
            CannotSpeak: nothing of it can be spoken, it is too long, or the model failed.
            ValueError: the rate is outside 0.5 to 2.
        """
        if not 0.5 <= rate <= 2.0:
            raise ValueError("a speaking rate lies between 0.5 and 2")
        if len(words) > MAX_WORDS:
            raise CannotSpeak("A phrase has too many words to be spoken at once.")
        pieces = [
            (piece, owner)
            for owner, word in enumerate(words)
            for piece in _readable(word)
            if self._phonemes(piece).strip()
        ]
        if not pieces:
            raise CannotSpeak("A phrase holds nothing that this voice can speak.")
        spans: list[Span | None] = [None] * len(words)
        sound: list[Samples] = []
        pitch: list[NDArray[np.float64]] = []
        frames = 0
        for sentence in _sentences(pieces):
            if frames:
                pause = round(SENTENCE_PAUSE_S * SPOKEN_HZ / HOP)
                sound.append(np.zeros(pause * HOP, np.float32))
                pitch.append(np.zeros(pause))
                frames += pause
            samples, f0, places = self._sentence([piece for piece, _ in sentence], rate)
            for (_, owner), (start, end) in zip(sentence, places, strict=True):
                spans[owner] = _joined(spans[owner], frames + start, frames + end)
            sound.append(samples)
            pitch.append(f0)
            frames += len(f0)
            if frames * HOP > MAX_SPEECH_S * SPOKEN_HZ:
                raise CannotSpeak("A phrase takes too long to be spoken at once.")
        return Speech(np.concatenate(sound), np.concatenate(pitch), tuple(spans))

    def _sentence(
        self, pieces: Sequence[str], rate: float
    ) -> tuple[Samples, NDArray[np.float64], list[tuple[int, int]]]:
        """Return samples, F0 and each piece's first and end frame, silence at the ends cut."""
        phonemes = self._phonemes(" ".join(pieces))
        if not phonemes.strip() or len(phonemes) > MAX_PHONEMES:
            raise CannotSpeak("A sentence cannot be put into sounds, or into too many.")
        ids = np.asarray([[0, *(self._vocabulary[sound] for sound in phonemes), 0]], np.int64)
        try:
            out = self._session.run(None, {"ids": ids, "speed": np.asarray([rate], np.float32)})
        except _RUN_ERRORS:
            raise CannotSpeak("The voice model failed on a sentence.") from None
        *parts, f0 = (part[0] for part in out[:6])
        from hibari import dsp  # type: ignore[import-untyped]

        samples = dsp.synth(*parts, f0, np.random.default_rng())
        lengths = np.asarray(out[6], np.int64).reshape(-1) * DURATION_HOPS
        if not np.isfinite(samples).all() or len(lengths) != ids.shape[1] or lengths.sum() != len(f0):
            raise CannotSpeak("The voice model gave no sound for a sentence.")
        ends = np.cumsum(lengths)
        first, last = _sounding(samples)
        places = [
            (_frame(ends[a] - first, last - first), _frame(ends[max(a, b)] - first, last - first))
            for a, b in _boundaries([self._phonemes(piece) for piece in pieces], phonemes)
        ]
        voiced = np.where(f0 > LOWEST_F0_HZ, f0, 0.0).astype(np.float64)
        return samples[first * HOP : last * HOP].astype(np.float32), voiced[first:last], places

    def _phonemes(self, text: str) -> str:
        """Return the text in the model's alphabet; nothing when it cannot be read."""
        try:
            sounds = self._g2p(text)
        except _READ_ERRORS:
            return ""
        return "".join(sound for sound in sounds if sound in self._vocabulary)


def _readable(word: str) -> Iterator[str]:
    """Yield the speakable pieces of a word; nothing for other scripts, symbols alone and endless strings."""
    text = unicodedata.normalize("NFKC", word[: 4 * MAX_WORD_CHARS]).translate(_SPACED)
    kept = "".join(
        " " if char.isspace() else char
        for char in text
        if char.isspace() or unicodedata.category(char)[0] not in "CS" or char in "$£€+=%@&#"
    )
    for piece in _LONG_NUMBER.sub(lambda digits: " ".join(digits.group()), kept).split():
        letters = [char for char in piece if char.isalpha()]
        foreign = any(not unicodedata.name(char, "").startswith("LATIN") for char in letters)
        digits = any(char.isdigit() and not char.isascii() for char in piece)
        if len(piece) <= MAX_WORD_CHARS and not foreign and not digits and any(map(str.isalnum, piece)):
            yield piece


def _sentences(pieces: list[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    import hibari

    at = 0
    for sentence in hibari.Hibari.split_sentences(" ".join(piece for piece, _ in pieces)):
        count = len(sentence.split())
        yield pieces[at : at + count]
        at += count


def _boundaries(alone: Sequence[str], phonemes: str) -> list[tuple[int, int]]:
    """Return, for each piece, the index before its first phoneme and of its last one, in the padded ids.

    A piece spoken alone may sound otherwise than in its sentence ("the", "5 km"): the two strings are aligned and
    the ends of each piece carried over.
    """
    joined = " ".join(alone)
    at_alone, at_phonemes = [-1.0], [-1.0]
    for block in SequenceMatcher(None, joined, phonemes, autojunk=False).get_matching_blocks():
        at_alone.extend(float(block.a + i) for i in range(block.size))
        at_phonemes.extend(float(block.b + i) for i in range(block.size))
    at_alone.append(float(len(joined)))
    at_phonemes.append(float(len(phonemes)))
    places = []
    start = 0
    for piece in alone:
        a, b = np.interp([start, start + max(len(piece) - 1, 0)], at_alone, at_phonemes)
        first, last = max(0, round(float(a))), min(len(phonemes) - 1, round(float(b)))
        places.append((first, last + 1))  # ids are shifted by the leading pad
        start += len(piece) + 1
    return places


def _sounding(samples: Samples) -> tuple[int, int]:
    """Return the first frame and the end of what is not silence."""
    frames = samples.reshape(-1, HOP)
    power = np.square(frames).mean(axis=1)
    loud = np.flatnonzero(power > power.max(initial=0.0) * 10 ** (SILENCE_DB / 10))
    if not len(loud):
        raise CannotSpeak("The voice model gave silence for a sentence.")
    return max(0, int(loud[0]) - 1), min(len(frames), int(loud[-1]) + 1 + _TAIL_FRAMES)


def _frame(value: np.int64, end: int) -> int:
    return min(max(int(value), 0), end)


def _joined(span: Span | None, start: int, end: int) -> Span:
    seconds = HOP / SPOKEN_HZ
    return Span(start * seconds if span is None else span.start, end * seconds)


def _vocabulary() -> dict[str, int]:
    """Return the model's alphabet: phoneme character to id."""
    untrusted = json.loads(files("hibari").joinpath("assets/vocab.json").read_text("utf-8"))
    return {str(sound): int(index) for sound, index in untrusted.items()}


def _open(threads: int) -> Session:
    """Open the model with one output more: how long each phoneme lasts."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    onnxruntime.disable_telemetry_events()
    graph = _verified() + _output(_DURATIONS)
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except _RUN_ERRORS:
        raise ModelAltered("The voice model is not the graph that is expected.") from None
    return cast(Session, session)


def _verified() -> bytes:
    """Return the model's bytes from the cache, else from the installed package, if they are the pinned ones."""
    try:
        return read(_MODEL)
    except ModelMissing:
        data = files("hibari").joinpath("assets/hibari.onnx").read_bytes()
        if hashlib.sha256(data).hexdigest() not in CATALOG[_MODEL].files.values():
            raise ModelAltered("The installed voice model is not the one that was pinned.") from None
        return data


def _output(name: str) -> bytes:
    """Return what, put behind a serialised ONNX model, makes a tensor one of its outputs.

    Protobuf merges a repeated sub-message into the one before, so `graph { output { name } }` is enough and
    the graph need not be parsed. Source: protobuf encoding guide, "Last One Wins"; onnx.proto fields 7, 12, 1.
    """
    value = name.encode()
    for field in (1, 12, 7):
        value = bytes([field << 3 | 2, len(value)]) + value
    return value
