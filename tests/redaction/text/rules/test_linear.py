"""Every rule is linear: twice the words, of whatever kind, take about twice the steps."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from redaction.model import EntityType, Utterance
from redaction.policy import Policy, SpeechSection
from redaction.text import PersonalDataFinder, assign, redact_utterances
from redaction.text.known import Memory
from redaction.text.normalize import write
from redaction.text.number_words import READ
from redaction.text.numbers import code_runs
from redaction.text.passage import Hit, Passage, items_of, passages
from redaction.text.roster import Roster
from redaction.text.rules import RULES, find_answers
from redaction.text.rules.appointments import find_days
from redaction.text.rules.table import Rule
from tests.redaction.text.conftest import SilentModel, speak

WORDS = 64
MOST = 2.4  # times the steps for twice the words; a quadratic rule takes four times
FILLERS = [
    "dot", "at", "dot at", "at dot", "x dot", "dot com", "at gmail dot com", "a at b dot com", "underscore",
    "x underscore y", "dash", "slash", "dot com slash", "plus", "minus x", "x at", "@", "a@b.com", "@x", "www.x.com",
    "one", "five", "5", "55", "1234567", "double", "double five", "triple", "oh", "o", "twenty", "hundred",
    "one hundred",
    "nine thousand", "k", "1k", "$5", "1.5", "to", "for", "too won", "five to", "ab1", "uh um", "one dash",
    "a", "i", "b", "a b", "b a a a", "k o w", "k-o-w", "b as in bravo", "b for bravo", "as in", "as", "like", "for b",
    "m like mike", "bravo", "zulu", "double a", "capital b", "letter b", "n not m", "b.", "B for",
    "and", "or", "the", "of", "in", "is", "my name is", "name is", "call", "call me", "this is", "mary",
    "zorvex and", "ottoline or zorvex or", "k zorvex", "Mary",
    "mary and",
    "Zorvex", "zorvex", "zorvex qil", "Zorvex,", "zorvex's", "van der", "de la", "mr", "mr and", "dr smith", "sister",
    "doctor doctor", "said", "zorvex said", "speaking", "mark", "will", "his mother", "my mother's name is",
    "street", "maple street", "12 street", "42 maple", "st st", "drive", "Park", "hill", "calle", "calle zorvex", "zip",
    "zip code", "p o box", "box 12", "flat 3", "flat", "lives at", "live in", "grew up in", "new york", "new", "berlin",
    "school", "high school", "saint", "saint school", "goes to", "goes to saint", "university of", "college of zorvex",
    "work at", "works for the", "m i t", "bank", "Bank", "Zorvex Bank", "inc", "and sons", "company called",
    "nine years old", "years old", "nine", "nine and", "he's nine", "my six year old", "aged", "two boys nine",
    "born", "born on", "birthday", "may", "may the", "first", "first of", "may the fifth of", "1990", "the of and",
    "date of birth is", "turns", "monday", "monday at", "on monday at three", "how about", "may 5 may", "meet monday",
    "password is", "the password", "handle is", "handle is x dot", "username", "number is", "case number", "card",
    "ending in", "account ending in", "last four", "ssn is number it's", "is is is", "spelled", "spelled a", "'s",
    "-", "",
    "what is your name", "your email", "your date of birth", "how old are you", "sherwood-forest-glen", "o'brien",
    "x" * 64, "é", "i'm", "north south", "q3", "10th", "10:30", "3-5", "colon", "point", "two colon f", "ip address",
    "mac address", "one point", "192.168.1.1", "my first pet", "the corner of", "corner of maple and", "months old",
]  # fmt: skip


def steps(work: Callable[[], object]) -> int:
    """Return how many lines of Python a piece of work runs."""
    count = 0

    def line(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return line

    before = sys.gettrace()
    sys.settrace(lambda frame, event, arg: line)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def talk(filler: str, words: int) -> list[Utterance]:
    """Return one utterance of a filler over and over."""
    return speak(" ".join([filler] * (words // max(1, len(filler.split())))))


def passage(filler: str, words: int) -> Passage:
    """Return the same as a passage."""
    return next(iter(passages(talk(filler, words), READ)), ())


def _drain(rule: Rule, items: Passage) -> list[Hit]:
    return list(rule(items))


ROSTER = Roster(("Eleanor Vance", "Maria de la Cruz", "Bo", "Mark Will"))
MEMORY = Memory()
MEMORY.learn([(items_of(speak("eleanor zorvex vance")[0], 0), EntityType.PERSON, 1.0, True)])
READERS: dict[str, Callable[[Passage], object]] = {
    **{rule.__name__: partial(_drain, rule) for rule in (*RULES, find_days)},
    "code_runs": code_runs,
    "write": write,
    "roster": lambda items: list(ROSTER.find(items)),
    "known words": lambda items: list(MEMORY.find(items)),
    "known numbers": lambda items: list(MEMORY.find_tokens(write(items))),
}


@pytest.mark.parametrize("name", READERS)
def test_rule_is_linear(name: str) -> None:
    """No filler makes a rule take more than 2.4 times the steps for twice the words."""
    slow = []
    for filler in FILLERS:
        short, long = passage(filler, WORDS), passage(filler, 2 * WORDS)
        READERS[name](long)  # what is remembered by word is remembered by now
        once, twice = (steps(partial(READERS[name], items)) for items in (short, long))
        if twice > MOST * once + 300:
            slow.append((filler, once, twice))
    assert slow == []


@pytest.mark.parametrize("parts", [1, 12])
def test_search_is_linear(parts: int) -> None:
    """Neither is the whole search of one long message, of many short ones, or what is written of it."""
    finder = PersonalDataFinder(SpeechSection(roster=("Eleanor Vance",)), model=SilentModel())

    def search(utterances: list[Utterance]) -> None:
        findings = assign(utterances, finder.find(utterances))
        redact_utterances(utterances, findings, Policy())
        list(find_answers(utterances))

    slow = []
    for filler in FILLERS[::6] if parts > 1 else FILLERS[1::4]:
        short, long = (
            [one for _ in range(times * parts) for one in talk(filler, 60 // parts)] for times in (2, 4)
        )
        if parts == 1:
            short, long = talk(filler, 80), talk(filler, 160)
        search(long)
        once, twice = steps(partial(search, short)), steps(partial(search, long))
        if twice > MOST * once + 2_000:
            slow.append((filler, once, twice))
    assert slow == []
