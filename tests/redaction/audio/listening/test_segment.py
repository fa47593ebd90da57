"""The segmenter: nothing lost, nothing twice, bounded pieces, cut at silence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from redaction.audio.listening.segment import (
    FRAME,
    RATE,
    Segmenter,
    SileroVad,
    SpeechSegment,
    speech_runs,
    wipe,
)
from redaction.errors import InternalError
from redaction.model import AudioBlock, Samples


class LevelVad:
    """Takes the mean level of a frame for its probability of speech."""

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(np.abs(frames).mean(axis=1), np.float32)

    def reset(self) -> None:
        return None


def sound(*parts: tuple[float, float]) -> Samples:
    """Return samples of `(probability, seconds)` parts for `LevelVad`."""
    return np.concatenate([np.full(round(s * RATE), p, np.float32) for p, s in parts])


def cut(samples: Samples, *, block: int = 1600, start: int = 0, **bounds: float) -> list[SpeechSegment]:
    segmenter = Segmenter(vad=LevelVad(), **bounds)
    pieces: list[SpeechSegment] = []
    for at in range(0, len(samples), block):
        pieces += segmenter.push(AudioBlock(samples[at : at + block], start + at, RATE))
    return pieces + segmenter.flush()


PARTS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9, 1.0]), st.floats(0.01, 40.0)), min_size=1, max_size=10
)


@settings(max_examples=15, deadline=None)
@given(parts=PARTS, block=st.sampled_from([160, 997, 16_000, 400_000]), start=st.integers(0, 10**7))
def test_every_sample_is_in_exactly_one_piece(
    parts: list[tuple[float, float]], block: int, start: int
) -> None:
    """Pieces laid end to end are the input, sample for sample, on the same clock."""
    samples = sound(*parts)
    samples += np.linspace(0, 0.01, len(samples), dtype=np.float32)
    pieces = cut(samples, block=block, start=start)
    at = start
    for piece in pieces:
        assert piece.block.start == at
        at += len(piece.block.samples)
    assert np.array_equal(np.concatenate([piece.block.samples for piece in pieces]), samples)


@settings(max_examples=15, deadline=None)
@given(parts=PARTS)
def test_pieces_are_bounded(parts: list[tuple[float, float]]) -> None:
    """No piece is longer than 60 s, none holds more than 28 s of speech, and speech lies inside its piece."""
    for piece in cut(sound(*parts)):
        assert 0 < len(piece.block.samples) <= 60 * RATE
        assert sum(run.duration for run in piece.speech) <= 28.0 + FRAME / RATE
        for run in piece.speech:
            assert piece.span.start <= run.start < run.end <= piece.span.end


@settings(max_examples=8, deadline=None)
@given(parts=PARTS)
def test_pieces_do_not_depend_on_the_blocks(parts: list[tuple[float, float]]) -> None:
    """The same sound is cut at the same places however it arrives."""
    samples = sound(*parts)
    spans = [piece.span for piece in cut(samples, block=160)]
    assert spans == [piece.span for piece in cut(samples, block=55_555)]
    assert spans == [piece.span for piece in cut(samples, block=len(samples))]


@pytest.mark.parametrize("pause_s", [0.3, 0.6, 1.5])
def test_cuts_lie_in_pauses(pause_s: float) -> None:
    """Where speech has a pause every 7 s, every cut is inside one."""
    samples = sound(*[(0.9, 7.0), (0.0, pause_s)] * 20)
    pieces = cut(samples)
    assert len(pieces) > 3
    for piece in pieces[1:]:
        assert samples[piece.block.start] == 0.0
        assert samples[piece.block.start - 1] == 0.0


def test_a_sentence_before_a_long_silence_is_not_cut() -> None:
    """A full piece with little speech is cut in its silence, wherever in it the speech is."""
    pieces = cut(sound((0.0, 2.0), (0.9, 2.4), (0.0, 40.0)), max_s=20.0)
    assert pieces[0].speech[0].end - pieces[0].speech[0].start > 2.3
    assert not any(piece.speech for piece in pieces[1:])


def test_speech_without_pauses_is_cut_at_its_faintest() -> None:
    """Two minutes without any pause are cut where the detector was least sure."""
    samples = sound(*[(0.9, 9.9), (0.5, 0.1)] * 12)
    for piece in cut(samples)[1:]:
        assert samples[piece.block.start : piece.block.start + FRAME].min() < 0.6


def test_a_gap_closes_the_piece() -> None:
    """A block that starts later ends the piece before it and keeps its own time."""
    segmenter = Segmenter(vad=LevelVad())
    assert segmenter.push(AudioBlock(sound((0.9, 1.0)), 0, RATE)) == []
    pieces = segmenter.push(AudioBlock(sound((0.9, 1.0)), 5 * RATE, RATE)) + segmenter.flush()
    assert [(piece.span.start, piece.span.end) for piece in pieces] == [(0.0, 1.0), (5.0, 6.0)]


def test_going_back_in_time_is_refused() -> None:
    """A block that overlaps what came before is a defect, not sound to be mixed in."""
    segmenter = Segmenter(vad=LevelVad())
    segmenter.push(AudioBlock(sound((0.9, 1.0)), 0, RATE))
    with pytest.raises(InternalError):
        segmenter.push(AudioBlock(sound((0.9, 1.0)), RATE - 1, RATE))


@pytest.mark.parametrize(
    "block",
    [AudioBlock(np.zeros(10, np.float32), 0, 48_000), AudioBlock(np.zeros((2, 10), np.float32), 0, RATE)],
)
def test_other_rates_and_shapes_are_refused(block: AudioBlock) -> None:
    """Sound that is not 16,000 Hz mono is a defect."""
    with pytest.raises(InternalError):
        Segmenter(vad=LevelVad()).push(block)


def test_broken_samples_become_silence() -> None:
    """Samples that are no numbers are zeros in the piece, and their neighbours stay."""
    samples = sound((0.5, 1.0))
    samples[100], samples[200], samples[300] = np.nan, np.inf, -np.inf
    (piece,) = cut(samples)
    assert piece.block.samples[[100, 200, 300]].tolist() == [0.0, 0.0, 0.0]
    assert piece.block.samples[101] == 0.5
    assert np.isfinite(piece.block.samples).all()


def test_nothing_is_held_after_the_end() -> None:
    """After flush the segmenter's buffer holds no sample of the call."""
    segmenter = Segmenter(vad=LevelVad())
    for at in range(90):
        segmenter.push(AudioBlock(sound((0.9, 1.0)), at * RATE, RATE))
    segmenter.flush()
    assert not segmenter._samples.any()
    assert segmenter.flush() == []


