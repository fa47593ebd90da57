"""The next version of the bundle of a call: each participant's tracks are mended, and the recording composed anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from recorder.bundle.call_contents import (
    CallContents,
    ParticipantContents,
    StoredStill,
    TrackContents,
    label,
)
from recorder.bundle.compose_call import compose_call
from recorder.bundle.contents import BundleContents
from recorder.bundle.erase import tracks_taken_over, without_participant
from recorder.bundle.log import LOG, ChainedLog
from recorder.bundle.manifest import Coverage, MediaKind
from recorder.bundle.quality import QualitySecond
from recorder.bundle.read_contents import read_contents
from recorder.bundle.window import cut_to_stored
from recorder.bundle.writer import BundleWriter
from recorder.review.draft import Eyes, ReviewDraft, mended_track, replaced_checks, whole_events
from recorder.review.mend_audio import MendedAudio, StoredVoice, mended_audio
from recorder.runtime.context import Run
from recorder.verify.repair_video import VerifiedVideo
from redaction.errors import UsageError
from redaction.model import Event, RedactedUtterance, Span
from redaction.stages import Stages

__all__ = ["mended_call"]


def mended_call(
    draft: ReviewDraft, writer: BundleWriter, *, work: Path, stages: Stages, run: Run
) -> tuple[ChainedLog, BundleContents]:
    """Write the media of the next version, begin its log, and return what is published.

    Raises:
        UsageError: nobody would be left.
        RedactionIncomplete: what was written does not pass.
        StorageFailed: the disk refused.
    """
    call = read_contents(draft.bundle, draft.manifest)
    staying = [who for who in _labels(call) if who not in draft.dropped]
    if not staying:
        raise UsageError("Nobody would be left; delete the bundle instead. Nothing was changed.")
    eyes = Eyes(stages, draft.words)
    seen: dict[tuple[int, MediaKind], VerifiedVideo | None] = {
        (number, track.kind): _look(draft, number, track, work, eyes, run)
        for number, person in enumerate(call.people, start=1)
        if label(number) in staying
        for track in person.tracks
        if track.kind != "microphone"
    }
    heard = mended_audio(
        {
            who: StoredVoice(microphone.path if microphone else None, person.utterances)
            for who, person in zip(_labels(call), call.people, strict=True)
            if who in staying
            for microphone in [person.track("microphone")]
        },
        replace(draft.audio, dropped=frozenset()),
        work=work,
        duration=draft.manifest.duration,
        policy=draft.policy,
        stages=lambda: stages.audio,
        run=run,
        event_track="microphone",
    )
    people = tuple(
        _person(draft, number, person, seen, heard) if label(number) in staying else person
        for number, person in enumerate(call.people, start=1)
    )
    moved = (draft.moved(event) for event in call.call_events)
    call = replace(
        call,
        people=people,
        duration=draft.cuts.duration,
        origin=replace(call.origin, review=(*call.origin.review, draft.review)),
        call_events=tuple(event for event in moved if event is not None),
    )
    for number in sorted((int(who.removeprefix("P")) for who in draft.dropped), reverse=True):
        call = without_participant(call, number - 1)
    begun = call.call_events
    call = replace(call, call_events=(draft.reviewed,), people=tracks_taken_over(call.people, writer))
    log = ChainedLog(writer.path(LOG))
    try:
        log.extend(begun)
        if draft.dropped:
            call = cut_to_stored(call, output=draft.policy.output, run=run)
        return log, compose_call(call, writer, output=draft.policy.output, run=run)
    except BaseException:
        log.close()
        raise


def _labels(call: CallContents) -> list[str]:
    return [label(number) for number in range(1, len(call.people) + 1)]


def _look(
    draft: ReviewDraft, number: int, track: TrackContents, work: Path, eyes: Eyes, run: Run
) -> VerifiedVideo | None:
    own = f"{label(number)}-{track.kind}"
    entry = next(item for item in draft.manifest.tracks if item.id == own)
    return mended_track(draft, entry, work / f"{own}.mp4", eyes=eyes, run=run)


def _person(
    draft: ReviewDraft,
    number: int,
    person: ParticipantContents,
    seen: Mapping[tuple[int, MediaKind], VerifiedVideo | None],
    heard: MendedAudio,
) -> ParticipantContents:
    who, cuts = label(number), draft.cuts
    voice = heard.voices[who]
    tracks = []
    checks = person.checks
    events = [moved for event in person.events if (moved := draft.moved(event)) is not None]
    repaired = 0.0
    for track in person.tracks:
        path = voice.path if track.kind == "microphone" else track.path
        verified = seen.get((number, track.kind))
        if verified is not None:
            path = verified.video.path
            checks = replaced_checks(checks, verified.checks)
            repaired += verified.video.repaired
            events += _own(verified.events, track.kind)
        if track.kind != "microphone":
            events += _own(whole_events(draft, track=f"{who}-{track.kind}"), track.kind)
        spans = (cuts.moved_span(span) for span in track.spans)
        tracks.append(
            replace(track, path=path or track.path, spans=tuple(span for span in spans if span is not None))
        )
    if who in heard.masked:
        checks = replaced_checks(checks, heard.checks) if voice.path is not None else checks
    chat, gone = draft.words.masked(person.chat, drop=draft.policy.transcript.names == "drop")
    redacted = Counter(person.redacted)
    redacted.update(heard.masked.get(who, {}))
    redacted.update(draft.words.counts(gone))
    stays = (cuts.moved_span(span) for span in person.stays)
    return replace(
        person,
        stays=tuple(span for span in stays if span is not None),
        tracks=tuple(tracks),
        utterances=voice.words,
        chat=tuple(_chat(draft, chat)),
        quality=tuple(_quality(draft, person)),
        events=(*events, *heard.events.get(who, ())),
        stills=tuple(_stills(draft, person)),
        coverage=_coverage(person.coverage, repaired, heard.silent.get(who, ()), voice, cuts.duration),
        redacted=dict(redacted),
        checks=checks,
    )


def _own(events: Iterator[Event] | tuple[Event, ...], kind: str) -> Iterator[Event]:
    """Yield events of a track under its kind, since numbers may change."""
    return (replace(event, track=kind) for event in events)


def _chat(draft: ReviewDraft, lines: Sequence[RedactedUtterance]) -> Iterator[RedactedUtterance]:
    for line in lines:
        if not draft.cuts.holds(line.span.start):
            at = draft.cuts.moved(line.span.start)
            yield replace(line, span=Span(at, at))


def _quality(draft: ReviewDraft, person: ParticipantContents) -> Iterator[QualitySecond]:
    for second in person.quality:
        if not draft.cuts.holds(second.time):
            yield second.model_copy(update={"time": draft.cuts.moved(second.time)})


def _stills(draft: ReviewDraft, person: ParticipantContents) -> Iterator[StoredStill]:
    for still in person.stills:
        if not draft.cuts.holds(still.time):
            yield replace(still, time=draft.cuts.moved(still.time))


def _coverage(
    coverage: Coverage, repaired: float, silent: tuple[Span, ...], voice: StoredVoice, duration: float
) -> Coverage:
    """Return the figures as they were, but for what more is covered, silent and masked."""
    area = round(min(1.0, coverage.video.share_of_area_covered + repaired), 4)
    seconds = min(coverage.audio.seconds, duration)
    silenced = min(seconds, coverage.audio.silenced + sum(span.duration for span in silent))
    return Coverage(
        video=coverage.video.model_copy(update={"share_of_area_covered": area}),
        audio=coverage.audio.model_copy(
            update={
                "seconds": round(seconds, 3),
                "silenced": round(silenced, 3),
                "words": sum(len(one.tokens) for one in voice.words),
            }
        ),
    )
