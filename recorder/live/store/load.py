"""Read the folder of a call strictly: values from outside are bounded, and what a crash left half is dropped."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from pydantic import BaseModel, TypeAdapter, ValidationError

from recorder.bundle.log import safe_detail
from recorder.bundle.manifest import MediaKind, VideoCoverage
from recorder.bundle.quality import QualitySecond
from recorder.bundle.transcript import SpokenToken
from recorder.bundle.writer import LIVE
from recorder.call.consent.receipts import Receipt, Receipts, coarse
from recorder.call.consent.state import ENDED_STATES
from recorder.live.store.journal import RECEIPTS, Journal
from recorder.live.store.schema import (
    CallRecord,
    FactLine,
    PersonRecord,
    SegmentEnd,
    SegmentHeader,
    SegmentProofs,
    WordsLine,
)
from recorder.runtime.storage import storage_errors
from recorder.verify.proof import FrameProof, Highlight
from redaction.errors import InternalError, UnreadableInput
from redaction.model import EntityType, Event, EventKind, RedactedUtterance, Span, Token
from redaction.policy import Policy

__all__ = [
    "LONGEST_CALL_S",
    "CallLog",
    "LiveCall",
    "LivePerson",
    "StoredSegment",
    "load",
    "read_proofs",
    "recorded_policy",
]

LONGEST_CALL_S: Final = 48 * 3600.0
"""A call that lasts longer is none: the bot leaves before."""
_MOST_PEOPLE: Final = 1000
_MOST_FILES: Final = 200_000
_MOST_LINES: Final = 1_000_000
_LONGEST_LINE: Final = 64 << 20
_LARGEST_RECORD: Final = 1 << 20
_LARGEST_RECEIPTS: Final = 128 << 20
_LONGEST_WORD: Final = 80
_MOST_FRAMES: Final = 12_000_000
_NAMES: Final = re.compile(
    r"^((camera|screen|microphone)-\d{4,6}\.(mp4|jsonl)|(words|chat|quality|facts)\.jsonl|person\.json)(\.new)?$"
)
_TOKEN: Final = re.compile(r"^[0-9a-f]{16}$")
_REASON: Final = re.compile(r"^[a-z][a-z ]{0,39}$")
_GONE: Final = re.compile(r"^gone-[0-9a-f]{16}$")
_BAD: Final = "The folder of the call holds what this version does not understand; nothing was published."
_CALL_LOG: Final = "log.jsonl"

LiveLine = TypeVar("LiveLine", bound=BaseModel)
_PIECE_LINES: Final[TypeAdapter[SegmentHeader | SegmentProofs | SegmentEnd]] = TypeAdapter(
    SegmentHeader | SegmentProofs | SegmentEnd
)


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """One stored piece of a track.

    Attributes:
        start: call time at which the piece's own time 0 stands.
        end: call time of its last frame or sample; None when its process died before it said so.
        counts: that, for a picture.
        highlights: frames most worth a look, at the piece's own times.
    """

    kind: MediaKind
    number: int
    media: Path
    sidecar: Path
    start: float
    width: int
    height: int
    end: float | None
    counts: VideoCoverage
    highlights: tuple[Highlight, ...]

    @property
    def closed(self) -> bool:
        """Whether its process said what is in it; otherwise it died before."""
        return self.end is not None


@dataclass(frozen=True, slots=True)
class LivePerson:
    """What is stored of one participant; events carry the kind of their track as its name."""

    record: PersonRecord
    segments: tuple[StoredSegment, ...]
    utterances: tuple[RedactedUtterance, ...]
    chat: tuple[RedactedUtterance, ...]
    quality: tuple[QualitySecond, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class LiveCall:
    """What is stored of a call; people are in order of joining.

    Attributes:
        receipts: of everybody who was asked, as far as the recording process had come.
    """

    record: CallRecord
    policy: Policy
    people: tuple[LivePerson, ...]
    receipts: tuple[Receipt, ...] = ()


class CallLog:
    """The call-wide log's place while a bundle is made: beside the pieces, so that it can be made again from there."""

    def __init__(self, partial: Path) -> None:
        self.given = partial / _CALL_LOG
        self.kept = partial / LIVE / _CALL_LOG

    def restore(self) -> None:
        """Put it back to where the recording process wrote it, over whatever a cut-off run made there."""
        with storage_errors():
            if self.kept.is_file():
                self.kept.replace(self.given)

    def put_away(self) -> None:
        """Move it beside the pieces."""
        with storage_errors():
            self.given.replace(self.kept)


