"""Make a bundle of a call's parts: composed recording, transcript, quality, receipts, log, report, manifest."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from recorder.bundle.contents import (
    CallContents,
    ParticipantContents,
    TrackContents,
    joined_checks,
    label,
    notes_of,
    still_entries,
    total_coverage,
)
from recorder.bundle.log import ChainedLog
from recorder.bundle.manifest import (
    BundleState,
    Check,
    GapEntry,
    Manifest,
    Participants,
    PersonEntry,
    SpanEntry,
    TrackEntry,
    VoiceEntry,
)
from recorder.bundle.publication import RECORDING, Published, gap_entry, voice_note
from recorder.bundle.quality import write_quality
from recorder.bundle.report.build import call_attention, write_call_report
from recorder.bundle.transcript import write_transcript
from recorder.bundle.writer import LIVE, BundleWriter
from recorder.call.consent.receipts import Receipts
from recorder.media.check import check_audio_length, check_container
from recorder.media.compose import ComposedView, StoredTrack, compose
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from redaction.model import Event, EventKind, Gap, RedactedUtterance, Span
from redaction.policy import OutputSection

__all__ = ["TRACKS", "assemble"]

TRACKS: Final = "tracks"
_REASON: Final = re.compile(r"^[a-z][a-z0-9 _-]{0,63}$")
_STATES: Final = (BundleState.REDACTED, BundleState.VERIFIED)


def assemble(
    parts: CallContents,
    writer: BundleWriter,
    log: ChainedLog,
    *,
    output: OutputSection,
    began: float,
    run: Run,
    before_publishing: Callable[[], None] | None = None,
) -> Published:
    """Write everything that is made of the parts, check it and publish it.

    Args:
        parts: all tracks stand already under `tracks/` in the writer's folder.
        writer: of the bundle; what is in its folder besides `live` is taken for a part of the bundle.
        log: begun; it is completed and closed.
        output: how to encode the composed recording.
        began: monotonic time at which this began.
        run: is told of the progress, and stops the work when somebody asks.
        before_publishing: looks once more, when all is whole, and raises if it must not be published.

    Raises:
        RedactionIncomplete: what was written does not pass its checks.
        StorageFailed: the disk refused.
    """
    checks = [check for person in parts.people for check in person.checks]
    if parts.people:
        recording = writer.path(RECORDING)
        compose(
            list(_views(parts)),
            recording,
            duration=parts.duration,
            output=output,
            run=run,
        )
        checks += _container_checks(parts, recording)
    checks = list(joined_checks(checks))
    with storage_errors():
        _write_words(parts, writer)
        write_quality(
            {label(number): person.quality for number, person in enumerate(parts.people, start=1)},
            writer.path("quality.json"),
        )
        if parts.receipts:
            document = Receipts(receipts=parts.receipts)
            writer.path("receipts.json").write_text(
                document.model_dump_json(indent=1) + "\n", encoding="utf-8"
            )
    with closing(log):
        _complete_log(parts, log, checks)
    manifest = _manifest(parts, checks)
    with storage_errors():
        write_call_report(writer.partial, manifest)
    manifest = manifest.model_copy(
        update={"files": _entries(writer), "log_head": log.head, "log_lines": log.count}
    )
    run.check()
    writer.seal(manifest)
    if before_publishing is not None:
        before_publishing()
    with storage_errors():
        shutil.rmtree(writer.partial / LIVE, ignore_errors=True)
    path = writer.publish(manifest)
    return Published(path, manifest, time.monotonic() - began, tuple(call_attention(manifest)))


def _entries(writer: BundleWriter) -> dict[str, object]:
    return {name: entry for name, entry in writer.file_entries().items() if not name.startswith(f"{LIVE}/")}


def _views(parts: CallContents) -> Iterator[ComposedView]:
    for number, person in enumerate(parts.people, start=1):
        camera, screen, microphone = (person.track(kind) for kind in ("camera", "screen", "microphone"))
        yield ComposedView(
            label(number),
            camera=StoredTrack(camera.path, camera.spans) if camera else None,
            screen=StoredTrack(screen.path, screen.spans) if screen else None,
            microphone=microphone.path if microphone else None,
        )


def _container_checks(parts: CallContents, recording: Path) -> Iterator[Check]:
    for person in parts.people:
        for track in person.tracks:
            sound = track.kind == "microphone"
            yield check_container(track.path, video=int(not sound), audio=int(sound))
            if sound:
                yield check_audio_length(track.path, parts.duration)
    yield check_container(recording, video=1, audio=1)
    yield check_audio_length(recording, parts.duration)


def _write_words(parts: CallContents, writer: BundleWriter) -> None:
    utterances: list[RedactedUtterance] = []
    for number, person in enumerate(parts.people, start=1):
        who = label(number)
        utterances += (replace(item, speaker=who, track=f"{who}-microphone") for item in person.utterances)
    write_transcript(
        utterances,
        vtt=writer.path("transcript.vtt"),
        json_path=writer.path("transcript.json"),
        names={label(number): label(number) for number in range(1, len(parts.people) + 1)},
    )


def _complete_log(parts: CallContents, log: ChainedLog, checks: Iterable[Check]) -> None:
    log.extend(_person_events(parts))
    log.extend(parts.call_events)
    for state in _STATES:
        log.append(Event(EventKind.STATE, detail={"state": str(state)}))
    for check in checks:
        log.append(
            Event(EventKind.VERIFY, detail={"check": check.name, "passed": "yes" if check.passed else "no"})
        )
    log.append(Event(EventKind.STATE, detail={"state": str(BundleState.PUBLISHED)}))


def _person_events(parts: CallContents) -> list[Event]:
    """Return what happened to everybody's tracks, in order of time."""
    found = [
        replace(event, track=f"{label(number)}-{event.track}" if event.track else label(number))
        for number, person in enumerate(parts.people, start=1)
        for event in person.events
    ]
    return sorted(found, key=lambda event: event.span.start if event.span else -1.0)


