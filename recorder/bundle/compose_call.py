"""Make of a call's parts what its bundle holds: the recording composed of all tracks, and everybody's figures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from recorder.bundle.call_contents import (
    CallContents,
    ParticipantContents,
    TrackContents,
    label,
    notes_of,
    still_entries,
    total_coverage,
)
from recorder.bundle.chat import StoredMessage
from recorder.bundle.checks import audio_length_check, container_check, joined_checks
from recorder.bundle.contents import RECORDING, TRACKS, BundleContents, gap_entry
from recorder.bundle.manifest import (
    BundleState,
    Check,
    GapEntry,
    Participants,
    PersonEntry,
    SpanEntry,
    TrackEntry,
)
from recorder.bundle.writer import BundleWriter
from recorder.media.compose import ComposedTrack, ComposedView, compose
from recorder.runtime.context import Run
from redaction.audio.redact import finding_events
from redaction.model import Event, EventKind, Gap, RedactedUtterance, Span, Token
from redaction.policy import OutputSection
from redaction.text.redact import joined_tokens

__all__ = ["compose_call"]

_REASON: Final = re.compile(r"^[a-z][a-z0-9 _-]{0,63}$")
_PSEUDONYM: Final = re.compile(r"^(?P<kind>[A-Z][A-Z_ ]*) \d+$")
_STATES: Final = (BundleState.REDACTED, BundleState.VERIFIED)


def compose_call(
    call: CallContents, writer: BundleWriter, *, output: OutputSection, run: Run
) -> BundleContents:
    """Compose the recording, check every stored file, and return what is published of the call.

    Args:
        call: all tracks stand already under `tracks/` in the writer's folder.
        writer: of the bundle.
        output: how to encode the composed recording.
        run: is told of composing, and stops it.

    Raises:
        RedactionIncomplete: what was written does not pass its checks.
        StorageFailed: the disk refused.
    """
    checks = [check for person in call.people for check in person.checks]
    if call.people:
        recording = writer.path(RECORDING)
        compose(list(_views(call)), recording, duration=call.duration, output=output, run=run)
        checks += _file_checks(call, recording)
    transcript, chat = _words(call)
    labels = [label(number) for number in range(1, len(call.people) + 1)]
    return BundleContents(
        origin=call.origin,
        duration=call.duration,
        tracks=tuple(
            _track_entry(who, track)
            for who, person in zip(labels, call.people, strict=True)
            for track in person.tracks
        ),
        gaps=tuple(_gaps(call)),
        coverage=total_coverage(call.people),
        redacted=_redacted(call),
        checks=joined_checks(checks),
        stills=still_entries(call.people),
        notes=(*call.notes, *notes_of(call.people, voice=call.origin.voice)),
        events=(
            *_person_events(call, transcript),
            *call.call_events,
            *(Event(EventKind.STATE, detail={"state": str(state)}) for state in _STATES),
        ),
        transcript=transcript,
        chat=tuple(_message(one) for one in chat),
        names={who: who for who in labels},
        participants=Participants(
            way=call.way,
            recorded=len(call.people),
            not_recorded=call.not_recorded,
            people=tuple(_person_entry(who, person) for who, person in zip(labels, call.people, strict=True)),
        ),
        quality={who: person.quality for who, person in zip(labels, call.people, strict=True)},
        receipts=call.receipts,
    )


def _views(call: CallContents) -> Iterator[ComposedView]:
    for number, person in enumerate(call.people, start=1):
        camera, screen, microphone = (person.track(kind) for kind in ("camera", "screen", "microphone"))
        yield ComposedView(
            label(number),
            camera=ComposedTrack(camera.path, camera.spans) if camera else None,
            screen=ComposedTrack(screen.path, screen.spans) if screen else None,
            microphone=microphone.path if microphone else None,
        )


def _file_checks(call: CallContents, recording: Path) -> Iterator[Check]:
    for person in call.people:
        for track in person.tracks:
            audio = track.kind == "microphone"
            yield container_check(track.path, video=int(not audio), audio=int(audio))
            if audio:
                yield audio_length_check(track.path, call.duration)
    yield container_check(recording, video=1, audio=1)
    yield audio_length_check(recording, call.duration)


def _redacted(call: CallContents) -> dict[str, int]:
    redacted: dict[str, int] = {}
    for person in call.people:
        for kind, count in person.redacted.items():
            redacted[kind] = redacted.get(kind, 0) + count
    return dict(sorted(redacted.items()))


def _words(
    call: CallContents,
) -> tuple[tuple[RedactedUtterance, ...], tuple[RedactedUtterance, ...]]:
    """Return what was said and what was written, each in order of time, with one set of pseudonyms."""
    labelled = [(label(number), person) for number, person in enumerate(call.people, start=1)]
    said = [
        replace(item, speaker=who, track=f"{who}-microphone")
        for who, person in labelled
        for item in person.utterances
    ]
    written = [replace(item, speaker=who, track="") for who, person in labelled for item in person.chat]
    in_order = [sorted(each, key=lambda item: (item.span, item.speaker)) for each in (said, written)]
    renumbered = tuple(_renumbered([*in_order[0], *in_order[1]]))
    return renumbered[: len(said)], renumbered[len(said) :]


def _message(line: RedactedUtterance) -> StoredMessage:
    return StoredMessage(
        time=round(line.span.start, 3),
        sender=line.speaker,
        speaker=line.speaker,
        text=joined_tokens(line.tokens),
    )


def _renumbered(utterances: Iterable[RedactedUtterance]) -> Iterator[RedactedUtterance]:
    """Count pseudonyms anew in order of first appearance: a gap would tell of words of somebody who is not there."""
    counts: Counter[str] = Counter()
    given: dict[str, str] = {}
    for utterance in utterances:
        tokens: list[Token] = []
        for token in utterance.tokens:
            match = _PSEUDONYM.match(token.text) if token.entity_type is not None else None
            if match is not None and token.text not in given:
                kind = match["kind"]
                counts[kind] += 1
                given[token.text] = f"{kind} {counts[kind]}"
            tokens.append(token if match is None else replace(token, text=given[token.text]))
        yield replace(utterance, tokens=tuple(tokens))


def _person_events(call: CallContents, transcript: Sequence[RedactedUtterance]) -> list[Event]:
    """Return what happened to everybody's tracks, in order of time.

    What was found in words is told again from what is stored of them in the end: one event for what one replacement
    stands for, however many words it was and however often one of them was found.
    """
    found = [
        replace(event, track=f"{label(number)}-{event.track}" if event.track else label(number))
        for number, person in enumerate(call.people, start=1)
        for event in person.events
        if event.kind is not EventKind.FINDING
    ]
    found += finding_events(transcript)
    return sorted(found, key=lambda event: event.span.start if event.span else -1.0)


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
    audio = track.kind == "microphone"
    return TrackEntry(
        id=f"{who}-{track.kind}",
        kind="audio" if audio else "video",
        width=None if audio else track.width,
        height=None if audio else track.height,
        sample_rate=48_000 if audio else None,
        channels=1 if audio else None,
        file=f"{TRACKS}/{track.path.name}",
        spans=_spans(track.spans),
    )


def _spans(spans: Iterable[Span]) -> tuple[SpanEntry, ...]:
    return tuple(SpanEntry(start=round(span.start, 3), end=round(span.end, 3)) for span in spans)


def _gaps(call: CallContents) -> Iterator[GapEntry]:
    for number, person in enumerate(call.people, start=1):
        for event in person.events:
            if event.kind is EventKind.GAP and event.span is not None:
                track = f"{label(number)}-{event.track}" if event.track else label(number)
                reason = str(event.detail.get("reason", ""))
                yield gap_entry(Gap(event.span, track, reason if _REASON.match(reason) else "lost"))