def load(partial: Path) -> LiveCall:
    """Read what is stored of a call, after completing erasures that were cut off.

    Whose receipt says that they refused or withdrew is erased too, should anything of theirs still be there.

    Raises:
        UnreadableInput: the folder holds no call, or what no recording process writes.
        RedactionIncomplete: the log's chain is broken.
        StorageFailed: the disk refused.
    """
    live = partial / LIVE
    with storage_errors():
        _check_tree(live)
    journal = Journal(partial)
    try:
        record = journal.call()
        policy = _policy(record)
        with storage_errors():
            receipts = _receipts(live / RECEIPTS)
        over = {receipt.receipt_id for receipt in receipts if receipt.state in ENDED_STATES}
        for person in journal.people():
            if person.consent.receipt in over:
                journal.erase(person.token)
        records = journal.people()
        if len(records) > _MOST_PEOPLE:
            raise UnreadableInput(_BAD)
        with storage_errors():
            people = tuple(_person(journal.folder(person.token), person) for person in records)
    finally:
        journal.close()
    mine = {person.record.consent.receipt for person in people}
    told = tuple(item if item.receipt_id in mine else coarse(item) for item in receipts)
    return LiveCall(record, policy, people, told)


def recorded_policy(partial: Path) -> Policy:
    """Return the policy that a call was recorded under, without its lists of words.

    Raises:
        UnreadableInput: the folder holds no call, or what no recording process writes.
        StorageFailed: the disk refused.
    """
    path = partial / LIVE / "call.json"
    with storage_errors():
        _check_tree(partial / LIVE)
        text = path.read_bytes() if path.is_file() else b""
    try:
        return _policy(CallRecord.model_validate_json(text))
    except ValidationError:
        raise UnreadableInput(_BAD) from None


def read_proofs(segment: StoredSegment) -> tuple[FrameProof, ...]:
    """Read what proves the frames of a picture piece.

    Raises:
        UnreadableInput: the values are out of bounds.
    """
    proofs: list[FrameProof] = []
    for line in _segment_lines(segment.sidecar):
        if isinstance(line, SegmentProofs):
            proofs += _proofs(line)
            if len(proofs) > _MOST_FRAMES:
                raise UnreadableInput(_BAD)
    return tuple(proofs)


def _check_tree(live: Path) -> None:
    if live.is_symlink() or not live.is_dir():
        raise UnreadableInput(
            "There is no call to finish in that folder: it holds a file's redaction that was cut off, or nothing. "
            "Remove it and redact the file again."
        )
    for count, item in enumerate(live.rglob("*")):
        inside = item.relative_to(live).parts
        if count > _MOST_FILES or item.is_symlink() or not _known(inside, folder=item.is_dir()):
            raise UnreadableInput(_BAD)
        most = _LARGEST_RECEIPTS if item.name == RECEIPTS else _LARGEST_RECORD
        if item.suffix == ".json" and item.stat().st_size > most:
            raise UnreadableInput(_BAD)


def _known(inside: tuple[str, ...], *, folder: bool) -> bool:
    if len(inside) == 1:
        if folder:
            return inside[0] == "people" or bool(_GONE.match(inside[0]))
        return inside[0] in ("call.json", "call.json.new", RECEIPTS, f"{RECEIPTS}.new", _CALL_LOG)
    if inside[0] == "people":
        if len(inside) == 2:
            return folder and bool(_TOKEN.match(inside[1]))
        return len(inside) == 3 and not folder and bool(_NAMES.match(inside[2]))
    return len(inside) == 2 and not folder and bool(_NAMES.match(inside[1]))


