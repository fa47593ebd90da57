"""The search over a whole recording."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redaction.model import EntityType
from redaction.policy import SpeechSection
from redaction.text import PersonalDataFinder
from redaction.text.ner import NameModel, Opinion
from tests.redaction.text.conftest import SilentModel, masked, speak


class NamingModel:
    """A name model that knows one list of names."""

    def __init__(self, *names: str, score: float = 0.9) -> None:
        self._names = frozenset(names)
        self._score = score

    def read(self, words: Sequence[str]) -> list[Opinion]:
        """Hold every listed word for a person's name."""
        return [
            Opinion(EntityType.PERSON, self._score if word.lower().strip(".,?!") in self._names else 0.0)
            for word in words
        ]


class FailingModel:
    """A name model that fails on one word."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, words: Sequence[str]) -> list[Opinion]:
        """Fail on `boom`."""
        if "boom" in words:
            raise self._error
        return [Opinion(EntityType.OTHER, 0.0) for _ in words]


@pytest.mark.parametrize("error", [RuntimeError("x"), ValueError("x"), MemoryError(), IndexError()])
def test_failing_model_masks_the_utterance(error: Exception) -> None:
    """Where the model fails, every word of the utterance is masked and the caller can see which it was."""
    finder = PersonalDataFinder(SpeechSection(), model=FailingModel(error))
    lines = ("so we begin", "then it goes boom and on", "so we end")
    assert masked(finder, *lines) == [[], lines[1].split(), []]
    assert finder.failures == [1]


def test_failure_is_forgotten_by_the_next_search() -> None:
    """Failures are those of the last search."""
    finder = PersonalDataFinder(SpeechSection(), model=FailingModel(ValueError()))
    finder.find(speak("boom"))
    finder.find(speak("fine"))
    assert finder.failures == []


def test_found_once_masked_everywhere() -> None:
    """A name that was found once is masked in every utterance, misspelt too, whoever speaks."""
    finder = PersonalDataFinder(SpeechSection(), model=SilentModel())
    found = masked(
        finder,
        "my name is ottoline brzeska",
        "S2: so otoline it is",
        "S2: is brzeska's laptop here",
        "S2: we go outline it",
    )
    assert found == [["ottoline", "brzeska"], ["otoline"], ["brzeska's"], []]


def test_number_is_known_again_in_part() -> None:
    """The last four digits of a number found elsewhere are masked, however they are said."""
    finder = PersonalDataFinder(SpeechSection(), model=SilentModel())
    found = masked(
        finder,
        "call two oh two five five five eighteen seventy three",
        "S2: so eighteen seventy three right",
        "S2: or 1873",
    )
    assert found[1:] == [["eighteen", "seventy", "three"], ["1873"]]


def test_ordinary_name_is_known_again_exactly() -> None:
    """A name that is an everyday word is masked again as it is, and its likes are left."""
    finder = PersonalDataFinder(SpeechSection(), model=SilentModel())
    found = masked(finder, "my name is grace", "S2: then grace spoke", "S2: the graph and the trace")
    assert found == [["grace"], ["grace"], []]


def test_allow_list_takes_back_the_model_only() -> None:
    """An allowed word is kept where only the model marked it, and masked after a plain cue."""
    finder = PersonalDataFinder(SpeechSection(allow=("Zorvex",)), model=NamingModel("zorvex", "kubernetes"))
    assert masked(finder, "we use Zorvex and Kubernetes") == [[]]
    other = PersonalDataFinder(SpeechSection(), model=NamingModel("zorvex"))
    assert masked(other, "we use Zorvex here") == [["Zorvex"]]


def test_product_beside_a_name_is_masked() -> None:
    """A product word that is part of a name goes with it."""
    finder = PersonalDataFinder(SpeechSection(), model=NamingModel("alexa", "romero"))
    assert masked(finder, "hey Alexa Romero not the speaker") == [["Alexa", "Romero"]]


def test_strange_word_needs_less_certainty() -> None:
    """The model's faint hint counts for a word that is in no list, and not for an everyday word."""
    finder = PersonalDataFinder(SpeechSection(), model=NamingModel("saoirse", "window", score=0.1))
    assert masked(finder, "we put saoirse by the window") == [["saoirse"]]


@pytest.mark.parametrize(
    ("line", "score", "found"),
    [
        ("they grab a window here", 0.6, []),
        ("they grab a window here", 0.9, []),
        ("they grab a window here", 0.96, ["window"]),
        ("they grab a zorblat window here", 0.9, ["zorblat", "window"]),
        ("They grab a window here.", 1.0, []),
        ("They grab a Window here.", 0.6, ["Window"]),
        ("they ask hunter here", 0.4, []),
        ("they ask hunter here", 0.6, ["hunter"]),
        ("they go upstairs here", 1.0, []),
    ],
)
def test_everyday_word_needs_more_certainty(line: str, score: float, found: list[str]) -> None:
    """An everyday word is masked on the model's word alone only if it is sure, or the word has a capital."""
    names = ("window", "hunter", "upstairs", "zorblat")
    finder = PersonalDataFinder(SpeechSection(), model=NamingModel(*names, score=score))
    assert masked(finder, line) == [found]


