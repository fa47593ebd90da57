"""Processes that die while they record or finish: what is left becomes a verified bundle, or nothing does."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recorder.bundle.publish import Published
from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.bundle.writer import BundleWriter
from recorder.live.finish.finish import finish
from recorder.live.finish.recover import recover_call
from recorder.runtime.context import Run
from redaction.errors import ExitCode, StorageFailed, UnreadableInput, UsageError
from redaction.policy import FacesSection, Policy
from tests.cli.running import place_in, run
from tests.recorder.live.fakes import deaf_and_blind
from tests.recorder.live.killed import MOMENTS, finish_until, record
from tests.recorder.live.staged import (
    StagedPerson,
    StagedPicture,
    StagedSound,
    gap,
    moving,
    stage,
    tone_at,
)

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.recorder.live.killed"])
ADA, BOB = "a" * 16, "b" * 16


def two_people(folder: Path) -> Path:
    """Stage a call of two; return its partial bundle, let go of."""
    staged = stage(
        folder,
        [
            StagedPerson(
                ADA,
                1,
                [
                    StagedPicture(moving((40, 80, 160)), 0.0, 2.0),
                    StagedPicture(moving((40, 80, 160)), 2.5, 1.0),
                ],
                [StagedSound(tone_at(3.0, beep=1.0))],
                [("hello", 1.0, 1.5, None)],
                events=[gap(2.0, 2.5)],
                quality_seconds=3,
            ),
            StagedPerson(BOB, 2, [StagedPicture(moving((160, 60, 40)), 0.5, 2.0)]),
        ],
    )
    staged.writer.discard()
    return staged.partial


def finished(partial: Path) -> Published:
    """Finish what lies in a partial bundle."""
    return finish(
        BundleWriter.adopt(partial),
        stages=deaf_and_blind(),
        run=Run(),
    )


def killed(partial: Path, moment: str) -> int | None:
    """Finish in a process that dies at a moment; return its status."""
    process = PROCESSES.Process(target=finish_until, args=(partial, moment))
    process.start()
    process.join(120)
    return process.exitcode


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The call, finished without being killed."""
    return finished(two_people(tmp_path_factory.mktemp("reference")))


@pytest.mark.parametrize("moment", MOMENTS)
def test_finishing_that_was_killed_is_done_again(tmp_path: Path, reference: Published, moment: str) -> None:
    """After kill -9 at any moment nothing is published, and finishing again gives the same media and words."""
    partial = two_people(tmp_path)
    assert killed(partial, moment) == -9
    assert [item.name for item in tmp_path.iterdir()] == ["call-1.offrecord.partial"]
    again = finished(partial)
    assert len(verify_bundle(again.path)) == 5
    assert [item.name for item in tmp_path.iterdir()] == ["call-1.offrecord"]
    same = {
        name for name in reference.manifest.files if name.startswith(("tracks/", "transcript", "quality"))
    }
    assert {name: again.manifest.files[name] for name in same} == {
        name: reference.manifest.files[name] for name in same
    }
    assert set(again.manifest.files) == set(reference.manifest.files)
    assert again.manifest.log_lines == reference.manifest.log_lines


def test_finishing_that_was_killed_twice_is_done_again(tmp_path: Path, reference: Published) -> None:
    """A second death, later than the first, changes nothing."""
    partial = two_people(tmp_path)
    assert killed(partial, "hearing") == -9
    assert killed(partial, "sealing") == -9
    again = finished(partial)
    assert again.manifest.log_lines == reference.manifest.log_lines
    assert len(verify_bundle(again.path)) == 5


def test_sealed_bundle_that_was_altered_is_not_published(tmp_path: Path) -> None:
    """What a killed run had sealed is published only if it is still that; otherwise it is made anew."""
    partial = two_people(tmp_path)
    assert killed(partial, "sealed") == -9
    (partial / "transcript.vtt").write_text("WEBVTT\n\nsomething else\n")
    again = finished(partial)
    assert "something else" not in (again.path / "transcript.vtt").read_text()
    assert len(verify_bundle(again.path)) == 5


@contextmanager
def recording(folder: Path) -> Iterator[None]:
    """Run a process that records, and kill it at the end."""
    ready = PROCESSES.Event()
    process = PROCESSES.Process(target=record, args=(folder, ready))
    process.start()
    try:
        assert ready.wait(60)
        yield
    finally:
        process.kill()
        process.join(30)


