"""Speech anew: exact in length, near in time, nobody's voice, silent where something failed."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import fftconvolve, resample_poly

from redaction.audio.listening.segment import SpeechSegment
from redaction.audio.listening.transcribe import WhisperTranscriber
from redaction.audio.voice.pseudovoice import PseudoVoice, draw_voices
from redaction.audio.voice.resynthesize import MAX_SLIP_S, MAX_SPEED, Resynthesizer
from redaction.audio.voice.speak import HOP, SPOKEN_HZ, CannotSpeak, HibariSynthesizer, Speech
from redaction.model import AudioBlock, EntityType, EventKind, RedactedUtterance, Samples, Span, Token
from redaction.policy import Policy, SpeechSection

TEXT = "we can ship the new release on thursday because all the tests are green"


@dataclass
class Hum:
    """Speaks a steady hum, each word of a given length; fails where told to."""

    word_s: float = 0.25
    failure: Exception | None = None
    fails_on: str = ""
    said: list[list[str]] = field(default_factory=list)
    languages: frozenset[str] = frozenset({"en"})

    def speak(self, words: Sequence[str], *, rate: float = 1.0) -> Speech:
        self.said.append(list(words))
        if self.failure is not None and self.fails_on in words:
            raise self.failure
        frames = max(1, round(self.word_s / rate * SPOKEN_HZ / HOP))
        count = frames * len(words)
        times = np.arange(count * HOP) / SPOKEN_HZ
        seconds = frames * HOP / SPOKEN_HZ
        spans = tuple(Span(i * seconds, (i + 1) * seconds) for i in range(len(words)))
        return Speech(np.sin(2 * np.pi * 200 * times).astype(np.float32), np.full(count, 200.0), spans)


class Plain(PseudoVoice):
    """A voice that only changes speed, so that timing can be tested without WORLD."""

    __slots__ = ()

    def apply(self, speech: Speech, *, speed: float = 1.0) -> Samples:
        return np.full(round(len(speech.samples) / speed), 0.1, np.float32)


PLAIN = Plain(1.0, 100, 1, (1,) * 7, (0,) * 8, 0, 1)


def say(
    text: str, start: float, *, word_s: float = 0.3, speaker: str = "S1", language: str = "en"
) -> RedactedUtterance:
    """Return an utterance of evenly spaced words; capitals stand for a person."""
    tokens = tuple(
        Token(
            word,
            Span(start + i * word_s, start + (i + 1) * word_s),
            EntityType.PERSON if word.isupper() else None,
        )
        for i, word in enumerate(text.split())
    )
    return RedactedUtterance(tokens, Span(start, tokens[-1].span.end), speaker, "a1", language)


def join(blocks: Iterator[AudioBlock]) -> Samples:
    return np.concatenate([np.zeros(0, np.float32), *(block.samples for block in blocks)])


def plain(synthesizer: Hum, *, personal: str = "tone") -> Resynthesizer:
    policy = Policy(speech=SpeechSection.model_validate({"personal": personal}))
    return Resynthesizer(policy, synthesizer, (PLAIN,) * 9, rng=random.Random(1))


@pytest.fixture(scope="module")
def hibari() -> HibariSynthesizer:
    return HibariSynthesizer()


words = st.tuples(st.floats(0, 2), st.integers(1, 30), st.floats(0.05, 0.6), st.sampled_from(["S1", "S2"]))


@settings(max_examples=60, deadline=None)
@given(plan=st.lists(words, max_size=8), word_s=st.floats(0.05, 0.6), duration=st.floats(0, 40))
def test_timing(plan: list[tuple[float, int, float, str]], word_s: float, duration: float) -> None:
    """Whatever was said when, the length is exact, and every phrase that is heard starts within 0.3 s of its place.

    Nobody speaks over themselves, and no word is heard outside the recording.
    """
    at, utterances = 0.0, []
    for gap, count, length, speaker in plan:
        utterances.append(say("word " * count, at + gap, word_s=length, speaker=speaker))
        at = utterances[-1].span.end
    maker = plain(Hum(word_s))
    sound = join(maker.render(utterances, duration=duration))
    assert len(sound) == round(duration * SPOKEN_HZ)
    heard: dict[str, list[Span]] = {"S1": [], "S2": []}
    for before, after in zip(utterances, maker.rendered, strict=True):
        assert [token.text for token in before.tokens] == [token.text for token in after.tokens]
        spans = [token.span for token in after.tokens if token.located]
        heard[before.speaker] += spans
        if after.tokens[0].located:
            assert abs(after.tokens[0].span.start - before.tokens[0].span.start) <= MAX_SLIP_S + 1 / SPOKEN_HZ
    for spans in heard.values():
        assert all(a.end <= b.start + 1e-3 for a, b in itertools.pairwise(spans))
        assert all(span.start >= 0 and span.end <= duration + 1e-3 for span in spans)


def test_rhythm_is_not_copied() -> None:
    """Two renderings of one utterance start at different times, and words do not keep their lengths."""
    slow = [say("one two three four", 1, word_s=0.8)]
    starts, lengths = set(), set()
    for _ in range(4):
        maker = Resynthesizer(Policy(), Hum(), (PLAIN,))
        join(maker.render(slow, duration=8))
        starts.add(round(maker.rendered[0].span.start, 4))
        lengths |= {round(token.span.duration, 3) for token in maker.rendered[0].tokens}
    assert len(starts) > 1
    assert max(lengths) < 0.5


def test_words_without_time_are_dropped_whole_and_told() -> None:
    """Speech that does not fit even at 1.25 times the pace loses its last words, and an event counts them."""
    first, second = say("word " * 10, 0, word_s=0.1), say("word", 1.4)
    maker = plain(Hum(0.25))
    sound = join(maker.render([first, second], duration=3))
    kept = [token for token in maker.rendered[0].tokens if token.located]
    events = maker.drain_events()
    assert 0 < len(kept) < 10
    assert kept[-1].span.end <= second.span.start + MAX_SLIP_S
    assert kept[0].span.duration == pytest.approx(0.25 / MAX_SPEED, rel=0.01)
    assert [(event.kind, event.detail["reason"], event.detail["words"]) for event in events] == [
        (EventKind.SILENCED, "no-room", 10 - len(kept))
    ]
    assert maker.drain_events() == []
    assert sound.any()


def test_speakers_mix() -> None:
    """Two people who talk at once are both heard."""
    alone = join(plain(Hum()).render([say("one two three", 1)], duration=3))
    both = join(
        plain(Hum()).render([say("one two three", 1), say("one two three", 1, speaker="S2")], duration=3)
    )
    assert both.max() > 1.9 * alone.max()


@pytest.mark.parametrize("failure", [CannotSpeak("no"), RuntimeError("x"), ValueError("x"), IndexError("x")])
def test_failure_is_silence(failure: Exception) -> None:
    """A phrase that fails is silent and told without its words; the phrases beside it are heard."""
    utterances = [say("good", 1), say("secret plan", 3), say("bye", 6)]
    maker = plain(Hum(failure=failure, fails_on="secret"))
    sound = join(maker.render(utterances, duration=8))
    assert not sound[round(2.5 * SPOKEN_HZ) : round(5.5 * SPOKEN_HZ)].any()
    assert sound[: 2 * SPOKEN_HZ].any()
    assert sound[6 * SPOKEN_HZ :].any()
    (event,) = maker.drain_events()
    assert event.detail == {"reason": "synthesis-failed", "speaker": "S1", "words": 2}
    assert "secret" not in str(event)
    assert [token.located for token in maker.rendered[1].tokens] == [False, False]


def test_voice_failure_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure in the voice itself, after synthesis, is silence too."""

    def broken(*_: object, **__: object) -> Samples:
        raise ValueError("broken")

    monkeypatch.setattr(PseudoVoice, "apply", broken)
    maker = Resynthesizer(Policy(), Hum())
    assert not join(maker.render([say("one two", 1)], duration=3)).any()
    assert len(maker.drain_events()) == 1


