"""Gives the same person or number the same label throughout a recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from redaction.model import EntityType, TextFinding, Utterance
from redaction.text.lexicon import fold, is_ordinary, stem
from redaction.text.passage import Item, items_of
from redaction.text.rules.names import PARTICLES, TITLES
from redaction.text.similar import NameIndex
from redaction.text.written import write

__all__ = ["RANK", "assign"]

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
FEWEST_DIGITS = 3  # fewer are a part of too many numbers
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
    merged = _merge(findings)
    prepared = {one.utterance: items_of(utterances[one.utterance], one.utterance) for one in merged}
    people, numbers = _People(roster), _Numbers()
    others: dict[str, int] = {}
    owners: list[int] = []
    for one in merged:
        items = prepared[one.utterance][one.first : one.last]
        if one.entity_type is EntityType.PERSON:
            owners.append(people.of(items))
            continue
        text = " ".join(token.text for token in write(items))
        digits = "".join(filter(str.isdigit, text))[:MOST_DIGITS]
        if len(digits) >= FEWEST_DIGITS and "@" not in text:
            owners.append(2 * numbers.of(digits))
        else:
            owners.append(2 * others.setdefault(text, len(others)) + 1)
    labels: dict[tuple[EntityType, int], str] = {}
    counts: Counter[EntityType] = Counter()
    labelled: list[TextFinding] = []
    for one, owner in zip(merged, owners, strict=True):
        kind, final = one.entity_type, owner
        if kind is EntityType.PERSON:
            final = people.groups.joined(owner)
        elif owner % 2 == 0:
            final = 2 * numbers.groups.joined(owner // 2)
        if (kind, final) not in labels:
            counts[kind] += 1
            labels[kind, final] = f"{kind} {counts[kind]}"
        labelled.append(replace(one, pseudonym=labels[kind, final]))
    return labelled


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
        for name in roster:
            parts = [fold(word) for word in name.replace(",", " ").split()]
            owner = self.groups.new()
            self._learn([*parts, "".join(parts)], owner)

    def of(self, items: Sequence[Item]) -> int:
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

    def of(self, digits: str) -> int:
        """Return the number of a string of digits, new or known."""
        owner = self._parts.get(digits)
        number = self.groups.new() if owner is None else owner
        self._whole.setdefault(digits, number)
        for first in range(len(digits) - FEWEST_DIGITS + 1):
            for last in range(first + FEWEST_DIGITS, len(digits) + 1):
                part = digits[first:last]
                if part in self._whole:
                    self.groups.join(number, self._whole[part])
                self._parts.setdefault(part, number)
        return number
