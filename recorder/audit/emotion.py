"""Attack: can feelings be read off stored faces and voices? What is read there is compared with the originals'."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import cv2
import numpy as np
import pyworld
from numpy.typing import NDArray

from recorder.audit.detectors import FaceSighting, Picture3
from recorder.audit.outcome import (
    AttackOutcome,
    Control,
    Interval,
    Meanings,
    Measured,
    against_control,
    bootstrap,
)
from recorder.audit.recognisers import Aligned, aligned, shows_nothing
from recorder.audit.speech import SPEECH_HZ, Said
from redaction.model import Samples
from redaction.weights import open_session

__all__ = ["Feelings"]

_SIDE: Final = 112
_FEELINGS: Final = 7
_FEWEST: Final = 12
_CONTROL_LEAST: Final = 0.3

_Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read of one moment: values in the original, in a worse copy of it, and in what was stored.

    Attributes:
        person: whose moment it is.
        values: float64 (3, k).
    """

    person: str
    values: _Values


class _Faces:
    """Reads seven feelings off a face: neutral, happy, sad, angry, fearful, disgusted, surprised."""

    def __init__(self) -> None:
        self._net = open_session("audit.expression")

    def read(self, face: Aligned) -> _Values:
        """Return how likely each is, float64 (7,); nothing is less than likely where nothing is shown."""
        if shows_nothing(face):
            return np.full(_FEELINGS, -1.0)
        pixels = np.ascontiguousarray(face.transpose(2, 0, 1)[None], np.float32)
        return np.asarray(self._net.run(None, {"pixels": pixels})[0][0], np.float64)


@dataclass(slots=True)
class Feelings:
    """Collects readings; no crop and no sample is kept."""

    faces: list[_Reading] = field(default_factory=list)
    voices: list[_Reading] = field(default_factory=list)
    _net: _Faces = field(default_factory=_Faces)

    def see(
        self, recording: str, original: Picture3, stored: Picture3, found: Sequence[FaceSighting]
    ) -> None:
        """Read a picture's faces, as found in the original."""
        for number, one in enumerate(found):
            if one.points is None:
                continue
            before, after = aligned(original, one.points), aligned(stored, one.points)
            if before is None or after is None:
                continue
            side = max(24, round((one.box[2] - one.box[0]) * 0.7))
            worse = cv2.resize(
                cv2.resize(before, (side, side), interpolation=cv2.INTER_AREA) if side < _SIDE else before,
                (_SIDE, _SIDE),
            )
            worse = cv2.convertScaleAbs(worse, alpha=0.93)
            shown = (before, np.asarray(worse, np.uint8), after)
            self.faces.append(
                _Reading(f"{recording}/{number}", np.stack([self._net.read(one) for one in shown]))
            )

    def listen(self, said: Iterable[Said]) -> None:
        """Measure the melody and loudness of utterances, of a worse copy of them and of what was stored."""
        chance = np.random.default_rng(7)
        for one in said:
            level = float(np.sqrt(np.mean(one.original.astype(np.float64) ** 2)))
            noisy = one.original + chance.normal(0, max(1e-5, level * 0.05), len(one.original))
            heard = (one.original, noisy, one.stored)
            self.voices.append(_Reading(one.speaker, np.stack([_prosody(part) for part in heard])))

    def outcomes(self, limits: dict[str, float]) -> list[AttackOutcome]:
        """Return the rows of the audit."""
        rows = [
            _row(
                "emotion, face",
                "face-api.js's expression net",
                self.faces,
                limits["emotion"],
                "Seven feelings were read off each of {count} faces, in the original and in what stands in its place. "
                "For each: is it stronger than in half of the originals?",
                by_person=False,
            ),
            _row(
                "emotion, voice",
                "melody and loudness",
                self.voices,
                limits["emotion"],
                "No packaged net reads feelings off voices, so three signs of excitement stand for them: is each of "
                "{count} utterances higher, livelier and louder than half of its speaker's?",
                by_person=True,
            ),
        ]
        self.faces.clear()
        self.voices.clear()
        return rows


def _row(
    attack: str, attacker: str, readings: list[_Reading], limit: float, asked: str, *, by_person: bool
) -> AttackOutcome:
    asked = asked.format(count=len(readings))
    row = AttackOutcome(attack, attacker, "share of answers", limit=limit)
    if len(readings) < _FEWEST:
        few = f"{len(readings)} moments could be read beside an original; at least {_FEWEST} are needed."
        return replace(row, meaning=few)
    people = np.array([reading.person for reading in readings])
    above = _above_median(np.stack([reading.values for reading in readings]), people if by_person else None)
    groups = [np.flatnonzero(people == name) for name in np.unique(people)]
    best, best_chance, best_interval = _beyond(above, 1, groups)
    figure, chance, interval = _beyond(above, 2, groups)
    skill = (best - best_chance) / max(1e-9, 1 - best_chance)
    row = replace(row, chance=chance, facts={"agreement beyond guessing": round(figure - chance, 3)})
    return against_control(
        row,
        Measured(figure, Interval(chance + interval.low, chance + interval.high), len(readings)),
        Control(
            "the originals, made a little worse: agreement beyond guessing",
            max(0.0, skill),
            passed=True,
            interval=best_interval,
        ),
        Meanings(
            f"{asked} The answers agree in {100 * figure:.0f} %; guessing gives {100 * chance:.0f} %.",
            " Feelings can be read.",
            unable=" The originals vary too little, or are too few, to tell.",
        ),
        recognised=interval.low > limit,
        able=skill >= _CONTROL_LEAST and best_interval.low > 0,
        apart=interval.high < best - best_chance,
    )


def _above_median(values: _Values, people: NDArray[np.str_] | None) -> NDArray[np.bool_]:
    """Return bool (n, 3, k): is a value above the originals' median, of everybody or of the same person?"""
    if people is None:
        return np.asarray(values > np.median(values[:, :1], axis=0, keepdims=True))
    above = np.zeros(values.shape, bool)
    for name in np.unique(people):
        own = values[people == name]
        above[people == name] = own > np.median(own, axis=0, keepdims=True)
    return above


def _beyond(
    above: NDArray[np.bool_], column: int, groups: Sequence[NDArray[np.int64]]
) -> tuple[float, float, Interval]:
    """Return agreement, what guessing gives, and the interval of their difference."""

    def parts(rows: NDArray[np.bool_]) -> tuple[float, float]:
        first, second = rows[:, 0], rows[:, column]
        p, q = first.mean(axis=0), second.mean(axis=0)
        return float((first == second).mean()), float((p * q + (1 - p) * (1 - q)).mean())

    def apart(picked: NDArray[np.int64]) -> float:
        agreed, guessed = parts(above[np.concatenate([groups[at] for at in picked])])
        return agreed - guessed

    agreed, guessed = parts(above)
    return agreed, guessed, bootstrap(groups, apart)


def _prosody(samples: Samples | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of pitch in octaves, its spread, and the level in decibels, float64 (3,)."""
    sound = np.ascontiguousarray(samples, np.float64)
    pitch, _ = pyworld.dio(sound, SPEECH_HZ, f0_floor=60.0, f0_ceil=500.0, frame_period=10.0)
    voiced = pitch[pitch > 0]
    if len(voiced) < 5:
        return np.zeros(3)
    octaves = np.log2(voiced)
    level = 20 * np.log10(max(1e-6, float(np.sqrt(np.mean(sound**2)))))
    return np.array([float(np.median(octaves)), float(octaves.std()), level])