def test_language_without_voice() -> None:
    """An utterance in a language that cannot be spoken is silent, told, and kept for the transcript at even times."""
    maker = plain(Hum())
    utterance = say("bonjour tout le monde", 1, language="fr")
    assert not join(maker.render([utterance], duration=4)).any()
    assert [token.text for token in maker.rendered[0].tokens] == [token.text for token in utterance.tokens]
    assert not any(token.located for token in maker.rendered[0].tokens)
    assert len({round(token.span.duration, 6) for token in maker.rendered[0].tokens}) == 1
    assert [event.detail["reason"] for event in maker.drain_events()] == ["no-voice-for-language"]


def test_muted_spans_are_zero(hibari: HibariSynthesizer) -> None:
    """Muted spans hold exact zeros in real speech, and there is speech beside them."""
    muted = [Span(1.5, 2.25), Span(3.0001, 3.1)]
    sound = join(Resynthesizer(Policy(), hibari).render([say(TEXT, 0.5)], duration=6, muted=muted))
    for span in muted:
        assert not sound[int(span.start * SPOKEN_HZ) : math.ceil(span.end * SPOKEN_HZ)].any()
    assert sound[SPOKEN_HZ : round(1.4 * SPOKEN_HZ)].any()


@pytest.mark.parametrize(("personal", "level"), [("tone", 0.04), ("mute", 0.0)])
def test_personal_words(personal: str, level: float) -> None:
    """Where a person's name was there is a soft tone, or nothing; the label itself is never spoken."""
    synthesizer = Hum()
    maker = plain(synthesizer, personal=personal)
    sound = join(maker.render([say("hello MARIA bye", 1)], duration=4))
    span = maker.rendered[0].tokens[1].span
    inside = sound[round(span.start * SPOKEN_HZ) + 5 : round(span.end * SPOKEN_HZ) - 5]
    assert np.abs(inside).max() == pytest.approx(level, abs=1e-3)
    assert synthesizer.said == [["hello", "name", "bye"]]


