"""What the recorder's part of a page answers when it is asked; every length and count has a bound."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recorder.call.source import LiveKind

__all__ = [
    "MOST_CHAT_LINES",
    "MOST_PEOPLE_SEEN",
    "MOST_TRACKS_SEEN",
    "HandedOver",
    "Look",
    "PageState",
    "PageTrack",
    "parse_handed_over",
    "parse_look",
]

MOST_PEOPLE_SEEN: Final = 300
MOST_TRACKS_SEEN: Final = 600
MOST_CHAT_LINES: Final = 50
LONGEST_ID: Final = 128
LONGEST_SHOWN: Final = 256
LONGEST_CHAT_LINE: Final = 1000

_Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]


class PageState(StrEnum):
    """How far the bot is."""

    JOINING = "joining"
    WAITING = "waiting"  # somebody has to let it in
    INSIDE = "in"
    REFUSED = "refused"
    REMOVED = "removed"
    LOST = "lost"  # the page has lost its server
    OVER = "over"


class _FromPage(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class PersonSeen(_FromPage):
    """Somebody in the meeting."""

    id: _Id
    name: str = Field(max_length=LONGEST_SHOWN, repr=False)


class PageTrack(_FromPage):
    """A track that the page receives, and whose it is; another owner, source or coding makes another id."""

    id: str = Field(pattern=r"^\d{1,9}\.\d{1,9}$")
    owner: _Id
    kind: LiveKind
    coded: bool


class LineSaid(_FromPage):
    """A line of the chat."""

    sender: _Id
    line: str = Field(max_length=LONGEST_CHAT_LINE, repr=False)


class Look(_FromPage):
    """How everything is."""

    state: PageState
    adapter: str = Field(max_length=32)
    people: tuple[PersonSeen, ...] = Field(max_length=MOST_PEOPLE_SEEN)
    tracks: tuple[PageTrack, ...] = Field(max_length=MOST_TRACKS_SEEN)
    said: tuple[LineSaid, ...] = Field(max_length=MOST_CHAT_LINES)
    asks: bool
    refused: int = Field(ge=0)


class Coding(_FromPage):
    """How the frames of a track lie in their packets."""

    coding: str = Field(pattern=r"^(audio|video)/[A-Za-z0-9]{1,16}$")
    type: int = Field(ge=96, le=127)


class HandedOver(_FromPage):
    """The page's answer to the recorder's offer, and how each of its lines is coded; None: as the answer says."""

    sdp: str = Field(max_length=64 * 1024, repr=False)
    codings: tuple[Coding | None, ...] = Field(max_length=3)


def parse_look(untrusted_text: object) -> Look | None:
    """Return what was seen, None when it is out of bounds."""
    try:
        return Look.model_validate_json(untrusted_text) if isinstance(untrusted_text, str) else None
    except ValidationError:
        return None


def parse_handed_over(untrusted_text: object) -> HandedOver | None:
    """Return the answer, None when it is out of bounds."""
    try:
        return HandedOver.model_validate_json(untrusted_text) if isinstance(untrusted_text, str) else None
    except ValidationError:
        return None
