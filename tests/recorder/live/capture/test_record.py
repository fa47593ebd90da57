"""A call from joining to a published bundle, and how each way in which it can go wrong ends and is told."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from recorder.bundle.publish import Published
from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.bundle.writer import LIVE
from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.receipts import Receipts
from recorder.call.room.source import RoomSource
from recorder.call.source import Answer, CallObserver, Ended, LiveKind, QualitySample, TimedAudio, TrackKey
from recorder.commands import join
from recorder.live.capture import engine as engine_module
from recorder.live.capture import record as record_module
from recorder.live.capture.engine import LiveEngine
from recorder.live.capture.monitor import CallLimits
from recorder.live.capture.record import Recorded, record_call
from recorder.live.finish.recover import recover_call
from recorder.live.store.journal import RECEIPTS
from recorder.runtime.context import Run, Silent
from redaction.errors import ConsentRefused, ExitCode, InternalError, StorageFailed
from redaction.model import Box, Samples
from redaction.policy import Policy
from redaction.stages import Stages
from redaction.video.redact import VideoStages
from samples.room_client import Guest
from tests.cli.running import place_in, run
from tests.recorder.live.fakes import FakeSource, FakeView, Script, deaf_and_blind, settle
from tests.recorder.live.scene import picture, wait_until
from tests.recorder.live.speech import Scripted, stages_of
from tests.redaction.video.scene import FakeDetector, policy

CAMERA = TrackKey("a", LiveKind.CAMERA)
MICROPHONE = TrackKey("a", LiveKind.MICROPHONE)


def models() -> VideoStages:
    """Return stages that see bright squares."""
    eyes = FakeDetector()
    return VideoStages(eyes, eyes)


def quick_engine(rules: Policy) -> Stages:
    """Return an engine that needs no model file."""
    engine = deaf_and_blind(rules)
    engine._video = models()
    engine._audio = stages_of(Scripted(), policy=rules)
    return engine


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model is loaded, but all else is as in a real call."""
    monkeypatch.setattr(record_module, "Stages", quick_engine)
    monkeypatch.setattr("recorder.live.finish.recover.Stages", quick_engine)
    monkeypatch.setattr(record_module, "LiveEngine", partial(LiveEngine, video=models, cores=1))


async def media(to: CallObserver, *, start: float = 0.3, seconds: float = 3.0) -> None:
    """Send a face and a quiet microphone, as fast as they are taken."""
    if start < 1:
        to.track_started(CAMERA, start)
        to.track_started(MICROPHONE, start)
    silence: Samples = np.zeros(4800, np.float32)
    for index in range(round(seconds * 30)):
        at = start + index / 30
        to.video(CAMERA, picture([Box(100, 40, 156, 96)], at=at))
        if index % 3 == 0:
            to.audio(MICROPHONE, TimedAudio(silence, 48_000, at))
        await asyncio.sleep(0.005)
    to.quality("a", QualitySample(time=start + 1, packets=100))


