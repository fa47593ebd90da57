"""The fault table: each row gives its documented status, one clear sentence, no bundle and nothing raw on the disk."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recorder.bundle.verify_files import read_manifest, verify_bundle
from redaction.weights import cache_root
from tests.cli.running import Place, Ran, place_in, run, start
from tests.media import break_bytes, make_clip

NAME = "Adaeze Okonkwo"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return the folders of one run."""
    return place_in(tmp_path)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a short sound call recording with a person's name in its file name."""
    return make_clip(tmp_path_factory.mktemp("clip") / f"{NAME}.mp4", seconds=1.5, size=(320, 240)).path


def refused(ran: Ran, place: Place, status: int) -> None:
    """Hold a refusal to the contract."""
    assert ran.status == status, ran.err
    sentences = [line for line in ran.err.splitlines() if line.strip()]
    assert len(sentences) == 1, ran.err
    assert sentences[0].startswith("offrecord: ")
    assert "Traceback" not in ran.err
    assert NAME.split()[0] not in ran.out + ran.err
    assert place.bundles() == []
    assert place.partials() == []
    assert place.leftovers() == []


def _missing(_clip: Path, folder: Path) -> Path:
    return folder / f"{NAME}.mp4"


def _too_long(_clip: Path, folder: Path) -> Path:
    return folder / (NAME + "a" * 300)


def _empty(_clip: Path, folder: Path) -> Path:
    path = folder / f"{NAME}.mp4"
    path.touch()
    return path


def _truncated(clip: Path, folder: Path) -> Path:
    path = folder / f"{NAME}.mp4"
    data = clip.read_bytes()
    path.write_bytes(
        data[: data.index(b"moov") - 4] if data.index(b"moov") > data.index(b"mdat") else data[:600]
    )
    return path


def _text(_clip: Path, folder: Path) -> Path:
    path = folder / f"{NAME}.mp4"
    path.write_text(f"My name is {NAME}.\n" * 500)
    return path


def _playlist(clip: Path, folder: Path) -> Path:
    path = folder / f"{NAME}.m3u8"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{clip}\n#EXT-X-ENDLIST\n")
    return path


def _unknown_codec(clip: Path, folder: Path) -> Path:
    path = folder / f"{NAME}.mp4"
    path.write_bytes(clip.read_bytes().replace(b"avc1", b"zzz1").replace(b"mp4a", b"zzz2"))
    return path


def _encrypted(clip: Path, folder: Path) -> Path:
    path = folder / f"{NAME}.mp4"
    path.write_bytes(clip.read_bytes().replace(b"avc1", b"encv").replace(b"mp4a", b"enca"))
    return path


def _absurd_size(_clip: Path, folder: Path) -> Path:
    """Claim 65,535 x 65,535 pixels in the container's header and in every picture's own."""
    path = folder / f"{NAME}.avi"
    make_clip(path, seconds=1, size=(320, 240), codec="mjpeg", pix_fmt="yuvj420p", audio=None)
    data = path.read_bytes().replace(struct.pack("<ii", 320, 240), struct.pack("<ii", 65_535, 65_535))
    absurd = re.sub(rb"(?<=\xff\xc0\x00\x11\x08)....", b"\xff" * 4, data, flags=re.DOTALL)
    path.write_bytes(absurd)
    return path


def _pipe(_clip: Path, folder: Path) -> Path:
    path = folder / f"{NAME}.mp4"
    os.mkfifo(path)
    return path


def _empty_folder(_clip: Path, folder: Path) -> Path:
    path = folder / NAME
    path.mkdir()
    (path / "notes.txt").write_text(NAME)
    return path


@pytest.mark.parametrize(
    "make",
    [
        _missing,
        _empty,
        _truncated,
        _text,
        _playlist,
        _unknown_codec,
        _encrypted,
        _absurd_size,
        _pipe,
        _empty_folder,
        _too_long,
    ],
)
def test_unreadable_input(
    make: Callable[[Path, Path], Path], clip: Path, place: Place, tmp_path: Path
) -> None:
    """What is no recording, or not one that can be decoded, is status 5."""
    refused(run(["redact", make(clip, tmp_path), "-o", place.out], place), place, 5)


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        ("[faces]\nmethod = 'blur'\n", 2),
        ("[faces\n", 2),
        ("[unknown]\nx = 1\n", 2),
        ("[screen]\ntext = 'names'\n", 2),
        (f"[speech]\nroster = '{NAME}'\n", 2),
        ("[speech]\nmodel = '/nowhere/whisper'\n", 6),
    ],
)
def test_policy_that_is_not_accepted(
    policy: str, status: int, clip: Path, place: Place, tmp_path: Path
) -> None:
    """A policy with an unknown key, a bad value or a model that is not there never starts."""
    path = tmp_path / "policy.toml"
    path.write_text(policy)
    refused(run(["redact", clip, "-o", place.out, "--policy", path], place), place, status)


