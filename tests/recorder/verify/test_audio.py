"""Stored audio is searched again, of files and calls alike: what is personal falls silent, and what is not stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recorder.media.encode import AudioWriter
from recorder.media.file import FileSource
from recorder.runtime.context import Run
from recorder.verify.audio import RawWords, StoredTrack, VerifiedAudio, verify_audio, words_check
from recorder.verify.stored_words import Repair
from redaction.audio.listening.segment import RATE, SpeechSegment
from redaction.audio.listening.transcribe import Transcript
from redaction.audio.redact import RedactedSpeech
from redaction.errors import RedactionIncomplete
from redaction.model import (
    AudioBlock,
    EntityType,
    RedactedUtterance,
    Samples,
    Span,
    TextFinding,
    Token,
    Utterance,
    Word,
)
from redaction.policy import Policy
from redaction.stages import AudioStages
from redaction.text.find import PersonalDataFinder
from redaction.text.ner import Opinion
from tests.media import samples_of, tone

SAID = (Span(1.0, 2.0), Span(4.0, 5.0))
POLICY = Policy()
DISGUISE = Policy.from_toml('[voice]\nmethod = "disguise"\n')
STORED_HZ = 24_000


class FakeAllSpeech:
    """Takes everything for speech."""

    def probabilities(self, frames: Samples) -> Samples:
        """Return one for each frame."""
        return np.ones(len(frames), np.float32)

    def reset(self) -> None:
        """Do nothing."""


class FakeTranscriber:
    """Hears words where its sound is loud, and nothing where it is silent."""

    def __init__(self, said: Mapping[Span, str]) -> None:
        self.said = said
        self.heard = 0

    def transcribe(self, piece: SpeechSegment) -> Transcript:
        """Return the words whose time is not silent in the piece."""
        self.heard += 1
        if "raise" in self.said.values():
            self.said = {}
            raise RuntimeError("fault injected")
        words = []
        for span, text in self.said.items():
            at = piece.block.start
            part = piece.block.samples[max(0, round(span.start * RATE) - at) : round(span.end * RATE) - at]
            if len(part) and np.sqrt(np.mean(part**2)) > 0.05:
                words.append(Word(text, span, located=False))
        return Transcript(tuple((word,) for word in words))


class NameReader:
    """Holds some words personal wherever they stand, those with a capital only as they are written."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def read(self, words: Sequence[str]) -> list[Opinion]:
        """Return the opinion of every word."""
        plain = [word.strip(".,!?") for word in words]
        known = [word in self.names or word.casefold() in self.names for word in plain]
        return [Opinion(EntityType.PERSON, 0.99 if personal else 0.0) for personal in known]


def utterance(*tokens: Token) -> RedactedUtterance:
    """Return an utterance of these tokens."""
    return RedactedUtterance(tokens, Span(tokens[0].span.start, tokens[-1].span.end), "S1", "A1")


class Stored:
    """Six seconds of a tone under some tracks, written again with silence when asked."""

    def __init__(self, folder: Path, **words: Sequence[Token]) -> None:
        self.folder = folder
        self.repairs: list[tuple[str, Repair]] = []
        self.works = True
        self.tracks = {
            track: self.write(track, (utterance(*tokens),) if tokens else (), Repair())
            for track, tokens in words.items()
        }

    def write(self, track: str, words: tuple[RedactedUtterance, ...], repair: Repair) -> StoredTrack:
        """Store a tone that is silent where the repair says so."""
        samples = tone(6, sample_rate=STORED_HZ)
        for span in repair.spans if self.works else []:
            samples[round(span.start * STORED_HZ) : round(span.end * STORED_HZ)] = 0
        path = self.folder / f"{track}.m4a"
        with AudioWriter(path, sample_rate=STORED_HZ) as writer:
            writer.write(AudioBlock(samples, 0, STORED_HZ))
        return StoredTrack(path, words)

    def rewrite(self, track: str, words: tuple[RedactedUtterance, ...], repair: Repair) -> StoredTrack:
        """Write a track again and note why."""
        self.repairs.append((track, replace(repair, masked=list(repair.masked), silent=list(repair.silent))))
        return self.write(track, words, repair)

    def verify(
        self, said: Mapping[Span, str], *names: str, raw: RawWords | None = None, policy: Policy = POLICY
    ) -> VerifiedAudio:
        """Verify, where a recogniser hears these words and a finder knows these names."""
        stages = AudioStages(
            FakeTranscriber(said),  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            PersonalDataFinder(policy.speech, model=NameReader(*names)),
            None,
        )
        return verify_audio(
            self.tracks,
            raw=raw or RawWords(),
            duration=6.0,
            policy=policy,
            stages=stages,
            rewrite=self.rewrite,
            run=Run(),
        )

    def loudness(self, track: str, span: Span) -> float:
        """Return the loudest sample of a stretch as it is stored."""
        source = FileSource(self.folder / f"{track}.m4a")
        samples = samples_of(list(source.audio(source.info().audio[0].id, STORED_HZ)))
        return float(np.abs(samples[round(span.start * STORED_HZ) : round(span.end * STORED_HZ)]).max())


