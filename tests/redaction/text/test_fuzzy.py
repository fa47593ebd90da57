"""Likeness of names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redaction.text.fuzzy import NameIndex, distance, phonetic_key

LETTERS = st.text(alphabet="abcdeilnorst", min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("name", "heard"),
    [("eleanor", "alina"), ("shevaun", "shavon"), ("stephen", "steven"), ("catherine", "kathrin"), ("zainab", "sainab"),
     ("phillipa", "filipa"), ("kwabena", "quabena"), ("yusra", "yousra")],
)  # fmt: skip
def test_misheard_name_is_known(name: str, heard: str) -> None:
    """A name is known again when it is heard as another that sounds like it."""
    index = NameIndex()
    index.add(name, 7, phonetic=True)
    assert index.owner(heard, ordinary=False) == 7


@pytest.mark.parametrize(
    ("name", "word"),
    [("eleanor", "alone"), ("martin", "market"), ("dana", "data"), ("kofi", "coffee"), ("wei", "way")],
)
def test_ordinary_word_is_left(name: str, word: str) -> None:
    """An everyday word is never taken for a name that it resembles."""
    index = NameIndex()
    index.add(name, 0, phonetic=True)
    assert index.owner(word) is None


@pytest.mark.parametrize(
    ("left", "right", "apart"), [("abc", "acb", 1), ("kitten", "sitting", 3), ("", "ab", 2)]
)
def test_distance_of_known_pairs(left: str, right: str, apart: int) -> None:
    """Swapped neighbours count once."""
    assert distance(left, right) == apart


@given(LETTERS, LETTERS)
def test_distance_is_symmetric(left: str, right: str) -> None:
    """The way back is as long as the way there, and zero only for the same word."""
    assert distance(left, right) == distance(right, left)
    assert (distance(left, right) == 0) == (left == right)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=5, max_size=14), st.data())
def test_one_wrong_letter_is_found(name: str, data: st.DataObject) -> None:
    """A name of five letters and more is found with any one letter left out, doubled or changed."""
    index = NameIndex()
    index.add(name, 3)
    at = data.draw(st.integers(0, len(name) - 1))
    other = data.draw(st.sampled_from("aeqxz"))
    for wrong in (
        name[:at] + name[at + 1 :],
        name[:at] + other + name[at + 1 :],
        name[:at] + other + name[at:],
    ):
        assert index.owner(wrong, ordinary=False) == 3


def test_code_is_short_for_short_names() -> None:
    """A name of one or two sounds has too short a code to be known by it."""
    index = NameIndex()
    index.add("wei", 0, phonetic=True)
    assert len(phonetic_key("wei")) < 3
    assert index.owner("vu", ordinary=False) is None
