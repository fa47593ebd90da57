"""The sound of one recording: listen to every audio track, find personal words, speak or disguise the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import numpy as np

from recorder.media.encode import AudioWriter
from recorder.media.source import Source, TrackInfo
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from recorder.runtime.threads import prefetched
from recorder.verify.audio import RenderedAudio
from redaction.audio.listening.listen import Listener
from redaction.audio.redact import LISTENING_HZ, SPEAKING_HZ, RedactedSpeech, Transcription, personal_spans
from redaction.audio.speakers.models import SpeakerSplitter, assign_speakers
from redaction.audio.voice.disguise import Disguiser
from redaction.audio.voice.resynthesize import Resynthesizer
from redaction.model import (
    AudioBlock,
    Event,
    Gap,
    RedactedUtterance,
    Span,
    Utterance,
)
from redaction.policy import Policy
from redaction.stages import AudioStages

__all__ = ["listen", "render"]

_DEPTH: Final = 8


def listen(
    source: Source,
    tracks: Sequence[TrackInfo],
    *,
    stages: AudioStages,
    run: Run,
) -> Transcription:
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
            heard, end = _listen_to_track(source, track, listener, splitter, gaps=gaps, run=run)
            if splitter is not None:
                heard = list(assign_speakers(heard, splitter.finish()))
                told_apart = True
        utterances += heard
        seconds = max(seconds, end)
        uncovered[track.id] = tuple(listener.uncovered)
        failures[track.id] = tuple(listener.failures)
        speech += sum(span.duration for span in listener.speech)
    utterances.sort(key=lambda item: item.span)
    return Transcription(
        utterances=tuple(utterances),
        uncovered=uncovered,
        failures=failures,
        speech_seconds=speech,
        seconds=seconds,
        gaps=tuple(gaps),
        speakers_told_apart=told_apart,
    )


def _listen_to_track(
    source: Source,
    track: TrackInfo,
    listener: Listener,
    splitter: SpeakerSplitter | None,
    *,
    gaps: list[Gap],
    run: Run,
) -> tuple[list[Utterance], float]:
    end = 0.0
    with run.stage(f"words {track.id}", source.info().duration) as reach:
        found: list[Utterance] = []
        with prefetched(source.audio(track.id, LISTENING_HZ), depth=_DEPTH, name="hear", run=run) as items:
            for item in items:
                if isinstance(item, Gap):
                    gaps.append(item)
                    continue
                if splitter is not None:
                    splitter.push(item)
                found += listener.push(item)
                end = item.span.end
                reach(end)
        found += listener.flush()
    return found, end


def render(
    source: Source,
    tracks: Sequence[TrackInfo],
    path: Path,
    *,
    policy: Policy,
    stages: AudioStages,
    heard: RedactedSpeech,
    utterances: Sequence[RedactedUtterance],
    silent: Sequence[Span],
    duration: float,
    run: Run,
) -> RenderedAudio:
    """Store the sound that the policy allows.

    Args:
        utterances: what may be spoken.
        silent: spans in which nothing may be heard.
        duration: of the recording, in seconds.
    """
    speaking = policy.voice.method == "resynthesize"
    transcript = tuple(utterances)
    events: list[Event] = []
    writer = AudioWriter(path, sample_rate=SPEAKING_HZ)
    loud = 0.0
    with run.stage("voices", duration) as reach:
        try:
            if speaking:
                if stages.synthesizer is None:
                    raise ValueError("resynthesis was not loaded")
                resynthesizer = Resynthesizer(policy, stages.synthesizer)
                blocks = resynthesizer.render(utterances, duration=duration, muted=silent)
            elif policy.voice.method == "disguise":
                blocks = _disguised(
                    source, tracks, heard, utterances, silent, duration=duration, events=events
                )
            else:
                blocks = _silence(duration, SPEAKING_HZ)
            for block in blocks:
                run.check()
                with storage_errors():
                    writer.write(block)
                loud += (
                    float((abs(block.samples) > 1e-4).mean()) * block.span.duration
                    if len(block.samples)
                    else 0
                )
                reach(block.span.end)
            if speaking:
                events += resynthesizer.drain_events()
                transcript = tuple(resynthesizer.rendered)
        finally:
            with storage_errors():
                writer.close()
    return RenderedAudio(
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
    heard: RedactedSpeech,
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
            muted=[*silent, *personal_spans(heard, utterances, track.id)],
        )
        for track, disguiser in zip(tracks, disguisers, strict=True)
    ]
    for blocks in zip(*rendered, strict=True):
        mixed = np.sum([block.samples for block in blocks], axis=0, dtype=np.float32)
        yield AudioBlock(np.clip(mixed, -1, 1), blocks[0].start, blocks[0].sample_rate)
    for disguiser in disguisers:
        events += disguiser.drain_events()


def _silence(duration: float, rate: int) -> Iterator[AudioBlock]:
    total = round(duration * rate)
    for start in range(0, total, rate):
        yield AudioBlock(np.zeros(min(rate, total - start), np.float32), start, rate)
