"""Addresses of a Janus room, and what its messages tell of who is there."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.call.janus.protocol import (
    MAX_MESSAGE,
    MAX_PEOPLE,
    JanusAddress,
    Joined,
    PublisherJoined,
    Removed,
    Room,
    parse_janus_message,
)
from recorder.call.source import LiveKind
from redaction.errors import UsageError


@pytest.mark.parametrize(
    ("url", "websocket", "room"),
    [
        ("janus+ws://localhost:8188/1234", "ws://localhost:8188/", 1234),
        ("janus+wss://janus.example/janus-ws/team-room", "wss://janus.example/janus-ws", "team-room"),
        ("janus+ws://[::1]:8188/5", "ws://[::1]:8188/", 5),
    ],
)
def test_addresses_are_read(url: str, websocket: str, room: int | str) -> None:
    """Scheme, host, port, path and room are told apart."""
    assert JanusAddress.parse(url) == JanusAddress(websocket, room)


@pytest.mark.parametrize(
    "url",
    [
        "ws://x/1",
        "janus+ws:///1",
        "janus+ws://host:x/1",
        "janus+ws://host",
        "janus+ws://me:pin@host/1",
        "janus+ws://h/1?pin=2",
    ],
)
def test_other_addresses_are_usage_errors(url: str) -> None:
    """What is no address of a room, or carries a secret, is refused without repeating it."""
    with pytest.raises(UsageError) as refusal:
        JanusAddress.parse(url)
    assert "pin=2" not in refusal.value.sentence


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
keys = [
    "id",
    "display",
    "streams",
    "attendees",
    "publishers",
    "joining",
    "leaving",
    "unpublished",
    "kicked",
    "videoroom",
    "error_code",
]


@given(st.dictionaries(st.sampled_from(keys), anything, max_size=6), anything)
def test_whatever_a_server_says_is_an_event_or_nothing(data: dict[str, object], other: object) -> None:
    """No message, however formed, raises."""
    text = json.dumps(
        {"janus": "event", "plugindata": {"data": data}, "jsep": other, "error": other, "sender": other}
    )
    message = parse_janus_message(text)
    assert message is not None
    room = Room()
    list(room.apply(message.data))
    list(room.apply({**message.data, "publishers": [data, {"id": 5, "streams": [data]}]}))
    assert len(room.people) <= MAX_PEOPLE
    assert parse_janus_message(json.dumps(other)) is None or isinstance(other, dict)


def test_messages_are_bounded() -> None:
    """A message beyond the bound, nested too deeply or no JSON is none."""
    assert parse_janus_message('{"janus":"event","x":"' + "a" * MAX_MESSAGE + '"}') is None
    assert parse_janus_message("[" * 100_000) is None
    assert parse_janus_message("hello") is None


def test_kinds_and_codecs_come_from_what_is_published() -> None:
    """Described or second pictures are screens; VP9 and AV1 are not decodable; more than one of a kind is left out."""
    room = Room()
    streams = [
        {"type": "video", "mid": "0", "codec": "av1", "description": "My screen"},
        {"type": "audio", "mid": "1", "codec": "opus"},
        {"type": "video", "mid": "2", "codec": "h264", "simulcast": True},
        {"type": "data", "mid": "3"},
        {"type": "video", "mid": "4", "codec": "vp8"},
        {"type": "audio", "mid": "5", "codec": "opus", "disabled": True},
    ]
    events = list(
        room.apply({"videoroom": "event", "publishers": [{"id": 9, "display": "x", "streams": streams}]})
    )
    assert isinstance(events[0], Joined)
    assert isinstance(events[1], PublisherJoined)
    found = {s.mid: (s.kind, s.decodable, s.simulcast) for s in events[1].feed.streams}
    assert found == {
        "0": (LiveKind.SCREEN, False, False),
        "1": (LiveKind.MICROPHONE, True, False),
        "2": (LiveKind.CAMERA, True, True),
    }


def test_the_bot_itself_and_placeholders_are_nobody() -> None:
    """The bot's own feed and Janus' dummy publisher are not participants; being kicked is being removed."""
    room = Room()
    me = {
        "videoroom": "joined",
        "id": 1,
        "publishers": [{"id": 1, "display": "bot"}, {"id": 2, "dummy": True}],
    }
    assert list(room.apply(me)) == []
    assert list(room.apply({"videoroom": "event", "leaving": "ok", "reason": "kicked"})) == [Removed()]
