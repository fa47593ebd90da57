"""What is stored of every microphone: segments on the disk, in which words fall silent that turn out to be personal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from recorder.live.store.journal import Journal
from recorder.live.store.segments import AudioSegment, mute_segment
from recorder.live.text.words import Late
from recorder.runtime.storage import storage_errors
from redaction.audio.redact import SPEAKING_HZ
from redaction.errors import OffrecordError
from redaction.model import Event, EventKind, Span
from redaction.policy import Policy

__all__ = ["StoredAudio"]

AUDIO_SEGMENT_S: Final = 300.0
"""Longest segment: what a late finding writes again at most."""

_MUTE_PAD_S: Final = 0.1


@dataclass(slots=True)
class _Stored:
    """One segment of a participant's audio, which holds its call time."""

    segment: AudioSegment
    closed: bool = False

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.segment.close()


class StoredAudio:
    """The segments of all microphones; belongs to the thread that hears them.

    Args:
        journal: where they go.
        policy: what stands for personal words.
        on_error: told what the disk raised.
    """

    def __init__(self, journal: Journal, policy: Policy, on_error: Callable[[BaseException], None]) -> None:
        self._journal = journal
        self._policy = policy
        self._on_error = on_error
        self._stored: dict[str, list[_Stored]] = {}

    def segment(self, token: str, start: int) -> AudioSegment:
        """Return the segment that goes on at a sample, or a new one where none does.

        Args:
            token: whose it is.
            start: call time in samples at 24,000 Hz.

        Raises:
            StorageFailed: the disk refused.
        """
        stored = self._stored.setdefault(token, [])
        at = start / SPEAKING_HZ
        if stored and not stored[-1].closed:
            last = stored[-1].segment
            if at - last.start < AUDIO_SEGMENT_S and at >= last.end - 0.5 / SPEAKING_HZ:
                return last
            stored[-1].close()
        made = AudioSegment(self._journal.segment(token, "microphone"), start=at, sample_rate=SPEAKING_HZ)
        stored.append(_Stored(made))
        return made

    def close(self, token: str) -> None:
        """Close every segment of a participant; what comes next begins another."""
        for stored in self._stored.get(token, ()):
            stored.close()

    def close_all(self) -> None:
        """Close every segment there is."""
        for stored in [one for segments in self._stored.values() for one in segments]:
            try:
                stored.close()
            except OffrecordError as error:
                self._on_error(error)

    def abandon(self, token: str) -> None:
        """Let go of the segments of a participant whose folder is erased."""
        for stored in self._stored.pop(token, ()):
            stored.segment.abandon()

    def mute(self, late: Iterable[Late]) -> None:
        """Take words that turned out to be personal out of the stored audio and text."""
        spans: dict[str, list[Span]] = {}
        for item in late:
            token = item.spoken.utterance.track
            spans.setdefault(token, []).extend(span.padded(_MUTE_PAD_S, _MUTE_PAD_S) for span in item.spans)
            self._journal.words(token, item.spoken.line(self._policy))
            for event in item.events():
                self._journal.fact(token, event, track="microphone")
        for token, wanted in spans.items():
            if not self._journal.holds(token):
                continue
            for stored in list(self._stored.get(token, ())):
                self._mute_stored(token, stored, wanted)

    def _mute_stored(self, token: str, stored: _Stored, wanted: Sequence[Span]) -> None:
        segment = stored.segment
        here = [span for span in wanted if span.start < segment.end and span.end > segment.start]
        if not here:
            return
        inside = [
            Span(max(0.0, span.start - segment.start), max(0.0, span.end - segment.start)) for span in here
        ]
        try:
            stored.close()
            mute_segment(segment.paths.media, inside)
        except OffrecordError as error:
            self._stored[token].remove(stored)
            if not self._journal.holds(token):
                return  # they were erased meanwhile
            with storage_errors():
                segment.paths.media.unlink(missing_ok=True)
            event = Event(
                EventKind.GAP, span=Span(segment.start, segment.end), detail={"reason": "could not be mended"}
            )
            self._journal.fact(token, event, track="microphone")
            self._on_error(error)
            return
        for span in here:
            event = Event(EventKind.MENDED, span=span, detail={"reason": "personal word found later"})
            self._journal.fact(token, event, track="microphone")
