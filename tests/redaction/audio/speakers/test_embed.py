"""Speaker vectors of real, generated speech."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import resample_poly

from redaction.audio.speakers.embed import SAME_SPEAKER_COSINE, Embedder, cosine
from redaction.errors import ModelMissing
from redaction.model import Samples
from tests.redaction.audio.conftest import Say


@pytest.fixture(scope="module")
def embedder(real_models: None) -> Embedder:
    """The speaker model, where it was fetched."""
    try:
        return Embedder()
    except ModelMissing:
        pytest.skip("the model speaker.campplus is not in the cache; run `offrecord models fetch speakers`")


def lower(sound: Samples) -> Samples:
    """Return the sound of a larger person: pitch and formants a quarter lower."""
    return np.asarray(resample_poly(sound, 4, 3), np.float32)


FIRST = "Good morning everyone, let us start the weekly meeting now."
SECOND = "The migration is finished and all the tests were green last night."


def test_vectors_have_length_one(embedder: Embedder, say: Say) -> None:
    """A vector is float32 (192,) of length 1."""
    vector = embedder.embed(say(FIRST))
    assert vector.shape == (192,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_one_voice_is_one_and_two_are_two(embedder: Embedder, say: Say) -> None:
    """Different words of one voice lie above the threshold; another voice lies below it, same words or not."""
    voice, again = embedder.embed(say(FIRST)), embedder.embed(say(SECOND))
    other, same_words = embedder.embed(lower(say(SECOND))), embedder.embed(lower(say(FIRST)))
    assert cosine(voice, again) > SAME_SPEAKER_COSINE
    assert cosine(other, same_words) > SAME_SPEAKER_COSINE
    assert cosine(voice, other) < SAME_SPEAKER_COSINE
    assert cosine(voice, same_words) < SAME_SPEAKER_COSINE


def test_loudness_does_not_change_the_speaker(embedder: Embedder, say: Say) -> None:
    """The same speech at a tenth of the amplitude is the same voice."""
    sound = say(FIRST)
    assert cosine(embedder.embed(sound), embedder.embed(0.1 * sound)) > 0.9


@pytest.mark.parametrize("count", [0, 399, 400, 2000])
def test_too_short_a_sound_says_nothing(embedder: Embedder, count: int) -> None:
    """What is shorter than 0.135 s gives the zero vector, which is like nobody."""
    vector = embedder.embed(np.ones(count, np.float32))
    assert not vector.any()
    assert cosine(vector, vector) == 0


def test_silence_is_not_a_number_error(embedder: Embedder) -> None:
    """Digital silence gives a finite vector."""
    assert np.isfinite(embedder.embed(np.zeros(16_000, np.float32))).all()
