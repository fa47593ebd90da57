"""The name model: per word, how likely it is personal and of what kind."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from redaction.errors import ModelAltered
from redaction.model import EntityType
from redaction.weights import Session, open_session, read

__all__ = ["NER_MODEL", "NameModel", "Opinion", "WordReader"]

NER_MODEL = "text.rampart"
WINDOW_CHARS = 480  # Source: Rampart's own package; its recall of phones falls in longer windows
OVERLAP_CHARS = 64
MAX_TOKENS = 512  # Source: max_position_embeddings of the model; longer input raises
OVERLAP_TOKENS = 64
OUTSIDE = 0

ENTITY_TYPES: Mapping[str, EntityType] = {
    "GIVEN_NAME": EntityType.PERSON,
    "SURNAME": EntityType.PERSON,
    "EMAIL": EntityType.EMAIL,
    "PHONE": EntityType.PHONE,
    "URL": EntityType.URL,
    "TAX_ID": EntityType.ID,
    "BANK_ACCOUNT": EntityType.ACCOUNT,
    "ROUTING_NUMBER": EntityType.ACCOUNT,
    "GOVERNMENT_ID": EntityType.ID,
    "PASSPORT": EntityType.ID,
    "DRIVERS_LICENSE": EntityType.ID,
    "BUILDING_NUMBER": EntityType.ADDRESS,
    "STREET_NAME": EntityType.ADDRESS,
    "SECONDARY_ADDRESS": EntityType.ADDRESS,
    "CITY": EntityType.LOCATION,
    "STATE": EntityType.LOCATION,
    "ZIP_CODE": EntityType.ADDRESS,
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the model holds of one word: its likeliest kind, and 1 - P(not personal), 0 to 1."""

    entity_type: EntityType
    score: float


class WordReader(Protocol):
    """What the finder asks of a name model."""

    def read(self, words: Sequence[str]) -> list[Opinion]:
        """Return one opinion for each word, in order."""


class NameModel:
    """Rampart, a small uncased BERT that labels tokens.

    Source: Rampart by National Design Studio, CC BY 4.0.
    """

    def __init__(self, *, session: Session, tokenizer: Tokenizer, labels: Sequence[str]) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._kinds = [
            ENTITY_TYPES.get(label.partition("-")[2], EntityType.OTHER) if number else None
            for number, label in enumerate(labels)
        ]
        self._inputs = frozenset(node.name for node in session.get_inputs())

    @classmethod
    def load(cls, *, threads: int = 1) -> NameModel:
        """Open the model.

        Raises:
            ModelMissing: it is not in place.
            ModelAltered: a file of it has not the pinned sha256 or cannot be read.
        """
        session = open_session(NER_MODEL, threads=threads)
        try:
            names = json.loads(read(NER_MODEL, "config.json"))["id2label"]
            labels = [names[str(number)] for number in range(len(names))]
            tokenizer = Tokenizer.from_str(read(NER_MODEL, "tokenizer.json").decode())
        except (ValueError, KeyError, TypeError):
            raise ModelAltered("A file of the name model is not what it should be.") from None
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(session=session, tokenizer=tokenizer, labels=labels)

    def read(self, words: Sequence[str]) -> list[Opinion]:
        """Return one opinion for each word, in order.

        The words are read joined by spaces, in windows of at most 480 characters and 512 tokens that overlap; a word
        in two windows gets the higher score.
        """
        best = [Opinion(EntityType.OTHER, 0.0)] * len(words)
        for first, last in _char_windows(words):
            text = " ".join(words[first:last])
            owner = np.repeat(
                np.arange(first, last), [len(word) + 1 for word in words[first:last]]
            )  # the space after a word belongs to it
            encoding = self._tokenizer.encode(text, add_special_tokens=False)
            for start, end in _token_windows(len(encoding.ids)):
                scores = self._probabilities(encoding.ids[start:end])
                for (begin, stop), row in zip(encoding.offsets[start:end], scores, strict=True):
                    if stop <= begin:
                        continue
                    score = float(1.0 - row[OUTSIDE])
                    for word in {int(owner[begin]), int(owner[stop - 1])}:
                        if score > best[word].score:
                            best[word] = Opinion(self._kind(row), score)
        return best

    def _probabilities(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Return float32 (tokens, labels), rows that sum to 1."""
        begin, end = self._tokenizer.token_to_id("[CLS]"), self._tokenizer.token_to_id("[SEP]")
        row = np.array([[begin, *ids, end]], dtype=np.int64)
        feed: dict[str, NDArray[np.generic]] = {"input_ids": row}
        if "attention_mask" in self._inputs:
            feed["attention_mask"] = np.ones_like(row)
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(row)
        logits = self._session.run(None, feed)[0][0, 1:-1]
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return cast(NDArray[np.float32], powers / powers.sum(axis=-1, keepdims=True))

    def _kind(self, row: NDArray[np.float32]) -> EntityType:
        totals: dict[EntityType, float] = defaultdict(float)
        for kind, probability in zip(self._kinds, row, strict=True):
            if kind is not None:
                totals[kind] += float(probability)
        return max(totals, key=lambda kind: totals[kind])


def _char_windows(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield word ranges of at most 480 characters (or one word), each starting about 64 before the last one's end."""
    first = 0
    while first < len(words):
        last, length = first, 0
        while last < len(words) and (last == first or length + len(words[last]) < WINDOW_CHARS):
            length += len(words[last]) + 1
            last += 1
        yield first, last
        if last == len(words):
            return
        again, shared = last, 0
        while again - 1 > first and shared + len(words[again - 1]) < OVERLAP_CHARS:
            again -= 1
            shared += len(words[again]) + 1
        first = again


def _token_windows(count: int) -> Iterator[tuple[int, int]]:
    """Yield token ranges that fit the model with its two marks, each starting 64 before the last one's end."""
    budget = MAX_TOKENS - 2
    start = 0
    while start < count:
        end = min(start + budget, count)
        yield start, end
        if end == count:
            return
        start = end - OVERLAP_TOKENS
