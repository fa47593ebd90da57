"""Judges lines of text from a screen: personal, or free to be seen."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from redaction.model import Box, EntityType, Span, TextFinding, Utterance, Word
from redaction.text.find import MODEL_RULE, PersonalDataFinder
from redaction.text.known import Memory
from redaction.text.lexicon import fold, is_ordinary, is_product, is_uncommon, namelike
from redaction.text.vocabulary import word_set
from redaction.video.screen.ocr import Reading

__all__ = ["Judge", "SeenText", "parted"]

_UNSURE: Final = 0.6
"""A reading below this mean probability is taken for one that nobody could judge."""
_SURE: Final = 0.75
_SHORT: Final = 4
_LONGEST_TAG: Final = 40
_MOST: Final = 4000
_APART_S: Final = 100.0
_CAMEL: Final = re.compile(r"(?<=[a-zà-ÿ])(?=[A-Z])|(?<=[.,;:)>])(?=[A-Za-z])|(?<=[A-Za-z])(?=[(<])")
_CLOCK: Final = re.compile(r"^\W*\d{1,2}[:.]\d{2}\s*([AaPp]\.?[Mm]\.?)?\W*$")
_LETTERS: Final = re.compile(r"[^\W\d_]")
_CODE: Final = re.compile(r"[_=/~#()\[\]{}<>\\]|\w\.\w|\d|^-")
_PARTS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_FILE_ENDINGS: Final = word_set("file_endings")
_MOST_DIGITS: Final = 3
_ANYBODY: Final = word_set("nobody") | word_set("devices") | word_set("screen_guests")
_COMMANDS: Final = word_set("screen_commands")
_SCRIPT: Final = re.compile(r"[^\W\d_a-zA-ZÀ-ɏ]")


@dataclass(frozen=True, slots=True)
class SeenText:
    """A line on the screen.

    Attributes:
        box: in frame pixels.
        reading: what it says.
        cornered: it stands at the corner of a tile.
    """

    box: Box
    reading: Reading
    cornered: bool = False


class Judge:
    """Tells which lines on a screen are personal.

    A line is personal when the finder says so of it, of it with joined words parted, or, if it is short and no caption,
    of it as the answer to `Name:` (what only the name model takes for personal is not, where it is code or a file's
    name that no name is a part of); when it is short and stands at the corner of a tile, where a meeting window writes
    a name; when it is short and a time stands on its right, as over a message; and when it cannot be read for sure.
    """

    def __init__(self, finder: PersonalDataFinder, *, text: Literal["personal", "all", "none"]) -> None:
        self._finder = finder
        self._text = text
        self._known: dict[str, bool] = {}
        self._outdated: set[str] = set()  # of these: judged before a name was learnt
        self._announced: deque[str] = deque()  # by any thread; learnt by the one that judges
        self._owns_finder = False
        self._names: dict[str, None] = {}
        self._memories: Mapping[str, Memory] = {}

    @property
    def reads(self) -> bool:
        """Whether what lines say matters at all."""
        return self._text == "personal"

    @property
    def finder(self) -> PersonalDataFinder:
        """What finds personal data in the lines."""
        self._learn_names()
        return self._finder

    def for_recording(self, names: Sequence[str]) -> Judge:
        """Return a judge for another recording: it knows these names and nothing that this one saw."""
        return Judge(self._finder.knowing(names) if names else self._finder, text=self._text)

    def know(self, names: Sequence[str]) -> None:
        """Take up names that were heard or announced, from any thread; returns at once.

        They are learnt before the next line is judged, and lines that were judged before are looked through for them.
        """
        self._announced.extend(names)

    def _learn_names(self) -> None:
        new: list[str] = []
        while self._announced:
            new.append(self._announced.popleft())
        if not new:
            return
        if not self._owns_finder:
            self._finder, self._owns_finder = self._finder.knowing(()), True
        self._finder.learn_names(new)
        self._outdated = {text for text, personal in self._known.items() if not personal}

    def learn(self, memories: Mapping[str, Memory]) -> None:
        """Take up what was found elsewhere, by track; what was judged before is judged anew."""
        self._memories = memories
        self._known.clear()
        self._outdated.clear()

    def names_seen(self) -> tuple[str, ...]:
        """Return the names that were read; they live in memory only."""
        return tuple(self._names)

    def personal(self, lines: Sequence[SeenText]) -> list[bool]:
        """Judge the lines of one picture."""
        if self._text != "personal":
            return [self._text == "all"] * len(lines)
        self._judge_all([line.reading.text for line in lines])
        placed = [_is_tag(line) or _has_clock(line, lines) for line in lines]
        for line, named in zip(lines, placed, strict=True):
            if named and line.reading.score >= _SURE:
                self._name_of(line.reading.text)
        return [
            named or self._known.get(line.reading.text, True) or _unsure(line.reading)
            for line, named in zip(lines, placed, strict=True)
        ]

    def telling(self, readings: Sequence[Reading]) -> list[bool]:
        """Judge lines by their words alone; what cannot be read for sure says nothing."""
        if self._text != "personal":
            return [self._text == "all"] * len(readings)
        self._judge_all([one.text for one in readings])
        return [self._known.get(one.text, True) and one.score >= _SURE for one in readings]

    def _judge_all(self, texts: Sequence[str]) -> None:
        """Judge texts that never were, and look through those that were for names learnt since."""
        self._learn_names()
        different = dict.fromkeys(texts)
        self._look_through([text for text in different if text in self._outdated])
        self._judge([text for text in different if text not in self._known])

    def _look_through(self, texts: Sequence[str]) -> None:
        """Find known names in texts in which nothing was found before."""
        self._outdated.difference_update(texts)
        asked, utterances = _to_search(texts)
        if utterances:
            self._mark(self._finder.find_known(utterances, {}), asked, utterances)

    def _judge(self, texts: Sequence[str]) -> None:
        """Search texts that were never judged: each by itself, so that neither lends the other a context."""
        asked, utterances = _to_search(texts)
        if len(self._known) + len(texts) > _MOST:
            self._known.clear()
            self._outdated.clear()
        self._known |= dict.fromkeys(texts, False)
        if not utterances:
            return
        found = self._finder.find(utterances)
        if self._memories:
            again = self._finder.find_known(utterances, self._memories)
            found += [one for one in again if one.entity_type is not EntityType.DATE]
        self._mark(found, asked, utterances)

    def _mark(
        self,
        found: Sequence[TextFinding],
        asked: Sequence[tuple[str, int]],
        utterances: Sequence[Utterance],
    ) -> None:
        """Take note of what was found, and of names that stand alone."""
        for finding in found:
            text, skipped = asked[finding.utterance]
            if finding.last <= skipped or _of_code(finding, utterances[finding.utterance], skipped):
                continue
            self._known[text] = True
            if finding.entity_type is EntityType.PERSON and _tag_like(text.partition("(")[0].strip()):
                words = [word.text for word in utterances[finding.utterance].words[skipped:]]
                named = words[max(0, finding.first - skipped) : finding.last - skipped]
                if named == words or not all(is_ordinary(fold(word)) for word in named):
                    self._names.setdefault(" ".join(named))
        self._forget_names()

    def _name_of(self, text: str) -> None:
        """Take a line that stands where names stand for a name, unless no word of it may be one."""
        words = parted(text)
        if not _everyday(words):
            self._names.setdefault(" ".join(words))
            self._forget_names()

    def _forget_names(self) -> None:
        while len(self._names) > _MOST:
            self._names.pop(next(iter(self._names)))


def _to_search(texts: Iterable[str]) -> tuple[list[tuple[str, int]], list[Utterance]]:
    """Return the readings of texts as utterances far apart, each with its text and how many words to skip."""
    asked: list[tuple[str, int]] = []
    utterances: list[Utterance] = []
    for text in texts:
        for words, skipped in _variants(text):
            start = _APART_S * len(utterances)
            spoken = tuple(Word(word, Span(start + at, start + at + 1)) for at, word in enumerate(words))
            if spoken:
                asked.append((text, skipped))
                utterances.append(Utterance(spoken, Span(start, start + len(spoken)), "S1", "screen"))
    return asked, utterances


def parted(text: str) -> list[str]:
    """Return the words of a line, also those whose spaces a reader lost."""
    return [
        part
        for word in text.split()
        for part in ([word] if is_product(fold(word)) or _nobodys(word) else _CAMEL.sub(" ", word).split())
    ]


def _variants(text: str) -> list[tuple[list[str], int]]:
    """Return the readings to search, each with how many words at its beginning are not of the line."""
    plain = text.split()
    apart = parted(text)
    result = [(plain, 0)]
    if apart != plain:
        result.append((apart, 0))
    if _tag_like(text) and not _everyday(apart) and not _caption(apart):
        result.append((["Name:", *apart], 1))
    return result


def _tag_like(text: str) -> bool:
    return (
        bool(text)
        and len(text.split()) <= _SHORT
        and len(text) <= _LONGEST_TAG
        and bool(_LETTERS.search(text))
    )


def _everyday(words: Sequence[str]) -> bool:
    """Tell whether no word of a line may be a name."""
    cores = [fold(word) for word in words]
    return all(
        not core
        or not _LETTERS.search(core)
        or is_product(core)
        or (is_ordinary(core) and not namelike(core))
        for core in cores
    )


def _caption(words: Sequence[str]) -> bool:
    """Tell whether a line of everyday words begins as no name does: `Raise hand`, `Page 3 of 12`, `Mark as unread`."""
    cores = [core for core in map(fold, words) if core]
    if len(cores) < 2 or cores[0] in _ANYBODY:
        return False
    if not all(is_ordinary(core) or not _LETTERS.search(core) for core in cores):
        return False
    command = cores[0] in _COMMANDS and not namelike(cores[1])
    return command or not namelike(cores[0])


def _of_code(finding: TextFinding, utterance: Utterance, skipped: int) -> bool:
    """Tell whether only the name model found something, and all of that is code, a file's name or a small number.

    Of what was asked as a name a number may be a part: `Guest 2`.
    """
    words = [word.text for word in utterance.words[finding.first : finding.last]]
    named = skipped > 0 or fold(utterance.words[0].text) in _ANYBODY
    if not all(map(_nobodys, words)) or (named and not any(map(_LETTERS.search, words))):
        return False
    again = finding.rule.startswith("again") and any(map(_LETTERS.search, words))
    return finding.rule == MODEL_RULE or again


def _nobodys(word: str) -> bool:
    """Tell whether a word is code, a file's name, a version or a small number in which no part may be a name."""
    if not _CODE.search(word) or "@" in word or sum(map(str.isdigit, word)) > _MOST_DIGITS:
        return False
    parts = [part.lower() for part in _PARTS.findall(word)]
    return all(
        len(part) == 1
        or part in _FILE_ENDINGS
        or is_product(part)
        or (is_ordinary(part) and not namelike(part))
        or is_uncommon(part)
        for part in parts
    )


