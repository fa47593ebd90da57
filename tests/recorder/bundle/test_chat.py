"""The chat is stored with the transcript's labels, and never with a name."""

from __future__ import annotations

import json
from pathlib import Path

from recorder.bundle.chat import Chat, stored, write_chat
from redaction.model import EntityType, Span, Token
from redaction.text.recording_text import RedactedMessage


def test_a_message_carries_labels_and_the_speaker_of_its_voice() -> None:
    """Personal words stand in brackets, dropped ones are gone, and who has a voice is called as in the transcript."""
    tokens = (
        Token("ask", Span(0, 0)),
        Token("PERSON 2", Span(0, 0), EntityType.PERSON),
        Token("", Span(0, 0), EntityType.PHONE),
        Token("please", Span(0, 0)),
    )
    messages = (
        RedactedMessage(1.23456, "PERSON 1", "A2", tokens),
        RedactedMessage(None, "PERSON 3", "A9", tokens[:1]),
    )
    first, second = stored(messages, speakers={"A2": "Speaker 1"})
    assert (first.time, first.sender, first.speaker) == (1.235, "PERSON 1", "Speaker 1")
    assert first.text == "ask [PERSON 2] please"
    assert (second.time, second.speaker, second.text) == (None, None, "ask")


def test_the_file_is_what_its_schema_says(tmp_path: Path) -> None:
    """What is written can be read by whoever holds the schema."""
    write_chat(stored([RedactedMessage(2.0, "PERSON 1", "", ())], speakers={}), tmp_path / "chat.json")
    text = (tmp_path / "chat.json").read_text(encoding="utf-8")
    assert Chat.model_validate_json(text).messages[0].time == 2.0
    assert json.loads(text)["schema_version"] == "offrecord/chat/1"
