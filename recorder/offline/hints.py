"""Hints of a reviewer for a second run over the same source: what was covered or masked for nothing.

A hint gives something back, so it is bound: to one recording, by the name that comes from the source's bytes; a place
to what stood there when a person looked (`redaction.video.hints`); a word to those that no roster names. Where a roster
declares a minor, no place is given back.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from recorder.bundle.manifest import HintsEntry
from recorder.media.source import Source, TrackInfo
from recorder.runtime.context import Run
from redaction.errors import UnreadableInput, UsageError
from redaction.model import Box, RedactedUtterance, Span, VideoFrame
from redaction.policy import Policy
from redaction.text.lexicon import fold, stem
from redaction.text.recording_text import RedactedMessage
from redaction.text.sidecars import Sidecars
from redaction.video.hints import HintedPlaces, HintKind, PlaceHint

__all__ = ["HintWord", "HintedRun", "PlaceEntry", "ReviewHints", "WordEntry", "read_hints"]

_LARGEST: Final = 1 << 20
_MOST: Final = 200
_LONGEST_S: Final = 1_000_000.0
_BAD: Final = "The file of hints is not one that this version understands; have the review write it again."
_OTHER: Final = "The hints are for another recording than this one. Nothing was stored."
_MINOR: Final = (
    "A roster declares a minor, so hints may give no place back; take those out. Nothing was stored."
)
_NO_TRACK: Final = (
    "A hint names a video track or a place that the recording does not have. Nothing was stored."
)

_Seconds = Annotated[float, Field(ge=0, le=_LONGEST_S, allow_inf_nan=False)]
HintWord = Annotated[
    str,
    Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x20\x7f]+( [^\x00-\x20\x7f]+){0,7}$", repr=False),
]
_Pixel = Annotated[int, Field(ge=0, lt=65_536)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlaceEntry(_Entry):
    """A place of a video track: no face is there, or whoever is there is an adult.

    Attributes:
        box: left, top, right and bottom in pixels of the stored picture.
        time: of the frame that the reviewer looked at.
        start, end: when it may hold.
    """

    track: str = Field(pattern=r"^V[0-9]{1,4}$")
    box: tuple[_Pixel, _Pixel, _Pixel, _Pixel]
    time: _Seconds
    start: _Seconds
    end: _Seconds

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        left, top, right, bottom = self.box
        if not (right > left and bottom > top and self.start <= self.time < self.end):
            raise ValueError("a place has no area, or a moment lies outside its span")
        return self

    def place(self, kind: HintKind) -> PlaceHint:
        """Return it as the engine takes it."""
        return PlaceHint(kind, Box(*self.box), self.time, Span(self.start, self.end))


class WordEntry(_Entry):
    """A word that is no name, or several with single spaces between them."""

    text: HintWord


class ReviewHints(_Entry):
    """All hints for one recording.

    Attributes:
        recording: the bundle's name, which comes from the source's bytes.
    """

    schema_version: Literal["offrecord/hints/1"] = "offrecord/hints/1"
    recording: str = Field(pattern=r"^recording-[0-9a-f]{8,64}$")
    face: tuple[PlaceEntry, ...] = Field(default=(), max_length=_MOST)
    adult: tuple[PlaceEntry, ...] = Field(default=(), max_length=_MOST)
    word: tuple[WordEntry, ...] = Field(default=(), max_length=_MOST)

    def toml(self) -> str:
        """Return the file's text."""
        lines = [f'schema_version = "{self.schema_version}"', f'recording = "{self.recording}"']
        for name, places in (("face", self.face), ("adult", self.adult)):
            for place in places:
                lines += ["", f"[[{name}]]", f'track = "{place.track}"', f"box = {list(place.box)}"]
                lines += [f"{key} = {getattr(place, key):.3f}" for key in ("time", "start", "end")]
        for word in self.word:
            lines += ["", "[[word]]", f"text = {json.dumps(word.text, ensure_ascii=False)}"]
        return "\n".join(lines) + "\n"

    def require_recording(self, name: str) -> None:
        """Hold them against the recording that is redacted.

        Raises:
            UsageError: they are for another one.
        """
        if self.recording != name:
            raise UsageError(_OTHER)

    def allowing(self, policy: Policy) -> Policy:
        """Return the policy with the words among those that may stand."""
        allowed = (*policy.speech.allow, *(word.text for word in self.word))
        return policy.model_copy(update={"speech": policy.speech.model_copy(update={"allow": allowed})})


