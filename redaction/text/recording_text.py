"""Understand what was said and what was written beside it together, so that both hide the same people alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from redaction.model import EntityType, RedactedUtterance, Span, TextFinding, Token, Utterance, Word
from redaction.policy import Policy
from redaction.text.find import PersonalDataFinder
from redaction.text.known import Memory
from redaction.text.lexicon import fold, is_ordinary, stem
from redaction.text.person_names import compact, roster_of
from redaction.text.pseudonyms import assign
from redaction.text.redact import redact_utterances
from redaction.text.rules.names import PARTICLES, TITLES
from redaction.text.sidecars import Caption, ChatLine, Sidecars

__all__ = [
    "NO_TEXT",
    "FoundText",
    "RedactedMessage",
    "RedactedText",
    "known_names",
    "redact_text",
    "typed_findings",
]

_CHAT, _CAPTIONS, _CONTEXT, _PEOPLE = "chat", "captions", "context", "people"
_BETWEEN_LINES_S: Final = 10.0
_FEWEST_DIGITS: Final = 7
_SHORTEST_WORD: Final = 3
_SHORTEST_INSIDE: Final = 4
_MOST_CONTEXT: Final = 2_000
# Files that chats name; what a file is called often says whose it is.
_FILE_NAME: Final = re.compile(
    r".+\.(7z|avi|bmp|csv|docx?|eml|gif|heic|ics|jpe?g|json|key|m4a|mov|mp[34]|od[pst]|pages|pdf|png|pptx?|rar|rtf|svg"
    r"|tiff?|txt|vcf|vtt|wav|webm|webp|xlsx?|xml|zip)\W*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class RedactedMessage:
    """What may be stored of a message.

    Attributes:
        sender: what stands for the sender's name, as the policy says.
        voice: the sound track with the sender's voice, empty where there is none.
    """

    time: float | None
    sender: str
    voice: str
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class RedactedText:
    """What may be stored of the words beside a recording, and what proves it.

    Attributes:
        chat: messages in order.
        captions: captions with times, which stand for a transcript where there is no sound.
        counts: personal words in the chat, by kind.
        personal: raw personal words of names and captions, to be heard nowhere; in memory only.
        numbers: raw digits and mail addresses, likewise.
    """

    chat: tuple[RedactedMessage, ...] = ()
    captions: tuple[RedactedUtterance, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    personal: frozenset[str] = field(default=frozenset(), repr=False)
    numbers: frozenset[str] = field(default=frozenset(), repr=False)


NO_TEXT = RedactedText()


@dataclass(frozen=True, slots=True)
class FoundText:
    """The findings of what was said, what may be kept of it, and of what was written.

    Attributes:
        known: what was found, by track, by which it is found again elsewhere; in memory only.
    """

    findings: tuple[TextFinding, ...]
    redacted: tuple[RedactedUtterance, ...]
    written: RedactedText
    known: Mapping[str, Memory] = field(default_factory=dict, repr=False)


def redact_text(
    spoken: Sequence[Utterance],
    beside: Sidecars,
    *,
    finder: PersonalDataFinder,
    policy: Policy,
    seen: Sequence[str] = (),
) -> FoundText:
    """Find what is personal in all words of a recording, spoken and written, in one search with one set of labels.

    Captions and other texts are searched so that what they know is found in speech too.

    Args:
        spoken: of all speakers and tracks, in order of time.
        beside: what was written.
        finder: finds personal data.
        policy: what stands for it.
        seen: names that stood on screens; they are masked as those beside the recording are.
    """
    names = known_names(beside.names, seen)
    language = policy.speech.language if policy.speech.language != "auto" else "en"
    if names:
        finder = finder.knowing(names)
        roster = (*policy.speech.roster, *names)
        policy = policy.model_copy(update={"speech": policy.speech.model_copy(update={"roster": roster})})
    chat = [_line(number, line, language) for number, line in enumerate(beside.chat)]
    captions = _captions(beside.captions, language)
    context = [
        _utterance(text, Span(60.0 * number, 60.0 * number), _CONTEXT, _CONTEXT, language)
        for number, text in enumerate(beside.context[:_MOST_CONTEXT])
    ]
    senders = list(dict.fromkeys(line.sender for line in beside.chat))
    people = [_utterance(_plain(name), Span(0, 0), name, _PEOPLE, language) for name in senders]
    searched = [*spoken, *chat, *captions, *context]
    everything = [*searched, *people]
    known: dict[str, Memory] = {}
    findings = finder.find_on(searched, known)
    findings += typed_findings(chat, names, first=len(spoken))
    findings += [
        TextFinding(len(searched) + at, 0, len(one.words), EntityType.PERSON, 1.0, "roster")
        for at, one in enumerate(people)
    ]
    findings = assign(everything, findings, roster=policy.speech.roster)
    redacted = redact_utterances(everything, findings, policy)
    ends = len(spoken), len(spoken) + len(chat), len(spoken) + len(chat) + len(captions)
    labels = {
        name: " ".join(token.text for token in one.tokens if token.entity_type)
        for name, one in zip(senders, redacted[len(searched) :], strict=True)
    }
    tracks = {compact(_plain(name)): track for track, name in beside.voices.items()}
    written = RedactedText(
        chat=tuple(
            RedactedMessage(
                line.time, labels[line.sender], tracks.get(compact(_plain(line.sender)), ""), one.tokens
            )
            for line, one in zip(beside.chat, redacted[ends[0] : ends[1]], strict=True)
        ),
        captions=tuple(
            one
            for caption, one in zip(beside.captions, redacted[ends[1] : ends[2]], strict=True)
            if caption.span is not None
        ),
        counts=Counter(str(one.entity_type) for one in findings if ends[0] <= one.utterance < ends[1]),
        personal=_telling(
            [*names, *_found(everything, findings, first=ends[1], last=ends[2])],
        ),
        numbers=_numbers(_found(everything, findings, first=ends[0], last=ends[2])),
    )
    return FoundText(
        findings=tuple(one for one in findings if one.utterance < ends[0]),
        redacted=tuple(redacted[: ends[0]]),
        written=written,
        known=known,
    )


def known_names(beside: Sequence[str], seen: Sequence[str]) -> tuple[str, ...]:
    """Return the names that must be found nowhere: those beside the recording, and those seen that say more."""
    parts = {compact(part) for name in beside for part in (name, *name.split())}
    return (*beside, *(name for name in seen if not all(compact(part) in parts for part in name.split())))


def _utterance(text: str, span: Span, speaker: str, track: str, language: str) -> Utterance:
    words = tuple(Word(word, span, located=False) for word in text.split())
    return Utterance(words, span, speaker, track, language)


def _line(number: int, line: ChatLine, language: str) -> Utterance:
    at = number * _BETWEEN_LINES_S
    return _utterance(line.text, Span(at, at), line.sender, _CHAT, language)


def _captions(captions: Sequence[Caption], language: str) -> list[Utterance]:
    numbers: dict[str, str] = {}
    return [
        _utterance(
            caption.text,
            caption.span or Span(0, 0),
            numbers.setdefault(compact(caption.speaker), f"C{len(numbers) + 1}"),
            _CAPTIONS,
            language,
        )
        for caption in captions
    ]


def _plain(name: str) -> str:
    """Return a display name without what is in brackets; itself where nothing else is left."""
    return next(iter(roster_of([name])), "") or name or "unknown"


def typed_findings(chat: Sequence[Utterance], names: Sequence[str], *, first: int) -> list[TextFinding]:
    """Find what only typed words hold: names of files, and names of people inside other words (`@laurab`).

    Args:
        chat: what was typed.
        names: of people.
        first: index of the first line among all utterances.
    """
    parts = [part for part in _telling(names) if len(part) >= _SHORTEST_INSIDE]
    found: list[TextFinding] = []
    for at, line in enumerate(chat):
        for place, word in enumerate(line.words):
            if _FILE_NAME.fullmatch(word.text):
                found.append(TextFinding(first + at, place, place + 1, EntityType.OTHER, 1.0, "file-name"))
            elif any(part in plain for plain in [compact(word.text)] for part in parts):
                found.append(
                    TextFinding(first + at, place, place + 1, EntityType.PERSON, 1.0, "roster-inside")
                )
    return found


def _found(
    utterances: Sequence[Utterance], findings: Iterable[TextFinding], *, first: int, last: int
) -> list[str]:
    return [
        " ".join(word.text for word in utterances[one.utterance].words[one.first : one.last])
        for one in findings
        if first <= one.utterance < last
    ]


def _telling(texts: Iterable[str]) -> frozenset[str]:
    """Return the words by which somebody could be known, as they are compared."""
    words = {stem(fold(word)) for text in texts for word in text.split()}
    return frozenset(
        plain
        for word in words
        if len(plain := compact(word)) >= _SHORTEST_WORD and plain.isalpha() and not is_ordinary(word)
        if word not in PARTICLES and word not in TITLES
    )


def _numbers(texts: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for text in texts:
        digits = re.sub(r"\D", "", text)
        if len(digits) >= _FEWEST_DIGITS:
            found.add(digits)
        found |= {word.casefold() for word in text.split() if "@" in word and len(word) > _SHORTEST_WORD}
    return frozenset(found)
