"""Written words and the ways to speak them."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redaction.audio.listening.pronounce import arpabet, is_figure, phones_of, spoken_slots


def ways(token: str) -> set[str]:
    """Return every way to speak a token, words joined by spaces."""
    return {" ".join(" ".join(way) for way in chosen if way) for chosen in product(*spoken_slots(token))}


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("Hello,", "hello"),
        ("don’t", "don't"),
        ("415", "four one five"),
        ("415", "four fifteen"),
        ("415", "four hundred fifteen"),
        ("415", "four hundred and fifteen"),
        ("-0192.", "oh one nine two"),
        ("-0192.", "zero one ninety two"),
        ("5550143", "five five five zero one four three"),
        ("1984", "nineteen eighty four"),
        ("1905", "nineteen oh five"),
        ("2000", "two thousand"),
        ("1,250", "one thousand two hundred and fifty"),
        ("1,250", "twelve fifty"),
        ("100", "a hundred"),
        ("$5", "five dollars"),
        ("$5.50", "five dollars fifty"),
        ("50%", "fifty percent"),
        ("3rd", "third"),
        ("21st", "twenty first"),
        ("20th", "twentieth"),
        ("20s", "twenties"),
        (".org.", "dot org"),
        ("hannah@example.org", "hannah at example dot org"),
        ("K-I-N-G", "k i n g"),
        ("SQL", "s q l"),
        ("SQL", "sql"),
        ("10:30", "ten thirty"),
        ("Dr.", "doctor"),
        ("24/7", "twenty four seven"),
        ("٣", "three"),
        ("²", "two"),
    ],
)
def test_usual_readings_are_allowed(token: str, said: str) -> None:
    """Figures, signs, abbreviations and spelling can be spoken the ways people speak them."""
    assert said in ways(token)


@pytest.mark.parametrize("token", ["", "...", "♪", "-", "—", "¿?", "“”", "�"])
def test_signs_alone_are_silent(token: str) -> None:
    """A token without letters and figures fills no slot that must be spoken."""
    assert all(() in slot for slot in spoken_slots(token))


@given(st.text(max_size=60))
def test_any_text_has_bounded_readings(token: str) -> None:
    """Whatever a recogniser writes, each slot has a few ways of lower-case words without spaces."""
    slots = spoken_slots(token)
    assert len(slots) <= 2 * len(token) + 2
    for slot in slots:
        assert 1 <= len(slot) <= 16
        for way in slot:
            assert all(word and word == word.lower() and " " not in word for word in way)


@given(st.integers(0, 10**15 - 1))
def test_every_number_can_be_read_digit_by_digit(number: int) -> None:
    """The digits of any figure, one by one, are among its readings."""
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    left = [names[int(digit)] for digit in str(number)]
    for slot in spoken_slots(str(number)):
        way = next(way for way in sorted(slot, key=len, reverse=True) if list(way) == left[: len(way)])
        left = left[len(way) :]
    assert left == []


def test_phonemes_become_arpabet() -> None:
    """hibari's letters become CMUdict's phones, rhotic vowels one phone, stress dropped."""
    assert arpabet("həlˈO") == "HH AH L OW"
    assert arpabet("bˈɜɹd") == "B ER D"
    assert arpabet("dˈɑktəɹ") == "D AA K T ER"
    assert arpabet("ʤˈAmz") == "JH EY M Z"
    assert arpabet("ˌ ˈ-") == ""


def test_accents_are_folded_before_reading() -> None:
    """A word with accents and apostrophes is read by its plain letters; one without letters cannot be
    read."""
    asked: list[str] = []

    def read(word: str) -> str:
        asked.append(word)
        return "zˈOi"

    assert phones_of("zoë's", read=read) == "Z OW IY"
    assert asked == ["zoes"]
    assert phones_of("'", read=read) == ""
    assert phones_of("zoë", read=lambda _: None) == ""


def test_figures_are_told_from_words() -> None:
    """Digits, names of digits and spelled letters are figures; words, "a" and "I" are not."""
    assert all(map(is_figure, ["4", "-0192.", "seven,", "Oh", "double", "K", "twenty"]))
    assert not any(map(is_figure, ["a", "I", "and", "Hello", "", "...", "number"]))
