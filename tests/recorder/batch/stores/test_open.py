"""Recordings and bundles in stores: streamed, listed, published by one object, and no fault taken for an end."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder.batch.contract import DestinationStore, Found
from recorder.batch.stores import lease as claim
from recorder.batch.stores import remote_destination
from recorder.batch.stores import remote_source as remote_sources
from recorder.batch.stores.folder_destination import FolderDestination
from recorder.batch.stores.folder_source import FolderSources
from recorder.batch.stores.lease import Claim
from recorder.batch.stores.open import ListSources, open_destination, open_sources
from recorder.batch.stores.remote import AlreadyThere, Remote
from recorder.batch.stores.remote_destination import RemoteDestination
from recorder.batch.stores.remote_source import RemoteSources
from recorder.media.file import FileSource
from redaction.errors import OffrecordError, RedactionIncomplete, StorageFailed, UnreadableInput, UsageError
from tests.media import frame_number, frames_of, make_clip
from tests.recorder.batch.faulty_s3 import BUCKET, Fault, FaultyS3, faulty_s3
from tests.recorder.batch.made import made_bundle

_LEASE_S = 1.0


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyS3]:
    with faulty_s3() as s3:
        yield s3


@pytest.fixture
def s3(server: FaultyS3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FaultyS3:
    """The server, empty and whole; state goes to a folder of the test."""
    server.heal()
    for path in server.fs.find(BUCKET):
        server.fs.rm_file(path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return server


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds, of several blocks in the tests' size."""
    return make_clip(tmp_path_factory.mktemp("r") / "laura.mkv", seconds=4.0, size=(320, 240)).path


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 4 KiB, so that a small recording has many."""
    monkeypatch.setattr(remote_sources, "BLOCK_BYTES", 1 << 12)


def _remote(url: str) -> Remote:
    return Remote(url, tries=4, first_pause_s=0.01)


def _sources(prefix: str = "in") -> RemoteSources:
    return RemoteSources("", remote=_remote(f"s3://{BUCKET}/{prefix}"))


def _destination(prefix: str = "out", *, lease_s: float = _LEASE_S) -> RemoteDestination:
    return RemoteDestination("", remote=_remote(f"s3://{BUCKET}/{prefix}"), lease_s=lease_s)


def _only(source: RemoteSources) -> Found:
    (found,) = source.list()
    return found


def _objects(s3: FaultyS3, prefix: str = "out") -> set[str]:
    return {path.removeprefix(f"{BUCKET}/{prefix}/") for path in s3.fs.find(f"{BUCKET}/{prefix}")}


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
    found = list(_sources().list())
    assert {item.source for item in found} == {
        f"s3://{BUCKET}/in/a.mp4",
        f"s3://{BUCKET}/in/deep/er/b.MKV",
        f"s3://{BUCKET}/in/strange name #1 ?x=ü.wav",
    }
    for item in found:
        _sources().check_unchanged(item)
        with _sources().open(item, scratch=None).open() as data:
            assert data.read() == item.source.removeprefix(f"s3://{BUCKET}/").encode()
    assert all("laura" not in repr(item) and str(item.size) in repr(item) for item in found)


def test_one_object_and_patterns(s3: FaultyS3) -> None:
    """A single object, or those that match a pattern, are listed; nothing found is an unreadable input."""
    for name in ("a.mp4", "b.mp4", "c.wav", "d.txt"):
        s3.fs.pipe_file(f"{BUCKET}/in/{name}", b"x")
    assert [item.source[-5:] for item in _sources("in/a.mp4").list()] == ["a.mp4"]
    assert sorted(item.source[-5:] for item in _sources("in/*.mp4").list()) == ["a.mp4", "b.mp4"]
    for nothing in ("none", "in/*.mkv", "none/a.mp4"):
        with pytest.raises(UnreadableInput):
            list(_sources(nothing).list())
    with pytest.raises(UnreadableInput):
        list(RemoteSources("", remote=_remote("s3://no-such-bucket/x")).list())


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


def test_ten_thousand_objects(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand objects are listed in seconds and page by page."""
    remote = _remote(f"s3://{BUCKET}/in")
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
    sources = _sources()
    item = _only(sources)
    with sources.open(item, scratch=None) as opener:
        assert (opener.recording, opener.size) == (None, recording.stat().st_size)
        streamed = frames_of(list(FileSource(opener).video("V1")))
    assert [frame_number(frame) for frame in streamed] == list(range(100))
    assert sum(method == "GET" for method, _ in s3.requests) > 5


