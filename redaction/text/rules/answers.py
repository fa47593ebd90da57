"""Short answers to a question for personal data: `what's your last name?` and then just `Hunter`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from redaction.model import EntityType, TextFinding, Utterance
from redaction.text.lexicon import CLOSED, namelike
from redaction.text.numbers import code_runs
from redaction.text.passage import Item, Passage, items_of
from redaction.text.rules.dates import MONTHS, SMALL_UNITS, is_ordinal
from redaction.text.rules.names import KIN, RELATIONS, TITLES
from redaction.text.rules.phrases import Phrases
from redaction.text.vocabulary import word_set

__all__ = ["find_answers"]

ASKED: Phrases[EntityType] = Phrases.of_kinds("asked")
# What asks only in a short sentence or in one that speaks of a person, and what asks only where it is said alone.
ASKED_WEAK: Phrases[EntityType] = Phrases.of_kinds("asked_weak")
ASKED_SHORT: Phrases[EntityType] = Phrases.of_kinds("asked_short")
ASKED_WHO: Phrases[EntityType] = Phrases.of_kinds("asked_who")
ASKING_WHO = word_set("asking_who")
ASKED_OF = word_set("asked_of")
SHORT_SENTENCE, ALONE, LONGEST_SENTENCE = 4, 4, 12  # items
LONGEST_ANSWER = 12
LONGEST_CODE = 40  # items of an answer in which numbers and letters are taken
LONGEST_LISTENING = 5  # items of what a listener says while somebody answers
MOST_TURNS = 16  # of an answer that is given in parts
NO_ANSWER = CLOSED | word_set("no_answer")
NOT_NAME = RELATIONS | word_set("answer_not_name")
NAMED = (EntityType.PERSON, EntityType.ADDRESS, EntityType.ORGANIZATION, EntityType.SCHOOL)
_COUNTED = (EntityType.AGE, EntityType.BIRTH_DATE)
INSIDE = frozenset({"of", "the"})
# A question that begins so may be answered by yes or no; `can I take your name` asks for the name.
YES_OR_NO = word_set("yes_or_no")
BACKCHANNEL = word_set("backchannel")
ECHO = word_set("echo_questions")
ASKING = word_set("asking")
BEFORE_REQUEST = 3  # items before what is asked for where no word of asking is said: `okay and your name`
GOES_ON = word_set(
    "asking_further"
)  # `and the name of your first teacher` asks, where nobody is said to do anything
SAYING = word_set("asking_not")
WAITS = word_set("waits")
_UNITS = word_set("units")
FIELDS = word_set("asked_fields")
AFTER_ASKED = word_set("asked_after")
_WORD_LETTERS = word_set("one_letter_words")


@dataclass(slots=True)
class _Question:
    """What was asked, by whom, and what was answered so far."""

    kind: EntityType
    asker: tuple[str, str]
    by_yes: bool = False
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
            words = list(_answer(items, asked.kind, fresh=asked.fresh, by_yes=asked.by_yes))
            asked.answered |= {item.core for item in words if item.core not in _WORD_LETTERS}
            told = words or any(map(_is_mask, items))  # what is masked already told it
            asked.fresh = asked.fresh and not told and len(items) <= LONGEST_ANSWER
            kind = asked.kind
            if (counter := _question(utterance, items)) is not None:
                asked = _Question(counter, speaker, by_yes=_asks_yes_or_no(items))
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
            asked = _Question(question, speaker, by_yes=_asks_yes_or_no(items))


def _goes_on(asked: _Question, utterance: Utterance, items: Passage) -> _Question | None:
    """Return the question as it stands after its asker spoke again; None where the talk went on to other things."""
    own = [item for item in items if item.core and item.core not in asked.answered]
    asks_back = utterance.words[-1].text.rstrip().endswith("?") or items[-1].core in ECHO
    if asks_back and len(items) <= LONGEST_LISTENING + 1:
        asked.fresh = True
        return asked
    listens = all(item.core in BACKCHANNEL for item in own) and len(own) <= LONGEST_LISTENING
    return asked if listens else None


def _answer(items: Passage, kind: EntityType, *, fresh: bool, by_yes: bool) -> Iterator[Item]:
    """Yield what an answer tells, with the `of` and `the` inside of it."""
    told = set(_told(items, kind, fresh=fresh and not by_yes, shortest=3 if by_yes else 1))
    for at, item in enumerate(items):
        inside = item.core in INSIDE and at - 1 in told and at + 1 in told and not items[at - 1].closes
        title = item.core in TITLES and item.core not in KIN and kind is EntityType.PERSON
        if at in told or inside or (title and at + 1 in told):
            yield item


def _told(items: Passage, kind: EntityType, *, fresh: bool, shortest: int) -> Iterator[int]:
    runs = [run for run in code_runs(items) if len(run.text) >= shortest or kind is EntityType.AGE]
    coded = {at for run in runs for at in range(run.first, run.last)}
    waits = {at for at in coded if at + 1 < len(items) and items[at + 1].core in WAITS}
    amounts = {at for at in coded if at + 1 < len(items) and items[at + 1].core in _UNITS}
    coded -= waits if kind is EntityType.AGE else waits | amounts
    telling = {at for at, item in enumerate(items) if _telling(item) and item.core not in NO_ANSWER}
    for at, item in enumerate(items[:LONGEST_CODE]):
        if at in coded or (kind is EntityType.BIRTH_DATE and is_ordinal(item.core) and _dated(items, at)):
            yield at
        elif not item.core or item.core in NO_ANSWER or len(items) > LONGEST_ANSWER:
            continue
        elif kind in _COUNTED:
            counts = is_ordinal(item.core) or item.core in MONTHS or item.core in SMALL_UNITS
            if (counts and item.core not in WAITS and (at - 1 in coded or item.core not in SMALL_UNITS)) or (
                fresh and item.capital
            ):
                yield at
        elif at in telling:
            yield at
        elif fresh and not (kind in NAMED and item.core in NOT_NAME):
            beside = {at - 1} if at and not items[at - 1].pauses else set()
            beside |= {at + 1} if not item.pauses else set()
            if not item.cased or (item.opens and item.upper) or not telling or beside & (telling | coded):
                yield at


def _is_mask(item: Item) -> bool:
    """Tell whether an item is no word: in words that are searched once more a dash stands for what is masked."""
    return not any(map(str.isalnum, item.core))


def _dated(items: Passage, at: int) -> bool:
    """Tell whether a word stands as the day of a date does: `the second`, `second of May`, but not `just a second`."""
    after = items[at + 1].core if at + 1 < len(items) else ""
    return after == "of" or after in MONTHS or (at > 0 and items[at - 1].core == "the")


def _telling(item: Item) -> bool:
    return item.strange or item.capital or namelike(item.core)


def _question(utterance: Utterance, items: Passage) -> EntityType | None:
    """Return what the end of an utterance asks for; a statement that only mentions it asks for nothing."""
    marked = utterance.words[-1].text.rstrip().endswith("?")
    found = [(*one, True) for one in ASKED.find(items)]
    found += [
        (*one, not _goes_with(items, one[1]) and _speaks_of_person(items, one[0], one[2]))
        for one in ASKED_WEAK.find(items)
    ]
    found += [(*one, _asks_who(items, one[0])) for one in ASKED_WHO.find(items)]
    found += [(*one, _alone(items, one[1])) for one in ASKED_SHORT.find(items)]
    found = sorted(one for one in found if one[3])
    if not found:
        return None
    begin, end, kind, _ = max(found, key=lambda one: (one[1], -one[0]))
    if any(map(_is_mask, items[end:])):
        return None  # `my number is —`: it is masked already, and nobody asked for it
    if any(item.closes for item in items[end - 1 : -1]):
        marked = False
    near = len(items) - end <= 3 or (marked and len(items) - end <= LONGEST_ANSWER)
    start = next((at for at in range(begin, 0, -1) if items[at - 1].closes), 0)
    before = [item.core for item in items[start:begin]]
    requests = len(before) <= BEFORE_REQUEST or (before[0] in GOES_ON and not SAYING.intersection(before))
    asks = marked or requests or not ASKING.isdisjoint(before)
    return kind if near and asks else None


def _sentence(items: Passage, at: int) -> Passage:
    """Return the sentence around an item, of a long one what is near."""
    low, high = max(0, at - LONGEST_SENTENCE), min(len(items), at + LONGEST_SENTENCE)
    first = next((begin for begin in range(at, low, -1) if items[begin - 1].closes), low)
    last = next((end + 1 for end in range(at, high) if items[end].closes), high)
    return items[first:last]


def _alone(items: Passage, end: int) -> bool:
    """Tell whether a short sentence ends with what ends before an item: `And the town please?`."""
    rest = end
    while rest < len(items) and items[rest].core in AFTER_ASKED and not items[rest - 1].closes:
        rest += 1
    return len(_sentence(items, end - 1)) <= ALONE and (rest == len(items) or items[rest - 1].closes)


def _asks_who(items: Passage, at: int) -> bool:
    """Tell whether a sentence asks for somebody's name, in so many words or in few: `and your doctor?`."""
    sentence = _sentence(items, at)
    return len(sentence) <= SHORT_SENTENCE or any(item.core in ASKING_WHO for item in sentence)


def _goes_with(items: Passage, end: int) -> bool:
    """Tell whether what is asked for is only the first word of another thing: `the password policy`."""
    if end >= len(items) or items[end - 1].pauses:
        return False
    return items[end].core in FIELDS


def _speaks_of_person(items: Passage, at: int, kind: EntityType) -> bool:
    sentence = _sentence(items, at)
    return len(sentence) <= SHORT_SENTENCE + (kind is EntityType.ADDRESS) or any(
        item.core in ASKED_OF or item.stem in RELATIONS or item.capital for item in sentence
    )


def _asks_yes_or_no(items: Passage) -> bool:
    """Tell whether the last sentence is a question for yes or no."""
    return _sentence(items, len(items) - 1)[0].core in YES_OR_NO
