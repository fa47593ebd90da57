"""How likely a face is a minor's: one calibrated figure from both age nets, and what combined views make of it.

The figure is a log-odds: 0 is even, above it a minor is the likelier. It is a straight line in what the nets say and in
how much of the face there is to see, fitted by logistic regression, so that more years never make more of a minor.
Sex and race of the labelled people are no part of it; that it treats groups alike is measured, not built in.

Source: 207 faces of UTKFace, each at 205, 128, 96, 64, 48 and 40 px, six views of each size: turned, shifted, brighter,
darker, blurred and compressed. `python -m benchmarks.minors_fit` makes all constants of this file anew and prints what
they give in cross-validation over people.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite, log, log2

__all__ = [
    "ADULT_AT_MOST",
    "CHILD_AT_LEAST",
    "MINOR_AT_LEAST",
    "ViewOdds",
    "combined",
    "log_odds",
    "view_odds",
]

_EVEN = 6.07
_PER_DECADE = (-1.25, -1.90)
"""What ten years more by face-api.js and by HSE faceres-deep take from the log-odds."""
_PER_OCTAVE = -0.88
"""What each doubling of the face takes from it: the nets take minors for older the less there is to see."""
_YEARS = (2.0, 45.0)
"""Beyond, a year more or less says nothing about being 18."""
_FULL_PX = 128.0
_LEAST_PX = 32.0
_MOST = 5.0
"""No one view says more than this; an error of a net is then an error among others."""


def _logit(share: float) -> float:
    return log(share / (1 - share))


MINOR_AT_LEAST = _logit(0.45)
"""Log-odds from which somebody counts as a minor: the operating point of the `product` profile."""

ADULT_AT_MOST = _logit(0.03)
"""Log-odds up to which somebody counts as an adult: the operating point of the `school` profile."""

CHILD_AT_LEAST = _logit(0.95)
"""Log-odds from which somebody is clearly a child, whatever was declared."""


@dataclass(frozen=True, slots=True)
class ViewOdds:
    """What one view says.

    Attributes:
        odds: log-odds of a minor.
        weight: how much it counts beside other views of the same face.
    """

    odds: float
    weight: float


def log_odds(years: Iterable[float], *, size_px: float) -> float:
    """Return the log-odds that one view shows a minor.

    Args:
        years: what the two nets say, in the order of `default_estimators`.
        size_px: height of the face in pixels.

    Raises:
        ValueError: a figure is no number.
    """
    said = tuple(years)
    if not all(isfinite(value) for value in (*said, size_px)):
        raise ValueError("an estimate is no number")
    total = _EVEN + _PER_OCTAVE * _octaves(size_px)
    for slope, value in zip(_PER_DECADE, said, strict=True):
        total += slope * min(max(value, _YEARS[0]), _YEARS[1]) / 10
    return min(max(total, -_MOST), _MOST)


def view_odds(years: Iterable[float], *, size_px: float, seen_px: float, frontal: float) -> ViewOdds:
    """Return what one view says; it counts the less the smaller or less sharp the face is and the more it looks aside.

    Sharpness is no part of the odds themselves: measured, it makes them worse.

    Args:
        years: what the two nets say.
        size_px: as for `log_odds`.
        seen_px: height of a sharp face that would show as much detail.
        frontal: 1 for a face that looks into the camera, down to 0.

    Raises:
        ValueError: a figure is no number.
    """
    weight = 2 ** _octaves(min(size_px, seen_px)) * (0.5 + 0.5 * min(max(frontal, 0.0), 1.0))
    return ViewOdds(log_odds(years, size_px=size_px), weight)


def combined(views: Iterable[ViewOdds]) -> float:
    """Return the log-odds that all views together give: their weighted mean.

    Views of one person share the nets' error about that person, so that more of them make the figure steadier and no
    more certain.

    Raises:
        ValueError: there is no view.
    """
    given = tuple(views)
    total = sum(view.weight for view in given)
    if not total:
        raise ValueError("no view was given")
    return sum(view.odds * view.weight for view in given) / total


def _octaves(size_px: float) -> float:
    """Return by how many halvings a face is smaller than the nets can use, 0 to -2."""
    return log2(min(max(size_px, _LEAST_PX), _FULL_PX) / _FULL_PX)