class HintedRun:
    """The hints of one run, and what part they had in it.

    Args:
        hints: that were given; None for none.
        tracks: of the source's video.
        beside: what lies beside the media.

    Raises:
        UsageError: a minor is declared, or there is no such track or place.
    """

    def __init__(self, hints: ReviewHints | None, tracks: Iterable[TrackInfo], beside: Sidecars) -> None:
        self._hints = hints
        self._places: list[HintedPlaces] = []
        places = () if hints is None else (*hints.face, *hints.adult)
        if places and beside.declares_minors:
            raise UsageError(_MINOR)
        sizes = {track.id: (track.width, track.height) for track in tracks}
        for place in places:
            width, height = sizes.get(place.track, (0, 0))
            if not Box(*place.box).clipped(width, height).area:
                raise UsageError(_NO_TRACK)

    def places_of(self, source: Source, track: TrackInfo, *, run: Run) -> HintedPlaces | None:
        """Return the hints of one track, each with the frame that was looked at, which is decoded; None without any.

        Raises:
            UnreadableInput: nothing of the track can be decoded.
        """
        if self._hints is None:
            return None
        hints = [place.place(HintKind.FACE) for place in self._hints.face if place.track == track.id]
        hints += [place.place(HintKind.ADULT) for place in self._hints.adult if place.track == track.id]
        if not hints:
            return None
        wanted = sorted({hint.time for hint in hints if hint.kind is HintKind.FACE})
        frames = dict(_frames_at(source, track, wanted, run))
        size = track.width, track.height
        places = HintedPlaces.of(track.id, [(hint, frames.get(hint.time)) for hint in hints], size=size)
        self._places.append(places)
        return places

    def entry(
        self, said: Sequence[RedactedUtterance], written: Sequence[RedactedMessage]
    ) -> HintsEntry | None:
        """Return what the manifest says: how many hints of each kind were given, and how many had a part.

        Args:
            said: what is stored of the words.
            written: what is stored of the chat.
        """
        if self._hints is None:
            return None
        used: dict[str, int] = {}
        for one in self._places:
            for kind, count in one.used.items():
                used[kind.value] = used.get(kind.value, 0) + count
        standing = {core for text in _texts(said, written) for core in _cores(text)}
        if words := sum(set(_cores(word.text)) <= standing for word in self._hints.word):
            used[HintKind.WORD.value] = words
        all_given = {"face": self._hints.face, "adult": self._hints.adult, "word": self._hints.word}
        given = {kind: len(hints) for kind, hints in all_given.items() if hints}
        return HintsEntry.model_validate({"given": given, "used": dict(sorted(used.items()))})


def read_hints(untrusted: Path) -> ReviewHints:
    """Read a file of hints.

    Raises:
        UnreadableInput: it is not there, too large, or not one.
    """
    try:
        with untrusted.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError:
        raise UnreadableInput("The file of hints cannot be read; check the path given to --hints.") from None
    if len(data) > _LARGEST:
        raise UnreadableInput(_BAD)
    try:
        document = json.dumps(tomllib.loads(data.decode("utf-8")), default=lambda _date: None)
        return ReviewHints.model_validate_json(document)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError, RecursionError, ValueError):
        raise UnreadableInput(_BAD) from None


def _texts(said: Sequence[RedactedUtterance], written: Sequence[RedactedMessage]) -> Iterator[str]:
    for tokens in (*(one.tokens for one in said), *(one.tokens for one in written)):
        yield from (token.text for token in tokens if token.entity_type is None)


def _cores(text: str) -> list[str]:
    return [stem(fold(word)) for word in text.split()]


def _frames_at(
    source: Source, track: TrackInfo, times: Sequence[float], run: Run
) -> Iterator[tuple[float, VideoFrame]]:
    """Yield for each time, rising, the last frame that begins by then; the first where none does."""
    left = list(times)
    last: VideoFrame | None = None
    if not left:
        return
    with run.stage(f"hints {track.id}", left[-1]) as reach:
        for item in source.video(track.id):
            run.check()
            if not isinstance(item, VideoFrame):
                continue
            while left and item.time > left[0]:
                yield left.pop(0), last or item
            if not left:
                return
            last = item
            reach(item.time)
    if last is not None:
        yield from ((time, last) for time in left)
