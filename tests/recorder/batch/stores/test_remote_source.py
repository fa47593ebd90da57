"""Recordings in a store: listed, streamed, and no fault taken for an end."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from recorder.batch.stores import remote_source as remote_sources
from recorder.batch.stores.remote_source import RemoteSources
from recorder.media.file import FileSource
from redaction.errors import StorageFailed, UnreadableInput
from tests.media import frame_number, frames_of
from tests.recorder.batch.faulty_s3 import BUCKET, Fault, FaultyS3
from tests.recorder.batch.stores.remote_stores import only_found, remote_at, sources_in


def test_a_prefix_is_listed(s3: FaultyS3) -> None:
    """All recordings below a prefix are found once, with size and version; bundles and hidden things are not."""
    for key in (
        "in/a.mp4",
        "in/deep/er/b.MKV",
        "in/notes.txt",
        "in/.hidden/c.mp4",
        "in/recording-1.offrecord/recording.mp4",
        "in/strange name #1 ?x=ü.wav",
        "input/d.mp4",
    ):
        s3.fs.pipe_file(f"{BUCKET}/{key}", key.encode())
    found = list(sources_in().list())
    assert {item.source for item in found} == {
        f"s3://{BUCKET}/in/a.mp4",
        f"s3://{BUCKET}/in/deep/er/b.MKV",
        f"s3://{BUCKET}/in/strange name #1 ?x=ü.wav",
    }
    for item in found:
        sources_in().check_unchanged(item)
        with sources_in().open(item, scratch=None).open() as data:
            assert data.read() == item.source.removeprefix(f"s3://{BUCKET}/").encode()
    assert all("laura" not in repr(item) and str(item.size) in repr(item) for item in found)


def test_one_object_and_patterns(s3: FaultyS3) -> None:
    """A single object, or those that match a pattern, are listed; nothing found is an unreadable input."""
    for name in ("a.mp4", "b.mp4", "c.wav", "d.txt"):
        s3.fs.pipe_file(f"{BUCKET}/in/{name}", b"x")
    assert [item.source[-5:] for item in sources_in("in/a.mp4").list()] == ["a.mp4"]
    assert sorted(item.source[-5:] for item in sources_in("in/*.mp4").list()) == ["a.mp4", "b.mp4"]
    for nothing in ("none", "in/*.mkv", "none/a.mp4"):
        with pytest.raises(UnreadableInput):
            list(sources_in(nothing).list())
    with pytest.raises(UnreadableInput):
        list(RemoteSources("", remote=remote_at("s3://no-such-bucket/x")).list())


def test_ten_thousand_objects(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand objects are listed in seconds and page by page."""
    remote = remote_at(f"s3://{BUCKET}/in")
    asked: list[dict[str, str]] = []

    def page(_method: str, **query: str) -> dict[str, Any]:
        asked.append(query)
        start = int(query.get("ContinuationToken", 0))
        entries = [
            {"Key": f"in/{n:05}.mp4", "Size": n, "ETag": f'"{n}"', "LastModified": None}
            for n in range(start, start + 1000)
        ]
        more = start + 1000 < 10_000
        return {"Contents": entries, "IsTruncated": more, "NextContinuationToken": str(start + 1000)}

    monkeypatch.setattr(remote.fs, "call_s3", page, raising=False)
    began = time.perf_counter()
    listing = RemoteSources("", remote=remote).list()
    assert next(listing).source.endswith("00000.mp4")
    assert len(asked) == 1
    assert len({item.source for item in listing}) == 9_999
    assert len(asked) == 10
    assert time.perf_counter() - began < 5


def test_streaming_a_recording(s3: FaultyS3, recording: Path, small_blocks: None) -> None:
    """A streamed recording decodes as the file does, in several reads, and leaves no file anywhere."""
    s3.fs.put_file(str(recording), f"{BUCKET}/in/laura.mkv")
    sources = sources_in()
    item = only_found(sources)
    with sources.open(item, scratch=None) as opener:
        assert (opener.recording, opener.size) == (None, recording.stat().st_size)
        streamed = frames_of(list(FileSource(opener).video("V1")))
    assert [frame_number(frame) for frame in streamed] == list(range(100))
    assert sum(method == "GET" for method, _ in s3.requests) > 5


