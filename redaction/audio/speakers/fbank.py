"""Log-mel energies as speaker networks were trained on: Kaldi's filter bank, in numpy."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from redaction.model import Samples

__all__ = ["BANDS", "FRAME_STEP", "SAMPLE_RATE", "WINDOW", "mel_energies"]

SAMPLE_RATE: Final = 16_000
"""In hertz."""

WINDOW: Final = 400
"""Samples of one frame, 25 ms."""

FRAME_STEP: Final = 160
"""Samples from one frame to the next, 10 ms."""

BANDS: Final = 80
"""Mel bands. Source: 3D-Speaker's recipe for CAM++ (80 bands, 25/10 ms, no dither, mean subtracted)."""

_PADDED: Final = 512
_LOWEST_HZ: Final = 20.0
_PREEMPHASIS: Final = np.float32(0.97)
_FLOOR: Final = np.finfo(np.float32).eps
_FRAMES_AT_ONCE: Final = 1000


def mel_energies(samples: Samples) -> NDArray[np.float32]:
    """Return log-mel energies, each band's mean over the stretch subtracted.

    Args:
        samples: float32 (n,), -1 to 1, 16 kHz.

    Returns:
        float32 (T, 80), T = 1 + (n - 400) // 160; (0, 80) when the stretch is shorter than one frame.

    Source: Kaldi's `feature-fbank` and `feature-window` with their defaults (Povey window, pre-emphasis 0.97,
    offset removed per frame, power spectrum, mel scale 1127 ln(1 + f / 700) from 20 Hz to 8 kHz), dither 0.
    """
    if len(samples) < WINDOW:
        return np.zeros((0, BANDS), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::FRAME_STEP]
    energies = np.empty((len(windows), BANDS), np.float32)
    for first in range(0, len(windows), _FRAMES_AT_ONCE):
        energies[first : first + _FRAMES_AT_ONCE] = _log_energies(windows[first : first + _FRAMES_AT_ONCE])
    energies -= energies.mean(axis=0, dtype=np.float64).astype(np.float32)
    return energies


def _log_energies(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the bands of frames float32 (T, 400) as float32 (T, 80)."""
    frames = windows - windows.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    spectrum = np.fft.rfft((frames - _PREEMPHASIS * before) * _povey_window(), n=_PADDED, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2)[:, : _PADDED // 2]
    bands: NDArray[np.float32] = np.log(np.maximum(power @ _triangles(), _FLOOR)).astype(np.float32)
    return bands


@lru_cache(maxsize=1)
def _povey_window() -> NDArray[np.float64]:
    return np.hanning(WINDOW) ** 0.85


@lru_cache(maxsize=1)
def _triangles() -> NDArray[np.float64]:
    """Return the weight of each spectrum line in each band, float64 (256, 80); the line at 8 kHz has none."""
    lines = _mel(np.arange(_PADDED // 2) * (SAMPLE_RATE / _PADDED))[:, None]
    corners = np.linspace(_mel(_LOWEST_HZ), _mel(SAMPLE_RATE / 2), BANDS + 2)
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (lines - left) / (centre - left), (right - lines) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling))


def _mel(hertz: NDArray[np.floating] | float) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0))
