"""What is kept of the words."""

from __future__ import annotations

from typing import Literal, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redaction.model import EntityType, Span, TextFinding, Utterance, Word
from redaction.policy import Policy, SpeechSection, TranscriptSection
from redaction.text import PersonalDataFinder, redact_utterances
from redaction.text.lexicon import fold
from tests.redaction.text.conftest import SilentModel, speak

PERSON = EntityType.PERSON
NAMES = [
    "Brzeska",
    "Oyelaran",
    "Qureshi",
    "Xiadani",
    "Tkachenko",
    "Nzinga",
    "Vasquezova",
    "Yildizhan",
    "Thorvaldsen",
]
CUES = [
    "my name is {}",
    "thanks {}",
    "Dr. {} called",
    "ask for {} please",
    "my colleague {} called",
    "{} speaking",
]
FILLERS = ["so we begin with the plan", "that is fine", "let me share the screen", "okay then we go on"]


def found(first: int, last: int, kind: EntityType = PERSON, utterance: int = 0) -> TextFinding:
    """Make a finding."""
    return TextFinding(utterance, first, last, kind, 0.9, "title")


def policy(names: Literal["pseudonym", "label", "drop"] = "pseudonym") -> Policy:
    """Make a policy."""
    return Policy(transcript=TranscriptSection(names=names))


@pytest.mark.parametrize(("names", "text"), [("pseudonym", "PERSON 1"), ("label", "PERSON"), ("drop", "")])
def test_neighbouring_personal_words_become_one_token(
    names: Literal["pseudonym", "label", "drop"], text: str
) -> None:
    """A name of two words becomes one token with the policy's text and the span of both."""
    utterances = speak("thanks Ottoline Brzeska, bye")
    (redacted,) = redact_utterances(utterances, [found(1, 3)], policy(names))
    assert [(token.text, token.entity_type) for token in redacted.tokens] == [
        ("thanks", None), (text, PERSON), ("bye", None)
    ]  # fmt: skip
    words = utterances[0].words
    assert redacted.tokens[1].span == Span(words[1].span.start, words[2].span.end)


def test_possessive_and_punctuation_go_with_the_name() -> None:
    """Nothing of the word is left: no ending, no quotation mark."""
    (redacted,) = redact_utterances(speak('is "Ottoline\'s" here'), [found(1, 2)], policy())
    assert [token.text for token in redacted.tokens] == ["is", "PERSON 1", "here"]


def test_kinds_side_by_side_stay_apart() -> None:
    """A name beside a number gives two tokens; two people side by side give two tokens."""
    utterances = speak("Ottoline 5550173 Ravna Brzeska")
    findings = [found(0, 1), found(1, 2, EntityType.PHONE), found(2, 3), found(3, 4)]
    (redacted,) = redact_utterances(utterances, findings, policy())
    assert [token.text for token in redacted.tokens] == ["PERSON 1", "PHONE 1", "PERSON 2", "PERSON 3"]


def test_name_left_standing_elsewhere_is_replaced() -> None:
    """A kept word that equals a found name, or holds it, is replaced under the same label."""
    utterances = speak("Brzeska is in", "so (brzeska) said", "the Brzeska-Vann case", "that is all")
    redacted = redact_utterances(utterances, [found(0, 1)], policy())
    texts = [[token.text for token in one.tokens] for one in redacted]
    assert texts[1] == ["so", "PERSON 1", "said"]
    assert texts[2] == ["the", "PERSON 1", "case"]
    assert texts[3] == ["that", "is", "all"]


def test_unknown_kind_is_other() -> None:
    """A kind that this version does not know is redacted as OTHER."""
    (redacted,) = redact_utterances(
        speak("so secret it is"), [found(1, 2, cast(EntityType, "MARTIAN"))], policy()
    )
    assert [(token.text, token.entity_type) for token in redacted.tokens][1] == ("OTHER 1", EntityType.OTHER)


def test_unlocated_word_makes_an_unlocated_token() -> None:
    """A replacement that holds a word without a time of its own says so."""
    span = Span(0, 1)
    words = (Word("Ottoline", span), Word("Brzeska", span, located=False), Word("left", span))
    (redacted,) = redact_utterances([Utterance(words, span, "S1", "t1")], [found(0, 2)], policy())
    assert [token.located for token in redacted.tokens] == [False, True]


def test_finding_outside_the_words_changes_nothing() -> None:
    """A finding that reaches past the end masks what is there."""
    (redacted,) = redact_utterances(speak("so Ottoline"), [found(1, 9)], policy())
    assert [token.text for token in redacted.tokens] == ["so", "PERSON 1"]


def test_track_and_speaker_stay() -> None:
    """The frame of the utterance is kept."""
    utterances = speak("S2: so it is")
    (redacted,) = redact_utterances(utterances, [], policy())
    assert (redacted.speaker, redacted.track, redacted.span) == ("S2", "t1", utterances[0].span)
    assert [token.text for token in redacted.tokens] == ["so", "it", "is"]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(NAMES), st.sampled_from([*CUES, *FILLERS]), st.sampled_from(["S1: ", "S2: "])
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(["pseudonym", "label", "drop"]),
    st.sampled_from([str.title, str.lower, str.upper, str]),
)
def test_no_personal_word_is_left(
    lines: list[tuple[str, str, str]], names: Literal["pseudonym", "label", "drop"], case: type[str]
) -> None:
    """No name that a cue leads to stands anywhere in the output, in any case or form."""
    spoken = [who + cue.format(case(name)) for name, cue, who in lines]
    used = {fold(name) for name, cue, _ in lines if "{}" in cue}
    utterances = speak(*spoken)
    finder = PersonalDataFinder(SpeechSection(), model=SilentModel())
    redacted = redact_utterances(utterances, finder.find(utterances), policy(names))
    text = " ".join(token.text for one in redacted for token in one.tokens).casefold()
    assert not [name for name in used if name in text]


@given(
    st.lists(st.text(alphabet="abcdefghij'-.,? ", min_size=1, max_size=8), min_size=1, max_size=20),
    st.data(),
)
def test_no_masked_word_is_kept_in_place(words: list[str], data: st.DataObject) -> None:
    """Kept tokens are words outside every finding, in order; time only moves on."""
    utterances = speak(" ".join("".join(word.split()) or "x" for word in words))
    count = len(utterances[0].words)
    spans = data.draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(1, 4)), max_size=5))
    findings = [found(first, min(first + length, count)) for first, length in spans]
    covered = {at for one in findings for at in range(one.first, one.last)}
    (redacted,) = redact_utterances(utterances, findings, policy())
    kept = [token.text for token in redacted.tokens if token.entity_type is None]
    outside = [word.text for at, word in enumerate(utterances[0].words) if at not in covered]
    iterator = iter(outside)
    assert all(text in iterator for text in kept)
    starts = [token.span.start for token in redacted.tokens]
    assert starts == sorted(starts)
