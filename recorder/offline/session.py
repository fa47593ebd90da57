"""One recorded file from beginning to end: redact, verify, publish. Nothing is published unless all of it passed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from typing import Final

from recorder import __version__
from recorder.bundle.checks import audio_length_check, container_check
from recorder.bundle.contents import RECORDING, gap_events
from recorder.bundle.log import LOG, ChainedLog
from recorder.bundle.manifest import BundleState, Check
from recorder.bundle.publish import Published, publish
from recorder.bundle.writer import BundleWriter
from recorder.media.encode import mux
from recorder.media.source import Source
from recorder.offline.audio import AudioVerdict, FileAudio, listen
from recorder.offline.contents import Results, file_contents, transcript_of, view_file
from recorder.offline.hints import HintedRun, ReviewHints
from recorder.offline.known_text import cover_known_text
from recorder.offline.video import RedactedVideo, redact_video
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from recorder.runtime.threads import both
from recorder.sources.channels import arrange_audio
from recorder.verify.audio import RenderedAudio
from recorder.verify.proof import Highlight
from recorder.verify.repair_video import VerifiedVideo, verify_video
from recorder.verify.words import check_text
from redaction.audio.redact import RedactedSpeech, Transcription, drop_minors, find_personal, finding_events
from redaction.errors import RedactionIncomplete
from redaction.model import Event, EventKind, Span
from redaction.policy import Policy
from redaction.stages import AudioStages, Stages
from redaction.text.known import Memory
from redaction.text.recording_text import NO_TEXT, RedactedText, known_names, redact_text
from redaction.text.sidecars import NO_SIDECARS, Sidecars
from redaction.video.redact import VideoStages
from redaction.video.screen.known_names import must_mask, reader_of_known

__all__ = ["redact_file"]

_EDGE_S: Final = 0.5
"""How far around a view of minors alone their voices are dropped too, in seconds."""


def redact_file(
    source: Source,
    writer: BundleWriter,
    *,
    stages: Stages,
    run: Run,
    beside: Sidecars = NO_SIDECARS,
    hints: ReviewHints | None = None,
    before_publishing: Callable[[], None] | None = None,
) -> Published:
    """Redact one recording into a bundle and publish it; on any error the partial bundle is removed.

    Args:
        source: its media.
        writer: the bundle.
        stages: the models.
        run: is told of the progress, and stops the work when somebody asks.
        beside: what lies beside the media.
        hints: places that a reviewer gave back; their words are among those that the models' policy lets stand.
        before_publishing: looks once more, when all is verified, and raises if it must not be published.

    Raises:
        OffrecordError: with the exit status of the cause; nothing was published.
    """
    try:
        log = ChainedLog(writer.path(LOG))
        with closing(log):
            redaction = _Redaction(source, writer, log, stages, run, beside, hints, before_publishing)
            return redaction.publish()
    finally:
        writer.discard()


class _Redaction:
    def __init__(
        self,
        source: Source,
        writer: BundleWriter,
        log: ChainedLog,
        stages: Stages,
        run: Run,
        beside: Sidecars,
        hints: ReviewHints | None,
        before_publishing: Callable[[], None] | None,
    ) -> None:
        self.began = time.monotonic()
        self.stages = stages
        self.policy = stages.policy
        self.writer = writer
        self.log = log
        self.run = run
        arranged = arrange_audio(source, mode=self.policy.audio.channels, own=beside.voices, run=run)
        self.source: Source = arranged
        self.info = self.source.info()
        self.notes: list[str] = [*arranged.notes]
        self.checks: list[Check] = []
        self.before_publishing = before_publishing
        self.beside = beside
        self.hints = HintedRun(hints, self.info.video, beside)
        self.notes += ["roster-declares-adults"] if beside.everybody_adult else []
        self.notes += ["declared-minors-left-out"] if beside.minors_left_out else []
        self.written = NO_TEXT
        self.names: tuple[str, ...] = ()
        self.audio: FileAudio | None = None

    def publish(self) -> Published:
        self._log_start()
        self.stages.prepare(video=bool(self.info.video), audio=bool(self.info.audio))
        pictures, listened = self._redact()
        _refuse_incomplete(pictures)
        pictures, heard = self._cross(pictures, listened)
        self._log_findings(pictures, heard)
        sound = self._speak(pictures, heard) if heard is not None else None
        self.written = self._write(pictures)
        self.run.check()
        self._state(BundleState.REDACTED)
        pictures, stills, sound = self._verify(pictures, sound)
        self._compose(pictures, sound)
        self._state(BundleState.VERIFIED)
        results = self._results(pictures, heard, sound, stills)
        return publish(
            file_contents(results, self.policy, checks=self.checks, notes=self.notes),
            self.writer,
            self.log,
            began=self.began,
            run=self.run,
            before_publishing=self.before_publishing,
        )

    @cached_property
    def video(self) -> VideoStages:
        """The picture's stages, with what lies beside this recording known on the screen, and nothing of another."""
        stages = self.stages.video
        screen = None if stages.screen is None else stages.screen.for_recording(self.beside.names)
        return replace(stages, screen=screen)

    @property
    def _declared(self) -> Policy:
        """The policy, with what lies beside the media declaring everybody an adult taken into account."""
        if not self.beside.everybody_adult:
            return self.policy
        minors = self.policy.minors.model_copy(update={"all_declared_adult": True})
        return self.policy.model_copy(update={"minors": minors})

    def _log_start(self) -> None:
        self.log.append(
            Event(
                EventKind.STARTED,
                detail={"version": __version__, "sha256": self.policy.digest, "engine": "offrecord"},
            )
        )
        for track in self.info.tracks:
            self.log.append(
                Event(
                    EventKind.TRACK,
                    track.id,
                    detail={
                        "kind": str(track.kind),
                        "width": track.width,
                        "height": track.height,
                        "sample_rate": track.sample_rate,
                        "channels": track.channels,
                    },
                )
            )

    def _redact(self) -> tuple[list[RedactedVideo], Transcription | None]:
        """Redact the pictures and listen to the sound at the same time."""
        if not self.info.audio:
            return self._pictures(), None
        return both(self._pictures, lambda: self._listen(self.stages.audio), run=self.run, name="redact")

    def _log_findings(self, pictures: Sequence[RedactedVideo], heard: RedactedSpeech | None) -> None:
        for picture in pictures:
            self.log.extend(picture.events)
            self.log.extend(gap_events(picture.gaps))
        if heard is not None:
            self.log.extend(gap_events(heard.gaps))
            self.notes += heard.notes
            if len(self.info.audio) == 1 and not heard.speakers_told_apart:
                self.notes.append("one-voice-for-all")

    def _pictures(self) -> list[RedactedVideo]:
        return [
            redact_video(
                self.source,
                track,
                self.writer.path(f"{track.id}.picture.mp4"),
                policy=self._declared,
                stages=self.video,
                run=self.run,
                hints=self.hints.places_of(self.source, track, run=self.run),
            )
            for track in self.info.video
        ]

    def _listen(self, stages: AudioStages) -> Transcription:
        return listen(
            self.source,
            self.info.audio,
            stages=stages,
            run=self.run,
        )

    def _cross(
        self, pictures: list[RedactedVideo], listened: Transcription | None
    ) -> tuple[list[RedactedVideo], RedactedSpeech | None]:
        """Search the words for the names that were seen too, and cover on the pictures what was found in the words."""
        screen = self.video.screen if pictures else None
        seen = () if screen is None else must_mask(screen.names_seen())
        self.names = known_names(self.beside.names, seen)
        heard: RedactedSpeech | None = None
        known: Mapping[str, Memory] = {}
        if listened is not None:
            finder = self.stages.audio.finder
            heard = find_personal(listened, self.beside, finder=finder, policy=self.policy, seen=seen)
            self.written, known = heard.written, heard.known
        elif self.beside != NO_SIDECARS:
            finder = self.stages.audio.finder
            understood = redact_text((), self.beside, finder=finder, policy=self.policy, seen=seen)
            self.written, known = understood.written, understood.known
        if self.beside == NO_SIDECARS and not seen:
            self.written = NO_TEXT
        if screen is None:
            return pictures, heard
        self.run.check()
        said = must_mask(heard.names) if heard is not None else ()
        again = reader_of_known(screen, known_names(self.beside.names, (*seen, *said)), known)
        screen.know_names((*seen, *said))
        screen.know_words(known)
        if again is None:
            return pictures, heard
        covered = [
            cover_known_text(
                picture,
                screen=again,
                policy=self.policy,
                run=self.run,
            )
            for picture in pictures
        ]
        return covered, heard

    def _write(self, pictures: Sequence[RedactedVideo]) -> RedactedText:
        """Return what may be stored of the words beside the media."""
        written = self.written
        if written is NO_TEXT:
            return written
        minors_only = _minors_only(pictures)
        kept = tuple(
            message
            for message in written.chat
            if not minors_only
            or (
                message.time is not None and not any(_at(message.time).overlaps(span) for span in minors_only)
            )
        )
        captions = tuple(
            one for one in written.captions if not any(span.overlaps(one.span) for span in minors_only)
        )
        if len(kept) < len(written.chat):
            self.notes.append("minors-only-chat-dropped")
        return replace(written, chat=kept, captions=captions)

    def _speak(self, pictures: Sequence[RedactedVideo], heard: RedactedSpeech) -> RenderedAudio:
        minors_only = _minors_only(pictures)
        utterances, events = drop_minors(heard, minors_only)
        self.log.extend(events)
        if minors_only:
            self.notes.append("minors-only-sound-dropped")
        elif any(picture.summary.minors for picture in pictures):
            self.notes.append("minor-voice-not-told-apart")
        self.audio = FileAudio(
            self.source,
            self.info.audio,
            self.writer.path("sound.m4a"),
            duration=self._duration(pictures, heard),
            policy=self.policy,
            stages=self.stages.audio,
            heard=heard,
            utterances=utterances,
            muted=minors_only,
            names=self.names,
            run=self.run,
        )
        return self.audio.render()

    def _duration(self, pictures: Sequence[RedactedVideo], heard: RedactedSpeech | None) -> float:
        """Return when the last decoded frame or sample ends; what the container claims is only an estimate."""
        ends = [heard.seconds if heard is not None else 0.0]
        ends += [picture.stored.seconds for picture in pictures]
        return max(ends)

    def _verify(
        self, pictures: list[RedactedVideo], sound: RenderedAudio | None
    ) -> tuple[list[RedactedVideo], list[tuple[Highlight, ...]], RenderedAudio | None]:
        """Look at what was stored again, and hear it at the same time."""
        audio = None if sound is None else self.audio
        if sound is None or audio is None:
            return *self._seen_again(pictures, self._look_again(pictures)), sound
        if not pictures:
            return [], [], self._heard_again(audio.verify(sound))
        looked, heard = both(
            lambda: self._look_again(pictures), lambda: audio.verify(sound), run=self.run, name="verify"
        )
        return *self._seen_again(pictures, looked), self._heard_again(heard)

    def _look_again(self, pictures: Sequence[RedactedVideo]) -> list[VerifiedVideo]:
        return [
            verify_video(
                picture.stored,
                policy=self.policy,
                look=self.stages.second_look,
                screen=self.video.screen,
                run=self.run,
            )
            for picture in pictures
        ]

    def _seen_again(
        self, pictures: Sequence[RedactedVideo], verdicts: Sequence[VerifiedVideo]
    ) -> tuple[list[RedactedVideo], list[tuple[Highlight, ...]]]:
        kept: list[RedactedVideo] = []
        for picture, verdict in zip(pictures, verdicts, strict=True):
            events = (*picture.events, *verdict.events)
            kept.append(replace(picture, stored=verdict.video, events=events))
            self.checks += verdict.checks
            self.log.extend(verdict.events)
        return kept, [verdict.stills for verdict in verdicts]

    def _heard_again(self, verdict: AudioVerdict) -> RenderedAudio:
        self.checks += verdict.checks
        self.notes += verdict.notes
        self.log.extend(verdict.events)
        self.log.extend(finding_events(verdict.sound.transcript))
        return verdict.sound

    def _compose(self, pictures: Sequence[RedactedVideo], sound: RenderedAudio | None) -> None:
        """Put the main picture and the sound into one file; further pictures stand under tracks/."""
        recording = self.writer.path(RECORDING)
        with storage_errors():
            mux(
                video=pictures[0].stored.path if pictures else None,
                audio=sound.path if sound else None,
                out=recording,
            )
            for number, picture in enumerate(pictures[1:], start=2):
                target = self.writer.path(view_file(number))
                mux(video=picture.stored.path, audio=None, out=target)
                self.checks.append(container_check(target, video=1, audio=0))
            for part in [*(picture.stored.path for picture in pictures), *([sound.path] if sound else [])]:
                part.unlink()
        if sound is not None:
            self.checks.append(audio_length_check(recording, sound.seconds))
        self.checks.append(container_check(recording, video=min(1, len(pictures)), audio=1 if sound else 0))

    def _results(
        self,
        pictures: Sequence[RedactedVideo],
        heard: RedactedSpeech | None,
        sound: RenderedAudio | None,
        stills: Sequence[tuple[Highlight, ...]],
    ) -> Results:
        if self.written is not NO_TEXT:
            self.checks.append(check_text(self.written, transcript_of(sound, self.written)))
        duration = self._duration(pictures, heard)
        hints = self.hints.entry(transcript_of(sound, self.written), self.written.chat)
        videos, seen = tuple(pictures), tuple(stills)
        return Results(self.info, videos, seen, heard, sound, self.written, duration, hints)

    def _state(self, state: BundleState) -> None:
        self.log.append(Event(EventKind.STATE, detail={"state": str(state)}))


def _minors_only(pictures: Sequence[RedactedVideo]) -> list[Span]:
    return [span.padded(_EDGE_S, _EDGE_S) for picture in pictures for span in picture.spans_minors_only]


def _at(time: float) -> Span:
    return Span(time, time + _EDGE_S)


def _refuse_incomplete(pictures: Sequence[RedactedVideo]) -> None:
    """Raise when a stage failed on a frame: the frame is covered, yet the result is not what was promised."""
    for picture in pictures:
        summary = picture.summary
        if failed := summary.failed_detections + summary.failed_silhouettes + summary.failed_screens:
            raise RedactionIncomplete(
                f"A detector failed on {failed} frame(s) of {picture.stored.track.id}. Nothing was published; "
                "run `offrecord doctor`, then try again."
            )
