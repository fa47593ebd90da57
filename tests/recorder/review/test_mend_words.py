"""Which words a masked word is, and which it is not."""

from __future__ import annotations

import pytest

from recorder.bundle.chat import StoredMessage
from recorder.review.mend_words import MaskedWords
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
    assert WORDS.on_screen(text) is found


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
