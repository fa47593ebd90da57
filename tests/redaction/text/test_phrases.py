"""Words in a row are found as such, on one line and over two."""

from __future__ import annotations

import pytest

from redaction.text.phrases import phrase_runs, phrases_broken

PHRASE = [("blue", "heron", "project")]


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        ("the blue heron project ends", [(1, 4)]),
        ("blue heron project blue heron project", [(0, 3), (3, 6)]),
        ("blue heron", []),
        ("blue and heron project", []),
    ],
)
def test_a_phrase_is_found_where_all_of_it_stands_in_a_row(words: str, runs: list[tuple[int, int]]) -> None:
    """Half of it, and its words apart, are none."""
    assert list(phrase_runs(words.split(), PHRASE)) == runs


def test_what_is_no_word_stands_in_nobodys_way() -> None:
    """A dash between two words of it."""
    assert list(phrase_runs(["blue", "", "heron", "project", ""], PHRASE)) == [(0, 4)]


def test_a_phrase_is_found_over_two_lines() -> None:
    """Wherever it is broken, and only there."""
    lines = [["of", "blue"], ["heron", "project", "is"], ["blue", "heron"], ["project"], ["sky"]]
    assert set(phrases_broken(lines, PHRASE)) == {(0, 1), (2, 3)}
    assert list(phrases_broken([["blue", "heron", "project"]], PHRASE)) == []
