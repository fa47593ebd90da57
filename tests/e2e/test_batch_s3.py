"""The real command from an S3 store to an S3 store, through faults, a kill, and its second run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from recorder.batch.stores.remote_destination import RemoteDestination
from tests.cli.running import Place, environment, place_in
from tests.e2e.conftest import needs_models
from tests.e2e.raw import files_with_raw_bytes
from tests.media import make_clip
from tests.recorder.batch.faulty_s3 import BUCKET, Fault, FaultyS3, Request, faulty_s3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_PICTURES, _SOUND, _BROKEN = "anna call.mp4", "berta.wav", "carla.mp4"


@dataclass(frozen=True, slots=True)
class Job:
    """A run's answer."""

    status: int
    document: dict[str, Any]
    err: str


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyS3]:
    """The store with a picture, a sound, and a file that is no recording."""
    needs_models()
    media = tmp_path_factory.mktemp("media")
    make_clip(media / _PICTURES, seconds=2.0, size=(160, 120), audio=None)
    make_clip(media / _SOUND, seconds=2.0, codec=None, audio="pcm_s16le")
    (media / _BROKEN).write_bytes(b"no recording at all" * 1000)
    with faulty_s3() as store:
        for path in media.iterdir():
            store.fs.put_file(str(path), f"{BUCKET}/in/{path.name}")
        yield store


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return place_in(tmp_path)


