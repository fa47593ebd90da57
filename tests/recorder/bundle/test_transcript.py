"""The transcript: voice tags, escaped text, pseudonyms in brackets."""

import json
from pathlib import Path

from recorder.bundle.transcript import write_transcript
from redaction.model import EntityType, RedactedUtterance, Span, Token


def _utterance(start: float, speaker: str, *tokens: Token) -> RedactedUtterance:
    return RedactedUtterance(tokens, Span(start, start + 2), speaker, "A1")


def test_speakers_are_numbered_by_first_speech_and_text_is_escaped(tmp_path: Path) -> None:
    """Labels follow time, not the order given; markup in a word cannot break the file."""
    person = Token("PERSON 1", Span(3, 4), EntityType.PERSON)
    utterances = [
        _utterance(61, "S1", Token("<b>&", Span(61, 62)), Token("-->", Span(62, 63))),
        _utterance(3, "S2", Token("Hello", Span(3, 3.2)), person),
        _utterance(9, "S2"),
    ]
    write_transcript(utterances, vtt=tmp_path / "t.vtt", json_path=tmp_path / "t.json")
    text = (tmp_path / "t.vtt").read_text()
    assert text.startswith("WEBVTT\n\n00:00:03.000 --> 00:00:05.000\n<v Speaker 1>Hello [PERSON 1]\n")
    assert "<v Speaker 2>&lt;b&gt;&amp; --&gt;\n" in text
    document = json.loads((tmp_path / "t.json").read_text())
    assert [item["speaker"] for item in document["utterances"]] == ["Speaker 1", "Speaker 2"]
    assert document["utterances"][0]["words"][1]["entity_type"] == "PERSON"


def test_dropped_names_leave_no_empty_brackets(tmp_path: Path) -> None:
    """With names dropped the sentence closes over them."""
    dropped = Token("", Span(1, 2), EntityType.PERSON)
    utterance = _utterance(1, "S1", Token("Hi", Span(1, 1.1)), dropped, Token("there", Span(2, 3)))
    write_transcript([utterance], vtt=tmp_path / "t.vtt", json_path=tmp_path / "t.json")
    assert "<v Speaker 1>Hi there\n" in (tmp_path / "t.vtt").read_text()
