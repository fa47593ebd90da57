"""The redacted chat of a recording that came with one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CHAT", "Chat", "StoredMessage", "write_chat"]

CHAT: Final = "chat.json"


class StoredMessage(BaseModel):
    """One message.

    Attributes:
        time: seconds on the recording's clock, None where the chat's clock cannot be tied to it.
        sender: what stands for the sender's name, as in the texts: `PERSON 1`, `PERSON`, or nothing.
        speaker: what the transcript calls the sender, where the recording holds their voice in a track of its own.
        text: the message, personal words replaced as in the transcript.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    time: float | None = Field(default=None, ge=0)
    sender: str
    speaker: str | None = None
    text: str


class Chat(BaseModel):
    """The file `chat.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: str = "offrecord/chat/1"
    messages: tuple[StoredMessage, ...]


def write_chat(messages: Sequence[StoredMessage], path: Path) -> None:
    """Write the file.

    Raises:
        OSError: it cannot be written.
    """
    document = Chat(messages=tuple(messages)).model_dump(mode="json")
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
