"""What a name tells of a file that cannot be read as it is, and links that are not followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.sources.discover import recording_at, recordings_in
from recorder.sources.sidecars.chat import parse_chat
from redaction.errors import UnreadableInput
from tests.media import make_clip

SBV = """0:00:05.000,0:00:08.000
Ada Lovelace: hello there

0:01:02.500,0:01:07.000
Bob: see https://example.org/a:b
and the next line
"""


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("monitor.gsm", "GSM 06.10.*-f gsm"),
        ("rec.g722", "G.722.*-f g722"),
        ("line.ulaw", "mu-law.*-f mulaw"),
        ("line.AL", "A-law.*-f alaw"),
        ("double_click_to_convert_01.zoom", "Zoom has not converted"),
    ],
)
def test_what_cannot_be_read_says_how_to_convert_it(tmp_path: Path, name: str, sentence: str) -> None:
    """Raw telephony and an unconverted Zoom file, alone or in a folder, name the format and the way out."""
    path = tmp_path / name
    path.write_bytes(b"\x00\xd0" * 1000)
    for recording in (recording_at(path), *recordings_in(tmp_path)):
        with pytest.raises(UnreadableInput, match=sentence):
            recording.open()


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    """Media that are links to elsewhere are no part of a folder; a link that is named itself is read."""
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "in"
    elsewhere.mkdir()
    folder.mkdir()
    clip = make_clip(elsewhere / "a.mp4", seconds=1, size=(64, 48)).path
    (folder / "a.mp4").symlink_to(clip)
    (folder / "below").symlink_to(elsewhere)
    assert recordings_in(folder) == []
    named = recording_at(folder / "a.mp4")
    assert named.files == (folder / "a.mp4",)
    (folder / "b.mp4").write_bytes(clip.read_bytes())
    assert [one.files for one in recordings_in(folder)] == [(folder / "b.mp4",)]


def test_a_meet_chat_is_read() -> None:
    """The chat that Google Meet saves as SBV: time, sender, text, with lines that go on."""
    one, other = parse_chat(SBV)
    assert (one.clock, one.sender, one.text) == (5.0, "Ada Lovelace", "hello there")
    assert (other.clock, other.sender) == (62.0, "Bob")
    assert other.text == "see https://example.org/a:b and the next line"


@pytest.mark.parametrize(
    "text", ["0:00:05.000,0:00:08.000\nno sender", "0:00:05.000,0:00:08.000", SBV + "\n\nstray: x"]
)
def test_a_broken_meet_chat_is_refused(text: str) -> None:
    """A block without a time or a sender is not guessed at."""
    with pytest.raises(UnreadableInput):
        parse_chat(text)
