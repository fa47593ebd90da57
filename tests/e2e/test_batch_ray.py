"""The real command on two nodes of Ray: the same bundles and refusals as on one machine, whatever is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from recorder.bundle.verify_files import read_manifest, verify_bundle
from samples.make import Sample
from tests.cli.running import Place, environment, place_in
from tests.e2e.conftest import needs_models
from tests.e2e.raw import files_with_raw_bytes
from tests.media import make_clip
from tests.recorder.batch.mixed import BROKEN, make_mixed
from tests.recorder.batch.ray_cluster import TwoNodes, two_nodes

_RECORDINGS = int(os.environ.get("OFFRECORD_RECORDINGS", "9"))
"""How many are compared, six of them broken; 60 take six minutes of two cores that others use too."""
_PATIENCE_S = max(400, 30 * _RECORDINGS)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(max(900, 80 * _RECORDINGS))]

_TIMES = {"created", "expires", "files", "log_head"}
"""What differs from run to run in a manifest: times, and the digests of files that hold times."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[TwoNodes]:
    needs_models()
    with two_nodes() as nodes:
        yield nodes


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return place_in(tmp_path)


def _start(place: Place, source: Path, out: Path, *flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "recorder.cli",
            "batch",
            str(source),
            str(out),
            "--threads",
            "1",
            "--json",
            *flags,
        ],
        env=environment(place, {"RAY_AUTH_MODE": "disabled"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    try:
        out, err = process.communicate(timeout=_PATIENCE_S)
    finally:
        process.kill()
    assert out.startswith("{") or process.returncode < 0, (process.returncode, err[-2000:])
    return process.returncode, json.loads(out or "{}"), err


def _ray(cluster: TwoNodes) -> list[str]:
    return ["--engine", "ray", "--address", cluster.address, "--memory", "2"]


def test_the_same_bundles_as_on_one_machine(
    cluster: TwoNodes, place: Place, short_call: Sample, tmp_path: Path
) -> None:
    """Two nodes give the bundles and refusals of one machine, byte for byte apart from times and hashes of times.

    Voices are muted, since a voice that speaks anew is drawn at random for every run on purpose.
    """
    policy = tmp_path / "policy.toml"
    policy.write_text('[voice]\nmethod = "mute"\n')
    source = tmp_path / "calls"
    make_mixed(source, _RECORDINGS, call=short_call.path)
    good = _RECORDINGS - BROKEN
    local, ray = tmp_path / "local", tmp_path / "ray"
    status, one, err = _end(_start(place, source, local, "--jobs", "2", "--policy", str(policy)))
    assert (status, one["published"], one["refused"]) == (3, good, BROKEN), err
    (ray / ".offrecord-batch").mkdir(parents=True, mode=0o700)
    shutil.copy(
        local / ".offrecord-batch" / "key", ray / ".offrecord-batch" / "key"
    )  # so that ids are the same
    status, other, err = _end(_start(place, source, ray, *_ray(cluster), "--policy", str(policy)))
    assert (status, other["published"], other["refused"]) == (3, good, BROKEN), err
    refusals = [
        sorted((row["id"], row["status"], row["reason"]) for row in job["refused_recordings"])
        for job in (one, other)
    ]
    assert refusals[0] == refusals[1]
    print(
        *sorted({f"status {row['status']}: {row['reason']}" for row in one["refused_recordings"]}), sep="\n"
    )
    names = sorted(item.name for item in local.glob("*.offrecord"))
    assert names == sorted(item.name for item in ray.glob("*.offrecord"))
    for name in names:
        _same(local / name, ray / name)
    print(f"{len(names)} bundles are the same, {len(refusals[0])} refusals are the same")
    assert place.leftovers() == []


def _same(one: Path, other: Path) -> None:
    for bundle in (one, other):
        verify_bundle(bundle)
    manifests = [read_manifest(bundle).model_dump(exclude=_TIMES) for bundle in (one, other)]
    assert manifests[0] == manifests[1]
    files = [{item.relative_to(bundle) for item in bundle.rglob("*")} for bundle in (one, other)]
    assert files[0] == files[1]
    for name in files[0] - {Path(name) for name in ("manifest.json", "log.jsonl", "report.html")}:
        assert (one / name).is_dir() or (one / name).read_bytes() == (other / name).read_bytes(), name
    assert _events(one) == _events(other)


def _events(bundle: Path) -> list[str]:
    """Return the log without its times and chain."""
    rows = [json.loads(line) for line in (bundle / "log.jsonl").read_text().splitlines()]
    return [json.dumps([row.get(name) for name in ("kind", "track", "span", "detail")]) for row in rows]


def _wait_for(found: Callable[[], Any], process: subprocess.Popen[str], *, seconds: float = 120) -> Any:
    until = time.monotonic() + seconds
    while not (value := found()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.05)
    return value


def _gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_whatever_is_killed(cluster: TwoNodes, place: Place, tmp_path: Path) -> None:
    """Kill -9 of a worker, an actor, a node and the driver: each time what is there is whole, and a rerun finishes."""
    source, out = tmp_path / "calls", tmp_path / "out"
    source.mkdir()
    for number in range(6):
        make_clip(source / f"laura-{number}.mp4", seconds=3.0, size=(320, 240), fps=10 + number)
    process = _start(place, source, out, *_ray(cluster))
    worker = _wait_for(cluster.workers, process)[0]
    worker.kill()
    worker = _wait_for(lambda: [one for one in cluster.workers() if one.pid != worker.pid], process)[0]
    actor = worker.parent()
    actor.kill()
    _wait_for(lambda: _gone(worker), process, seconds=20)
    os.kill(process.pid, signal.SIGKILL)
    assert _end(process)[0] == -signal.SIGKILL
    until = time.monotonic() + 60
    while cluster.workers():
        assert time.monotonic() < until, "workers outlived their driver"
        time.sleep(0.2)
    published = _whole(out)
    _no_raw_byte(cluster, source, place, out)

    process = _start(place, source, out, *_ray(cluster))
    node = cluster.node_of(_wait_for(cluster.workers, process)[0])
    cluster.kill(node)
    _no_raw_byte(cluster, source, place, out)
    status, job, err = _end(process)
    again = _whole(out)
    assert published.items() <= again.items(), "what was published stays as it was"
    assert job["left"] + job["refused"] == 6 - len(again), err
    cluster.add()

    status, job, err = _end(_start(place, source, out, *_ray(cluster), "--retry"))
    assert (status, job["published"], job["refused"]) == (0, 6, 0), err
    assert again.items() <= _whole(out).items()
    assert len(_whole(out)) == 6
    assert list(out.glob("*.partial")) == []
    assert "laura" not in err
    _no_raw_byte(cluster, source, place, out)


def _no_raw_byte(cluster: TwoNodes, source: Path, place: Place, out: Path) -> None:
    """No file of the job or of Ray's own folder holds a stretch of a source."""
    sources = [path.read_bytes() for path in source.iterdir()]
    assert files_with_raw_bytes(sources, source) != [], "the search finds what there is"
    assert cluster.folder.is_dir()
    assert files_with_raw_bytes(sources, out, place.home, place.temporary, cluster.folder) == []


def _whole(out: Path) -> dict[str, str]:
    """Verify every bundle that can be seen, and return when it was made."""
    bundles = list(out.glob("*.offrecord"))
    for bundle in bundles:
        verify_bundle(bundle)
    return {bundle.name: str(read_manifest(bundle).created) for bundle in bundles}