def _receipts(path: Path) -> tuple[Receipt, ...]:
    if not path.is_file():
        return ()
    try:
        found = Receipts.model_validate_json(path.read_bytes()).receipts
    except ValidationError:
        raise UnreadableInput(_BAD) from None
    if len({receipt.receipt_id for receipt in found}) != len(found):
        raise UnreadableInput(_BAD)
    return found


def _policy(record: CallRecord) -> Policy:
    try:
        policy = Policy.model_validate(record.policy)
    except ValidationError:
        raise UnreadableInput(_BAD) from None
    if policy.digest != record.policy_digest or policy.speech.roster or policy.speech.allow:
        raise UnreadableInput("The policy in the call's folder is not the one that it was recorded under.")
    return policy


def _person(folder: Path, record: PersonRecord) -> LivePerson:
    if not -1_000_000 < record.order < 1_000_000 or not re.fullmatch(
        r"[0-9A-Za-z-]{0,64}", record.consent.receipt
    ):
        raise UnreadableInput(_BAD)
    _times(record.consent.time)
    for stay in record.stays:
        _span(stay.start, stay.start if stay.end is None else stay.end)
    words: dict[int, WordsLine] = {}
    for line in _lines(folder / "words.jsonl", WordsLine):
        words[line.id] = line
    return LivePerson(
        record=record,
        segments=tuple(_segments(folder)),
        utterances=tuple(_utterance(line) for line in words.values() if line.words),
        chat=tuple(_utterance(line) for line in _lines(folder / "chat.jsonl", WordsLine) if line.words),
        quality=tuple(_lines(folder / "quality.jsonl", QualitySecond)),
        events=tuple(_event(line) for line in _lines(folder / "facts.jsonl", FactLine)),
    )


def _segments(folder: Path) -> Iterator[StoredSegment]:
    for media in sorted(folder.glob("*.mp4")):
        kind, number = media.stem.rsplit("-", 1)
        sidecar = media.with_suffix(".jsonl")
        header: SegmentHeader | None = None
        end: SegmentEnd | None = None
        for line in _segment_lines(sidecar, proofs=False) if sidecar.is_file() else ():
            if isinstance(line, SegmentHeader):
                header = line
            elif isinstance(line, SegmentEnd):
                end = line
        if header is None:
            continue  # its process died before it was begun; nothing proves what is in it
        if header.kind != kind or header.number != int(number):
            raise UnreadableInput(_BAD)
        _times(header.start, header.start if end is None else end.end)
        if not 0 <= header.width <= 16_384 or not 0 <= header.height <= 16_384:
            raise UnreadableInput(_BAD)
        yield StoredSegment(
            kind=header.kind,
            number=header.number,
            media=media,
            sidecar=sidecar,
            start=header.start,
            width=header.width,
            height=header.height,
            end=None if end is None else end.end,
            counts=_counts(end) if end is not None and kind != "microphone" else VideoCoverage(),
            highlights=_highlights(end) if end is not None else (),
        )


def _counts(end: SegmentEnd) -> VideoCoverage:
    known = {name: value for name, value in end.counts.items() if name in VideoCoverage.model_fields}
    if not all(0 <= value <= 1e9 for value in known.values()):
        raise UnreadableInput(_BAD)
    try:
        return VideoCoverage(**known)
    except ValidationError:
        raise UnreadableInput(_BAD) from None


def _highlights(end: SegmentEnd) -> tuple[Highlight, ...]:
    if len(end.highlights) > 1000 or not all(
        0 <= rank <= 1 and 0 <= time <= LONGEST_CALL_S and _REASON.match(reason)
        for rank, time, reason in end.highlights
    ):
        raise UnreadableInput(_BAD)
    return tuple(Highlight(rank, time, reason) for rank, time, reason in end.highlights)


