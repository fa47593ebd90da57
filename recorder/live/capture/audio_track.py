"""One live microphone: its sound brought to the listening rate on the call clock, and what is known of it so far."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from recorder.call.source import TimedAudio
from recorder.live.capture.age_state import ParticipantAge
from recorder.live.capture.video_worker import Inbox, Lost
from recorder.live.capture.voice_comparison import VoiceComparison
from recorder.live.capture.voices import RawAudio
from recorder.media.resample import Resampler
from redaction.audio.listening.listen import Listener
from redaction.audio.redact import LISTENING_HZ, SPEAKING_HZ
from redaction.model import AudioBlock, Samples, Span, Utterance

__all__ = ["Microphone", "ResampledInput", "loudness"]

_HOLE_S: Final = 0.06
"""A block that is further from where the last one ended begins a new run: less is jitter of the sender's clock."""


class ResampledInput:
    """Brings blocks of any rate to 16,000 Hz on the call clock; a hole in their times stays a hole."""

    def __init__(self) -> None:
        self._resampler: Resampler | None = None
        self._expected = 0.0
        self._next = 0

    def take(self, sound: TimedAudio) -> list[AudioBlock]:
        """Return what can be heard by now: in order, never overlapping."""
        done: list[AudioBlock] = []
        known = self._resampler
        off = sound.time - self._expected
        if known is None or known.source_hz != sound.sample_rate or abs(off) > _HOLE_S:
            done += self.finish()
            self._resampler = known = Resampler(sound.sample_rate, LISTENING_HZ)
            self._expected = sound.time
            self._at = round(max(0.0, sound.time) * LISTENING_HZ)
        self._expected += len(sound.samples) / sound.sample_rate
        samples = np.nan_to_num(sound.samples, posinf=0.0, neginf=0.0).astype(np.float32, copy=False)
        done += self._placed(known.push(np.zeros_like(samples) if sound.concealed else samples))
        return done

    def finish(self) -> list[AudioBlock]:
        """Return what is still held."""
        known, self._resampler = self._resampler, None
        return [] if known is None else self._placed(known.finish())

    def _placed(self, samples: Samples) -> list[AudioBlock]:
        start = self._at
        self._at += len(samples)
        late = max(0, self._next - start)
        kept = np.array(samples[late:], np.float32)
        if not len(kept):
            return []
        self._next = start + late + len(kept)
        return [AudioBlock(kept, start + late, LISTENING_HZ)]

    _at = 0


@dataclass(slots=True)
class Microphone:
    """One microphone track; belongs to the sound thread, but for its inbox, figures and `forget`.

    Attributes:
        done: call time up to which its sound is stored, in samples at 24,000 Hz; None before any.
        heard: call time up to which it was listened to; at first that of its beginning.
        ended: it ended.
        gaps: stretches that were lost.
        comparison: compares its stored voice with the raw one; None once it did, or where nothing does.
    """

    token: str
    age: ParticipantAge
    listener: Listener
    inbox: Inbox[TimedAudio | Lost]
    resampled: ResampledInput = field(default_factory=ResampledInput)
    raw: RawAudio | None = None
    comparison: VoiceComparison | None = field(default=None, repr=False)
    pending: list[Utterance] = field(default_factory=list, repr=False)
    done: int | None = None
    heard: float = 0.0
    settled: float = 0.0
    ended: bool = False
    flushed: bool = True
    over: threading.Event = field(default_factory=threading.Event)
    gaps: int = 0
    forgotten: bool = False
    last_block: float = 0.0
    noted_unjudged: bool = False

    @property
    def stored_until(self) -> float:
        """Call time up to which its sound is stored, or where it began."""
        return self.heard if self.done is None else self.done / SPEAKING_HZ

    @property
    def is_over(self) -> bool:
        """Whether it has ended and all its audio is stored."""
        if not self.ended or not self.flushed or self.inbox.oldest is not None:
            return False
        return self.done is None or self.settled - self.done / SPEAKING_HZ < 1e-3

    def take(self, audio: TimedAudio) -> None:
        """Hear a block."""
        self.last_block = time.monotonic()
        for block in self.resampled.take(audio):
            self._push(block)

    def flush(self) -> None:
        """Hear out what is held."""
        for block in self.resampled.finish():
            self._push(block)
        self.pending += self.listener.flush()
        self.settled = max(self.settled, self.heard)
        self.flushed = True

    def restart(self, listener: Listener) -> None:
        """Go on with a listener that has heard nothing, after a stage has raised; what was pending is lost."""
        self.pending.clear()
        self.listener = listener
        self.settled = self.heard
        self.flushed = True

    def silence(self, until: float) -> None:
        """Go on from a call time; what is stored has exact silence up to there."""
        self.done = max(self.done or 0, round(until * SPEAKING_HZ))
        if self.raw is not None:
            self.raw.forget(until)
        if self.comparison is not None:
            self.comparison.forget(until)

    def _push(self, block: AudioBlock) -> None:
        if self.done is None:
            self.done = round(block.span.start * SPEAKING_HZ)
        if self.raw is not None:
            self.raw.push(block)
        if self.comparison is not None:
            self.comparison.push(block)
        self.heard = block.span.end
        self.flushed = False
        self.pending += self.listener.push(block)
        self.settled = self.listener.settled

    def watched(self, blocks: Iterable[AudioBlock], *, speech: list[Span]) -> Iterable[AudioBlock]:
        """Return the blocks that are stored in place of some speech, to be compared with it."""
        return blocks if self.comparison is None else self.comparison.watch(blocks, speech=speech)

    def compare(self, *, last: bool = False) -> None:
        """Compare its stored voice with the raw one, once, when enough was said; at the end, with what there is."""
        comparison = self.comparison
        if comparison is not None and (last or comparison.enough):
            self.comparison = None
            comparison.conclude()

    def let_go(self) -> None:
        """Overwrite what is held of its raw audio, once what was said is compared if it may be."""
        if not self.forgotten:
            self.compare(last=True)
        self.pending.clear()
        if self.raw is not None:
            self.raw.forget(float("inf"))
        if self.comparison is not None:
            self.comparison.drop()

    def forget(self) -> None:
        """Let go of all that waits, and have nothing more written."""
        self.forgotten = True
        self.inbox.clear()


def loudness(samples: Samples) -> float:
    """Return the root mean square of samples in decibels of full scale."""
    if not len(samples):
        return -120.0
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return 10.0 * float(np.log10(max(power, 1e-12)))