def test_personal_words_spoken() -> None:
    """With `word` every kind of personal data has a spoken stand-in, and unknown kinds have one too."""
    for kind in EntityType:
        synthesizer = Hum()
        maker = plain(synthesizer, personal="word")
        token = Token(f"{kind} 1.", Span(1, 2), kind)
        sound = join(maker.render([RedactedUtterance((token,), token.span, "S1", "a1")], duration=3))
        ((said,),) = synthesizer.said
        assert said.endswith(".")
        assert said[:-1].isalpha()
        assert sound.max() > 0.05


def test_nothing_of_the_original(hibari: HibariSynthesizer) -> None:
    """The original never reaches the renderer, and a person saying the very words at the very times is not in it."""
    original = hibari.speak(TEXT.split()).samples.astype(
        np.float64
    )  # stands for a person with the same base voice
    utterance = say(TEXT, 0.5, word_s=len(original) / SPOKEN_HZ / len(TEXT.split()))
    sound = join(Resynthesizer(Policy(), hibari).render([utterance], duration=6)).astype(np.float64)
    likeness = np.abs(fftconvolve(sound, original[::-1])).max()
    assert likeness < 0.4 * np.linalg.norm(original) * np.linalg.norm(sound)


def test_each_recording_has_new_voices(hibari: HibariSynthesizer) -> None:
    """The same words in two recordings, and of two speakers in one, sound with different pitch."""
    utterances = [say(TEXT, 0.5), say(TEXT, 6.5, speaker="S2")]
    pitches = []
    for seed in (1, 2):
        voices = draw_voices(2, rng=random.Random(seed))
        sound = join(Resynthesizer(Policy(), hibari, voices).render(utterances, duration=13))
        pitches += [_pitch(sound[: 6 * SPOKEN_HZ]), _pitch(sound[6 * SPOKEN_HZ :])]
        assert pitches[-2:] == pytest.approx([voice.pitch_hz for voice in voices], rel=0.12)
    assert len({round(pitch) for pitch in pitches}) == 4


def test_one_voice_per_speaker() -> None:
    """A speaker keeps the voice over phrases and calls; the same label on another track is another speaker."""
    maker = Resynthesizer(Policy(), Hum())
    join(maker.render([say("one", 1), say("two", 3)], duration=5))
    join(maker.render([say("one", 1), say("two", 3, speaker="S2")], duration=5))
    assert set(maker._cast) == {("a1", "S1"), ("a1", "S2")}
    assert len(set(maker._cast.values())) == 2


def test_streams() -> None:
    """Blocks come out while later phrases have not been spoken yet: memory does not grow with the recording."""
    synthesizer = Hum()
    utterances = [say("one two three", at) for at in range(0, 600, 3)]
    ahead = []
    for block in plain(synthesizer).render(utterances, duration=600):
        ahead.append(len(synthesizer.said) * 3 - block.start / SPOKEN_HZ)
    assert max(ahead) <= 6


@pytest.mark.parametrize("start", [5.0, 1e9])
def test_words_after_the_end(start: float) -> None:
    """Words placed at or after the end of the recording are dropped and told."""
    maker = plain(Hum())
    assert len(join(maker.render([say("one two", start)], duration=5))) == 5 * SPOKEN_HZ
    assert [event.detail["reason"] for event in maker.drain_events()] == ["no-room"]


def test_understood(hibari: HibariSynthesizer, whisper: WhisperTranscriber) -> None:
    """In drawn voices, a recogniser hears at least nine of ten words."""
    text = TEXT.split()
    for seed in range(3):
        maker = Resynthesizer(Policy(), hibari, draw_voices(1, rng=random.Random(seed)))
        sound = join(maker.render([say(TEXT, 0.5)], duration=6))
        heard = _heard(whisper, sound)
        assert len(set(text) & set(heard)) >= 0.9 * len(set(text))


def _heard(whisper: WhisperTranscriber, sound: Samples) -> list[str]:
    block = AudioBlock(resample_poly(sound, 2, 3).astype(np.float32), 0, 16_000)
    segments = whisper.transcribe(SpeechSegment(block, (block.span,))).segments
    return [word.text.lower().strip(".,?!") for segment in segments for word in segment]


def _pitch(sound: NDArray[np.float32]) -> float:
    import pyworld

    f0, _ = pyworld.dio(sound.astype(np.float64), SPOKEN_HZ)
    return float(np.median(f0[f0 > 0]))
