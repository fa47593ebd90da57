"""A participant leaves a published bundle: nothing of them is left, and nothing tells who it was."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from recorder.bundle.erase import erase_participant
from recorder.bundle.manifest import Manifest
from recorder.bundle.quality import Quality
from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.bundle.writer import BundleWriter
from recorder.live.finish.finish import finish
from recorder.runtime.context import Cancellation, Run
from redaction.errors import (
    ExitCode,
    Interrupted,
    RedactionIncomplete,
    StorageFailed,
    UnreadableInput,
    UsageError,
)
from redaction.model import Event, EventKind
from tests.cli.running import place_in, run
from tests.recorder.bundle.erasing import ADA, BLUE, BOB, EVE, GREEN, RED, erased, has_colour, log_of
from tests.recorder.bundle.test_writer import publish
from tests.recorder.live.fakes import deaf_and_blind
from tests.recorder.live.staged import (
    StagedPerson,
    StagedPicture,
    StagedSound,
    gap,
    moving,
    receipt_of,
    stage,
    tone_at,
)

BEEPS = {ADA: 1500.0, BOB: 700.0}


def person(token: str, order: int, colour: tuple[int, int, int], word: str) -> StagedPerson:
    """Return one who shows a colour, sounds a tone and says a word."""
    figure = Event(EventKind.VERIFY, detail={"check": "voice-not-recognised", "figure": order / 10})
    return StagedPerson(
        token,
        order,
        [StagedPicture(moving(colour), 0.0, 1.5 + order / 4)],
        [StagedSound(tone_at(2.0, beep=order / 2, hertz=BEEPS[token]))] if token in BEEPS else (),
        [(word, order / 2, order / 2 + 0.3, None), (f"PERSON {order}", order, order + 0.3, "PERSON")],
        chat=[(order / 2 + 1, ((f"{word}-written", None), (f"PERSON {order}", "PERSON"), ("wrote", None)))],
        stays=[(0, 3)],
        events=[gap(order / 4, order / 4 + 0.1), (figure, "microphone")],
        quality_seconds=3,
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published call of three."""
    folder = tmp_path_factory.mktemp("call")
    people = [person(ADA, 1, BLUE, "alpha"), person(BOB, 2, RED, "bravo"), person(EVE, 3, GREEN, "echo")]
    call = stage(folder, people)
    return finish(
        call.writer,
        stages=deaf_and_blind(),
        run=Run(),
        not_recorded=2,
    ).path