def call(*, after: Callable[[CallObserver], Awaitable[Ended]]) -> Script:
    """Return a call of one who agrees and one who refuses, and what happens then."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        to.can_ask(True, 0)
        for who in ("a", "b", "c"):
            to.joined(who, f"Rosalind {who}", 0.1)
        to.answered("a", Answer.YES, 0.2)
        to.answered("b", Answer.NO, 0.2)
        await settle()
        await media(to)
        return await after(to)

    return script


async def over(to: CallObserver) -> Ended:
    """Everybody leaves, and the call is over."""
    for who in ("a", "b", "c"):
        to.left(who, 3.5)
    return Ended.OVER


async def stays(_to: CallObserver) -> Ended:
    """The call goes on."""
    await asyncio.sleep(30)
    return Ended.OVER


def recorded(
    folder: Path, script: Script, view: FakeView | None = None, limits: CallLimits | None = None
) -> Recorded:
    """Record a call."""
    return record_call(
        FakeSource(script),
        way="room",
        folder=folder,
        policy=policy(),
        view=view or FakeView(),
        watch=lambda: nullcontext(Silent()),
        limits=limits,
        name="call-1",
    )


def recovered(folder: Path) -> Published:
    """Recover the call, and verify what comes out."""
    partial_bundle = folder / "call-1.offrecord.partial"
    published = recover_call(partial_bundle, policy=policy(), run=Run())
    assert len(verify_bundle(published.path)) == 5
    return published


def states(bundle: Path) -> list[str]:
    """Return how each consent of a bundle stands."""
    document = Receipts.model_validate_json((bundle / "receipts.json").read_bytes())
    return sorted(receipt.state.value for receipt in document.receipts)


def test_a_call_becomes_a_verified_bundle(tmp_path: Path) -> None:
    """Who agreed is in it, everybody has a receipt, and nothing says that it was cut short."""
    done = recorded(tmp_path, call(after=over))
    assert done.ended is Ended.OVER
    assert done.counts == {"recorded": 1, "refused": 1, "not answered": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["call-1.offrecord"]
    assert len(verify_bundle(done.published.path)) == 5
    manifest = done.published.manifest
    assert manifest.participants is not None
    assert (manifest.participants.recorded, manifest.participants.not_recorded) == (1, 2)
    assert {track.id for track in manifest.tracks} == {"P01-camera", "P01-microphone"}
    assert not {"call-lost", "cut-off"} & set(manifest.notes)
    assert states(done.published.path) == ["given"]


def test_a_call_that_was_lost_is_published_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was recorded is verified, so the status is 0; message, JSON, manifest and report say that it ends early."""

    async def lost(_to: CallObserver) -> Ended:
        return Ended.LOST

    done = recorded(tmp_path, call(after=lost))
    assert done.ended is Ended.LOST
    assert "call-lost" in done.published.manifest.notes
    assert "could not be reached again" in done.published.attention[0]
    assert "could not be reached again" in (done.published.path / "report.html").read_text()
    join.print_recorded(done, as_json=False)
    assert "could not be reached again" in capsys.readouterr().out
    join.print_recorded(done, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["ended"] == "lost"
    assert "could not be reached again" in document["attention"][0]


def test_a_camera_in_a_strange_codec_leaves_the_sound_and_the_manifest_says_so(tmp_path: Path) -> None:
    """Of who sends VP9 or AV1 the microphone alone is stored; gap, report and message say why."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        to.can_ask(True, 0)
        to.joined("a", "Rosalind", 0.1)
        to.answered("a", Answer.YES, 0.2)
        await settle()
        to.track_started(CAMERA, 0.3)
        to.track_lost(CAMERA, 0.3, 0.3, "codec")
        to.track_ended(CAMERA, 0.3)
        to.track_started(MICROPHONE, 0.3)
        for index in range(30):
            silence: Samples = np.zeros(4800, np.float32)
            to.audio(MICROPHONE, TimedAudio(silence, 48_000, 0.3 + index / 10))
        await asyncio.sleep(0.5)
        to.left("a", 3.4)
        return Ended.OVER

    done = recorded(tmp_path, script)
    manifest = done.published.manifest
    assert {track.id for track in manifest.tracks} == {"P01-microphone"}
    assert [(gap.track, gap.reason) for gap in manifest.gaps] == [("P01-camera", "codec")]
    assert any(
        "P01-camera: sent in a codec that is not received" in line for line in done.published.attention
    )


def test_figures_that_nobody_could_mean_do_not_spoil_the_bundle(tmp_path: Path) -> None:
    """A sender with ten thousand pictures a second, or none that is a number, costs that second's figures alone."""

    async def odd(to: CallObserver) -> Ended:
        for figure in (10_000.0, -1.0, float("nan")):
            to.quality("a", QualitySample(time=2.0, fps=figure))
        return await over(to)

    done = recorded(tmp_path, call(after=odd))
    quality = json.loads((done.published.path / "quality.json").read_text())
    assert len(quality["participants"][0]["seconds"]) == 1


def test_nobody_agreed(tmp_path: Path) -> None:
    """A call in which nobody agrees is status 4 and leaves no file."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        to.can_ask(True, 0)
        to.joined("a", "Rosalind", 0.1)
        to.answered("a", Answer.NO, 0.2)
        await settle()
        return Ended.OVER

    with pytest.raises(ConsentRefused):
        recorded(tmp_path, script)
    assert list(tmp_path.iterdir()) == []


def test_no_room_to_begin_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk without room no call is joined, and nothing is left."""
    monkeypatch.setattr(record_module, "_LEAST_FREE", 1 << 62)
    with pytest.raises(StorageFailed, match="free some space"):
        recorded(tmp_path, call(after=over))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_ends_the_call_in_good_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When room gets short the bot leaves with status 7, says why, and all that it held can be recovered."""
    view = FakeView()

    async def filling(_to: CallObserver) -> Ended:
        monkeypatch.setattr(record_module, "_LEAVE_BELOW", 1 << 62)
        return await stays(_to)

    with pytest.raises(StorageFailed, match=r"nearly full.*recover") as failed:
        recorded(tmp_path, call(after=filling), view, CallLimits(60, 60, least_free=1 << 62))
    assert failed.value.exit_code is ExitCode.STORAGE
    assert ("leaving", {"reason": "disk nearly full"}) in view.events
    published = recovered(tmp_path)
    video = published.manifest.coverage.video
    assert video.frames >= 20
    assert video.unaccounted == 0
    assert "cut-off" in published.manifest.notes


def test_a_disk_that_refuses_ends_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing more can be written the bot leaves with status 7, and what was stored until then is recovered."""

    def full(*_: object, **__: object) -> None:
        raise StorageFailed("The disk is full.")

    async def refusing(to: CallObserver) -> Ended:
        await media(to, start=3.4)
        people = tmp_path / "call-1.offrecord.partial" / LIVE / "people"
        (proofs,) = people.glob("*/camera-0001.jsonl")
        await asyncio.to_thread(wait_until, lambda: proofs.read_text().count("proofs") >= 2)
        with monkeypatch.context() as patch:
            patch.setattr("recorder.live.store.segments.VideoSegment.write", full)
            await media(to, start=6.4)
            return await stays(to)

    with pytest.raises(StorageFailed, match="offrecord recover"):
        recorded(tmp_path, call(after=refusing))
    assert recovered(tmp_path).manifest.coverage.video.frames >= 60


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("how", ["sound dies", "sound hangs", "picture dies"])
def test_a_thread_that_dies_or_hangs_is_not_called_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The call goes on, covered or silent; nothing is published by it, the status is 1, and recovering tells of it."""
    view = FakeView()
    let_go = threading.Event()
    monkeypatch.setattr(engine_module, "_AUDIO_HANGS_AFTER_S", 0.5)

    def broken(*_: object, **__: object) -> bool:
        if how == "sound hangs":
            let_go.wait(60)
        raise SystemExit  # which no stage is expected to raise

    async def breaking(to: CallObserver) -> Ended:
        name = (
            "video_worker.VideoWorker._next" if how == "picture dies" else "audio_worker.AudioWorker._listen"
        )
        with monkeypatch.context() as patch:
            patch.setattr(f"recorder.live.capture.{name}", broken)
            await asyncio.to_thread(
                wait_until, lambda: ("stage failed", {"kind": "InternalError"}) in view.events
            )
        await media(to, start=3.4)
        return Ended.OVER

    with pytest.raises(InternalError, match="offrecord recover") as failed:
        recorded(tmp_path, call(after=breaking), view)
    let_go.set()
    assert failed.value.exit_code is ExitCode.INTERNAL
    manifest = recovered(tmp_path).manifest
    kind = "camera" if how == "picture dies" else "microphone"
    lost = [gap for gap in manifest.gaps if gap.track == f"P01-{kind}"]
    if kind == "microphone":
        assert [gap.reason for gap in lost] == ["a stage hangs"]
        assert lost[0].end == pytest.approx(6.4, abs=0.2)
        assert manifest.coverage.video.frames > 120
    else:
        assert lost[0].reason == "a stage hangs"
        assert 0.3 <= lost[0].end < 3.4, "at the latest when the last picture had come"
        assert manifest.coverage.video.covered_whole == manifest.coverage.video.frames > 1


def test_receipts_survive_a_process_that_dies(tmp_path: Path) -> None:
    """The folder as kill -9 would leave it says how every consent stands; the recovered bundle has them all."""
    dead = tmp_path / "dead"

    async def withdrawing(to: CallObserver) -> Ended:
        for who in ("d", "e"):
            to.joined(who, f"Rosalind {who}", 4.0)
            to.answered(who, Answer.YES, 4.1)
        await settle()
        to.answered("d", Answer.ERASE, 4.2)
        await settle()
        shutil.copytree(tmp_path / "call-1.offrecord.partial", dead / "call-1.offrecord.partial")
        return Ended.OVER

    recorded(tmp_path, call(after=withdrawing))
    text = (dead / "call-1.offrecord.partial" / LIVE / RECEIPTS).read_text()
    assert "Rosalind" not in text
    published = recovered(dead)
    assert states(published.path) == ["given", "given"]
    assert published.manifest.participants is not None
    assert published.manifest.participants.not_recorded == 3
    assert "cut-off" in published.manifest.notes
    assert states(tmp_path / "call-1.offrecord") == states(published.path)


def test_who_holds_a_receipt_can_be_erased_by_it(tmp_path: Path) -> None:
    """In a real room each participant alone is given a receipt, and `offrecord erase --receipt` with it erases them."""
    source = RoomSource(NoticeTexts.of(policy()))
    receipts: dict[str, str] = {}

    async def people() -> None:
        url = await source.url()
        squares = [np.full((96, 128, 3), grey, np.uint8) for grey in (40, 90)]
        async with (
            Guest(url, "Ada", video=squares, fps=10) as ada,
            Guest(url, "Bob", video=squares, fps=10) as bob,
        ):
            for one, name in ((ada, "ada"), (bob, "bob")):
                await one.answer(Answer.YES)
                await one.send()
                await one.until(lambda one=one: bool(one.receipt))  # type: ignore[misc]
                receipts[name] = one.receipt
                await one.until(lambda one=one: any(one.receipt in text for _, text in one.heard))  # type: ignore[misc]
            await asyncio.sleep(3)
            assert not any(receipts["ada"] in text for _, text in bob.heard)
            await bob.answer(Answer.NO)
            await bob.until(lambda: not bob.recorded and not bob.receipt)
            await bob.answer(Answer.YES)
            await bob.until(lambda: bool(bob.receipt))
            assert bob.receipt != receipts["bob"]
            receipts["bob"] = bob.receipt
            await asyncio.sleep(3)
        await source.close()

    made = record_call(
        source,
        way="room",
        folder=tmp_path,
        policy=policy(),
        view=FakeView(),
        watch=lambda: nullcontext(Silent()),
        name="call-1",
        alongside=people,
    )
    bundle = made.published.path
    before = read_manifest(bundle)
    assert before.participants is not None
    assert {one.receipt for one in before.participants.people} == set(receipts.values())
    place = place_in(tmp_path)
    wrong = run(["erase", bundle, "--receipt", "0" * 32, "--quiet"], place)
    assert wrong.status == int(ExitCode.USAGE)
    done = run(["erase", bundle, "--receipt", receipts["ada"], "--quiet"], place)
    assert done.status == 0, done.err
    left = read_manifest(bundle).participants
    assert left is not None
    assert [one.receipt for one in left.people] == [receipts["bob"]]
