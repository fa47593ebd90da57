"""Short answers to a question for personal data: `what's your last name?` and then just `Hunter`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from redaction.model import EntityType, TextFinding, Utterance
from redaction.text.lexicon import CLOSED, namelike
from redaction.text.numbers import code_runs
from redaction.text.passage import Item, Passage, items_of
from redaction.text.rules.phrases import Phrases
from redaction.text.vocabulary import word_set

__all__ = ["find_answers"]

ASKED: Phrases[EntityType] = Phrases.of_kinds("asked")
LONGEST_ANSWER = 12
LONGEST_CODE = 40  # items of an answer in which numbers and letters are taken
LONGEST_LISTENING = 5  # items of what a listener says while somebody answers
MOST_TURNS = 16  # of an answer that is given in parts
NO_ANSWER = CLOSED | word_set("no_answer")
BACKCHANNEL = word_set("backchannel")
ECHO = word_set("echo_questions")
ASKING = word_set("asking")
BEFORE_REQUEST = 3  # items before what is asked for where no word of asking is said: `okay and your name`
WAITS = word_set("waits")
_WORD_LETTERS = word_set("one_letter_words")


@dataclass(slots=True)
class _Question:
    """What was asked, by whom, and what was answered so far."""

    kind: EntityType
    asker: tuple[str, str]
    answered: set[str] = field(default_factory=set)
    fresh: bool = True
    turns: int = 0


def find_answers(utterances: Sequence[Utterance]) -> Iterator[TextFinding]:
    """Yield the telling words of an answer by another speaker to a question for personal data.

    An answer may come in parts, with `yeah` or a question back (`Fourteen what?`) between them. Of a short answer
    right after a question every word counts that tells something; of a later part, and of a long one, only what
    looks like a number, a letter or a name. What the asker says again of it counts too.
    """
    asked: _Question | None = None
    for index, utterance in enumerate(utterances):
        items = tuple(items_of(utterance, index))
        if not items:
            continue
        speaker = (utterance.track, utterance.speaker)
        if asked is not None and speaker != asked.asker:
            asked.turns += 1
            words = list(_answer(items, fresh=asked.fresh))
            asked.answered |= {item.core for item in words if item.core not in _WORD_LETTERS}
            asked.fresh = asked.fresh and not words and len(items) <= LONGEST_LISTENING
            kind = asked.kind
            if (counter := _question(utterance, items)) is not None:
                asked = _Question(counter, speaker)
            elif asked.turns >= MOST_TURNS:
                asked = None
        elif asked is not None:
            words = [item for item in items if item.core in asked.answered]
            kind = asked.kind
            asked = _goes_on(asked, utterance, items)
        else:
            words, kind = [], EntityType.OTHER
        for item in words:
            yield TextFinding(index, item.word, item.word + 1, kind, 0.6, "answer")
        question = _question(utterance, items)
        if question is not None:
            asked = _Question(question, speaker)


def _goes_on(asked: _Question, utterance: Utterance, items: Passage) -> _Question | None:
    """Return the question as it stands after its asker spoke again; None where the talk went on to other things."""
    own = [item for item in items if item.core and item.core not in asked.answered]
    asks_back = utterance.words[-1].text.rstrip().endswith("?") or items[-1].core in ECHO
    if asks_back and len(items) <= LONGEST_LISTENING + 1:
        asked.fresh = True
        return asked
    listens = all(item.core in BACKCHANNEL for item in own) and len(own) <= LONGEST_LISTENING
    return asked if listens else None


def _answer(items: Passage, *, fresh: bool) -> Iterator[Item]:
    coded = {at for run in code_runs(items) for at in range(run.first, run.last)}
    waits = {at for at in coded if at + 1 < len(items) and items[at + 1].core in WAITS}
    for at, item in enumerate(items[:LONGEST_CODE]):
        if at in coded - waits:
            yield item
        elif not item.core or item.core in NO_ANSWER or len(items) > LONGEST_ANSWER:
            continue
        elif fresh or item.strange or item.capital or namelike(item.core):
            yield item


def _question(utterance: Utterance, items: Passage) -> EntityType | None:
    """Return what the end of an utterance asks for; a statement that only mentions it asks for nothing."""
    found = list(ASKED.find(items))
    if not found:
        return None
    begin, end, kind = found[-1]
    marked = utterance.words[-1].text.rstrip().endswith("?")
    if any(item.closes for item in items[end - 1 : -1]):
        marked = False
    near = len(items) - end <= 3 or (marked and len(items) - end <= LONGEST_ANSWER)
    start = next((at for at in range(begin, 0, -1) if items[at - 1].closes), 0)
    asks = (
        marked or begin - start <= BEFORE_REQUEST or any(item.core in ASKING for item in items[start:begin])
    )
    return kind if near and asks else None