@pytest.mark.parametrize("size", [6_000, 33_333, 70_001])
def test_recording_process_that_was_killed_leaves_a_call_to_recover(tmp_path: Path, size: int) -> None:
    """After kill -9 while pieces are written, what was proven until then is published and verified."""
    partial = tmp_path / "call-1.offrecord.partial"
    media = partial / "live" / "people" / ("c" * 16) / "camera-0001.mp4"
    with recording(tmp_path):
        deadline = time.monotonic() + 60
        while media.stat().st_size < size and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(StorageFailed):
            recover_call(partial, run=Run())
    bundle = finished(partial)
    assert len(verify_bundle(bundle.path)) == 5
    kinds = [track.id for track in bundle.manifest.tracks]
    assert "P01-camera" in kinds
    assert "P01-microphone" in kinds
    video = bundle.manifest.coverage.video
    assert video.frames == video.unaccounted > 0
    assert any("died" in line for line in bundle.attention)
    camera, microphone = (track.spans[0].end for track in bundle.manifest.tracks)
    assert abs(camera - microphone) < 4


def test_other_policy_and_existing_bundle_are_refused(tmp_path: Path) -> None:
    """A call is not finished under another policy, and never over a bundle that stands."""
    partial = two_people(tmp_path)
    with pytest.raises(UsageError, match="another policy"):
        recover_call(
            partial,
            policy=Policy(faces=FacesSection(method="remove")),
            run=Run(),
        )
    (tmp_path / "call-1.offrecord").mkdir()
    with pytest.raises(UsageError, match="exists"):
        recover_call(partial, run=Run())
    assert (partial / "live" / "call.json").is_file()


@pytest.mark.parametrize(
    "name", ["call-1.offrecord", "call.partial", "nothing.offrecord.partial", ".offrecord.partial"]
)
def test_what_is_no_partial_bundle_is_unreadable(tmp_path: Path, name: str) -> None:
    """Only a folder that ends in .offrecord.partial is recovered."""
    if not name.startswith("nothing"):
        (tmp_path / name).mkdir()
    with pytest.raises(UnreadableInput):
        recover_call(tmp_path / name, run=Run())


def test_file_s_partial_bundle_is_unreadable(tmp_path: Path) -> None:
    """What the redaction of a file left is no call, and is not published."""
    left = tmp_path / "recording-1.offrecord.partial"
    left.mkdir()
    (left / "recording.mp4").write_bytes(b"half")
    with pytest.raises(UnreadableInput, match="no call"):
        recover_call(left, run=Run())
    assert (left / "recording.mp4").is_file()


def test_redacting_a_file_never_clears_a_call(tmp_path: Path) -> None:
    """A run that would write a bundle of that name refuses, and the pieces stay."""
    partial = two_people(tmp_path)
    with pytest.raises(UsageError, match="recover"):
        BundleWriter(tmp_path, "call-1", replace=True)
    assert (partial / "live" / "call.json").is_file()
    with pytest.raises(UsageError, match="begun"):
        BundleWriter.for_call(tmp_path, "call-1")


def test_command_recovers_with_its_documented_statuses(tmp_path: Path) -> None:
    """The command publishes with status 0, refuses what is no call with 5, and an altered log with 3."""
    place = place_in(tmp_path)
    partial = two_people(place.out)
    ran = run(["recover", partial, "--json"], place)
    if ran.status == ExitCode.MODEL:
        pytest.skip("the models are not in the cache: offrecord models fetch")
    assert ran.status == 0, ran.err
    bundle = Path(json.loads(ran.out)["bundle"])
    manifest = read_manifest(bundle)
    assert manifest.participants is not None
    assert manifest.participants.not_recorded is None
    assert len(json.loads((bundle / "receipts.json").read_text())["receipts"]) == 2
    assert run(["verify", bundle], place).status == 0
    assert run(["recover", partial], place).status == ExitCode.UNREADABLE
    altered = two_people(tmp_path / "two")
    log = altered / "log.jsonl"
    log.write_text(log.read_text().replace("started", "stopped"))
    assert run(["recover", altered], place).status == ExitCode.INCOMPLETE
    assert place.leftovers() == []
