"""Prints who is removed by constants that were fitted to others, beside the same by constants fitted to everybody.

People are dealt into ten folds, five times; nobody's own views take part in the fit that judges them. Two points: the
committed border of each profile, and borders chosen on the other folds so that each size removes as many of 25 and over
as the goals allow. What the nets themselves learnt stays as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.minors_curve import BANDS, RACES, SEXES
from benchmarks.minors_fit import features, fitted
from benchmarks.minors_views import NATIVE, Tracklet
from redaction.video.people.minor_odds import ADULT_AT_MOST, MINOR_AT_LEAST

__all__ = ["print_held_out"]

Array = NDArray[np.float64]

_FOLDS: Final = 10
_REPEATS: Final = 5
_MOST: Final = 5.0
_ALLOWED: Final = {NATIVE: 0.05, 96: 0.08, 64: 0.08, 48: 0.10, 40: 0.10}
"""Share of people of 25 and over that may be removed at each size: the goals."""
_FEWEST: Final = 10
"""People of a group from which its share is told."""


def print_held_out(tracklets: Sequence[Tracklet]) -> None:
    """Print removal by age and size, fitted and held out, and the gap between groups of adults."""
    own = [one for one in tracklets if one.looks]
    sizes = np.array([one.size for one in own])
    ages = np.array([one.age for one in own])
    names = sorted({one.name for one in own})
    people = np.array([names.index(one.name) for one in own])
    all_in = _odds(own, _constants(own))
    removed: dict[str, list[NDArray[np.bool_]]] = defaultdict(list)
    fitted_borders = _borders(all_in, sizes, ages)
    removed["product, fitted"].append(all_in >= MINOR_AT_LEAST)
    removed["school, fitted"].append(all_in > ADULT_AT_MOST)
    removed["goal's border, fitted"].append(all_in >= fitted_borders)
    for repeat in range(_REPEATS):
        fold = np.random.default_rng(repeat).integers(0, _FOLDS, len(names))[people]
        odds, borders = np.zeros(len(own)), np.zeros(len(own))
        for number in range(_FOLDS):
            others, test = fold != number, fold == number
            constants = _constants([one for one, keep in zip(own, others, strict=True) if keep])
            every = _odds(own, constants)
            odds[test] = every[test]
            borders[test] = _borders(every, sizes, ages, chosen=others)[test]
        removed["product, held out"].append(odds >= MINOR_AT_LEAST)
        removed["school, held out"].append(odds > ADULT_AT_MOST)
        removed["goal's border, held out"].append(odds >= borders)
    for title, runs in sorted(removed.items()):
        share = np.mean(runs, axis=0)
        print(
            f"\n{title}: removed, %, by age; then of 25 and over by sex and group, and the gap between groups"
        )
        for size in sorted(set(sizes), key=lambda size: -size or -1000):
            _print_row(own, share, int(size))


def _print_row(own: Sequence[Tracklet], share: Array, size: int) -> None:
    def told(choose: Callable[[Tracklet], bool]) -> Array:
        return np.array(
            [part for one, part in zip(own, share, strict=True) if one.size == size and choose(one)]
        )

    by_age = []
    for low, high in BANDS:
        found = told(lambda one, low=low, high=high: low <= one.age <= high)  # type: ignore[misc]
        by_age.append(f"{low}-{high} {100 * found.mean():.0f}")
    groups = {
        f"{sex}/{race}": told(
            lambda one, a=a, b=b: one.age >= 25 and (one.sex, one.race) == (a, b)  # type: ignore[misc]
        )
        for a, sex in enumerate(SEXES)
        for b, race in enumerate(RACES)
    }
    large = {name: 100 * part.mean() for name, part in groups.items() if len(part) >= _FEWEST}
    sexes = [100 * told(lambda one, a=a: one.age >= 25 and one.sex == a).mean() for a in (0, 1)]  # type: ignore[misc]
    print(
        f"{f'{size} px' if size else 'native':>7}  {'  '.join(by_age)}  | men {sexes[0]:.1f} women {sexes[1]:.1f} | "
        + "  ".join(f"{name} {part:.1f}" for name, part in large.items())
        + f" | gap {max(large.values()) - min(large.values()):.1f}"
    )


def _constants(tracklets: Sequence[Tracklet]) -> Array:
    rows, minors, _ = features(list(tracklets))
    return fitted(rows, minors)


def _odds(tracklets: Sequence[Tracklet], constants: Array) -> Array:
    """Return the log-odds of every tracklet, its views weighted as the judge weights them, float64 (N,)."""
    rows, _, _ = features(list(tracklets))
    views = np.clip(constants[0] + rows @ constants[1:], -_MOST, _MOST)
    told, at = np.zeros(len(tracklets)), 0
    for number, one in enumerate(tracklets):
        weights = np.array([look.odds.weight for look in one.looks])
        told[number] = np.average(views[at : at + len(weights)], weights=weights)
        at += len(weights)
    return told


def _borders(
    odds: Array, sizes: NDArray[np.int64], ages: NDArray[np.int64], *, chosen: NDArray[np.bool_] | None = None
) -> Array:
    """Return for every tracklet the border that removes as many adults of its size as the goals allow, float64 (N,)."""
    borders = np.zeros(len(odds))
    for size in set(sizes):
        adults = (sizes == size) & (ages >= 25) & (True if chosen is None else chosen)
        told = np.sort(odds[adults])[::-1]
        borders[sizes == size] = told[int(_ALLOWED[int(size)] * len(told))] + 1e-9
    return borders
