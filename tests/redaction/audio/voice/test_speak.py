"""The synthetic voice."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from redaction.audio.listening.segment import SpeechSegment
from redaction.audio.listening.transcribe import WhisperTranscriber
from redaction.audio.voice import speak as module
from redaction.audio.voice.speak import HOP, SPOKEN_HZ, CannotSpeak, HibariSynthesizer, Speech
from redaction.errors import ModelAltered
from redaction.model import AudioBlock


@pytest.fixture(scope="module")
def voice() -> HibariSynthesizer:
    return HibariSynthesizer()


def test_words_have_places_in_order(voice: HibariSynthesizer) -> None:
    """Every word spoken has a place within the sound, after the word before, and no end is silent."""
    words = [
        "Hello",
        "there,",
        "this",
        "costs",
        "$3.20",
        "on",
        "2024-10-12.",
        "Mr.",
        "Brown",
        "left",
        "at",
        "9:30",
        "am!",
    ]
    speech = voice.speak(words)
    length = len(speech.samples) / SPOKEN_HZ
    spans = [span for span in speech.spans if span is not None]
    assert len(spans) == len(words)
    assert all(a.start <= b.start and a.end <= b.end + 1e-9 for a, b in pairwise(spans))
    assert spans[0].start < 0.2
    assert spans[-1].end <= length + 1e-9
    assert len(speech.samples) == len(speech.f0) * HOP
    assert speech.samples.dtype == np.float32
    assert 0.05 < np.abs(speech.samples).max() <= 1.5


def test_faster_is_shorter(voice: HibariSynthesizer) -> None:
    """A higher rate takes less time."""
    words = ["The", "tests", "are", "green", "again"]
    assert len(voice.speak(words, rate=1.5).samples) < 0.85 * len(voice.speak(words).samples)


@pytest.mark.parametrize(
    ("word", "spoken"),
    [
        ("café", True),
        ("cafe\u0301", True),
        ("K-I-N-G", True),
        ("24/7", True),
        ("50%", True),
        ("1" * 39, True),
        ("[hello](/wˈɜɹld/)", True),
        ("it’s", True),
        ("😀", False),
        ("...", False),
        ("", False),
        ("Привет", False),
        ("你好", False),
        ("١٢٣", False),
        ("a" * 5000, False),
        ("\x00\ud800", False),
    ],
)
def test_odd_words(voice: HibariSynthesizer, word: str, spoken: bool) -> None:
    """An odd word is spoken or left out, and the words beside it are spoken all the same."""
    speech = voice.speak(["yes", word, "no"])
    assert (speech.spans[1] is not None) is spoken
    assert speech.spans[0] is not None
    assert speech.spans[2] is not None
    assert len(speech.samples) < 30 * SPOKEN_HZ


@pytest.mark.parametrize("words", [[], [""], ["Привет", "мир"], ["?!"], ["word"] * 61, ["a" * 5000]])
def test_what_cannot_be_spoken(voice: HibariSynthesizer, words: list[str]) -> None:
    """Nothing to say, another script and too much text raise, and the sentence repeats none of it."""
    with pytest.raises(CannotSpeak) as caught:
        voice.speak(words)
    assert not any(word.strip("?!") and word in caught.value.sentence for word in words if word != "word")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.text(max_size=12), max_size=4))
def test_any_text(voice: HibariSynthesizer, words: list[str]) -> None:
    """Whatever the text, there is finite sound with one place per word, or `CannotSpeak`."""
    try:
        speech = voice.speak(words)
    except CannotSpeak:
        return
    assert np.isfinite(speech.samples).all()
    assert len(speech.spans) == len(words)


def test_model_failure(voice: HibariSynthesizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that raises or gives nonsense makes `CannotSpeak`."""

    class Broken:
        def run(self, *_: object) -> list[np.ndarray]:
            raise RuntimeError("secret words")

    monkeypatch.setattr(voice, "_session", Broken())
    with pytest.raises(CannotSpeak) as caught:
        voice.speak(["hello"])
    assert caught.value.__suppress_context__
    assert "secret" not in str(caught.value)


def test_altered_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An altered model file is refused, even though the package's own is whole."""
    (tmp_path / "voice.hibari").mkdir()
    (tmp_path / "voice.hibari" / "hibari.onnx").write_bytes(b"something else")
    monkeypatch.setenv("OFFRECORD_MODELS", str(tmp_path))
    with pytest.raises(ModelAltered):
        HibariSynthesizer()


def test_packaged_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a cache the installed package's file is used, if it is the pinned one."""
    monkeypatch.setenv("OFFRECORD_MODELS", str(tmp_path))
    assert len(HibariSynthesizer().speak(["yes"]).samples) > 0.1 * SPOKEN_HZ
    monkeypatch.setattr(module, "files", lambda _: tmp_path)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "hibari.onnx").write_bytes(b"something else")
    with pytest.raises(ModelAltered):
        HibariSynthesizer()


def test_stand_in_is_cut_out_whole(voice: HibariSynthesizer) -> None:
    """The place of a word covers its sound: what is left without it has no energy peak of its own there."""
    speech: Speech = voice.speak(["The", "contact", "is", "name", "and", "his", "line", "is", "busy"])
    span = speech.spans[3]
    assert span is not None
    assert 0.15 < span.duration < 0.6


def test_understood(voice: HibariSynthesizer, whisper: WhisperTranscriber) -> None:
    """A recogniser hears the words that were spoken, all but one at most."""
    text = "can we move the meeting to thursday afternoon because the release is late"
    samples = np.pad(resample_poly(voice.speak(text.split()).samples, 2, 3), 4000).astype(np.float32)
    block = AudioBlock(samples, 0, 16_000)
    segments = whisper.transcribe(SpeechSegment(block, (block.span,))).segments
    heard = " ".join(word.text for segment in segments for word in segment)
    plain = "".join(char for char in heard.lower() if char.isalpha() or char == " ").split()
    assert len(plain) == len(text.split())
    assert sum(a != b for a, b in zip(plain, text.split(), strict=True)) <= 1