def _manifest(parts: CallContents, checks: Iterable[Check]) -> Manifest:
    redacted: dict[str, int] = {}
    for person in parts.people:
        for kind, count in person.redacted.items():
            redacted[kind] = redacted.get(kind, 0) + count
    return Manifest(
        state=BundleState.PUBLISHED,
        version=parts.version,
        created=parts.created,
        expires=parts.expires,
        purpose=parts.purpose,
        retention_days=parts.retention_days,
        policy_digest=parts.policy_digest,
        policy=parts.policy,
        models=parts.models,
        duration=round(parts.duration, 3),
        tracks=tuple(
            _track_entry(label(number), track)
            for number, person in enumerate(parts.people, start=1)
            for track in person.tracks
        ),
        gaps=tuple(_gaps(parts)),
        coverage=total_coverage(parts.people),
        redacted=dict(sorted(redacted.items())),
        voice=VoiceEntry(method=parts.voice, note=voice_note(parts.voice)),
        checks=tuple(checks),
        notes=(*parts.notes, *notes_of(parts.people)),
        participants=Participants(
            way=parts.way,
            recorded=len(parts.people),
            not_recorded=parts.not_recorded,
            people=tuple(
                _person_entry(label(number), person) for number, person in enumerate(parts.people, start=1)
            ),
        ),
        stills=still_entries(parts.people),
        files={},
        log_lines=0,
        log_head="",
    )


def _person_entry(who: str, person: ParticipantContents) -> PersonEntry:
    return PersonEntry(
        id=who,
        receipt=person.receipt,
        via=person.via,
        stays=_spans(person.stays),
        coverage=person.coverage,
        redacted=person.redacted,
        checks=person.checks,
    )


def _track_entry(who: str, track: TrackContents) -> TrackEntry:
    sound = track.kind == "microphone"
    return TrackEntry(
        id=f"{who}-{track.kind}",
        kind="audio" if sound else "video",
        width=None if sound else track.width,
        height=None if sound else track.height,
        sample_rate=48_000 if sound else None,
        channels=1 if sound else None,
        file=f"{TRACKS}/{track.path.name}",
        spans=_spans(track.spans),
    )


def _spans(spans: Iterable[Span]) -> tuple[SpanEntry, ...]:
    return tuple(SpanEntry(start=round(span.start, 3), end=round(span.end, 3)) for span in spans)


def _gaps(parts: CallContents) -> Iterator[GapEntry]:
    for number, person in enumerate(parts.people, start=1):
        for event in person.events:
            if event.kind is EventKind.GAP and event.span is not None:
                track = f"{label(number)}-{event.track}" if event.track else label(number)
                reason = str(event.detail.get("reason", ""))
                yield gap_entry(Gap(event.span, track, reason if _REASON.match(reason) else "lost"))
