"""Mix phrases into one stream of blocks, with silence where it is due."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from redaction.model import AudioBlock, Samples, Span

__all__ = ["Mixer", "mute", "silence"]

MIX_FADE_S = 0.01
"""Fade outside a muted span, in seconds."""

KNEE = 0.7  # amplitude from which the sum of several speakers is bent down, never reaching 1


class Mixer:
    """Sums phrases and gives the sum in blocks of a second, as soon as nothing more can be added to them."""

    def __init__(self, total: int, *, rate: int, muted: Sequence[Span] = ()) -> None:
        """Prepare an empty mix.

        Args:
            total: samples to give altogether.
            rate: samples a second.
            muted: spans that come out as exact zeros.
        """
        self._total = total
        self._rate = rate
        self._muted = sorted(muted)
        self._at = 0
        self._pending = np.zeros(0, np.float32)

    def add(self, samples: Samples, start: int) -> None:
        """Add samples at an index of the whole mix; what lies outside it is dropped.

        Raises:
            ValueError: the place has been given out already.
        """
        if start < self._at:
            raise ValueError("a phrase starts in sound that has been given out already")
        samples = samples[: max(0, self._total - start)]
        offset = start - self._at
        missing = offset + len(samples) - len(self._pending)
        if missing > 0:
            self._pending = np.concatenate([self._pending, np.zeros(missing, np.float32)])
        self._pending[offset : offset + len(samples)] += samples

    def advance(self, index: int) -> Iterator[AudioBlock]:
        """Yield whole blocks before an index: nothing is added before it any more."""
        while self._at + self._rate <= min(index, self._total):
            yield self._block(self._rate)

    def finish(self) -> Iterator[AudioBlock]:
        """Yield the rest."""
        while self._at < self._total:
            yield self._block(min(self._rate, self._total - self._at))

    def _block(self, count: int) -> AudioBlock:
        samples = np.zeros(count, np.float32)
        ready = self._pending[:count]
        samples[: len(ready)] = _limited(ready)
        self._pending = self._pending[count:].copy()
        block = AudioBlock(samples, self._at, self._rate)
        self._at += count
        self._muted = [span for span in self._muted if span.end + MIX_FADE_S > block.span.start]
        mute(block, self._muted)
        return block


def mute(block: AudioBlock, muted: Sequence[Span]) -> None:
    """Make the spans exactly zero in the block, in place, with linear fades of 10 ms outside them."""
    fade = round(MIX_FADE_S * block.sample_rate)
    count = len(block.samples)
    for span in muted:
        first = math.floor(span.start * block.sample_rate) - block.start
        end = math.ceil(span.end * block.sample_rate) - block.start
        if first - fade >= count or end + fade <= 0:
            continue
        at = np.arange(max(0, first - fade), min(count, end + fade))
        away = np.maximum(np.maximum(first - at, at - end + 1), 0)
        block.samples[at] *= np.minimum(away / (fade + 1), 1).astype(np.float32)


def silence(count: int, rate: int, *, start: int = 0) -> Iterator[AudioBlock]:
    """Yield so many samples of silence in blocks of at most a second, from a sample on."""
    for at in range(start, start + count, rate):
        yield AudioBlock(np.zeros(min(rate, start + count - at), np.float32), at, rate)


def _limited(samples: Samples) -> Samples:
    """Bend what is louder than the knee toward 1, which it never reaches."""
    over = np.abs(samples) - KNEE
    bent = KNEE + (1 - KNEE) * np.tanh(np.maximum(over, 0) / (1 - KNEE))
    return np.where(over > 0, np.sign(samples) * np.minimum(bent, 0.999), samples).astype(np.float32)
