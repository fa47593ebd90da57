"""Finds personal data in all the words of a recording."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence

from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors

from redaction.model import EntityType, TextFinding, Utterance
from redaction.policy import SpeechSection
from redaction.text.known import KnownToken, Memory
from redaction.text.lexicon import CLOSED, FUNCTION_WORDS, LONGEST_ENTRY, fold, is_product, namelike
from redaction.text.ner import NameModel, Opinion, WordReader
from redaction.text.normalize import SIGNS, Change, NormalizedToken, write
from redaction.text.number_words import CHECKED, READ
from redaction.text.numbers import NUMBERS
from redaction.text.passage import Hit, Item, Passage, passages, spread
from redaction.text.roster import Roster
from redaction.text.rules import apply, find_answers
from redaction.text.rules.codes import COUNTED
from redaction.text.rules.dates import MONTHS
from redaction.text.rules.further_names import find_further_names
from redaction.text.vocabulary import word_set

__all__ = ["PersonalDataFinder"]

# Lowest 1 - P(not personal) that counts. Source: measured on labelled utterances. At 0.5 for all, a tenth of the
# personal words is missed; of strange words between 0.02 and 0.2, four in five were personal.
THRESHOLD = 0.2
STRANGE_THRESHOLD = 0.02
# Everyday words that nobody is called, beside a name and alone, and those that people are. Of those below the first and
# the last threshold 39 and 3 were plain talk, 6 and none personal; rules find the 6. Alone, 5 of the 13 between were
# personal, and all of these stood beside a name. A capital inside a sentence makes either as likely as any word; where
# others have one and these not, all of 8 were plain talk.
ORDINARY_THRESHOLD = 0.8
ALONE_THRESHOLD = 0.95
NAMELIKE_THRESHOLD = 0.5
CLOSED_THRESHOLD = 0.9
NEVER = 1.1
PLACES = (EntityType.ADDRESS, EntityType.LOCATION)
NOT_NAMES = word_set("not_names")
MONTH_LEAD = word_set("month_lead")
SEASONS = MONTHS | word_set("seasons")
AUXILIARIES = word_set("auxiliaries")
FEWEST_DIGITS = 4  # fewer in the written copy are taken for house numbers that they are not
MODEL_RULE, WRITTEN_RULE, UNREAD_RULE, FAILED_RULE = "rampart", "rampart-written", "unread", "failed"
# What a run of the name model may raise; anything else ends the run.
_MODEL_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    ArithmeticError,
    MemoryError,
    OverflowError,
    onnx_errors.Fail,
    onnx_errors.InvalidArgument,
    onnx_errors.RuntimeException,
    onnx_errors.EPFail,
    onnx_errors.NotImplemented,
)


class PersonalDataFinder:
    """Finds personal data by a name model, by rules, by the user's roster, and by what was found elsewhere.

    Attributes:
        failures: indices of the utterances of the last search in which the model failed; all their words are masked.
        unread: indices of those in a tongue or script that nothing here reads; what is unread of them is masked.
    """

    def __init__(self, speech: SpeechSection, *, model: WordReader | None = None, threads: int = 1) -> None:
        """Open the model, unless one is given.

        Raises:
            ModelMissing: the name model is not in place. There is no search without it.
            ModelAltered: it has not the pinned sha256.
        """
        self._model: WordReader = NameModel.load(threads=threads) if model is None else model
        self._speech = speech
        self._checked = CHECKED if speech.language == "auto" else READ
        self._roster = Roster(speech.roster)
        self._every_day = speech.days == "all"
        self._allow = frozenset(
            word for entry in speech.allow for word in (fold(entry), *map(fold, entry.split())) if word
        )
        self.failures: list[int] = []
        self.unread: list[int] = []

    def find(self, utterances: Sequence[Utterance]) -> list[TextFinding]:
        """Return what is personal in a whole recording, in order; findings do not overlap within a kind and rule.

        Args:
            utterances: of all speakers and tracks, in order of time.
        """
        return self.find_on(utterances, {})

    def knowing(self, names: Sequence[str], *, model: WordReader | None = None) -> PersonalDataFinder:
        """Return a finder that knows more names; it shares this one's model unless one is given."""
        speech = self._speech.model_copy(update={"roster": (*self._speech.roster, *names)})
        return PersonalDataFinder(speech, model=self._model if model is None else model)

    def learn_names(self, names: Sequence[str]) -> None:
        """Know more names from now on; costs their length alone. For a finder of one's own, as `knowing` returns it."""
        self._speech = self._speech.model_copy(update={"roster": (*self._speech.roster, *names)})
        self._roster.add(names)

    @property
    def model(self) -> WordReader:
        """What reads the words."""
        return self._model

    def find_on(
        self, utterances: Sequence[Utterance], memories: MutableMapping[str, Memory]
    ) -> list[TextFinding]:
        """Return what is personal in a part of a call, as `find` does.

        Args:
            utterances: of all speakers and tracks, in order of time, with what was said shortly before and after.
            memories: what was found so far, by track; what it holds is found again, and what is found now is added.
        """
        self.failures, self.unread = [], []
        findings = [
            finding for index, one in enumerate(utterances) for finding in self._unreadable(one, index)
        ]
        findings += find_answers(utterances)
        streams = passages(utterances, READ)
        opinions = self._opinions(utterances)
        first_pass = [self._search(passage, opinions) for passage in streams]
        self.failures.sort()
        findings += [_whole(utterances[index], index, FAILED_RULE) for index in self.failures]
        for passage, (hits, tokens) in zip(streams, first_pass, strict=True):
            memory = memories.setdefault(utterances[passage[0].utterance].track, Memory())
            memory.learn(_seen(passage, hits))
            memory.learn_tokens(_personal(tokens, hits))
        for passage, (hits, tokens) in zip(streams, first_pass, strict=True):
            for hit in (*hits, *self._again(passage, tokens, memories.values())):
                findings.extend(spread(passage, hit))
        return sorted(set(findings), key=lambda one: (one.utterance, one.first, -one.last, one.rule))

    def find_known(
        self, utterances: Sequence[Utterance], memories: Mapping[str, Memory]
    ) -> list[TextFinding]:
        """Return only what the roster and the memories know by now: cheap, for what was searched before."""
        findings: list[TextFinding] = []
        for passage in passages(utterances, READ):
            for hit in (
                *self._roster.find(passage),
                *self._again(passage, write(passage), memories.values()),
            ):
                findings.extend(spread(passage, hit))
        return sorted(set(findings), key=lambda one: (one.utterance, one.first, -one.last, one.rule))

    def _again(
        self, passage: Passage, tokens: Sequence[NormalizedToken], memories: Iterable[Memory]
    ) -> Iterator[Hit]:
        for memory in memories:
            for hit in memory.find(passage):
                if not self._is_allowed(passage, hit):
                    yield hit
            yield from memory.find_days(passage)
            yield from memory.find_tokens(tokens)

    def _search(
        self, passage: Passage, opinions: Sequence[Sequence[Opinion]]
    ) -> tuple[list[Hit], list[NormalizedToken]]:
        tokens = write(passage)
        hits = [*self._roster.find(passage)]
        found = [
            *apply(passage, every_day=self._every_day),
            *self._of_model(passage, opinions),
            *self._of_written(passage, tokens),
        ]
        hits += [hit for hit in found if hit.strong or not self._is_allowed(passage, hit)]
        further = find_further_names(passage, hits)
        hits += [hit for hit in further if not self._is_allowed(passage, hit)]
        return hits, tokens

    def _is_allowed(self, passage: Passage, hit: Hit) -> bool:
        """Tell whether all words of a hit are product words or allowed by the user."""
        return all(
            is_product(item.core) or item.core in self._allow or item.stem in self._allow
            for item in passage[hit.first : hit.last]
        )

    def _opinions(self, utterances: Sequence[Utterance]) -> list[list[Opinion]]:
        """Ask the model about every word; where it fails, note the utterance."""
        opinions: list[list[Opinion]] = []
        for index, utterance in enumerate(utterances):
            words = [_readable(word.text) for word in utterance.words]
            try:
                opinions.append(self._model.read(words) if words else [])
            except _MODEL_ERRORS:
                self.failures.append(index)
                opinions.append([Opinion(EntityType.OTHER, 0.0)] * len(words))
        return opinions

    def _of_model(self, passage: Passage, opinions: Sequence[Sequence[Opinion]]) -> list[Hit]:
        """Join neighbouring words that the model holds personal, of one kind and one utterance."""
        hits: list[Hit] = []
        for at, item in enumerate(passage):
            opinion = opinions[item.utterance][item.word]
            if item.core in SEASONS and at > 0 and passage[at - 1].core in MONTH_LEAD:
                continue
            last = hits[-1] if hits else None
            house = (
                item.core in NUMBERS and last is not None and last.last == at and last.entity_type in PLACES
            )
            if opinion.score < (THRESHOLD if house else _threshold(passage, at)):
                continue
            joins = (
                last is not None
                and last.last == at
                and last.entity_type is opinion.entity_type
                and passage[at - 1].utterance == item.utterance
                and not passage[at - 1].pauses
            )
            if last is not None and joins:
                score = max(last.score, opinion.score)
                hits[-1] = Hit(last.first, at + 1, last.entity_type, score, MODEL_RULE, strong=False)
            else:
                hits.append(Hit(at, at + 1, opinion.entity_type, opinion.score, MODEL_RULE, strong=False))
        return [_widened(passage, hit) for hit in hits]

    def _of_written(self, passage: Passage, tokens: Sequence[NormalizedToken]) -> list[Hit]:
        """Ask the model about the written copy of what has numbers or addresses in it."""
        hits: list[Hit] = []
        for at, token in enumerate(tokens):
            if token.change not in (Change.NUMBER, Change.MAIL):
                continue
            if sum(map(str.isdigit, token.text)) < FEWEST_DIGITS and "@" not in token.text:
                continue
            around = tokens[max(0, at - CONTEXT) : at + CONTEXT]
            place = min(at, CONTEXT)
            utterance = passage[token.first].utterance
            try:
                opinion = self._model.read([_readable(one.text) for one in around])[place]
            except _MODEL_ERRORS:
                if utterance not in self.failures:
                    self.failures.append(utterance)
                opinion = Opinion(EntityType.OTHER, 1.0)
            if opinion.score >= THRESHOLD:
                counted = token.first > 0 and passage[token.first - 1].core in COUNTED
                hits.append(
                    Hit(
                        token.first + (counted and token.last - token.first > 2),
                        token.last,
                        opinion.entity_type,
                        opinion.score,
                        WRITTEN_RULE,
                        strong=False,
                    )
                )
        return hits

    def _unreadable(self, utterance: Utterance, index: int) -> list[TextFinding]:
        """Mask what nothing here can read: other tongues, other scripts, words of absurd length."""
        if utterance.language not in self._checked and utterance.words:
            self.unread.append(index)
            return [_whole(utterance, index, UNREAD_RULE)]
        masked = [
            TextFinding(index, at, at + 1, EntityType.OTHER, 1.0, UNREAD_RULE)
            for at, word in enumerate(utterance.words)
            if len(word.text) > LONGEST_ENTRY or _foreign(word.text)
        ]
        if masked:
            self.unread.append(index)
        return masked