def texts(verified: VerifiedAudio, track: str) -> list[str]:
    """Return what would be stored of a track's words, masked ones in brackets."""
    return [
        f"[{token.text}]" if token.entity_type else token.text
        for one in verified.tracks[track].words
        for token in one.tokens
    ]


@pytest.fixture(autouse=True)
def everything_is_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the listener transcribe tones."""
    monkeypatch.setattr("redaction.audio.listening.segment.SileroVad", FakeAllSpeech)


@pytest.mark.parametrize("name", ["Adaeze", "Ben", "Li"])
@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("tracks", [("recording",), ("P01", "P02")])
def test_a_name_that_the_first_search_missed_is_found_by_the_second(
    tmp_path: Path, name: str, written: bool, tracks: tuple[str, ...]
) -> None:
    """In a file's audio and in every track of a call, in the stored words too or in the audio alone, short or long."""
    tokens = [Token("hello", SAID[0]), *([Token(f"{name},", SAID[1])] if written else [])]
    stored = Stored(tmp_path, **dict.fromkeys(tracks, tokens))
    result = stored.verify({SAID[0]: "hello", SAID[1]: f"{name}."}, name.casefold())
    for track in tracks:
        assert texts(result, track) == (["hello", "[PERSON]"] if written else ["hello"])
        assert stored.loudness(track, Span(4.05, 4.95)) < 0.003
        assert stored.loudness(track, Span(1.0, 2.0)) > 0.1
        assert result.events[track][0].detail["reason"] == "personal word heard"
    assert words_check(result).figure == len(tracks)


@pytest.mark.parametrize("word", ["Adaeze", "Ben", "Li", "Will"])
def test_a_raw_personal_word_that_is_heard_falls_silent(tmp_path: Path, word: str) -> None:
    """What was redacted once is known where it is heard again, also where the finder would not find it."""
    stored = Stored(tmp_path, A1=[Token("hello", SAID[0]), Token("PERSON 1", SAID[1], EntityType.PERSON)])
    raw = RawWords.of(speech_of(word))
    result = stored.verify({SAID[0]: "hello", SAID[1]: word}, raw=raw)
    assert stored.loudness("A1", Span(4.0, 5.0)) < 0.003
    assert stored.loudness("A1", Span(1.0, 2.0)) > 0.1
    assert texts(result, "A1") == ["hello", "[PERSON 1]"]


@pytest.mark.parametrize(
    ("said", "silent"), [(("Blue,", "herons"), False), (("blue", "heron."), True), (("grey", "heron"), False)]
)
def test_words_that_are_personal_in_a_row_fall_silent_together(
    tmp_path: Path, said: tuple[str, str], silent: bool
) -> None:
    """Over two sentences too; one of them beside another word stays. A plural is for who masks, not for this."""
    stored = Stored(tmp_path, A1=[Token("hello", SAID[0]), Token("there", SAID[1])])
    raw = RawWords(phrases=(("blue", "heron"),))
    stored.verify(dict(zip(SAID, said, strict=True)), raw=raw)
    for span in SAID:
        assert (stored.loudness("A1", span) < 0.003) is silent


def speech_of(*personal: str, kept: str = "hello") -> RedactedSpeech:
    """Return what a first search found."""
    words = tuple(Word(text, SAID[1]) for text in personal)
    return RedactedSpeech(
        utterances=(
            Utterance((Word(kept, SAID[0]),), SAID[0], "S1", "A1"),
            Utterance(words, SAID[1], "S1", "A1"),
        ),
        findings=(TextFinding(1, 0, len(words), EntityType.PERSON, 1.0, "test", "PERSON 1"),),
        redacted=(utterance(Token(kept, SAID[0])), utterance(Token("PERSON 1", SAID[1], EntityType.PERSON))),
        uncovered={},
        failures={},
        speech_seconds=2.0,
        seconds=6.0,
        gaps=(),
        speakers_told_apart=True,
    )


