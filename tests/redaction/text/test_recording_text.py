"""Speech, chat and captions understood together: one label for one person, and nothing personal is left."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from recorder.bundle.chat import Chat, stored, write_chat
from recorder.verify.words import check_text
from redaction.errors import RedactionIncomplete
from redaction.model import EntityType, RedactedUtterance, Span, Token, Utterance, Word
from redaction.policy import Policy, TranscriptSection
from redaction.text.find import PersonalDataFinder
from redaction.text.ner import Opinion
from redaction.text.recording_text import RedactedMessage, RedactedText, redact_text
from redaction.text.sidecars import NO_SIDECARS, Caption, ChatLine, Sidecars


class FakeBlindReader:
    """Holds no word personal, so that only rules and names speak."""

    def read(self, words: Sequence[str]) -> list[Opinion]:
        """Return that nothing is personal."""
        return [Opinion(EntityType.OTHER, 0.0) for _ in words]


@pytest.fixture
def finder() -> PersonalDataFinder:
    return PersonalDataFinder(Policy().speech, model=FakeBlindReader())


def said(text: str, *, speaker: str = "S1", track: str = "A1", at: float = 0.0) -> Utterance:
    """Return an utterance of words half a second apart."""
    words = tuple(
        Word(word, Span(at + place / 2, at + place / 2 + 0.4)) for place, word in enumerate(text.split())
    )
    return Utterance(words, Span(at, at + len(words) / 2), speaker, track)


def texts(lines: Sequence[RedactedUtterance | RedactedMessage]) -> list[str]:
    """Return what would be stored of each line."""
    return [
        " ".join(f"[{token.text}]" if token.entity_type else token.text for token in line.tokens)
        for line in lines
    ]


_BESIDE = Sidecars(
    names=("Adaeze Okonkwo", "Daniel Carter"),
    chat=(
        ChatLine(1.0, "Adaeze Okonkwo", "hi daniel, mail ada@example.com or 415-555-0142"),
        ChatLine(None, "Daniel Carter (Host)", "thanks Adaeze see okonkwo-plan.pdf @danielcarter7"),
        ChatLine(3.0, "Guest 7", "budget.xlsx is on 4155550142"),
    ),
    captions=(Caption(Span(0, 2), "Adaeze Okonkwo", "this is adaeze from Quantrix"),),
    voices={"A2": "DanielCarter"},
)


def test_one_person_has_one_label_everywhere(finder: PersonalDataFinder) -> None:
    """A name in speech, in a message and as a sender bears the same pseudonym, and a number does too."""
    spoken = [said("So Adaeze went home"), said("Yes, Daniel here", speaker="S2", track="A2", at=9)]
    understood = redact_text(spoken, _BESIDE, finder=finder, policy=Policy())
    assert texts(understood.redacted) == ["So [PERSON 1] went home", "Yes, [PERSON 2] here"]
    first, second, third = understood.written.chat
    assert (first.sender, second.sender) == ("PERSON 1", "PERSON 2")
    assert third.sender not in ("PERSON 1", "PERSON 2", "")
    assert texts([first])[0].startswith("hi [PERSON 2] mail [EMAIL 1]")
    assert texts([second])[0].startswith("thanks [PERSON 1]")
    assert "[PHONE 1]" in texts([third])[0]
    assert (first.voice, second.voice, third.voice) == ("", "A2", "")


def test_nothing_personal_is_left_in_chat_and_captions(finder: PersonalDataFinder) -> None:
    """Names, parts of names inside other words, addresses, numbers and names of files are gone."""
    written = redact_text([], _BESIDE, finder=finder, policy=Policy()).written
    kept = " ".join(texts([*written.chat, *written.captions])).casefold()
    for needle in ("adaeze", "okonkwo", "daniel", "carter", "example", "0142", "pdf", "xlsx"):
        assert needle not in kept
    assert check_text(written, ()).passed
    assert sum(written.counts.values()) >= 6


def test_captions_teach_the_search_of_speech(finder: PersonalDataFinder) -> None:
    """What a caption gives away is found in speech where nothing else would tell it."""
    spoken = [said("i think zanthoria is right")]
    beside = Sidecars(captions=(Caption(None, "", "my name is Zanthoria Quex"),))
    alone = redact_text(spoken, NO_SIDECARS, finder=finder, policy=Policy())
    taught = redact_text(spoken, beside, finder=finder, policy=Policy())
    assert "zanthoria" in texts(alone.redacted)[0]
    assert "zanthoria" not in texts(taught.redacted)[0]
    assert taught.written.captions == ()


@pytest.mark.parametrize(("names", "sender"), [("pseudonym", "PERSON 2"), ("label", "PERSON"), ("drop", "")])
def test_senders_are_called_as_the_policy_says(finder: PersonalDataFinder, names: str, sender: str) -> None:
    """Pseudonyms, labels or nothing stand for senders as they do for names in texts."""
    policy = Policy(transcript=TranscriptSection(names=names))
    written = redact_text([], _BESIDE, finder=finder, policy=policy).written
    assert written.chat[0].sender == sender


def test_stored_chat(finder: PersonalDataFinder, tmp_path: Path) -> None:
    """The file holds what its schema says, and what the transcript calls a sender whose voice is known."""
    written = redact_text([], _BESIDE, finder=finder, policy=Policy()).written
    write_chat(stored(written.chat, speakers={"A2": "Speaker 1"}), tmp_path / "chat.json")
    chat = Chat.model_validate_json((tmp_path / "chat.json").read_bytes())
    assert [message.speaker for message in chat.messages] == [None, "Speaker 1", None]
    assert [message.time for message in chat.messages] == [1.0, None, 3.0]
    assert json.loads((tmp_path / "chat.json").read_text())["schema_version"] == "offrecord/chat/1"


@pytest.mark.parametrize("word", ["Okonkwo", "adaeze's", "415-555-0142", "Ada@Example.com"])
def test_a_name_left_standing_publishes_nothing(finder: PersonalDataFinder, word: str) -> None:
    """The last check refuses what holds a name, number or address from beside the recording."""
    written = redact_text([], _BESIDE, finder=finder, policy=Policy()).written
    leak = RedactedMessage(1.0, "PERSON 1", "", (Token("see", Span(0, 0)), Token(word, Span(0, 0))))
    with pytest.raises(RedactionIncomplete) as caught:
        check_text(replace(written, chat=(leak,)), ())
    assert word not in str(caught.value)
    line = RedactedUtterance(leak.tokens, Span(0, 1), "S1", "A1")
    with pytest.raises(RedactionIncomplete):
        check_text(written, (line,))


def test_nothing_raw_is_in_its_representation(finder: PersonalDataFinder) -> None:
    """Tracebacks that show what was understood show no name."""
    shown = repr(redact_text([], _BESIDE, finder=finder, policy=Policy()).written) + repr(_BESIDE)
    assert not any(name in shown.casefold() for name in ("adaeze", "okonkwo", "carter", "0142"))


def test_without_anything_beside_nothing_is_written(finder: PersonalDataFinder) -> None:
    """A recording alone is understood as before."""
    understood = redact_text([said("hello there")], NO_SIDECARS, finder=finder, policy=Policy())
    assert texts(understood.redacted) == ["hello there"]
    assert understood.written == RedactedText()
