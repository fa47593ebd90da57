"""A participant leaves a published bundle: nothing of them is left, and nothing tells who it was."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from recorder.bundle.erase import erase_participant
from recorder.bundle.manifest import Manifest
from recorder.bundle.publish import Published
from recorder.bundle.quality import Quality
from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.bundle.writer import BundleWriter
from recorder.live.finish.finish import finish
from recorder.media.concat import cut_video
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
from redaction.policy import OutputSection
from tests.cli.running import place_in, run
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

ADA, BOB, EVE = "a" * 16, "b" * 16, "e" * 16
BLUE, RED, GREEN = (40, 80, 160), (160, 60, 40), (20, 160, 90)
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


def erased(bundle: Path, **who: str) -> Published:
    """Erase somebody."""
    return erase_participant(bundle, run=Run(), **who)  # type: ignore[arg-type]


def log_of(bundle: Path) -> list[dict[str, Any]]:
    """Return the lines of the log."""
    return [json.loads(line) for line in (bundle / "log.jsonl").read_text().splitlines()]


def snapshot(bundle: Path) -> dict[str, str]:
    """Return the digest of every file."""
    return {
        item.relative_to(bundle).as_posix(): hashlib.sha256(item.read_bytes()).hexdigest()
        for item in bundle.rglob("*")
        if item.is_file()
    }


def has_colour(path: Path, colour: tuple[int, int, int]) -> bool:
    """Tell whether a fair part of any picture of a file has a colour."""
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 5:
                continue
            picture = frame.to_ndarray(format="rgb24").astype(int)
            if (np.abs(picture - np.array(colour)).max(axis=2) < 30).mean() > 0.02:
                return True
    return False


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


def in_turns(folder: Path, *, sizes: tuple[tuple[int, int], ...] = ()) -> Path:
    """Return the bundle of a call in which the first and the last were there alone for a while."""
    people = [
        StagedPerson(
            token,
            order,
            [StagedPicture(moving(colour), start + 0.2, 2.0)],
            [StagedSound(tone_at(2.0, beep=0.5, hertz=900.0 + 300 * order), start + 0.1)],
            [(word, start + 1, start + 1.3, None)],
            stays=[(start, start + 3)],
            events=[gap(start + 0.5, start + 0.6)],
            quality_seconds=2,
        )
        for order, (token, colour, word, start) in enumerate(
            [(ADA, BLUE, "alpha", 5.0), (BOB, RED, "bravo", 9.0), (EVE, GREEN, "echo", 15.0)], start=1
        )
    ]
    return finish(stage(folder, people).writer, stages=deaf_and_blind(), run=Run(), not_recorded=0).path


def seconds_of(path: Path) -> float:
    """Return how long a file says it is."""
    with av.open(str(path)) as container:
        return float(container.duration or 0) / 1e6


@pytest.mark.parametrize(
    ("gone", "begin", "length"), [(("P01",), 4, 9), (("P03",), 0, 7), (("P01", "P02"), 4, 3)]
)
def test_a_bundle_lasts_as_long_as_those_in_it(
    tmp_path: Path, gone: tuple[str, ...], begin: float, length: float
) -> None:
    """Nothing tells when or how long somebody was there who was erased, or that the bot waited for anybody."""
    bundle = in_turns(tmp_path)
    before = read_manifest(bundle)
    assert before.duration == pytest.approx(13, abs=0.3)
    for number, who in enumerate(gone):
        erased(bundle, participant=f"P{int(who[1:]) - number:02d}")
    after = read_manifest(bundle)
    verify_bundle(bundle)
    assert after.duration == pytest.approx(length, abs=0.3)
    assert (after.created - before.created).total_seconds() == (begin if gone != ("P01", "P02") else 10)
    assert (after.expires - after.created).days == after.retention_days
    assert after.participants is not None
    stays = [stay for person in after.participants.people for stay in person.stays]
    assert min(stay.start for stay in stays) == 0
    files = [bundle / "recording.mp4", *sorted((bundle / "tracks").iterdir())]
    assert [seconds_of(path) for path in files] == pytest.approx([length] * len(files), abs=0.3)
    for track in after.tracks:
        assert all(0 <= span.start <= span.end <= length + 0.3 for span in track.spans)
    told = [line["span"] for line in log_of(bundle) if "span" in line]
    assert told
    assert max(end for _, end in told) <= length + 0.3
    quality = Quality.model_validate_json((bundle / "quality.json").read_bytes())
    assert max(one.time for person in quality.participants for one in person.seconds) <= length + 1
    colours = {"P01": BLUE, "P02": RED, "P03": GREEN}
    left = [colour for who, colour in colours.items() if who not in gone]
    for number, colour in enumerate(left, start=1):
        assert has_colour(bundle / f"tracks/p{number:02d}-camera.mp4", colour)
        assert has_colour(bundle / "recording.mp4", colour)


def test_where_everybody_stays_to_the_end_tracks_are_not_touched(tmp_path: Path) -> None:
    """Who is erased and was there no longer than the others leaves their tracks as they are, byte for byte."""
    bundle = in_turns(tmp_path)
    before = read_manifest(bundle)
    erased(bundle, participant="P02")
    after = read_manifest(bundle)
    assert after.duration == before.duration
    assert after.files["tracks/p02-camera.mp4"] == before.files["tracks/p03-camera.mp4"]


@pytest.mark.parametrize("later", [False, True])
def test_a_track_is_cut_whether_frames_wait_for_later_ones_or_not(tmp_path: Path, later: bool) -> None:
    """A cut track, taken over or encoded anew, is black until its first picture, and shows each at its time."""
    path, out = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.options = {"bf": "2" if later else "0", "b-adapt": "0"}
        for number in range(100):
            level = 16 if number < 62 else 90 + 2 * (number - 62)
            picture = av.VideoFrame.from_ndarray(np.full((72, 64), level, np.uint8), format="yuv420p")
            picture.planes[1].update(bytes([128]) * picture.planes[1].buffer_size)
            picture.planes[2].update(bytes([128]) * picture.planes[2].buffer_size)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    cut_video(path, out, begin=6.0, end=9.0, size=(64, 48), output=OutputSection(), run=Run())
    with av.open(str(out)) as container:
        shown = [
            (float(frame.time or 0), frame.to_ndarray()[:48].mean()) for frame in container.decode(video=0)
        ]
        assert float(container.duration or 0) / 1e6 == pytest.approx(3, abs=0.1)
    assert shown[0][0] == 0
    assert all(level < 20 for time, level in shown if time < 0.19)
    late = [(time, level) for time, level in shown if time >= 0.2]
    assert [level for _, level in late] == pytest.approx([90 + 20 * (time - 0.2) for time, _ in late], abs=4)
    assert len(late) == 28
