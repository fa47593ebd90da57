"""What the room's page and its server say to each other."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.call.room.messages import AnswerMessage, ChatMessage, encode_room_message, parse_room_message
from recorder.call.source import Answer

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["type", "name", "text"]), inner)
    ),
    max_leaves=8,
)


@given(st.text() | JSON.map(json.dumps))
def test_nothing_breaks_the_reader(text: str) -> None:
    """Any text is a message or none; reading never raises."""
    parse_room_message(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"answer","answer":"maybe"}',
        '{"type":"answer","answer":true}',
        '{"type":"answer","answer":"yes","participant":"other"}',
        '{"type":"chat","text":["x"]}',
        '{"type":"chat","text":"\\ud800"}',
        '{"type":"chat","text":"' + "x" * 1001 + '"}',
        '{"type":"rename"}',
        '{"type":"welcome","id":"x"}',
    ],
)
def test_almost_messages_are_none(text: str) -> None:
    """A wrong type, value, length or an extra key makes it no message."""
    assert parse_room_message(text) is None


def test_messages_are_read() -> None:
    """The page's own messages are understood."""
    assert parse_room_message('{"type":"answer","answer":"no"}') == AnswerMessage(
        type="answer", answer=Answer.NO
    )
    assert parse_room_message('{"type":"chat","text":"<b>"}') == ChatMessage(type="chat", text="<b>")


def test_names_and_words_stay_out_of_repr() -> None:
    """What is printed by accident shows no name and no word."""
    for text in ('{"type":"join","name":"Zebulon"}', '{"type":"chat","text":"Zebulon"}'):
        assert "Zebulon" not in repr(parse_room_message(text))


@given(st.text())
def test_what_is_written_is_one_line_of_ascii(text: str) -> None:
    """Whatever stands in it, a message to a page is one line that JSON reads back."""
    message = encode_room_message("chat", sender="a", text=text)
    assert message.isascii()
    assert "\n" not in message
    assert json.loads(message) == {"type": "chat", "sender": "a", "text": text}
