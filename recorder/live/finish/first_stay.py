"""A call as it is stored begins with the first participant who is recorded, not when the bot joined."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from recorder.bundle.quality import QualitySecond
from recorder.bundle.window import first_second, shifted_event, shifted_words
from recorder.live.store.load import LiveCall, LivePerson, StoredSegment
from recorder.live.store.schema import PersonRecord, Stay

__all__ = ["begun_with_first"]


def begun_with_first(live: LiveCall) -> LiveCall:
    """Return the call on a clock that begins in the whole second in which the first of its people was recorded."""
    starts = [stay.start for person in live.people for stay in person.record.stays]
    starts += [piece.start for person in live.people for piece in person.segments]
    by = first_second(starts)
    if not by:
        return live
    record = live.record.model_copy(update={"started": live.record.started + timedelta(seconds=by)})
    return replace(live, record=record, people=tuple(_person(person, by) for person in live.people))


def _person(person: LivePerson, by: float) -> LivePerson:
    return replace(
        person,
        record=_record(person.record, by),
        segments=tuple(_segment(piece, by) for piece in person.segments),
        utterances=tuple(shifted_words(item, by) for item in person.utterances),
        chat=tuple(shifted_words(item, by) for item in person.chat),
        quality=tuple(_second(second, by) for second in person.quality),
        events=tuple(shifted_event(event, by) for event in person.events),
    )


def _record(record: PersonRecord, by: float) -> PersonRecord:
    consent = record.consent.model_copy(update={"time": max(0.0, record.consent.time - by)})
    return record.model_copy(
        update={"stays": tuple(_stay(stay, by) for stay in record.stays), "consent": consent}
    )


def _stay(stay: Stay, by: float) -> Stay:
    return Stay(
        start=round(max(0.0, stay.start - by), 3),
        end=None if stay.end is None else round(max(0.0, stay.end - by), 3),
    )


def _segment(piece: StoredSegment, by: float) -> StoredSegment:
    end = None if piece.end is None else max(0.0, piece.end - by)
    return replace(piece, start=max(0.0, piece.start - by), end=end)


def _second(second: QualitySecond, by: float) -> QualitySecond:
    return second.model_copy(update={"time": round(max(0.0, second.time - by), 3)})
