"""The sound of one recording: listen to every audio track, find personal words, speak or disguise the rest."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from recorder.bundle.manifest import Check
from recorder.media.encode import AudioWriter
from recorder.media.source import Source, TrackInfo
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from recorder.runtime.threads import prefetched
from recorder.verify.audio import (
    RawWords,
    RenderedAudio,
    StoredTrack,
    VerifiedAudio,
    verify_audio,
    words_check,
)
from recorder.verify.stored_words import Repair
from recorder.verify.voices import check_silent, compare_voices, voice_check
from redaction.audio.listening.energy import SpeechEnergy
from redaction.audio.listening.listen import Listener
from redaction.audio.redact import (
    LISTENING_HZ,
    SPEAKING_HZ,
    AudioRedactor,
    RedactedSpeech,
    Transcription,
    personal_spans,
)
from redaction.audio.speakers.models import (
    SAME_SPEAKER_COSINE,
    Embedder,
    SpeakerSplitter,
    assign_speakers,
)
from redaction.audio.voice.render import Original
from redaction.audio.voice.timing import fixed_masks
from redaction.errors import RedactionIncomplete
from redaction.model import (
    Event,
    EventKind,
    Gap,
    RedactedUtterance,
    Span,
    Utterance,
)
from redaction.policy import Policy
from redaction.stages import AudioStages

__all__ = ["AudioVerdict", "FileAudio", "listen"]

_DEPTH: Final = 8
_VOICE_ROUNDS: Final = 4
_WHOLE: Final = "recording"


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
    unheard: list[str] = []
    speech = seconds = 0.0
    told_apart = len(tracks) > 1
    for number, track in enumerate(tracks, start=1):
        listener = Listener(
            track=track.id, speaker=f"S{number}", transcriber=stages.transcriber, aligner=stages.aligner
        )
        speakers = stages.speakers if len(tracks) == 1 else None
        with nullcontext() if speakers is None else SpeakerSplitter(speakers) as splitter:
            energy = SpeechEnergy()
            heard, end = _listen_to_track(source, track, listener, splitter, energy, gaps=gaps, run=run)
            if not heard and energy.like_speech:
                unheard.append(track.id)
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
        unheard=tuple(unheard),
    )


def _listen_to_track(
    source: Source,
    track: TrackInfo,
    listener: Listener,
    splitter: SpeakerSplitter | None,
    energy: SpeechEnergy,
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
                energy.push(item)
                if splitter is not None:
                    splitter.push(item)
                found += listener.push(item)
                end = item.span.end
                reach(end)
        found += listener.flush()
    return found, end


@dataclass(frozen=True, slots=True)
class AudioVerdict:
    """Audio that passed the second hearing, and what it did."""

    sound: RenderedAudio
    checks: tuple[Check, ...]
    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()


class FileAudio:
    """The audio of one recorded file: rendered as the policy allows, heard again, and rendered again until it passes.

    Args:
        source: its media.
        tracks: its audio tracks.
        path: where the result is stored.
        policy: how voices are stored.
        stages: the models.
        heard: what was said.
        utterances: what may be spoken of it.
        muted: spans in which nothing may be heard.
        names: of people, known from elsewhere.
        duration: of the recording, in seconds.
        run: is told of the progress, and stops the work when somebody asks.
    """

    def __init__(
        self,
        source: Source,
        tracks: Sequence[TrackInfo],
        path: Path,
        *,
        policy: Policy,
        stages: AudioStages,
        heard: RedactedSpeech,
        utterances: Sequence[RedactedUtterance],
        muted: Sequence[Span] = (),
        names: Sequence[str] = (),
        duration: float,
        run: Run,
    ) -> None:
        self._source = source
        self._tracks = tracks
        self._path = path
        self._policy = policy
        self._stages = stages
        self._heard = heard
        self._utterances = tuple(utterances)
        self._muted = tuple(muted)
        self._names = tuple(names)
        self._duration = duration
        self._run = run
        self._redactor = AudioRedactor(policy, stages)
        self._disguises = policy.voice.method == "disguise"

    def render(self, silent: Sequence[Span] = ()) -> RenderedAudio:
        """Store the audio that the policy allows.

        The same voices speak at the same times whenever this is called.

        Args:
            silent: further spans in which nothing may be heard.
        """
        self._redactor.renderer.restart()
        rendering = self._redactor.renderer.render(
            self._utterances,
            end=round(self._duration * SPEAKING_HZ),
            muted=[*self._muted, *silent],
            originals=[self._original(track) for track in self._tracks] if self._disguises else (),
        )
        loud = 0.0
        with self._run.stage("voices", self._duration) as reach:
            writer = AudioWriter(self._path, sample_rate=SPEAKING_HZ)
            try:
                for block in rendering.blocks:
                    self._run.check()
                    with storage_errors():
                        writer.write(block)
                    if len(block.samples):
                        loud += float((abs(block.samples) > 1e-4).mean()) * block.span.duration
                    reach(block.span.end)
            finally:
                with storage_errors():
                    writer.close()
        return RenderedAudio(
            path=self._path,
            seconds=self._duration,
            silenced=max(0.0, self._duration - loud),
            method=self._policy.voice.method,
            transcript=rendering.words(),
            events=tuple(rendering.events()),
        )

    def verify(self, sound: RenderedAudio) -> AudioVerdict:
        """Hear the stored audio again and compare its voices with those that spoke.

        Raises:
            RedactionIncomplete: a personal word or a voice is still there after the last round.
        """
        checks = [check_silent(sound.path)] if sound.method == "mute" else []
        raw = RawWords.of(self._heard, self._names)
        events: list[Event] = []
        silent: list[Span] = []
        redrawn = 0
        highest = -1.0
        while True:
            sound, again = self._hear_again(sound, raw, silent)
            events += again.events.get(_WHOLE, ())
            if sound.method == "mute" or self._stages.speakers is None:
                break
            highest = self._highest_cosine(sound, self._stages.speakers.embedder)
            near = highest >= SAME_SPEAKER_COSINE and sound.method == "resynthesize"
            if not near or redrawn == _VOICE_ROUNDS:
                break
            redrawn += 1
            events.append(Event(EventKind.MENDED, detail={"reason": "voices drawn anew"}))
            self._redactor.renderer.restart(other_voices=True)
            sound = self.render(silent)  # other voices, so what they say is heard again
        checks.append(words_check(again))
        notes: tuple[str, ...] = ()
        if sound.method != "mute":
            notes = self._check_voice(sound, highest, checks)
        if sound.method == "disguise":
            sound = replace(sound, transcript=tuple(map(fixed_masks, sound.transcript)))
        return AudioVerdict(sound, tuple(checks), tuple(events), notes)

    def _check_voice(self, sound: RenderedAudio, highest: float, checks: list[Check]) -> tuple[str, ...]:
        if self._stages.speakers is None:
            return ("voices-not-compared",)
        check = voice_check(highest)
        if not check.passed and sound.method == "resynthesize":
            raise RedactionIncomplete("A stored voice may be recognised as one that spoke.")
        checks.append(check)
        return () if check.passed else ("disguised-voice-may-be-recognised",)

    def _highest_cosine(self, sound: RenderedAudio, embedder: Embedder) -> float:
        return compare_voices(
            sound.path,
            self._heard.utterances,
            source=self._source,
            tracks=self._tracks,
            embedder=embedder,
            run=self._run,
        )

    def _hear_again(
        self, sound: RenderedAudio, raw: RawWords, silent: list[Span]
    ) -> tuple[RenderedAudio, VerifiedAudio]:
        """Search the stored audio and words; `silent` grows by what had to fall silent."""
        stored = [sound]
        before = tuple(silent)

        def rewrite(_: str, words: tuple[RedactedUtterance, ...], repair: Repair) -> StoredTrack:
            self._utterances = tuple(
                _masked_alike(own, other) for own, other in zip(self._utterances, words, strict=True)
            )
            # Masked words are not spoken again; of a voice that is disguised they are silenced with the rest.
            new = repair.silent if sound.method == "resynthesize" else repair.spans
            silent[:] = [*before, *new]
            stored[0] = self.render(silent)
            return StoredTrack(stored[0].path, stored[0].transcript)

        again = verify_audio(
            {_WHOLE: StoredTrack(sound.path, sound.transcript)},
            raw=raw,
            duration=self._duration,
            policy=self._policy,
            stages=self._stages,
            rewrite=rewrite,
            run=self._run,
        )
        return stored[0], again

    def _original(self, track: TrackInfo) -> Original:
        """Return the raw audio of a track, with what must not be heard of it."""
        blocks = (item for item in self._source.audio(track.id, LISTENING_HZ) if not isinstance(item, Gap))
        return Original(track.id, blocks, tuple(personal_spans(self._heard, self._utterances, track.id)))


def _masked_alike(own: RedactedUtterance, other: RedactedUtterance) -> RedactedUtterance:
    """Mask the words of an utterance that are masked in a rendered copy of it."""
    tokens = tuple(
        replace(token, text=heard.text, entity_type=heard.entity_type) if heard.entity_type else token
        for token, heard in zip(own.tokens, other.tokens, strict=True)
    )
    return replace(own, tokens=tokens)
