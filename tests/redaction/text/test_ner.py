"""The name model's windows, limits and errors."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from redaction.errors import ModelMissing
from redaction.model import EntityType
from redaction.policy import SpeechSection
from redaction.text import PersonalDataFinder
from redaction.text.ner import MAX_TOKENS, WINDOW_CHARS, NameModel, _char_windows, _token_windows


def test_char_windows_cover_and_overlap() -> None:
    """Windows hold at most 480 characters, cover every word, and overlap by whole words."""
    words = ["lantern"] * 400
    windows = list(_char_windows(words))
    assert windows[0][0] == 0
    assert windows[-1][1] == len(words)
    for first, last in windows:
        assert len(" ".join(words[first:last])) <= WINDOW_CHARS
    for (_, earlier_end), (later_start, _) in pairwise(windows):
        assert 0 < earlier_end - later_start <= 64 // 8


def test_long_word_gets_a_window() -> None:
    """A word that is longer than a window is read all the same and progress never stops."""
    windows = list(_char_windows(["a", "b" * 5000, "c"]))
    assert {at for first, last in windows for at in range(first, last)} == {0, 1, 2}


@pytest.mark.parametrize("count", [0, 1, 509, 510, 511, 1024, 5000])
def test_token_windows_fit_the_model(count: int) -> None:
    """Token windows with their two marks fit 512, cover all tokens and overlap."""
    windows = list(_token_windows(count))
    assert {at for first, last in windows for at in range(first, last)} == set(range(count))
    assert all(last - first + 2 <= MAX_TOKENS for first, last in windows)


@pytest.mark.slow
def test_names_beyond_the_token_limit_are_found(name_model: NameModel) -> None:
    """A name is found at the end of words that take thousands of tokens, and each word has one opinion."""
    words = ["각각각각각각각각"] * 120 + ["my", "colleague", "Oyelaran", "Vasquez"]
    opinions = name_model.read(words)
    assert len(opinions) == len(words)
    assert opinions[-1].score > 0.9
    assert opinions[-1].entity_type is EntityType.PERSON


@pytest.mark.slow
def test_name_across_a_window_border_is_found(name_model: NameModel) -> None:
    """A name is found wherever the border of a window falls."""
    for filler in range(70, 84):
        words = (
            ["we", "talk"] * (filler // 2)
            + ["so"] * (filler % 2)
            + ["with", "Tavion", "Brzezinska", "about", "it"]
        )
        opinions = name_model.read(words)
        assert all(one.score > 0.5 for one in opinions[-4:-2])


def test_no_finder_without_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finder without its model is an error, never a weaker finder."""
    monkeypatch.setenv("OFFRECORD_MODELS", str(tmp_path))
    with pytest.raises(ModelMissing):
        PersonalDataFinder(SpeechSection())
