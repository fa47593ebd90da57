"""One recorded file from beginning to end: redact, verify, publish. Nothing is published unless all of it passed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from recorder import __version__
from recorder.bundle.chat import CHAT, stored, write_chat
from recorder.bundle.log import ChainedLog
from recorder.bundle.manifest import (
    BundleState,
    Check,
    Coverage,
    Manifest,
    VoiceEntry,
)
from recorder.bundle.publication import (
    RECORDING,
    Published,
    expiry,
    gap_entry,
    gap_events,
    models_used,
    policy_facts,
    voice_note,
)
from recorder.bundle.report.page import attention, write_report
from recorder.bundle.transcript import speaker_names, write_transcript
from recorder.bundle.writer import BundleWriter
from recorder.media.check import check_audio_length, check_container
from recorder.media.encode import mux
from recorder.media.source import Source
from recorder.offline.audio import listen, render
from recorder.offline.contents import audio_coverage, counts_by_kind, track_entry, video_coverage
from recorder.offline.known_text import cover_known_text
from recorder.offline.video import RedactedVideo, redact_video
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from recorder.sources.recording import bundle_name, open_source, refuse_unknown
from recorder.verify.audio import RenderedAudio, verify_audio
from recorder.verify.repair_video import verify_video
from recorder.verify.video import DecodedStill
from recorder.verify.words import check_text
from redaction.audio.redact import RedactedSpeech, Transcription, drop_minors, find_personal
from redaction.errors import RedactionIncomplete
from redaction.model import Event, EventKind, RedactedUtterance, Span
from redaction.stages import AudioStages, Stages
from redaction.text.known import Memory
from redaction.text.recording_text import NO_TEXT, RedactedText, known_names, redact_text
from redaction.text.sidecars import NO_SIDECARS, Sidecars
from redaction.video.redact import VideoStages
from redaction.video.screen.known_names import must_mask, reader_of_known

__all__ = ["Published", "Stages", "bundle_name", "open_source", "redact_file", "refuse_unknown"]

_EDGE_S: Final = 0.5
"""How far around a view of minors alone their voices are dropped too, in seconds."""


def redact_file(
    source: Source,
    writer: BundleWriter,
    *,
    stages: Stages,
    run: Run,
    beside: Sidecars = NO_SIDECARS,
    before_publishing: Callable[[], None] | None = None,
) -> Published:
    """Redact one recording into a bundle and publish it; on any error the partial bundle is removed.

    Args:
        source: its media.
        writer: the bundle.
        stages: the models.
        run: is told of the progress, and stops the work when somebody asks.
        beside: what lies beside the media.
        before_publishing: looks once more, when all is verified, and raises if it must not be published.

    Raises:
        OffrecordError: with the exit status of the cause; nothing was published.
    """
    try:
        log = ChainedLog(writer.path("log.jsonl"))
        with closing(log):
            redaction = _Redaction(source, writer, log, stages, run, beside, before_publishing)
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
        before_publishing: Callable[[], None] | None,
    ) -> None:
        self.began = time.monotonic()
        self.stages = stages
        self.policy = stages.policy
        self.writer = writer
        self.log = log
        self.run = run
        self.source = source
        self.info = source.info()
        self.notes: list[str] = []
        self.checks: list[Check] = []
        self.before_publishing = before_publishing
        self.beside = beside
        self.written = NO_TEXT

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
        pictures, stills = self._verify_pictures(pictures)
        if sound is not None and heard is not None:
            sound = self._verify_sound(pictures, sound, heard)
        self._compose(pictures, sound)
        self._state(BundleState.VERIFIED)
        return self._publish(pictures, heard, sound, stills)

    @cached_property
    def video(self) -> VideoStages:
        """The picture's stages, with what lies beside this recording known on the screen, and nothing of another."""
        stages = self.stages.video
        screen = None if stages.screen is None else stages.screen.anew(self.beside.names)
        return replace(stages, screen=screen)

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
        stages = self.stages.sound if self.info.audio else None
        with ThreadPoolExecutor(2, thread_name_prefix="redact") as pool:
            picture_job = pool.submit(self._pictures)
            sound_job = pool.submit(self._listen, stages) if stages is not None else None
            jobs: list[Future[Any]] = [job for job in (picture_job, sound_job) if job is not None]
            done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
            if any(job.exception() is not None for job in done):
                self.run.fail()
            for job in done:
                job.result()
            return picture_job.result(), sound_job.result() if sound_job is not None else None

    def _log_findings(self, pictures: Sequence[RedactedVideo], heard: RedactedSpeech | None) -> None:
        for picture in pictures:
            self.log.extend(picture.events)
            self.log.extend(gap_events(picture.gaps))
        if heard is not None:
            self.log.extend(gap_events(heard.gaps))
            self.log.extend(heard.events)
            if len(self.info.audio) == 1 and not heard.speakers_told_apart:
                self.notes.append("one-voice-for-all")

    def _pictures(self) -> list[RedactedVideo]:
        return [
            redact_video(
                self.source,
                track,
                self.writer.path(f"{track.id}.picture.mp4"),
                policy=self.policy,
                stages=self.video,
                run=self.run,
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
        heard: RedactedSpeech | None = None
        known: Mapping[str, Memory] = {}
        if listened is not None:
            finder = self.stages.sound.finder
            heard = find_personal(listened, self.beside, finder=finder, policy=self.policy, seen=seen)
            self.written, known = heard.written, heard.known
        elif self.beside != NO_SIDECARS:
            finder = self.stages.sound.finder
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

    def _speak(
        self, pictures: Sequence[RedactedVideo], heard: RedactedSpeech, *, silent: Sequence[Span] = ()
    ) -> RenderedAudio:
        minors_only = _minors_only(pictures)
        utterances, events = drop_minors(heard, minors_only)
        if not silent:
            self.log.extend(events)
        if minors_only:
            self.notes.append("minors-only-sound-dropped")
        elif any(picture.summary.minors for picture in pictures):
            self.notes.append("minor-voice-not-told-apart")
        return render(
            self.source,
            self.info.audio,
            self.writer.path("sound.m4a"),
            duration=self._duration(pictures, heard),
            policy=self.policy,
            stages=self.stages.sound,
            heard=heard,
            utterances=utterances,
            silent=[*minors_only, *silent],
            run=self.run,
        )

    def _duration(self, pictures: Sequence[RedactedVideo], heard: RedactedSpeech | None) -> float:
        """Return when the last decoded frame or sample is; what the container claims is only an estimate."""
        ends = [heard.seconds if heard is not None else 0.0]
        ends += [picture.stored.seconds for picture in pictures]
        return max(ends)

    def _verify_pictures(
        self, pictures: Sequence[RedactedVideo]
    ) -> tuple[list[RedactedVideo], list[DecodedStill]]:
        kept: list[RedactedVideo] = []
        stills: list[DecodedStill] = []
        for picture in pictures:
            verdict = verify_video(
                picture.stored,
                policy=self.policy,
                look=self.stages.look,
                screen=self.video.screen,
                run=self.run,
            )
            events = (*picture.events, *verdict.events)
            kept.append(replace(picture, stored=verdict.video, events=events))
            stills += verdict.stills
            self.checks += verdict.checks
            self.log.extend(verdict.events)
        return kept, stills

    def _verify_sound(
        self, pictures: Sequence[RedactedVideo], sound: RenderedAudio, heard: RedactedSpeech
    ) -> RenderedAudio:
        verdict = verify_audio(
            sound,
            heard,
            source=self.source,
            tracks=self.info.audio,
            stages=self.stages.sound,
            rerender=lambda silent: self._speak(pictures, heard, silent=silent),
            run=self.run,
        )
        self.checks += verdict.checks
        self.notes += verdict.notes
        self.log.extend(verdict.events)
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
                target = self.writer.path(f"tracks/p{number:02d}-screen.mp4")
                mux(video=picture.stored.path, audio=None, out=target)
                self.checks.append(check_container(target, video=1, audio=0))
            for part in [*(picture.stored.path for picture in pictures), *([sound.path] if sound else [])]:
                part.unlink()
        if sound is not None:
            self.checks.append(check_audio_length(recording, sound.seconds))
        self.checks.append(check_container(recording, video=min(1, len(pictures)), audio=1 if sound else 0))

    def _publish(
        self,
        pictures: Sequence[RedactedVideo],
        heard: RedactedSpeech | None,
        sound: RenderedAudio | None,
        stills: Sequence[DecodedStill],
    ) -> Published:
        if sound is not None:
            self.log.extend(sound.events)
        self._write_words(None if sound is None else sound.transcript)
        for check in self.checks:
            self.log.append(
                Event(
                    EventKind.VERIFY, detail={"check": check.name, "passed": "yes" if check.passed else "no"}
                )
            )
        self._state(BundleState.PUBLISHED)
        manifest = self._manifest(pictures, heard, sound)
        with storage_errors():
            write_report(
                self.writer.path("report.html"),
                manifest,
                pictures=pictures,
                heard=heard,
                sound=sound,
                stills=stills,
            )
            self.log.close()
        manifest = manifest.model_copy(
            update={
                "files": self.writer.file_entries(),
                "log_head": self.log.head,
                "log_lines": self.log.count,
            }
        )
        self.run.check()
        if self.before_publishing is not None:
            self.before_publishing()
        path = self.writer.publish(manifest)
        return Published(path, manifest, time.monotonic() - self.began, tuple(attention(manifest, pictures)))

    def _write_words(self, spoken: Sequence[RedactedUtterance] | None) -> None:
        """Write the transcript and the chat; without sound the captions are the transcript."""
        transcript = self.written.captions if spoken is None else spoken
        if self.written is not NO_TEXT:
            self.checks.append(check_text(self.written, transcript))
        with storage_errors():
            if spoken is not None or transcript:
                write_transcript(
                    transcript,
                    vtt=self.writer.path("transcript.vtt"),
                    json_path=self.writer.path("transcript.json"),
                )
            if self.written.chat:
                names = speaker_names(transcript)
                tracks = {one.track: names[one.speaker] for one in transcript}
                write_chat(stored(self.written.chat, speakers=tracks), self.writer.path(CHAT))

    def _state(self, state: BundleState) -> None:
        self.log.append(Event(EventKind.STATE, detail={"state": str(state)}))

    def _manifest(
        self, pictures: Sequence[RedactedVideo], heard: RedactedSpeech | None, sound: RenderedAudio | None
    ) -> Manifest:
        created, expires = expiry(self.policy)
        gaps = [gap for picture in pictures for gap in picture.gaps] + list(heard.gaps if heard else ())
        return Manifest(
            state=BundleState.PUBLISHED,
            version=__version__,
            created=created,
            expires=expires,
            purpose=self.policy.purpose.name,
            retention_days=self.policy.purpose.retention_days,
            policy_digest=self.policy.digest,
            policy=policy_facts(self.policy),
            models=models_used(
                self.policy,
                pictures=bool(pictures),
                sound=heard is not None,
                speakers=heard is not None
                and heard.speakers_told_apart
                and len({item.track for item in heard.utterances}) <= 1,
                written=self.written is not NO_TEXT,
            ),
            duration=round(self._duration(pictures, heard), 3),
            tracks=tuple(track_entry(track) for track in self.info.tracks),
            gaps=tuple(gap_entry(gap) for gap in gaps),
            coverage=Coverage(video=video_coverage(pictures), audio=audio_coverage(heard, sound)),
            redacted=counts_by_kind(pictures, heard, self.written),
            voice=VoiceEntry(
                method=self.policy.voice.method if sound else "none",
                note=voice_note(self.policy.voice.method) if sound else "",
            ),
            checks=tuple(self.checks),
            notes=tuple(dict.fromkeys(self.notes)),
            files={},
            log_lines=0,
            log_head="",
        )


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
