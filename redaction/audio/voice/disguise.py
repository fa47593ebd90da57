"""Change a voice while keeping its words and prosody. This is a disguise, not anonymity.

Measured with CAM++ as attacker, every signal-processing disguise falls to an equal error rate of 1 to 18 % once
the attacker trains on speech disguised in the same way (50 % is chance, an untouched voice 0.1 %): whoever wants
to know who spoke, and has other recordings of that person, finds out. `resynthesize` is the default because of
that; this is for those who need prosody and accept the risk.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyworld
from numpy.typing import NDArray

from redaction.audio.voice.mix import Mixer, mute
from redaction.audio.voice.pseudovoice import Uniform
from redaction.audio.voice.vocoder import level, move_formants
from redaction.model import AudioBlock, Event, EventKind, Samples, Span

__all__ = ["INFORMED_EQUAL_ERROR_RATE", "LISTENING_RATE", "OUTPUT_RATE", "Disguiser"]

INFORMED_EQUAL_ERROR_RATE = "1-18 %"
"""What help, report and manifest say of this method.

Source: measured with CAM++ and an attacker who trains on speech disguised in the same way."""

LISTENING_RATE = 16_000
OUTPUT_RATE = 24_000
LONGEST_PIECE_S = 20.0  # bounds memory; each piece gets parameters of its own
SHORTEST_PIECE_S = 0.06  # below this there is no pitch to find
FRAME_MS = 5.0
DISGUISE_FADE_S = 0.01

_LOWEST_HZ, _HIGHEST_HZ = 85.0, 235.0
_NODES_HZ = (0.0, 500.0, 1000.0, 1800.0, 2800.0, 4000.0, 8000.0)
_BANDS = 8
_MOST_CORRECTION = 1.7  # natural log of amplitude, about 15 dB
_FAULTS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class _Disguise:
    """What is done to one piece; shown nowhere, kept nowhere."""

    pitch_hz: float = field(repr=False)
    intonation: float = field(repr=False)
    warp: tuple[float, ...] = field(repr=False)
    colour: tuple[float, ...] = field(repr=False)
    breath: float = field(repr=False)


class Disguiser:
    """Renders disguised speech from the original. Only recognised speech comes out, all else is silence.

    Every piece of at most 20 s gets new parameters from the operating system, forgotten at once: a
    disguise that stays the same is undone by comparing. What fails is silent, and an event says so.
    """

    def __init__(self, *, track: str = "", rng: Uniform | None = None) -> None:
        """Prepare for one track.

        Args:
            track: stands in the events.
            rng: a source of chance; the operating system's by default. Anything else is for tests.
        """
        self._track = track
        self._chance: Uniform = secrets.SystemRandom() if rng is None else rng
        self._events: list[Event] = []

    def render(
        self,
        blocks: Iterable[AudioBlock],
        spoken: Sequence[Span],
        *,
        duration: float,
        muted: Sequence[Span] = (),
    ) -> Iterator[AudioBlock]:
        """Yield the whole track, 24,000 Hz mono, in blocks of about a second.

        Args:
            blocks: the original in order, 16,000 Hz mono; what is missing between blocks is silence.
            spoken: spans of recognised speech.
            duration: of the recording in seconds; exactly round(duration * 24,000) samples come out.
            muted: spans where nothing may be heard. They are cut out of the original before it is analysed, and are
                exactly zero in the result, with short fades outside them.

        Raises:
            ValueError: a block is not at 16,000 Hz.
        """
        mixer = Mixer(round(duration * OUTPUT_RATE), rate=OUTPUT_RATE, muted=muted)
        pieces = _pieces(spoken, duration)
        window = _Window(muted)
        for block in blocks:
            if block.sample_rate != LISTENING_RATE:
                raise ValueError("the original comes at 16,000 Hz")
            window.push(block)
            while pieces and round(pieces[0].end * LISTENING_RATE) <= window.end:
                self._add(mixer, window, pieces.pop(0))
            safe = min(window.end / LISTENING_RATE, pieces[0].start if pieces else duration)
            yield from mixer.advance(int(safe * OUTPUT_RATE))
            window.forget(round(safe * LISTENING_RATE))
        for piece in pieces:
            self._add(mixer, window, piece)
        window.forget(window.end)
        yield from mixer.finish()

    def drain_events(self) -> list[Event]:
        """Return what happened since the last call, and forget it."""
        events, self._events = self._events, []
        return events

    def _add(self, mixer: Mixer, window: _Window, piece: Span) -> None:
        original = window.cut(piece)
        try:
            samples = self._disguised(original) if original.any() else np.zeros(0, np.float32)
        except _FAULTS:
            samples = np.zeros(0, np.float32)
            self._events.append(
                Event(EventKind.SILENCED, track=self._track, span=piece, detail={"reason": "disguise-failed"})
            )
        original.fill(0)
        mixer.add(samples, round(piece.start * OUTPUT_RATE))

    def _disguised(self, original: NDArray[np.float64]) -> Samples:
        """Return a piece disguised, float32 (n * 3 / 2,) at 24,000 Hz.

        Source: WORLD (Morise et al. 2016) with DIO and StoneMask for F0.
        """
        if len(original) < SHORTEST_PIECE_S * LISTENING_RATE:
            raise ValueError("a piece is too short to be disguised")
        how = self._draw()
        rough, times = pyworld.dio(original, LISTENING_RATE, frame_period=FRAME_MS)
        f0 = pyworld.stonemask(original, rough, times, LISTENING_RATE)
        envelope = pyworld.cheaptrick(original, f0, times, LISTENING_RATE)
        noise = pyworld.d4c(original, f0, times, LISTENING_RATE)
        moved = move_formants(
            np.log(envelope), nodes_hz=_NODES_HZ, factors=how.warp, top_hz=LISTENING_RATE / 2
        )
        breath = move_formants(noise, nodes_hz=_NODES_HZ, factors=how.warp, top_hz=LISTENING_RATE / 2)
        out = pyworld.synthesize(
            _repitched(f0, how),
            np.ascontiguousarray(np.exp(_recoloured(moved, how.colour))),
            np.ascontiguousarray(np.clip(breath ** (1 / how.breath), 1e-9, 1.0)),
            LISTENING_RATE,
            FRAME_MS,
        )[: len(original)]
        if not np.isfinite(out).all():
            raise ValueError("a disguised piece is not sound")
        from scipy.signal import resample_poly  # takes a second to import, and only this method needs it

        samples = level(resample_poly(out, OUTPUT_RATE // 8000, LISTENING_RATE // 8000))
        count = min(round(DISGUISE_FADE_S * OUTPUT_RATE), len(samples) // 2)
        ramp = np.linspace(0, 1, count, dtype=np.float32)
        samples[:count] *= ramp
        samples[len(samples) - count :] *= ramp[::-1]
        return samples

    def _draw(self) -> _Disguise:
        uniform = self._chance.uniform
        # A throat that changes by less than 6 % would leave the voice as it is.
        throat = float(np.exp(uniform(0.06, 0.17) * (1 if uniform(0, 1) < 0.5 else -1)))
        return _Disguise(
            pitch_hz=_LOWEST_HZ * (_HIGHEST_HZ / _LOWEST_HZ) ** uniform(0, 1),
            intonation=uniform(0.5, 0.9),
            warp=tuple(throat * (1 + uniform(-0.07, 0.07)) for _ in _NODES_HZ),
            colour=tuple(uniform(-0.7, 0.7) for _ in range(_BANDS)),
            breath=uniform(0.7, 1.4),
        )


class _Window:
    """The stretch of the original that is still needed, muted spans already zero."""

    def __init__(self, muted: Sequence[Span]) -> None:
        self._muted = sorted(muted)
        self._samples = np.zeros(0, np.float32)
        self._start = 0

    @property
    def end(self) -> int:
        """Index after the last sample known, at 16,000 Hz."""
        return self._start + len(self._samples)

    def push(self, block: AudioBlock) -> None:
        """Take a copy of the next block; a gap before it is silence, what overlaps is dropped."""
        own = AudioBlock(
            block.samples[max(0, self.end - block.start) :].copy(), max(self.end, block.start), LISTENING_RATE
        )
        mute(own, self._muted)
        if not len(self._samples):
            self._samples, self._start = own.samples, own.start
            return
        gap = np.zeros(own.start - self.end, np.float32)
        self._samples = np.concatenate([self._samples, gap, own.samples])

    def cut(self, span: Span) -> NDArray[np.float64]:
        """Return the span's samples, float64; silence where there are none."""
        first, last = round(span.start * LISTENING_RATE), round(span.end * LISTENING_RATE)
        out = np.zeros(last - first)
        a, b = max(first, self._start), min(last, self.end)
        if b > a:
            out[a - first : b - first] = self._samples[a - self._start : b - self._start]
        return out

    def forget(self, before: int) -> None:
        """Zero and drop everything before an index."""
        count = min(max(0, before - self._start), len(self._samples))
        self._samples[:count] = 0
        self._samples = self._samples[count:].copy()
        self._start += count