CONTEXT = 12  # tokens on each side of a number that the model sees with it


def _widened(passage: Passage, hit: Hit) -> Hit:
    """Take the rest of a name into what the model found of it.

    That is words beside it that have a capital inside a sentence, or, without capitals, strange words and names.
    """
    if hit.entity_type not in (EntityType.PERSON, EntityType.LOCATION, EntityType.ADDRESS):
        return hit
    first, last = hit.first, hit.last
    while last < len(passage) and last - hit.last < 3 and not passage[last - 1].pauses:
        if passage[last - 1].core.endswith("'s") or not _belongs(passage[last]):
            break
        last += 1
    while (
        first > 0 and hit.first - first < 3 and not passage[first - 1].pauses and _belongs(passage[first - 1])
    ):
        first -= 1
    return Hit(first, last, hit.entity_type, hit.score, hit.rule, strong=False)


def _belongs(item: Item) -> bool:
    if item.core in CLOSED or is_product(item.core) or item.core.endswith("'s"):
        return False
    if item.cased:
        return item.capital and item.alphabetic
    return item.strange or (namelike(item.core) and item.stem not in FUNCTION_WORDS)


def _threshold(passage: Passage, at: int) -> float:
    """Return how sure the model must be of a word."""
    item = passage[at]
    if item.core in SIGNS or (item.core in NOT_NAMES and not item.capital):
        return NEVER
    if item.core in CLOSED or (item.core in AUXILIARIES and not item.capital):
        return CLOSED_THRESHOLD
    if item.cased and not item.upper and (item.ordinary or item.uncommon):
        return NEVER
    if item.uncommon and not item.upper:
        return NAMELIKE_THRESHOLD
    if item.strange:
        return STRANGE_THRESHOLD
    if item.capital or not item.ordinary or not item.listed:
        return THRESHOLD
    if namelike(item.core):
        return NAMELIKE_THRESHOLD
    before = passage[at - 1 : at] if at and not passage[at - 1].pauses else ()
    after = () if item.pauses else passage[at + 1 : at + 2]
    beside = (other for other in (*before, *after) if not is_product(other.core))
    named = any(other.strange or namelike(other.core) for other in beside)
    return ORDINARY_THRESHOLD if named else ALONE_THRESHOLD


