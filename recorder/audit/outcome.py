"""What an attack found: a figure with its interval, its control, its limit, and what that means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AttackOutcome",
    "AuditVerdict",
    "Control",
    "Interval",
    "LookAt",
    "Meanings",
    "Measured",
    "against_control",
    "bootstrap",
    "equal_error",
    "judged",
    "wilson",
]

_Z: Final = 1.959964
"""Of a 95 % interval."""

_RESAMPLES: Final = 400


class AuditVerdict(StrEnum):
    """What an attack's figure means."""

    PASSED = "passed"
    FAILED = "failed"
    INVALID = "invalid"
    NOT_RUN = "not run"
    TOLD = "told"


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Tell whether a value lies in it, borders included."""
        return self.low <= value <= self.high

    def meets(self, other: Interval) -> bool:
        """Tell whether the two share a value."""
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True, slots=True)
class Control:
    """The same attack where it must succeed; an attack whose control fails says nothing.

    Attributes:
        name: what was attacked instead.
        figure: of the attack there; None where there was nothing to attack.
        passed: whether it succeeded well enough.
    """

    name: str
    figure: float | None
    passed: bool
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class LookAt:
    """Where to look; it names no person and repeats no word.

    Attributes:
        recording: the bundle's name, or the number of a media file in the audit.
        time: seconds from the start; None where it has no time.
        kind: from this program, such as `face` or `EMAIL_ADDRESS in the transcript`.
    """

    recording: str
    time: float | None
    kind: str


@dataclass(frozen=True, slots=True)
class AttackOutcome:
    """One row of the audit.

    Attributes:
        attack: such as `faces-left`.
        attacker: the model that attacked.
        unit: what the figure counts, in words.
        figure: None where the attack did not run.
        interval: of 95 %.
        trials: what the interval rests on.
        chance: what guessing gives; None where guessing has no figure.
        limit: what the figure may be at most, or at least; None where it is only told.
        meaning: a sentence for somebody who signs for the recordings.
        findings: where to look, the first ones.
        left_out: findings beyond those.
        facts: further figures by name.
    """

    attack: str
    attacker: str
    unit: str
    verdict: AuditVerdict = AuditVerdict.NOT_RUN
    meaning: str = ""
    figure: float | None = None
    interval: Interval | None = None
    trials: int = 0
    chance: float | None = None
    limit: float | None = None
    control: Control | None = None
    findings: tuple[LookAt, ...] = ()
    left_out: int = 0
    facts: dict[str, float] = field(default_factory=dict)


def judged(control: Control, *, good: bool) -> AuditVerdict:
    """Return the verdict of an attack that ran: invalid where its control failed, whatever it found."""
    if not control.passed:
        return AuditVerdict.INVALID
    return AuditVerdict.PASSED if good else AuditVerdict.FAILED


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure with its interval, and what that rests on."""

    figure: float
    interval: Interval
    trials: int


@dataclass(frozen=True, slots=True)
class Meanings:
    """What is said of an attack that is judged beside the unredacted control.

    Attributes:
        told: what was measured.
        recognised: added where the attack succeeds.
        unable: added where it does not even succeed on the control.
        unclear: added where it cannot be told from the control.
        safe: added where it fails, as it should.
    """

    told: str
    recognised: str
    unable: str = ""
    unclear: str = " There are too few to tell the two apart: attack more recordings."
    safe: str = ""


def against_control(
    row: AttackOutcome,
    found: Measured,
    control: Control,
    meanings: Meanings,
    *,
    recognised: bool,
    able: bool,
    apart: bool,
) -> AttackOutcome:
    """Return a row of the audit with its verdict, judged beside the same attack on what was not redacted.

    Args:
        row: with the names of attack, attacker and unit, and with chance and limit.
        found: on what was stored.
        control: on the originals; whether it passed is decided here.
        meanings: what to say.
        recognised: whether the attack succeeded on what was stored, beyond what guessing explains.
        able: whether it succeeds on the originals.
        apart: whether the two figures can be told from each other.
    """
    unclear = not recognised and not apart
    control = replace(control, passed=able and not unclear)
    if recognised:
        more = meanings.recognised
    elif not able:
        more = meanings.unable
    else:
        more = meanings.unclear if unclear else meanings.safe
    return replace(
        row,
        verdict=judged(control, good=not recognised),
        meaning=meanings.told + more,
        figure=found.figure,
        interval=found.interval,
        trials=found.trials,
        control=control,
    )


def wilson(hits: float, trials: int) -> Interval:
    """Return the interval of a share.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if not trials:
        return Interval(0.0, 1.0)
    share = hits / trials
    scale = 1 + _Z**2 / trials
    middle = (share + _Z**2 / (2 * trials)) / scale
    reach = _Z * sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2)) / scale
    return Interval(max(0.0, middle - reach), min(1.0, middle + reach))


def bootstrap(groups: Sequence[object], figure: Callable[[NDArray[np.int64]], float]) -> Interval:
    """Return the interval of a figure by drawing groups (people, recordings) again and again.

    Args:
        groups: what is independent of each other.
        figure: of the groups of those numbers; drawn twice counts twice.
    """
    chance = np.random.default_rng(20261201)
    drawn = [figure(chance.integers(0, len(groups), len(groups))) for _ in range(_RESAMPLES)]
    known = [value for value in drawn if np.isfinite(value)]
    if not known:
        return Interval(0.0, 1.0)
    low, high = np.percentile(known, [2.5, 97.5])
    return Interval(float(low), float(high))


def equal_error(target: NDArray[np.float64], impostor: NDArray[np.float64]) -> float:
    """Return the rate, 0 to 1, at which as many targets are refused as impostors accepted; 0.5 is chance."""
    if not len(target) or not len(impostor):
        return float("nan")
    cuts = np.sort(np.concatenate([target, impostor]))
    refused = np.searchsorted(np.sort(target), cuts, side="left") / len(target)
    accepted = 1 - np.searchsorted(np.sort(impostor), cuts, side="left") / len(impostor)
    best = int(np.argmin(np.abs(refused - accepted)))
    return float((refused[best] + accepted[best]) / 2)
