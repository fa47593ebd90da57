"""The name of a bundle, made of its source."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import pytest

from recorder.commands.display.progress import ProgressMode
from recorder.commands.redact import redact_all
from recorder.sources.recording import Recording, bundle_name
from redaction.errors import ExitCode, UnreadableInput
from redaction.policy import Policy
from tests.recorder.bundle.test_writer import publish

FIRST, SECOND = b"3034274", b"10992901"
"""Two contents whose names had the same 48 bits; found in half a minute."""


def test_names_that_were_one_are_two(tmp_path: Path) -> None:
    """Two contents made to share 48 bits of their hash have names of 128 bits, which differ; a copy has the same."""
    paths = []
    for number, content in enumerate((FIRST, SECOND, FIRST)):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(content)
        paths.append(path)
    one, other, copy = map(bundle_name, paths)
    assert one[: len("recording-") + 12] == other[: len("recording-") + 12]
    assert one != other
    assert one == copy
    assert len(one) == len("recording-") + 32
    several = bundle_name(*paths[:2])
    assert several == bundle_name(*paths[1::-1])
    assert len(several) == len(one)


@pytest.mark.parametrize("what", ["folder", "call"])
def test_force_replaces_nothing_else(what: str, tmp_path: Path) -> None:
    """With --force a folder that is no bundle of a recorded file stays, whatever its name, and the status is 2."""
    source = tmp_path / "in.wav"
    source.write_bytes(silence())
    out = tmp_path / "out"
    place = out / f"{bundle_name(source)}.offrecord"
    if what == "folder":
        place.mkdir(parents=True)
        (place / "kept").write_text("kept")
    else:
        made = publish(out, name="call-1")
        made.rename(place)
        manifest = place / "manifest.json"
        text = manifest.read_text()
        people = '"participants": {"way": "room", "recorded": 0, "not_recorded": 0, "people": []}'
        manifest.write_text(text.replace('"participants": null', people))
    before = sorted(item.name for item in place.iterdir())
    (outcome,) = redact_all(
        [source], out, policy=Policy(), force=True, delete_source=True, mode=ProgressMode.NONE
    )
    assert outcome.code is ExitCode.USAGE
    assert sorted(item.name for item in place.iterdir()) == before
    assert source.exists()


def silence() -> bytes:
    """Return a second of silence as a WAV file."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(32_000))
    return made.getvalue()


def rostered(folder: Path, ages: str) -> Recording:
    """Return a recording with two participants' sound, a chat, and a list that declares their ages."""
    for name in ("ada", "kim"):
        (folder / f"{name}.wav").write_bytes(silence())
    (folder / "call.csv").write_text(f"name,adult\n{ages}")
    (folder / "chat.txt").write_text("00:00:01\tAda Example:\thello\n00:00:02\tKim Young:\thello too\n")
    return Recording(
        "plain",
        voices=(folder / "ada.wav", folder / "kim.wav"),
        voice_names=("Ada Example", "Kim Young"),
        people=(folder / "call.csv",),
        chats=(folder / "chat.txt",),
    )


def test_a_declared_minors_voice_and_words_are_not_read(tmp_path: Path) -> None:
    """Of a declared minor neither the voice's file nor a message is taken up; the name is masked all the same."""
    opened = rostered(tmp_path, "Ada Example,yes\nKim Young,no\n").open()
    assert opened.source.voice_tracks == ("A1",)
    assert dict(opened.beside.voices) == {"A1": "Ada Example"}
    assert [line.sender for line in opened.beside.chat] == ["Ada Example"]
    assert (opened.beside.minors_left_out, opened.beside.everybody_adult) == (1, False)
    assert any("Kim" in name for name in opened.beside.names)


def test_a_list_of_adults_declares_everybody(tmp_path: Path) -> None:
    """Where each row says adult nothing is left out, and everybody is declared one."""
    opened = rostered(tmp_path, "Ada Example,yes\nKim Young,18+\n").open()
    assert opened.source.voice_tracks == ("A1", "A2")
    assert len(opened.beside.chat) == 2
    assert (opened.beside.minors_left_out, opened.beside.everybody_adult) == (0, True)


def test_a_recording_of_minors_alone_is_refused(tmp_path: Path) -> None:
    """Where every voice is a declared minor's, the mixed sound does not take their place: nothing is read."""
    with pytest.raises(UnreadableInput, match="declared minor"):
        rostered(tmp_path, "Ada Example,no\nKim Young,no\n").open()