def _proofs(line: SegmentProofs) -> Iterator[FrameProof]:
    if not len(line.times) == len(line.points) == len(line.luma) == len(line.boxes):
        raise UnreadableInput(_BAD)
    for time, points, luma, boxes in zip(line.times, line.points, line.luma, line.boxes, strict=True):
        _times(time)
        figures = [*(value for point in points for value in point), *(edge for box in boxes for edge in box)]
        if len(points) != len(luma) or not all(0 <= value < 65_536 for value in figures):
            raise UnreadableInput(_BAD)
        if not all(0 <= value < 256 for value in luma):
            raise UnreadableInput(_BAD)
        yield FrameProof(
            time,
            np.array(points, np.uint16).reshape(-1, 2),
            np.array(luma, np.uint8),
            np.array(boxes, np.uint16).reshape(-1, 4),
        )


def _utterance(line: WordsLine) -> RedactedUtterance:
    _span(line.start, line.end)
    if not re.fullmatch(r"[a-z]{2,3}", line.language):
        raise UnreadableInput(_BAD)
    tokens = tuple(_token(word) for word in line.words)
    return RedactedUtterance(tokens, Span(line.start, line.end), "", "microphone", line.language)


def _token(word: SpokenToken) -> Token:
    """Return a word as stored; one that is none, such as a recogniser makes up in noise, is taken for personal."""
    text = " ".join(word.text.split())
    span = _span(word.start, word.end)
    if len(text) > _LONGEST_WORD or not text.isprintable():
        return Token(str(EntityType.OTHER), span, EntityType.OTHER, located=False)
    kind = word.entity_type
    known = None if kind is None else EntityType.__members__.get(kind, EntityType.OTHER)
    return Token(text, span, known, located=word.located)


def _event(line: FactLine) -> Event:
    span = None
    if line.start is not None:
        span = _span(line.start, line.start if line.end is None else line.end)
    try:
        event = Event(EventKind(line.kind), line.track, span, line.detail)
        return Event(event.kind, event.track, span, safe_detail(event))
    except (ValueError, InternalError):
        raise UnreadableInput(_BAD) from None


def _times(*values: float) -> None:
    if not all(0 <= value <= LONGEST_CALL_S for value in values):  # also false for what is no number
        raise UnreadableInput(_BAD)


def _span(start: float, end: float) -> Span:
    _times(start, end)
    if end < start:
        raise UnreadableInput(_BAD)
    return Span(start, end)


def _lines(path: Path, model: type[LiveLine]) -> Iterator[LiveLine]:
    for raw in _raw_lines(path):
        try:
            yield model.model_validate_json(raw)
        except ValidationError:
            raise UnreadableInput(_BAD) from None


def _segment_lines(
    path: Path, *, proofs: bool = True
) -> Iterator[SegmentHeader | SegmentProofs | SegmentEnd]:
    for number, raw in enumerate(_raw_lines(path)):
        if not proofs and raw.startswith(b'{"line":"proofs"'):
            continue
        try:
            line: Any = _PIECE_LINES.validate_json(raw)
        except ValidationError:
            raise UnreadableInput(_BAD) from None
        if isinstance(line, SegmentHeader) != (number == 0):
            raise UnreadableInput(_BAD)
        yield line


def _raw_lines(path: Path) -> Iterable[bytes]:
    """Yield whole lines; the last one is dropped when it was cut off."""
    if not path.is_file():
        return
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb") as file:
        for _ in range(_MOST_LINES):
            raw = file.readline(_LONGEST_LINE)
            if not raw.endswith(b"\n"):
                if len(raw) >= _LONGEST_LINE:
                    raise UnreadableInput(_BAD)
                return
            yield raw
    raise UnreadableInput(_BAD)
