"""Gives the same person or number the same label throughout a recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from redaction.model import EntityType, TextFinding, Utterance
from redaction.text.fuzzy import NameIndex
from redaction.text.lexicon import fold, is_ordinary, stem
from redaction.text.normalize import write
from redaction.text.passage import Item, items_of
from redaction.text.rules.names import PARTICLES, TITLES

__all__ = ["RANK", "Pseudonyms", "assign"]

# Which kind names words that several findings of one standing cover.
RANK = (
    EntityType.EMAIL,
    EntityType.CARD,
    EntityType.ACCOUNT,
    EntityType.PHONE,
    EntityType.URL,
    EntityType.ADDRESS,
    EntityType.BIRTH_DATE,
    EntityType.SCHOOL,
    EntityType.ORGANIZATION,
    EntityType.PERSON,
    EntityType.AGE,
    EntityType.LOCATION,
    EntityType.DATE,
    EntityType.ID,
    EntityType.OTHER,
)
FEWEST_NUMBERED_DIGITS = 3  # fewer are a part of too many numbers
MOST_DIGITS = 40


def assign(
    utterances: Sequence[Utterance], findings: Sequence[TextFinding], *, roster: Sequence[str] = ()
) -> list[TextFinding]:
    """Return the findings without overlap, each with a pseudonym such as `PERSON 1`.

    Findings that overlap become one. Its kind is that of a rule rather than of the model, and then the one that ranks
    first; an unknown kind is OTHER. A name and its parts (`Adaeze`, `Adaeze Okonkwo`), spellings of one name, names
    that the roster puts together, and a number and its parts share a pseudonym; pseudonyms count up by kind in the
    order of first appearance. Nothing that could lead back to the words is kept.
    """
    return Pseudonyms(roster).assign(utterances, findings)


class Pseudonyms:
    """Assigns pseudonyms part by part, so that they are the same throughout a call that goes on.

    What leads back to words is in memory alone, and goes when this object or the track it came from goes.
    """

    def __init__(self, roster: Sequence[str] = ()) -> None:
        self._people, self._numbers = _People(roster), _Numbers()
        self._others: dict[str, int] = {}
        self._other_sources: dict[str, set[str]] = {}
        self._other_count = 0
        self._labels: dict[tuple[EntityType, int], str] = {}
        self._counts: Counter[EntityType] = Counter()

    def know(self, names: Sequence[str]) -> None:
        """Take up names that belong together, as the roster's do."""
        self._people.know(names)

    def assign(self, utterances: Sequence[Utterance], findings: Sequence[TextFinding]) -> list[TextFinding]:
        """Return the findings without overlap, each with its pseudonym; see the function `assign`."""
        merged = _merge(findings)
        prepared = {at: items_of(utterances[at], at) for at in {one.utterance for one in merged}}
        owners = [
            self._owner(one, prepared[one.utterance], source=utterances[one.utterance].track)
            for one in merged
        ]
        labelled: list[TextFinding] = []
        for one, owner in zip(merged, owners, strict=True):
            kind, final = one.entity_type, owner
            if kind is EntityType.PERSON:
                final = self._people.groups.joined(owner)
            elif owner % 2 == 0:
                final = 2 * self._numbers.groups.joined(owner // 2)
            if (kind, final) not in self._labels:
                self._counts[kind] += 1
                self._labels[kind, final] = f"{kind} {self._counts[kind]}"
            labelled.append(replace(one, pseudonym=self._labels[kind, final]))
        return labelled

    def forget(self, source: str) -> None:
        """Forget the words that only one track said; labels that were given stay given."""
        self._people.forget(source)
        self._numbers.forget(source)
        for text, sources in list(self._other_sources.items()):
            sources.discard(source)
            if not sources:
                del self._other_sources[text], self._others[text]

    def _owner(self, one: TextFinding, utterance: Sequence[Item], *, source: str) -> int:
        items = utterance[one.first : one.last]
        if one.entity_type is EntityType.PERSON:
            return self._people.of(items, source=source)
        text = " ".join(token.text for token in write(items))
        digits = "".join(filter(str.isdigit, text))[:MOST_DIGITS]
        if len(digits) >= FEWEST_NUMBERED_DIGITS and "@" not in text:
            return 2 * self._numbers.of(digits, source=source)
        if text not in self._others:
            self._others[text] = self._other_count
            self._other_count += 1
        self._other_sources.setdefault(text, set()).add(source)
        return 2 * self._others[text] + 1


def _merge(findings: Sequence[TextFinding]) -> list[TextFinding]:
    """Join findings that overlap, by utterance."""
    merged: list[TextFinding] = []
    for found in sorted(findings, key=lambda one: (one.utterance, one.first, -one.last)):
        if found.last <= found.first:
            continue
        known = found.entity_type in RANK
        one = found if known else replace(found, entity_type=EntityType.OTHER)
        last = merged[-1] if merged else None
        if last is None or last.utterance != one.utterance or one.first >= last.last:
            merged.append(one)
            continue
        first = min((last, one), key=_standing)
        merged[-1] = replace(
            first,
            first=last.first,
            last=max(last.last, one.last),
            score=max(last.score, one.score),
            pseudonym="",
        )
    return merged


def _standing(one: TextFinding) -> tuple[bool, int, float]:
    guessed = one.rule.startswith(("rampart", "again", "strange", "capital"))
    return guessed, RANK.index(one.entity_type), -one.score


class _Groups:
    """Numbers that can be found to mean the same."""

    def __init__(self) -> None:
        self._parents: list[int] = []

    def new(self) -> int:
        """Return a number of its own."""
        self._parents.append(len(self._parents))
        return self._parents[-1]

    def join(self, left: int, right: int) -> None:
        """Make two numbers mean the same; the lower one stands for both."""
        low, high = sorted((self.joined(left), self.joined(right)))
        self._parents[high] = low

    def joined(self, number: int) -> int:
        """Return the number that stands for a number."""
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number


class _People:
    """Numbers for names; names that share a telling part share one."""

    def __init__(self, roster: Sequence[str]) -> None:
        self.groups = _Groups()
        self._index = NameIndex()
        self._roster: list[tuple[str, int]] = []
        self._said: dict[tuple[str, int], set[str]] = {}
        self.know(roster)

    def know(self, names: Sequence[str]) -> None:
        """Give each name a number of its own."""
        for name in names:
            parts = [fold(word) for word in name.replace(",", " ").split()]
            owner = self.groups.new()
            whole = [*parts, "".join(parts)]
            self._roster += [(part, owner) for part in whole]
            self._learn(whole, owner)

    def forget(self, source: str) -> None:
        """Forget the parts that only one track said."""
        for key, sources in list(self._said.items()):
            sources.discard(source)
            if not sources:
                del self._said[key]
        self._index = NameIndex()
        for part, owner in (*self._roster, *self._said):
            self._learn([part], owner)

    def of(self, items: Sequence[Item], *, source: str) -> int:
        """Return the number of a name, new or known."""
        words = [stem(part) for item in items for part in item.stem.split("-") if part]
        spelled = "".join(word for word in words if len(word) == 1)
        parts = [word for word in words if len(word) > 1 and word not in TITLES and word not in PARTICLES]
        if len(spelled) >= 3 or not parts:
            parts.append(spelled)
        known = [self._index.owner(part, ordinary=is_ordinary(part)) for part in parts]
        if not any(owner is not None for owner in known) and len(parts) > 1:
            known = [self._index.owner("".join(parts), ordinary=False)] + [None] * (len(parts) - 1)
        owners = [owner for owner in known if owner is not None]
        number = owners[0] if owners else self.groups.new()
        if len(owners) == len(parts):
            for owner in owners[1:]:
                self.groups.join(number, owner)
        self._learn([part for part, owner in zip(parts, known, strict=True) if owner is None], number)
        for part in parts:
            self._said.setdefault((part, number), set()).add(source)
        return number

    def _learn(self, parts: Sequence[str], owner: int) -> None:
        for part in parts:
            if part and part not in TITLES and part not in PARTICLES:
                self._index.add(part, owner, phonetic=len(part) >= 5)


class _Numbers:
    """Numbers for digit strings; one that is a part of another shares its number."""

    def __init__(self) -> None:
        self.groups = _Groups()
        self._whole: dict[str, int] = {}
        self._parts: dict[str, int] = {}
        self._said: dict[tuple[str, int], set[str]] = {}

    def forget(self, source: str) -> None:
        """Forget the digits that only one track said."""
        for key, sources in list(self._said.items()):
            sources.discard(source)
            if not sources:
                del self._said[key]
        self._whole, self._parts = {}, {}
        for digits, number in self._said:
            self._learn(digits, number)

    def of(self, digits: str, *, source: str) -> int:
        """Return the number of a string of digits, new or known."""
        owner = self._parts.get(digits)
        number = self.groups.new() if owner is None else owner
        self._said.setdefault((digits, number), set()).add(source)
        self._learn(digits, number)
        return number

    def _learn(self, digits: str, number: int) -> None:
        self._whole.setdefault(digits, number)
        for first in range(len(digits) - FEWEST_NUMBERED_DIGITS + 1):
            for last in range(first + FEWEST_NUMBERED_DIGITS, len(digits) + 1):
                part = digits[first:last]
                if part in self._whole:
                    self.groups.join(number, self._whole[part])
                self._parts.setdefault(part, number)
