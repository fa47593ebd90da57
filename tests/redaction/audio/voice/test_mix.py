"""Mixing and muting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redaction.audio.voice.mix import Mixer, mute
from redaction.model import AudioBlock, Span

RATE = 1000


def joined(mixer: Mixer) -> np.ndarray:
    blocks = list(mixer.finish())
    return np.concatenate([np.zeros(0, np.float32), *(block.samples for block in blocks)])


@given(
    total=st.integers(0, 5000),
    adds=st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 2000)), max_size=6),
)
def test_exact_length_and_sum(total: int, adds: list[tuple[int, int]]) -> None:
    """The mix is as long as asked and is the sum of what was added, wherever the blocks were cut."""
    adds.sort()
    truth = np.zeros(10_000, np.float32)
    mixer = Mixer(total, rate=RATE)
    blocks = []
    for start, count in adds:
        blocks += list(mixer.advance(start))
        mixer.add(np.full(count, 0.1, np.float32), start)
        truth[start : start + count] += np.float32(0.1)
    blocks += list(mixer.finish())
    mixed = np.concatenate([np.zeros(0, np.float32), *(block.samples for block in blocks)])
    assert len(mixed) == total
    assert [block.start for block in blocks] == list(range(0, total, RATE))
    np.testing.assert_allclose(mixed, truth[:total], atol=1e-6)


def test_many_loud_speakers_stay_below_full_scale() -> None:
    """The sum of loud speakers is bent below 1 and quiet sound is left as it is."""
    mixer = Mixer(3000, rate=RATE)
    for _ in range(5):
        mixer.add(np.full(1000, 0.6, np.float32), 0)
    mixer.add(np.full(1000, 0.5, np.float32), 1500)
    mixed = joined(mixer)
    assert 0.7 < mixed[:1000].max() < 1
    np.testing.assert_array_equal(mixed[1500:2500], np.float32(0.5))


@given(start=st.floats(0, 3), length=st.floats(0.001, 1))
def test_muted_span_is_zero_across_blocks(start: float, length: float) -> None:
    """Every sample inside a muted span is exactly zero, and 10 ms away from it nothing has changed."""
    mixer = Mixer(4000, rate=RATE, muted=[Span(start, start + length)])
    mixer.add(np.full(4000, 0.5, np.float32), 0)
    mixed = joined(mixer)
    times = np.arange(4000) / RATE
    inside = (times >= start) & (times < start + length)
    far = (times < start - 0.012) | (times > start + length + 0.012)
    assert not mixed[inside].any()
    assert (mixed[far] == 0.5).all()


def test_mute_fades_outside_the_span() -> None:
    """The fade lies outside the muted span and has no step larger than a tenth of the level."""
    block = AudioBlock(np.full(4000, 0.5, np.float32), 0, 4000)
    mute(block, [Span(0.4, 0.6)])
    assert np.abs(np.diff(block.samples)).max() < 0.05
    assert 0 < block.samples[1599] < 0.5


def test_no_sound_into_what_was_given_out() -> None:
    """Sound for a place that has been given out already is refused."""
    mixer = Mixer(5000, rate=RATE)
    assert len(list(mixer.advance(2500))) == 2
    with pytest.raises(ValueError, match="given out"):
        mixer.add(np.ones(10, np.float32), 1999)


def test_memory_does_not_grow() -> None:
    """What is held back stays within a phrase and a block over an hour of phrases."""
    mixer = Mixer(3600 * RATE, rate=RATE)
    held = 0
    for start in range(0, 3600 * RATE, 2 * RATE):
        for _ in mixer.advance(start):
            pass
        mixer.add(np.full(RATE, 0.1, np.float32), start)
        held = max(held, len(mixer._pending))
    assert held <= 3 * RATE
