"""Turns a stretch of speech into a vector that tells its speaker, for comparing within one run only.

Such a vector is biometric. It stays in memory, is never written, logged or sent, and whoever asked for it
zeroes it (`vector.fill(0)`) as soon as the comparison is done.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from redaction.audio.speakers.fbank import mel_energies
from redaction.model import Samples
from redaction.weights import open_session

__all__ = ["EMBEDDING_MODEL", "SAME_SPEAKER_COSINE", "SHORTEST_SPEECH_S", "Embedder", "Embedding", "cosine"]

Embedding = NDArray[np.float32]

EMBEDDING_MODEL: Final = "speaker.campplus"

SIZE: Final = 192

SAME_SPEAKER_COSINE: Final = 0.42
"""Cosine from which two stretches of a few seconds count as one speaker. Source: `python -m benchmarks.speakers`
on 48 LibriSpeech utterances of 12 speakers, 4 s heard of each: no same-speaker pair below 0.44, no pair of two
speakers of one sex above 0.40."""

SHORTEST_SPEECH_S: Final = 0.5
"""Seconds of speech below which a vector says next to nothing about the speaker."""

_SHORTEST_FRAMES: Final = 12  # below this CAM++'s strided and dilated layers see mostly padding


class Embedder:
    """Makes speaker vectors with CAM++.

    Source: Wang, Zheng, Chen, Cheng and Chen, "CAM++: A Fast and Efficient Network for Speaker Verification
    Using Context-Aware Masking", Interspeech 2023.
    """

    def __init__(self, *, threads: int = 1) -> None:
        """Load the model.

        Raises:
            ModelMissing: the optional group `speakers` was not fetched.
            ModelAltered: the file has not the pinned sha256.
        """
        self._session = open_session(EMBEDDING_MODEL, threads=threads)

    def embed(self, samples: Samples) -> Embedding:
        """Return the speaker vector of a stretch.

        Args:
            samples: float32 (n,), -1 to 1, 16 kHz; at least half a second of speech to mean something.

        Returns:
            float32 (192,) of length 1; all zeros when the stretch is shorter than 0.14 s.
        """
        energies = mel_energies(samples)
        try:
            return self.embed_energies(energies)
        finally:
            energies.fill(0)

    def embed_energies(self, energies: NDArray[np.float32]) -> Embedding:
        """Return the speaker vector of frames picked from `mel_energies`, float32 (T, 80)."""
        if len(energies) < _SHORTEST_FRAMES:
            return np.zeros(SIZE, np.float32)
        centred = energies - energies.mean(axis=0, dtype=np.float64).astype(np.float32)
        vector: Embedding = self._session.run(None, {"features": centred[None]})[0][0]
        centred.fill(0)
        vector /= max(float(np.linalg.norm(vector)), float(np.finfo(np.float32).tiny))
        return vector


def cosine(first: Embedding, second: Embedding) -> float:
    """Return how alike two speaker vectors are, -1 to 1; 0 when one of them is all zeros."""
    lengths = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
    return float(first @ second) / lengths if lengths else 0.0