def test_short_silences_do_not_end_speech() -> None:
    """Runs apart by less than 0.25 s are one; a fall below 0.35 alone does not end a run."""
    probabilities = np.array(
        [0.9] * 5 + [0.0] * 7 + [0.9] * 5 + [0.25] * 3 + [0.0] * 9 + [0.3] * 4, np.float32
    )
    assert speech_runs(probabilities) == [(0, 20)]


def test_wipe_zeroes() -> None:
    """A wiped array holds zeros only; a read-only one is left without an error."""
    samples = sound((0.5, 0.1))
    wipe(samples)
    assert not samples.any()
    fixed = sound((0.5, 0.1))
    fixed.flags.writeable = False
    wipe(fixed)


def test_silero_streams_as_it_does_whole() -> None:
    """Frames given one by one, or all at once, get the same probabilities; noise is not speech."""
    noise = np.random.default_rng(5).normal(0, 0.05, 200 * FRAME).astype(np.float32).reshape(-1, FRAME)
    whole, stream = SileroVad(), SileroVad()
    expected = whole.probabilities(noise)
    got = np.concatenate([stream.probabilities(noise[i : i + 7]) for i in range(0, 200, 7)])
    assert np.allclose(expected, got, atol=1e-4)
    assert speech_runs(expected) == []
    whole.reset()
    assert np.allclose(expected, whole.probabilities(noise), atol=1e-4)
