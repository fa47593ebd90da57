"""Speakers of a shared track: who speaks when, and how alike two voices are.

The vectors behind it are biometric: they live in memory while a run needs them and are zeroed after.
"""

from redaction.audio.speakers.diarize import SpeakerModels, SpeakerSplitter
from redaction.audio.speakers.embed import SAME_SPEAKER_COSINE, Embedder, Embedding, cosine
from redaction.audio.speakers.turns import ONLY_SPEAKER, SpeakerTurn, assign_speakers

__all__ = [
    "ONLY_SPEAKER",
    "SAME_SPEAKER_COSINE",
    "Embedder",
    "Embedding",
    "SpeakerModels",
    "SpeakerSplitter",
    "SpeakerTurn",
    "assign_speakers",
    "cosine",
]
