"""Gives the same person or number the same label throughout a recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from redaction.model import EntityType, TextFinding, Utterance
from redaction.text.lexicon import is_ordinary
from redaction.text.passage import Item, items_of
from redaction.text.rules.names import PARTICLES, TITLES
from redaction.text.similar import NameIndex
from redaction.text.written import write

__all__ = ["RANK", "assign"]

# Which kind names words that several findings cover.
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
    EntityType.ID,
    EntityType.OTHER,
)


def assign(utterances: Sequence[Utterance], findings: Sequence[TextFinding]) -> list[TextFinding]:
    """Return the findings without overlap, each with a pseudonym such as `PERSON 1`.

    Findings that overlap become one, of the kind that ranks first; an unknown kind is OTHER. A name and its parts
    (`Adaeze`, `Adaeze Okonkwo`), spellings of one name, and a number however it was said share a pseudonym; numbers
    count up by kind in the order of first appearance. Nothing that could lead back to the words is kept.
    """
    merged = _merge(findings)
    prepared = {one.utterance: items_of(utterances[one.utterance], one.utterance) for one in merged}
    names = _People()
    others: dict[tuple[EntityType, str], int] = {}
    keys: list[tuple[EntityType, int]] = []
    for one in merged:
        items = prepared[one.utterance][one.first : one.last]
        if one.entity_type is EntityType.PERSON:
            keys.append((one.entity_type, names.of(items)))
        else:
            text = " ".join(token.text for token in write(items))
            digits = "".join(filter(str.isdigit, text))
            key = (one.entity_type, digits if len(digits) >= 4 and "@" not in text else text)
            keys.append((one.entity_type, others.setdefault(key, len(others))))
    labels: dict[tuple[EntityType, int], str] = {}
    counts: Counter[EntityType] = Counter()
    labelled: list[TextFinding] = []
    for one, (kind, owner) in zip(merged, keys, strict=True):
        owner = names.joined(owner) if kind is EntityType.PERSON else owner
        if (kind, owner) not in labels:
            counts[kind] += 1
            labels[kind, owner] = f"{kind} {counts[kind]}"
        labelled.append(replace(one, pseudonym=labels[kind, owner]))
    return labelled


def _merge(findings: Sequence[TextFinding]) -> list[TextFinding]:
    """Join overlapping findings, and names that follow one another, by utterance."""
    merged: list[TextFinding] = []
    for one in sorted(findings, key=lambda one: (one.utterance, one.first, -one.last)):
        if one.last <= one.first:
            continue
        if one.entity_type not in RANK:
            one = replace(one, entity_type=EntityType.OTHER)
        last = merged[-1] if merged else None
        if last is None or last.utterance != one.utterance or one.first >= last.last:
            merged.append(one)
            continue
        first = min((last, one), key=lambda each: (RANK.index(each.entity_type), -each.score))
        merged[-1] = replace(
            first,
            first=last.first,
            last=max(last.last, one.last),
            score=max(last.score, one.score),
            pseudonym="",
        )
    return merged


class _People:
    """Numbers for names; names that share a telling part share one."""

    def __init__(self) -> None:
        self._index = NameIndex()
        self._parents: list[int] = []

    def of(self, items: Sequence[Item]) -> int:
        """Return the number of a name, new or known."""
        parts = [
            item.stem
            for item in items
            if item.stem and item.stem not in TITLES and item.stem not in PARTICLES
        ]
        spelled = [part for part in parts if len(part) == 1]
        if len(spelled) >= 3 or any(
            "-" in part and len(part.replace("-", "")) * 2 - 1 == len(part) for part in parts
        ):
            parts = ["".join(part.replace("-", "") for part in parts)]
        known = [self._index.owner(part, ordinary=is_ordinary(part)) for part in parts]
        owners = [owner for owner in known if owner is not None]
        number = self.joined(owners[0]) if owners else len(self._parents)
        if not owners:
            self._parents.append(number)
        whole = len(parts) > 1
        for part, owner in zip(parts, known, strict=True):
            if owner is None:
                self._index.add(part, number, phonetic=len(part) >= 5)
        if whole and owners and all(owner is not None for owner in known):
            for owner in owners[1:]:
                self._parents[max(number, self.joined(owner))] = min(number, self.joined(owner))
        return number

    def joined(self, number: int) -> int:
        """Return the number that a number was joined with."""
        while self._parents[number] != number:
            number = self._parents[number]
        return number
