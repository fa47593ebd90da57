"""What a reviewer marks as covered or masked for nothing: hints for a second run over the source, held in memory.

Nothing of a bundle tells what is under a cover, so a mark says where a cover stands and what the reviewer knows of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from recorder.bundle.manifest import Manifest
from recorder.offline.hints import HintWord, PlaceEntry, ReviewHints, WordEntry
from recorder.review.mend_video import cover_patches
from recorder.review.stretch import frames_between
from redaction.errors import UsageError
from redaction.model import Box
from redaction.video.cover import shows_cover

__all__ = ["Mark", "Marks", "PlaceMark", "WordMark", "marked_place", "parsed_mark", "why_not"]

_TOLERANCE_S: Final = 0.002
_BEYOND_S: Final = 1.0
_MOST: Final = 100
_BAD: Final = "The page sent a mark that cannot be understood; reload it."
_NAME: Final = re.compile(r"recording-[0-9a-f]{8,64}")

_Seconds = Annotated[float, Field(ge=0, le=1_000_000.0, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Mark(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlaceMark(_Mark):
    """A cover that stands for nothing: no face is under it, or somebody who was removed is an adult.

    Attributes:
        track: such as `V1`.
        box: drawn over the cover, as shares of the picture; left, top, right, bottom.
        time: of the picture it was drawn on.
        start, end: when it may be given back; without them all along.
    """

    kind: Literal["face", "adult"]
    track: str = Field(pattern=r"^V[0-9]{1,4}$")
    box: tuple[_Share, _Share, _Share, _Share]
    time: _Seconds
    start: _Seconds | None = None
    end: _Seconds | None = None

    @model_validator(mode="after")
    def _has_area(self) -> PlaceMark:
        left, top, right, bottom = self.box
        if not (right > left and bottom > top):
            raise ValueError("a box has no area")
        return self


class WordMark(_Mark):
    """A word that was masked and is no name; the reviewer typed it."""

    kind: Literal["word"] = "word"
    text: HintWord


Mark = PlaceMark | WordMark
_ADAPTER: Final[TypeAdapter[Mark]] = TypeAdapter(Annotated[Mark, Field(discriminator="kind")])


def parsed_mark(untrusted: object) -> Mark:
    """Return a mark of what the page sent.

    Raises:
        UsageError: it is not one.
    """
    try:
        return _ADAPTER.validate_python(untrusted)
    except ValidationError:
        raise UsageError(_BAD) from None


def why_not(name: str, manifest: Manifest) -> str:
    """Say why nothing of a bundle can be given back; empty where it can."""
    if manifest.participants is not None:
        return "Of a live call no source was ever stored, so nothing can be given back."
    if not _NAME.fullmatch(name):
        return "The bundle has a name of its own, so nothing says which source it is of."
    if any("cut" in entry.changed for entry in manifest.review):
        return "The recording was cut, so its times are no longer those of its source."
    return ""


def marked_place(mark: PlaceMark, video: Path, manifest: Manifest) -> PlaceEntry:
    """Return the place of a mark: the whole cover that was drawn over, or of a mosaic what was drawn, and the moment.

    Raises:
        UsageError: no cover stands there, or it lies outside the span.
        UnreadableInput: the stored video cannot be decoded.
    """
    start = 0.0 if mark.start is None else mark.start
    end = manifest.duration + _BEYOND_S if mark.end is None else mark.end
    frame = next(frames_between(video, max(0.0, mark.time - _TOLERANCE_S), mark.time + _BEYOND_S), None)
    if frame is None or not start <= frame.time < end:
        raise UsageError("The place must be marked on a picture between from and to.")
    left, top, right, bottom = mark.box
    drawn = Box.outward(left * frame.width, top * frame.height, right * frame.width, bottom * frame.height)
    drawn = drawn.clipped(frame.width, frame.height)
    if manifest.policy.get("faces.method") == "mosaic":  # which nothing tells from a picture
        cover = drawn
    else:
        patches = [box for box in cover_patches(shows_cover(frame)) if box.intersection(drawn).area]
        if not patches:
            raise UsageError("No cover stands there; draw over one.")
        cover = max(patches, key=drawn.iou)
    return PlaceEntry(
        track=mark.track,
        box=(cover.x1, cover.y1, cover.x2, cover.y2),
        time=round(frame.time, 3),
        start=round(start, 3),
        end=round(end, 3),
    )


class Marks:
    """What a reviewer marked in one bundle, in memory only.

    Args:
        name: of the bundle, without its suffix.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._marks: list[tuple[Mark, PlaceEntry | None]] = []

    def add(self, untrusted: object, manifest: Manifest, videos: Mapping[str, Path]) -> None:
        """Take up a mark.

        Args:
            untrusted: as the page sent it.
            manifest: of the bundle.
            videos: files of its video tracks.

        Raises:
            UsageError: it cannot be understood, no cover stands there, nothing can be given back, or it is too much.
        """
        mark = parsed_mark(untrusted)
        if reason := why_not(self._name, manifest):
            raise UsageError(reason)
        if len(self._marks) >= _MOST:
            raise UsageError("There are too many marks; redact again with these first.")
        place = None
        if isinstance(mark, PlaceMark):
            if mark.track not in videos:
                raise UsageError("The bundle has no such video track.")
            place = marked_place(mark, videos[mark.track], manifest)
        self._marks.append((mark, place))

    def remove(self, number: int) -> None:
        """Take a mark back.

        Raises:
            UsageError: there is none of that number.
        """
        if not 0 <= number < len(self._marks):
            raise UsageError("There is nothing to take back.")
        del self._marks[number]

    def told(self) -> list[dict[str, object]]:
        """Return the marks as the page shows them."""
        return [
            {"number": number, **mark.model_dump(mode="json")} for number, (mark, _) in enumerate(self._marks)
        ]

    def toml(self) -> str:
        """Return the file of hints that the marks are.

        Raises:
            UsageError: nothing is marked.
        """
        if not self._marks:
            raise UsageError("Nothing is marked as covered for nothing.")
        places = [(mark.kind, place) for mark, place in self._marks if place is not None]
        return ReviewHints(
            recording=self._name,
            face=tuple(place for kind, place in places if kind == "face"),
            adult=tuple(place for kind, place in places if kind == "adult"),
            word=tuple(WordEntry(text=mark.text) for mark, _ in self._marks if isinstance(mark, WordMark)),
        ).toml()
