"""Mixing down and resampling: no clipping, no loss of either side, no delay."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from recorder.media.resample import Resampler, mono
from tests.media import tone


def _frame(data: NDArray[Any], *, layout: str, form: str) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(data, format=form, layout=layout)
    frame.sample_rate = 16_000
    return frame


@pytest.mark.parametrize("side", [0, 1])
def test_a_voice_on_one_side_only_stays_audible(side: int) -> None:
    """A speaker panned to one side is heard at half level."""
    data = np.zeros((2, 1600), np.float32)
    data[side] = 0.8
    assert mono(_frame(data, layout="stereo", form="fltp")) == pytest.approx(0.4, abs=1e-3)


def test_loud_sound_never_clips() -> None:
    """Full level on every channel of 5.1 stays within one."""
    data = np.ones((6, 1600), np.float32)
    mixed = mono(_frame(data, layout="5.1", form="fltp"))
    assert mixed.max() == pytest.approx(1.0, abs=1e-5)
    assert mono(_frame(data * 4, layout="5.1", form="fltp")).max() == 1.0


def test_numbers_that_are_none() -> None:
    """Samples that are no numbers become silence, infinite ones full level."""
    data = np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32)
    assert mono(_frame(data, layout="mono", form="fltp")).tolist() == [0.0, 1.0, -1.0, 0.5]


@pytest.mark.parametrize(
    ("form", "value", "dtype"),
    [
        ("u8", 192, np.uint8),
        ("s16", 16_384, np.int16),
        ("s32", 2**30, np.int32),
        ("flt", 0.5, np.float32),
        ("dbl", 0.5, np.float64),
    ],
)
def test_sample_formats(form: str, value: float, dtype: type) -> None:
    """Half level is 0.5 in every sample format, packed and planar."""
    packed: NDArray[Any] = np.full((1, 800), value, dtype)
    assert mono(_frame(packed, layout="stereo", form=form)) == pytest.approx(0.5, abs=0.01)
    planar: NDArray[Any] = np.full((2, 400), value, dtype)
    assert mono(_frame(planar, layout="stereo", form=form + "p")) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("source", "target"), [(48_000, 16_000), (44_100, 16_000), (8_000, 24_000)])
def test_resampling_has_no_delay(source: int, target: int) -> None:
    """A tone comes out in phase, in pieces of any size, and as long as it went in."""
    sound = tone(1.0, sample_rate=source, hertz=200.0)
    resampler = Resampler(source, target)
    cuts = np.cumsum([7, 900, 5000])
    parts = [resampler.push(part) for part in np.split(sound, cuts)]
    out = np.concatenate([*parts, resampler.finish()])
    expected = tone(1.0, sample_rate=target, hertz=200.0)
    assert len(out) == pytest.approx(len(expected), abs=target // 500)
    middle = slice(target // 10, target * 9 // 10)
    assert np.abs(out[middle] - expected[middle]).max() < 0.01
