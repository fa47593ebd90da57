"""Groups speaker vectors into speakers, and forgets the vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from redaction.audio.speakers.embed import Embedding

__all__ = ["SAME_GROUP_COSINE", "Voice", "group"]

SAME_GROUP_COSINE: Final = 0.5
"""Average cosine above which two groups of passages are one speaker. Source: `python -m benchmarks.speakers`:
every count of speakers is right from 0.5 to 0.55; at 0.42 two alike voices merge, at 0.6 one speaker splits."""

SURE_S: Final = 2.0
"""Seconds of speech from which a passage may found a group."""

MOST_CLUSTERED: Final = 1500
"""Passages that are clustered at most, the longest ones: the work grows with the square of their number."""

SHORTEST_GROUP_S: Final = 3.0
"""Seconds of speech in all below which a group is taken for noise, unless it is the largest."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Who spoke one passage.

    Attributes:
        vector: float32 (192,) of length 1, zeroed by `forget`.
        seconds: speech behind the vector.
    """

    vector: Embedding
    seconds: float

    def forget(self) -> None:
        """Zero the vector."""
        self.vector.fill(0)


def group(voices: Sequence[Voice], *, cut: float = SAME_GROUP_COSINE) -> list[int]:
    """Return the group of each voice, numbered from 0.

    The longest passages are clustered with average linkage; every voice then goes to the nearest group. The
    vectors are left as they are, for whoever holds them to zero; every copy made here is zeroed.

    Source: agglomerative clustering as in Bredin, "pyannote.audio 2.1 speaker diarization pipeline", 2023.
    """
    if not voices:
        return []
    founders = [place for place, voice in enumerate(voices) if voice.seconds >= SURE_S] or [
        *range(len(voices))
    ]
    founders = sorted(founders, key=lambda place: -voices[place].seconds)[:MOST_CLUSTERED]
    vectors = np.stack([voices[place].vector for place in founders])
    centres = np.zeros((0, vectors.shape[1]), np.float32)
    try:
        seconds = np.array([voices[place].seconds for place in founders])
        centres = _centres(vectors, _clusters(vectors, cut), seconds)
        return [int((centres @ voice.vector).argmax()) for voice in voices]
    finally:
        vectors.fill(0)
        centres.fill(0)


def _clusters(vectors: NDArray[np.float32], cut: float) -> NDArray[np.int32]:
    """Return the cluster of each vector, int32 (n,), from 0."""
    if len(vectors) == 1:
        return np.zeros(1, np.int32)
    alike = vectors @ vectors.T
    apart = 1.0 - alike[np.triu_indices(len(vectors), 1)].astype(np.float64)
    from scipy.cluster.hierarchy import (  # takes longer to import than a short call to cluster
        fcluster,
        linkage,
    )

    tree = linkage(np.maximum(apart, 0.0), method="average")
    alike.fill(0)
    apart.fill(0)
    return np.asarray(fcluster(tree, 1.0 - cut, criterion="distance") - 1, np.int32)


def _centres(
    vectors: NDArray[np.float32], clusters: NDArray[np.int32], seconds: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the centres of the clusters that hold enough speech, float32 (c, 192) of length 1."""
    totals = np.bincount(clusters, seconds)
    enough = min(SHORTEST_GROUP_S, float(totals.max()))
    centres = np.stack(
        [vectors[clusters == cluster].sum(axis=0) for cluster in np.flatnonzero(totals >= enough)]
    )
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    centres /= np.maximum(lengths, np.finfo(np.float32).tiny)
    return centres
