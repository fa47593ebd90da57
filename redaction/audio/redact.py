"""The words of a recording: found, masked, and where a track must be silent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from redaction.audio.listening.listen import Listener
from redaction.audio.listening.segment import wipe
from redaction.audio.stages import AudioStages
from redaction.audio.voice.mute import mute_spans
from redaction.audio.voice.render import Original, VoiceRenderer
from redaction.audio.voice.timing import fixed_masks
from redaction.model import (
    AudioBlock,
    EntityType,
    Event,
    EventKind,
    Gap,
    RedactedUtterance,
    Span,
    TextFinding,
    Utterance,
)
from redaction.policy import Policy
from redaction.text.find import UNREAD_RULE, PersonalDataFinder
from redaction.text.known import Memory
from redaction.text.recording_text import NO_TEXT, RedactedText, redact_text
from redaction.text.sidecars import NO_SIDECARS, Sidecars

__all__ = [
    "LISTENING_HZ",
    "SPEAKING_HZ",
    "AudioRedactor",
    "RedactedAudio",
    "RedactedSpeech",
    "Transcription",
    "drop_minors",
    "find_personal",
    "finding_events",
    "personal_spans",
]

LISTENING_HZ: Final = 16_000
SPEAKING_HZ: Final = 24_000
_TOKEN_PAD_S: Final = 0.15
_LIKELY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was said in all audio tracks, not yet searched. It holds raw words, so it never leaves memory.

    Attributes:
        unheard: tracks in which somebody seems to speak, and of which no word was understood.
    """

    utterances: tuple[Utterance, ...] = field(repr=False)
    uncovered: dict[str, tuple[Span, ...]]
    failures: dict[str, tuple[Span, ...]]
    speech_seconds: float
    seconds: float
    gaps: tuple[Gap, ...]
    speakers_told_apart: bool
    unheard: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RedactedSpeech:
    """What was heard in all audio tracks. It holds raw words, so it never leaves memory.

    Attributes:
        known: what was found in the words, by track, by which it is found again elsewhere.
    """

    utterances: tuple[Utterance, ...]
    findings: tuple[TextFinding, ...]
    redacted: tuple[RedactedUtterance, ...]
    uncovered: dict[str, tuple[Span, ...]]
    failures: dict[str, tuple[Span, ...]]
    speech_seconds: float
    seconds: float
    gaps: tuple[Gap, ...]
    speakers_told_apart: bool
    written: RedactedText = field(default=NO_TEXT, repr=False)
    known: Mapping[str, Memory] = field(default_factory=dict, repr=False)
    unheard: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said of the words as a whole: somebody was not understood, or could not be checked."""
        unread = any(
            one.rule == UNREAD_RULE and self.utterances[one.utterance].language != "en"
            for one in self.findings
        )
        return (
            *(("no-words-heard",) if self.unheard else ()),
            *(("language-not-checked",) if unread else ()),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """What was said of names, as it was understood, where that is more likely than not."""
        said = (
            " ".join(word.text for word in self.utterances[one.utterance].words[one.first : one.last])
            for one in self.findings
            if one.entity_type is EntityType.PERSON and one.score >= _LIKELY
        )
        return tuple(dict.fromkeys(said))


@dataclass(frozen=True, slots=True)
class RedactedAudio:
    """What may be stored of a recording's audio.

    Attributes:
        blocks: 24,000 Hz, from 0 to the end without a hole.
        words: the transcript, at the times at which its words are heard.
        events: what was done: kinds, ids and stored times.
    """

    blocks: tuple[AudioBlock, ...]
    words: tuple[RedactedUtterance, ...]
    events: tuple[Event, ...]


class AudioRedactor:
    """Redacts the audio of one recording: samples in, words found, what may be spoken out.

    Push the blocks of every track in order, then `finish`: a name that is told late is masked where it was said
    before, so nothing comes out earlier. Whoever schedules differently uses the steps: `listener`, `find`, `renderer`.

    With `voice.method = "disguise"` the raw samples are held until `finish`, which wipes them; else about a minute.

    Args:
        policy: what to redact, and how voices are stored.
        stages: the models.
        voices: how many voices are drawn at once, see `VoiceRenderer`.
    """

    def __init__(self, policy: Policy, stages: AudioStages, *, voices: int = 0) -> None:
        self._policy = policy
        self._stages = stages
        self.renderer = VoiceRenderer(policy, stages.synthesizer, voices=voices)
        self._listeners: dict[str, Listener] = {}
        self._utterances: list[Utterance] = []
        self._held: dict[str, list[AudioBlock]] = {}
        self._end = 0.0

    def listener(self, track: str, *, speaker: str = "S1", longest_s: float = 60.0) -> Listener:
        """Return what hears one track.

        Args:
            track: its id.
            speaker: label of who speaks in it.
            longest_s: most audio that is held before it is transcribed, in seconds.
        """
        return Listener(
            track=track,
            speaker=speaker,
            transcriber=self._stages.transcriber,
            aligner=self._stages.aligner,
            longest_s=longest_s,
        )

    def find(
        self, listened: Transcription, beside: Sidecars = NO_SIDECARS, *, seen: Sequence[str] = ()
    ) -> RedactedSpeech:
        """Find the personal words in all that was said, as `find_personal` does."""
        return find_personal(listened, beside, finder=self._stages.finder, policy=self._policy, seen=seen)

    def push(self, block: AudioBlock, *, track: str = "A1") -> None:
        """Take the next block of a track, 16,000 Hz mono.

        Raises:
            InternalError: the block is of another rate or shape, or goes back in time.
        """
        listener = self._listeners.get(track)
        if listener is None:
            listener = self.listener(track, speaker=f"S{len(self._listeners) + 1}")
            self._listeners[track] = listener
        if self._policy.voice.method == "disguise":
            self._held.setdefault(track, []).append(replace(block, samples=block.samples.copy()))
        self._utterances += listener.push(block)
        self._end = max(self._end, block.span.end)

    def finish(self) -> RedactedAudio:
        """Return what may be stored of all that was pushed, and begin again."""
        for listener in self._listeners.values():
            self._utterances += listener.flush()
        heard = self.find(self._transcription())
        originals = [
            Original(track, blocks, tuple(personal_spans(heard, heard.redacted, track)))
            for track, blocks in self._held.items()
        ]
        try:
            rendering = self.renderer.render(
                heard.redacted, end=round(self._end * SPEAKING_HZ), originals=originals
            )
            blocks = tuple(rendering.blocks)
        finally:
            for held in self._held.values():
                for block in held:
                    wipe(block.samples)
            self._listeners, self._utterances, self._held, self._end = {}, [], {}, 0.0
        words = rendering.words()
        if self._policy.voice.method == "disguise":
            words = tuple(map(fixed_masks, words))
        return RedactedAudio(blocks, words, (*rendering.events(), *finding_events(words)))

    def _transcription(self) -> Transcription:
        listeners = self._listeners.items()
        return Transcription(
            utterances=tuple(sorted(self._utterances, key=lambda one: one.span)),
            uncovered={track: tuple(listener.uncovered) for track, listener in listeners},
            failures={track: tuple(listener.failures) for track, listener in listeners},
            speech_seconds=sum(span.duration for _, listener in listeners for span in listener.speech),
            seconds=self._end,
            gaps=(),
            speakers_told_apart=len(self._listeners) > 1,
        )


def find_personal(
    listened: Transcription,
    beside: Sidecars = NO_SIDECARS,
    *,
    finder: PersonalDataFinder,
    policy: Policy,
    seen: Sequence[str] = (),
) -> RedactedSpeech:
    """Find the personal words in the whole recording and in what lies beside it.

    Args:
        listened: what was said.
        beside: what was written.
        finder: finds personal data.
        policy: what stands for it.
        seen: names that stood on screens, which must not be left standing either.
    """
    understood = redact_text(listened.utterances, beside, finder=finder, policy=policy, seen=seen)
    return RedactedSpeech(
        utterances=listened.utterances,
        findings=understood.findings,
        redacted=understood.redacted,
        uncovered=listened.uncovered,
        failures=listened.failures,
        speech_seconds=listened.speech_seconds,
        seconds=listened.seconds,
        gaps=listened.gaps,
        speakers_told_apart=listened.speakers_told_apart,
        written=understood.written,
        known=understood.known,
        unheard=listened.unheard,
    )


def drop_minors(
    heard: RedactedSpeech, spans: Sequence[Span]
) -> tuple[tuple[RedactedUtterance, ...], tuple[Event, ...]]:
    """Drop the words spoken while every visible person was a minor; return what is left, with events."""
    kept: list[RedactedUtterance] = []
    events: list[Event] = []
    for utterance in heard.redacted:
        if any(span.overlaps(utterance.span) for span in spans):
            events.append(
                Event(EventKind.SILENCED, utterance.track, utterance.span, {"reason": "only minors visible"})
            )
        else:
            kept.append(utterance)
    return tuple(kept), tuple(events)


def personal_spans(
    heard: RedactedSpeech, utterances: Sequence[RedactedUtterance], track: str
) -> Iterator[Span]:
    """Return what must not be heard of a track: findings, and words masked only because they recur."""
    yield from mute_spans(
        heard.utterances,
        heard.findings,
        track=track,
        uncovered=heard.uncovered[track],
        failures=heard.failures[track],
    )
    for utterance in utterances:
        for token in utterance.tokens if utterance.track == track else ():
            if token.entity_type is not None:
                span = token.span if token.located else utterance.span
                yield span.padded(_TOKEN_PAD_S, _TOKEN_PAD_S)


def finding_events(utterances: Sequence[RedactedUtterance]) -> Iterator[Event]:
    """Yield an event for each personal stretch of what is stored: its kind, and where its replacement stands."""
    for utterance in utterances:
        for token in utterance.tokens:
            if token.entity_type is not None:
                yield Event(
                    EventKind.FINDING, utterance.track, token.span, {"entity_type": str(token.entity_type)}
                )
