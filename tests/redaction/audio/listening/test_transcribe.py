"""The transcriber: call time, languages, and refusals."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.media.file import FileSource
from redaction.audio.listening.listen import Listener
from redaction.audio.listening.segment import RATE, SpeechSegment
from redaction.audio.listening.transcribe import Transcript, WhisperTranscriber, join_speech
from redaction.errors import ModelMissing, ModelUnavailable, UsageError
from redaction.model import AudioBlock, Gap, Samples, Span
from tests.media import samples_of
from tests.paths import SHARED_DATA


def piece_of(samples: Samples, *speech: Span, start: float = 0.0) -> SpeechSegment:
    return SpeechSegment(AudioBlock(samples, round(start * RATE), RATE), speech)


@pytest.mark.parametrize("language", ["de", "auto", "fr"])
def test_english_only_refuses_other_languages(language: str) -> None:
    """The English model with another language, or with detection, is a mistake in the policy."""
    with pytest.raises(UsageError):
        WhisperTranscriber("speech.whisper_tiny_en", language=language)


def test_an_unknown_language_is_refused(real_models: None) -> None:
    """A language that no Whisper knows is a mistake in the policy."""
    try:
        with pytest.raises(UsageError):
            WhisperTranscriber("speech.whisper_base", language="qq", threads=1)
    except ModelMissing:
        pytest.skip(
            "the model speech.whisper_base is not in the cache; `offrecord models fetch multilingual`"
        )


def test_an_incomplete_folder_is_refused(tmp_path: Path) -> None:
    """A folder without its tokenizer would make faster-whisper look for one on the network."""
    for name in ("model.bin", "config.json"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ModelMissing, match=r"tokenizer\.json"):
        WhisperTranscriber(str(tmp_path))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """A path that is not there is said without naming it."""
    with pytest.raises(ModelMissing) as caught:
        WhisperTranscriber(str(tmp_path / "Erika Mustermann"))
    assert "Erika" not in caught.value.sentence


def test_no_speech_is_no_words(whisper: WhisperTranscriber) -> None:
    """A piece in which the detector found no speech is not given to the model at all."""
    assert whisper.transcribe(piece_of(np.ones(RATE, np.float32))) == Transcript((), "en")
    assert os.environ["HF_HUB_OFFLINE"] == "1"


@pytest.mark.slow
def test_words_carry_call_time(say: Callable[[str], Samples], whisper: WhisperTranscriber) -> None:
    """Words after a long silence, in a piece far into the call, lie at the time they were spoken."""
    first, second = say("Good morning."), say("The red house.")
    samples = np.concatenate([first, np.zeros(10 * RATE, np.float32), second])
    late = 500.0 + len(first) / RATE + 10.0
    runs = [
        Span(500.4, 500.0 + len(first) / RATE - 0.4),
        Span(late + 0.4, late + len(second) / RATE - 0.4),
    ]
    transcript = whisper.transcribe(piece_of(samples, *runs, start=500.0))
    found = {word.text.strip(".,").lower(): word for segment in transcript.segments for word in segment}
    assert runs[0].overlaps(found["morning"].span)
    assert runs[1].overlaps(found["red"].span)
    assert runs[1].overlaps(found["house"].span)
    assert not any(word.located for word in found.values())


@pytest.mark.slow
def test_languages_are_detected(say: Callable[[str], Samples]) -> None:
    """`auto` names the language of what it heard."""
    try:
        transcriber = WhisperTranscriber("speech.whisper_base", language="auto", threads=2)
    except ModelMissing:
        pytest.skip(
            "the model speech.whisper_base is not in the cache; `offrecord models fetch multilingual`"
        )
    samples = say("Good morning everyone, the weather is very nice today.")
    piece = piece_of(samples, Span(0.4, len(samples) / RATE - 0.4))
    assert transcriber.transcribe(piece).language == "en"


RUNS = st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.05, 4.0)), min_size=1, max_size=6)


@given(gaps=RUNS, points=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5))
def test_joined_time_and_call_time_agree(gaps: list[tuple[float, float]], points: list[float]) -> None:
    """Every moment of the joined sound maps to a call time inside the piece and back to itself."""
    speech: list[Span] = []
    at = 50.0
    for gap, length in gaps:
        speech.append(Span(at + gap, at + gap + length))
        at = speech[-1].end
    samples = np.zeros(round((at + 1.0 - 50.0) * RATE), np.float32)
    joined = join_speech(piece_of(samples, *speech, start=50.0))
    seconds = len(joined.samples) / RATE
    for point in points:
        moment = point * seconds
        span = joined.call_span(moment, moment)
        assert 50.0 <= span.start == span.end <= at + 1.0
        assert joined.joined_time(span.start) == pytest.approx(moment, abs=1e-6)
    whole = joined.call_span(0.0, seconds)
    assert whole.start == pytest.approx(joined.places[0][1].start)
    assert whole.end == pytest.approx(joined.places[-1][1].end)


def test_joined_sound_is_the_padded_speech() -> None:
    """Runs of speech are taken with 0.4 s around them, close ones together, silence left out."""
    samples = np.arange(10 * RATE, dtype=np.float32)
    joined = join_speech(piece_of(samples, Span(1.0, 2.0), Span(2.5, 3.0), Span(8.0, 9.9)))
    assert [place for _, place in joined.places] == [Span(0.6, 3.4), Span(7.6, 10.0)]
    assert joined.samples[0] == 0.6 * RATE
    assert len(joined.samples) == round(5.2 * RATE)
    assert samples[0] == 0.0
    assert samples[-1] == 10 * RATE - 1


def test_times_that_are_no_numbers_take_all_speech() -> None:
    """A word without a time may be anywhere in the speech."""
    joined = join_speech(piece_of(np.zeros(10 * RATE, np.float32), Span(1.0, 2.0), Span(8.0, 9.0)))
    assert joined.call_span(float("nan"), 1.0) == Span(0.6, 9.4)


class FakeModel:
    """Hears German where samples are negative, English where they are positive, nothing sure where small."""

    def detect_language(self, samples: np.ndarray) -> tuple[str, float, list[tuple[str, float]]]:
        """Return the language of some speech."""
        mean = float(samples.mean())
        return ("de" if mean < 0 else "en", 0.9 if abs(mean) > 0.1 else 0.2, [])


def automatic() -> WhisperTranscriber:
    """Return a transcriber that tells languages apart, without a model."""
    made = WhisperTranscriber.__new__(WhisperTranscriber)
    made._model = FakeModel()
    made._language = None
    made._lock = threading.Lock()
    return made


def spoken_in(*runs: tuple[float, float, float]) -> SpeechSegment:
    """Return a piece of ten seconds from 50 s on with runs of speech: start, end and what stands for a language."""
    samples = np.zeros(10 * RATE, np.float32)
    for start, end, language in runs:
        samples[round(start * RATE) : round(end * RATE)] = language
    return piece_of(samples, *(Span(50 + start, 50 + end) for start, end, _ in runs), start=50.0)


@pytest.mark.parametrize(
    ("runs", "cuts"),
    [
        ([(0.5, 4, 0.5), (4.8, 9, -0.5)], [54.4]),
        ([(0.5, 4, 0.5), (4.7, 5.3, -0.5), (5.6, 9, -0.5)], [54.35]),
        ([(0.5, 2.5, 0.5), (3, 5, -0.5), (6, 8, 0.5)], [52.75, 55.5]),
        ([(0.5, 4, 0.5), (5, 9, 0.5)], []),
        ([(0.5, 4, -0.5), (5, 9, 0.01)], []),
        ([(0.5, 4, 0.01), (5, 9, -0.5)], []),
        ([(0.5, 4, 0.5), (8.5, 9, -0.5)], [56.25]),
        ([(0.5, 9, -0.5)], []),
        ([], []),
    ],
)
def test_a_piece_is_cut_where_the_language_changes(
    runs: list[tuple[float, float, float]], cuts: list[float]
) -> None:
    """Every passage is in one language; a short run goes with the nearer one, what is not sure with the one before."""
    piece = spoken_in(*runs)
    passages = automatic().passages(piece)
    assert [passage.span.start for passage in passages] == pytest.approx([50.0, *cuts], abs=0.01)
    assert [passage.span.end for passage in passages] == pytest.approx([*cuts, 60.0], abs=0.01)
    assert [run for passage in passages for run in passage.speech] == list(piece.speech)
    assert np.array_equal(np.concatenate([one.block.samples for one in passages]), piece.block.samples)
    assert all(np.shares_memory(one.block.samples, piece.block.samples) for one in passages)


def test_a_set_language_is_not_questioned() -> None:
    """Where the policy names a language nothing is cut."""
    transcriber = automatic()
    transcriber._language = "en"
    piece = spoken_in((0.5, 4, 0.5), (4.8, 9, -0.5))
    assert transcriber.passages(piece) == [piece]


@pytest.mark.slow
def test_german_after_english_is_heard_as_german() -> None:
    """A recording that goes from English to German is understood in both, passage by passage."""
    path = SHARED_DATA.parent / "field" / "mixed_en_de.ogg"
    if not path.is_file():
        pytest.skip("the shared recordings are not here")
    try:
        transcriber = WhisperTranscriber("speech.whisper_base", language="auto")
    except ModelUnavailable:
        pytest.skip("the model is not in the cache: offrecord models fetch multilingual")
    source = FileSource(path)
    samples = samples_of([item for item in source.audio("A1", RATE) if not isinstance(item, Gap)])
    listener = Listener(track="A1", speaker="S1", transcriber=transcriber, aligner=None)
    heard = [*listener.push(AudioBlock(samples, 0, RATE)), *listener.flush()]
    languages = [one.language for one in heard]
    assert languages == sorted(languages, reverse=True)
    assert set(languages) == {"en", "de"}
    german = " ".join(one.text for one in heard if one.language == "de")
    assert "Buchhaltung" in german
    assert "geboren" in german
