"""What the page of the built-in room and its server say to each other, one JSON object a message."""

from __future__ import annotations

import json
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from recorder.call.source import Answer

__all__ = [
    "LARGEST_MESSAGE",
    "AnswerMessage",
    "ChatMessage",
    "FromPage",
    "JoinMessage",
    "LeaveMessage",
    "RenameMessage",
    "encode_room_message",
    "parse_room_message",
]

LARGEST_MESSAGE: Final = 4096


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class JoinMessage(_Message):
    """The first message of a connection."""

    type: Literal["join"]
    name: str = Field(max_length=256, repr=False)
    invitation: str = Field(default="", max_length=256, repr=False)


class AnswerMessage(_Message):
    """A consent button; a yes may come with the box ticked by which somebody says that they are 18 or older."""

    type: Literal["answer"]
    answer: Answer
    adult: bool = False


class ChatMessage(_Message):
    """A line for everybody, or a command for the recorder."""

    type: Literal["chat"]
    text: str = Field(max_length=1000, repr=False)


class RenameMessage(_Message):
    """Another display name."""

    type: Literal["rename"]
    name: str = Field(max_length=256, repr=False)


class LeaveMessage(_Message):
    """Good-bye."""

    type: Literal["leave"]


FromPage = JoinMessage | AnswerMessage | ChatMessage | RenameMessage | LeaveMessage
_FROM_PAGE: Final[TypeAdapter[FromPage]] = TypeAdapter(Annotated[FromPage, Field(discriminator="type")])


def parse_room_message(untrusted_text: str) -> FromPage | None:
    """Return a message from a page, None when it is not one."""
    try:
        return _FROM_PAGE.validate_json(untrusted_text)
    except ValidationError:
        return None


def encode_room_message(kind: str, **content: str | bool | list[dict[str, str]]) -> str:
    """Return a message to a page."""
    return json.dumps({"type": kind, **content})
