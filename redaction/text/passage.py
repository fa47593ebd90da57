"""Words of one speaker in a row, over the borders of utterances, ready to be searched by rules."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from redaction.model import EntityType, TextFinding, Utterance
from redaction.text.lexicon import fold, has_everyday_words, is_ordinary, is_uncommon, namelike, stem
from redaction.text.number_words import number_word
from redaction.text.vocabulary import word_set

__all__ = ["Hit", "Item", "Passage", "item_of", "items_of", "passages", "spread"]

LONGEST_PAUSE = 30.0  # seconds; a number read out in parts is not held up for longer
_ABBREVIATIONS = word_set("abbreviations")
_BOUND = 64
_I = re.compile(r"\W*I(?:['’]\w+)?\W*$")


@dataclass(frozen=True, slots=True)
class Item:
    """One word, prepared for comparison.

    Attributes:
        utterance: index of its utterance in the searched list.
        word: index within the utterance.
        core: folded word without punctuation at its ends.
        stem: `core` without possessive or contraction.
        capital: it begins with a capital letter that its place in the sentence does not explain.
        upper: it begins with a capital letter.
        opens: it is the first word of a sentence.
        closes: a sentence ends with it.
        pauses: punctuation follows it.
        cased: its utterance has capital letters at all.
        language: that of its utterance.
    """

    utterance: int
    word: int
    core: str
    stem: str
    capital: bool
    upper: bool
    opens: bool
    closes: bool
    pauses: bool
    cased: bool
    language: str = "en"

    @property
    def ordinary(self) -> bool:
        """True for an everyday word, also where people are called so."""
        return is_ordinary(self.core, self.language)

    @property
    def uncommon(self) -> bool:
        """True for a word of the dictionary that is no everyday word and nobody's name."""
        return is_uncommon(self.core, self.language)

    @property
    def listed(self) -> bool:
        """True where a list tells the everyday words of its language; of others none is strange."""
        return has_everyday_words(self.language)

    @property
    def alphabetic(self) -> bool:
        """True when it is made of letters, apostrophes and hyphens only."""
        letters = self.stem.replace("'", "").replace("-", "").replace(".", "")
        return len(letters) > 1 and letters.isalpha()

    @property
    def nameable(self) -> bool:
        """True when it may be a name where the words before it call for one."""
        if not self.alphabetic:
            return False
        if self.cased and self.upper:
            return not self.ordinary or namelike(self.core) or self.capital
        if self.cased:
            return self.listed and not self.ordinary and not self.uncommon
        return not self.ordinary or namelike(self.core)

    @property
    def strange(self) -> bool:
        """True when it is no everyday word and, in text with capitals, written with one."""
        if not self.listed:
            return False
        return self.alphabetic and not self.ordinary and (self.upper or not self.cased)


@dataclass(frozen=True, slots=True)
class Hit:
    """Items `[first, last)` of a passage that are personal; a strong hit no allow-list takes back."""

    first: int
    last: int
    entity_type: EntityType
    score: float
    rule: str
    strong: bool = True


Passage = tuple[Item, ...]


def item_of(utterance: Utterance, index: int, word: int, *, opens: bool, cased: bool) -> Item:
    """Prepare one word of an utterance."""
    raw = utterance.words[word].text.strip()[:_BOUND]
    core = number_word(fold(raw), utterance.language)
    upper = bool(raw.lstrip("\"'([¿¡“«")[:1].isupper()) and core.partition("'")[0] != "i"
    if upper and raw.isupper() and len(core) > 1 and is_ordinary(core) and not namelike(core):
        upper = False
    tail = raw.rstrip("\"')]”»")
    short = core in _ABBREVIATIONS or (len(core) == 1 and core.isalpha() and tail.endswith("."))
    closes = tail.endswith((".", "?", "!", "…")) and not short
    return Item(
        utterance=index,
        word=word,
        core=core,
        stem=stem(core),
        capital=upper and not opens,
        upper=upper,
        opens=opens,
        closes=closes,
        pauses=tail.endswith((".", "?", "!", "…", ",", ";", ":")) and not short,
        cased=cased,
        language=utterance.language,
    )


def items_of(utterance: Utterance, index: int) -> list[Item]:
    """Prepare the words of one utterance, in order."""
    cased = any(
        any(char.isupper() for char in word.text[:_BOUND]) and not _I.match(word.text)
        for word in utterance.words
    )
    items: list[Item] = []
    for word in range(len(utterance.words)):
        opens = not items or items[-1].closes
        items.append(item_of(utterance, index, word, opens=opens, cased=cased))
    return items


def passages(utterances: Sequence[Utterance], languages: Container[str]) -> list[Passage]:
    """Join the utterances of each speaker of each track until a pause of over 30 s.

    Those in other languages than the given are left out.

    Others may speak in between: a number is often repeated by the listener while it is read out.
    """
    streams: dict[tuple[str, str], list[Item]] = {}
    ends: dict[tuple[str, str], float] = {}
    done: list[Passage] = []
    for index, utterance in enumerate(utterances):
        if utterance.language not in languages:
            continue
        key = (utterance.track, utterance.speaker)
        if key in streams and utterance.span.start - ends[key] > LONGEST_PAUSE:
            done.append(tuple(streams.pop(key)))
        streams.setdefault(key, []).extend(items_of(utterance, index))
        ends[key] = utterance.span.end
    return [*done, *(tuple(stream) for stream in streams.values() if stream)]


def spread(passage: Passage, hit: Hit) -> Iterator[TextFinding]:
    """Yield a hit as findings, one for each utterance that it reaches into."""
    first = hit.first
    while first < hit.last:
        start = passage[first]
        last = first + 1
        while last < hit.last and passage[last].utterance == start.utterance:
            last += 1
        end = start.word + (last - first)
        yield TextFinding(start.utterance, start.word, end, hit.entity_type, hit.score, hit.rule)
        first = last