def _whole(utterance: Utterance, index: int, rule: str) -> TextFinding:
    return TextFinding(index, 0, len(utterance.words), EntityType.OTHER, 1.0, rule)


def _readable(text: str) -> str:
    """Return what the model may see of a word: no absurd length, one line, never empty."""
    cut = " ".join(text[:LONGEST_ENTRY].split())
    return cut if cut else "."


def _foreign(text: str) -> bool:
    """Tell whether a word has letters of a script other than Latin."""
    return any(
        char.isalpha()
        and ord(char) > 0x24F
        and not unicodedata.name(char, "").startswith(("LATIN", "FEMININE", "MASC"))
        for char in text[: LONGEST_ENTRY + 1]
    )


def _seen(passage: Passage, hits: Sequence[Hit]) -> list[KnownToken]:
    return [(passage[hit.first : hit.last], hit.entity_type, hit.score, hit.strong) for hit in hits]


def _personal(
    tokens: Sequence[NormalizedToken], hits: Sequence[Hit]
) -> list[tuple[NormalizedToken, EntityType]]:
    """Return the written tokens that a hit covers in whole, with its kind."""
    kinds: dict[int, EntityType] = {}
    for hit in hits:
        for at in range(hit.first, hit.last):
            kinds.setdefault(at, hit.entity_type)
    return [
        (token, kinds[token.first])
        for token in tokens
        if token.first in kinds and all(at in kinds for at in range(token.first, token.last))
    ]
