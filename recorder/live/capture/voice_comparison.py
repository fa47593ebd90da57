"""Whether a participant's stored voice might be taken for their own, compared while the raw one is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from recorder.bundle.manifest import VOICE_CHECK
from recorder.live.capture.voices import RawAudio
from recorder.live.store.journal import Journal
from recorder.media.resample import Resampler
from redaction.audio.listening.segment import wipe
from redaction.audio.redact import LISTENING_HZ, SPEAKING_HZ
from redaction.audio.speakers.compare import LONGEST_COMPARED_S, SHORTEST_S, VoiceCheck
from redaction.audio.speakers.embed import SHORTEST_SPEECH_S
from redaction.audio.speakers.models import Embedder, SpeakerModels
from redaction.model import AudioBlock, Event, EventKind, Samples, Span

__all__ = ["VoiceComparison"]

ENOUGH: Final = round(LONGEST_COMPARED_S * LISTENING_HZ)
"""Samples of speech at 16,000 Hz after which voices are compared: one speaker vector is made of no more."""

_LEAST: Final = round(SHORTEST_S * LISTENING_HZ)
_LEAST_SOUNDING: Final = SHORTEST_SPEECH_S
_LEAST_LEVEL: Final = 1e-3
_WHO: Final = "S1"


@dataclass(slots=True)
class _Stretch:
    """Speech of one utterance: raw at 16,000 Hz, and what is stored in its place at 24,000 Hz from `start` on."""

    start: int
    raw: Samples = field(repr=False)
    stored: Samples = field(repr=False)

    @property
    def sounds(self) -> bool:
        """Whether there is a voice on both sides."""
        return _sounding(self.raw, LISTENING_HZ) and _sounding(self.stored, SPEAKING_HZ)


class VoiceComparison:
    """Compares some seconds of what a microphone heard with what is stored in their place, once; keeps nothing.

    Only speech that is stored is compared, so no speaker vector is made of anybody who is not recorded. Raw audio is
    held until that; what was gathered is wiped once it is compared. Belongs to the audio thread.

    Args:
        token: whose microphone it is.
        embedder: makes speaker vectors; they are gone when the cosine is known.
        journal: where the cosine goes, to what is stored of this participant alone.
        on_error: told what the model or the disk raised; the voices then count as not compared.
    """

    def __init__(
        self, token: str, embedder: Embedder, *, journal: Journal, on_error: Callable[[BaseException], None]
    ) -> None:
        self._token = token
        self._check = VoiceCheck(embedder)
        self._journal = journal
        self._on_error = on_error
        self._held = RawAudio()
        self._stretches: list[_Stretch] = []

    @classmethod
    def made(
        cls,
        token: str,
        speakers: SpeakerModels | None,
        *,
        journal: Journal,
        on_error: Callable[[BaseException], None],
    ) -> Self | None:
        """Return one for a microphone; None where the models are missing."""
        if speakers is None:
            return None
        return cls(token, speakers.embedder, journal=journal, on_error=on_error)

    @property
    def enough(self) -> bool:
        """Whether so much was gathered that it can be compared well."""
        return self._count >= ENOUGH

    @property
    def _count(self) -> int:
        return sum(len(stretch.raw) for stretch in self._stretches)

    def push(self, block: AudioBlock) -> None:
        """Hold a raw block at 16,000 Hz until it is known what is stored in its place."""
        self._held.push(block)

    def forget(self, before: float) -> None:
        """Wipe what is held of the time before a call time."""
        self._held.forget(before)

    def watch(self, blocks: Iterable[AudioBlock], *, speech: Sequence[Span]) -> Iterator[AudioBlock]:
        """Yield the blocks that are stored of a stretch of the call, and gather what is compared.

        Args:
            blocks: 24,000 Hz on the call clock.
            speech: of this microphone within that stretch, in call time.
        """
        opened, whole = list(self._opened(speech)), False
        try:
            for block in blocks:
                for stretch in opened:
                    _place(block, stretch.stored, at=stretch.start)
                self._held.forget(block.span.start)
                yield block
            whole = True
        finally:
            for stretch in opened:
                if whole and stretch.sounds:
                    self._stretches.append(stretch)
                else:
                    wipe(stretch.raw)

    def conclude(self) -> None:
        """Compare what was gathered, if that is enough, write the cosine down, and wipe everything."""
        try:
            figure = self._cosine() if self._count >= _LEAST else None
            if figure is not None:
                detail: dict[str, str | int | float] = {"check": VOICE_CHECK, "figure": round(figure, 3)}
                self._journal.fact(self._token, Event(EventKind.VERIFY, detail=detail), track="microphone")
        except Exception as error:  # noqa: BLE001 - the voices count as not compared; their audio is stored
            self._on_error(error)
        finally:
            self.drop()

    def drop(self) -> None:
        """Wipe all that is held and gathered."""
        self._held.forget(float("inf"))
        for stretch in self._stretches:
            wipe(stretch.raw)
            wipe(stretch.stored)
        self._stretches.clear()

    def _opened(self, speech: Sequence[Span]) -> Iterator[_Stretch]:
        """Yield the speech that is still missing, with nothing stored in its place yet."""
        missing = ENOUGH - self._count
        for span in speech:
            count = min(missing, round(span.duration * LISTENING_HZ)) // 2 * 2
            if count <= 0:
                continue
            missing -= count
            raw = np.zeros(count, np.float32)
            for block in self._held.between(span.start, span.start + count / LISTENING_HZ):
                _place(block, raw, at=0)
            stored = np.zeros(count * SPEAKING_HZ // LISTENING_HZ, np.float32)
            yield _Stretch(round(span.start * SPEAKING_HZ), raw, stored)

    def _cosine(self) -> float | None:
        """Return how alike both voices are, -1 to 1; None where there is none on a side."""
        raw = np.concatenate([stretch.raw for stretch in self._stretches])
        resampler = Resampler(SPEAKING_HZ, LISTENING_HZ)
        parts = [*(resampler.push(stretch.stored) for stretch in self._stretches), resampler.finish()]
        stored = np.concatenate(parts)
        try:
            cosines = self._check.cosines(
                [AudioBlock(raw, 0, LISTENING_HZ)],
                [AudioBlock(stored, 0, LISTENING_HZ)],
                {_WHO: [Span(0.0, len(raw) / LISTENING_HZ)]},
            )
        finally:
            wipe(raw)
            wipe(stored)
        return cosines.get(_WHO)


def _place(block: AudioBlock, target: Samples, *, at: int) -> None:
    """Copy what a block has of a stretch that starts at a sample of its clock."""
    first, last = max(at, block.start), min(at + len(target), block.start + len(block.samples))
    if last > first:
        target[first - at : last - at] = block.samples[first - block.start : last - block.start]


def _sounding(samples: Samples, rate: int) -> bool:
    return int((np.abs(samples) > _LEAST_LEVEL).sum()) >= _LEAST_SOUNDING * rate
