"""Pseudo-voices: a family of synthetic voices that carry nobody, drawn at random for one recording."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyworld
from numpy.typing import NDArray

from redaction.audio.voice.speak import HOP, SPOKEN_HZ, Speech
from redaction.audio.voice.vocoder import level, move_formants
from redaction.model import Samples

__all__ = ["PseudoVoice", "Uniform", "draw_voices"]

LOWEST_HZ, HIGHEST_HZ = 88.0, 230.0
"""Range of a voice's median F0. Source: means of adult men and women, about 100 to 220 Hz (Titze 1994)."""

WARP_NODES_HZ = (0.0, 500.0, 1000.0, 1800.0, 2800.0, 4000.0, 12_000.0)
"""Where the frequency axis is stretched: about one node per formant."""

EQUALISER_BANDS = 8
CANDIDATES = 12  # draws per voice of which the one farthest from its neighbours is kept
_FLOOR_HZ, _CEILING_HZ = 60.0, 420.0


class Uniform(Protocol):
    """What is asked of a source of chance."""

    def uniform(self, a: float, b: float, /) -> float:
        """Return a number between the two."""


@dataclass(frozen=True, slots=True)
class PseudoVoice:
    """One synthetic voice. What makes it up shows in no log and no `repr`, and is stored nowhere.

    Attributes:
        pace: speaking rate to ask of the synthesizer, 1 is its own.
        pitch_hz: median F0.
        intonation: how wide F0 swings around its median, 1 as the synthesizer has it.
        warp: per node of `WARP_NODES_HZ`, where it moves to, as a factor (formants; below 1 a longer throat).
        colour_db: gain of each band, evenly spaced in mel.
        tilt_db: gain per octave.
        breath: exponent on the periodicity; above 1 more breath.
    """

    pace: float = field(repr=False)
    pitch_hz: float = field(repr=False)
    intonation: float = field(repr=False)
    warp: tuple[float, ...] = field(repr=False)
    colour_db: tuple[float, ...] = field(repr=False)
    tilt_db: float = field(repr=False)
    breath: float = field(repr=False)

    def apply(self, speech: Speech, *, speed: float = 1.0) -> Samples:
        """Return the phrase in this voice, `speed` times as fast, at one loudness whoever spoke.

        Returns:
            float32 (about n / speed,) at 24,000 Hz, at most 0.7.

        Source: WORLD (Morise et al. 2016): CheapTrick envelope, D4C aperiodicity and synthesis.
        """
        sound = speech.samples.astype(np.float64)
        frames = len(speech.f0)
        times = (np.arange(frames) + 0.5) * HOP / SPOKEN_HZ
        envelope = pyworld.cheaptrick(sound, speech.f0, times, SPOKEN_HZ)
        noise = pyworld.d4c(sound, speech.f0, times, SPOKEN_HZ)
        log_envelope = self._moved(np.log(envelope)) + self._gain(envelope.shape[1])
        breath = np.clip(self._moved(noise) ** (1 / self.breath), 1e-9, 1.0)
        out = pyworld.synthesize(
            self._pitch(speech.f0),
            np.ascontiguousarray(np.exp(log_envelope)),
            np.ascontiguousarray(breath),
            SPOKEN_HZ,
            1000.0 * HOP / SPOKEN_HZ / speed,
        )
        return level(out)

    def distance(self, other: PseudoVoice) -> float:
        """Return how far apart two voices are, in units of about one easily heard step."""
        return float(np.linalg.norm(self._place() - other._place()))

    def _place(self) -> NDArray[np.float64]:
        return np.array(
            [
                12 * np.log2(self.pitch_hz / 100) / 3,  # 3 semitones
                float(np.mean(self.warp)) / 0.05,
                (self.warp[2] - self.warp[4]) / 0.08,
                self.tilt_db / 3,
                self.pace / 0.15,
                self.breath / 0.6,
            ]
        )

    def _moved(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return move_formants(rows, nodes_hz=WARP_NODES_HZ, factors=self.warp, top_hz=SPOKEN_HZ / 2)

    def _pitch(self, f0: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.zeros_like(f0)
        voiced = f0 > 0
        if voiced.any():
            swing = np.log(f0[voiced]) - np.median(np.log(f0[voiced]))
            out[voiced] = np.clip(self.pitch_hz * np.exp(swing * self.intonation), _FLOOR_HZ, _CEILING_HZ)
        return out

    def _gain(self, bins: int) -> NDArray[np.float64]:
        """Return the spectral colour as natural log of power, (bins,)."""
        hertz = np.linspace(0, SPOKEN_HZ / 2, bins)
        mel = np.log1p(hertz / 700)
        bands = np.linspace(0, mel[-1], len(self.colour_db))
        gain_db = np.interp(mel, bands, self.colour_db) + self.tilt_db * np.log2(
            np.maximum(hertz, 100) / 1000
        )
        return np.asarray(gain_db * np.log(10) / 10)


def draw_voices(count: int, *, rng: Uniform | None = None) -> tuple[PseudoVoice, ...]:
    """Draw voices that listeners can tell apart, by chance alone.

    Nothing about a speaker enters, so a voice tells nothing of who it stands for. The first is drawn freely; each
    further one is, of `CANDIDATES` draws, the one farthest from those before, and the order is shuffled, so that a
    voice's place in it tells nothing either.

    Args:
        count: how many.
        rng: a source of chance; the operating system's by default. Anything else is for tests.
    """
    chance: Uniform = secrets.SystemRandom() if rng is None else rng
    voices: list[PseudoVoice] = []
    for _ in range(count):
        candidates = [_draw(chance) for _ in range(CANDIDATES if voices else 1)]
        voices.append(max(candidates, key=lambda one: min((one.distance(v) for v in voices), default=0.0)))
    order = sorted((chance.uniform(0, 1), at) for at in range(count))
    return tuple(voices[at] for _, at in order)


def _draw(chance: Uniform) -> PseudoVoice:
    height = chance.uniform(0, 1)
    throat = 0.86 + 0.16 * height + chance.uniform(-0.06, 0.06)
    return PseudoVoice(
        pace=chance.uniform(1.0, 1.15),
        pitch_hz=LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** height,
        intonation=chance.uniform(0.75, 1.25),
        warp=tuple(throat * (1 + chance.uniform(-0.05, 0.05)) for _ in WARP_NODES_HZ),
        colour_db=tuple(chance.uniform(-3, 3) for _ in range(EQUALISER_BANDS)),
        tilt_db=chance.uniform(-2, 2),
        breath=chance.uniform(0.7, 1.3),
    )
