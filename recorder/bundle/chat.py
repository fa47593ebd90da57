"""The redacted chat of a recording that came with one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from redaction.model import EntityType, Span, Token
from redaction.text.recording_text import RedactedMessage
from redaction.text.redact import joined_tokens

__all__ = ["CHAT", "Chat", "StoredMessage", "stored", "stored_tokens", "write_chat"]

CHAT: Final = "chat.json"
_TOKEN: Final = re.compile(r"\[(?P<kind>[A-Z][A-Z_]*(?: [A-Z_]+)*)(?P<number> \d+)?\]|\S+")


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


def stored(messages: Sequence[RedactedMessage], *, speakers: Mapping[str, str]) -> list[StoredMessage]:
    """Return messages as the bundle holds them.

    Args:
        messages: what may be stored.
        speakers: what the transcript calls the speaker of a sound track, by track.
    """
    return [
        StoredMessage(
            time=None if message.time is None else round(message.time, 3),
            sender=message.sender,
            speaker=speakers.get(message.voice),
            text=joined_tokens(message.tokens),
        )
        for message in messages
    ]


def stored_tokens(text: str, at: Span) -> Iterator[Token]:
    """Yield the tokens that `joined_tokens` made a text of, each at a span; whoever typed brackets gets tokens too."""
    for found in _TOKEN.finditer(text):
        kind = found["kind"]
        if kind is None:
            yield Token(found[0], at, located=False)
        else:
            known = EntityType.__members__.get(kind.replace(" ", "_"), EntityType.OTHER)
            yield Token(found[0][1:-1], at, known, located=False)
