"""Captions: what is read of WebVTT, SubRip and Zoom's lists, and what is refused."""

from __future__ import annotations

import time

import pytest

from recorder.sources.sidecars.captions import MOST_CAPTIONS, parse_captions, parse_zoom_captions
from redaction.errors import UnreadableInput
from redaction.model import Span

_VTT = """WEBVTT - a title

NOTE a note
of two lines

STYLE
::cue { color: red }

1
00:00:01.000 --> 00:00:02.500 align:start
<v.loud Adaeze Okonkwo>Hello &amp; <i>welcome</i></v>

01:00.000 --> 01:01.000
Daniel Carter: two
lines

02:00.000 --> 02:01.000
Note: nothing
"""
_SRT = "1\n00:00:01,000 --> 00:00:02,000\nZoë O’Brien: hi\n\n2\n00:00:03,000 --> 00:00:04,000\nno speaker\n"


def test_webvtt() -> None:
    """Voice tags and names before a colon are speakers, markup goes, notes and styles are no captions."""
    first, second, third = parse_captions(_VTT)
    assert (first.span, first.speaker, first.text.split()) == (
        Span(1, 2.5),
        "Adaeze Okonkwo",
        ["Hello", "&", "welcome"],
    )
    assert (second.span, second.speaker, second.text) == (Span(60, 61), "Daniel Carter", "two lines")
    assert (third.speaker, third.text) == ("", "Note: nothing")


def test_every_label_is_a_speaker_in_zoom_s_transcripts() -> None:
    """An everyday word before a colon is a name where the system writes names there."""
    assert parse_captions(_VTT, labelled=True)[2].speaker == "Note"


def test_subrip() -> None:
    """SubRip is read as WebVTT is."""
    first, second = parse_captions(_SRT)
    assert (first.speaker, first.text, first.span) == ("Zoë O’Brien", "hi", Span(1, 2))
    assert (second.speaker, second.text) == ("", "no speaker")


def test_zoom_s_list() -> None:
    """A line with a name in brackets and a time is the speaker of what follows; it has no call time."""
    lines = parse_zoom_captions("[Adaeze Okonkwo] 10:00:05\nHello.\nThere.\n\n[Daniel] 10:00:07\nHi\n")
    assert [(one.speaker, one.text, one.span) for one in lines] == [
        ("Adaeze Okonkwo", "Hello.", None),
        ("Adaeze Okonkwo", "There.", None),
        ("Daniel", "Hi", None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "WEBVTT\n\n00:00:02.000 --> 00:00:01.000\nback\n",
        "WEBVTT\n\n00:00:02 --> 00:00:03\nno thousandths\n",
        "WEBVTT\n\n99:00:02.000 --> 99:00:03.000\nlate\n",
        "WEBVTT\n\nAdaeze without a time\n",
        "some text\n\nand more\n",
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n" + "x" * 5000,
        "WEBVTT\n\n" + "00:01.000 --> 00:02.000\nx\n\n" * (MOST_CAPTIONS + 1),
    ],
)
def test_broken_captions_are_refused(text: str) -> None:
    """Captions that cannot be understood are not guessed at, and the sentence repeats nothing of them."""
    with pytest.raises(UnreadableInput) as caught:
        parse_captions(text)
    assert "Adaeze" not in str(caught.value)


@pytest.mark.parametrize("text", ["<" * 4000, "<v " * 1300, "a" * 3999, ": " * 2000, "&" * 4000, "[" * 4000])
def test_hostile_lines_take_no_time(text: str) -> None:
    """No line makes a pattern try for long."""
    began = time.process_time()
    parse_captions(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n")
    parse_zoom_captions(text)
    assert time.process_time() - began < 1


def test_nothing_of_a_caption_is_in_its_representation() -> None:
    """Tracebacks and logs that show a caption show no word of it."""
    assert "Adaeze" not in repr(parse_captions(_VTT))