def _start(s3: FaultyS3, place: Place, out: str, *flags: str) -> subprocess.Popen[str]:
    arguments = [
        f"s3://{BUCKET}/in",
        f"s3://{BUCKET}/{out}",
        "--jobs",
        "1",
        "--threads",
        "1",
        "--json",
        *flags,
    ]
    state = {"XDG_STATE_HOME": str(place.out)}
    return subprocess.Popen(
        [sys.executable, "-m", "recorder.cli", "batch", *arguments],
        env=environment(place, {**s3.environment, **state}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> Job:
    try:
        out, err = process.communicate(timeout=240)
    finally:
        process.kill()
    return Job(process.returncode, json.loads(out) if out.startswith("{") else {}, err)


def _run(s3: FaultyS3, place: Place, out: str, *flags: str) -> Job:
    return _end(_start(s3, place, out, *flags))


def _verified(s3: FaultyS3, place: Place, out: str) -> list[str]:
    """Verify every bundle of a destination in full, and return their names."""
    choose, s3.choose = s3.choose, lambda _request: None
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(place.out)
    try:
        destination = RemoteDestination(f"s3://{BUCKET}/{out}")
        names = sorted(destination.names())
        for name in names:
            destination.verify(name)
    finally:
        s3.choose = choose
        os.environ.pop("XDG_STATE_HOME")
        if before is not None:
            os.environ["XDG_STATE_HOME"] = before
    return names


def _every(count: int, of: Callable[[Request], bool], *faults: Fault) -> Callable[[Request], Fault | None]:
    """Break every so-manyth request of a kind, with the faults in turn."""
    seen = 0

    def choose(request: Request) -> Fault | None:
        nonlocal seen
        if not of(request):
            return None
        seen += 1
        return faults[seen // count % len(faults)] if seen % count == 0 else None

    return choose


def test_through_faults(s3: FaultyS3, place: Place) -> None:
    """Busy answers, timeouts, cut bodies and lost answers on both sides: two bundles, one refusal, nothing raw kept."""
    s3.heal()
    reads = _every(3, lambda request: request.is_data, Fault.CUT, Fault.SHORT, Fault.BUSY, Fault.SILENT)
    writes = _every(4, lambda request: request.method == "PUT", Fault.LOST, Fault.HALF_SENT, Fault.BUSY)
    s3.choose = lambda request: reads(request) or writes(request)
    job = _run(s3, place, "faults")
    assert (job.status, job.document.get("published"), job.document.get("refused")) == (3, 2, 1), job.err
    assert sum(s3.seen.values()) >= 6
    s3.heal()
    names = _verified(s3, place, "faults")
    assert len(names) == 2
    objects = {
        path.removeprefix(f"{BUCKET}/faults/").partition("/")[0] for path in s3.fs.find(f"{BUCKET}/faults")
    }
    assert objects == {*(f"{name}.offrecord" for name in names), ".offrecord-batch"}
    assert place.leftovers() == []
    _holds_no_secret(job, place)
    _no_raw_byte(s3, place)


def _holds_no_secret(job: Job, place: Place) -> None:
    told = json.dumps(job.document) + job.err
    for secret in ("anna", "berta", "carla", "planted", BUCKET):
        assert secret not in told
    for path in place.out.rglob("*"):
        if path.is_file():
            text = path.read_bytes()
            assert b"planted" not in text, path.name
            assert path.name.startswith("batch.") or path.suffix in (".db", ".sqlite") or b"anna" not in text


def _no_raw_byte(s3: FaultyS3, place: Place) -> None:
    """No file of the run holds a stretch of a source."""
    sources = [bytes(s3.fs.cat_file(f"{BUCKET}/in/{name}")) for name in (_PICTURES, _SOUND, _BROKEN)]
    assert files_with_raw_bytes(sources, place.out, place.home, place.temporary) == []


def test_a_second_run_has_nothing_to_do(s3: FaultyS3, place: Place) -> None:
    """What is published is skipped without a byte of it being read again, and sources go once that is told."""
    s3.heal()
    assert _run(s3, place, "twice").document["published"] == 2
    names = _verified(s3, place, "twice")
    made = {path: s3.fs.info(path)["ETag"] for path in s3.fs.find(f"{BUCKET}/twice")}
    s3.heal()
    job = _run(s3, place, "twice")
    assert job.status == 3
    assert not [
        path for method, path in s3.requests if method == "GET" and "/in/" in path and "?" not in path
    ]
    assert {path: s3.fs.info(path)["ETag"] for path in s3.fs.find(f"{BUCKET}/twice")} == made
    assert _verified(s3, place, "twice") == names


@pytest.mark.parametrize("at", ["recording.mp4", "manifest.json"])
def test_killed_while_sending(s3: FaultyS3, place: Place, at: str) -> None:
    """Kill -9 of the whole run in the middle of an upload: no half bundle is seen, and the next run finishes."""
    s3.heal()
    victims: list[int] = []

    def kill(request: Request) -> Fault | None:
        if request.method == "PUT" and request.path.endswith(at) and victims:
            os.kill(victims.pop(), signal.SIGKILL)
            return Fault.HALF_SENT
        return None

    s3.choose = kill
    out = f"killed-{at.partition('.')[0]}"
    process = _start(s3, place, out)
    victims.append(process.pid)
    assert _end(process).status == -signal.SIGKILL
    s3.heal()
    _no_raw_byte(s3, place)
    assert len(_verified(s3, place, out)) <= 1  # the worker may have got it there before it went
    job = _run(s3, place, out)
    assert (job.status, job.document.get("published"), job.document.get("refused")) == (3, 2, 1), job.err
    assert len(_verified(s3, place, out)) == 2
    assert not [path for path in place.out.rglob("building/*")]


def test_sources_go_after_publication(s3: FaultyS3, place: Place) -> None:
    """With --delete-source those that are published and verified are deleted from the store; the refused one stays."""
    s3.heal()
    for name in (_PICTURES, _BROKEN):
        s3.fs.copy(f"{BUCKET}/in/{name}", f"{BUCKET}/once/{name}")
    arguments = [
        f"s3://{BUCKET}/once",
        f"s3://{BUCKET}/gone",
        "--jobs",
        "1",
        "--threads",
        "1",
        "--delete-source",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "recorder.cli", "batch", *arguments, "--quiet"],
        env=environment(place, {**s3.environment, "XDG_STATE_HOME": str(place.out)}),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert [path.rpartition("/")[2] for path in s3.fs.find(f"{BUCKET}/once")] == [_BROKEN]
    assert len(_verified(s3, place, "gone")) == 1
