"""Prints how many minors are found against how many adults are removed: points of both profiles, and the curve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log, sqrt
from typing import Final

import numpy as np

from benchmarks.minors_views import Tracklet
from redaction.video.people.minor_odds import combined

__all__ = ["print_curve", "print_groups", "print_points", "print_views"]

BANDS: Final = ((0, 12), (13, 15), (16, 17), (18, 24), (25, 34), (35, 59), (60, 120), (25, 120))
SEXES: Final = ("male", "female")
RACES: Final = ("White", "Black", "Asian", "Indian", "other")
_LEVELS: Final = (0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8)


def print_points(tracklets: Sequence[Tracklet]) -> None:
    """Print who is removed by each profile, and as a declared adult, by size and age."""
    for name, removed in (("product", _minors), ("school", _not_adults), ("declared adult", _children)):
        print(f"\n{name}: removed, % [95 % interval], by age")
        _head()
        for size in sorted({one.size for one in tracklets}, key=lambda size: -size or -1000):
            own = [one for one in tracklets if one.size == size]
            print(f"{_size(size):>7}" + "".join(_cell(removed(_aged(own, band))) for band in BANDS))


def print_groups(tracklets: Sequence[Tracklet]) -> None:
    """Print who of 25 and over is removed by the product profile, by sex and by sex and race."""
    print(
        "\nproduct: people of 25 and over removed, of how many, by group; the gap is that of groups of ten or more"
    )
    for size in sorted({one.size for one in tracklets}, key=lambda size: -size or -1000):
        own = [one for one in tracklets if one.size == size and one.age >= 25]
        by_sex = [
            f"{name} {_of(_minors([one for one in own if one.sex == sex]))}" for sex, name in enumerate(SEXES)
        ]
        groups = {
            f"{SEXES[sex][0]}/{race}": _minors([one for one in own if (one.sex, one.race) == (sex, code)])
            for sex in range(len(SEXES))
            for code, race in enumerate(RACES)
        }
        shares = [sum(found) / len(found) for found in groups.values() if len(found) >= 10]
        gap = f"gap {100 * (max(shares) - min(shares)):.1f} points" if shares else ""
        told = "  ".join(f"{name} {_of(found)}" for name, found in groups.items() if found)
        print(f"{_size(size):>7}  {'  '.join(by_sex)}  | {told} | {gap}")


def print_curve(tracklets: Sequence[Tracklet]) -> None:
    """Print who is removed at each level of the odds, whatever the committed points are."""
    for size in sorted({one.size for one in tracklets}, key=lambda size: -size or -1000):
        own = [one for one in tracklets if one.size == size and one.looks]
        print(f"\ncurve at {_size(size)}: removed from this probability on, %, by age")
        _head()
        odds = {one.name: combined(look.odds for look in one.looks) for one in own}
        for level in _LEVELS:
            border = log(level / (1 - level))
            found = [[odds[one.name] >= border for one in _aged(own, band)] for band in BANDS]
            print(f"{level:>7.2f}" + "".join(_cell(cell) for cell in found))


def print_views(tracklets: Sequence[Tracklet]) -> None:
    """Print of how many tracklets the judge took too few views."""
    for size in sorted({one.size for one in tracklets}, key=lambda size: -size or -1000):
        taken = np.array([len(one.looks) for one in tracklets if one.size == size])
        print(
            f"{_size(size):>7}  {len(taken)} tracklets, {taken.mean():.1f} views, {(taken == 0).sum()} without any"
        )


def _minors(tracklets: Iterable[Tracklet]) -> list[bool]:
    return [one.verdict == "minor" for one in tracklets]


def _not_adults(tracklets: Iterable[Tracklet]) -> list[bool]:
    return [one.verdict != "adult" for one in tracklets]


def _children(tracklets: Iterable[Tracklet]) -> list[bool]:
    return [one.declared == "minor" for one in tracklets]


def _aged(tracklets: Iterable[Tracklet], band: tuple[int, int]) -> list[Tracklet]:
    return [one for one in tracklets if band[0] <= one.age <= band[1]]


def _head() -> None:
    names = [f"{low}-{high}" if high < 120 else f"{low}+" for low, high in BANDS]
    print(" " * 7 + "".join(f"{name:>17}" for name in names))


def _size(size: int) -> str:
    return f"{size} px" if size else "native"


def _of(found: Sequence[bool]) -> str:
    return f"{sum(found)}/{len(found)}"


def _cell(found: Sequence[bool]) -> str:
    """Return a share in percent with its interval. Source: Wilson, 1927, score interval."""
    count = len(found)
    if not count:
        return f"{'':>17}"
    share, z = sum(found) / count, 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return f"{100 * share:>6.1f} [{100 * low:>3.0f},{100 * high:>4.0f}]"
