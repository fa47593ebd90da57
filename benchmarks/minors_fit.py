"""Make the constants of `redaction/video/people/minor_odds.py` anew from labelled faces.

Run from the repository's root: `.venv/bin/python -m benchmarks.minors_fit [--cache FILE]`. Needs the shared data
folder, `../shared/data` or `OFFRECORD_SHARED_DATA`, and the models. A logistic regression of "under 18" on what both
nets say (decades, from 2 to 45 years) and on the size of the face (octaves below 128 px), over all views at all
sizes; then ten folds over people, five times, for what can be expected of others. `--cache` keeps what the nets
said between runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.minors_views import NATIVE, Tracklet, gather
from redaction.policy import Policy
from redaction.video.redact import VideoStages

Array = NDArray[np.float64]

_VIEWS = 5
_SIZES = (NATIVE, 96, 64, 48, 40)
_FOLDS = 10
_REPEATS = 5
_RIDGE = 1e-4


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
