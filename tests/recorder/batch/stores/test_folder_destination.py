"""Plain folders: what is listed, what is published, and what is swept."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.batch.stores.folder_destination import FolderDestination
from recorder.batch.stores.folder_source import FolderSources
from recorder.bundle.writer import BundleWriter
from redaction.errors import RedactionIncomplete, StorageFailed, UnreadableInput, UsageError
from tests.recorder.batch.fakes import write_bundle

NAME = "recording-0123456789abcdef"


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A folder with recordings, and with what is none."""
    folder = tmp_path / "calls"
    for name in ("a.mp4", "deep/er/b.WAV", ".hidden/c.mp4", "d.txt", "x.offrecord/recording.mp4", ".e.mp4"):
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name)
    return folder


def listed(text: str) -> list[str]:
    """List by file name."""
    return sorted(Path(item.source).name for item in FolderSources(text).list())


def test_listing(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder gives its recordings at any depth, a file itself, a pattern what it matches; bundles are no input."""
    assert listed(str(calls)) == ["a.mp4", "b.WAV"]
    assert listed(str(calls / "a.mp4")) == ["a.mp4"]
    assert listed(str(calls / "**" / "*.[mW]*")) == ["a.mp4", "b.WAV"]
    monkeypatch.chdir(calls)
    assert listed("*.mp4") == ["a.mp4"]
    assert all(Path(item.source).is_absolute() for item in FolderSources("*.mp4").list())


@pytest.mark.parametrize("text", ["nowhere", "nowhere/*.mp4"])
def test_nothing_there(text: str, tmp_path: Path) -> None:
    """A source that does not exist, or a pattern without a match, is an error and not an empty job."""
    with pytest.raises(UnreadableInput):
        list(FolderSources(str(tmp_path / text)).list())


def test_missing_entry_of_a_list_is_refused_later(calls: Path) -> None:
    """An entry of a list that is gone is listed, so that it is refused by its id and not passed over."""
    sources = FolderSources(paths=[str(calls / "a.mp4"), str(calls / "gone.mp4")])
    here, gone = sources.list()
    with sources.open(here, scratch=None) as opener:
        assert opener.recording.media == (calls / "a.mp4",)
        with opener.open() as handle:
            assert handle.read() == b"a.mp4"
    with pytest.raises(UnreadableInput):
        sources.open(gone, scratch=None)


@pytest.mark.parametrize(
    "change", [lambda path: path.write_text("longer"), lambda path: os.utime(path, (1, 1)), Path.unlink]
)
def test_changed_since_it_was_listed(change: Callable[[Path], object], calls: Path) -> None:
    """A recording that is not the one that was listed is neither opened nor deleted."""
    sources = FolderSources(str(calls / "a.mp4"))
    (item,) = sources.list()
    change(calls / "a.mp4")
    for act in (lambda: sources.open(item, scratch=None), lambda: sources.delete(item)):
        with pytest.raises(UnreadableInput):
            act()


def _zoom(folder: Path) -> Path:
    """Make the names of a Zoom folder."""
    place = folder / "2026-03-02 10.00.00 Laura Bennett's Zoom Meeting"
    (place / "Audio Record").mkdir(parents=True)
    for name in ("zoom_0.mp4", "chat.txt", "Audio Record/audioLaura11234567.m4a"):
        (place / name).write_text(name)
    return place


def test_a_call_system_s_folder_is_one_recording(calls: Path) -> None:
    """A folder that Zoom left is one item with all its files; a change of any of them makes it another one."""
    place = _zoom(calls)
    assert listed(str(calls)) == [place.name, "a.mp4", "b.WAV"]
    sources = FolderSources(str(calls))
    (item,) = [item for item in sources.list() if item.source == str(place)]
    assert item.size == sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    assert [found.source for found in FolderSources(str(place)).list()] == [item.source]
    assert list(FolderSources(paths=[str(place)]).list()) == [item]
    recording = sources.open(item, scratch=None).recording
    assert (recording.layout, len(recording.views), len(recording.voices)) == ("zoom", 1, 1)
    assert len(recording.chats) == 1
    for change in (
        lambda: (place / "chat.txt").write_text("more"),
        lambda: (place / "Audio Record" / "audioAda21234567.m4a").touch(),
        (place / "zoom_0.mp4").unlink,
    ):
        (before,) = FolderSources(str(place)).list()
        change()
        with pytest.raises(UnreadableInput, match="changed"):
            sources.check_unchanged(before)


def test_a_broken_folder_is_an_item_until_it_is_mended(calls: Path) -> None:
    """A folder that cannot be read as one recording is refused with the reason in its turn, and redone later."""
    place = _zoom(calls)
    (place / "holiday.mov").touch()
    sources = FolderSources(str(calls))
    (item,) = [item for item in sources.list() if item.source == str(place)]
    with sources.open(item, scratch=None) as opener, pytest.raises(UnreadableInput, match="another kind"):
        opener.recording.open()
    (place / "holiday.mov").unlink()
    (mended,) = FolderSources(str(place)).list()
    assert mended.version != item.version


def test_sidecars_go_with_their_media(calls: Path) -> None:
    """Captions of a file's stem are part of the recording, however it is named; alone it keeps its plain version."""
    (plain,) = FolderSources(str(calls / "a.mp4")).list()
    assert plain.version == str((calls / "a.mp4").stat().st_mtime_ns)
    (calls / "a.en.vtt").write_text("WEBVTT\n")
    for text in (str(calls), str(calls / "a.mp4"), str(calls / "a.*4")):
        (found,) = [item for item in FolderSources(text).list() if item.source == plain.source]
        assert found.size == plain.size + len("WEBVTT\n")
        assert found.version != plain.version
        recording = FolderSources(text).open(found, scratch=None).recording
        assert recording.captions == (calls / "a.en.vtt",)


def test_deleting_a_folder_s_recording(calls: Path) -> None:
    """All files of a recording go; one whose folder holds a stranger is kept whole."""
    place = _zoom(calls)
    (place / "mine.pdf").touch()
    sources = FolderSources(str(place))
    (item,) = sources.list()
    with pytest.raises(StorageFailed, match="do not belong"):
        sources.delete(item)
    (place / "mine.pdf").unlink()
    (item,) = sources.list()
    sources.delete(item)
    assert [path for path in place.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("text", ["", "*.[mw]*"])
def test_a_shared_sidecar_goes_with_the_last(text: str, tmp_path: Path) -> None:
    """Captions that two recordings share stay for the one that is not deleted yet, which stays what it was."""
    for name in ("a.mp4", "a.wav", "a.vtt", "a.wav.txt"):
        (tmp_path / name).write_text(name)
    sources = FolderSources(str(tmp_path / text))
    items = {Path(item.source).name: item for item in sources.list()}
    sources.delete(items["a.mp4"])
    sources.check_unchanged(items["a.wav"])
    assert (tmp_path / "a.vtt").exists()
    sources.delete(items["a.wav"])
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_text(calls: Path) -> None:
    """A recording whose name is not UTF-8 is listed, opened and deleted like any other; its place can be written."""
    path = calls / b"Ad\xe9.mp4".decode("utf-8", "surrogateescape")
    path.write_text("x")
    sources = FolderSources(str(calls))
    (item,) = [item for item in sources.list() if item.source.startswith("file://")]
    item.model_dump_json().encode()
    assert sources.open(item, scratch=None).recording.media == (path,)
    sources.delete(item)
    assert not path.exists()


def test_a_thousand_files_of_one_folder(tmp_path: Path) -> None:
    """Looking each recording of a large folder up again takes time in line with their number, not with its square."""
    for number in range(1000):
        (tmp_path / f"{number}.mp4").touch()
        (tmp_path / f"{number}.vtt").touch()
        os.utime(tmp_path / f"{number}.mp4", (1, 1))
    os.utime(tmp_path, (1, 1))
    for sources in (FolderSources(str(tmp_path)), FolderSources(str(tmp_path / "*.mp4"))):
        began = time.process_time()
        items = list(sources.list())
        for item in items:
            sources.check_unchanged(item)
        assert len(items) == 1000
        assert time.process_time() - began < 5


def test_delete(calls: Path) -> None:
    """An unchanged recording can be deleted."""
    sources = FolderSources(str(calls / "a.mp4"))
    (item,) = sources.list()
    sources.delete(item)
    assert not (calls / "a.mp4").exists()


def test_key_is_made_once_and_kept_secret(tmp_path: Path) -> None:
    """The key stays the same, is the operator's alone, and a damaged one is not replaced silently."""
    place = FolderDestination(str(tmp_path / "out"))
    key = place.key()
    assert FolderDestination(str(tmp_path / "out")).key() == key
    assert len(key) == 32
    assert stat.S_IMODE((place.state / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE(place.state.stat().st_mode) == 0o700
    (place.state / "key").write_bytes(b"short")
    with pytest.raises(StorageFailed):
        place.key()


def test_publish_verify_delete(tmp_path: Path) -> None:
    """A bundle is named once it stands, verified in full, and gone without a moment of being half there."""
    place = FolderDestination(str(tmp_path))
    bundle = write_bundle(place.workplace(), NAME)
    assert list(place.names()) == [NAME]
    assert place.publish(bundle, replace=True) == bundle.name
    assert place.verify(NAME) == place.manifest(NAME)
    (bundle / "log.jsonl").write_text("{}\n")
    with pytest.raises(RedactionIncomplete):
        place.publish(bundle, replace=True)
    assert list(place.names()) == []
    write_bundle(place.workplace(), NAME)
    place.delete(NAME)
    place.delete(NAME)
    assert list(place.names()) == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UnreadableInput):
        place.verify(NAME)


def test_sweep(tmp_path: Path) -> None:
    """What no run holds is removed; a bundle under construction, a busy name and foreign files are let be."""
    place = FolderDestination(str(tmp_path))
    held = BundleWriter(tmp_path, "recording-" + "1" * 16)
    for digit in "23":
        (tmp_path / f"recording-{digit * 16}.offrecord.partial").mkdir()
    (tmp_path / f"recording-{'4' * 16}.offrecord.removed").mkdir()
    (tmp_path / "mine.partial").mkdir()
    kept = write_bundle(tmp_path, "recording-" + "5" * 16)
    kept.rename(kept.with_name(kept.name + ".replaced"))
    assert place.sweep(busy=["recording-" + "3" * 16]) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "mine.partial",
        held.partial.name,
        f"recording-{'3' * 16}.offrecord.partial",
        kept.name,
    ]
    place.verify("recording-" + "5" * 16)
    held.discard()


def test_places_that_cannot_be(tmp_path: Path) -> None:
    """A file or a dangling link as destination is a usage error."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(UsageError):
            FolderDestination(str(tmp_path / name))