def test_memory_of_a_handle_is_bounded(s3: FaultyS3, small_blocks: None) -> None:
    """However much is read, a handle holds no more than its few blocks."""
    s3.fs.pipe_file(f"{BUCKET}/in/a.mp4", os.urandom(1 << 17))
    sources = _sources()
    with sources.open(_only(sources), scratch=None).open() as data:
        while data.read(3_000):
            held = data._cache.cache_info()  # type: ignore[attr-defined]
            assert held.currsize <= remote_sources.BLOCKS == held.maxsize


def test_a_scratch_copy(s3: FaultyS3, recording: Path, tmp_path: Path) -> None:
    """With a scratch folder the recording is fetched once into a file that has no name, and reads as well."""
    s3.fs.put_file(str(recording), f"{BUCKET}/in/laura.mkv")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    sources = _sources()
    with sources.open(_only(sources), scratch=scratch) as opener:
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
    sources = _sources()
    item = _only(sources)
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
    sources = _sources()
    item = _only(sources)
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
    sources = _sources()
    item = _only(sources)
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
    sources = _sources()
    sources.delete(_only(sources))
    assert s3.fs.find(f"{BUCKET}/in") == []


def test_publishing_and_reading_back(s3: FaultyS3, tmp_path: Path) -> None:
    """A published bundle is complete, verified, listed, and gone from the machine; the manifest was its last object."""
    bundle = made_bundle(tmp_path / "building", "recording-1")
    files = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    destination = _destination()
    assert destination.publish(bundle, replace=True) == "recording-1.offrecord"
    assert not bundle.exists()
    assert _objects(s3) == {f"recording-1.offrecord/{name}" for name in files}
    puts = [path for method, path in s3.requests if method == "PUT" and "recording-1.offrecord" in path]
    assert puts[-1].endswith("manifest.json")
    assert sum(path.endswith("manifest.json") for path in puts) == 1
    assert list(destination.names()) == ["recording-1"]
    assert destination.verify("recording-1").files.keys() == files - {"manifest.json"}
    assert not list((destination.state / "verifying").iterdir())


def test_a_bundle_that_stands_stays(s3: FaultyS3, tmp_path: Path) -> None:
    """Without leave to replace, the bundle that is there stays; with it, the new one takes its place, whole."""
    destination = _destination()
    destination.publish(
        made_bundle(tmp_path, "recording-1", words="old", extra="tracks/p02.mp4"), replace=True
    )
    destination.publish(made_bundle(tmp_path, "recording-1", words="new"), replace=False)
    assert s3.fs.cat_file(f"{BUCKET}/out/recording-1.offrecord/transcript.vtt") == b"old"
    destination.publish(made_bundle(tmp_path, "recording-1", words="new"), replace=True)
    assert s3.fs.cat_file(f"{BUCKET}/out/recording-1.offrecord/transcript.vtt") == b"new"
    destination.verify("recording-1")


def test_an_altered_bundle_is_not_sent(s3: FaultyS3, tmp_path: Path) -> None:
    """What was altered after its verification is not published."""
    bundle = made_bundle(tmp_path, "recording-1")
    (bundle / "transcript.vtt").write_text("something else")
    with pytest.raises(RedactionIncomplete):
        _destination().publish(bundle, replace=True)
    assert _objects(s3) == set()


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.SILENT, Fault.RESET, Fault.LOST, Fault.HALF_SENT])
def test_uploads_through_faults_that_pass(s3: FaultyS3, tmp_path: Path, fault: Fault) -> None:
    """Every first upload of an object fails once; the bundle is published whole all the same."""
    s3.choose = lambda request: (
        fault if request.method == "PUT" and request.number == 1 and "/recording" in request.path else None
    )
    destination = _destination()
    destination.publish(made_bundle(tmp_path, "recording-1"), replace=True)
    assert s3.seen[fault] >= 5
    s3.heal()
    destination.verify("recording-1")


@pytest.mark.parametrize("last", ["transcript.vtt", "manifest.json", "log.jsonl"])
@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.RESET])
def test_uploads_through_faults_that_stay(s3: FaultyS3, tmp_path: Path, fault: Fault, last: str) -> None:
    """A store that refuses one object has no bundle afterwards, neither half nor whole, and the reason is told."""
    s3.choose = lambda request: fault if request.method == "PUT" and request.path.endswith(last) else None
    destination = _destination()
    with pytest.raises(StorageFailed) as error:
        destination.publish(made_bundle(tmp_path, "recording-1"), replace=True)
    assert BUCKET not in error.value.sentence
    s3.heal()
    assert _objects(s3) == set()
    assert list(destination.names()) == []


