"""Names that the user gave."""

from __future__ import annotations

import pytest

from redaction.policy import SpeechSection
from redaction.text import PersonalDataFinder
from tests.redaction.text.conftest import SilentModel, masked

ROSTER = ("Eleanor Vance", "Adaeze Okonkwo", "Minseo", "Will Byers", "Zoë Marchetti-Ruiz", "Grace")


@pytest.fixture
def with_roster() -> PersonalDataFinder:
    """Return a finder with a roster whose model finds nothing."""
    return PersonalDataFinder(SpeechSection(roster=ROSTER), model=SilentModel())


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("so eleanor has the floor", ["eleanor"]),
        ("so alina has the floor", ["alina"]),
        ("that is okonkwo's desk", ["okonkwo's"]),
        ("that is okonko's desk", ["okonko's"]),
        ("the file goes to min seo now", ["min", "seo"]),
        ("did ada easy reply", ["ada", "easy"]),
        ("we need zoe for that", ["zoe"]),
        ("we need marchetti for that", ["marchetti"]),
        ("write e l e a n o r there", list("eleanor")),
        ("will grace come", ["grace"]),
        ("so will byers will come", ["will", "byers"]),
        ("I saw Will today.", ["Will"]),
    ],
)
def test_roster_name_is_masked(with_roster: PersonalDataFinder, line: str, found: list[str]) -> None:
    """A name of the roster is masked whole, in part, misheard, misspelt, spelled out or split."""
    assert masked(with_roster, line) == [found]


@pytest.mark.parametrize(
    "line",
    [
        "will you stay",
        "the grade is final",
        "we are alone online",
        "advance the slide",
        "buyers want it",
        "vans and fans",
    ],
)
def test_ordinary_words_are_left(with_roster: PersonalDataFinder, line: str) -> None:
    """Everyday words near a roster name are left."""
    assert masked(with_roster, line) == [[]]


def test_allow_list_does_not_free_the_roster() -> None:
    """A name on both lists is masked."""
    finder = PersonalDataFinder(SpeechSection(roster=("Jenkins",), allow=("Jenkins",)), model=SilentModel())
    assert masked(finder, "ask jenkins about the build") == [["jenkins"]]


def test_names_learnt_one_by_one_are_found_like_a_roster() -> None:
    """A finder that learns names while it works finds what one does that knew them before, and keeps them."""
    lines = (
        "so alina has the floor",
        "will byers will come",
        "did ada easy reply",
        "we need marchetti for that",
    )
    whole = PersonalDataFinder(SpeechSection(roster=ROSTER), model=SilentModel())
    learning = PersonalDataFinder(SpeechSection(roster=ROSTER[:1]), model=SilentModel()).knowing(())
    for name in (*ROSTER[1:], *ROSTER):
        learning.learn_names([name])
    for finder in (learning, learning.knowing(("Somebody",))):
        assert [masked(finder, line) for line in lines] == [masked(whole, line) for line in lines]


def test_learning_names_leaves_other_finders_alone() -> None:
    """What one finder learns, the one that it came from does not know."""
    before = PersonalDataFinder(SpeechSection(), model=SilentModel())
    before.knowing(()).learn_names(["Eleanor Vance"])
    assert masked(before, "so eleanor has the floor") == [[]]
