"""Words in, what may be stored out: with the real name model."""

from __future__ import annotations

import pytest

from redaction.model import EntityType, Span, Utterance, Word
from redaction.policy import Policy
from redaction.text.redactor import TextRedactor


@pytest.fixture(scope="module")
def redactor(real_models: None) -> TextRedactor:
    """A redactor that knows one name."""
    return TextRedactor(Policy.model_validate({"speech": {"roster": ["Siobhan Kelly"]}}))


def test_lines_keep_their_number_and_their_everyday_words(redactor: TextRedactor) -> None:
    """Names and numbers are replaced, one name by one pseudonym, and a line without any is the same."""
    lines = redactor.redact_lines(
        ["Hi, I am Siobhan Kelly.", "The build is green.", "", "Siobhan, call 0171 555 0123 please."]
    )
    assert lines[0].endswith("[PERSON 1]")
    assert lines[1:3] == ["The build is green.", ""]
    assert lines[3].startswith("[PERSON 1]")
    assert "0123" not in lines[3]
    assert "please" in lines[3]


def test_what_only_typed_words_hold_is_masked(redactor: TextRedactor) -> None:
    """A name inside another word, and the name of a file, do not stand in what is returned."""
    (line,) = redactor.redact_lines(["see @siobhank and siobhan-notes.pdf for the agenda"])
    assert "siobhan" not in line.lower()
    assert line.endswith("for the agenda")


def test_spoken_words_keep_their_times(redactor: TextRedactor) -> None:
    """Kept words come out at their times, and a masked name spans its words."""
    said = ("I", "am", "Siobhan", "Kelly", "hello")
    words = tuple(Word(word, Span(at, at + 1.0)) for at, word in enumerate(said))
    (one,) = redactor.redact([Utterance(words, Span(0, 5), "S1", "A1")])
    assert [(token.text, token.span) for token in one.tokens] == [
        ("I", Span(0, 1)),
        ("am", Span(1, 2)),
        ("PERSON 1", Span(2, 4)),
        ("hello", Span(4, 5)),
    ]
    assert one.tokens[2].entity_type is EntityType.PERSON


def test_nothing_is_kept_between_calls(redactor: TextRedactor) -> None:
    """A name that one conversation held has no trace in the next, whose numbers begin again."""
    redactor.redact_lines(["My name is Adaeze Okonkwo."])
    (line,) = redactor.redact_lines(["My name is Ingeborg Lindqvist."])
    assert "[PERSON 1]" in line