@pytest.fixture
def bundle(original: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    copy = tmp_path / original.name
    shutil.copytree(original, copy)
    return copy


def snapshot(bundle: Path) -> dict[str, str]:
    """Return the digest of every file."""
    return {
        item.relative_to(bundle).as_posix(): hashlib.sha256(item.read_bytes()).hexdigest()
        for item in bundle.rglob("*")
        if item.is_file()
    }


def power_at(path: Path, hertz: float) -> float:
    """Return how much of a tone is in a file's sound."""
    with av.open(str(path)) as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    spectrum = np.abs(np.fft.rfft(samples))
    return float(spectrum[round(hertz * len(samples) / 48_000) - 40 :][:80].max())


def test_nothing_of_the_erased_is_left(bundle: Path) -> None:
    """Picture, tone, words, figures, numbers and receipt id of the erased are in no file."""
    before = read_manifest(bundle)
    assert has_colour(bundle / "recording.mp4", RED)
    loud = power_at(bundle / "recording.mp4", BEEPS[BOB])
    published = erased(bundle, participant="P02")
    assert published.path == bundle
    assert len(verify_bundle(bundle)) == 5
    assert not has_colour(bundle / "recording.mp4", RED)
    assert power_at(bundle / "recording.mp4", BEEPS[BOB]) < loud / 50
    assert power_at(bundle / "recording.mp4", BEEPS[ADA]) > loud / 3
    gone = {before.files[name].sha256 for name in ("tracks/p02-camera.mp4", "tracks/p02-microphone.m4a")}
    assert not gone & {entry.sha256 for entry in published.manifest.files.values()}
    everything = b"".join(
        item.read_bytes() for item in bundle.rglob("*") if item.suffix in (".json", ".jsonl", ".vtt", ".html")
    )
    assert b"bravo" not in everything
    assert receipt_of(BOB).encode() not in everything
    assert [item.name for item in bundle.parent.iterdir()] == [bundle.name]


def test_the_others_are_kept_as_they_were_under_new_numbers(bundle: Path) -> None:
    """Those who stay keep tracks, words and figures, byte for byte where nothing was composed anew."""
    before = read_manifest(bundle)
    manifest = erased(bundle, participant="P01").manifest
    assert manifest.participants is not None
    assert [entry.id for entry in manifest.participants.people] == ["P01", "P02"]
    assert manifest.files["tracks/p01-camera.mp4"] == before.files["tracks/p02-camera.mp4"]
    assert manifest.files["tracks/p01-microphone.m4a"] == before.files["tracks/p02-microphone.m4a"]
    assert manifest.files["tracks/p02-camera.mp4"] == before.files["tracks/p03-camera.mp4"]
    text = (bundle / "transcript.vtt").read_text()
    assert "<v P01>bravo" in text
    assert "<v P02>echo" in text
    assert has_colour(bundle / "recording.mp4", RED)
    assert has_colour(bundle / "recording.mp4", GREEN)
    quality = Quality.model_validate_json((bundle / "quality.json").read_bytes())
    assert [entry.id for entry in quality.participants] == ["P01", "P02"]
    assert (manifest.created, manifest.expires, manifest.policy_digest) == (
        before.created,
        before.expires,
        before.policy_digest,
    )


def test_figures_are_of_those_who_stay(bundle: Path) -> None:
    """Counts, coverage, gaps, checks and stills are what they would be had the erased never been there."""
    manifest = erased(bundle, participant="P03").manifest
    people = manifest.participants
    assert people is not None
    assert (people.recorded, people.not_recorded) == (2, 3)
    assert manifest.coverage.video.frames == sum(entry.coverage.video.frames for entry in people.people)
    assert manifest.redacted == {"PERSON": 4, "faces": 2}
    assert {entry.track for entry in manifest.gaps} == {"P01-camera", "P02-camera"}
    assert {still.track for still in manifest.stills} <= {"P01-camera", "P02-camera"}
    frames = next(check for check in manifest.checks if check.name == "picture-as-redacted").figure
    assert frames == manifest.coverage.video.frames
    assert next(c for c in manifest.checks if c.name == "voice-not-recognised").figure == 0.2


def test_log_proves_the_erasure_and_tells_not_whose(bundle: Path) -> None:
    """The new log binds the old manifest by its sha256, and holds no count, size, time or number of the erased."""
    old = hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()
    erased(bundle, participant="P02")
    lines = log_of(bundle)
    (proof,) = [line for line in lines if line["event"] == "erased"]
    assert proof["sha256"] == old
    assert set(proof) == {"event", "hash", "prev", "seq", "reason", "sha256"}
    tracks = {line["track"].split("-")[0] for line in lines if "track" in line}
    assert tracks == {"P01", "P02"}


def test_who_was_erased_makes_no_difference_to_what_is_told(original: Path, tmp_path: Path) -> None:
    """After erasing one or another, logs and manifests have the same shape."""
    shapes = []
    for who in ("P01", "P02"):
        copy = tmp_path / who / original.name
        shutil.copytree(original, copy)
        manifest = erased(copy, participant=who).manifest
        kinds = sorted((line["event"], line.get("track", "")) for line in log_of(copy))
        shapes.append((kinds, [check.name for check in manifest.checks], manifest.notes))
    # P03 alone has no microphone, so that here both erasures leave one with and one without.
    assert shapes[0] == shapes[1]


def test_receipts_of_the_erased_go(bundle: Path) -> None:
    """Of the erased no receipt is left, whose times and state would tell of them; the others' are untouched."""
    before = {
        item["receipt_id"]: item for item in json.loads((bundle / "receipts.json").read_text())["receipts"]
    }
    erased(bundle, receipt=receipt_of(BOB))
    after = {
        item["receipt_id"]: item for item in json.loads((bundle / "receipts.json").read_text())["receipts"]
    }
    assert receipt_of(BOB) in before
    assert after == {receipt_of(who): before[receipt_of(who)] for who in (ADA, EVE)}


def test_pseudonyms_have_no_gap(bundle: Path) -> None:
    """The others' pseudonyms are counted anew, so that none is missing where the erased said it."""
    assert "[PERSON 2]" in (bundle / "transcript.vtt").read_text()
    erased(bundle, participant="P01")
    text = (bundle / "transcript.vtt").read_text()
    assert re.findall(r"\[PERSON \d+\]", text) == ["[PERSON 1]", "[PERSON 2]"]
    spoken = json.loads((bundle / "transcript.json").read_text())["utterances"]
    words = [word["text"] for item in spoken for word in item["words"] if word["entity_type"]]
    assert words == ["PERSON 1", "PERSON 2"]


def test_chat_of_the_erased_goes_and_the_others_keep_theirs(bundle: Path) -> None:
    """Messages stand under their senders' numbers, before and after; pseudonyms are those of the transcript."""

    def messages() -> list[tuple[str, str, str, float]]:
        chat = json.loads((bundle / "chat.json").read_text())["messages"]
        return [(one["sender"], one["speaker"], one["text"], one["time"]) for one in chat]

    assert messages() == [
        (f"P0{order}", f"P0{order}", f"{word}-written [PERSON {order}] wrote", order / 2 + 1)
        for order, word in enumerate(("alpha", "bravo", "echo"), start=1)
    ]
    erased(bundle, participant="P01")
    assert messages() == [
        ("P01", "P01", "bravo-written [PERSON 1] wrote", 2.0),
        ("P02", "P02", "echo-written [PERSON 2] wrote", 2.5),
    ]


def test_everybody_can_be_erased_one_after_the_other(bundle: Path) -> None:
    """Each erasure leaves a verified bundle whose log proves the last and counts none; in the end no media is left."""
    for left in (2, 1, 0):
        manifest = erased(bundle, participant="P01").manifest
        assert manifest.participants is not None
        assert manifest.participants.recorded == left
        assert len(verify_bundle(bundle)) == 5
        assert sum(line["event"] == "erased" for line in log_of(bundle)) == 1
    assert not [name for name in manifest.files if name.endswith((".mp4", ".m4a"))]


@pytest.mark.parametrize(
    ("who", "sentence"),
    [
        ({}, "Say who"),
        ({"participant": "P09"}, "no such participant"),
        ({"participant": "p01"}, "no such participant"),
        ({"participant": "../x"}, "no such participant"),
        ({"receipt": "0" * 32}, "has that receipt"),
        ({"participant": "P01", "receipt": "0" * 32}, "Say who"),
    ],
)
def test_unknown_participants_change_nothing(bundle: Path, who: dict[str, str], sentence: str) -> None:
    """Who is not there cannot be erased, and the bundle is as it was."""
    before = snapshot(bundle)
    with pytest.raises(UsageError, match=sentence):
        erased(bundle, **who)
    assert snapshot(bundle) == before


def test_bundle_of_a_file_cannot_lose_a_participant(tmp_path: Path) -> None:
    """A recording from a file has one picture and one sound for all; that is said, and nothing is changed."""
    made = publish(tmp_path)
    before = snapshot(made)
    with pytest.raises(UsageError, match="from a file"):
        erased(made, participant="P01")
    assert snapshot(made) == before


def test_altered_bundle_is_not_rebuilt(bundle: Path) -> None:
    """A bundle that does not verify is refused, since nothing tells what is in it."""
    (bundle / "transcript.vtt").write_text("WEBVTT\n")
    with pytest.raises(RedactionIncomplete):
        erased(bundle, participant="P01")


@pytest.mark.parametrize("what", ["missing", "link", "partial"])
def test_what_is_no_bundle_is_unreadable(bundle: Path, what: str) -> None:
    """Only a folder that ends in .offrecord is taken."""
    place = bundle.parent / "nothing.offrecord"
    if what == "link":
        place.symlink_to(bundle)
    elif what == "partial":
        place = bundle.rename(bundle.parent / "call-1.offrecord.partial")
    with pytest.raises(UnreadableInput):
        erased(place, participant="P01")


@pytest.mark.parametrize("step", ["compose", "publish", "stopped"])
def test_failure_leaves_the_old_bundle_whole(
    bundle: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails, the bundle is the one that it was, and nothing lies beside it."""
    before = snapshot(bundle)
    cancellation = Cancellation()

    def fail(*_: object, **__: object) -> Manifest:
        raise StorageFailed("The disk is full.")

    if step == "compose":
        monkeypatch.setattr("recorder.bundle.compose_call.compose", fail)
    elif step == "publish":
        monkeypatch.setattr(BundleWriter, "_swap_in", fail)
    else:
        cancellation.cancel()
    with pytest.raises((StorageFailed, Interrupted)):
        erase_participant(bundle, participant="P01", run=Run(cancellation=cancellation))
    assert snapshot(bundle) == before
    assert [item.name for item in bundle.parent.iterdir()] == [bundle.name]
    assert len(verify_bundle(bundle)) == 5


def test_killed_between_the_two_renames(bundle: Path) -> None:
    """When the old bundle was taken away and the new one is not in its place, the old one is put back first."""
    aside = bundle.with_name(bundle.name + ".replaced")
    bundle.rename(aside)
    manifest = erased(bundle, participant="P01").manifest
    assert manifest.participants is not None
    assert manifest.participants.recorded == 2
    assert not aside.exists()


def test_killed_before_the_old_bundle_was_removed(bundle: Path, original: Path) -> None:
    """When an erasure was carried out but not tidied up, a second run erases nobody else but what was left behind."""
    erased(bundle, participant="P01")
    aside = bundle.with_name(bundle.name + ".replaced")
    shutil.copytree(original, aside)
    before = snapshot(bundle)
    with pytest.raises(UsageError, match="other numbers"):
        erased(bundle, participant="P01")
    assert not aside.exists()
    assert snapshot(bundle) == before


def test_command_erases_and_says_what_failed(bundle: Path, tmp_path: Path) -> None:
    """Status 0 with the number of those left; 2 and an untouched bundle for somebody who is not there."""
    (tmp_path / "run").mkdir()
    place = place_in(tmp_path / "run")
    before = snapshot(bundle)
    refused = run(["erase", bundle, "--participant", "P07"], place)
    assert refused.status == ExitCode.USAGE
    assert snapshot(bundle) == before
    ran = run(["erase", bundle, "--participant", "P02", "--json"], place)
    assert ran.status == 0, ran.err
    assert json.loads(ran.out)["participants"] == 2
    assert place.leftovers() == []