def test_raw_words_are_those_that_tell_something() -> None:
    """Names of two letters and up, numbers by their digits; no joining words, and nothing that is also kept."""
    assert RawWords.of(speech_of("Ben", "and", "Li", "of", "Adaeze's")).words == {"ben", "li", "adaeze"}
    assert RawWords.of(speech_of("020", "7946")).numbers == {"0207946"}
    assert RawWords.of(speech_of("Adaeze", kept="Adaeze,")).words == frozenset()


def test_a_personal_number_is_heard_in_parts(tmp_path: Path) -> None:
    """A number is known by its digits in whatever groups it is heard; the words around it stay."""
    stored = Stored(tmp_path, A1=[Token("hello", SAID[0])])
    raw = RawWords(numbers=frozenset({"0207946"}))
    said = {SAID[0]: "hello", Span(3.0, 3.5): "02 07", Span(3.6, 4.0): "946"}
    result = stored.verify(said, raw=raw)
    assert stored.loudness("A1", Span(3.0, 4.0)) < 0.003
    assert texts(result, "A1") == ["hello"]


@pytest.mark.parametrize("policy", [POLICY, DISGUISE])
def test_the_end_of_a_number_is_looked_for_where_it_was_said(tmp_path: Path, policy: Policy) -> None:
    """Two digits of a card are silenced where they are heard in its place, and kept where others are counted."""
    counted = [Token("we", Span(0.5, 0.9)), Token("are", Span(0.9, 1.3)), Token("42.", Span(1.3, 1.8))]
    card = [Token("ending", Span(3.0, 3.5)), Token("ID 1", Span(3.6, 4.4), EntityType.ID)]
    stored = Stored(tmp_path, A1=[*counted, *card])
    said = {Span(1.3, 1.8): "42", Span(3.0, 3.5): "ending", Span(3.65, 4.35): "42."}
    assert RawWords.of(speech_of("4", "2")).numbers == {"42"}
    result = stored.verify(said, raw=RawWords(numbers=frozenset({"42"})), policy=policy)
    assert texts(result, "A1") == ["we", "are", "42.", "ending", "[ID 1]"]
    assert stored.loudness("A1", Span(1.35, 1.75)) > 0.1
    assert stored.loudness("A1", Span(3.7, 4.3)) < 0.003


MY_NAME_IS = (
    Token("name", Span(1.0, 1.5)),
    Token("is", Span(1.5, 1.75)),
    Token("PERSON 1", Span(1.75, 2.4), EntityType.PERSON),
    Token("thanks", Span(2.4, 3.0)),
)


@pytest.mark.parametrize("policy", [POLICY, DISGUISE])
def test_a_misheard_tone_masks_no_word_beside_it(tmp_path: Path, policy: Policy) -> None:
    """A name that is heard where a tone stands, and runs over the words beside it, leaves those words alone.

    A synthetic voice says "is" and a tone for certain; of a disguised one nobody knows how far the name reaches.
    """
    stored = Stored(tmp_path, A1=MY_NAME_IS)
    said = {Span(1.0, 1.5): "name", Span(1.55, 2.35): "Isobel", Span(2.4, 3.0): "thanks"}
    result = stored.verify(said, "isobel", policy=policy)
    assert texts(result, "A1") == ["name", "is", "[PERSON 1]", "thanks"]
    assert (stored.loudness("A1", Span(1.6, 2.3)) > 0.1) == (policy is POLICY)
    assert stored.loudness("A1", Span(1.0, 1.45)) > 0.1
    assert stored.loudness("A1", Span(2.5, 3.0)) > 0.1


def test_a_tone_that_is_heard_late_masks_no_everyday_word(tmp_path: Path) -> None:
    """A name that is heard right after a tone, over an everyday word of a synthetic voice, is the tone, timed late."""
    stored = Stored(tmp_path, A1=MY_NAME_IS)
    said = {Span(1.0, 1.5): "name", Span(2.4, 2.8): "Naomi"}
    result = stored.verify(said, "naomi")
    assert texts(result, "A1") == ["name", "is", "[PERSON 1]", "thanks"]
    assert stored.loudness("A1", Span(2.5, 3.0)) > 0.1