def test_memory_of_a_handle_is_bounded(s3: FaultyS3, small_blocks: None) -> None:
    """However much is read, a handle holds no more than its few blocks."""
    s3.fs.pipe_file(f"{BUCKET}/in/a.mp4", os.urandom(1 << 17))
    sources = sources_in()
    with sources.open(only_found(sources), scratch=None).open() as data:
        while data.read(3_000):
            held = data._cache.cache_info()  # type: ignore[attr-defined]
            assert held.currsize <= remote_sources.BLOCKS == held.maxsize


def test_a_scratch_copy(s3: FaultyS3, recording: Path, tmp_path: Path) -> None:
    """With a scratch folder the recording is fetched once into a file that has no name, and reads as well."""
    s3.fs.put_file(str(recording), f"{BUCKET}/in/laura.mkv")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    sources = sources_in()
    with sources.open(only_found(sources), scratch=scratch) as opener:
        assert list(scratch.iterdir()) == []
        fetched = sum(method == "GET" for method, _ in s3.requests)
        assert len(frames_of(list(FileSource(opener).video("V1")))) == 100
        assert len(frames_of(list(FileSource(opener).video("V1")))) == 100
        assert sum(method == "GET" for method, _ in s3.requests) == fetched
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.SILENT, Fault.RESET, Fault.CUT, Fault.SHORT])
def test_faults_that_pass(s3: FaultyS3, recording: Path, small_blocks: None, fault: Fault) -> None:
    """A store that fails once on the way is read to its end by trying again."""
    s3.fs.put_file(str(recording), f"{BUCKET}/in/laura.mkv")
    sources = sources_in()
    item = only_found(sources)
    reads = iter(range(1_000))
    s3.choose = lambda request: fault if request.is_data and next(reads) in (1, 4) else None
    with sources.open(item, scratch=None) as opener:
        frames = frames_of(list(FileSource(opener).video("V1")))
    assert [frame_number(frame) for frame in frames] == list(range(100))
    assert s3.seen[fault] == 2


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.SILENT, Fault.RESET, Fault.CUT, Fault.SHORT])
def test_faults_that_stay(s3: FaultyS3, recording: Path, small_blocks: None, fault: Fault) -> None:
    """A store that goes on failing is a storage failure after a bounded time, never a shorter recording."""
    s3.fs.put_file(str(recording), f"{BUCKET}/in/laura.mkv")
    sources = sources_in()
    item = only_found(sources)
    with sources.open(item, scratch=None) as opener:
        source = FileSource(opener)
        source.info()
        reads = iter(range(1_000))
        s3.choose = lambda request: fault if request.is_data and next(reads) >= 3 else None
        with pytest.raises(StorageFailed) as error:
            list(source.video("V1"))
    assert 4 <= s3.seen[fault] <= 8  # a connection that closes is opened anew once within a try
    assert "laura" not in error.value.sentence
    assert BUCKET not in error.value.sentence


def test_a_recording_replaced_on_the_way(s3: FaultyS3, recording: Path, small_blocks: None) -> None:
    """An object that is replaced while it is read gives no mixture, but an error; so does one that is gone."""
    s3.fs.put_file(str(recording), f"{BUCKET}/in/laura.mkv")
    sources = sources_in()
    item = only_found(sources)
    with sources.open(item, scratch=None) as opener:
        reading = FileSource(opener).video("V1")
        next(reading)
        data = recording.read_bytes()
        s3.fs.pipe_file(f"{BUCKET}/in/laura.mkv", data[:-1] + b"!")
        with pytest.raises(UnreadableInput, match="changed since it was listed"):
            list(reading)
    for action in (sources.check_unchanged, sources.delete, lambda item: sources.open(item, scratch=None)):
        with pytest.raises(UnreadableInput, match="changed since it was listed"):
            action(item)
    s3.fs.rm_file(f"{BUCKET}/in/laura.mkv")
    with pytest.raises(UnreadableInput, match="gone from its store"):
        sources.check_unchanged(item)


def test_deleting_a_source(s3: FaultyS3) -> None:
    """A source is deleted for good when it is the version that was listed."""
    s3.fs.pipe_file(f"{BUCKET}/in/a.mp4", b"x")
    sources = sources_in()
    sources.delete(only_found(sources))
    assert s3.fs.find(f"{BUCKET}/in") == []
