"""Folders as call systems leave them go through the real command; nothing of the people in them comes out."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from recorder.media.file import FileSource
from redaction.audio.listening.listen import Listener
from redaction.audio.listening.transcribe import WhisperTranscriber
from redaction.model import Gap
from tests.e2e.conftest import needs_models, run_offrecord
from tests.recordings import FOLDERS, PLANTED, TAG_AREA, write_media, zoom_cloud

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

NAMES = [make.__name__ for make in FOLDERS]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of every folder, by layout, and what the command said."""

    bundles: Mapping[str, Path]
    sources: Mapping[str, Path]
    said: str
    tagged: Path

    def read(self, layout: str, name: str) -> Any:
        """Return a JSON file of a bundle."""
        return json.loads((self.bundles[layout] / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """All layouts, redacted by one run that deletes its sources."""
    needs_models()
    folder = tmp_path_factory.mktemp("calls")
    sources = {make.__name__: make(folder) for make in FOLDERS}
    tagged = Path(shutil.copy(next(sources["jibri"].glob("*.mp4")), folder / "tagged.mp4"))
    out = tmp_path_factory.mktemp("out")
    ran = run_offrecord(["redact", *map(str, sources.values()), "-o", str(out), "--delete-source", "--json"])
    assert ran.returncode == 0, ran.stderr
    rows = json.loads(ran.stdout)
    bundles = {name: Path(row["bundle"]) for name, row in zip(sources, rows, strict=True)}
    return Done(bundles, sources, re.sub(r'"bundle": "[^"]*"', "", ran.stdout) + ran.stderr, tagged)


@pytest.mark.parametrize("layout", NAMES)
def test_planted_words_are_in_no_file(done: Done, layout: str) -> None:
    """No name, number or address is in any byte or name of the bundle, nor in what the command said."""
    for item in done.bundles[layout].rglob("*"):
        data = item.read_bytes().lower() if item.is_file() else b""
        data = re.sub(rb"data:image/[a-z]+;base64,[a-z0-9+/=]+", b"", data)
        for word in PLANTED:
            assert word.encode() not in data, f"{word} in {item.name}"
            assert word.encode("utf-16-le") not in data
            assert word not in item.name.lower()
    assert not [word for word in PLANTED if word in done.said.lower()]


@pytest.mark.parametrize("layout", NAMES)
def test_planted_words_are_not_heard(done: Done, layout: str) -> None:
    """Another transcription of the stored sound holds no name, and does hold what was kept.

    It is heard twice, the second time without its beginning: at a tone the small recogniser sometimes stops listening.
    """
    source = FileSource(done.bundles[layout] / "recording.mp4")
    transcriber = WhisperTranscriber("speech.whisper_tiny_en", language="en", threads=2)
    text = ""
    for start in (0, 2 * 16_000):
        listener = Listener(track="A1", speaker="S1", transcriber=transcriber, aligner=None)
        heard = []
        for item in source.audio("A1", 16_000):
            assert not isinstance(item, Gap)
            if item.start >= start:
                heard += listener.push(item)
        text += " ".join(one.text for one in (*heard, *listener.flush())).lower() + "\n"
    assert "export" in text
    assert not [word for word in PLANTED if word in text]


def _brightest(path: Path) -> list[int]:
    """Return the brightest pixel of each frame where the name tag stood."""
    frames = [item for item in FileSource(path).video("V1") if not isinstance(item, Gap)]
    return [int(frame.y[TAG_AREA].max()) for frame in frames]


@pytest.mark.parametrize("layout", NAMES)
def test_the_name_tag_is_in_no_frame(done: Done, layout: str) -> None:
    """Where a white name stood in every frame of every view nothing white is left."""
    pictures = [done.bundles[layout] / "recording.mp4", *(done.bundles[layout] / "tracks").glob("*.mp4")]
    for picture in pictures:
        assert max(_brightest(picture)) < 150
    assert min(_brightest(done.tagged)) > 190


@pytest.mark.parametrize("layout", NAMES)
def test_pseudonyms_agree(done: Done, layout: str) -> None:
    """Who is named first in speech has the same label as a sender, and as a mention in a message."""
    transcript = done.read(layout, "transcript.json")
    spoken = " ".join(one["text"] for one in transcript["utterances"])
    laura = re.search(r"my name is \[(PERSON \d+)\]", spoken)
    daniel = re.search(r"this is \[(PERSON \d+)\]", spoken)
    assert laura
    assert daniel
    if layout == "jibri":
        assert not (done.bundles[layout] / "chat.json").exists()
        return
    first, second, third = done.read(layout, "chat.json")["messages"]
    assert first["sender"] == daniel.group(1)
    assert f"[{laura.group(1)}]" in first["text"]
    assert third["sender"] == laura.group(1)
    assert f"[{second['sender']}]" in third["text"]
    assert third["text"].endswith("the export works now")
    assert [first["time"], second["time"], third["time"]] == [1.0, 3.0, 5.0]


def test_participants_sound_becomes_tracks(done: Done) -> None:
    """Each participant's file is a speaker of its own, whose messages say so; the mixed sound is not used."""
    manifest = done.read("zoom", "manifest.json")
    assert [track["id"] for track in manifest["tracks"]] == ["V1", "A1", "A2"]
    speakers = {one["speaker"]: one["text"] for one in done.read("zoom", "transcript.json")["utterances"]}
    assert len(speakers) == 2
    senders = [message["speaker"] for message in done.read("zoom", "chat.json")["messages"]]
    assert senders[1] is None
    assert "my name is" in speakers[senders[2]]
    assert "export" in speakers[senders[0]]


@pytest.mark.parametrize("layout", ["zoom_cloud", "bigbluebutton"])
def test_every_view_is_stored(done: Done, layout: str) -> None:
    """The main view is the recording; the other stands under tracks."""
    assert (done.bundles[layout] / "tracks" / "p02-screen.mp4").is_file()


@pytest.mark.parametrize("layout", NAMES)
def test_bundles_verify_and_sources_are_gone(done: Done, layout: str) -> None:
    """The bundle is whole, its manifest lists every file and the last check, and no file of its source is left."""
    assert run_offrecord(["verify", str(done.bundles[layout])]).returncode == 0
    manifest = done.read(layout, "manifest.json")
    assert ("chat.json" in manifest["files"]) == (layout != "jibri")
    assert "no-name-written" in {check["name"] for check in manifest["checks"]}
    assert not [path for path in done.sources[layout].rglob("*") if path.is_file()]


def test_captions_are_the_transcript_where_there_is_no_sound(tmp_path: Path) -> None:
    """Silent views with captions give a transcript of redacted captions; a stranger in the folder keeps the source."""
    needs_models()
    made = zoom_cloud(tmp_path / "made")
    stem = "GMT20260302-100000_Recording"
    place = tmp_path / "silent"
    place.mkdir()
    for name in (f"{stem}.transcript.vtt", f"{stem}newChat.txt"):
        shutil.copy(made / name, place / name)
    write_media(place / f"{stem}_1280x720.mp4", seconds=3)
    ran = run_offrecord(["redact", str(place), "-o", str(tmp_path / "out")])
    assert ran.returncode == 0, ran.stderr
    (bundle,) = (tmp_path / "out").iterdir()
    lines = (bundle / "transcript.vtt").read_text(encoding="utf-8")
    assert "<v Speaker 1>Hello, my name is [PERSON 1]" in lines
    assert "<v Speaker 2>I press the export button" in lines
    assert not [word for word in PLANTED if word in lines.lower()]


def test_broken_folders_are_refused_one_by_one(tmp_path: Path) -> None:
    """What is broken beside the media publishes nothing, ends in status 5, and is told without a name."""
    made = zoom_cloud(tmp_path / "made")
    stem = "GMT20260302-100000_Recording"
    bad = {
        f"{stem}newChat.txt": "Adaeze wrote this\n",
        f"{stem}.transcript.vtt": "WEBVTT\n\nAdaeze\n",
        f"{stem}.json": "[" * 10_000,
    }
    folders = []
    for number, (name, text) in enumerate(bad.items()):
        folders.append(tmp_path / f"Adaeze{number}")
        shutil.copytree(made, folders[-1])
        (folders[-1] / name).write_text(text, encoding="utf-8")
    ran = run_offrecord(["redact", *map(str, folders), "-o", str(tmp_path / "out"), "--delete-source"])
    assert ran.returncode == 5, ran.stderr
    assert ran.stderr.count("beside a recording") == 3
    assert "adaeze" not in (ran.stdout + ran.stderr).lower()
    assert not list((tmp_path / "out").iterdir()) if (tmp_path / "out").exists() else True
    assert all(len(list(folder.iterdir())) == len(list(made.iterdir())) for folder in folders)
