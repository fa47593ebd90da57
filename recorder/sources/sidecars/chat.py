"""Chats as call systems save them, line by line."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

from redaction.errors import UnreadableInput
from redaction.text.person_names import EVERYBODY
from redaction.text.sidecars import ChatLine

__all__ = ["MOST_MESSAGES", "SidecarMessage", "parse_chat", "parse_popcorn", "place_on_call_clock"]

MOST_MESSAGES: Final = 20_000
_LONGEST_LINE: Final = 20_000
_LONGEST_MESSAGE: Final = 20_000
_DAY_S: Final = 24 * 3600
_REFUSED: Final = UnreadableInput(
    "The chat beside a recording is not one that can be understood: each message must begin with a time and a name, "
    "as in '00:01:02 From Name to Everyone: text'. Correct or remove it."
)
_TIME: Final = r"(?:\d{4}-\d{2}-\d{2}[ T])?(\d{1,3}):(\d{2}):(\d{2})"
_FROM: Final = re.compile(
    rf"{_TIME}\s{{1,8}}From\s{{1,8}}(\S.{{0,199}}?)(?:\s{{1,8}}[tT]o\s{{1,8}}(.{{1,200}}?))?\s{{0,8}}:(?:\s|$)"
)
_TABBED: Final = re.compile(rf"{_TIME}\t\s{{0,8}}(\S.{{0,199}}?)\s{{0,8}}:(?:\s|$)")
_PLAIN: Final = re.compile(rf"\[?{_TIME}\]?\s{{1,8}}(\S.{{0,199}}?)\s{{0,8}}:(?:\s|$)")
_SBV: Final = re.compile(r"(\d{1,3}):(\d{2}):(\d{2})\.\d{1,3},\d{1,3}:\d{2}:\d{2}\.\d{1,3}[ \t]*(?=\n|$)")
_LONGEST_NAME: Final = 200
_PRIVATE: Final = re.compile(r"\((?:privately|direct message)\)", re.IGNORECASE)
_MARKUP: Final = re.compile(r"<[^<>]{0,2000}>")


@dataclass(slots=True)
class SidecarMessage:
    """A message as its file has it.

    Attributes:
        clock: seconds on the file's own clock.
        others: who it was for, where that is not everybody.
        lines: its text.
    """

    clock: float
    sender: str = field(repr=False)
    others: tuple[str, ...] = field(default=(), repr=False)
    lines: list[str] = field(default_factory=list, repr=False)

    @property
    def text(self) -> str:
        """The text in one line."""
        return " ".join(" ".join(self.lines).split())


def parse_chat(untrusted_text: str) -> list[SidecarMessage]:
    """Read a chat that Zoom or Meet saved, or one of the form `00:01:02 Name: text`.

    Lines that do not begin with a time and a name go on with the message before.

    Raises:
        UnreadableInput: it does not begin with a message, or is out of bounds.
    """
    if _SBV.match(untrusted_text.lstrip()):
        return _parse_sbv(untrusted_text)
    messages: list[SidecarMessage] = []
    size = 0
    for line in untrusted_text.split("\n"):
        if len(line) > _LONGEST_LINE:
            raise _REFUSED
        head = _head(line)
        if head is not None:
            messages.append(head)
            size = 0
        elif line.strip():
            if not messages:
                raise _REFUSED
            messages[-1].lines.append(line.strip())
        size += len(line)
        if len(messages) > MOST_MESSAGES or size > _LONGEST_MESSAGE:
            raise UnreadableInput(
                "The chat beside a recording has over 20,000 messages, or one of over 20,000 letters; shorten it."
            )
    return messages


def _parse_sbv(untrusted_text: str) -> list[SidecarMessage]:
    """Read the chat that Google Meet saves next to a recording: blocks of a time, then `Name: text`.

    Raises:
        UnreadableInput: a block is not of that form, or there are too many.
    """
    messages: list[SidecarMessage] = []
    for block in re.split(r"\n[ \t]*\n", untrusted_text.strip()):
        first, _, rest = block.strip().partition("\n")
        timing = _SBV.match(first)
        if timing is None or len(block) > _LONGEST_MESSAGE or len(messages) >= MOST_MESSAGES:
            raise _REFUSED
        sender, colon, text = rest.partition(":")
        if not colon or not sender.strip() or len(sender) > _LONGEST_NAME:
            raise _REFUSED
        hours, minutes, seconds = (int(part) for part in timing.groups())
        clock = float(hours * 3600 + minutes * 60 + seconds)
        messages.append(SidecarMessage(clock, sender.strip(), (), [text.strip()]))
    return messages


def _head(line: str) -> SidecarMessage | None:
    for pattern in (_FROM, _TABBED, _PLAIN):
        found = pattern.match(line)
        if found is None:
            continue
        hours, minutes, seconds, sender, *rest = found.groups()
        clock = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
        receiver = _PRIVATE.sub("", rest[0] or "").strip() if rest else ""
        others = tuple(
            one for part in receiver.split(",") if (one := part.strip()) and one.casefold() not in EVERYBODY
        )
        text = line[found.end() :].strip()
        return SidecarMessage(float(clock), _PRIVATE.sub("", sender).strip(), others, [text] if text else [])
    return None


def place_on_call_clock(messages: list[SidecarMessage], *, starts: float | None) -> Iterator[ChatLine]:
    """Put messages on the call clock.

    Args:
        messages: in order.
        starts: seconds on the file's clock at the start of the recording; None where that is not known.
    """
    for message in messages:
        time = None
        if starts is not None:
            time = message.clock - starts
            time = max(0.0, time + _DAY_S if time < -_DAY_S / 2 else time)
        yield ChatLine(time, message.sender, message.text)


def parse_popcorn(root: Element) -> list[SidecarMessage]:
    """Read the chat of a BigBlueButton recording (`slides_new.xml`): `chattimeline` elements, seconds in `in`.

    Raises:
        UnreadableInput: a message has no time, or there are too many.
    """
    messages: list[SidecarMessage] = []
    for item in root.iter("chattimeline"):
        try:
            clock = float(item.get("in", ""))
        except ValueError:
            raise _REFUSED from None
        text = html.unescape(_MARKUP.sub(" ", item.get("message", "")))
        if not 0 <= clock <= _DAY_S or len(text) > _LONGEST_MESSAGE or len(messages) >= MOST_MESSAGES:
            raise _REFUSED
        messages.append(SidecarMessage(clock, " ".join(item.get("name", "").split())[:200], (), [text]))
    return messages
