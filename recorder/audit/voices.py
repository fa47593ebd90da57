"""Attack: is a person recognised by the stored voice, knowing originals of it (ignorant) or stored ones (informed)?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recorder.audit.outcome import (
    AttackOutcome,
    AuditVerdict,
    Control,
    Meanings,
    Measured,
    against_control,
    bootstrap,
    equal_error,
)
from recorder.audit.speech import Said
from recorder.audit.voice_vectors import VoiceRecogniser

__all__ = ["VoiceAttack"]

_FEWEST: Final = 4
_ENROLLED: Final = 3
_CONTROL_MOST: Final = 0.2
_CHANCE: Final = 0.5
_WITHIN: Final = "within a recording"
_WHERE: Final = {
    "ignorant": "",
    "informed": ", in several recordings each",
    _WITHIN: ", in one recording",
}
_KNOWS: Final = {
    "ignorant": "originals of them",
    "informed": "other stored recordings of them",
    _WITHIN: "the rest of the same stored recording",
}

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
        """Return the rows of the audit: three of each recogniser; every vector is zeroed then."""
        speakers = [said for said in self.speakers.values() if len(said) > 1]
        known = {
            "ignorant": speakers,
            "informed": [said for said in speakers if len({one.recording for one in said}) > 1],
            _WITHIN: [said for said in speakers if len({one.recording for one in said}) < len(said)],
        }
        rows = [
            self._row(number, recogniser.name, those, attacker, limits["voices"])
            for number, recogniser in enumerate(self.recognisers)
            for attacker, those in known.items()
        ]
        for said in self.speakers.values():
            for pairs in said:
                for before, after in pairs.vectors:
                    before.fill(0)
                    after.fill(0)
        self.speakers.clear()
        return rows

    def _row(
        self, number: int, name: str, speakers: list[list[_Utterance]], attacker: str, limit: float
    ) -> AttackOutcome:
        within = attacker == _WITHIN
        row = AttackOutcome(
            f"voices, {name}, {attacker}", name, "equal error rate", limit=None if within else limit
        )
        if len(speakers) < _FEWEST:
            few = f"{len(speakers)} speakers said two things or more beside an original{_WHERE[attacker]}"
            return replace(row, meaning=f"{few}; at least {_FEWEST} are needed.")
        row = replace(row, chance=_CHANCE)
        best = _error(speakers, number, enrolled=0, tested=0)
        found = _error(speakers, number, enrolled=int(attacker != "ignorant"), tested=1, within=within)
        told = (
            f"{len(speakers)} speakers, the attacker knowing {_KNOWS[attacker]}: the recogniser errs in "
            f"{100 * best.figure:.0f} % on originals and in {100 * found.figure:.0f} % on what was stored; guessing "
            "errs in 50 %."
        )
        control = Control(
            "the originals, recognised by the same", best.figure, passed=True, interval=best.interval
        )
        able = best.figure <= _CONTROL_MOST
        if within:
            return replace(
                row,
                verdict=AuditVerdict.TOLD,
                meaning=told + " Within a recording one voice stands for a speaker on purpose.",
                figure=found.figure,
                interval=found.interval,
                trials=found.trials,
                control=replace(control, passed=able),
            )
        reading = Meanings(told, " The voices can be recognised.")
        return against_control(
            row,
            found,
            control,
            reading,
            recognised=found.figure < limit and not found.interval.holds(_CHANCE),
            able=able,
            apart=found.interval.low > best.interval.high,
        )


def _error(
    speakers: list[list[_Utterance]], number: int, *, enrolled: int, tested: int, within: bool = False
) -> Measured:
    """Return the equal error rate, its interval from drawing speakers, and the number of trials.

    Args:
        speakers: what each of them said.
        number: of the recogniser.
        enrolled: 0 where originals are known, 1 where what was stored is.
        tested: the same of what is tested.
        within: what is known of a speaker comes from the same recording; otherwise, of what was stored, from another.
    """
    target: list[NDArray[np.float64]] = []
    impostor: list[NDArray[np.float64]] = []
    means = [_mean([said.vectors[number][enrolled] for said in one[:_ENROLLED]]) for one in speakers]
    for at, one in enumerate(speakers):
        own, others = [], []
        for said in one:
            vector = said.vectors[number][tested]
            rest = [
                other.vectors[number][enrolled]
                for other in one
                if other is not said and (not enrolled or (other.recording == said.recording) == within)
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
    return Measured(figure, interval, sum(map(len, target)) + sum(map(len, impostor)))


def _mean(vectors: Sequence[_Vector]) -> _Vector:
    mean = np.mean(vectors, axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)
