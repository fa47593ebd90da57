"""Bundles in a store: published by one object, swept, deleted, and whole through every fault."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.batch.contract import DestinationStore
from recorder.batch.stores import lease as claim
from recorder.batch.stores import remote_destination
from recorder.batch.stores.lease import Claim
from recorder.batch.stores.remote import AlreadyThere
from recorder.batch.stores.remote_destination import RemoteDestination
from redaction.errors import OffrecordError, RedactionIncomplete, StorageFailed, UnreadableInput
from tests.recorder.batch.faulty_s3 import BUCKET, Fault, FaultyS3
from tests.recorder.batch.made import made_bundle
from tests.recorder.batch.stores.remote_stores import LEASE_S, destination_in, objects_in, remote_at


def test_publishing_and_reading_back(s3: FaultyS3, tmp_path: Path) -> None:
    """A published bundle is complete, verified, listed, and gone from the machine; the manifest was its last object."""
    bundle = made_bundle(tmp_path / "building", "recording-1")
    files = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    destination = destination_in()
    assert destination.publish(bundle, replace=True) == "recording-1.offrecord"
    assert not bundle.exists()
    assert objects_in(s3) == {f"recording-1.offrecord/{name}" for name in files}
    puts = [path for method, path in s3.requests if method == "PUT" and "recording-1.offrecord" in path]
    assert puts[-1].endswith("manifest.json")
    assert sum(path.endswith("manifest.json") for path in puts) == 1
    assert list(destination.names()) == ["recording-1"]
    assert destination.verify("recording-1").files.keys() == files - {"manifest.json"}
    assert not list((destination.state / "verifying").iterdir())


def test_a_bundle_that_stands_stays(s3: FaultyS3, tmp_path: Path) -> None:
    """Without leave to replace, the bundle that is there stays; with it, the new one takes its place, whole."""
    destination = destination_in()
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
        destination_in().publish(bundle, replace=True)
    assert objects_in(s3) == set()


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.SILENT, Fault.RESET, Fault.LOST, Fault.HALF_SENT])
def test_uploads_through_faults_that_pass(s3: FaultyS3, tmp_path: Path, fault: Fault) -> None:
    """Every first upload of an object fails once; the bundle is published whole all the same."""
    s3.choose = lambda request: (
        fault if request.method == "PUT" and request.number == 1 and "/recording" in request.path else None
    )
    destination = destination_in()
    destination.publish(made_bundle(tmp_path, "recording-1"), replace=True)
    assert s3.seen[fault] >= 5
    s3.heal()
    destination.verify("recording-1")


@pytest.mark.parametrize("last", ["transcript.vtt", "manifest.json", "log.jsonl"])
@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.RESET])
def test_uploads_through_faults_that_stay(s3: FaultyS3, tmp_path: Path, fault: Fault, last: str) -> None:
    """A store that refuses one object has no bundle afterwards, neither half nor whole, and the reason is told."""
    s3.choose = lambda request: fault if request.method == "PUT" and request.path.endswith(last) else None
    destination = destination_in()
    with pytest.raises(StorageFailed) as error:
        destination.publish(made_bundle(tmp_path, "recording-1"), replace=True)
    assert BUCKET not in error.value.sentence
    s3.heal()
    assert objects_in(s3) == set()
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
        destination_in().publish(made_bundle(tmp_path, "recording-1"), replace=True)
    assert objects_in(s3) == set()


def test_large_files_go_up_in_parts(s3: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file larger than two parts is sent in parts and read back, as its ETag is no MD5."""
    monkeypatch.setattr(remote_destination, "_PART_BYTES", 5 << 20)
    bundle = made_bundle(tmp_path, "recording-1", words=os.urandom(6 << 20).hex())
    destination = destination_in()
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
    destination = destination_in()
    building = destination.workplace() / "recording-1.offrecord.partial"
    building.mkdir(parents=True)
    assert list(destination.names()) == []
    assert destination.sweep(busy=["recording-2"]) == 2
    assert objects_in(s3) == {"recording-2.offrecord/recording.mp4", "mine/x.mp4"}
    assert not building.exists()
    open_uploads = {upload["UploadId"] for upload in s3.fs.list_multipart_uploads(BUCKET)}
    assert open_uploads == {other["UploadId"]}
    assert begun["UploadId"] not in open_uploads


def test_dead_claims_and_signs_of_life_are_swept(s3: FaultyS3, tmp_path: Path) -> None:
    """What dead publishers left of their claims is no bundle and is removed, but a claim that may live is let be."""
    holder = Claim(remote_at(f"s3://{BUCKET}/out"), f"{BUCKET}/out/.offrecord-batch/claims/recording-3")
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
    destination = destination_in()
    destination.publish(made_bundle(tmp_path, "recording-1"), replace=True)
    s3.fs.pipe_file(f"{BUCKET}/out/.offrecord-batch/claims/recording-1", dead)
    with holder:
        assert list(destination.names()) == ["recording-1"]
        assert destination.sweep(busy=[]) == 0
        assert {name for name in objects_in(s3) if "claims" in name} == {
            ".offrecord-batch/claims/recording-3",
            ".offrecord-batch/claims/recording-4",
            f".offrecord-batch/claims/recording-4.{'c' * 32}",
        }
    destination.verify("recording-1")


