"""The stored audio of a file or a call heard again: what is still personal falls silent, and its words are masked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from recorder.bundle.manifest import Check
from recorder.media.file import FileSource
from recorder.runtime.context import Run
from recorder.verify.stored_words import PLACEHOLDER, HeardWord, Repair, StoredWords
from redaction.audio.listening.listen import Listener
from redaction.audio.redact import LISTENING_HZ, RedactedSpeech
from redaction.audio.voice.mute import merged_spans
from redaction.errors import RedactionIncomplete, UnreadableInput
from redaction.model import AudioBlock, EntityType, Event, EventKind, Gap, RedactedUtterance, Span, Utterance
from redaction.policy import Policy
from redaction.stages import AudioStages
from redaction.text.known import Memory
from redaction.text.lexicon import CLOSED, fold, is_ordinary, namelike, stem
from redaction.text.person_names import compact
from redaction.text.phrases import phrase_runs

__all__ = [
    "RawWords",
    "RenderedAudio",
    "Rewrite",
    "StoredTrack",
    "VerifiedAudio",
    "verify_audio",
    "words_check",
]

_ROUNDS: Final = 3
_SHORTEST_WORD: Final = 2
_SHORTEST_ORDINARY: Final = 4
_SHORTEST_NUMBER: Final = 2
_SHORTEST_INSIDE: Final = 4
"""Digits of a number that are looked for inside others; shorter ones must be heard by themselves."""

_WHOLE_PAD_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class RenderedAudio:
    """The stored audio of a recorded file and what is known of it."""

    path: Path
    seconds: float
    silenced: float
    method: str
    events: tuple[Event, ...]
    transcript: tuple[RedactedUtterance, ...]


@dataclass(frozen=True, slots=True)
class StoredTrack:
    """An audio track as it would be published.

    Attributes:
        path: the file; None where there are only words.
        words: what may be stored of what is said in it, at the times at which it is heard.
    """

    path: Path | None
    words: tuple[RedactedUtterance, ...]


@dataclass(frozen=True, slots=True)
class RawWords:
    """Raw personal words, in memory only, to compare with what is heard; a finished call has none.

    Attributes:
        words: as they are compared.
        numbers: digits.
        known: what was found in the first search, by which it is found again in other spellings.
        names: known from elsewhere, such as a list of participants.
        phrases: words in a row of which none is personal by itself, as they are compared.
    """

    words: frozenset[str] = field(default=frozenset(), repr=False)
    numbers: frozenset[str] = field(default=frozenset(), repr=False)
    known: Mapping[str, Memory] = field(default_factory=dict, repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    phrases: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, heard: RedactedSpeech, names: Sequence[str] = ()) -> RawWords:
        """Collect the words that were redacted and occur nowhere in what is kept.

        Everyday words of up to three letters say nothing of anybody, unless people are called so.

        Args:
            heard: what was found in the first search.
            names: known from elsewhere.
        """
        kept = {
            compact(stem(fold(token.text)))
            for utterance in heard.redacted
            for token in utterance.tokens
            if token.entity_type is None
        }
        words: set[str] = set()
        numbers: set[str] = set()
        for finding in heard.findings:
            said = heard.utterances[finding.utterance].words[finding.first : finding.last]
            words |= {compact(stem(fold(word.text))) for word in said if _telling(fold(word.text))}
            digits = re.sub(r"\D", "", "".join(word.text for word in said))
            if len(digits) >= _SHORTEST_NUMBER:
                numbers.add(digits)
        words |= heard.written.personal
        return cls(frozenset(words - kept), frozenset(numbers), heard.known, tuple(names))


NO_RAW_WORDS: Final = RawWords()

Rewrite = Callable[[str, tuple[RedactedUtterance, ...], Repair], StoredTrack]
"""Writes a track again, with words that were masked meanwhile and all spans of all repairs so far."""


@dataclass(frozen=True, slots=True)
class VerifiedAudio:
    """Audio that passed, with what the second hearing did.

    Attributes:
        tracks: as they are now.
        silent: what had to fall silent, by track.
        events: what was done, by track.
        words: how many words were heard again.
    """

    tracks: Mapping[str, StoredTrack]
    silent: Mapping[str, tuple[Span, ...]]
    events: Mapping[str, tuple[Event, ...]]
    words: int


def verify_audio(
    tracks: Mapping[str, StoredTrack],
    *,
    raw: RawWords = NO_RAW_WORDS,
    duration: float,
    policy: Policy,
    stages: AudioStages,
    rewrite: Rewrite,
    run: Run,
    event_track: str = "",
) -> VerifiedAudio:
    """Search the stored words, transcribe every stored track and search that too, and repair, until nothing is found.

    Args:
        tracks: what would be published, by a label such as `P01`.
        raw: personal words of the first search, where they are still known.
        duration: in seconds.
        policy: what stands for personal words.
        stages: the models.
        rewrite: writes a track again.
        run: is told of the progress, and stops the work when somebody asks.
        event_track: stands in the events.

    Raises:
        RedactionIncomplete: something personal is still heard after the last round, or a track cannot be read.
    """
    verification = _Verification(tracks, raw, duration, policy, stages, run)
    for number in range(_ROUNDS + 1):
        found = verification.search(whole=number == _ROUNDS - 1, first=not number)
        if not found:
            return verification.result(event_track)
        if number == _ROUNDS:
            break
        for track, repair in found.items():
            verification.repair(track, repair, rewrite)
    raise RedactionIncomplete("A personal word can still be heard in the stored sound.")


def words_check(verified: VerifiedAudio) -> Check:
    """Return the check that stored audio passed which was searched again."""
    return Check(name="no-personal-word-heard", passed=True, figure=float(verified.words), note="words heard")


class _Verification:
    def __init__(
        self,
        tracks: Mapping[str, StoredTrack],
        raw: RawWords,
        duration: float,
        policy: Policy,
        stages: AudioStages,
        run: Run,
    ) -> None:
        self._paths = {track: stored.path for track, stored in tracks.items()}
        self._stored = StoredWords({track: stored.words for track, stored in tracks.items()}, policy)
        self._raw = raw
        self._finder = stages.finder.knowing(raw.names) if raw.names else stages.finder
        self._duration = duration
        self._stages = stages
        self._run = run
        self._heard: dict[str, tuple[Utterance, ...]] = {}
        self._failures: dict[str, list[Span]] = {}
        self._repairs: dict[str, Repair] = {}
        self._spans: dict[str, list[Span]] = {}

    def search(self, *, whole: bool, first: bool) -> dict[str, Repair]:
        """Return what must be done, by track; stored words are masked on the way."""
        found = self._stored.search(self._finder) if first else {}
        for track, path in self._paths.items():
            if path is not None and track not in self._heard:
                self._heard[track] = self._listen(track, path)
            if failures := self._failures.pop(track, None):
                _add(found, track, self._stored.silence(track, failures))
        for track, words in self._personal().items():
            for word in words:
                repair = self._stored.resolve(track, word)
                if whole and repair:
                    _add(found, track, self._stored.silence(track, [self._around(track, word.span)]))
                _add(found, track, repair)
        self._run.check()
        return {track: repair for track, repair in found.items() if repair}

    def repair(self, track: str, repair: Repair, rewrite: Rewrite) -> None:
        """Have a track written again without what was found."""
        self._spans[track] = [*self._spans.get(track, ()), *repair.spans]
        _add(self._repairs, track, repair)
        if self._paths[track] is None:
            return
        self._failures.pop(track, None)
        stored = rewrite(track, self._stored.of(track), self._repairs[track])
        self._paths[track] = stored.path
        self._stored.replace(track, stored.words)
        self._heard.pop(track, None)

    def result(self, event_track: str) -> VerifiedAudio:
        """Return what is left."""
        return VerifiedAudio(
            tracks={track: StoredTrack(path, self._stored.of(track)) for track, path in self._paths.items()},
            silent={track: tuple(merged_spans(spans)) for track, spans in self._spans.items()},
            events={
                track: tuple(
                    Event(EventKind.MENDED, event_track, span, {"reason": "personal word heard"})
                    for span in spans
                )
                for track, spans in self._spans.items()
            },
            words=sum(len(item.words) for items in self._heard.values() for item in items),
        )

    def _personal(self) -> dict[str, list[HeardWord]]:
        """Search what was heard in all tracks together, and compare it with the raw words."""
        utterances = sorted(
            (one for track, items in self._heard.items() for one in self._stored.placed(track, items)),
            key=lambda item: item.span,
        )
        memories = {f"first {track}": memory for track, memory in self._raw.known.items()}
        kinds: dict[tuple[int, int], EntityType] = {}
        for finding in self._finder.find_on(utterances, memories):
            for at in range(finding.first, finding.last):
                kinds.setdefault((finding.utterance, at), finding.entity_type)
        said = {
            (number, at)
            for number, utterance in enumerate(utterances)
            for at in _compared(utterance, self._raw)
        }
        said |= set(_in_a_row(utterances, self._raw.phrases))
        found: dict[str, list[HeardWord]] = {}
        for number, at in sorted({*kinds, *said}):
            utterance = utterances[number]
            word = utterance.words[at]
            if word.text != PLACEHOLDER:
                kind = kinds.get((number, at), EntityType.OTHER)
                own = HeardWord(word.text, word.span, kind, raw=(number, at) in said)
                found.setdefault(utterance.track, []).append(own)
        return found

    def _around(self, track: str, span: Span) -> Span:
        """Return the whole utterance in which something was heard."""
        for utterance in self._heard[track]:
            if utterance.span.start <= span.start and span.end <= utterance.span.end:
                return utterance.span.padded(_WHOLE_PAD_S, _WHOLE_PAD_S)
        return span.padded(_WHOLE_PAD_S, _WHOLE_PAD_S)

    def _listen(self, track: str, path: Path) -> tuple[Utterance, ...]:
        stage = f"hearing {track} again" if len(self._paths) > 1 else "hearing it again"
        with self._run.stage(stage, self._duration) as reach:
            listener = Listener(
                track=track, speaker="S1", transcriber=self._stages.transcriber, aligner=self._stages.aligner
            )
            utterances: list[Utterance] = []
            for block in _for_listening(path):
                self._run.check()
                utterances += listener.push(block)
                reach(block.span.end)
            utterances += listener.flush()
        if listener.failures:
            self._failures[track] = listener.failures
        return tuple(utterances)


def _add(repairs: dict[str, Repair], track: str, repair: Repair) -> None:
    known = repairs.setdefault(track, Repair())
    known.masked += repair.masked
    known.silent += repair.silent


def _compared(utterance: Utterance, raw: RawWords) -> Iterator[int]:
    """Yield the words of an utterance that are raw personal words, or digits of a raw personal number."""
    runs: list[tuple[str, list[int]]] = [("", [])]
    for at, word in enumerate(utterance.words):
        if compact(stem(fold(word.text))) in raw.words:
            yield at
        own = re.sub(r"\D", "", word.text)
        if own:
            digits, owners = runs[-1]
            runs[-1] = (digits + own, owners + [at] * len(own))
        elif runs[-1][0]:
            runs.append(("", []))
    digits = "".join(run for run, _ in runs)
    owners = [at for _, places in runs for at in places]
    for number in raw.numbers:
        if len(number) >= _SHORTEST_INSIDE:
            for match in re.finditer(f"(?={number})", digits):
                yield from dict.fromkeys(owners[match.start() : match.start() + len(number)])
        else:
            yield from (at for run, places in runs if run == number for at in dict.fromkeys(places))


def _in_a_row(utterances: Sequence[Utterance], phrases: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
    """Yield the words of phrases, as utterance and place in it; a phrase may be broken between two of one track."""
    for track in {one.track for one in utterances} if phrases else ():
        places = [
            (number, at)
            for number, one in enumerate(utterances)
            if one.track == track
            for at in range(len(one.words))
        ]
        cores = [compact(stem(fold(utterances[number].words[at].text))) for number, at in places]
        for first, last in phrase_runs(cores, phrases):
            yield from places[first:last]


def _telling(core: str) -> bool:
    """Tell whether a folded personal word could give somebody away where it is heard."""
    plain = compact(stem(core))
    if len(plain) < _SHORTEST_WORD or not plain.isalpha() or core in CLOSED:
        return False
    return len(plain) >= _SHORTEST_ORDINARY or not is_ordinary(core) or namelike(core)


def _for_listening(path: Path) -> Iterator[AudioBlock]:
    source = FileSource(path)
    try:
        for item in source.audio(source.info().audio[0].id, LISTENING_HZ):
            if isinstance(item, Gap):
                raise RedactionIncomplete("The stored sound does not decode cleanly.")
            yield item
    except (UnreadableInput, IndexError):
        raise RedactionIncomplete("The stored sound cannot be read back.") from None
