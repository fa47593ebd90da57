"""The next version of the bundle of a recorded file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from recorder.bundle.chat import CHAT, Chat, StoredMessage
from recorder.bundle.checks import audio_length_check, container_check, joined_checks
from recorder.bundle.contents import RECORDING, BundleContents, Origin
from recorder.bundle.log import LOG, ChainedLog
from recorder.bundle.manifest import BundleState, Check, Coverage, GapEntry, TrackEntry
from recorder.bundle.read_contents import stored_utterance
from recorder.bundle.report.build import REPORT_FILE
from recorder.bundle.transcript import TranscriptFile
from recorder.bundle.writer import BundleWriter, taken_over
from recorder.media.encode import mux
from recorder.media.file import FileSource
from recorder.review.draft import Eyes, ReviewDraft, mended_track, replaced_checks, whole_events
from recorder.review.mend_audio import MendedAudio, StoredVoice, mended_audio
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from recorder.verify.repair_video import VerifiedVideo
from redaction.audio.redact import finding_events
from redaction.errors import UnreadableInput
from redaction.model import Event, EventKind, RedactedUtterance, Span
from redaction.stages import Stages

__all__ = ["mended_file", "standing_contents"]

_BAD: Final = "The bundle holds what this version does not understand; nothing was changed."
_WHOLE: Final = ""
_STATES: Final = (BundleState.REDACTED, BundleState.VERIFIED)
_WRITTEN_ANEW: Final = frozenset({LOG, REPORT_FILE})


def standing_contents(draft: ReviewDraft) -> BundleContents:
    """Return what is published where nothing is mended: all but log, report and manifest stays as it stands."""
    manifest = draft.manifest
    origin = Origin.of_manifest(manifest)
    return BundleContents(
        origin=replace(origin, review=(*origin.review, draft.review)),
        duration=manifest.duration,
        tracks=manifest.tracks,
        gaps=manifest.gaps,
        coverage=manifest.coverage,
        redacted=manifest.redacted,
        checks=manifest.checks,
        stills=manifest.stills,
        notes=manifest.notes,
        participants=manifest.participants,
    )


def mended_file(
    draft: ReviewDraft, writer: BundleWriter, *, work: Path, stages: Stages, run: Run
) -> tuple[ChainedLog, BundleContents]:
    """Write the media of the next version, begin its log, and return what is published.

    Without mends the files are taken over, of a call too.

    Raises:
        RedactionIncomplete: what was written does not pass.
        StorageFailed: the disk refused.
    """
    if not draft.wanted:
        for name in draft.manifest.files:
            if name not in _WRITTEN_ANEW:
                taken_over(draft.bundle / name, writer.path(name))
        return _begun(draft, writer, draft.events(), ()), standing_contents(draft)
    return _FileMending(draft, writer, work, stages, run).done()


@dataclass(frozen=True, slots=True)
class _Written:
    """What is written in a bundle."""

    utterances: tuple[RedactedUtterance, ...] | None
    chat: tuple[StoredMessage, ...]


class _FileMending:
    def __init__(
        self, draft: ReviewDraft, writer: BundleWriter, work: Path, stages: Stages, run: Run
    ) -> None:
        self.draft = draft
        self.writer = writer
        self.work = work
        self.stages = stages
        self.run = run
        self.recording = draft.bundle / RECORDING
        self.checks: list[Check] = []

    def done(self) -> tuple[ChainedLog, BundleContents]:
        draft = self.draft
        videos = [track for track in draft.manifest.tracks if track.kind == "video" and track.file]
        eyes = Eyes(self.stages, draft.words)
        seen = {track.id: self._look(track, eyes) for track in videos}
        written = _written(draft)
        heard = self._hear(written.utterances)
        self._compose(videos, seen, heard)
        words = heard.voices[_WHOLE].words
        counts: dict[str, int] = dict(draft.manifest.redacted)
        for kind, count in heard.masked.get(_WHOLE, {}).items():
            counts[kind] = counts.get(kind, 0) + count
        mended = [one for one in seen.values() if one is not None]
        events = [event for event in draft.events() if event.kind is not EventKind.FINDING]
        later = [event for one in mended for event in one.events]
        later += [*whole_events(draft), *heard.events.get(_WHOLE, ()), *finding_events(words)]
        cuts = draft.cuts
        contents = replace(
            standing_contents(draft),
            duration=round(cuts.duration, 3),
            gaps=tuple(_gaps(draft)),
            coverage=self._coverage(mended, len(videos), heard, words),
            redacted=counts,
            checks=replaced_checks(draft.manifest.checks, joined_checks(self.checks)),
            stills=draft.stills(),
            transcript=words if written.utterances is not None else None,
            names={one.speaker: one.speaker for one in words},
            chat=tuple(self._chat(written.chat)),
        )
        return _begun(draft, self.writer, events, later), contents

    def _look(self, track: TrackEntry, eyes: Eyes) -> VerifiedVideo | None:
        target = self.work / f"{track.id}.mp4"
        verified = mended_track(self.draft, track, target, eyes=eyes, run=self.run)
        if verified is not None:
            self.checks += verified.checks
        return verified

    def _hear(self, utterances: tuple[RedactedUtterance, ...] | None) -> MendedAudio:
        has_audio = self.recording.is_file() and bool(FileSource(self.recording).info().audio)
        heard = mended_audio(
            {_WHOLE: StoredVoice(self.recording if has_audio else None, utterances or ())},
            self.draft.audio,
            work=self.work,
            duration=self.draft.manifest.duration,
            policy=self.draft.policy,
            stages=lambda: self.stages.audio,
            run=self.run,
        )
        self.checks += heard.checks
        return heard

    def _compose(
        self, videos: list[TrackEntry], seen: dict[str, VerifiedVideo | None], heard: MendedAudio
    ) -> None:
        audio = heard.voices[_WHOLE].path
        main = next((track for track in videos if track.file == RECORDING), None)
        with storage_errors():
            for track in videos:
                verified = seen[track.id]
                if track.file in (None, RECORDING):
                    continue
                if verified is None:
                    taken_over(self.draft.bundle / track.file, self.writer.path(track.file))
                    continue
                target = self.writer.path(track.file)
                mux(video=verified.video.path, audio=None, out=target)
                self.checks.append(container_check(target, video=1, audio=0))
            if RECORDING not in self.draft.manifest.files:
                return
            target = self.writer.path(RECORDING)
            verified = seen[main.id] if main is not None else None
            if verified is None and audio in (None, self.recording):
                taken_over(self.recording, target)
                return
            video = None if main is None else (self.recording if verified is None else verified.video.path)
            mux(video=video, audio=audio, out=target)
        if audio is not None:
            self.checks.append(audio_length_check(target, self.draft.cuts.duration))
        self.checks.append(container_check(target, video=int(main is not None), audio=int(audio is not None)))

    def _coverage(
        self,
        mended: list[VerifiedVideo],
        videos: int,
        heard: MendedAudio,
        words: tuple[RedactedUtterance, ...],
    ) -> Coverage:
        """Return the figures as they were, but for what more is covered, silent and masked."""
        coverage = self.draft.manifest.coverage
        added = sum(one.video.repaired for one in mended) / max(1, videos)
        area = round(min(1.0, coverage.video.share_of_area_covered + added), 4)
        silent = sum(span.duration for span in heard.silent.get(_WHOLE, ()))
        seconds = min(coverage.audio.seconds, self.draft.cuts.duration)
        audio = {
            "seconds": round(seconds, 3),
            "silenced": round(min(seconds, coverage.audio.silenced + silent), 3),
        }
        if words:
            audio["words"] = sum(len(one.tokens) for one in words)
        return Coverage(
            video=coverage.video.model_copy(update={"share_of_area_covered": area}),
            audio=coverage.audio.model_copy(update=audio),
        )

    def _chat(self, messages: tuple[StoredMessage, ...]) -> Iterator[StoredMessage]:
        cuts, dropped = self.draft.cuts, self.draft.dropped
        for message in messages:
            if message.speaker in dropped or (message.time is not None and cuts.holds(message.time)):
                continue
            time = None if message.time is None else round(cuts.moved(message.time), 3)
            yield self.draft.words.message(message.model_copy(update={"time": time}))


def _written(draft: ReviewDraft) -> _Written:
    files = draft.manifest.files
    try:
        transcript: tuple[RedactedUtterance, ...] | None = None
        chat: tuple[StoredMessage, ...] = ()
        if "transcript.json" in files:
            spoken = TranscriptFile.model_validate_json((draft.bundle / "transcript.json").read_bytes())
            transcript = tuple(stored_utterance(one) for one in spoken.utterances)
        if CHAT in files:
            chat = Chat.model_validate_json((draft.bundle / CHAT).read_bytes()).messages
    except (OSError, ValidationError):
        raise UnreadableInput(_BAD) from None
    return _Written(transcript, chat)


def _gaps(draft: ReviewDraft) -> Iterator[GapEntry]:
    for gap in draft.manifest.gaps:
        span = draft.cuts.moved_span(Span(gap.start, gap.end))
        if span is not None:
            yield gap.model_copy(update={"start": round(span.start, 3), "end": round(span.end, 3)})


def _begun(
    draft: ReviewDraft, writer: BundleWriter, events: list[Event], later: tuple[Event, ...] | list[Event]
) -> ChainedLog:
    log = ChainedLog(writer.path(LOG))
    log.extend(events)
    log.extend(later)
    log.append(draft.reviewed)
    log.extend(Event(EventKind.STATE, detail={"state": str(state)}) for state in _STATES)
    return log
