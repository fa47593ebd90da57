"""Short answers to a question for personal data: `what's your last name?` and then just `Hunter`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from redaction.model import EntityType, TextFinding, Utterance
from redaction.text.lexicon import CLOSED
from redaction.text.passage import Passage, items_of
from redaction.text.rules.phrases import Phrases
from redaction.text.vocabulary import word_set

__all__ = ["find_answers"]

ASKED: Phrases[EntityType] = Phrases.of_kinds("asked")
LONGEST_ANSWER = 12
NO_ANSWER = CLOSED | word_set("no_answer")


def find_answers(utterances: Sequence[Utterance]) -> Iterator[TextFinding]:
    """Yield the telling words of a short answer by another speaker to a question for personal data."""
    asked: EntityType | None = None
    for index, utterance in enumerate(utterances):
        items = tuple(items_of(utterance, index))
        answered = asked is not None and utterance.speaker != utterances[index - 1].speaker
        if asked is not None and answered and len(items) <= LONGEST_ANSWER:
            for item in items:
                if item.core and item.core not in NO_ANSWER:
                    yield TextFinding(index, item.word, item.word + 1, asked, 0.6, "answer")
        asked = _question(items)


def _question(items: Passage) -> EntityType | None:
    """Return what the end of an utterance asks for."""
    found = [(end, kind) for _, end, kind in ASKED.find(items)]
    if not found:
        return None
    end, kind = found[-1]
    return kind if len(items) - end <= 3 else None
