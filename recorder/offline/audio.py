"""The sound of one recording: listen to every audio track, find personal words, speak or disguise the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from recorder.media.encode import AudioWriter
from recorder.media.source import Source, TrackInfo
from recorder.runtime.context import Cancellation, Progress
from recorder.runtime.storage import storage_errors
from recorder.runtime.threads import prefetched
from redaction.audio.listening.align import PocketsphinxAligner
from redaction.audio.listening.listen import Listener
from redaction.audio.listening.transcribe import WhisperTranscriber
from redaction.audio.speakers.models import SpeakerModels, SpeakerSplitter, assign_speakers
from redaction.audio.voice.disguise import Disguiser
from redaction.audio.voice.mute import mute_spans
from redaction.audio.voice.resynthesize import Resynthesizer
from redaction.audio.voice.speak import HibariSynthesizer
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
from redaction.text.find import PersonalDataFinder
from redaction.text.known import Memory
from redaction.text.recording_text import NOTHING_WRITTEN, Written, understand
from redaction.text.sidecars import NOTHING, Beside

__all__ = [
    "LISTENING_HZ",
    "SPEAKING_HZ",
    "Heard",
    "Listened",
    "SoundResult",
    "SoundStages",
    "drop_minors",
    "listen",
    "make_out",
    "render",
]

LISTENING_HZ: Final = 16_000
SPEAKING_HZ: Final = 24_000
_DEPTH: Final = 8
_TOKEN_PAD_S: Final = 0.15
_LIKELY: Final = 0.5


@dataclass(frozen=True, slots=True)
class SoundStages:
    """The models of the sound, loaded once.

    Attributes:
        speakers: tell voices apart and compare them; None where the optional group `speakers` was not fetched.
    """

    transcriber: WhisperTranscriber
    aligner: PocketsphinxAligner
    finder: PersonalDataFinder
    synthesizer: HibariSynthesizer | None
    speakers: SpeakerModels | None = None

    @classmethod
    def load(cls, policy: Policy, *, threads: int = 1) -> SoundStages:
        """Load what the policy needs.

        Raises:
            ModelUnavailable: a model file is missing or altered.
        """
        speech = policy.speech
        return cls(
            transcriber=WhisperTranscriber(speech.model, language=speech.language, threads=threads),
            aligner=PocketsphinxAligner(),
            finder=PersonalDataFinder(speech),
            synthesizer=HibariSynthesizer() if policy.voice.method == "resynthesize" else None,
            speakers=SpeakerModels.load(threads=threads) if SpeakerModels.available() else None,
        )


@dataclass(frozen=True, slots=True)
class Listened:
    """What was said in all audio tracks, not yet searched. It holds raw words, so it never leaves memory."""

    utterances: tuple[Utterance, ...] = field(repr=False)
    uncovered: dict[str, tuple[Span, ...]]
    failures: dict[str, tuple[Span, ...]]
    speech_seconds: float
    seconds: float
    gaps: tuple[Gap, ...]
    speakers_told_apart: bool


@dataclass(frozen=True, slots=True)
class Heard:
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
    events: tuple[Event, ...]
    speakers_told_apart: bool
    written: Written = field(default=NOTHING_WRITTEN, repr=False)
    known: Mapping[str, Memory] = field(default_factory=dict, repr=False)

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
class SoundResult:
    """The stored sound and what is known of it."""

    path: Path
    seconds: float
    silenced: float
    method: str
    events: tuple[Event, ...]
    transcript: tuple[RedactedUtterance, ...]


def listen(
    source: Source,
    tracks: Sequence[TrackInfo],
    *,
    stages: SoundStages,
    progress: Progress,
    cancellation: Cancellation,
) -> Listened:
    """Transcribe every audio track.

    Raises:
        UnreadableInput: nothing of a track can be decoded.
        Interrupted: the run was cancelled.
    """
    utterances: list[Utterance] = []
    uncovered: dict[str, tuple[Span, ...]] = {}
    failures: dict[str, tuple[Span, ...]] = {}
    gaps: list[Gap] = []
    speech = seconds = 0.0
    told_apart = len(tracks) > 1
    for number, track in enumerate(tracks, start=1):
        listener = Listener(
            track=track.id, speaker=f"S{number}", transcriber=stages.transcriber, aligner=stages.aligner
        )
        speakers = stages.speakers if len(tracks) == 1 else None
        with nullcontext() if speakers is None else SpeakerSplitter(speakers) as splitter:
            heard, end = _listen_to_track(
                source, track, listener, splitter, gaps=gaps, progress=progress, cancellation=cancellation
            )
            if splitter is not None:
                heard = list(assign_speakers(heard, splitter.finish()))
                told_apart = True
        utterances += heard
        seconds = max(seconds, end)
        uncovered[track.id] = tuple(listener.uncovered)
        failures[track.id] = tuple(listener.failures)
        speech += sum(span.duration for span in listener.speech)
    utterances.sort(key=lambda item: item.span)
    return Listened(
        utterances=tuple(utterances),
        uncovered=uncovered,
        failures=failures,
        speech_seconds=speech,
        seconds=seconds,
        gaps=tuple(gaps),
        speakers_told_apart=told_apart,
    )


def make_out(
    listened: Listened,
    beside: Beside = NOTHING,
    *,
    finder: PersonalDataFinder,
    policy: Policy,
    seen: Sequence[str] = (),
) -> Heard:
    """Find the personal words in the whole recording and in what lies beside it.

    Args:
        listened: what was said.
        beside: what was written.
        finder: finds personal data.
        policy: what stands for it.
        seen: names that stood on screens, which must not be left standing either.
    """
    understood = understand(listened.utterances, beside, finder=finder, policy=policy, seen=seen)
    return Heard(
        utterances=listened.utterances,
        findings=understood.findings,
        redacted=understood.redacted,
        uncovered=listened.uncovered,
        failures=listened.failures,
        speech_seconds=listened.speech_seconds,
        seconds=listened.seconds,
        gaps=listened.gaps,
        events=tuple(_finding_events(listened.utterances, understood.findings)),
        speakers_told_apart=listened.speakers_told_apart,
        written=understood.written,
        known=understood.known,
    )


def _listen_to_track(
    source: Source,
    track: TrackInfo,
    listener: Listener,
    splitter: SpeakerSplitter | None,
    *,
    gaps: list[Gap],
    progress: Progress,
    cancellation: Cancellation,
) -> tuple[list[Utterance], float]:
    stage = f"words {track.id}"
    end = 0.0
    progress.begin(stage, source.info().duration)
    found: list[Utterance] = []
    with prefetched(
        source.audio(track.id, LISTENING_HZ), depth=_DEPTH, name="hear", cancellation=cancellation
    ) as items:
        for item in items:
            if isinstance(item, Gap):
                gaps.append(item)
                continue
            if splitter is not None:
                splitter.push(item)
            found += listener.push(item)
            end = item.span.end
            progress.reach(stage, end)
    found += listener.flush()
    progress.end(stage)
    return found, end


def drop_minors(
    heard: Heard, spans: Sequence[Span]
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


def render(
    source: Source,
    tracks: Sequence[TrackInfo],
    path: Path,
    *,
    policy: Policy,
    stages: SoundStages,
    heard: Heard,
    utterances: Sequence[RedactedUtterance],
    silent: Sequence[Span],
    duration: float,
    progress: Progress,
    cancellation: Cancellation,
) -> SoundResult:
    """Store the sound that the policy allows.

    Args:
        utterances: what may be spoken.
        silent: spans in which nothing may be heard.
        duration: of the recording, in seconds.
    """
    speaking = policy.voice.method == "resynthesize"
    transcript = tuple(utterances)
    events: list[Event] = []
    stage = "voices"
    progress.begin(stage, duration)
    writer = AudioWriter(path, sample_rate=SPEAKING_HZ)
    loud = 0.0
    try:
        if speaking:
            if stages.synthesizer is None:
                raise ValueError("resynthesis was not loaded")
            resynthesizer = Resynthesizer(policy, stages.synthesizer)
            blocks = resynthesizer.render(utterances, duration=duration, muted=silent)
        elif policy.voice.method == "disguise":
            blocks = _disguised(source, tracks, heard, utterances, silent, duration=duration, events=events)
        else:
            blocks = _silence(duration, SPEAKING_HZ)
        for block in blocks:
            cancellation.check()
            with storage_errors():
                writer.write(block)
            loud += (
                float((abs(block.samples) > 1e-4).mean()) * block.span.duration if len(block.samples) else 0
            )
            progress.reach(stage, block.span.end)
        if speaking:
            events += resynthesizer.drain_events()
            transcript = tuple(resynthesizer.rendered)
    finally:
        with storage_errors():
            writer.close()
    progress.end(stage)
    return SoundResult(
        path=path,
        seconds=duration,
        silenced=max(0.0, duration - loud),
        method=policy.voice.method,
        events=tuple(events),
        transcript=transcript,
    )


def _disguised(
    source: Source,
    tracks: Sequence[TrackInfo],
    heard: Heard,
    utterances: Sequence[RedactedUtterance],
    silent: Sequence[Span],
    *,
    duration: float,
    events: list[Event],
) -> Iterator[AudioBlock]:
    """Mix the tracks, each disguised, with personal words and everything that is no recognised speech silent."""
    disguisers = [Disguiser(track=track.id) for track in tracks]
    rendered = [
        disguiser.render(
            (item for item in source.audio(track.id, LISTENING_HZ) if not isinstance(item, Gap)),
            [item.span for item in utterances if item.track == track.id],
            duration=duration,
            muted=[*silent, *_personal_spans(heard, utterances, track)],
        )
        for track, disguiser in zip(tracks, disguisers, strict=True)
    ]
    for blocks in zip(*rendered, strict=True):
        mixed = np.sum([block.samples for block in blocks], axis=0, dtype=np.float32)
        yield AudioBlock(np.clip(mixed, -1, 1), blocks[0].start, blocks[0].sample_rate)
    for disguiser in disguisers:
        events += disguiser.drain_events()


def _personal_spans(
    heard: Heard, utterances: Sequence[RedactedUtterance], track: TrackInfo
) -> Iterator[Span]:
    """Return what must not be heard of a track: findings, and words masked only because they recur."""
    yield from mute_spans(
        heard.utterances,
        heard.findings,
        track=track.id,
        uncovered=heard.uncovered[track.id],
        failures=heard.failures[track.id],
    )
    for utterance in utterances:
        for token in utterance.tokens if utterance.track == track.id else ():
            if token.entity_type is not None:
                span = token.span if token.located else utterance.span
                yield span.padded(_TOKEN_PAD_S, _TOKEN_PAD_S)


def _silence(duration: float, rate: int) -> Iterator[AudioBlock]:
    total = round(duration * rate)
    for start in range(0, total, rate):
        yield AudioBlock(np.zeros(min(rate, total - start), np.float32), start, rate)


def _finding_events(utterances: Sequence[Utterance], findings: Sequence[TextFinding]) -> Iterator[Event]:
    for finding in findings:
        utterance = utterances[finding.utterance]
        words = utterance.words[finding.first : finding.last]
        yield Event(
            EventKind.FINDING,
            utterance.track,
            Span(words[0].span.start, max(word.span.end for word in words)) if words else utterance.span,
            {
                "entity_type": str(finding.entity_type),
                "rule": finding.rule,
                "words": finding.last - finding.first,
                "score": finding.score,
            },
        )