def _unsure(reading: Reading) -> bool:
    """Tell whether a line was found but not read: as nothing at all, not for sure, or in a script of another finder.

    The reader knows Latin letters and Chinese signs. Of name tags in Cyrillic, Devanagari, Korean or Arabic it returns
    nothing, and of textures hardly ever: of 166 places that the detector took for lines in 14 photographs and 7 windows
    none came back blank.
    """
    if not reading.text.strip():
        return True
    if _SCRIPT.search(reading.text):
        return len(reading.text) > 1
    return reading.score < _UNSURE and len(_LETTERS.findall(reading.text)) > 1


def _is_tag(line: SeenText) -> bool:
    return line.cornered and _tag_like(line.reading.text) and not _CLOCK.match(line.reading.text)


def _has_clock(line: SeenText, lines: Sequence[SeenText]) -> bool:
    """Tell whether a short line has a time beside it, as the sender of a message has."""
    if not _tag_like(line.reading.text) or _CLOCK.match(line.reading.text):
        return False
    middle = (line.box.y1 + line.box.y2) / 2
    return any(
        _CLOCK.match(other.reading.text)
        and other.box.y1 <= middle < other.box.y2
        and 0 <= other.box.x1 - line.box.x2 < 40 * line.box.height
        for other in lines
    )
