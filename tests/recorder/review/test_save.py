"""The next version of a bundle: what is mended, what it follows from, and that failing leaves the old one whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from recorder.bundle.log import LOG, read_log
from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.bundle.writer import MANIFEST, BundleWriter, digest_file
from recorder.media.file import FileSource
from recorder.review.draft import Wanted
from recorder.review.mends import parsed_mend
from recorder.review.save import Looked, kept_name, save_review
from recorder.runtime.context import Cancellation, Run
from redaction.errors import Interrupted, OffrecordError, StorageFailed, UsageError
from redaction.model import AudioBlock, VideoFrame
from redaction.policy import Policy
from redaction.stages import Stages
from redaction.video.cover import shows_cover
from tests.e2e.reviewed import SECONDS, WORD, blind, green_share, staged_call
from tests.e2e.test_review import green_shares
from tests.recorder.bundle import bundles
from tests.recorder.bundle.bundles import published_file

LOOKED = Looked(by="A. Reader", seen=2.0, places=3, looked_at=2)


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published call of three, whose words no model heard."""
    return staged_call(tmp_path_factory.mktemp("call"), speech=False)


@pytest.fixture
def bundle(call: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    copy = tmp_path / call.name
    shutil.copytree(call, copy)
    return copy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A published file of three seconds."""
    return published_file(tmp_path).path


def blind_stages(_policy: Policy) -> Stages:
    """Return an engine without models."""
    return blind()


def wanted(*mends: dict[str, object]) -> list[Wanted]:
    """Return mends as the page sends them."""
    return [Wanted(parsed_mend(mend)) for mend in mends]


def save(bundle: Path, *mends: dict[str, object], **options: object) -> None:
    """Mend a bundle without models: no face, word or line is found again."""
    save_review(bundle, wanted(*mends), LOOKED, stages_of=blind_stages, run=Run(), **options)  # type: ignore[arg-type]


def still(track: str, box: list[float], *, end: float) -> dict[str, object]:
    """Return a cover that stays in its place from the beginning on."""
    return {"kind": "cover", "track": track, "box": box, "time": 0.5, "start": 0, "end": end, "follow": False}


def snapshot(bundle: Path) -> dict[str, str]:
    """Return the digest of every file."""
    return {
        item.relative_to(bundle).as_posix(): hashlib.sha256(item.read_bytes()).hexdigest()
        for item in bundle.rglob("*")
        if item.is_file()
    }


def frames(path: Path) -> list[VideoFrame]:
    """Return the frames of a file's first video track."""
    source = FileSource(path, own=True)
    found = source.video(source.info().video[0].id)
    return [
        VideoFrame(item.y.copy(), item.u.copy(), item.v.copy(), item.pts, item.time_base)
        for item in found
        if isinstance(item, VideoFrame)
    ]


def loudness(path: Path, start: float, end: float) -> float:
    """Return the loudest sample between two times."""
    source = FileSource(path)
    blocks = source.audio(source.info().audio[0].id, 48_000)
    samples = np.concatenate([item.samples for item in blocks if isinstance(item, AudioBlock)])
    return float(np.abs(samples[round(start * 48_000) : round(end * 48_000)]).max())


def test_signing_changes_no_medium_and_chains_to_the_version_before(file: Path) -> None:
    """Without a mend all media are the same bytes; the manifest names who, how much, and the manifest it follows."""
    before, old = digest_file(file / MANIFEST).sha256, read_manifest(file)
    save(file)
    manifest = read_manifest(file)
    (entry,) = manifest.review
    assert (entry.follows, entry.by, entry.seen, entry.places, entry.looked_at) == (
        before,
        "A. Reader",
        2.0,
        3,
        2,
    )
    assert entry.changed == {}
    assert manifest.files["recording.mp4"] == old.files["recording.mp4"]
    assert manifest.created == old.created
    assert len(verify_bundle(file)) == 5
    lines = read_log(file / LOG)
    (reviewed,) = [line for line in lines if line.event == "reviewed"]
    assert reviewed.detail == {"sha256": before, "count": 0}
    save(file)
    assert len(read_manifest(file).review) == 2
    assert "A. Reader" in (file / "report.html").read_text()


def test_a_cover_and_a_stretch_are_grey_in_the_stored_pixels(file: Path) -> None:
    """Where and while a cover was wanted every stored frame is grey, and elsewhere the picture is as it was."""
    save(
        file,
        still("V1", [0.25, 0.25, 0.75, 0.75], end=1.5),
        {"kind": "whole", "track": "V1", "start": 2, "end": 2.5},
    )
    for frame in frames(file / "recording.mp4"):
        grey = shows_cover(frame)
        inner = grey[14:34, 18:46]
        if frame.time < 1.5:
            assert inner.all()
        if 2 <= frame.time < 2.5:
            assert grey.all()
        if 1.6 < frame.time < 1.9 or frame.time > 2.6:
            assert grey.mean() < 0.2
    manifest = read_manifest(file)
    assert manifest.review[0].changed == {"cover": 1, "whole": 1}
    assert manifest.coverage.video.share_of_area_covered > 0.1
    assert len(verify_bundle(file)) == 5


def test_a_mute_is_silent_and_its_words_are_masked(file: Path) -> None:
    """The stretch holds not one loud sample, the rest sounds, and the word in it is masked."""
    save(file, {"kind": "mute", "start": 0.9, "end": 2.1})
    assert loudness(file / "recording.mp4", 0.95, 2.05) < 1e-3
    assert loudness(file / "recording.mp4", 2.3, 2.9) > 0.05
    assert "hello" not in (file / "transcript.json").read_text()
    assert read_manifest(file).redacted["OTHER"] == 1


def test_a_word_is_in_no_byte_that_is_written(file: Path) -> None:
    """Masked, the word is in no file, its plural neither, and nobody can read it in the log or the manifest."""
    save(file, {"kind": "word", "text": "Hello", "entity_type": "PERSON"})
    written = b"".join(item.read_bytes() for item in file.rglob("*") if item.suffix != ".mp4").lower()
    assert b"hello" not in written
    assert "[PERSON]" in (file / "transcript.vtt").read_text()
    assert loudness(file / "recording.mp4", 1.05, 1.95) < 1e-3


def test_a_cut_moves_everything_together(file: Path) -> None:
    """Frames, sound, words, events and stills are earlier by what was cut, and the bundle is as much shorter."""
    save(file, {"kind": "cut", "start": 0.2, "end": 0.8})
    manifest = read_manifest(file)
    assert manifest.duration == pytest.approx(bundles.SECONDS - 0.6)
    stored = frames(file / "recording.mp4")
    assert stored[-1].time == pytest.approx(2.96 - 0.6, abs=0.05)
    spoken = json.loads((file / "transcript.json").read_text())["utterances"][0]
    assert spoken["start"] == pytest.approx(0.4, abs=0.01)
    spans = [
        line.span.start for line in read_log(file / LOG) if line.span and line.detail.get("reason") == "minor"
    ]
    assert spans == [pytest.approx(1.4)]
    assert manifest.stills[0].time == pytest.approx(0.4)
    assert len(verify_bundle(file)) == 5


def test_a_call_is_mended_track_by_track_and_composed_anew(bundle: Path) -> None:
    """A cover and a mute change those tracks and the recording; all others are the same bytes."""
    old = read_manifest(bundle)
    save(
        bundle,
        still("P01-camera", [0, 0, 1, 1], end=SECONDS),
        {"kind": "mute", "who": "P03", "start": 1.8, "end": 2.6},
    )
    manifest = read_manifest(bundle)
    assert max(green_shares(bundle / "recording.mp4")) < 0.0005
    assert manifest.files["tracks/p02-screen.mp4"] == old.files["tracks/p02-screen.mp4"]
    assert manifest.files["tracks/p03-camera.mp4"] == old.files["tracks/p03-camera.mp4"]
    assert manifest.files["tracks/p01-microphone.m4a"] == old.files["tracks/p01-microphone.m4a"]
    assert loudness(bundle / "tracks/p03-microphone.m4a", 1.9, 2.5) < 1e-3
    assert len(verify_bundle(bundle)) == 5


def test_who_is_dropped_leaves_no_track_word_or_number(bundle: Path) -> None:
    """Files, words and figures of the dropped are gone, and the others are numbered without a gap."""
    save(bundle, {"kind": "drop", "who": "P01"})
    manifest = read_manifest(bundle)
    assert manifest.participants is not None
    assert [one.id for one in manifest.participants.people] == ["P01", "P02"]
    assert WORD not in (bundle / "transcript.json").read_text()
    assert not (bundle / "chat.json").exists()
    assert manifest.review[0].changed == {"drop": 1}
    assert all(share < 0.0005 for share in green_shares(bundle / "recording.mp4"))
    assert green_share(np.zeros((4, 4, 3), np.uint8)) == 0
    with pytest.raises(UsageError):
        save(bundle, {"kind": "drop", "who": "P01"}, {"kind": "drop", "who": "P02"})


def test_a_cut_of_a_call_shortens_every_track(bundle: Path) -> None:
    """All tracks and the recording are as long as the call is afterwards; messages move with it, or go."""
    save(bundle, {"kind": "cut", "start": 1, "end": 2})
    manifest = read_manifest(bundle)
    messages = json.loads((bundle / "chat.json").read_text())["messages"]
    assert [(one["text"], one["time"]) for one in messages] == [("written later", 3.0)]
    assert manifest.duration == pytest.approx(SECONDS - 1, abs=0.2)
    assert all(span.end <= manifest.duration + 0.1 for track in manifest.tracks for span in track.spans)
    assert len(verify_bundle(bundle)) == 5


def test_the_old_version_is_gone_unless_it_is_to_be_kept(file: Path) -> None:
    """By default one bundle is left; asked to, the old one stays beside it, whole, byte for byte."""
    save(file)
    assert [item.name for item in file.parent.iterdir()] == [file.name]
    before, digest = snapshot(file), digest_file(file / MANIFEST).sha256
    save(file, {"kind": "mute", "start": 0, "end": 1}, keep_old=True)
    kept = kept_name(file, digest)
    assert snapshot(kept) == before
    assert len(verify_bundle(kept)) == len(verify_bundle(file)) == 5
    assert read_manifest(file).review[-1].follows == digest_file(kept / MANIFEST).sha256


def test_a_bundle_that_changed_meanwhile_is_not_signed(file: Path) -> None:
    """What somebody looked at is what is signed; another version is refused."""
    seen = digest_file(file / MANIFEST).sha256
    save(file)
    before = snapshot(file)
    with pytest.raises(UsageError, match="changed since"):
        save(file, expected=seen)
    assert snapshot(file) == before


def test_another_policy_is_refused(file: Path) -> None:
    """A policy file that the bundle was not made under is none to mend it by."""
    other = Policy.model_validate({"transcript": {"names": "drop"}})
    with pytest.raises(UsageError, match="another policy"):
        save(file, policy=other)


@pytest.mark.parametrize("step", ["media", "publish", "stopped"])
def test_whatever_fails_the_old_bundle_is_whole(
    file: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up, or somebody stops it: the bundle is the one that it was, and nothing lies beside it."""
    before = snapshot(file)
    cancellation = Cancellation()

    def fail(*_: object, **__: object) -> None:
        raise StorageFailed("The disk is full.")

    if step == "media":
        monkeypatch.setattr("recorder.review.file_draft.mux", fail)
    elif step == "publish":
        monkeypatch.setattr(BundleWriter, "_swap_in", fail)
    else:
        cancellation.cancel()
    with pytest.raises((StorageFailed, Interrupted)):
        save_review(
            file,
            wanted({"kind": "mute", "start": 0, "end": 1}),
            LOOKED,
            stages_of=blind_stages,
            run=Run(cancellation=cancellation),
        )
    assert snapshot(file) == before
    assert [item.name for item in file.parent.iterdir()] == [file.name]


def test_an_altered_bundle_is_not_signed(file: Path) -> None:
    """Whoever signs signs what was published: a bundle that does not verify is refused."""
    (file / "transcript.vtt").write_text("WEBVTT\n")
    with pytest.raises(OffrecordError):
        save(file)


def test_a_name_that_would_steer_a_terminal_is_made_harmless(file: Path) -> None:
    """Control characters of a typed name are shown as question marks in the manifest."""
    save_review(file, [], Looked(by="Eve\x1b[2J"), stages_of=blind_stages, run=Run())
    assert read_manifest(file).review[0].by == "Eve?[2J"
