"""Several words that stand in a row, found again among others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import eq

__all__ = ["phrase_runs", "phrases_broken"]

Same = Callable[[str, str], bool]


def phrase_runs(
    cores: Sequence[str], phrases: Iterable[Sequence[str]], *, same: Same = eq
) -> Iterator[tuple[int, int]]:
    """Yield where a phrase stands among words: `[first, last)`.

    Args:
        cores: the words as they are compared; what is no word is empty, and stands in nobody's way.
        phrases: as they are compared, at least one word each.
        same: tells whether a word is one of a phrase.
    """
    places = [at for at, core in enumerate(cores) if core]
    for phrase in phrases:
        for first in range(len(places) - len(phrase) + 1):
            run = places[first : first + len(phrase)]
            if all(same(cores[at], part) for at, part in zip(run, phrase, strict=True)):
                yield run[0], run[-1] + 1


def phrases_broken(
    lines: Sequence[Sequence[str]], phrases: Iterable[Sequence[str]], *, same: Same = eq
) -> Iterator[tuple[int, int]]:
    """Yield pairs of lines over which a phrase is broken: where one ends in it and the other goes on."""
    for phrase in phrases:
        for cut in range(1, len(phrase)):
            head, tail = phrase[:cut], phrase[cut:]
            ends = [at for at, line in enumerate(lines) if _is_run(line[-cut:], head, same)]
            begins = [at for at, line in enumerate(lines) if _is_run(line[: len(tail)], tail, same)]
            yield from ((end, begin) for end in ends for begin in begins if end != begin)


def _is_run(words: Sequence[str], part: Sequence[str], same: Same) -> bool:
    return len(words) == len(part) and all(map(same, words, part))
