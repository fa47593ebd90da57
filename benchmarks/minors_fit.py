"""Make the constants of `redaction/video/people/minor_odds.py` anew from labelled faces.

Run from the repository's root: `.venv/bin/python -m benchmarks.minors_fit [--cache FILE]`. Needs the shared data
folder, `../shared/data` or `OFFRECORD_SHARED_DATA`, and the models. A logistic regression of "under 18" on what both
nets say (decades, from 2 to 45 years) and on the size of the face (octaves below 128 px), over all views at all
sizes; then ten folds over people, five times, for what can be expected of others. `--cache` keeps what the nets
said between runs.

`print_held_out` prints who is removed by constants that were fitted to others, beside the same by constants fitted to
everybody. People are dealt into ten folds, five times; nobody's own views take part in the fit that judges them. Two
points: the committed border of each profile, and borders chosen on the other folds so that each size removes as many of
25 and over as the goals allow. What the nets themselves learnt stays as it is.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.minors_curve import BANDS, RACES, SEXES
from benchmarks.minors_views import NATIVE, Tracklet, gather
from redaction.policy import Policy
from redaction.video.people.minor_odds import ADULT_AT_MOST, MINOR_AT_LEAST
from redaction.video.redact import VideoStages

Array = NDArray[np.float64]

_VIEWS = 5
_SIZES = (NATIVE, 96, 64, 48, 40)
_FOLDS = 10
_REPEATS = 5
_RIDGE = 1e-4
_MOST: Final = 5.0
_ALLOWED: Final = {NATIVE: 0.05, 96: 0.08, 64: 0.08, 48: 0.10, 40: 0.10}
"""Share of people of 25 and over that may be removed at each size: the goals."""
_FEWEST: Final = 10
"""People of a group from which its share is told."""


def features(tracklets: list[Tracklet]) -> tuple[Array, Array, NDArray[np.int64]]:
    """Return the features of every view, float64 (N, 3), whether it is a minor's, (N,), and whose it is, (N,)."""
    rows, minors, owners = [], [], []
    names = {name: number for number, name in enumerate(sorted({one.name for one in tracklets}))}
    for one in tracklets:
        for look in one.looks:
            octaves = np.log2(np.clip(look.size_px, 32, 128) / 128)
            rows.append((np.clip(look.first, 2, 45) / 10, np.clip(look.second, 2, 45) / 10, octaves))
            minors.append(one.age < 18)
            owners.append(names[one.name])
    return np.asarray(rows, np.float64), np.asarray(minors, np.float64), np.asarray(owners, np.int64)


def fitted(rows: Array, minors: Array) -> Array:
    """Return intercept and slopes of the logistic regression, float64 (4,), by Newton's method."""
    design = np.column_stack([np.ones(len(rows)), rows])
    penalty = _RIDGE * len(rows) * np.diag([0.0, 1.0, 1.0, 1.0])
    slopes = np.zeros(design.shape[1])
    for _ in range(50):
        share = 1 / (1 + np.exp(-np.clip(design @ slopes, -30, 30)))
        gradient = design.T @ (share - minors) + penalty @ slopes
        curvature = (design * (share * (1 - share))[:, None]).T @ design + penalty
        slopes = slopes - np.linalg.solve(curvature, gradient)
    return np.asarray(slopes, np.float64)


def held_out(rows: Array, minors: Array, owners: NDArray[np.int64]) -> Array:
    """Return every view's log-odds by constants fitted without its person, float64 (N,)."""
    total = np.zeros(len(rows))
    for repeat in range(_REPEATS):
        fold = np.random.default_rng(repeat).integers(0, _FOLDS, owners.max() + 1)[owners]
        for number in range(_FOLDS):
            test = fold == number
            slopes = fitted(rows[~test], minors[~test])
            total[test] += slopes[0] + rows[test] @ slopes[1:]
    return total / _REPEATS


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


def main() -> None:
    """Fit, and print what the fit gives."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    detector = VideoStages.load(Policy()).thorough
    tracklets = gather(detector, sizes=_SIZES, views=_VIEWS, cache=given.cache)
    rows, minors, owners = features(tracklets)
    slopes = fitted(rows, minors)
    print(f"{len(rows)} views of {owners.max() + 1} people")
    print(f"_EVEN = {slopes[0]:.2f}")
    print(f"_PER_DECADE = ({slopes[1]:.2f}, {slopes[2]:.2f})")
    print(f"_PER_OCTAVE = {slopes[3]:.2f}")
    odds = held_out(rows, minors, owners)
    loss = np.mean(np.logaddexp(0, np.where(minors > 0, -odds, odds)))
    print(f"held out over people: log loss {loss:.3f} a view; what is told and what is true:")
    for low, high in ((0.02, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 0.98)):
        share = 1 / (1 + np.exp(-odds))
        chosen = (share >= low) & (share < high)
        print(f"  told {low:.2f} to {high:.2f}: {chosen.sum():5} views, minors {minors[chosen].mean():.2f}")


if __name__ == "__main__":
    main()
