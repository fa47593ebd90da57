"""The words of a call: one memory for all, labels that stay, late finds, and participants who are forgotten."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from recorder.live.text.words import BEFORE_S, Late, Spoken, WordBook
from redaction.model import EntityType, Span, Utterance, Word
from redaction.policy import Policy
from redaction.text.find import PersonalDataFinder
from redaction.text.ner import Opinion
from tests.recorder.live.scene import ADA, BOB, CID

POLICY = Policy()


class TellingReader:
    """Knows a name only where somebody says whose it is; counts what it was asked."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.asked = 0

    def read(self, words: Sequence[str]) -> list[Opinion]:
        """Hold the names personal beside the word `name`."""
        self.asked += 1
        telling = any(word == "name" for word in words)
        scores = [0.99 if telling and word.strip(".,") in self.names else 0.0 for word in words]
        return [Opinion(EntityType.PERSON, score) for score in scores]


def said(text: str, at: float, track: str = ADA) -> Utterance:
    """Return an utterance, half a second a word."""
    words = tuple(
        Word(word, Span(at + index / 2, at + index / 2 + 0.4)) for index, word in enumerate(text.split())
    )
    return Utterance(words, Span(at, words[-1].span.end), "S1", track)


def book_of(*names: str) -> tuple[WordBook, TellingReader]:
    """Return a book whose finder knows some names where they are told."""
    reader = TellingReader(*names)
    return WordBook(PersonalDataFinder(POLICY.speech, model=reader), POLICY), reader


def released(
    book: WordBook, *utterances: Utterance, after: Sequence[Utterance] = ()
) -> tuple[list[str], list[Late]]:
    """Release utterances, store them, and return their texts and what was found late."""
    new, late = book.release(utterances, after)
    for item in new:
        item.stored = True
    return [text_of(item) for item in new], late


def text_of(item: Spoken) -> str:
    """Return what is stored of an utterance."""
    return " ".join(word.text for word in item.line(POLICY).words)


def test_a_name_found_once_is_masked_in_everybodys_words() -> None:
    """A name that one participant tells is masked, with one label, when another says it a minute later."""
    book, _ = book_of("rose")
    first, _ = released(book, said("my name is rose hello", 1))
    second, _ = released(book, said("then ask rose about the plan", 90, BOB))
    assert first == ["my name is PERSON 1 hello"]
    assert second == ["then ask PERSON 1 about the plan"]


def test_what_is_said_next_is_known_before_words_are_stored() -> None:
    """A name that is told in the next few seconds is masked in what is stored before."""
    book, _ = book_of("rose")
    texts, late = released(
        book, said("good morning rose and all", 1), after=[said("my name is rose", 5, BOB)]
    )
    assert texts == ["good morning PERSON 1 and all"]
    assert late == []


@pytest.mark.parametrize("gap", [10.0, BEFORE_S + 30.0])
def test_a_name_told_later_is_taken_out_of_what_was_stored(gap: float) -> None:
    """Words that were stored are told with the time at which they are heard, and their line is written anew."""
    book, _ = book_of("rose")
    texts, _ = released(book, said("then ask rose about the plan", 1, BOB))
    assert "rose" in texts[0]
    _, late = released(book, said("my name is rose", gap))
    late += book.look_over()
    (found,) = late
    assert found.spans == (Span(2.0, 2.4),)
    assert text_of(found.spoken) == "then ask PERSON 1 about the plan"
    assert found.spoken.line(POLICY).id == 1
    assert book.look_over(force=True) == []


def test_a_late_word_is_muted_where_it_is_heard_now() -> None:
    """The time of a late find is that of the synthetic voice; a word whose time is not known takes its utterance."""
    book, _ = book_of("rose")
    new, _ = book.release([said("then ask rose now", 1), said("tell rose that too", 20)], [])
    moved = new[0].redacted(POLICY)
    tokens = tuple(
        type(token)(token.text, Span(token.span.start + 0.25, token.span.end + 0.25))
        for token in moved.tokens
    )
    new[0].retimed(type(moved)(tokens, moved.span, moved.speaker, moved.track), POLICY)
    other = new[1].redacted(POLICY)
    lost = tuple(type(token)(token.text, token.span, located=False) for token in other.tokens)
    new[1].retimed(type(other)(lost, other.span, other.speaker, other.track), POLICY)
    for item in new:
        item.stored = True
    _, late = book.release([said("my name is rose", 30)], [])
    assert [found.spans for found in late] == [(Span(2.25, 2.65),), (Span(20.0, 21.9),)]


