"""When in a call something is stored: a bundle begins and ends there, so that it tells of nobody else's time.

How long the bot was there before the first and after the last participant who is recorded would tell when somebody was
there who is not: who refused, who was erased, or nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from math import floor
from typing import Final

from recorder.bundle.call_contents import CallContents, ParticipantContents, TrackContents
from recorder.media.concat import cut_video
from recorder.media.mix import AudioPart, write_track
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from redaction.model import Event, RedactedUtterance, Span
from redaction.policy import OutputSection

__all__ = ["cut_to_stored", "first_second", "shifted_event", "shifted_span", "shifted_words"]

_SLACK_S: Final = 0.05


def first_second(times: Iterable[float]) -> float:
    """Return the whole second in which the first of some times is, 0 without any."""
    return float(max(0, floor(min(times, default=0.0))))


def shifted_span(span: Span, by: float, *, most: float = float("inf")) -> Span:
    """Return a span on a clock that begins later, within it."""
    start = min(max(0.0, span.start - by), most)
    return Span(start, min(max(start, span.end - by), most))


def shifted_event(event: Event, by: float, *, most: float = float("inf")) -> Event:
    """Return an event on a clock that begins later."""
    return event if event.span is None else replace(event, span=shifted_span(event.span, by, most=most))


def shifted_words(words: RedactedUtterance, by: float, *, most: float = float("inf")) -> RedactedUtterance:
    """Return an utterance on a clock that begins later."""
    tokens = tuple(replace(token, span=shifted_span(token.span, by, most=most)) for token in words.tokens)
    return replace(words, tokens=tokens, span=shifted_span(words.span, by, most=most))


def cut_to_stored(call: CallContents, *, output: OutputSection, run: Run) -> CallContents:
    """Return a call that begins with the first and ends with the last of those who are in it.

    Args:
        call: its tracks stand in the folder of the bundle that is written, and are written anew where they are too
            long.
        output: how to encode what cannot be cut as it is.
        run: ends it.

    Raises:
        StorageFailed: the disk refused.
    """
    begin = first_second(span.start for span in _spans(call.people))
    end = min(call.duration, max((span.end for span in _spans(call.people)), default=0.0))
    if begin == 0 and call.duration - end <= _SLACK_S:
        return call
    people = tuple(_cut(person, begin, end, output, run) for person in call.people)
    shift = timedelta(seconds=begin)
    origin = replace(call.origin, created=call.origin.created + shift, expires=call.origin.expires + shift)
    return replace(
        call,
        origin=origin,
        duration=end - begin,
        people=people,
        call_events=tuple(shifted_event(event, begin) for event in call.call_events),
    )


def _spans(people: Sequence[ParticipantContents]) -> list[Span]:
    return [
        span
        for person in people
        for span in (*person.stays, *(part for track in person.tracks for part in track.spans))
    ]


def _cut(
    person: ParticipantContents,
    begin: float,
    end: float,
    output: OutputSection,
    run: Run,
) -> ParticipantContents:
    most = end - begin
    return replace(
        person,
        stays=tuple(shifted_span(stay, begin, most=most) for stay in person.stays),
        tracks=tuple(_cut_track(track, begin, end, output, run) for track in person.tracks),
        utterances=tuple(shifted_words(item, begin, most=most) for item in person.utterances),
        chat=tuple(shifted_words(item, begin, most=most) for item in person.chat),
        quality=tuple(
            second.model_copy(update={"time": round(max(0.0, second.time - begin), 3)})
            for second in person.quality
        ),
        events=tuple(shifted_event(event, begin, most=most) for event in person.events),
        stills=tuple(replace(still, time=max(0.0, still.time - begin)) for still in person.stills),
    )


def _cut_track(
    track: TrackContents, begin: float, end: float, output: OutputSection, run: Run
) -> TrackContents:
    path = track.path
    kept = path.with_name(f"uncut-{path.name}")
    with storage_errors():
        path.rename(kept)
    if track.kind == "microphone":
        write_track([AudioPart(kept, -begin)], path, duration=end - begin, run=run)
    else:
        size = (track.width, track.height)
        cut_video(kept, path, begin=begin, end=end, size=size, output=output, run=run)
    with storage_errors():
        kept.unlink()
    return replace(track, spans=tuple(shifted_span(span, begin, most=end - begin) for span in track.spans))
