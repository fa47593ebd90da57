"""Hears what is said with Whisper base, a larger net than the one that redacts English by default."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.media.source import Source
from redaction.audio.listening.segment import RATE, Segmenter, SpeechSegment, wipe
from redaction.audio.listening.transcribe import WhisperTranscriber
from redaction.model import AudioBlock, Gap, Word

__all__ = ["Ears", "speech_pieces"]


class Ears:
    """Hears English."""

    def __init__(self) -> None:
        """Load the net.

        Raises:
            ModelMissing: the group `multilingual` was not fetched.
        """
        self._net = WhisperTranscriber("speech.whisper_base", language="en")

    def sentences(self, source: Source) -> Iterator[tuple[Word, ...]]:
        """Yield what is said in all audio tracks, a sentence or so at a time."""
        for track in source.info().audio:
            for piece in speech_pieces(source, track.id):
                try:
                    yield from self._net.transcribe(piece).segments
                finally:
                    wipe(piece.block.samples)


def speech_pieces(source: Source, track: str) -> Iterator[SpeechSegment]:
    """Yield a track's sound in pieces of at most a minute."""
    segmenter = Segmenter()
    for item in source.audio(track, RATE):
        if isinstance(item, AudioBlock):
            yield from segmenter.push(item)
        elif isinstance(item, Gap):
            continue
    yield from segmenter.flush()
