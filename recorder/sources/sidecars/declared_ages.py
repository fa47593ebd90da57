"""What a list of people says of their ages: the column `adult` of `call.csv`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from recorder.sources.sidecars.bounded_read import named_columns, names_in, read_table

__all__ = ["DeclaredAges", "read_ages"]

_HEADINGS: Final = frozenset({"adult", "adults", "isadult"})
_YES: Final = frozenset({"1", "18+", "adult", "true", "x", "y", "yes"})
_NO: Final = frozenset({"0", "false", "minor", "n", "no", "under 18"})


@dataclass(frozen=True, slots=True)
class DeclaredAges:
    """Who was declared an adult or a minor.

    Attributes:
        minors: plain names of declared minors.
        everybody_adult: there is a list, and everybody on it was declared an adult.
    """

    minors: frozenset[str] = field(default=frozenset(), repr=False)
    everybody_adult: bool = False

    def is_minor(self, untrusted_name: str) -> bool:
        """Tell whether somebody of that name was declared a minor."""
        return _plain(untrusted_name) in self.minors


def read_ages(lists: Iterable[Path]) -> DeclaredAges:
    """Return what CSV lists of people declare; a cell that is neither yes nor no declares nothing.

    Raises:
        UnreadableInput: a list cannot be read.
    """
    minors: set[str] = set()
    said: list[bool | None] = []
    for path in lists:
        rows = read_table(path)
        columns = named_columns(rows[0]) if rows else {}
        if not columns:
            continue
        column = _column(rows[0])
        for row in rows[1:]:
            names = names_in(row, columns)
            adult = _adult(row[column]) if column is not None and column < len(row) else None
            said += [adult] if names else []
            if adult is False:
                minors.update(map(_plain, names))
    return DeclaredAges(frozenset(minors), bool(said) and all(said))


def _column(header: Iterable[str]) -> int | None:
    heads = ("".join(filter(str.isalpha, cell.casefold())) for cell in header)
    return next((at for at, head in enumerate(heads) if head in _HEADINGS), None)


def _adult(untrusted_cell: str) -> bool | None:
    word = _plain(untrusted_cell)
    return True if word in _YES else False if word in _NO else None


def _plain(untrusted_text: str) -> str:
    return " ".join(untrusted_text.casefold().split())
