"""The chat of a call: messages of those who are recorded, raw in memory until the call is over, then redacted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from recorder.call.consent.commands import clean_line
from recorder.live.store.journal import Journal
from recorder.live.store.schema import WordsLine, stored_token
from recorder.live.text.words import WordBook
from redaction.model import RedactedUtterance, Span, Utterance, Word

__all__ = ["MOST_TYPED", "CallChat"]

MOST_TYPED: Final = 500
"""Of one participant; who writes more has the rest left out."""
_MOST_LETTERS: Final = 100_000
"""Of one participant. Searching takes half a millisecond a word, so that nobody can hold up the end of a call by more
than ten seconds, and all together by more than two minutes. Source: docs/calls.md."""
_MOST_OF_ALL: Final = 1_000_000
_LONGEST_MESSAGE: Final = 2000
_BETWEEN_S: Final = 10.0
"""Messages are searched as if each came so long after the one before. Source: `redaction.text.recording_text`."""


@dataclass(frozen=True, slots=True)
class _Typed:
    token: str
    time: float
    text: str = field(repr=False)


class CallChat:
    """Takes messages, and redacts all of them at once when every name of the call is known.

    Methods may be called from any thread. A recorder that dies takes the messages with it.

    Args:
        language: of what is typed.
    """

    def __init__(self, language: str) -> None:
        self._language = "en" if language == "auto" else language
        self._lock = threading.Lock()
        self._typed: dict[str, list[_Typed]] = {}
        self._letters = 0  # of everybody
        self._forgotten: set[str] = set()

    def add(self, token: str, text: str, time: float) -> None:
        """Take a message of somebody who is recorded; one that is out of bounds is left out."""
        line = clean_line(text, longest=_LONGEST_MESSAGE)
        with self._lock:
            own = self._typed.setdefault(token, [])
            letters = sum(len(one.text) for one in own) + len(line)
            full = len(own) >= MOST_TYPED or letters > _MOST_LETTERS
            full = full or self._letters + len(line) > _MOST_OF_ALL
            if line and not full and token not in self._forgotten:
                self._letters += len(line)
                own.append(_Typed(token, time, line))

    def forget(self, token: str) -> None:
        """Drop what somebody wrote, and take nothing more of them."""
        with self._lock:
            self._forgotten.add(token)
            self._letters -= sum(len(one.text) for one in self._typed.pop(token, ()))

    def search(self, book: WordBook) -> None:
        """Have what was typed known where words are still to be stored."""
        book.typed(self._lines(self._kept(lambda _token, _time: True)))

    def store(self, book: WordBook, journal: Journal, *, may_store: Callable[[str, float], bool]) -> None:
        """Redact every message and write it down; nothing raw is left in memory.

        Args:
            book: knows what is personal.
            journal: where they are written.
            may_store: tells whether what somebody wrote at a call time may be stored, as far as their age goes.

        Raises:
            StorageFailed: the disk refused.
        """
        kept = self._kept(may_store)
        with self._lock:
            self._typed.clear()
        for number, (one, line) in enumerate(zip(kept, book.typed(self._lines(kept)), strict=True), start=1):
            journal.chat(one.token, _as_stored(number, one.time, line))

    def _kept(self, may_store: Callable[[str, float], bool]) -> list[_Typed]:
        with self._lock:
            everything = [one for own in self._typed.values() for one in own]
        kept = (one for one in everything if may_store(one.token, one.time))
        return sorted(kept, key=lambda one: one.time)

    def _lines(self, typed: Sequence[_Typed]) -> list[Utterance]:
        """Return messages as the finder takes them."""
        lines = []
        for number, one in enumerate(typed):
            at = Span(number * _BETWEEN_S, number * _BETWEEN_S)
            words = tuple(Word(word, at, located=False) for word in one.text.split())
            lines.append(Utterance(words, at, one.token, one.token, self._language))
        return lines


def _as_stored(number: int, time: float, line: RedactedUtterance) -> WordsLine:
    at = round(max(0.0, time), 3)
    words = tuple(stored_token(token, Span(at, at)) for token in line.tokens if token.text)
    return WordsLine(id=number, language=line.language, start=at, end=at, words=words)
