"""Chats: the forms that call systems write, and what is refused."""

from __future__ import annotations

import time
from xml.etree import ElementTree

import pytest

from recorder.sources.sidecars.chat import MOST_MESSAGES, parse_chat, parse_popcorn, place_on_call_clock
from redaction.errors import UnreadableInput


@pytest.mark.parametrize(
    ("text", "sender", "others", "said"),
    [
        (
            "10:00:01 From Adaeze Okonkwo to Everyone:\n\thello: there\n\tyou",
            "Adaeze Okonkwo",
            (),
            "hello: there you",
        ),
        ("10:00:01\t From  Zoë O’Brien : hi", "Zoë O’Brien", (), "hi"),
        ("10:00:01 From Ada To Daniel Carter(Direct Message):\n\thi", "Ada", ("Daniel Carter",), "hi"),
        ("10:00:01 From  Ada  to  Daniel(Privately) : hi", "Ada", ("Daniel",), "hi"),
        (
            "00:10:01\tAdaeze Okonkwo:\tsee https://example.com",
            "Adaeze Okonkwo",
            (),
            "see https://example.com",
        ),
        ("[00:10:01] Ada: hi", "Ada", (), "hi"),
        ("2026-03-02 10:00:01 From Ada to Everyone:\n\thi", "Ada", (), "hi"),
        ("10:00:01 From 李雷 to Everyone:\n\t你好", "李雷", (), "你好"),
    ],
)
def test_forms(text: str, sender: str, others: tuple[str, ...], said: str) -> None:
    """Each form gives the sender, whom it was for, and the text in one line."""
    (message,) = parse_chat(text)
    assert (message.sender, message.others, message.text) == (sender, others, said)


def test_call_clock() -> None:
    """Times are put on the call's clock, also past midnight; without a known start there is none."""
    messages = parse_chat("23:59:59 From Ada to Everyone:\n\ta\n00:00:03 From Ada to Everyone:\n\tb")
    assert [line.time for line in place_on_call_clock(messages, starts=86_390.0)] == [9.0, 13.0]
    assert [line.time for line in place_on_call_clock(messages, starts=None)] == [None, None]


@pytest.mark.parametrize(
    "text",
    [
        "Adaeze said hello\n00:00:01\tAda:\thi",
        "x" * 30_000,
        "00:00:01\tAda:\thi\n" * (MOST_MESSAGES + 1),
        "00:00:01\tAda:\thi\n" + ("y" * 1000 + "\n") * 30,
    ],
)
def test_what_is_no_chat_is_refused(text: str) -> None:
    """A text that begins otherwise, endless lines, messages and chats are refused, and nothing is repeated."""
    with pytest.raises(UnreadableInput) as caught:
        parse_chat(text)
    assert "Adaeze" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "10:00:01 From " + "a " * 9000,
        "10:00:01 From a" + " to " * 4000,
        "10:00:01" + "\t" * 15_000,
        "1" * 19_000,
    ],
)
def test_hostile_lines_take_no_time(line: str) -> None:
    """No line makes a pattern try for long."""
    began = time.process_time()
    parse_chat(f"00:00:01\tAda:\thi\n{line}")
    assert time.process_time() - began < 1


def test_popcorn() -> None:
    """BigBlueButton's chat is read from its events; markup in a message goes."""
    root = ElementTree.fromstring(
        '<popcorn><chattimeline in="1.5" name="Ada" message="&lt;a href=&quot;x&quot;&gt;hi&lt;/a&gt; &amp;amp; you"/>'
        "</popcorn>"
    )
    (message,) = parse_popcorn(root)
    assert (message.clock, message.sender, message.text) == (1.5, "Ada", "hi & you")


@pytest.mark.parametrize("at", ["", "x", "nan", "-1", "1e99"])
def test_popcorn_without_a_time(at: str) -> None:
    """A message without a sound time is refused."""
    with pytest.raises(UnreadableInput):
        parse_popcorn(
            ElementTree.fromstring(f'<popcorn><chattimeline in="{at}" name="A" message="b"/></popcorn>')
        )


def test_nothing_of_a_message_is_in_its_representation() -> None:
    """Tracebacks and logs that show a message show no word of it."""
    messages = parse_chat("00:00:01\tAdaeze:\tsecret")
    assert "Adaeze" not in repr(messages)
    assert "secret" not in repr([*messages, *place_on_call_clock(messages, starts=0.0)])
