"""Names cross between picture and speech: those seen feed the search of words, those heard are found on screens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from redaction.model import EntityType, Span, Utterance, Word
from redaction.text.find import PersonalDataFinder
from redaction.text.known import Memory
from redaction.text.lexicon import LONGEST_ENTRY, fold, is_ordinary, is_product, namelike
from redaction.text.rules.names import PARTICLES, TITLES
from redaction.video.screen.decide import Judge, SeenText, parted
from redaction.video.screen.ocr import Reading
from redaction.video.screen.reader import ScreenReader

__all__ = ["MOST_SEEN", "KnownJudge", "must_mask", "reader_of_known"]

MOST_SEEN: Final = 1_000
_APART_S: Final = 100.0
_BRACKETS: Final = re.compile(r"[(\[{<][^)\]}>]*[)\]}>]?")
_MARKS: Final = '.,;:!?*|"“”'


class KnownJudge(Judge):
    """Tells which lines hold what is known by now: names, numbers and places, as they are found again in speech.

    Where a line stands says nothing to it, and no model is asked. A day of the week that was an appointment in speech
    is no secret on a calendar, so days are left.
    """

    def __init__(self, finder: PersonalDataFinder, memories: Mapping[str, Memory]) -> None:
        """Take what finds again.

        Args:
            finder: knows the names that must be masked.
            memories: what was found in speech and in texts beside it, by track.
        """
        super().__init__(finder, text="personal")
        self.learn(memories)

    def personal(self, lines: Sequence[SeenText]) -> list[bool]:
        """Judge the lines of one picture."""
        return self.holding([line.reading.text for line in lines])

    def telling(self, readings: Sequence[Reading]) -> list[bool]:
        """Judge lines by their words."""
        return self.holding([one.text for one in readings])

    def holding(self, texts: Sequence[str]) -> list[bool]:
        """Tell of each text whether something known is in it, its words as they stand or parted."""
        utterances: list[Utterance] = []
        asked: list[int] = []
        for at, text in enumerate(texts):
            for words in dict.fromkeys((tuple(text.split()), tuple(parted(text)))):
                if not words:
                    continue
                start = _APART_S * len(utterances)
                spans = [Span(start, start + 1)] * len(words)
                asked.append(at)
                utterances.append(
                    Utterance(tuple(map(Word, words, spans)), Span(start, start + 1), "S1", "screen")
                )
        held = {
            asked[one.utterance]
            for one in self._finder.find_known(utterances, self._memories)
            if one.entity_type is not EntityType.DATE
        }
        return [at in held for at in range(len(texts))]


def must_mask(seen: Iterable[str]) -> tuple[str, ...]:
    """Return the names that the words must not hold, of the lines that were taken for names on a screen.

    A name of the roster is masked wherever it stands, so titles, products and everyday words in which no name lies
    (`Share`, `Host`) are dropped, and so is what is in brackets. Of an everyday word that people are also called
    nothing is left where other words were dropped beside it: `Page 3` is no name. At most a thousand are returned.
    """
    names: dict[str, tuple[str, ...]] = {}
    for text in seen:
        words = _BRACKETS.sub(" ", text).split()
        kept = tuple(word.strip(_MARKS) for word in words if _may_name(fold(word)))
        titled = sum(fold(word) in TITLES for word in words)
        everyday = all(is_ordinary(fold(word)) for word in kept)
        if sum(map(len, kept)) > 2 and not (everyday and len(kept) + titled < len(words)):
            names.setdefault(" ".join(map(fold, kept)), kept)
        if len(names) >= MOST_SEEN:
            break
    parts = {part for name in names.values() if len(name) > 1 for part in map(fold, name)}
    return tuple(" ".join(name) for key, name in names.items() if len(name) > 1 or key not in parts)


def _may_name(core: str) -> bool:
    letters = core.replace("'", "").replace("-", "")
    if not 1 < len(letters) <= LONGEST_ENTRY or not letters.isalpha() or core in TITLES or core in PARTICLES:
        return False
    everyday = is_ordinary(core) and not core.startswith(("o'", "d'"))
    return not is_product(core) and (not everyday or namelike(core))


def reader_of_known(
    reader: ScreenReader, names: Sequence[str], memories: Mapping[str, Memory]
) -> ScreenReader | None:
    """Return a reader for what is known by now, None where no line that was left to be seen holds any of it.

    Args:
        reader: which read the pictures.
        names: that must be masked.
        memories: what was found in speech and in texts beside it, by track.
    """
    if reader.judge is None:
        return None
    judge = KnownJudge(reader.judge.finder.knowing(names), memories)
    if reader.left.whole and not any(judge.holding(reader.left.texts)):
        return None
    return reader.only(judge)