def _pieces(spoken: Sequence[Span], duration: float) -> list[Span]:
    """Join overlapping spans, clip them to the recording and cut them to at most 20 s."""
    joined: list[Span] = []
    for span in sorted(spoken):
        one = Span(min(span.start, duration), min(span.end, duration))
        if joined and one.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, one.end))
        elif one.duration > 0:
            joined.append(one)
    pieces: list[Span] = []
    for span in joined:
        count = int(np.ceil(span.duration / LONGEST_PIECE_S))
        edges = np.linspace(span.start, span.end, count + 1).tolist()
        pieces.extend(Span(a, b) for a, b in itertools.pairwise(edges))
    return pieces


def _repitched(f0: NDArray[np.float64], how: _Disguise) -> NDArray[np.float64]:
    out = np.zeros_like(f0)
    voiced = f0 > 0
    if voiced.any():
        swing = np.log(f0[voiced]) - np.median(np.log(f0[voiced]))
        out[voiced] = np.clip(how.pitch_hz * np.exp(swing * how.intonation), 60.0, 400.0)
    return out


def _recoloured(rows: NDArray[np.float64], colour: tuple[float, ...]) -> NDArray[np.float64]:
    """Replace the speaker's long-term spectrum by a common one with a random colour; rows are log power."""
    bins = rows.shape[1]
    hertz = np.linspace(0, LISTENING_RATE / 2, bins)
    mel = np.log1p(hertz / 700)
    loudness = np.exp(rows.mean(axis=1) - rows.mean(axis=1).max())
    own = np.average(rows, axis=0, weights=loudness)
    coarse = np.linspace(0, mel[-1], 3 * len(colour))
    own = np.interp(mel, coarse, np.interp(coarse, mel, own))
    common = -2 * np.log(
        np.maximum(hertz, 500) / 500
    )  # 6 dB an octave from 500 Hz on, as speech has on average
    change = (common - common.mean()) - (own - own.mean())
    change = np.clip(change, -2 * _MOST_CORRECTION, 2 * _MOST_CORRECTION)
    change += 2 * np.interp(mel, np.linspace(0, mel[-1], len(colour)), colour)
    return np.asarray(rows + change)
