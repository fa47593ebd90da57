"""The audio of a recorded file: rendered, heard again, its voices compared, and rendered again until it passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from recorder.media.encode import AudioWriter
from recorder.media.file import FileSource
from recorder.offline.audio import AudioVerdict, FileAudio, listen
from recorder.runtime.context import Run
from redaction.audio.listening.segment import SpeechSegment
from redaction.audio.listening.transcribe import Transcript
from redaction.audio.redact import RedactedSpeech, Transcription, find_personal
from redaction.audio.speakers.models import SAME_SPEAKER_COSINE, SpeakerModels
from redaction.audio.voice.speak import HOP, SPOKEN_HZ, Speech
from redaction.errors import RedactionIncomplete
from redaction.model import (
    AudioBlock,
    EntityType,
    EventKind,
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
from tests.media import make_clip, samples_of, tone
from tests.recorder.live.speech import RATE, spoken
from tests.recorder.verify.test_audio import NameReader

SAID = (Span(1.0, 2.0), Span(4.0, 5.0))
FAR, NEAR = SAME_SPEAKER_COSINE - 0.2, SAME_SPEAKER_COSINE + 0.2
WORD_S = 0.4


class FakeSynthesizer:
    """Says every word as a buzz of one length."""

    languages = frozenset({"en"})

    def __init__(self) -> None:
        self.said: list[str] = []

    def speak(self, words: Sequence[str], *, rate: float = 1.0) -> Speech:
        """Return the buzz."""
        self.said += words
        count = round(WORD_S * SPOKEN_HZ) * len(words)
        samples = np.sign(np.sin(2 * np.pi * 120 / SPOKEN_HZ * np.arange(count))).astype(np.float32) * 0.2
        spans = tuple(Span(at * WORD_S, (at + 1) * WORD_S) for at in range(len(words)))
        return Speech(samples, np.full(count // HOP, 120.0), spans)


class FakeTranscriber:
    """Hears nothing; counts how often it was asked."""

    def __init__(self) -> None:
        self.heard = 0

    def transcribe(self, piece: SpeechSegment) -> Transcript:
        """Hear nothing."""
        self.heard += 1
        return Transcript(())


class FakeVoiceCheck:
    """Gives cosines one after the other, whatever the voices are; the last one for ever."""

    def __init__(self, cosines: Iterable[float]) -> None:
        self.left = list(cosines)
        self.asked = 0

    def __call__(self, embedder: object) -> FakeVoiceCheck:
        """Stand in for the class too."""
        return self

    def cosines(
        self, original: object, stored: object, speech: Mapping[str, Sequence[Span]]
    ) -> dict[str, float]:
        """Return the next cosine for every speaker."""
        self.asked += 1
        value = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        return dict.fromkeys(speech, value)


Voices = Callable[..., FakeVoiceCheck]


@pytest.fixture
def voices(monkeypatch: pytest.MonkeyPatch) -> Voices:
    """Return what sets the cosines of the voices that are compared."""

    def give(*cosines: float) -> FakeVoiceCheck:
        check = FakeVoiceCheck(cosines)
        monkeypatch.setattr("recorder.verify.voices.VoiceCheck", check)
        return check

    return give


class Recording:
    """Six seconds in which somebody says hello and a name."""

    def __init__(
        self,
        folder: Path,
        *names: str,
        method: str = "resynthesize",
        speakers: bool = True,
        name: str = "Ben",
    ) -> None:
        source = FileSource(make_clip(folder / "a.mp4", seconds=6, size=(64, 48)).path)
        self.policy = Policy.from_toml(f'[voice]\nmethod = "{method}"\n')
        self.synthesizer = FakeSynthesizer()
        self.transcriber = FakeTranscriber()
        words = (Word("hello", SAID[0]), Word(name, SAID[1]))
        self.audio = FileAudio(
            source,
            source.info().audio,
            folder / "s.m4a",
            policy=self.policy,
            stages=AudioStages(
                self.transcriber,  # type: ignore[arg-type]
                None,  # type: ignore[arg-type]
                PersonalDataFinder(self.policy.speech, model=NameReader(*names)),
                self.synthesizer,  # type: ignore[arg-type]
                SpeakerModels(None, None) if speakers else None,  # type: ignore[arg-type]
            ),
            heard=RedactedSpeech(
                utterances=tuple(Utterance((word,), word.span, "S1", "A1") for word in words),
                findings=(TextFinding(1, 0, 0, EntityType.PERSON, 1.0, "test"),),
                redacted=(),
                uncovered={"A1": ()},
                failures={"A1": ()},
                speech_seconds=2.0,
                seconds=6.0,
                gaps=(),
                speakers_told_apart=True,
            ),
            utterances=[
                RedactedUtterance((Token(word.text, word.span),), word.span, "S1", "A1") for word in words
            ],
            duration=6.0,
            run=Run(),
        )
        self.path = folder / "s.m4a"
        self.rendered = self.audio.render()

    def verified(self) -> AudioVerdict:
        """Verify and repair."""
        return self.audio.verify(self.rendered)

    def stored(self) -> Samples:
        """Decode the stored audio."""
        source = FileSource(self.path)
        return samples_of(list(source.audio(source.info().audio[0].id, 24_000)))


def transcript(verdict: AudioVerdict) -> list[str]:
    """Return the words of the transcript."""
    return [token.text for one in verdict.sound.transcript for token in one.tokens]


@pytest.mark.parametrize("name", ["Ben", "Adaeze"])
def test_a_name_that_was_missed_is_not_spoken_and_not_written(
    tmp_path: Path, voices: Voices, name: str
) -> None:
    """A name that the second search finds in the stored words is said by nobody any more; other words stay in place."""
    voices(FAR)
    call = Recording(tmp_path, name.casefold(), name=name)
    before = call.rendered.transcript
    assert name in call.synthesizer.said
    call.synthesizer.said.clear()
    result = call.verified()
    assert transcript(result) == ["hello", "PERSON"]
    assert name not in call.synthesizer.said
    assert [event.detail["reason"] for event in result.events] == ["personal word heard"]
    assert result.sound.transcript[0] == before[0]  # the same voice at the same time
    assert np.abs(call.stored()[round(1.2 * 24_000) : round(1.4 * 24_000)]).max() > 0.05


@pytest.mark.parametrize("redraws", [1, 4])
def test_voices_that_are_too_near_are_drawn_again(tmp_path: Path, voices: Voices, redraws: int) -> None:
    """Up to four times new voices are drawn; each time what they say is heard again before they are compared."""
    check = voices(*[NEAR] * redraws, FAR)
    call = Recording(tmp_path)
    result = call.verified()
    assert check.asked == redraws + 1
    assert [event.kind for event in result.events] == [EventKind.MENDED] * redraws
    assert result.notes == ()
    assert [(one.name, one.passed) for one in result.checks] == [
        ("no-personal-word-heard", True),
        ("voice-not-recognised", True),
    ]
    assert result.checks[-1].figure == pytest.approx(FAR)


def test_voices_that_stay_too_near_end_the_run(tmp_path: Path, voices: Voices) -> None:
    """When the fourth draw is too near as well nothing may be published: exit status 3."""
    check = voices(NEAR)
    with pytest.raises(RedactionIncomplete, match="may be recognised") as error:
        Recording(tmp_path).verified()
    assert error.value.exit_code == 3
    assert check.asked == 5


def test_a_disguised_voice_that_is_near_is_said_to_be(tmp_path: Path, voices: Voices) -> None:
    """`disguise` promises no anonymity: a near voice is a failed check and a note, and is not drawn again."""
    check = voices(NEAR)
    result = Recording(tmp_path, method="disguise").verified()
    assert check.asked == 1
    assert result.notes == ("disguised-voice-may-be-recognised",)
    assert (result.checks[-1].passed, result.checks[-1].limit) == (False, SAME_SPEAKER_COSINE)


def test_without_the_speaker_models_a_note_says_so(tmp_path: Path) -> None:
    """Voices that could not be compared are told of, and no check claims otherwise."""
    result = Recording(tmp_path, speakers=False).verified()
    assert result.notes == ("voices-not-compared",)
    assert [check.name for check in result.checks] == ["no-personal-word-heard"]


def test_audio_that_should_be_silent_and_is_not_ends_the_run(tmp_path: Path) -> None:
    """`mute` is held against the stored samples, and its words are searched as all others."""
    call = Recording(tmp_path, "ben", method="mute")
    assert np.abs(call.stored()).max() < 1e-4
    result = call.verified()
    assert [check.name for check in result.checks] == ["silent", "no-personal-word-heard"]
    assert transcript(result) == ["hello", "PERSON"]
    loud = Recording(tmp_path, method="resynthesize")
    with pytest.raises(RedactionIncomplete, match="should be silent"):
        call.audio.verify(type(loud.rendered)(loud.path, 6.0, 0.0, "mute", (), loud.rendered.transcript))


@pytest.mark.parametrize(("said", "unheard"), [(True, ("A1",)), (False, ())])
def test_speech_of_which_nothing_is_understood_is_noted(
    tmp_path: Path, said: bool, unheard: tuple[str, ...]
) -> None:
    """A track in which somebody speaks and no word is heard is told of; one with a steady tone is not."""
    path = tmp_path / "a.m4a"
    samples = spoken() if said else tone(3, sample_rate=RATE) * 0.3
    with AudioWriter(path, sample_rate=RATE) as writer:
        writer.write(AudioBlock(np.asarray(samples, np.float32), 0, RATE))
    source = FileSource(path)
    stages = AudioStages(FakeTranscriber(), None, None, None)  # type: ignore[arg-type]
    listened = listen(source, source.info().audio, stages=stages, run=Run())
    assert listened.unheard == unheard
    heard = find_personal(
        listened, finder=PersonalDataFinder(Policy().speech, model=NameReader()), policy=Policy()
    )
    assert heard.notes == (("no-words-heard",) if unheard else ())


@pytest.mark.parametrize(
    ("language", "told", "checked"), [("uz", "uz", False), ("de", "auto", False), ("de", "de", True)]
)
def test_a_language_that_cannot_be_checked_is_noted(language: str, told: str, checked: bool) -> None:
    """Words of a language without lists are masked, and a note says so; a policy may vouch for a language."""
    policy = Policy.model_validate({"speech": {"language": told, "model": "speech.whisper_base"}})
    word = Word("salom", SAID[0])
    listened = Transcription(
        utterances=(Utterance((word,), SAID[0], "S1", "A1", language),),
        uncovered={"A1": ()},
        failures={"A1": ()},
        speech_seconds=1.0,
        seconds=6.0,
        gaps=(),
        speakers_told_apart=True,
    )
    heard = find_personal(
        listened, finder=PersonalDataFinder(policy.speech, model=NameReader()), policy=policy
    )
    assert heard.notes == (() if checked else ("language-not-checked",))
    kinds = [token.entity_type for one in heard.redacted for token in one.tokens]
    assert kinds == [None if checked else EntityType.OTHER]
