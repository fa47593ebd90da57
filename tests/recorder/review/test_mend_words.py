"""Which words a masked word is, and which it is not."""

from __future__ import annotations

import pytest

from recorder.bundle.chat import StoredMessage
from recorder.review.mend_words import MaskedWords
from recorder.review.mends import parsed_mend
from redaction.errors import UsageError
from redaction.model import EntityType, RedactedUtterance, Span, Token

WORDS = MaskedWords([("Marigold", EntityType.PERSON), ("4711", EntityType.ID)])


@pytest.mark.parametrize(
    "text",
    ["marigold", "Marigold,", "MARIGOLD'S", "Marigolds", "Márigold", "(Marigold)", "4711", "a-marigold"],
)
def test_the_word_is_found_however_it_is_written(text: str) -> None:
    """Case, accents, marks, possessive and plural make no difference."""
    assert WORDS.kind(text) is not None


@pytest.mark.parametrize("text", ["Mary", "gold", "marigoldish", "47", "14711", "", "—"])
def test_other_words_stand(text: str) -> None:
    """A part of the word, a longer word and a longer number are others."""
    assert WORDS.kind(text) is None


@pytest.mark.parametrize(
    ("text", "found"), [("Ask Marlgold today", True), ("MarigoldTeam", True), ("Gold market", False)]
)
def test_a_misread_letter_on_a_screen_is_forgiven(text: str, found: bool) -> None:
    """Reading a picture errs by a letter in a long word; a short likeness is none."""
    assert WORDS.on_screen([text]) == [found]


def test_words_and_messages_lose_it() -> None:
    """A token is masked in its place with its kind, what is masked already stays, and a message loses the word."""
    said = RedactedUtterance(
        (Token("Hi", Span(0, 1)), Token("Marigold.", Span(1, 2)), Token("PERSON 1", Span(2, 3), EntityType.PERSON)),
        Span(0, 3), "S1", "A1",
    )  # fmt: skip
    (masked,), gone = WORDS.masked([said], drop=False)
    assert [token.text for token in masked.tokens] == ["Hi", "PERSON", "PERSON 1"]
    assert [token.text for token in gone] == ["Marigold."]
    message = WORDS.message(StoredMessage(time=1, sender="", text="Ask Marigold, not 4711"))
    assert message.text == "Ask [PERSON] not [ID]"
    assert "Marigold" not in repr(WORDS)


PHRASE = MaskedWords([("Blue Heron project", EntityType.ORGANIZATION)])


def said(*lines: str, speaker: str = "S1") -> list[RedactedUtterance]:
    """Return utterances of one word a second."""
    utterances = []
    at = 0
    for line in lines:
        words = line.split()
        tokens = tuple(Token(word, Span(at + n, at + n + 1)) for n, word in enumerate(words))
        utterances.append(RedactedUtterance(tokens, Span(at, at + len(words)), speaker, "A1"))
        at += len(words)
    return utterances


@pytest.mark.parametrize(
    ("lines", "stored"),
    [
        (["our Blue Heron project, then"], "our ORGANIZATION ORGANIZATION ORGANIZATION then"),
        (["the blue-heron projects"], "the ORGANIZATION ORGANIZATION"),
        (["this is blue", "Heron project is"], "this is ORGANIZATION ORGANIZATION ORGANIZATION is"),
        (["blueheronproject"], "ORGANIZATION"),
        (["a blue car and a heron in the project"], "a blue car and a heron in the project"),
        (["blue heron"], "blue heron"),
    ],
)
def test_several_words_are_masked_where_they_stand_in_a_row(lines: list[str], stored: str) -> None:
    """With a hyphen, a plural, over two sentences and as one word; none of them alone."""
    masked, gone = PHRASE.masked(said(*lines), drop=False)
    assert " ".join(token.text for one in masked for token in one.tokens) == stored
    assert len(gone) == stored.count("ORGANIZATION")
    assert sum(PHRASE.counts(gone).values()) == PHRASE.counts(gone).get("ORGANIZATION", 0) == len(gone)


def test_several_words_are_covered_on_a_screen_and_in_the_chat() -> None:
    """On one line, misread by a letter, broken over two lines; half of it alone stands."""
    lines = [
        "The Blue Heron Project",
        "Blue Heron projeet",
        "Plan of the blue",
        "heron project 2",
        "blue heron",
    ]
    assert PHRASE.on_screen(lines) == [True, True, True, True, False]
    assert PHRASE.on_screen(["Plan of the blue", "sky"]) == [False, False]
    message = PHRASE.message(StoredMessage(time=1, sender="", text="the Blue  Heron project, blue heron"))
    assert message.text.count("[ORGANIZATION]") == 3
    assert message.text.endswith("blue heron")


@pytest.mark.parametrize("text", ["two  spaces", " lead", "a b c d e f g h i", "x" * 81, "tab\tbed"])
def test_what_is_no_row_of_words_is_refused(text: str) -> None:
    """At most eight words with single spaces between them."""
    with pytest.raises(UsageError):
        parsed_mend({"kind": "word", "text": text})
