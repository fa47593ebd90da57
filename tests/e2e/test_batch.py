"""`offrecord batch` as it is run: broken files, kills, a full disk, Ctrl-C; every recording ends in its place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from recorder.bundle.log import check_chain
from recorder.bundle.verify_files import verify_bundle
from redaction.weights import cache_root
from tests.cli.running import Place, Ran, place_in, run, start
from tests.e2e.raw import files_with_raw_bytes
from tests.media import make_clip

NAME = "Adaeze Okonkwo"
STATE = ".offrecord-batch"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short recording with a picture alone."""
    if not (cache_root() / "face.yunet").is_dir():
        pytest.skip("the models are not in the cache: offrecord models fetch")
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4", seconds=2, size=(160, 120), audio=None).path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Folders of one run."""
    return place_in(tmp_path)


def _broken(clip: Path, folder: Path) -> None:
    """Write six recordings that are broken in six ways."""
    data = clip.read_bytes()
    (folder / f"{NAME} empty.mp4").touch()
    (folder / f"{NAME} text.mp4").write_text(f"My name is {NAME}.\n" * 500)
    (folder / f"{NAME} cut off.mp4").write_bytes(data[:300])
    (folder / f"{NAME} unknown codec.mp4").write_bytes(data.replace(b"avc1", b"zzz1"))
    (folder / f"{NAME} encrypted.mp4").write_bytes(data.replace(b"avc1", b"encv"))
    (folder / f"{NAME} playlist.mp4").write_text(f"#EXTM3U\n#EXTINF:3,\n{clip}\n#EXT-X-ENDLIST\n")


def _sources(clip: Path, folder: Path, good: int) -> Path:
    source = folder / "calls"
    source.mkdir()
    for number in range(good):
        (source / f"{NAME} {number}.mp4").write_bytes(clip.read_bytes())
    return source


def no_raw_byte(source: Path, place: Place) -> None:
    """Hold every file but the sources to hold nothing of them."""
    raw = [path.read_bytes() for path in source.iterdir()]
    assert files_with_raw_bytes(raw, source) != [], "the search finds what there is"
    assert files_with_raw_bytes(raw, place.out, place.home, place.temporary) == []


def held(place: Place, *, published: int) -> None:
    """Hold what stands on the disk to the promises: whole bundles, nothing half, nobody's name, nothing elsewhere."""
    assert len(place.bundles()) == published
    for bundle in place.bundles():
        verify_bundle(bundle)
    assert place.partials() == []
    assert place.leftovers() == []
    for item in place.out.rglob("*"):
        assert NAME not in item.name
        if item.is_file() and item.name != "batch.sqlite":
            assert NAME.encode() not in item.read_bytes(), item
    for log in (place.out / STATE / "log").iterdir():
        check_chain(log)


def document(ran: Ran) -> dict[str, Any]:
    """Read a run's JSON result."""
    found: dict[str, Any] = json.loads(ran.out)
    return found


