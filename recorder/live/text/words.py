"""The words of a call that goes on: raw ones in memory only, masked part by part, and looked over again later."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from recorder.live.store.schema import WordsLine, stored_token
from redaction.model import EntityType, Event, EventKind, RedactedUtterance, Span, Utterance, Word
from redaction.policy import Policy
from redaction.text.find import PersonalDataFinder
from redaction.text.known import Memory
from redaction.text.ner import Opinion, WordReader
from redaction.text.recording_text import typed_findings
from redaction.text.redact import TokenMask, TokenOfWords, WordMasks, tokens_of

__all__ = ["Late", "Spoken", "WordBook"]

BEFORE_S: Final = 45.0
"""What was said so shortly before is searched together with what is released. Source: `LONGEST_PAUSE`, 30 s, over
which a number may be read out in parts, and an utterance."""

MOST_WORDS: Final = 200_000
"""Words held in memory, some twenty hours of speech; the oldest are then no longer looked over."""

_MOST_OPINIONS: Final = 512


@dataclass(slots=True)
class Spoken:
    """One utterance that was released, raw.

    Attributes:
        id: number within its participant, as in `words.jsonl`.
        masks: what stands for each word; None for one that was kept.
        heard: its words at the times at which they are heard in the stored sound.
        stored: a line of it was written.
    """

    id: int
    utterance: Utterance = field(repr=False)
    masks: list[TokenMask | None] = field(repr=False)
    heard: tuple[Word, ...] = field(repr=False)
    stored: bool = False

    def tokens(self, policy: Policy) -> list[TokenOfWords]:
        """Return what may be kept of it, at the times at which it is heard."""
        return tokens_of(self.heard, self.masks, policy)

    def redacted(self, policy: Policy) -> RedactedUtterance:
        """Return what may be stored and spoken of it."""
        one = self.utterance
        tokens = tuple(item.token for item in self.tokens(policy))
        return RedactedUtterance(tokens, one.span, one.speaker, one.track, one.language)

    def retimed(self, rendered: RedactedUtterance, policy: Policy) -> None:
        """Take up where its tokens are heard."""
        heard = list(self.heard)
        for item, token in zip(self.tokens(policy), rendered.tokens, strict=True):
            for at in range(item.first, item.last):
                heard[at] = replace(heard[at], span=token.span, located=token.located)
        self.heard = tuple(heard)

    def line(self, policy: Policy) -> WordsLine:
        """Return it as it is stored."""
        tokens = [item.token for item in self.tokens(policy)]
        spans = [token.span for token in tokens] or [self.utterance.span]
        return WordsLine(
            id=self.id,
            language=self.utterance.language,
            start=round(min(span.start for span in spans), 3),
            end=round(max(span.end for span in spans), 3),
            words=tuple(stored_token(token, token.span) for token in tokens),
        )

    def events(self, policy: Policy) -> Iterator[Event]:
        """Yield one event for each run of personal words, at the times at which it is stored."""
        for item in self.tokens(policy):
            if item.token.entity_type is not None:
                detail = {"entity_type": str(item.token.entity_type)}
                yield Event(EventKind.FINDING, span=item.token.span, detail=detail)


@dataclass(frozen=True, slots=True)
class Late:
    """Words that were stored and turned out to be personal afterwards.

    Attributes:
        spans: call times at which they are heard.
        kinds: what each is.
    """

    spoken: Spoken = field(repr=False)
    spans: tuple[Span, ...]
    kinds: tuple[EntityType, ...]

    def events(self) -> Iterator[Event]:
        """Yield one event for each word."""
        for span, kind in zip(self.spans, self.kinds, strict=True):
            yield Event(EventKind.FINDING, span=span, detail={"entity_type": str(kind)})


class WordBook:
    """Every word of the call. Methods may be called from any thread.

    Args:
        finder: finds personal words.
        policy: what stands for them.
    """

    def __init__(self, finder: PersonalDataFinder, policy: Policy) -> None:
        self._policy = policy
        self._reader = _RememberingReader(finder.model)
        self._names: dict[str, None] = {}
        self._unlearned: deque[str] = deque()  # by the event loop, which must not wait for a search
        self._finder = finder.knowing((), model=self._reader)
        self._masks = WordMasks(policy.speech.roster)
        self._memories: dict[str, Memory] = {}
        self._history: deque[Spoken] = deque()
        self._held = 0
        self._numbers: dict[str, int] = {}
        self._forgotten: set[str] = set()
        self._looked_over = (0, 0)
        self._lock = threading.RLock()

    def know_names(self, names: Sequence[str]) -> None:
        """Mask these names wherever they are said, also where they were said before; returns at once."""
        self._unlearned.extend(name for name in names if name.strip())

    def _learn(self) -> None:
        """Take up the names that were told since the last search."""
        new: dict[str, None] = {}
        while self._unlearned:
            name = self._unlearned.popleft()
            if name not in self._names:
                new[name] = None
        if new:
            self._names.update(new)
            self._finder.learn_names(tuple(new))
            self._masks.know(list(new))

    def release(
        self, utterances: Sequence[Utterance], after: Sequence[Utterance]
    ) -> tuple[list[Spoken], list[Late]]:
        """Search utterances that are about to be stored.

        Args:
            utterances: of any participants.
            after: what is known of what was said next.

        Returns:
            They, masked; and what was stored before and turns out to be personal now.
        """
        with self._lock:
            self._learn()
            wanted = [one for one in utterances if one.track not in self._forgotten]
            if not wanted:
                return [], []
            since = min(one.span.start for one in wanted) - BEFORE_S
            before = [one for one in self._history if one.utterance.span.end >= since]
            known = [one for one in after if one.track not in self._forgotten]
            new = [Spoken(0, one, [], one.words) for one in wanted]
            rest = [Spoken(0, one, [], one.words) for one in known]
            window = sorted([*before, *new, *rest], key=lambda item: item.utterance.span)
            words = [item.utterance for item in window]
            masks = self._masks.of(words, self._finder.find_on(words, self._memories))
            late: list[Late] = []
            fresh = {id(item) for item in new}
            for item, own in zip(window, masks, strict=True):
                if id(item) in fresh:
                    item.masks = own
                    item.id = self._number(item.utterance.track)
                    self._keep(item)
                elif item.id:
                    late += self._again(item, own)
            return new, late

    def look_over(self, *, force: bool = False) -> list[Late]:
        """Search everything that was said for what is known by now; does nothing when nothing was learned since."""
        with self._lock:
            self._learn()
            known = (sum(len(memory) for memory in self._memories.values()), len(self._names))
            if known == self._looked_over and not force:
                return []
            self._looked_over = known
            history = list(self._history)
            words = [item.utterance for item in history]
            masks = self._masks.of(words, self._finder.find_known(words, self._memories))
            return [late for item, own in zip(history, masks, strict=True) for late in self._again(item, own)]

    def typed(self, lines: Sequence[Utterance]) -> list[RedactedUtterance]:
        """Search messages of the chat with all that is known by now; what is found in them is known from then on.

        Args:
            lines: in order of time; `track` is whose each is.

        Returns:
            They, redacted; of who was forgotten without a word.
        """
        with self._lock:
            self._learn()
            wanted = [one if one.track not in self._forgotten else replace(one, words=()) for one in lines]
            findings = self._finder.find_on(wanted, self._memories)
            findings += typed_findings(wanted, tuple(self._names), first=0)
            masks = self._masks.of(wanted, findings)
            return [
                Spoken(0, one, own, one.words).redacted(self._policy)
                for one, own in zip(wanted, masks, strict=True)
            ]

    def forget(self, token: str) -> None:
        """Drop all words of a participant, and the names and numbers that came from them alone."""
        with self._lock:
            self._forgotten.add(token)
            self._history = deque(item for item in self._history if item.utterance.track != token)
            self._held = sum(len(item.masks) for item in self._history)
            self._memories.pop(token, None)
            self._masks.forget(token)
            self._reader.forget()

    def holds(self, token: str) -> bool:
        """Tell whether any word of a participant is in memory."""
        with self._lock:
            return any(item.utterance.track == token for item in self._history) or token in self._memories

    def _number(self, token: str) -> int:
        self._numbers[token] = self._numbers.get(token, 0) + 1
        return self._numbers[token]

    def _keep(self, item: Spoken) -> None:
        self._history.append(item)
        self._held += len(item.masks)
        while self._held > MOST_WORDS:
            self._held -= len(self._history.popleft().masks)

    def _again(self, item: Spoken, masks: Sequence[TokenMask | None]) -> Iterator[Late]:
        """Mask what is newly known to be personal of a stored utterance, and yield where it is heard."""
        new = [at for at, (old, own) in enumerate(zip(item.masks, masks, strict=True)) if own and not old]
        if not new:
            return
        for at in new:
            item.masks[at] = masks[at]
        if not item.stored:
            return
        whole = Span(min(word.span.start for word in item.heard), max(word.span.end for word in item.heard))
        yield Late(
            item,
            tuple(item.heard[at].span if item.heard[at].located else whole for at in new),
            tuple(mask[0] for at in new if (mask := masks[at]) is not None),
        )


def masked_runs(masks: Sequence[TokenMask | None]) -> Iterator[tuple[int, int, TokenMask]]:
    """Yield the runs `[first, last)` of words that one mask stands for."""
    at = 0
    while at < len(masks):
        mask = masks[at]
        last = at + 1
        if mask is not None:
            while last < len(masks) and masks[last] == mask:
                last += 1
            yield at, last, mask
        at = last


class _RememberingReader(WordReader):
    """A name model whose opinions of the last utterances are remembered: context is searched more than once."""

    def __init__(self, reader: WordReader) -> None:
        self._reader = reader
        self._known: OrderedDict[tuple[str, ...], list[Opinion]] = OrderedDict()

    def read(self, words: Sequence[str]) -> list[Opinion]:
        key = tuple(words)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        opinions = self._known[key] = self._reader.read(words)
        while len(self._known) > _MOST_OPINIONS:
            self._known.popitem(last=False)
        return opinions

    def forget(self) -> None:
        """Drop all words."""
        self._known.clear()
