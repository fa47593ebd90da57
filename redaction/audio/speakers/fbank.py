"""Log-mel energies as speaker networks were trained on: Kaldi's filter bank."""

from __future__ import annotations

from typing import Final

import kaldi_native_fbank as kaldi
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

_FRAMES_AT_ONCE: Final = 1000


def mel_energies(samples: Samples) -> NDArray[np.float32]:
    """Return log-mel energies, each band's mean over the stretch subtracted.

    Args:
        samples: float32 (n,), -1 to 1, 16 kHz.

    Returns:
        float32 (T, 80), T = 1 + (n - 400) // 160; (0, 80) when the stretch is shorter than one frame.

    Source: Kaldi's `feature-fbank` and `feature-window` with their defaults (Povey window, pre-emphasis 0.97,
    offset removed per frame, power spectrum, 20 Hz to 8 kHz), dither 0, as kaldi-native-fbank computes them.
    """
    if len(samples) < WINDOW:
        return np.zeros((0, BANDS), np.float32)
    energies = np.empty((1 + (len(samples) - WINDOW) // FRAME_STEP, BANDS), np.float32)
    for first in range(0, len(energies), _FRAMES_AT_ONCE):
        last = min(first + _FRAMES_AT_ONCE, len(energies))
        energies[first:last] = _log_energies(samples[first * FRAME_STEP : (last - 1) * FRAME_STEP + WINDOW])
    energies -= energies.mean(axis=0, dtype=np.float64).astype(np.float32)
    return energies


def _log_energies(samples: Samples) -> NDArray[np.float32]:
    """Return the bands of all whole frames of a stretch as float32 (T, 80)."""
    options = kaldi.FbankOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = BANDS
    bank = kaldi.OnlineFbank(options)
    bank.accept_waveform(SAMPLE_RATE, np.ascontiguousarray(samples, np.float32))
    return np.stack([np.asarray(bank.get_frame(at), np.float32) for at in range(bank.num_frames_ready)])