def test_a_store_that_holds_something_else(
    s3: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the store holds is compared with what was sent, by MD5 or, where an ETag is none, by reading it back."""

    def altered(self: RemoteDestination, file: Path, target: str, sent: object) -> None:
        data = file.read_bytes()
        s3.fs.pipe_file(target, data[:-1] + bytes([data[-1] ^ 1]))

    monkeypatch.setattr(RemoteDestination, "_put", altered)
    with pytest.raises(StorageFailed, match="not what was sent"):
        _destination().publish(made_bundle(tmp_path, "recording-1"), replace=True)
    assert _objects(s3) == set()


def test_large_files_go_up_in_parts(s3: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file larger than two parts is sent in parts and read back, as its ETag is no MD5."""
    monkeypatch.setattr(remote_destination, "_PART_BYTES", 5 << 20)
    bundle = made_bundle(tmp_path, "recording-1", words=os.urandom(6 << 20).hex())
    destination = _destination()
    moves: list[int] = []
    destination.publish(bundle, replace=True, moved=moves.append)
    assert len(moves) >= 7, "each part and each file is a sign of life"
    assert moves == sorted(set(moves))
    assert any("uploadId" in path for method, path in s3.requests if method == "PUT")
    assert any(path.endswith("transcript.vtt") for method, path in s3.requests if method == "GET")
    destination.verify("recording-1")


def test_an_interrupted_upload_is_cleaned_up(s3: FaultyS3, tmp_path: Path) -> None:
    """What a killed upload left, its parts included, is no bundle, and is gone after the next run's sweep."""
    for name in ("recording-1.offrecord/recording.mp4", "recording-2.offrecord/recording.mp4", "mine/x.mp4"):
        s3.fs.pipe_file(f"{BUCKET}/out/{name}", b"left")
    begun = s3.fs.call_s3("create_multipart_upload", Bucket=BUCKET, Key="out/recording-1.offrecord/b.mp4")
    other = s3.fs.call_s3("create_multipart_upload", Bucket=BUCKET, Key="elsewhere/b.mp4")
    destination = _destination()
    building = destination.workplace() / "recording-1.offrecord.partial"
    building.mkdir(parents=True)
    assert list(destination.names()) == []
    assert destination.sweep(busy=["recording-2"]) == 2
    assert _objects(s3) == {"recording-2.offrecord/recording.mp4", "mine/x.mp4"}
    assert not building.exists()
    open_uploads = {upload["UploadId"] for upload in s3.fs.list_multipart_uploads(BUCKET)}
    assert open_uploads == {other["UploadId"]}
    assert begun["UploadId"] not in open_uploads


def test_dead_claims_and_signs_of_life_are_swept(s3: FaultyS3, tmp_path: Path) -> None:
    """What dead publishers left of their claims is no bundle and is removed, but a claim that may live is let be."""
    holder = Claim(_remote(f"s3://{BUCKET}/out"), f"{BUCKET}/out/.offrecord-batch/claims/recording-3")
    dead = f"{'a' * 32} {claim._machine().decode()} {os.getpid()} 1".encode()
    left = {
        "recording-1": dead,
        f"recording-1.{'a' * 32}": b"7",
        f"recording-2.{'b' * 32}": b"7",
        f"recording-4.{'c' * 32}": b"7",
        "recording-4": f"{'c' * 32} elsewhere 1 1".encode(),
    }
    for name, says in left.items():
        s3.fs.pipe_file(f"{BUCKET}/out/.offrecord-batch/claims/{name}", says)
    destination = _destination()
    destination.publish(made_bundle(tmp_path, "recording-1"), replace=True)
    s3.fs.pipe_file(f"{BUCKET}/out/.offrecord-batch/claims/recording-1", dead)
    with holder:
        assert list(destination.names()) == ["recording-1"]
        assert destination.sweep(busy=[]) == 0
        assert {name for name in _objects(s3) if "claims" in name} == {
            ".offrecord-batch/claims/recording-3",
            ".offrecord-batch/claims/recording-4",
            f".offrecord-batch/claims/recording-4.{'c' * 32}",
        }
    destination.verify("recording-1")


def test_a_whole_bundle_is_not_swept(s3: FaultyS3, tmp_path: Path) -> None:
    """A sweep leaves published bundles and what somebody is publishing."""
    destination = _destination()
    destination.publish(made_bundle(tmp_path, "recording-1"), replace=True)
    s3.fs.pipe_file(f"{BUCKET}/out/recording-2.offrecord/recording.mp4", b"coming")
    with Claim(_remote(f"s3://{BUCKET}/out"), f"{BUCKET}/out/.offrecord-batch/claims/recording-2"):
        before = time.monotonic()
        assert destination.sweep(busy=[]) == 0
        assert time.monotonic() - before < _LEASE_S
    destination.verify("recording-1")
    assert "recording-2.offrecord/recording.mp4" in _objects(s3)


def test_deleting_a_bundle(s3: FaultyS3, tmp_path: Path) -> None:
    """A bundle loses its manifest first, so that it is no bundle at any moment; deleting none is no error."""
    destination = _destination()
    destination.publish(made_bundle(tmp_path, "recording-1"), replace=True)
    s3.heal()
    destination.delete("recording-1")
    destination.delete("recording-1")
    deleted = [path for method, path in s3.requests if method == "DELETE" and "recording-1.off" in path]
    assert deleted[0].endswith("manifest.json")
    assert _objects(s3) == set()
    with pytest.raises(UnreadableInput):
        destination.manifest("recording-1")


def test_a_damaged_bundle_is_told(s3: FaultyS3, tmp_path: Path) -> None:
    """Verifying finds a file that was altered at the store, and a manifest that is none."""
    destination = _destination()
    destination.publish(made_bundle(tmp_path, "recording-1"), replace=True)
    s3.fs.pipe_file(f"{BUCKET}/out/recording-1.offrecord/transcript.vtt", b"altered")
    with pytest.raises(RedactionIncomplete):
        destination.verify("recording-1")
    s3.fs.pipe_file(f"{BUCKET}/out/recording-1.offrecord/manifest.json", b"{}")
    with pytest.raises(UnreadableInput):
        destination.manifest("recording-1")


def test_one_key_for_all(s3: FaultyS3) -> None:
    """Jobs that begin at once agree on one key, even when the store's answer is lost."""
    s3.choose = lambda request: (
        Fault.LOST
        if request.method == "PUT" and request.path.endswith("key") and request.number == 1
        else None
    )
    keys: list[bytes] = []
    jobs = [threading.Thread(target=lambda: keys.append(_destination().key())) for _ in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert len(keys) == 4
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32


def test_one_publisher_at_a_time(s3: FaultyS3, tmp_path: Path) -> None:
    """Two jobs that publish the same bundle at once leave one whole bundle, not a mixture."""
    bundles = [made_bundle(tmp_path / str(n), "recording-1", words=f"of {n}") for n in range(3)]
    failures: list[OffrecordError] = []

    def publish(bundle: Path) -> None:
        try:
            _destination(lease_s=10).publish(bundle, replace=True)  # the last one waits for two others
        except OffrecordError as error:
            failures.append(error)

    jobs = [threading.Thread(target=publish, args=(bundle,)) for bundle in bundles]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert failures == []
    _destination().verify("recording-1")
    assert [name for name in _objects(s3) if "claims" in name] == []


def test_a_dead_publisher_s_claim_lapses(s3: FaultyS3, tmp_path: Path) -> None:
    """The claim of a process that was killed holds nobody up for longer than a lease."""
    s3.fs.pipe_file(f"{BUCKET}/out/.offrecord-batch/claims/recording-1", b"somebody 3")
    began = time.monotonic()
    _destination().publish(made_bundle(tmp_path, "recording-1"), replace=True)
    assert _LEASE_S <= time.monotonic() - began < 4 * _LEASE_S
    _destination().verify("recording-1")


def test_a_claim_of_a_dead_process_here_ends_at_once(s3: FaultyS3, tmp_path: Path) -> None:
    """The claim of a process that was killed on this machine is taken over without waiting; a living one's is not."""
    remote, path = _remote(f"s3://{BUCKET}/out"), f"{BUCKET}/out/.offrecord-batch/claims/recording-1"
    program = (
        "import os, sys\n"
        "from recorder.batch.stores.lease import Claim\n"
        "from recorder.batch.stores.remote import Remote\n"
        "Claim(Remote(sys.argv[1]), sys.argv[2]).__enter__()\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, f"s3://{BUCKET}/out", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(StorageFailed), Claim(remote, path, lease_s=60, wait=False):
        pass
    holder.kill()
    holder.communicate()
    began = time.monotonic()
    with Claim(remote, path, lease_s=60):
        assert time.monotonic() - began < 10


def test_a_claim_that_is_renewed_holds(s3: FaultyS3) -> None:
    """A publisher that lives keeps its claim past the lease; one that lost it publishes and overwrites nothing."""
    remote, path = _remote(f"s3://{BUCKET}/out"), f"{BUCKET}/out/c"
    lease = 2.0
    with Claim(remote, path, lease_s=lease) as holder:
        with (
            pytest.raises(StorageFailed, match="Another job is publishing"),
            Claim(remote, path, lease_s=lease),
        ):
            pass
        holder.check()
        s3.fs.pipe_file(path, b"another")
        with pytest.raises(StorageFailed, match="took this bundle over"):
            holder.check()
        time.sleep(lease)  # several renewals
        assert s3.fs.cat_file(path) == b"another"
    assert s3.fs.cat_file(path) == b"another"
    assert _objects(s3) == {"c"}, "its sign of life went with it"


def test_a_claim_lost_while_sending(s3: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lost its claim while it sent files puts no manifest."""
    put = RemoteDestination._put

    def stolen(self: RemoteDestination, file: Path, target: str, sent: Any) -> None:
        put(self, file, target, sent)
        s3.fs.pipe_file(f"{BUCKET}/out/.offrecord-batch/claims/recording-1", b"another")

    monkeypatch.setattr(RemoteDestination, "_put", stolen)
    with pytest.raises(StorageFailed, match="took this bundle over"):
        _destination().publish(made_bundle(tmp_path, "recording-1"), replace=True)
    assert list(_destination().names()) == []


def test_no_permission_and_no_bucket(s3: FaultyS3, tmp_path: Path) -> None:
    """A destination that is not there is told apart from a source that is not, at once and without its name."""
    nowhere = RemoteDestination("", remote=_remote("s3://no-such-bucket-of-laura/out"), lease_s=_LEASE_S)
    began = time.monotonic()
    actions: list[Callable[[DestinationStore], object]] = [
        lambda store: store.key(),
        lambda store: list(store.names()),
        lambda store: store.publish(made_bundle(tmp_path, "recording-1"), replace=True),
    ]
    for action in actions:
        with pytest.raises(StorageFailed) as error:
            action(nowhere)
        assert "laura" not in error.value.sentence
    assert time.monotonic() - began < 5


def test_nothing_is_logged(
    s3: FaultyS3, recording: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither addresses nor keys reach a log of ours or of the libraries at the levels that are shown."""
    caplog.set_level(logging.INFO)
    s3.fs.put_file(str(recording), f"{BUCKET}/in/laura.mkv")
    s3.choose = lambda request: Fault.BUSY if request.number == 1 and request.method != "HEAD" else None
    sources, destination = _sources(), _destination()
    with sources.open(_only(sources), scratch=None) as opener:
        FileSource(opener).info()
    destination.publish(made_bundle(tmp_path, "recording-1"), replace=True)
    ours = [
        record.getMessage() for record in caplog.records if record.name.split(".")[0] not in ("werkzeug",)
    ]
    text = "\n".join(ours)
    assert "laura" not in text
    assert "planted" not in text


def test_the_lease_outlasts_a_failing_store() -> None:
    """The lease is longer than a renewal may take with all its tries."""
    assert 1.5 * sum(0.4 * 2**again for again in range(4)) < claim.LEASE_S / 4


def test_an_object_is_replaced_only_as_it_was_seen(s3: FaultyS3) -> None:
    """A conditional write puts its data in place of the version it names, and of no other, nor of nothing."""
    remote = _remote(f"s3://{BUCKET}/replaced")
    path = remote.below("claim")
    remote.write(path, b"first")
    seen = remote.version(path)
    assert seen
    remote.replace(path, b"second", version=seen)
    assert remote.read(path, most=99) == b"second"
    with pytest.raises(AlreadyThere):
        remote.replace(path, b"third", version=seen)
    assert remote.read(path, most=99) == b"second"
    now = remote.version(path)
    remote.remove(path)
    with pytest.raises(AlreadyThere):
        remote.replace(path, b"fourth", version=now)
    assert _objects(s3, "replaced") == set()