def until(true: Callable[[], object], seconds: float = 120) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the worker processes of a running batch."""
    return psutil.Process(process.pid).children()


def test_mixed_recordings_and_a_second_run(clip: Path, place: Place, tmp_path: Path) -> None:
    """Two good and six broken recordings: two bundles, six refusals with reasons, no name; then nothing to do."""
    source = _sources(clip, tmp_path, 2)
    _broken(clip, source)
    ran = run(["batch", source, place.out, "--json", "--jobs", "1"], place)
    assert ran.status == 3, ran.err
    result = document(ran)
    assert (result["published"], result["refused"], result["left"]) == (2, 6, 0)
    assert {row["status"] for row in result["refused_recordings"]} == {5}
    assert all(row["reason"].endswith((".", "first.")) for row in result["refused_recordings"])
    assert NAME not in ran.out + ran.err
    events = [json.loads(line) for line in ran.err.splitlines()]
    assert [event["event"] for event in events].count("ended") == 8
    assert "Traceback" not in ran.err
    held(place, published=2)
    before = {bundle: (bundle / "manifest.json").read_bytes() for bundle in place.bundles()}
    again = run(["batch", source, place.out, "--json"], place)
    assert again.status == 3
    assert document(again)["published"] == 2
    assert "step" not in {json.loads(line)["event"] for line in again.err.splitlines()}
    assert {bundle: (bundle / "manifest.json").read_bytes() for bundle in place.bundles()} == before
    status = run(["batch", "status", place.out], place)
    assert status.status == 3
    assert NAME not in status.out
    assert "2 published, 6 refused" in status.out
    assert run(["batch", "status", place.out, "--names"], place).out.count(NAME) == 6


def test_killed_driver_and_killed_worker(clip: Path, place: Place, tmp_path: Path) -> None:
    """Kill -9 of the driver ends its workers and publishes nothing half; the rerun survives a kill of its worker."""
    source = _sources(clip, tmp_path, 3)
    process = start(["batch", source, place.out, "--jobs", "1"], place)
    until(lambda: place.bundles() and place.partials())
    workers = workers_of(process)
    process.kill()
    process.communicate()
    psutil.wait_procs(workers, timeout=10)
    no_raw_byte(source, place)
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)
    published = place.bundles()
    assert 1 <= len(published) < 3
    for bundle in published:
        verify_bundle(bundle)
    before = {bundle: (bundle / "manifest.json").read_bytes() for bundle in published}

    process = start(["batch", source, place.out, "--jobs", "1", "--json"], place)
    until(lambda: workers_of(process) and place.partials())
    (worker,) = workers_of(process)
    worker.kill()
    no_raw_byte(source, place)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    result = json.loads(out)
    assert (result["published"], result["refused"]) == (3, 0)
    assert "lost" in {json.loads(line).get("result") for line in err.splitlines()}
    assert {bundle: (bundle / "manifest.json").read_bytes() for bundle in published} == before
    held(place, published=3)
    no_raw_byte(source, place)


def test_ctrl_c(clip: Path, place: Place, tmp_path: Path) -> None:
    """Ctrl-C ends the job in good order with status 130; what was under way is pending, not half there."""
    source = _sources(clip, tmp_path, 2)
    process = start(["batch", source, place.out, "--jobs", "1"], place)
    until(place.partials)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 130, err
    assert "to do" in out
    assert NAME not in out + err
    held(place, published=len(place.bundles()))
    assert run(["batch", "status", place.out], place).status == 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 1 MiB, where the system lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk(clip: Path, place: Place, small_disk: Path, tmp_path: Path) -> None:
    """A disk that fills up ends the job with status 7 and nothing half; with room again a rerun finishes."""
    source = _sources(clip, tmp_path, 1)
    make_clip(source / f"{NAME}.mp4", seconds=5, size=(640, 480), audio=None)
    ballast = small_disk / "ballast"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    ballast.write_bytes(b"\0" * (free - 120 * 1024))
    out = Place(small_disk / "out", place.home, place.temporary)
    ran = run(["batch", source, out.out, "--jobs", "1"], out)
    assert ran.status in (3, 7), ran.err
    assert "disk is full" in ran.err + ran.out
    assert out.partials() == []
    for bundle in out.bundles():
        verify_bundle(bundle)
    ballast.unlink()
    no_raw_byte(source, out)
    ran = run(["batch", source, out.out, "--jobs", "1"], out)
    assert ran.status == 0, ran.err
    held(out, published=2)


def test_dry_run_writes_nothing(clip: Path, place: Place, tmp_path: Path) -> None:
    """A dry run says what would be done and how long it may take, and leaves neither destination nor traces."""
    ran = run(["batch", _sources(clip, tmp_path, 2), place.out, "--dry-run", "--json"], place)
    assert ran.status == 0, ran.err
    found = document(ran)
    assert (found["to_do"], found["tried"]) == (2, 2)
    assert found["seconds"] > 0
    assert not place.out.exists()
    assert place.leftovers() == []


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["batch", "nowhere", "out"], 5),
        (["batch", "nowhere"], 2),
        (["batch", "status", "nowhere"], 2),
        (["batch", "--jobs", "0", "a", "b"], 2),
        (["batch", "a", "nosuch://b"], 2),
        (["batch", "status", "a", "b"], 2),
    ],
)
def test_wrong_use(
    arguments: list[str], status: int, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be meant is told in a sentence, with its documented status."""
    monkeypatch.chdir(tmp_path)
    ran = run(arguments, place)
    assert ran.status == status
    assert "Traceback" not in ran.err
    assert ran.err.strip()
