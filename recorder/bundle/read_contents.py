"""Read the parts of a call back from its published bundle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from recorder.bundle.call_contents import (
    CALL_LOST,
    CUT_OFF,
    CallContents,
    ParticipantContents,
    StoredStill,
    TrackContents,
)
from recorder.bundle.chat import CHAT, Chat, StoredMessage, stored_tokens
from recorder.bundle.contents import Origin
from recorder.bundle.log import LOG, read_log
from recorder.bundle.manifest import Manifest, MediaKind, Participants, PersonEntry
from recorder.bundle.quality import Quality
from recorder.bundle.transcript import SpokenToken, TranscriptFile, TranscriptUtterance
from recorder.call.consent.receipts import Receipt, Receipts
from redaction.errors import UnreadableInput, UsageError
from redaction.model import EntityType, Event, EventKind, RedactedUtterance, Span, Token

__all__ = ["participants_of", "read_contents", "stored_utterance"]

_LARGEST: Final = 512 << 20
_BAD: Final = "The bundle holds what this version does not understand; nothing was changed."
_KINDS: Final[dict[str, MediaKind]] = {"camera": "camera", "screen": "screen", "microphone": "microphone"}


@dataclass(frozen=True, slots=True)
class _Line:
    """One event of the log and whose it is; empty for the call's own."""

    who: str
    event: Event


def read_contents(bundle: Path, manifest: Manifest) -> CallContents:
    """Return the parts of a verified bundle of a call; its tracks stay where they are.

    Raises:
        UsageError: it is not a call's.
        UnreadableInput: a file of it cannot be understood.
    """
    people = participants_of(manifest)
    try:
        quality = Quality.model_validate_json(_text(bundle / "quality.json"))
        transcript = TranscriptFile.model_validate_json(_text(bundle / "transcript.json"))
        receipts = _receipts(bundle / "receipts.json")
        chat = _chat(bundle / CHAT)
        lines = list(_log(bundle / LOG))
    except (ValidationError, ValueError, KeyError, TypeError):
        raise UnreadableInput(_BAD) from None
    seconds = {person.id: person.seconds for person in quality.participants}
    return CallContents(
        origin=Origin.of_manifest(manifest),
        way=people.way,
        duration=manifest.duration,
        people=tuple(
            ParticipantContents(
                receipt=entry.receipt,
                via=entry.via,
                stays=tuple(Span(stay.start, stay.end) for stay in entry.stays),
                tracks=tuple(_tracks(bundle, manifest, entry)),
                utterances=tuple(
                    stored_utterance(item) for item in transcript.utterances if item.speaker == entry.id
                ),
                chat=tuple(_line(message) for message in chat if message.sender == entry.id),
                quality=seconds.get(entry.id, ()),
                events=tuple(line.event for line in lines if line.who == entry.id),
                stills=tuple(_stills(manifest, entry)),
                coverage=entry.coverage,
                redacted=entry.redacted,
                checks=entry.checks,
            )
            for entry in people.people
        ),
        not_recorded=people.not_recorded,
        receipts=receipts,
        call_events=tuple(line.event for line in lines if not line.who),
        notes=tuple(note for note in manifest.notes if note in (CALL_LOST, CUT_OFF)),
    )


def participants_of(manifest: Manifest) -> Participants:
    """Return who of a call is in a bundle.

    Raises:
        UsageError: it is a file's, in which nobody has tracks of their own.
    """
    if manifest.participants is None:
        raise UsageError(
            "This bundle was made from a file: nobody in it has tracks of their own that could be taken out. "
            "Remove it as a whole instead."
        )
    return manifest.participants


def _text(path: Path) -> bytes:
    if path.stat().st_size > _LARGEST:
        raise UnreadableInput(_BAD)
    return path.read_bytes()


def _receipts(path: Path) -> tuple[Receipt, ...]:
    return Receipts.model_validate_json(_text(path)).receipts if path.is_file() else ()


def _chat(path: Path) -> tuple[StoredMessage, ...]:
    return Chat.model_validate_json(_text(path)).messages if path.is_file() else ()


def _line(message: StoredMessage) -> RedactedUtterance:
    at = Span(message.time or 0.0, message.time or 0.0)
    return RedactedUtterance(tuple(stored_tokens(message.text, at)), at, message.sender, "", "en")


def _tracks(bundle: Path, manifest: Manifest, entry: PersonEntry) -> Iterator[TrackContents]:
    for track in manifest.tracks:
        who, _, kind = track.id.partition("-")
        if who != entry.id or track.file is None or track.file not in manifest.files:
            continue
        spans = tuple(Span(span.start, span.end) for span in track.spans)
        yield TrackContents(_KINDS[kind], bundle / track.file, spans, track.width or 0, track.height or 0)


def _stills(manifest: Manifest, entry: PersonEntry) -> Iterator[StoredStill]:
    for still in manifest.stills:
        who, _, kind = still.track.partition("-")
        if who == entry.id:
            yield StoredStill(_KINDS[kind], still.time, still.rank, still.reason)


def stored_utterance(item: TranscriptUtterance) -> RedactedUtterance:
    """Return an utterance as it was before it was written down, under the name that it was written under."""
    return RedactedUtterance(
        tuple(_token(word) for word in item.words),
        Span(item.start, item.end),
        item.speaker,
        item.track,
        item.language,
    )


def _token(word: SpokenToken) -> Token:
    kind = word.entity_type
    known = None if kind is None else EntityType.__members__.get(kind, EntityType.OTHER)
    return Token(word.text, Span(word.start, word.end), known, located=word.located)


def _log(path: Path) -> Iterator[_Line]:
    """Yield what the log tells but the states and checks, which are written anew."""
    for line in read_log(path):
        kind = EventKind(line.event)
        if kind is EventKind.STATE or (kind is EventKind.VERIFY and not line.track):
            continue
        who, _, track = line.track.partition("-")
        yield _Line(who, Event(kind, track, line.span, line.detail))