def test_a_whole_bundle_is_not_swept(s3: FaultyS3, tmp_path: Path) -> None:
    """A sweep leaves published bundles and what somebody is publishing."""
    destination = destination_in()
    destination.publish(made_bundle(tmp_path, "recording-1"), replace=True)
    s3.fs.pipe_file(f"{BUCKET}/out/recording-2.offrecord/recording.mp4", b"coming")
    with Claim(remote_at(f"s3://{BUCKET}/out"), f"{BUCKET}/out/.offrecord-batch/claims/recording-2"):
        before = time.monotonic()
        assert destination.sweep(busy=[]) == 0
        assert time.monotonic() - before < LEASE_S
    destination.verify("recording-1")
    assert "recording-2.offrecord/recording.mp4" in objects_in(s3)


def test_deleting_a_bundle(s3: FaultyS3, tmp_path: Path) -> None:
    """A bundle loses its manifest first, so that it is no bundle at any moment; deleting none is no error."""
    destination = destination_in()
    destination.publish(made_bundle(tmp_path, "recording-1"), replace=True)
    s3.heal()
    destination.delete("recording-1")
    destination.delete("recording-1")
    deleted = [path for method, path in s3.requests if method == "DELETE" and "recording-1.off" in path]
    assert deleted[0].endswith("manifest.json")
    assert objects_in(s3) == set()
    with pytest.raises(UnreadableInput):
        destination.manifest("recording-1")


def test_a_damaged_bundle_is_told(s3: FaultyS3, tmp_path: Path) -> None:
    """Verifying finds a file that was altered at the store, and a manifest that is none."""
    destination = destination_in()
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
    jobs = [threading.Thread(target=lambda: keys.append(destination_in().key())) for _ in range(4)]
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
            destination_in(lease_s=10).publish(bundle, replace=True)  # the last one waits for two others
        except OffrecordError as error:
            failures.append(error)

    jobs = [threading.Thread(target=publish, args=(bundle,)) for bundle in bundles]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert failures == []
    destination_in().verify("recording-1")
    assert [name for name in objects_in(s3) if "claims" in name] == []


def test_a_dead_publisher_s_claim_lapses(s3: FaultyS3, tmp_path: Path) -> None:
    """The claim of a process that was killed holds nobody up for longer than a lease."""
    s3.fs.pipe_file(f"{BUCKET}/out/.offrecord-batch/claims/recording-1", b"somebody 3")
    began = time.monotonic()
    destination_in().publish(made_bundle(tmp_path, "recording-1"), replace=True)
    assert LEASE_S <= time.monotonic() - began < 4 * LEASE_S
    destination_in().verify("recording-1")


def test_a_claim_of_a_dead_process_here_ends_at_once(s3: FaultyS3, tmp_path: Path) -> None:
    """The claim of a process that was killed on this machine is taken over without waiting; a living one's is not."""
    remote, path = remote_at(f"s3://{BUCKET}/out"), f"{BUCKET}/out/.offrecord-batch/claims/recording-1"
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
    remote, path = remote_at(f"s3://{BUCKET}/out"), f"{BUCKET}/out/c"
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
    assert objects_in(s3) == {"c"}, "its sign of life went with it"


def test_a_claim_lost_while_sending(s3: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lost its claim while it sent files puts no manifest."""
    put = RemoteDestination._put

    def stolen(self: RemoteDestination, file: Path, target: str, sent: Any) -> None:
        put(self, file, target, sent)
        s3.fs.pipe_file(f"{BUCKET}/out/.offrecord-batch/claims/recording-1", b"another")

    monkeypatch.setattr(RemoteDestination, "_put", stolen)
    with pytest.raises(StorageFailed, match="took this bundle over"):
        destination_in().publish(made_bundle(tmp_path, "recording-1"), replace=True)
    assert list(destination_in().names()) == []


def test_no_permission_and_no_bucket(s3: FaultyS3, tmp_path: Path) -> None:
    """A destination that is not there is told apart from a source that is not, at once and without its name."""
    nowhere = RemoteDestination("", remote=remote_at("s3://no-such-bucket-of-laura/out"), lease_s=LEASE_S)
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


def test_the_lease_outlasts_a_failing_store() -> None:
    """The lease is longer than a renewal may take with all its tries."""
    assert 1.5 * sum(0.4 * 2**again for again in range(4)) < claim.LEASE_S / 4


def test_an_object_is_replaced_only_as_it_was_seen(s3: FaultyS3) -> None:
    """A conditional write puts its data in place of the version it names, and of no other, nor of nothing."""
    remote = remote_at(f"s3://{BUCKET}/replaced")
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
    assert objects_in(s3, "replaced") == set()
