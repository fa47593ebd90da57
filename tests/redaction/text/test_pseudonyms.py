"""Labels that stay the same for the same person or number."""

from __future__ import annotations

from typing import cast

from redaction.model import EntityType, TextFinding
from redaction.text.pseudonyms import assign
from tests.redaction.text.conftest import speak

PERSON, PHONE = EntityType.PERSON, EntityType.PHONE


def found(
    utterance: int, first: int, last: int, kind: EntityType = PERSON, rule: str = "title"
) -> TextFinding:
    """Make a finding."""
    return TextFinding(utterance, first, last, kind, 0.9, rule)


def test_variants_of_a_name_share_a_label() -> None:
    """First name, full name, possessive, misspelling and title of one person are one; another person is another."""
    utterances = speak("Ottoline", "Ottoline Brzeska", "Dr. Brzeska's", "Otoline", "Ravna", "O-T-T-O-L-I-N-E")
    labelled = assign(utterances, [found(at, 0, len(one.words)) for at, one in enumerate(utterances)])
    assert [one.pseudonym for one in labelled] == ["PERSON 1"] * 4 + ["PERSON 2", "PERSON 1"]


def test_parts_join_when_the_whole_is_heard() -> None:
    """A first name and a surname heard apart become one person once they are heard together."""
    utterances = speak("Ottoline", "Brzeska", "Ottoline Brzeska")
    labelled = assign(utterances, [found(0, 0, 1), found(1, 0, 1), found(2, 0, 2)])
    assert {one.pseudonym for one in labelled} == {"PERSON 1"}


def test_two_people_of_one_surname_stay_two_when_first_heard_so() -> None:
    """Labels count up by first appearance within a kind."""
    utterances = speak("Ravna", "Ottoline", "5550173 then", "Ravna")
    labelled = assign(utterances, [found(0, 0, 1), found(1, 0, 1), found(2, 0, 1, PHONE), found(3, 0, 1)])
    assert [one.pseudonym for one in labelled] == ["PERSON 1", "PERSON 2", "PHONE 1", "PERSON 1"]


def test_number_keeps_its_label_however_said() -> None:
    """Digits, words and the last four of a number share a label."""
    utterances = speak("555-0173", "five five five oh one seven three", "oh one seven three", "555-0188")
    labelled = assign(utterances, [found(at, 0, len(one.words), PHONE) for at, one in enumerate(utterances)])
    assert [one.pseudonym for one in labelled] == ["PHONE 1", "PHONE 1", "PHONE 1", "PHONE 2"]


def test_roster_puts_names_together() -> None:
    """Parts of one roster entry share a label even if never heard together."""
    utterances = speak("Will", "Byers")
    labelled = assign(utterances, [found(0, 0, 1), found(1, 0, 1)], roster=("Will Byers",))
    assert {one.pseudonym for one in labelled} == {"PERSON 1"}


def test_overlap_becomes_one_finding_and_rules_name_it() -> None:
    """Overlapping findings are joined; a rule's kind wins over the model's; an unknown kind is OTHER."""
    utterances = speak("a b c d e")
    labelled = assign(
        utterances,
        [
            found(0, 0, 2, EntityType.ACCOUNT, "rampart"),
            found(0, 1, 3, PHONE, "code"),
            found(0, 4, 5, cast(EntityType, "MARTIAN")),
        ],
    )
    assert [(one.first, one.last, one.entity_type) for one in labelled] == [
        (0, 3, PHONE),
        (4, 5, EntityType.OTHER),
    ]
    assert labelled[1].pseudonym == "OTHER 1"


def test_labels_say_nothing_of_the_words() -> None:
    """The same words in another recording get labels by order alone."""
    first = assign(speak("Ravna", "Ottoline"), [found(0, 0, 1), found(1, 0, 1)])
    second = assign(speak("Ottoline", "Ravna"), [found(0, 0, 1), found(1, 0, 1)])
    assert [one.pseudonym for one in first] == [one.pseudonym for one in second]