def test_a_name_beside_a_tone_is_not_the_tone(tmp_path: Path) -> None:
    """A name that is heard where no word is stored falls silent, also right after something that is masked."""
    stored = Stored(tmp_path, A1=MY_NAME_IS[:3])
    said = {Span(1.0, 1.5): "name", Span(2.55, 3.0): "Johnson"}
    result = stored.verify(said, "johnson")
    assert texts(result, "A1") == ["name", "is", "[PERSON 1]"]
    assert stored.loudness("A1", Span(2.55, 3.0)) < 0.003
    assert stored.loudness("A1", Span(1.0, 2.3)) > 0.1


def test_a_word_that_is_touched_by_a_margin_alone_stays(tmp_path: Path) -> None:
    """The neighbours of a name that was missed are neither masked nor silent."""
    tokens = [Token("see", Span(1.0, 1.4)), Token("Ben", Span(1.45, 2.0)), Token("go", Span(2.05, 2.4))]
    stored = Stored(tmp_path, A1=tokens)
    said = {Span(1.0, 1.4): "see", Span(1.4, 2.1): "Ben", Span(2.1, 2.4): "go"}
    result = stored.verify(said, "ben")
    assert texts(result, "A1") == ["see", "[PERSON]", "go"]
    assert stored.loudness("A1", Span(1.0, 1.38)) > 0.1
    assert stored.loudness("A1", Span(2.08, 2.4)) > 0.1


@pytest.mark.parametrize(
    ("text", "heard", "kept"),
    [("green", "Green", True), ("I", "I'd", True), ("Green", "Green", False), ("paprika", "Paprika", False)],
)
def test_an_everyday_word_stays_one_when_it_is_heard_again(
    tmp_path: Path, text: str, heard: str, kept: bool
) -> None:
    """An everyday word written small is no name because the second hearing writes it large; others are masked."""
    stored = Stored(tmp_path, A1=[Token("hello", SAID[0]), Token(text, SAID[1])])
    result = stored.verify({SAID[0]: "hello", SAID[1]: heard}, heard)
    assert texts(result, "A1") == ["hello", text if kept else "[PERSON]"]
    assert (stored.loudness("A1", Span(4.1, 4.9)) > 0.1) == kept


def test_a_name_heard_over_a_kept_word_masks_it(tmp_path: Path) -> None:
    """Words that sound like a name together are masked where it is heard, since no letter of it stands there."""
    tokens = [Token("call", Span(1.0, 1.4)), Token("shove", Span(1.5, 1.8)), Token("onward", Span(1.8, 2.2))]
    stored = Stored(tmp_path, A1=tokens)
    result = stored.verify({Span(1.0, 1.4): "call", Span(1.5, 2.2): "Siobhan"}, "siobhan")
    assert texts(result, "A1") == ["call", "[PERSON]", "[PERSON]"]
    assert stored.loudness("A1", Span(1.55, 2.15)) < 0.003


def test_what_cannot_be_heard_again_falls_silent(tmp_path: Path) -> None:
    """Audio over which the recogniser fails was not examined: it is silent, and its words are masked."""
    stored = Stored(tmp_path, A1=[Token("hello", SAID[0])])
    result = stored.verify({SAID[0]: "raise"})
    assert stored.loudness("A1", Span(0.5, 5.5)) < 0.003
    assert texts(result, "A1") == ["[OTHER]"]


def test_a_word_that_is_heard_on_and_on_ends_the_run(tmp_path: Path) -> None:
    """When three rounds do not take a word away nothing may be published: exit status 3, and the word is not told."""
    stored = Stored(tmp_path, A1=[Token("hello", SAID[0])])
    stored.works = False
    with pytest.raises(RedactionIncomplete, match="can still be heard") as error:
        stored.verify({SAID[1]: "Adaeze"}, "adaeze")
    assert error.value.exit_code == 3
    assert "Adaeze" not in error.value.sentence
    assert len(stored.repairs) == 3


def test_words_without_audio_are_searched_too(tmp_path: Path) -> None:
    """The words of a participant whose audio could not be used are masked all the same."""
    stored = Stored(tmp_path, P01=[Token("hello", SAID[0]), Token("Adaeze", SAID[1])])
    stored.tracks = {"P01": replace(stored.tracks["P01"], path=None)}
    result = stored.verify({}, "adaeze")
    assert texts(result, "P01") == ["hello", "[PERSON]"]
    assert stored.repairs == []
