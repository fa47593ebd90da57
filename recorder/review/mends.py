"""What a reviewer may change in a bundle: a short list, each of which takes away and none gives back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from recorder.bundle.manifest import Manifest
from redaction.errors import UsageError
from redaction.model import Box, EntityType, Span

__all__ = [
    "CoverMend",
    "CutMend",
    "DropMend",
    "Mend",
    "MendKind",
    "MuteMend",
    "WholeMend",
    "WordMend",
    "counted",
    "parsed_mend",
    "require_fitting",
]

MendKind = Literal["cover", "whole", "mute", "word", "drop", "cut"]
_LONGEST_S: Final = 1_000_000.0
_TRACK: Final = r"^([A-Z]{1,2}[0-9]{1,4}|P[0-9]{2,4}-(camera|screen|microphone))$"
_BAD: Final = "The page sent a mend that cannot be understood; reload it."

_Seconds = Annotated[float, Field(ge=0, le=_LONGEST_S, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Mend(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Spanned(_Mend):
    start: _Seconds
    end: _Seconds

    @model_validator(mode="after")
    def _ordered(self) -> _Spanned:
        if not self.end > self.start:
            raise ValueError("a span ends before it starts")
        return self

    @property
    def span(self) -> Span:
        """When."""
        return Span(self.start, self.end)


class CoverMend(_Spanned):
    """Cover a place of one video track.

    Attributes:
        track: such as `V1` or `P01-camera`.
        box: left, top, right and bottom as shares of the picture, as drawn at `time`.
        follow: the cover follows what stands under it; otherwise it stays.
        stands: it was followed while it stood, and the span was found by that.
    """

    kind: Literal["cover"] = "cover"
    track: str = Field(pattern=_TRACK)
    box: tuple[_Share, _Share, _Share, _Share]
    time: _Seconds
    follow: bool = True
    stands: bool = False

    @model_validator(mode="after")
    def _has_area(self) -> CoverMend:
        left, top, right, bottom = self.box
        if not (right > left and bottom > top):
            raise ValueError("a box has no area")
        return self

    def pixels(self, width: int, height: int) -> Box:
        """Return the box in pixels of a picture of that size."""
        left, top, right, bottom = self.box
        return Box.outward(left * width, top * height, right * width, bottom * height).clipped(width, height)


class WholeMend(_Spanned):
    """Cover a stretch of a video track whole."""

    kind: Literal["whole"] = "whole"
    track: str = Field(pattern=_TRACK)


class MuteMend(_Spanned):
    """Mute a stretch of everybody's audio, or of one participant's.

    Attributes:
        who: `P01` ... in a call; empty for all.
    """

    kind: Literal["mute"] = "mute"
    who: str = Field(default="", pattern=r"^(P[0-9]{2,4})?$")


class WordMend(_Mend):
    """Mask a word, or several that stand in a row, wherever they are said, written or shown."""

    kind: Literal["word"] = "word"
    text: str = Field(min_length=1, max_length=80, pattern=r"^\S+( \S+){0,7}$", repr=False)
    entity_type: EntityType = EntityType.OTHER


class DropMend(_Mend):
    """Drop a participant of a call with all tracks and words; of a file, all that a speaker says."""

    kind: Literal["drop"] = "drop"
    who: str = Field(pattern=r"^(P[0-9]{2,4}|Speaker [0-9]{1,4})$")


class CutMend(_Spanned):
    """Cut a stretch out of the recording."""

    kind: Literal["cut"] = "cut"


Mend = CoverMend | WholeMend | MuteMend | WordMend | DropMend | CutMend
_ADAPTER: Final[TypeAdapter[Mend]] = TypeAdapter(Annotated[Mend, Field(discriminator="kind")])


def parsed_mend(untrusted: object) -> Mend:
    """Return a mend of what the page sent.

    Raises:
        UsageError: it is not one.
    """
    try:
        return _ADAPTER.validate_python(untrusted)
    except ValidationError:
        raise UsageError(_BAD) from None


def counted(mends: Iterable[Mend]) -> dict[MendKind, int]:
    """Return how many mends there are of each kind."""
    return dict(sorted(Counter[MendKind](mend.kind for mend in mends).items()))


def require_fitting(mend: Mend, manifest: Manifest, *, speakers: Iterable[str]) -> None:
    """Hold a mend against what the bundle holds.

    Args:
        mend: what somebody wants.
        manifest: of the bundle.
        speakers: whom the transcript names.

    Raises:
        UsageError: there is no such track, participant or time.
    """
    if isinstance(mend, CoverMend | WholeMend):
        videos = {track.id for track in manifest.tracks if track.kind == "video" and track.file}
        if mend.track not in videos:
            raise UsageError("The bundle has no such video track.")
    people = {entry.id for entry in manifest.participants.people} if manifest.participants else set()
    if isinstance(mend, DropMend) and mend.who not in (people or set(speakers)):
        raise UsageError("Nobody of that name is in the bundle.")
    if isinstance(mend, MuteMend) and mend.who and mend.who not in people:
        raise UsageError("The bundle has no such participant.")
    if isinstance(mend, _Spanned) and mend.start >= manifest.duration:
        raise UsageError("The recording has ended by then.")
    if isinstance(mend, CutMend) and mend.start <= 0 and mend.end >= manifest.duration:
        raise UsageError("That would cut the whole recording; delete the bundle instead.")