def test_model_missing(clip: Path, place: Place, tmp_path: Path) -> None:
    """Without models nothing is redacted: status 6, and nothing is fetched."""
    refused(
        run(["redact", clip, "-o", place.out], place, more={"OFFRECORD_MODELS": str(tmp_path / "no")}),
        place,
        6,
    )


@pytest.mark.parametrize("name", ["face.yunet", "age.faceapi", "person.selfie", "text.rampart"])
def test_model_altered(name: str, clip: Path, place: Place, tmp_path: Path) -> None:
    """One altered byte in any model is status 6."""
    models = tmp_path / "models"
    models.mkdir()
    for folder in cache_root().iterdir():
        if folder.is_dir():
            (models / folder.name).symlink_to(folder)
    (models / name).unlink()
    shutil.copytree(cache_root() / name, models / name)
    largest = max(
        (path for path in (models / name).rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.chmod(0o600)
    largest.write_bytes(data)
    refused(run(["redact", clip, "-o", place.out], place, more={"OFFRECORD_MODELS": str(models)}), place, 6)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 32 KiB, where the system lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("no small disk can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_disk_full(place: Place, small_disk: Path, tmp_path: Path) -> None:
    """A full disk is status 7 and leaves nothing on it."""
    clip = make_clip(tmp_path / "a.mp4", seconds=5, size=(320, 240)).path
    ran = run(["redact", clip, "-o", small_disk / "out"], place)
    refused(ran, place, 7)
    assert "disk is full" in ran.err
    assert [item for item in small_disk.rglob("*") if item.is_file()] == []


def test_read_only_output(clip: Path, place: Place) -> None:
    """An output that cannot be written is status 7."""
    refused(run(["redact", clip, "-o", "/proc/offrecord"], place), place, 7)


def test_output_that_is_a_file(clip: Path, place: Place, tmp_path: Path) -> None:
    """A file where the output folder should be is a usage error."""
    (tmp_path / "file").touch()
    refused(run(["redact", clip, "-o", tmp_path / "file"], place), place, 2)


def test_symlinked_partial(clip: Path, place: Place, tmp_path: Path) -> None:
    """A link planted where the bundle would be written is never followed."""
    first = run(["redact", clip, "-o", place.out], place)
    assert first.status == 0, first.err
    name = place.bundles()[0].name
    shutil.rmtree(place.bundles()[0])
    target = tmp_path / "target"
    target.mkdir()
    for link in (place.out / name, place.out / f"{name}.partial"):
        link.symlink_to(target)
        ran = run(["redact", clip, "-o", place.out, "--force"], place)
        assert ran.status == 2
        assert list(target.iterdir()) == []
        link.unlink()


def test_published_run_leaves_no_trace_elsewhere(clip: Path, place: Place) -> None:
    """A good run writes its bundle and nothing else, refuses to overwrite it, and replaces it when told to."""
    assert run(["redact", clip, "-o", place.out], place).status == 0
    assert place.leftovers() == []
    (bundle,) = place.bundles()
    assert len(verify_bundle(bundle)) == 5
    everything = b"".join(path.read_bytes() for path in bundle.rglob("*") if path.is_file())
    assert NAME.encode() not in everything
    before = (bundle / "manifest.json").read_bytes()
    again = run(["redact", clip, "-o", place.out], place)
    assert again.status == 2
    assert "--force" in again.err
    assert (bundle / "manifest.json").read_bytes() == before
    assert run(["redact", clip, "-o", place.out, "--force"], place).status == 0
    assert place.bundles() == [bundle]
    assert place.partials() == []


def test_corrupt_packets_in_the_middle(place: Place, tmp_path: Path) -> None:
    """Damage in the middle is published with a logged gap, at full length."""
    clip = make_clip(tmp_path / "a.mp4", seconds=6, size=(320, 240))
    break_bytes(clip.path, seed=3)
    ran = run(["redact", clip.path, "-o", place.out], place)
    assert ran.status == 0, ran.err
    manifest = read_manifest(place.bundles()[0])
    assert manifest.gaps
    assert abs(manifest.duration - 6) < 0.2


def test_eight_k_frame(place: Place, tmp_path: Path) -> None:
    """An 8K recording is redacted like any other; lines of text, which cost most, elsewhere."""
    clip = make_clip(tmp_path / "a.mp4", seconds=0.04, size=(7680, 4320), audio=None).path
    policy = tmp_path / "policy.toml"
    policy.write_text('[screen]\ntext = "none"\n')
    ran = run(["redact", clip, "-o", place.out, "--policy", policy], place)
    assert ran.status == 0, ran.err


@pytest.mark.parametrize(
    "name",
    ["Jane Doe +1 415 555 0192.mp4", "naïve 名前 🎥 ‮txt.mp4", "-rf.mp4", "a\nb\tc.mp4", "x" * 240 + ".mp4"],
)
def test_names_go_nowhere(name: str, clip: Path, place: Place, tmp_path: Path) -> None:
    """Personal data, odd Unicode and option-like names are neither stored, nor printed, nor in the way."""
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / name
    shutil.copy(clip, path)
    ran = run(["redact", "-o", place.out, "--", path], place)
    assert ran.status == 0, ran.err
    stem = path.stem.encode()
    for item in place.out.rglob("*"):
        assert path.stem not in item.name
        if item.is_file():
            assert stem not in item.read_bytes()
    assert path.stem not in ran.out + ran.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop(number: signal.Signals, place: Place, tmp_path: Path) -> None:
    """SIGTERM and Ctrl-C end the run with status 130 and leave nothing."""
    clip = make_clip(tmp_path / f"{NAME}.mp4", seconds=60, fps=10, size=(320, 240)).path
    process = start(["redact", clip, "-o", place.out], place)
    deadline = time.monotonic() + 60
    while not list(place.out.glob("*.partial/V1*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    refused(Ran(process.returncode, out, err), place, 130)


def test_killed_at_random_moments(place: Place, tmp_path: Path) -> None:
    """Kill -9 at ten moments publishes nothing, leaves only redacted parts, and the rerun succeeds."""
    clip = make_clip(tmp_path / f"{NAME}.mp4", seconds=3, fps=10, size=(320, 240)).path
    moments = random.Random(7)
    started = time.monotonic()
    assert run(["redact", clip, "-o", place.out], place).status == 0
    whole = time.monotonic() - started
    shutil.rmtree(place.bundles()[0])
    for _ in range(10):
        process = start(["redact", clip, "-o", place.out], place)
        time.sleep(moments.uniform(0.1, 0.95) * whole)
        process.kill()
        process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0)
        for bundle in place.bundles():
            assert len(verify_bundle(bundle)) == 5
            shutil.rmtree(bundle)
        for partial in place.partials():
            names = {item.name for item in partial.rglob("*") if item.is_file()}
            assert names <= {
                "V1.picture.mp4",
                "V1.picture.mp4.mended.mp4",
                "sound.m4a",
                "log.jsonl",
                "recording.mp4",
                "transcript.vtt",
                "transcript.json",
                "report.html",
                "manifest.json",
            }
            assert NAME.encode() not in b"".join(p.read_bytes() for p in partial.rglob("*") if p.is_file())
        assert place.leftovers() == []
    assert run(["redact", clip, "-o", place.out], place).status == 0
    assert len(verify_bundle(place.bundles()[0])) == 5
    assert place.partials() == []


def test_one_bad_input_among_good_ones(clip: Path, place: Place, tmp_path: Path) -> None:
    """A folder with a broken recording publishes the others and ends with the broken one's status."""
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(clip, folder / "b.mp4")
    (folder / "a.mp4").write_text("no recording")
    ran = run(["redact", folder, "-o", place.out], place)
    assert ran.status == 5
    assert len(place.bundles()) == 1
    assert "input 1" in ran.err


def test_source_is_deleted_only_after_publication(clip: Path, place: Place, tmp_path: Path) -> None:
    """`--delete-source` deletes what was published and keeps what was not."""
    good, bad = tmp_path / "good.mp4", tmp_path / "bad.mp4"
    shutil.copy(clip, good)
    bad.write_text("no recording")
    ran = run(["redact", good, bad, "-o", place.out, "--delete-source"], place)
    assert ran.status == 5
    assert (good.exists(), bad.exists()) == (False, True)


@pytest.mark.parametrize("value", ["", "  "])
def test_empty_input_is_not_the_current_folder(value: str, place: Place) -> None:
    """An argument from an unset variable is a usage error, not everything that lies here."""
    refused(run(["redact", value, "-o", place.out, "--delete-source"], place), place, 2)


def test_a_link_is_not_deleted_in_place_of_its_recording(clip: Path, place: Place, tmp_path: Path) -> None:
    """Deleting a link would leave the recording, so a link with --delete-source never starts."""
    link = tmp_path / "link.mp4"
    link.symlink_to(clip)
    refused(run(["redact", link, "-o", place.out, "--delete-source"], place), place, 2)
    assert link.is_symlink()
    assert clip.exists()


@pytest.mark.parametrize("value", ["", "  "])
def test_empty_output_is_not_the_current_folder(value: str, clip: Path, place: Place) -> None:
    """Neither is an empty output."""
    refused(run(["redact", clip, "-o", value], place), place, 2)


@pytest.mark.parametrize("what", ["pipe", "device"])
def test_policy_without_end_is_refused(what: str, clip: Path, place: Place, tmp_path: Path) -> None:
    """A policy that would block or fill the memory is refused at once."""
    path = tmp_path / "policy.toml"
    if what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    refused(run(["redact", clip, "-o", place.out, "--policy", path], place), place, 2)


def test_folder_leaves_out_bundles_and_hidden_files(clip: Path, place: Place, tmp_path: Path) -> None:
    """A folder's own bundles and hidden folders are no recordings of it."""
    folder = tmp_path / "in"
    for part in ("a.offrecord", "b.offrecord.partial", ".hidden"):
        (folder / part).mkdir(parents=True)
        shutil.copy(clip, folder / part / "recording.mp4")
    refused(run(["redact", folder, "-o", place.out], place), place, 5)
