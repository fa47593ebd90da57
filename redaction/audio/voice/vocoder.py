"""What resynthesis and disguise share in handling WORLD's envelopes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from redaction.model import Samples

__all__ = ["level", "move_formants"]

LEVEL = 0.08
"""Root mean square of the sounding part, about -22 dBFS, whoever speaks: loudness identifies too."""

LOUDEST = 0.7


def move_formants(
    rows: NDArray[np.float64], *, nodes_hz: tuple[float, ...], factors: tuple[float, ...], top_hz: float
) -> NDArray[np.float64]:
    """Stretch each row's frequency axis piece by piece: what was at a node comes to node times factor.

    Args:
        rows: float64 (frames, bins), bins evenly spaced from 0 to `top_hz`.
        nodes_hz: rising, from 0; beyond the last moved node the row's last values repeat.
        factors: one per node.
        top_hz: frequency of the last bin.
    """
    bins = rows.shape[1]
    to = np.maximum.accumulate(np.asarray(nodes_hz) * np.asarray(factors))
    wanted = np.interp(np.linspace(0, top_hz, bins), to, nodes_hz) / top_hz * (bins - 1)
    below = np.minimum(wanted.astype(np.intp), bins - 2)
    share = wanted - below
    return np.asarray(rows[:, below] * (1 - share) + rows[:, below + 1] * share)


def level(samples: NDArray[np.float64]) -> Samples:
    """Return the samples as float32 at the common loudness, at most 0.7."""
    power = np.square(samples)
    sounding = power[power > power.max(initial=0.0) * 1e-4]
    if not len(sounding):
        return np.zeros(len(samples), np.float32)
    gain = min(LEVEL / float(np.sqrt(sounding.mean())), LOUDEST / float(np.sqrt(power.max())))
    return np.asarray(samples * gain, np.float32)
