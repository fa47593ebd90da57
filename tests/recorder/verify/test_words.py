"""No word that will be stored is a name or number that lay next to the recording."""

from __future__ import annotations

import pytest

from recorder.verify.words import check_text
from redaction.errors import RedactionIncomplete
from redaction.model import EntityType, RedactedUtterance, Span, Token
from redaction.text.recording_text import RedactedMessage, RedactedText

WRITTEN = RedactedText(personal=frozenset({"siobhan"}), numbers=frozenset({"01715550123", "a@b.example"}))


def spoken(*tokens: Token) -> list[RedactedUtterance]:
    """Return one utterance of these tokens."""
    return [RedactedUtterance(tokens, Span(0, 9), "S1", "A1")]


def kept(*words: str) -> tuple[Token, ...]:
    """Return words that are kept."""
    return tuple(Token(word, Span(0, 1)) for word in words)


def test_words_without_any_of_them_pass() -> None:
    """The figure is how many were looked for; what stands for a name is not searched."""
    masked = Token("SIOBHAN", Span(0, 1), EntityType.PERSON)
    check = check_text(WRITTEN, spoken(*kept("hello", "0171"), masked))
    assert (check.passed, check.figure) == (True, 3.0)


@pytest.mark.parametrize(
    "words",
    [("Siobhan",), ("siobhan's",), ("SIOBHAN,",), ("call", "0171", "555", "0123"), ("write", "a@b.example")],
)
def test_one_of_them_ends_the_run(words: tuple[str, ...]) -> None:
    """In any case and form, and a number in pieces; the error does not repeat it."""
    with pytest.raises(RedactionIncomplete) as error:
        check_text(WRITTEN, spoken(*kept(*words)))
    assert not any(word.lower().strip(",'s") in error.value.sentence.lower() for word in words[-1:])


def test_the_chat_is_searched_too() -> None:
    """A name in a stored message is as bad as one in the transcript."""
    message = RedactedMessage(None, "PERSON 1", "", kept("ask", "Siobhan"))
    written = RedactedText(chat=(message,), personal=WRITTEN.personal)
    with pytest.raises(RedactionIncomplete):
        check_text(written, [])
