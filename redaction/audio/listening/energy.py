"""Tells whether a track holds something that sounds as speech does, by its level alone: a check on the listener."""

from __future__ import annotations

from typing import Final

import numpy as np

from redaction.model import AudioBlock, Samples

__all__ = ["SpeechEnergy"]

_FRAME_S: Final = 0.05
"""Length of a frame: shorter than a syllable."""

_ACTIVE_DB: Final = -50.0
"""Level from which a frame counts, in dB of full scale. Source: speech at a usual distance is at -35 to -15."""

_SWING_DB: Final = 8.0
"""How far the level of speech swings between loud and soft frames. Source: measured 15 dB and more on the shared
recordings; steady tones, hum and hiss swing by less than 3."""

_SHORTEST_S: Final = 1.0


class SpeechEnergy:
    """Takes a track block by block and keeps the level of its frames, nothing else."""

    def __init__(self) -> None:
        self._held: Samples = np.zeros(0, np.float32)
        self._histogram = np.zeros(121, np.int64)  # frames by level, 0 to -120 dB

    def push(self, block: AudioBlock) -> None:
        """Take samples of any rate, each block of the same."""
        size = round(_FRAME_S * block.sample_rate)
        held = np.concatenate([self._held, block.samples])
        count = len(held) // size
        frames = held[: count * size].reshape(count, size)
        # Copied, so that no view keeps raw samples that the listener wipes.
        self._held = held[count * size :].copy()
        power = np.mean(np.square(frames, dtype=np.float64), axis=1)
        levels = np.clip(-10 * np.log10(np.maximum(power, 1e-12)), 0, 120).astype(int)
        self._histogram += np.bincount(levels, minlength=121)
        held.fill(0.0)

    @property
    def like_speech(self) -> bool:
        """Whether at least a second is loud enough to be speech, and swings as speech does."""
        active = self._histogram[: -int(_ACTIVE_DB) + 1]
        if active.sum() * _FRAME_S < _SHORTEST_S:
            return False
        shares = np.cumsum(active) / active.sum()
        return bool(np.searchsorted(shares, 0.9) - np.searchsorted(shares, 0.1) >= _SWING_DB)