@pytest.mark.parametrize("language", ["ja", "tr", "xx"])
def test_unread_tongue_is_masked(language: str) -> None:
    """Words in a tongue that nothing here reads are masked, and the caller can see where."""
    finder = PersonalDataFinder(SpeechSection(), model=SilentModel())
    findings = finder.find(speak("merhaba nasilsin", language=language))
    assert [(one.first, one.last, one.entity_type) for one in findings] == [(0, 2, EntityType.OTHER)]
    assert finder.unread == [0]


HOSTILE = [
    "x" * 100_000,
    "5" * 100_000,
    "at " * 2_000 + "dot com",
    "one " * 3_000,
    "a " * 3_000,
    "my name is " * 1_000,
    "\x00\x07\x1b[31m red",
    "\u202eevil\u202c text",
    "👩‍👩‍👧‍👦 🎉 ok",
    "a\u0301\u0302\u0303" * 5_000,
    "مرحبا بالعالم",
    "ﬁ ℌ ½ ² İ ẞ",
    "dot dot at at @ @@ . , ''",
    "'s n't - -- +",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_searched(name_model: NameModel, text: str) -> None:
    """No text makes the search fail or crawl, and every finding lies inside its utterance."""
    finder = PersonalDataFinder(SpeechSection(roster=("Eleanor Vance",)), model=name_model)
    utterances = speak(text)
    begin = time.process_time()
    findings = finder.find(utterances)
    assert time.process_time() - begin < 20
    assert all(0 <= one.first < one.last <= len(utterances[0].words) for one in findings)
    assert finder.failures == []


@pytest.mark.parametrize(
    ("line", "language", "found"),
    [
        (
            "mi número es seis cero dos cinco cinco cinco cero uno",
            "es",
            "seis cero dos cinco cinco cinco cero uno",
        ),
        (
            "c'est le zéro six douze trente quatre cinq sept huit neuf",
            "fr",
            "trente quatre cinq sept huit neuf",
        ),
        ("meine nummer ist null eins fünf zwei acht acht drei", "de", "null eins fünf zwei acht acht drei"),
        ("vamos a empezar la reunión de hoy", "es", ""),
    ],
)
def test_other_tongues(rules_only: PersonalDataFinder, line: str, language: str, found: str) -> None:
    """Numbers read out in other tongues are found, and their everyday words are not taken for names."""
    (utterance,) = speak(line, language=language)
    covered = {at for one in rules_only.find([utterance]) for at in range(one.first, one.last)}
    words = [word.text for word in utterance.words]
    assert set(found.split()) <= {words[at] for at in covered}
    assert bool(covered) == bool(found)


def test_absurd_word_is_masked() -> None:
    """A word too long to be read is masked."""
    finder = PersonalDataFinder(SpeechSection(), model=SilentModel())
    assert masked(finder, "so " + "ab" * 500) == [["ab" * 500]]


def test_empty_recording_has_no_findings(rules_only: PersonalDataFinder) -> None:
    """No utterances and utterances of nothing are fine."""
    assert rules_only.find([]) == []
    assert rules_only.find(speak("")) == []


@pytest.mark.slow
def test_time_grows_with_the_length_only(rules_only: PersonalDataFinder) -> None:
    """Four times the talk, with four times the names and numbers, takes at most eight times as long."""

    def cost(count: int) -> float:
        alphabet = "bcdfghjklmnpqrst"
        lines = [
            f"my name is {alphabet[n % 16]}a{alphabet[n // 16 % 16]}iv{alphabet[n // 256 % 16]}ero and my number is "
            f"two oh two five five five {n % 90 + 10} {n % 7919}"
            for n in range(count)
        ]
        utterances = speak(*lines)
        begin = time.process_time()
        rules_only.find(utterances)
        return time.process_time() - begin

    cost(50)
    assert cost(1200) < 8 * cost(300) + 0.2


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text(max_size=30), max_size=8))
def test_any_words_are_searched(rules_only: PersonalDataFinder, lines: list[str]) -> None:
    """Whatever a recogniser emits, findings lie inside their utterances."""
    utterances = speak(*lines)
    for one in rules_only.find(utterances):
        assert 0 <= one.first < one.last <= len(utterances[one.utterance].words)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("so Mehwish Qureshi takes the minutes", ["Mehwish", "Qureshi"]),
        ("and then tendai asked whether oluchi was in", ["tendai", "oluchi"]),
        ("we moved to Ouagadougou in March", ["Ouagadougou"]),
        ("We use Postgres in production and Redis for caches.", []),
        ("And so my fellow Americans, ask not what we do for the Nigerians and two Koreans.", []),
        ("Ask my colleague Romana Nigerian.", ["Romana", "Nigerian."]),
    ],
)
def test_model_and_rules_together(finder: PersonalDataFinder, line: str, found: list[str]) -> None:
    """With the real model, names without a cue are found and product words are left."""
    assert masked(finder, line) == [found]
