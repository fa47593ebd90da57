"""Attack: personal data in transcript and chat, in the sound heard again, and in the writing that pictures show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from recorder.audit.detectors import Picture3
from recorder.audit.finder import Finder
from recorder.audit.hearing import Ears
from recorder.audit.outcome import AttackOutcome, AuditVerdict, Control, LookAt, judged, wilson
from recorder.audit.pictures import Shown
from recorder.audit.reader import PictureReader
from recorder.audit.targets import Attacked
from recorder.media.source import Source

__all__ = ["WordsAttack"]

_MOST_FINDINGS: Final = 50
_NEAR_S: Final = 4.0
_SHORTEST: Final = 3
_WORD: Final = re.compile(r"[^\W_]+(?:['@.+-][^\W_]+)*")
_PSEUDONYM: Final = re.compile(r"\[[^\]\n]{0,60}\]")
_PLANTED: Final = (
    "My name is John Smith and I live in Chicago.",
    "You can write to jane.doe@example.com if it breaks.",
    "Call me on 415-555-0132 tomorrow.",
    "The card is 4111 1111 1111 1111.",
    "I spoke to Mary Johnson about the release.",
)
_PLANTED_LINE: Final = "jane.doe@example.com"
_CONTROL_PASSES: Final = 0.6
_MOST_PLANTED: Final = 20
_ATTACKER: Final = "Presidio on spaCy, Whisper base, Tesseract"

_Said = tuple[float, str]


@dataclass(slots=True)
class WordsAttack:
    """Counts over all recordings; words are dropped as soon as a recording was searched."""

    finder: Finder
    ears: Ears
    reader: PictureReader
    words: int = 0
    patterns: int = 0
    names: int = 0
    places: dict[str, int] = field(default_factory=dict)
    findings: list[LookAt] = field(default_factory=list)
    left_out: int = 0
    personal: int = 0
    kept: int = 0
    written: int = 0
    heard_again: int = 0
    planted: int = 0
    planted_found: int = 0

    def listen(self, attacked: Attacked) -> None:
        """Search a bundle's texts, hear its sound again, and compare both with the original's sound."""
        said = list(self._texts(attacked))
        stored = attacked.open()
        heard = [] if stored is None else list(self._sentences(stored))
        for time, text in heard:
            self._search(attacked.name, time, text, "sound")
        written, again = _words(said), _words(heard)
        self.written += len(written)
        self.heard_again += len(written & again)
        if attacked.original is not None and stored is not None and stored.info().audio:
            self._compare(attacked, [*said, *heard])

    def look(self, recording: str, shown: Shown) -> None:
        """Read a picture if it shows something else than the one before, and beside it its original."""
        if not self.reader.changed(shown.stored):
            return
        seen = self.reader.read(shown.stored)
        self._search(recording, shown.time, seen, "picture")
        if self.planted < _MOST_PLANTED:
            self.planted += 1
            self.planted_found += any(
                one.pattern for one in self.finder.find(self.reader.read(_with_line(shown.stored)))
            )
        if shown.original is None:
            return
        before = self.reader.read(shown.original)
        personal = set(_personal(before, self.finder, patterns_only=True))
        self._count_kept(recording, shown.time, personal, {word.casefold() for word in _WORD.findall(seen)})

    def _texts(self, attacked: Attacked) -> Iterator[_Said]:
        if attacked.bundle is None:
            return
        transcript, chat = attacked.bundle.transcript(), attacked.bundle.chat()
        for utterance in transcript.utterances if transcript is not None else ():
            self._search(attacked.name, utterance.start, utterance.text, "transcript")
            yield utterance.start, utterance.text
        for message in chat.messages if chat is not None else ():
            self._search(attacked.name, message.time, message.text, "chat")
            yield message.time or 0.0, message.text

    def _sentences(self, source: Source) -> Iterator[_Said]:
        for words in self.ears.sentences(source):
            if words:
                yield words[0].span.start, " ".join(word.text.strip() for word in words)

    def _search(self, recording: str, time: float | None, text: str, place: str) -> None:
        self.words += len(_WORD.findall(text))
        for one in self.finder.find(text):
            if one.pattern:
                self.patterns += 1
            else:
                self.names += 1
            self.places[place] = self.places.get(place, 0) + 1
            if len(self.findings) < _MOST_FINDINGS:
                at = None if time is None else round(time, 1)
                self.findings.append(LookAt(recording, at, f"{one.kind} in the {place}"))
            else:
                self.left_out += 1

    def _compare(self, attacked: Attacked, stored: list[_Said]) -> None:
        """Count which personal words of the original are still said about the same time."""
        if attacked.original is None:
            return
        for time, text in self._sentences(attacked.original.open()):
            near = {
                word.casefold()
                for at, other in stored
                if abs(at - time) <= _NEAR_S + len(text) / 10
                for word in _WORD.findall(_PSEUDONYM.sub(" ", other))
            }
            self._count_kept(attacked.name, time, set(_personal(text, self.finder)), near)

    def _count_kept(self, recording: str, time: float, personal: set[str], stored: set[str]) -> None:
        kept = personal & stored
        self.personal += len(personal)
        self.kept += len(kept)
        if kept and len(self.findings) < _MOST_FINDINGS:
            self.findings.append(LookAt(recording, round(time, 1), "personal words of the original"))

    def outcomes(self, limits: dict[str, float]) -> list[AttackOutcome]:
        """Return the rows of the audit."""
        if not self.words and not self.personal:
            meaning = "There are no words: nothing is said, written or shown."
            return [AttackOutcome("words-patterns", _ATTACKER, "found", AuditVerdict.NOT_RUN, meaning)]
        control = self._control()
        rows = [
            AttackOutcome(
                "words-patterns",
                _ATTACKER,
                "found",
                judged(control, good=self.patterns <= limits["words-patterns"]),
                f"In {self.words} words of transcript, chat, sound and pictures, {self.patterns} have the form of an "
                "address or number of somebody.",
                float(self.patterns),
                None,
                self.words,
                None,
                limits["words-patterns"],
                control,
                tuple(self.findings),
                self.left_out,
                {f"in the {place}": float(count) for place, count in sorted(self.places.items())},
            ),
            AttackOutcome(
                "words-names",
                _ATTACKER,
                "for 1,000 words",
                self._names_verdict(control, limits["words-names"]),
                f"{self.names} words or groups of words were taken for names or places. The finder also takes products "
                "for names, so look at the places before you judge.",
                1000 * self.names / max(1, self.words),
                None,
                self.words,
                None,
                limits["words-names"] if limits["words-names"] else None,
                control,
            ),
        ]
        if self.personal:
            rows.append(self._original(limits["words-original"]))
        return rows

    def _names_verdict(self, control: Control, limit: float) -> AuditVerdict:
        if not limit:
            return AuditVerdict.TOLD if control.passed else AuditVerdict.INVALID
        return judged(control, good=1000 * self.names / max(1, self.words) <= limit)

    def _original(self, limit: float) -> AttackOutcome:
        control = Control("the original itself, heard and read by the same", float(self.personal), True)
        figure = self.kept / self.personal
        return AttackOutcome(
            "words-original",
            _ATTACKER,
            "share of personal words",
            judged(control, good=figure <= limit),
            f"The same finder takes {self.personal} words of the originals for personal; {self.kept} of them are still "
            "there at their place.",
            figure,
            wilson(self.kept, self.personal),
            self.personal,
            None,
            limit,
            control,
        )

    def _control(self) -> Control:
        """Plant sentences and lines, and see that they are found; see that what is written is heard again."""
        found = sum(bool(self.finder.find(text)) for text in _PLANTED)
        shares = [found / len(_PLANTED)]
        if self.planted:
            shares.append(self.planted_found / self.planted)
        if self.written >= 20:
            shares.append(self.heard_again / self.written)
        return Control(
            "planted sentences and lines found, and words of the transcript heard again",
            min(shares),
            min(shares) >= _CONTROL_PASSES,
        )


def _words(said: Iterable[_Said]) -> set[str]:
    return {word.casefold() for _, text in said for word in _WORD.findall(_PSEUDONYM.sub(" ", text))}


def _personal(text: str, finder: Finder, *, patterns_only: bool = False) -> Iterator[str]:
    for one in finder.find(text):
        if one.pattern or not patterns_only:
            for word in _WORD.findall(text[one.start : one.end]):
                if len(word) >= _SHORTEST:
                    yield word.casefold()


def _with_line(picture: Picture3) -> Picture3:
    """Return a copy of a picture with an invented address written on it."""
    copy = picture.copy()
    scale = max(0.6, picture.shape[0] / 900)
    (width, height), _ = cv2.getTextSize(_PLANTED_LINE, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    cv2.rectangle(copy, (8, 8), (28 + width, 28 + 2 * height), (255, 255, 255), -1)
    place = (18, 18 + round(1.5 * height))
    cv2.putText(copy, _PLANTED_LINE, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return np.asarray(copy, np.uint8)