def test_display_names_are_masked_also_where_they_were_said_before() -> None:
    """A display name learned in the middle of a call is masked from then on, and found in what was stored."""
    book, _ = book_of()
    before, _ = released(book, said("hello rose can you hear me", 1))
    assert "rose" in before[0]
    book.know_names(["Rose Oduya", "  "])
    book.know_names(["Rose Oduya"])
    after, late = released(book, said("thank you rose", 100, BOB))
    late += book.look_over()
    assert after == ["thank you PERSON 1"]
    assert [text_of(found.spoken) for found in late] == ["hello PERSON 1 can you hear me"]


def test_telling_a_name_waits_for_no_search() -> None:
    """While a search goes on for long a display name is taken at once, and masked by the next search."""
    book, reader = book_of()
    begun, go_on = threading.Event(), threading.Event()
    read = reader.read

    def slow(words: Sequence[str]) -> list[Opinion]:
        begun.set()
        assert go_on.wait(20)
        return read(words)

    reader.read = slow  # type: ignore[method-assign]
    search = threading.Thread(target=lambda: released(book, said("then Zebedee came", 1.0)))
    search.start()
    assert begun.wait(20)
    telling = threading.Thread(target=lambda: book.know_names(["Zebedee"]))
    telling.start()
    telling.join(5)
    stuck = telling.is_alive()
    go_on.set()
    search.join(20)
    telling.join(20)
    assert not stuck
    new, _ = book.release([said("Zebedee is here", 5.0)], [])
    assert "Zebedee" not in text_of(new[0])


def test_forgetting_drops_words_and_what_they_taught() -> None:
    """After somebody is forgotten nothing of theirs is held, names that only they told are no longer known, and
    names that somebody else told still are."""
    book, reader = book_of("rose", "grace")
    released(book, said("my name is rose", 1, ADA))
    released(book, said("my name is grace", 5, BOB))
    assert book.holds(ADA)
    asked = reader.asked
    book.forget(ADA)
    assert not book.holds(ADA)
    assert book.holds(BOB)
    texts, late = released(book, said("both rose and grace came", 200, CID))
    assert texts == ["both rose and PERSON 2 came"]
    assert late == []
    assert reader.asked > asked
    dropped, _ = released(book, said("my name is rose", 300, ADA))
    assert dropped == []
    assert not book.holds(ADA)
    assert "rose" not in repr(book._masks.__dict__)
    assert "rose" not in "".join(str(memory.__dict__).casefold() for memory in book._memories.values())


def test_labels_stay_while_the_call_goes_on() -> None:
    """People are counted in order of their first mention over the whole call, and numbers likewise."""
    book, _ = book_of("rose", "grace")
    texts = [
        *released(book, said("my name is rose", 1))[0],
        *released(book, said("my name is grace", 100, BOB))[0],
        *released(book, said("call me on 415 555 0142", 200))[0],
        *released(book, said("grace and rose again", 300, CID))[0],
        *released(book, said("was it 415 555 0142", 400, CID))[0],
    ]
    assert texts[0].endswith("PERSON 1")
    assert texts[1].endswith("PERSON 2")
    assert texts[3] == "PERSON 2 and PERSON 1 again"
    assert texts[2].split()[-2:] == texts[4].split()[-2:] == ["PHONE", "1"]


def test_numbers_count_up_within_a_participant() -> None:
    """Line numbers count up for each participant by themselves."""
    book, _ = book_of()
    new, _ = book.release([said("one", 1), said("two", 3, BOB), said("three", 5)], [])
    assert sorted((item.utterance.track, item.id) for item in new) == [(ADA, 1), (ADA, 2), (BOB, 1)]


def test_what_is_searched_again_is_not_read_again() -> None:
    """The name model is asked once about an utterance, although the next searches take it in as context."""
    book, reader = book_of()
    for number in range(20):
        released(book, said(f"sentence with word{number} in it", 2.0 * number))
    assert reader.asked <= 25


def test_memory_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a call without end the oldest words go."""
    monkeypatch.setattr("recorder.live.text.words.MOST_WORDS", 50)
    book, _ = book_of()
    for number in range(100):
        released(book, said("ten words are in this line of the long call", 10.0 * number))
    assert len(book._history) <= 6
    assert book._held <= 50
