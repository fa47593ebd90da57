"""What a Janus VideoRoom says, checked and bounded, and what follows for who is in the room; no socket in here.

Source: https://janus.conf.meetecho.com/docs/ (rest, videoroom, textroom), written against 1.1.2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from recorder.call.source import LiveKind
from redaction.errors import UsageError

__all__ = [
    "MAX_MESSAGE",
    "Feed",
    "Gone",
    "JanusAddress",
    "JanusMessage",
    "Joined",
    "ParticipantLeft",
    "PublisherJoined",
    "Removed",
    "Renamed",
    "Room",
    "RoomEvent",
    "Stream",
    "parse_janus_message",
]

MAX_MESSAGE: Final = 1 << 20
MAX_NAME: Final = 256
MAX_PEOPLE: Final = 200
"""People told of in one room; who comes beyond that is neither told of nor received."""
MAX_STREAMS: Final = 8
_DECODABLE: Final = {"vp8", "h264", "opus"}
_SCREEN: Final = re.compile(r"screen|desktop|presentation|share", re.IGNORECASE)
_BINDING: Final = "textroom:"

JsonValue: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class JanusAddress:
    """Where a room is.

    Attributes:
        websocket: ws:// or wss:// address of the server.
        room: number, or name on servers with string ids.
    """

    websocket: str
    room: int | str

    @classmethod
    def parse(cls, url: str) -> JanusAddress:
        """Read `janus+ws://HOST:PORT/ROOM` or `janus+wss://HOST:PORT/PATH/ROOM`.

        Raises:
            UsageError: it is no such address.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise UsageError("a Janus address looks like janus+wss://HOST:PORT/ROOM") from None
        path, _, room = parts.path.rstrip("/").rpartition("/")
        if parts.scheme not in {"janus+ws", "janus+wss"} or not parts.hostname or not room:
            raise UsageError("a Janus address looks like janus+wss://HOST:PORT/ROOM")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise UsageError(
                "PIN and token of a Janus room are options of their own, not part of the address"
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        where = host if port is None else f"{host}:{port}"
        number = int(room) if room.isascii() and room.isdigit() and len(room) < 20 else room
        return cls(f"{parts.scheme.removeprefix('janus+')}://{where}{path or '/'}", number)


@dataclass(frozen=True, slots=True)
class JanusMessage:
    """One message of the server.

    Attributes:
        kind: its `janus` field: event, success, error, ack, hangup, detached, timeout ...
        handle: plugin handle that it is from, 0 for the session.
        created: id of what `success` made, else 0.
        data: what the plugin says.
        error: error code, 0 if none; the server's words are kept from errors.
    """

    kind: str
    transaction: str
    handle: int
    created: int
    data: JsonValue = field(repr=False)
    jsep_type: str
    jsep_sdp: str = field(repr=False)
    error: int

    def failed(self) -> bool:
        """Tell whether it refuses what was asked."""
        return self.kind == "error" or self.error != 0


def parse_janus_message(text: str) -> JanusMessage | None:
    """Return what the server says, None for what is no message."""
    if len(text) > MAX_MESSAGE:
        return None
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(whole, dict) or not isinstance(whole.get("janus"), str):
        return None
    plugin, jsep, error = _part(whole, "plugindata"), _part(whole, "jsep"), _part(whole, "error")
    data = _part(plugin, "data")
    return JanusMessage(
        kind=whole["janus"],
        transaction=_text(whole, "transaction"),
        handle=_whole(whole, "sender"),
        created=_whole(_part(whole, "data"), "id"),
        data=data,
        jsep_type=_text(jsep, "type"),
        jsep_sdp=_text(jsep, "sdp"),
        error=_whole(error, "code") or _whole(data, "error_code"),
    )


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream that somebody publishes.

    Attributes:
        mid: the publisher's own.
        kind: what it carries, None for data and what is beyond one microphone, one camera and one screen.
        decodable: its codec is one that is received.
    """

    mid: str
    kind: LiveKind | None
    decodable: bool
    simulcast: bool = False


@dataclass(frozen=True, slots=True)
class Feed:
    """Somebody in the room.

    Attributes:
        id: the server's id as text; it is the participant of the contract.
        raw: the id as the server has it, for requests.
        name: as they gave it, cut but not cleaned: what marks it holds is read from what they wrote.
        text_user: what they say their name in the text room is; only they can say so.
    """

    id: str
    raw: int | str
    name: str = field(default="", repr=False)
    streams: tuple[Stream, ...] = ()
    text_user: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody is there."""

    feed: Feed


@dataclass(frozen=True, slots=True)
class PublisherJoined:
    """What somebody publishes is now this; nothing, if they stopped."""

    feed: Feed


@dataclass(frozen=True, slots=True)
class Renamed:
    """Somebody's display name is now another."""

    feed: Feed


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """Somebody is gone."""

    feed: Feed


@dataclass(frozen=True, slots=True)
class Removed:
    """The bot was removed."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The room was closed."""


RoomEvent: TypeAlias = Joined | PublisherJoined | Renamed | ParticipantLeft | Removed | Gone


class Room:
    """Who is in the room, as the bot's own handle hears of it."""

    def __init__(self) -> None:
        self.people: dict[str, Feed] = {}
        self.own = ""

    def apply(self, data: JsonValue) -> Iterator[RoomEvent]:
        """Take what the plugin said; yield what changed. What is malformed changes nothing."""
        said = data.get("videoroom")
        if said == "destroyed":
            yield Gone()
            return
        if said == "joined":
            self.own = _identity(data)
        for entry in _entries(data, "attendees"):
            yield from self._arrive(entry)
        joining = data.get("joining")
        if isinstance(joining, dict):
            yield from self._arrive(joining)
        for entry in _entries(data, "publishers"):
            yield from self._arrive(entry)
            yield from self._publishes(entry)
        if said == "event" and "display" in data:
            yield from self._renamed(data)
        for word in ("unpublished", "leaving", "kicked"):
            if word in data:
                yield from self._leave(word, data)

    def _arrive(self, entry: JsonValue) -> Iterator[RoomEvent]:
        identity = _identity(entry)
        if not identity or identity == self.own or entry.get("dummy") is True:
            return
        if identity in self.people:
            if "display" in entry:
                yield from self._renamed(entry)
            return
        if len(self.people) >= MAX_PEOPLE:
            return
        raw = entry["id"]
        if not isinstance(raw, int | str):
            return
        self.people[identity] = Feed(identity, raw, _text(entry, "display")[:MAX_NAME])
        yield Joined(self.people[identity])

    def _renamed(self, entry: JsonValue) -> Iterator[RoomEvent]:
        feed = self.people.get(_identity(entry))
        name = _text(entry, "display")[:MAX_NAME]
        if feed is not None and name != feed.name:
            self.people[feed.id] = feed = replace(feed, name=name)
            yield Renamed(feed)

    def _publishes(self, entry: JsonValue) -> Iterator[RoomEvent]:
        feed = self.people.get(_identity(entry))
        if feed is None:
            return
        new = replace(feed, streams=_streams(entry), text_user=_text_user(entry))
        if new != feed:
            self.people[feed.id] = new
            yield PublisherJoined(new)

    def _leave(self, word: str, data: JsonValue) -> Iterator[RoomEvent]:
        who = data[word]
        if who == "ok" or str(who) == self.own:
            if word == "kicked" or (word == "leaving" and data.get("reason") == "kicked"):
                yield Removed()
            return
        feed = self.people.get(str(who)) if isinstance(who, int | str) else None
        if feed is None:
            return
        if word == "unpublished":
            self.people[feed.id] = feed = replace(feed, streams=())
            yield PublisherJoined(feed)
        else:
            del self.people[feed.id]
            yield ParticipantLeft(feed)


def _streams(entry: JsonValue) -> tuple[Stream, ...]:
    found: list[Stream] = []
    taken: set[LiveKind] = set()
    for stream in _entries(entry, "streams")[:MAX_STREAMS]:
        mid = _text(stream, "mid")
        if not mid or stream.get("disabled") is True:
            continue
        kind: LiveKind | None = None
        if stream.get("type") == "audio":
            kind = LiveKind.MICROPHONE
        elif stream.get("type") == "video":
            screen = bool(_SCREEN.search(_text(stream, "description"))) or LiveKind.CAMERA in taken
            kind = LiveKind.SCREEN if screen else LiveKind.CAMERA
        if kind is None or kind in taken:
            continue
        taken.add(kind)
        codec = _text(stream, "codec").lower()
        found.append(Stream(mid, kind, codec in _DECODABLE, stream.get("simulcast") is True))
    return tuple(found)


def _text_user(entry: JsonValue) -> str:
    named = _text(_part(entry, "metadata"), "textroom")
    if not named:
        described = (_text(stream, "description") for stream in _entries(entry, "streams")[:MAX_STREAMS])
        named = next((text.removeprefix(_BINDING) for text in described if text.startswith(_BINDING)), "")
    return named[:200]


def _part(whole: JsonValue, key: str) -> JsonValue:
    part = whole.get(key)
    return part if isinstance(part, dict) else {}


def _entries(whole: JsonValue, key: str) -> list[JsonValue]:
    part = whole.get(key)
    return [entry for entry in part if isinstance(entry, dict)] if isinstance(part, list) else []


def _text(whole: JsonValue, key: str) -> str:
    part = whole.get(key)
    return part if isinstance(part, str) else ""


def _whole(whole: JsonValue, key: str) -> int:
    part = whole.get(key)
    return part if isinstance(part, int) and not isinstance(part, bool) else 0


def _identity(entry: JsonValue) -> str:
    identity = entry.get("id")
    if isinstance(identity, bool) or not isinstance(identity, int | str):
        return ""
    return str(identity)[:100]
