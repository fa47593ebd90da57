"""Recordings and bundles in stores: streamed, listed, published by one object, and no fault taken for an end."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from recorder.batch.stores.folder_destination import FolderDestination
from recorder.batch.stores.folder_source import FolderSources
from recorder.batch.stores.open import ListSources, open_destination, open_sources
from recorder.batch.stores.remote_destination import RemoteDestination
from recorder.batch.stores.remote_source import RemoteSources
from recorder.media.file import FileSource
from redaction.errors import UnreadableInput, UsageError
from tests.recorder.batch.faulty_s3 import BUCKET, Fault, FaultyS3
from tests.recorder.batch.made import made_bundle
from tests.recorder.batch.stores.remote_stores import destination_in, only_found, sources_in


def test_kinds_of_stores(tmp_path: Path) -> None:
    """A text's scheme picks the store; without one it is a local place."""
    assert isinstance(open_sources(str(tmp_path)), FolderSources)
    assert isinstance(open_sources(f"file://{tmp_path}"), FolderSources)
    assert isinstance(open_sources(str(tmp_path / "calls.txt")), ListSources)
    assert isinstance(open_sources("s3://bucket/prefix"), RemoteSources)
    assert isinstance(open_destination(str(tmp_path)), FolderDestination)
    assert isinstance(open_destination("s3://bucket/prefix"), RemoteDestination)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nothing://laura/x", "no storage of the kind nothing"),
        ("sftp://laura:hunter2@host/x", "holds a password"),
        ("zip://laura.mp4::s3://bucket/a.zip", "Chained"),
        ("s3://", "names a store and no place"),
        ("file://laura/x", "absolute path"),
    ],
)
def test_urls_that_are_refused(url: str, says: str) -> None:
    """A URL that cannot be used is a usage error that repeats nothing of it but the scheme."""
    with pytest.raises(UsageError, match=says) as error:
        open_sources(url)
    assert "laura" not in error.value.sentence
    assert "hunter2" not in error.value.sentence


def test_destinations_that_cannot_be_written() -> None:
    """A web address is no destination."""
    with pytest.raises(UsageError, match="only be read"):
        open_destination("https://host/x")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package of a store the sentence says which extra brings it."""
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(UsageError, match=r"pip install 'offrecord\[s3\]'"):
        open_sources("s3://bucket/prefix")


def test_a_list_of_urls_and_paths(s3: FaultyS3, tmp_path: Path) -> None:
    """A list file may hold URLs and paths side by side; each is listed once, and what is missing shows later."""
    (tmp_path / "here.mp4").write_bytes(b"xy")
    s3.fs.pipe_file(f"{BUCKET}/in/a.mp4", b"x")
    names = tmp_path / "calls.txt"
    names.write_text(
        f"# calls\nhere.mp4\n\ns3://{BUCKET}/in/a.mp4\ns3://{BUCKET}/in/gone.mp4\n{tmp_path}/here.mp4\n"
    )
    sources = open_sources(str(names))
    found = {item.source: item for item in sources.list()}
    assert {source: item.size for source, item in found.items()} == {
        f"{tmp_path}/here.mp4": 2,
        f"s3://{BUCKET}/in/a.mp4": 1,
        f"s3://{BUCKET}/in/gone.mp4": 0,
    }
    with pytest.raises(UnreadableInput):
        sources.open(found[f"s3://{BUCKET}/in/gone.mp4"], scratch=None)
    sources.delete(found[f"s3://{BUCKET}/in/a.mp4"])
    assert s3.fs.find(f"{BUCKET}/in") == []


def test_nothing_is_logged(
    s3: FaultyS3, recording: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither addresses nor keys reach a log of ours or of the libraries at the levels that are shown."""
    caplog.set_level(logging.INFO)
    s3.fs.put_file(str(recording), f"{BUCKET}/in/laura.mkv")
    s3.choose = lambda request: Fault.BUSY if request.number == 1 and request.method != "HEAD" else None
    sources, destination = sources_in(), destination_in()
    with sources.open(only_found(sources), scratch=None) as opener:
        FileSource(opener).info()
    destination.publish(made_bundle(tmp_path, "recording-1"), replace=True)
    ours = [
        record.getMessage() for record in caplog.records if record.name.split(".")[0] not in ("werkzeug",)
    ]
    text = "\n".join(ours)
    assert "laura" not in text
    assert "planted" not in text
