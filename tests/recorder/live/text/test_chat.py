"""The chat of a call: raw in memory alone, redacted with all that is known in the end, and only of those who may be."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from recorder.live.text.chat import MOST_TYPED, CallChat
from recorder.live.text.words import WordBook
from tests.recorder.live.scene import ADA, BOB, CID, journal_of, lines
from tests.recorder.live.text.test_words import book_of, released, said


def texts(folder: Path, token: str) -> list[str]:
    """Return what is stored of somebody's messages."""
    stored = lines(folder / "live" / "people" / token / "chat.jsonl")
    return [" ".join(word["text"] for word in line["words"]) for line in stored]


def stored(folder: Path, chat: CallChat, book: WordBook, *, refused: tuple[str, ...] = ()) -> None:
    """Store a chat, but for messages of some people."""
    journal = journal_of(folder, ADA, BOB, CID)
    chat.search(book)
    chat.store(book, journal, may_store=lambda token, _time: token not in refused)
    journal.close()


def test_names_numbers_and_addresses_are_masked_as_in_speech(tmp_path: Path) -> None:
    """A name that was said, one that a participant bears, a name inside a word, a mail address, a file's name."""
    book, _ = book_of("rose")
    released(book, said("my name is rose hello", 1))
    book.know_names(["Thaddeus Ixworth"])
    chat = CallChat("auto")
    for at, text in enumerate(
        (
            "so rose knows",
            "@thaddeusix please",
            "the plan is in plan.docx",
            "agreed then",
            "mail me at ann@example.org",
        )
    ):
        chat.add(ADA, text, float(at))
    stored(tmp_path, chat, book)
    masked = [re.sub(r"\b[A-Z]{2,} \d", "MASKED", text) for text in texts(tmp_path, ADA)]
    assert masked == [
        "so MASKED knows", "MASKED please", "the plan is in MASKED", "agreed then", "mail me at MASKED",
    ]  # fmt: skip
    raw = (tmp_path / "live" / "people" / ADA / "chat.jsonl").read_text().casefold()
    assert not [word for word in ("rose", "thaddeus", "ixworth", "example") if word in raw]


def test_what_was_typed_is_known_in_what_is_said() -> None:
    """A name that only the chat tells is masked in speech that is stored afterwards, and found in what was before."""
    book, _ = book_of("rose")
    first, _ = released(book, said("ask rose about it", 1, BOB))
    chat = CallChat("en")
    chat.add(ADA, "my name is rose", 5.0)
    chat.search(book)
    assert first == ["ask rose about it"]
    assert [late.spoken.utterance.track for late in book.look_over()] == [BOB]
    assert released(book, said("thank you rose", 60, BOB))[0] == ["thank you PERSON 1"]


def test_of_who_withdrew_or_may_not_be_stored_nothing_is_left(tmp_path: Path) -> None:
    """Who was forgotten, also while it is stored, and who is not proved an adult has no line, and no word in memory."""
    book, _ = book_of()
    chat = CallChat("en")
    for token in (ADA, BOB, "d" * 16):
        chat.add(token, "marker", 1.0)
    chat.forget(BOB)
    chat.add(BOB, "marker", 2.0)
    stored(tmp_path, chat, book, refused=(ADA,))
    assert (texts(tmp_path, ADA), texts(tmp_path, BOB)) == ([], [])
    assert not (tmp_path / "live" / "people" / ("d" * 16)).exists()  # no consent on record
    assert chat._typed == {}


@pytest.mark.parametrize("text", ["", " \n\t ", "\x00\x1b\u202e", "\ud800"])
def test_what_shows_nothing_is_no_message(tmp_path: Path, text: str) -> None:
    """Control characters, surrogates and blanks alone make no line."""
    book, _ = book_of()
    chat = CallChat("en")
    chat.add(ADA, text, 1.0)
    stored(tmp_path, chat, book)
    assert texts(tmp_path, ADA) == []


def test_floods_are_bounded(tmp_path: Path) -> None:
    """Of one participant so many messages are kept, each cut to a length; another's are kept beside them."""
    book, reader = book_of()
    chat = CallChat("en")
    for number in range(30):
        chat.add(ADA, f"word{number} " + "x" * 50_000, float(number))
    for number in range(MOST_TYPED + 50):
        chat.add(CID, f"word{number}", float(number))
    chat.add(BOB, "hello all", 3.0)
    stored(tmp_path, chat, book)
    assert sum(map(len, texts(tmp_path, ADA))) <= 100_000
    assert len(texts(tmp_path, CID)) == MOST_TYPED
    assert texts(tmp_path, BOB) == ["hello all"]
    stored_line = json.loads((tmp_path / "live" / "people" / ADA / "chat.jsonl").read_text().split("\n")[0])
    assert sum(len(word["text"]) for word in stored_line["words"]) <= 2000
    assert reader.asked > 0
