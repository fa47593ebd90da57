"""Attack: is a person recognised by the stored voice, knowing originals of it (ignorant) or stored ones (informed)?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recorder.audit.outcome import (
    AttackOutcome,
    AuditVerdict,
    Control,
    Interval,
    bootstrap,
    equal_error,
    judged,
)
from recorder.audit.speech import Said
from recorder.audit.voice_vectors import VoiceRecogniser

__all__ = ["VoiceAttack"]

_FEWEST: Final = 4
_ENROLLED: Final = 3
_CONTROL_MOST: Final = 0.2
_CHANCE: Final = 0.5

_Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Utterance:
    """One utterance: where it was said, and of each recogniser a vector of the original and one of what was stored."""

    recording: str
    vectors: tuple[tuple[_Vector, _Vector], ...]


@dataclass(slots=True)
class VoiceAttack:
    """Collects vectors of utterances and of what was stored in their place; no sample is kept."""

    recognisers: Sequence[VoiceRecogniser]
    speakers: dict[str, list[_Utterance]] = field(default_factory=dict)

    def listen(self, said: Iterable[Said]) -> None:
        """Take the utterances of a recording."""
        for one in said:
            pairs = tuple(
                (recogniser.vector(one.original), recogniser.vector(one.stored))
                for recogniser in self.recognisers
            )
            self.speakers.setdefault(one.speaker, []).append(_Utterance(one.recording, pairs))

    def outcomes(self, limits: dict[str, float]) -> list[AttackOutcome]:
        """Return the rows of the audit: two of each recogniser; every vector is zeroed then."""
        speakers = [said for said in self.speakers.values() if len(said) > 1]
        elsewhere = [said for said in speakers if len({one.recording for one in said}) > 1]
        rows = [
            self._row(
                number, recogniser.name, elsewhere if informed else speakers, informed, limits["voices"]
            )
            for number, recogniser in enumerate(self.recognisers)
            for informed in (False, True)
        ]
        for said in self.speakers.values():
            for pairs in said:
                for before, after in pairs.vectors:
                    before.fill(0)
                    after.fill(0)
        self.speakers.clear()
        return rows

    def _row(
        self,
        number: int,
        name: str,
        speakers: list[list[_Utterance]],
        informed: bool,
        limit: float,
    ) -> AttackOutcome:
        attacker = "informed" if informed else "ignorant"
        attack = f"voices, {name}, {attacker}"
        if len(speakers) < _FEWEST:
            return AttackOutcome(
                attack, name, "equal error rate", AuditVerdict.NOT_RUN,
                f"{len(speakers)} speakers said two things or more beside an original"
                + (", in several recordings each" if informed else "")
                + f"; at least {_FEWEST} are needed.",
            )  # fmt: skip
        best, best_interval, _ = _error(speakers, number, enrolled=0, tested=0)
        figure, interval, trials = _error(speakers, number, enrolled=int(informed), tested=1)
        recognised = figure < limit and not interval.holds(_CHANCE)
        unclear = not recognised and interval.low <= best_interval.high
        able = best <= _CONTROL_MOST
        control = Control("the originals, recognised by the same", best, able and not unclear, best_interval)
        return AttackOutcome(
            attack,
            name,
            "equal error rate",
            judged(control, good=not recognised),
            _meaning(
                len(speakers),
                best,
                figure,
                informed=informed,
                recognised=recognised,
                unclear=unclear and able,
            ),
            figure,
            interval,
            trials,
            _CHANCE,
            limit,
            control,
        )


def _meaning(
    speakers: int, best: float, figure: float, *, informed: bool, recognised: bool, unclear: bool
) -> str:
    knows = "stored recordings of them" if informed else "originals of them"
    told = (
        f"{speakers} speakers, the attacker knowing {knows}: the recogniser errs in {100 * best:.0f} % on originals "
        f"and in {100 * figure:.0f} % on what was stored; guessing errs in 50 %."
    )
    if recognised:
        return told + " The voices can be recognised."
    if unclear:
        return told + " There are too few speakers to tell the two apart: attack more recordings."
    return told


def _error(
    speakers: list[list[_Utterance]], number: int, *, enrolled: int, tested: int
) -> tuple[float, Interval, int]:
    """Return the equal error rate, its interval from drawing speakers, and the number of trials."""
    target: list[NDArray[np.float64]] = []
    impostor: list[NDArray[np.float64]] = []
    means = [_mean([said.vectors[number][enrolled] for said in one[:_ENROLLED]]) for one in speakers]
    for at, one in enumerate(speakers):
        own, others = [], []
        for said in one:
            vector = said.vectors[number][tested]
            # Within a recording a synthetic voice stands for a speaker: what is known must come from another.
            rest = [
                other.vectors[number][enrolled]
                for other in one
                if other is not said and (not enrolled or other.recording != said.recording)
            ]
            if rest:
                own.append(float(vector @ _mean(rest[:_ENROLLED])))
            others += [float(vector @ mean) for place, mean in enumerate(means) if place != at]
        target.append(np.array(own))
        impostor.append(np.array(others))
    figure = equal_error(np.concatenate(target), np.concatenate(impostor))
    interval = bootstrap(
        speakers,
        lambda picked: equal_error(
            np.concatenate([target[at] for at in picked]), np.concatenate([impostor[at] for at in picked])
        ),
    )
    return figure, interval, sum(map(len, target)) + sum(map(len, impostor))


def _mean(vectors: Sequence[_Vector]) -> _Vector:
    mean = np.mean(vectors, axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)
