"""Plain folders: what is listed, what is published, and what is swept."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.batch.folder_sources import FolderSources
from recorder.batch.folders import FolderDestination
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
