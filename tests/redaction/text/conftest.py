"""Makes utterances of text, and a finder with the real name model where that is in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from redaction.errors import ModelUnavailable
from redaction.model import EntityType, Span, Utterance, Word
from redaction.policy import SpeechSection
from redaction.text import PersonalDataFinder
from redaction.text.ner import NameModel, Opinion

Speak = Callable[..., list[Utterance]]


class SilentModel:
    """A name model that finds nothing, so that rules stand alone."""

    def read(self, words: Sequence[str]) -> list[Opinion]:
        """Return no opinion on any word."""
        return [Opinion(EntityType.OTHER, 0.0) for _ in words]


def speak(*lines: str, speaker: str = "S1", language: str = "en") -> list[Utterance]:
    """Make one utterance of each line; `S2: ` before it names another speaker. A word takes 0.3 s."""
    utterances: list[Utterance] = []
    time = 0.0
    for line in lines:
        who, text = (line[:2], line[4:]) if line[2:4] == ": " else (speaker, line)
        words = tuple(
            Word(word, Span(time + 0.3 * at, time + 0.3 * at + 0.25))
            for at, word in enumerate(text.split(" "))
        )
        utterances.append(Utterance(words, Span(time, time + 0.3 * len(words)), who, "t1", language))
        time += 0.3 * len(words) + 0.4
    return utterances


def masked(finder: PersonalDataFinder, *lines: str) -> list[list[str]]:
    """Return, for each line, the words that are found."""
    utterances = speak(*lines)
    covered: list[set[int]] = [set() for _ in utterances]
    for one in finder.find(utterances):
        covered[one.utterance] |= set(range(one.first, one.last))
    return [
        [word.text for at, word in enumerate(utterance.words) if at in found]
        for utterance, found in zip(utterances, covered, strict=True)
    ]


@pytest.fixture(scope="session")
def name_model(real_models: None) -> NameModel:
    """Return the real name model."""
    try:
        return NameModel.load()
    except ModelUnavailable as missing:
        pytest.skip(f"the name model is not in place: {missing.sentence}")


@pytest.fixture
def rules_only() -> PersonalDataFinder:
    """Return a finder whose model finds nothing."""
    return PersonalDataFinder(SpeechSection(), model=SilentModel())


@pytest.fixture
def finder(name_model: NameModel) -> PersonalDataFinder:
    """Return a finder with the real model."""
    return PersonalDataFinder(SpeechSection(), model=name_model)
