"""What a published recording may give away, by attack; each can be set on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from redaction.errors import UsageError

__all__ = ["LIMITS", "Limit", "limits_with"]


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of one figure.

    Attributes:
        value: the default.
        least: the figure may not be below it, rather than above.
        meaning: for people.
    """

    value: float
    meaning: str
    least: bool = False


LIMITS: Final[Mapping[str, Limit]] = {
    "faces-left": Limit(0.0, "share of the seconds in which a face is left"),
    "faces-covered": Limit(0.98, "share of the faces of which at least 95 % is covered", least=True),
    "re-identification": Limit(0.0, "share of people recognised, beyond what guessing explains"),
    "voices": Limit(0.4, "equal error rate of a voice recogniser; 0.5 is guessing", least=True),
    "words-patterns": Limit(0.0, "addresses and numbers found in words or pictures"),
    "words-names": Limit(
        15.0, "names and places found, for 1,000 words; the finder also takes harmless words for names"
    ),
    "words-original": Limit(0.1, "share of the original's personal words that are still there"),
    "emotion": Limit(0.0, "agreement of feelings read before and after, beyond what guessing explains"),
    "membership-names": Limit(0.0, "recordings whose source's file name or tags stand in the bundle"),
}


def limits_with(given: Sequence[str]) -> dict[str, float]:
    """Return every limit, with those that were given as `NAME=VALUE`.

    Raises:
        UsageError: there is no such limit, or its value is no number of at least 0.
    """
    limits = {name: limit.value for name, limit in LIMITS.items()}
    for item in given:
        name, _, text = item.partition("=")
        if name not in limits:
            raise UsageError(f"There is no limit of that name; there are: {', '.join(LIMITS)}.")
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf"):
            raise UsageError("A limit is NAME=VALUE, with a number of at least 0.")
        limits[name] = value
    return limits
