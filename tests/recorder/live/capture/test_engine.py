"""The live engine: owners, overload, hanging stages, forgetting, kills, and nothing raw on the disk at any time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from recorder.call.source import LiveKind, TimedAudio, TimedVideo
from recorder.live.capture import engine as engine_module
from recorder.live.capture import video_pool as pool_module
from recorder.live.capture.age_state import SETTLED_S, Adulthood
from recorder.live.capture.engine import LiveEngine
from recorder.live.store.journal import Journal
from recorder.live.store.segments import LONGEST_STEP_S
from recorder.media.encode import AudioWriter, VideoWriter
from recorder.media.orient import Geometry, Upright
from recorder.runtime.context import Run
from redaction.errors import InternalError, ModelUnavailable, StorageFailed
from redaction.model import Box, Samples
from redaction.policy import Policy
from redaction.stages import Stages
from redaction.video.faces.detect import Detection
from redaction.video.redact import VideoStages
from redaction.video.screen.reader import ScreenReader
from redaction.video.view import Picture
from tests.paths import SHARED_DATA
from tests.recorder.live.capture.test_audio_worker import blocks, call_sound
from tests.recorder.live.scene import (
    ADA,
    BOB,
    CID,
    SIZE,
    heard,
    journal_of,
    lines,
    picture,
    proofs,
    stored,
    wait_until,
)
from tests.recorder.live.speech import RATE, Scripted, stages_of
from tests.redaction.video.scene import FakeDetector, policy

DATA = SHARED_DATA
CLIPS = DATA / "faces" / "clips"


class SlowDetector(FakeDetector):
    """Sees every bright blob, and takes its time."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def detect(self, picture: Picture) -> list[Detection]:
        """Wait, then return a box around each bright blob."""
        time.sleep(self.seconds)
        return super().detect(picture)


class Call:
    """A live engine with fake models, its journal, and what it told."""

    def __init__(
        self,
        folder: Path,
        *tokens: str,
        detector: Callable[[], FakeDetector] = FakeDetector,
        script: Sequence[str] = (),
        names: tuple[str, ...] = (),
        cores: int = 2,
        real: bool = False,
        screen: ScreenReader | None = None,
    ) -> None:
        self.folder = folder
        self.journal = journal_of(folder, *tokens)
        self.errors: list[BaseException] = []
        self.minors: list[str] = []
        rules = Policy() if real else policy()
        stages = Stages(rules)
        stages._audio = stages_of(Scripted(*script), names=names, policy=rules)

        def models() -> VideoStages:
            eyes = detector()
            return VideoStages(eyes, eyes, screen=screen)

        self.live = LiveEngine(
            stages=stages,
            journal=self.journal,
            cores=cores,
            on_minor=self.minors.append,
            on_error=self.errors.append,
            video=None if real else models,
        )
        self.live.start()

    def show(self, lane: int, pictures: Sequence[TimedVideo], *, pace: bool = True) -> None:
        """Give pictures to a lane, waiting while its queue is a tenth full."""
        for one in pictures:
            while pace and self.fill(lane) > 0.1:
                time.sleep(0.002)
            self.live.video(lane, one)

    def fill(self, lane: int) -> float:
        """Return how full a lane's queue is."""
        video = self.live._tracks.video(lane)
        return 0.0 if video is None else video.lane.inbox.fill

    def finish(self) -> None:
        """End the call."""
        self.live.finish(Run())
        self.journal.close()

    def pieces(self, token: str, kind: str = "camera") -> list[Path]:
        """Return the pieces of a participant."""
        return sorted(self.journal.folder(token).glob(f"{kind}-*.mp4"))

    def facts(self, token: str, kind: str) -> list[dict[str, object]]:
        """Return the details of a participant's facts."""
        path = self.journal.folder(token) / "facts.jsonl"
        return [line["detail"] for line in lines(path) if line["kind"] == kind]


def marked(at: float, *, x: int = 100, level: int = 60) -> TimedVideo:
    """Return a picture with a face that carries a pattern, on a ground of its own grey."""
    one = picture([Box(x, 40, x + 56, 96)], at=at)
    plane = one.frame.planes[0]
    luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:, : plane.width]
    face = luma > 200
    luma[~face] = level
    rows, columns = np.nonzero(face)
    luma[rows, columns] = np.where((rows // 8 + columns // 8) % 2, 255, 165)
    return one


def shows_marker(luma: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bool:
    """Tell whether anything as bright as the pattern is in a stored picture."""
    return bool((luma > 150).any())


def everything(folder: Path) -> bytes:
    """Return all bytes below a folder."""
    return b"".join(item.read_bytes() for item in folder.rglob("*") if item.is_file())


def test_every_frame_and_sound_lies_with_its_owner(tmp_path: Path) -> None:
    """Three participants with pictures of their own grey and one with words: each folder holds its owner's alone."""
    call = Call(tmp_path, ADA, BOB, CID, script=["good morning to all of you"])
    levels = {ADA: 40, BOB: 80, CID: 120}
    lanes = {token: call.live.open(token, LiveKind.CAMERA, time=0.0) for token in levels}
    mic = call.live.open(BOB, LiveKind.MICROPHONE, time=0.0)
    for block in blocks(call_sound(2.0, seconds=8.0)):
        call.live.audio(mic, block)
    for index in range(120):
        for token, lane in lanes.items():
            call.show(lane, [marked(index / 30, level=levels[token])])
    assert call.live.state(mic).speaking is False
    call.finish()
    assert call.errors == []
    for token, level in levels.items():
        (path,) = call.pieces(token)
        frames = stored(path)
        assert len(frames) == len(proofs(path.with_suffix(".jsonl"))) == 120
        assert not any(shows_marker(luma) for _, luma in frames)
        assert all(abs(int(np.median(luma)) - level) < 6 for _, luma in frames)
    assert call.pieces(BOB, "microphone")
    assert not call.pieces(ADA, "microphone")
    assert [line["words"][0]["text"] for line in lines(call.journal.folder(BOB) / "words.jsonl")] == ["good"]
    assert (tmp_path / "log.jsonl").read_bytes() == b""


def test_ends_and_new_tracks_of_one_participant(tmp_path: Path) -> None:
    """A camera that is turned off and on again, and a screen beside it, are pieces of their own, in order."""
    call = Call(tmp_path)
    for start in (0.0, 5.0):
        lane = call.live.open(ADA, LiveKind.CAMERA, time=start)
        call.show(lane, [marked(start + index / 30) for index in range(60)])
        call.live.end(lane, start + 2)
        call.live.video(lane, marked(start + 3))  # too late
    screen = call.live.open(ADA, LiveKind.SCREEN, time=1.0)
    call.show(screen, [marked(1 + index / 5) for index in range(20)])
    call.finish()
    starts = [lines(path.with_suffix(".jsonl"))[0]["start"] for path in call.pieces(ADA)]
    assert starts == pytest.approx([0.0, 5.0])
    assert [len(stored(path)) for path in call.pieces(ADA)] == [60, 60]
    assert len(call.pieces(ADA, "screen")) == 1


def test_tracks_beyond_the_bound_are_counted_and_logged(tmp_path: Path) -> None:
    """Of forty cameras and microphones at once 32 are taken; the others are counted, and told once of each kind."""
    call = Call(tmp_path)
    kinds = [LiveKind.CAMERA] * 36 + [LiveKind.MICROPHONE] * 4
    lanes = [call.live.open(ADA, kind, time=1 + at / 10) for at, kind in enumerate(kinds)]
    assert call.live.refused_tracks == 8
    call.show(lanes[-1], [marked(2)])
    call.show(lanes[35], [marked(2)])
    wait_until(lambda: len(call.facts(ADA, "gap")) == 2)
    call.finish()
    # written by a thread for each kind: their order is open
    gaps = (line for line in lines(call.journal.folder(ADA) / "facts.jsonl") if line["kind"] == "gap")
    told = sorted(gaps, key=lambda line: str(line["track"]))
    assert [(line["track"], line["detail"]["reason"]) for line in told] == [
        ("camera", "too many tracks"),
        ("microphone", "too many tracks"),
    ]
    assert [line["start"] for line in told] == pytest.approx([4.2, 4.6])
    assert call.errors == []
    assert call.pieces(ADA) == []


def test_twice_the_load_is_covered_and_alive(tmp_path: Path) -> None:
    """With a detector that takes far too long everything stored is still covered, queues stay bounded, the level and
    the drops are told, and it ends in time."""
    call = Call(tmp_path, ADA, BOB, detector=lambda: SlowDetector(0.12), cores=1)
    lanes = [call.live.open(token, LiveKind.CAMERA, time=0.0) for token in (ADA, BOB)]
    began = time.monotonic()
    levels: set[str] = set()
    index = 0
    while time.monotonic() - began < 9:
        while index / 30 <= time.monotonic() - began:
            for lane in lanes:
                call.live.video(lane, marked(index / 30, x=60 + index % 150))
            index += 1
        levels.add(call.live.state(lanes[0]).level)
        assert max(call.fill(lane) for lane in lanes) <= 1.0
        time.sleep(0.005)
    assert call.journal.stored_bytes() > 0
    finishing = time.monotonic()
    call.finish()
    assert time.monotonic() - finishing < 20
    assert "covered" in levels
    for token in (ADA, BOB):
        frames = [entry for path in call.pieces(token) for entry in stored(path)]
        assert frames[-1][0] > 5
        assert not any(shows_marker(luma) for _, luma in frames)
        assert {"level": "covered"} in call.facts(token, "load")
    assert call.errors == []


def test_a_slow_disk_costs_pictures_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While every write takes long, queues stay bounded, what is stored is covered, what is not is a logged gap, and
    sound that could be stored is; when the disk is quick again the level falls."""
    slow = [0.25]
    for writer in (VideoWriter, AudioWriter):
        real = writer.write

        def late(self: Any, item: Any, real: Callable[..., None] = real) -> None:
            time.sleep(slow[0])
            real(self, item)

        monkeypatch.setattr(writer, "write", late)
    call = Call(tmp_path, ADA, BOB, cores=1)
    lanes = [call.live.open(token, LiveKind.CAMERA, time=0.0) for token in (ADA, BOB)]
    microphone = call.live.open(ADA, LiveKind.MICROPHONE, time=0.0)
    spoken = blocks(call_sound(1.0, seconds=14.0))
    began, index, levels = time.monotonic(), 0, set()
    while (now := time.monotonic() - began) < 14:
        slow[0] = 0.25 if now < 6 else 0.0
        while index / 30 <= now:
            for lane in lanes:
                call.live.video(lane, marked(index / 30, x=60 + index % 150))
            index += 1
        while spoken and spoken[0].time <= now:
            call.live.audio(microphone, spoken.pop(0))
        levels.add(call.live.state(lanes[0]).level)
        assert max(call.fill(lane) for lane in lanes) <= 1.0
        time.sleep(0.005)
    dropped = {token: call.live.state(lane).drops for token, lane in zip((ADA, BOB), lanes, strict=True)}
    call.finish()
    assert call.errors == []
    assert not call.live.broken
    assert levels & {"few", "covered"}
    for token in (ADA, BOB):
        frames = [
            (lines(path.with_suffix(".jsonl"))[0]["start"] + at, luma)
            for path in call.pieces(token)
            for at, luma in stored(path)
        ]
        assert frames[-1][0] > 13
        assert not any(shows_marker(luma) for _, luma in frames)
        overloads = [fact for fact in call.facts(token, "gap") if fact == {"reason": "overload"}]
        assert bool(overloads) == bool(dropped[token])
        assert max(later - earlier for (earlier, _), (later, _) in pairwise(frames)) < LONGEST_STEP_S + 0.05
    assert sum(len(heard(path)) for path in call.pieces(ADA, "microphone")) > 13 * RATE


def test_a_thread_that_hangs_loses_its_tracks_to_covers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A detector that never returns costs its tracks their pictures, not the call: covers are stored from then on."""
    monkeypatch.setattr(pool_module, "_HANGS_AFTER_S", 1.0)
    let_go = threading.Event()

    class Hanging(FakeDetector):
        def detect(self, picture: Picture) -> list[Detection]:
            if self.calls >= 8:
                let_go.wait(60)
            return super().detect(picture)

    call = Call(tmp_path, detector=Hanging, cores=1)
    lane = call.live.open(ADA, LiveKind.CAMERA, time=0.0)
    call.show(lane, [marked(index / 30, x=20 + index) for index in range(60)], pace=False)
    wait_until(lambda: bool(call.errors))
    call.show(lane, [marked(5 + index / 30) for index in range(60)])
    call.live.end(lane, 7.0)
    call.finish()
    let_go.set()
    assert [type(error) for error in call.errors] == [InternalError]
    assert {"level": "covered", "reason": "a stage hangs"} in call.facts(ADA, "load")
    frames = [
        (lines(path.with_suffix(".jsonl"))[0]["start"] + at, luma)
        for path in call.pieces(ADA)
        if path.stat().st_size
        for at, luma in stored(path)
    ]
    assert frames[-1][0] > 5.9
    assert not any(shows_marker(luma) for _, luma in frames)
    assert all(np.ptp(luma.astype(int)) < 12 for at, luma in frames if at > 5.1)


def test_forgetting_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """A participant forgotten while their camera and microphone run leaves no file, no word and no memory; the other
    goes on."""
    call = Call(tmp_path, ADA, BOB, script=["one of many lines"] * 6)
    cameras = {token: call.live.open(token, LiveKind.CAMERA, time=0.0) for token in (ADA, BOB)}
    mics = {token: call.live.open(token, LiveKind.MICROPHONE, time=0.0) for token in (ADA, BOB)}
    sound = blocks(call_sound(2.0, 24.0, seconds=44.0))
    for token in (ADA, BOB):
        for block in sound:
            call.live.audio(mics[token], block)
    for index in range(120):
        for lane in cameras.values():
            call.show(lane, [marked(index / 30)])
    wait_until(lambda: bool(call.pieces(ADA)))
    call.live.forget(ADA)
    assert not call.journal.folder(ADA).exists()
    for index in range(120, 240):
        for lane in cameras.values():
            call.show(lane, [marked(index / 30)])
    for block in sound:
        call.live.audio(mics[ADA], block)
    assert call.live.open(ADA, LiveKind.CAMERA, time=9.0) not in call.live._tracks._owners
    call.live.forget(ADA)
    call.finish()
    assert call.errors == []
    assert [item.name for item in (tmp_path / "live/people").iterdir()] == [BOB]
    assert [item.name for item in (tmp_path / "live").iterdir()] == ["people"]
    assert call.live._tracks.find(ADA) is None
    sound_worker = call.live._audio
    assert sound_worker is not None
    assert not sound_worker.book.holds(ADA)
    assert len(stored(call.pieces(BOB)[0])) == 240
    (event,) = lines(tmp_path / "log.jsonl")
    assert event["event"] == "erased"


def test_a_minor_concluded_at_the_very_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict that the last pictures bring, when nobody watches any more, is told before finishing returns."""
    monkeypatch.setattr(engine_module, "_WATCH_EVERY_S", 30.0)
    call = Call(tmp_path, ADA)
    lane = call.live.open(ADA, LiveKind.CAMERA, time=0.0)
    call.show(lane, [marked(index / 30) for index in range(10)])
    person = call.live._tracks.find(ADA)
    assert person is not None
    person.age._state = Adulthood.MINOR
    assert call.minors == []
    call.finish()
    assert call.minors == [ADA]


def test_minors_are_told_though_watching_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong while hanging threads are looked for is told, and does not end the watch over minors."""
    call = Call(tmp_path, ADA)
    call.live.open(ADA, LiveKind.CAMERA, time=0.0)

    def full(_now: float) -> None:
        raise StorageFailed("The disk is full.")

    monkeypatch.setattr(call.live, "_look_for_hangs", full)
    wait_until(lambda: bool(call.errors))
    person = call.live._tracks.find(ADA)
    assert person is not None
    person.age._state = Adulthood.MINOR
    wait_until(lambda: call.minors == [ADA])
    call.finish()


def test_markers_are_never_on_the_disk(tmp_path: Path) -> None:
    """While and after a call no file holds a face's pattern or a spoken or displayed name, however it is searched."""
    call = Call(
        tmp_path, script=["my name is zelphira oberwald", "tell zelphira that it works"], names=("zelphira",)
    )
    call.live.know_names(["Quennell Oduya"])
    camera = call.live.open(ADA, LiveKind.CAMERA, time=0.0)
    mic = call.live.open(ADA, LiveKind.MICROPHONE, time=0.0)
    found: list[str] = []

    def search() -> None:
        data = everything(tmp_path).lower()
        found.extend(name for name in ("zelphira", "oberwald", "quennell", "oduya") if name.encode() in data)

    sound = blocks(call_sound(2.0, 24.0, seconds=44.0))
    for index in range(300):
        call.show(camera, [marked(index / 30, x=30 + index % 200)])
        for block in sound[index * 7 : index * 7 + 7]:
            call.live.audio(mic, block)
        if index % 50 == 0:
            search()
    call.finish()
    search()
    assert found == []
    frames = [luma for path in call.pieces(ADA) for _, luma in stored(path)]
    assert len(frames) == 300
    assert not any(shows_marker(luma) for luma in frames)
    texts = " ".join(
        word["text"] for line in lines(call.journal.folder(ADA) / "words.jsonl") for word in line["words"]
    )
    assert "PERSON 1" in texts
    assert "that it works" in texts


class FakeScreen(ScreenReader):
    """Finds no line, and says that it read a name."""

    def names_seen(self) -> tuple[str, ...]:
        """Return what stands on a name tag."""
        return ("Paprika Quintal (Host)",)


def test_a_name_on_a_picture_is_masked_in_speech(tmp_path: Path) -> None:
    """A name that the search of the words would leave is masked once it was read on anybody's picture."""
    for screen, left in ((None, True), (FakeScreen(None, None, None), False)):
        call = Call(tmp_path / str(left), script=["then paprika that it works"], screen=screen)
        mic = call.live.open(ADA, LiveKind.MICROPHONE, time=0.0)
        deadline = time.monotonic() + 20
        while screen is not None and not call.live._pool._seen and time.monotonic() < deadline:
            time.sleep(0.01)
        for block in blocks(call_sound(2.0, seconds=10.0)):
            call.live.audio(mic, block)
        call.finish()
        said = " ".join(
            word["text"] for line in lines(call.journal.folder(ADA) / "words.jsonl") for word in line["words"]
        )
        assert "that it works" in said
        assert ("paprika" in said) is left


@pytest.mark.parametrize("after", [0.3, 1.0])
def test_a_killed_process_leaves_redacted_pieces(tmp_path: Path, after: float) -> None:
    """After SIGKILL in mid-call what is on the disk decodes, is covered and proven, and opens as a journal."""
    program = (
        "import sys, time\n"
        "from tests.recorder.live.capture.test_engine import *\n"
        "call = Call(Path(sys.argv[1]), ADA, BOB)\n"
        "lanes = [call.live.open(token, LiveKind.CAMERA, time=0.0) for token in (ADA, BOB)]\n"
        "print('ready', flush=True)\n"
        "for index in range(100000):\n"
        "    for lane in lanes:\n"
        "        call.show(lane, [marked(index / 30, x=20 + index % 200)])\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    pieces = tmp_path / "live/people"
    wait_until(lambda: any(path.stat().st_size > 1000 for path in pieces.rglob("camera-*.mp4")), seconds=60)
    time.sleep(after)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    journal = Journal(tmp_path)
    assert [one.token for one in journal.people()] == [ADA, BOB]
    count = 0
    for path in (tmp_path / "live/people").rglob("camera-*.mp4"):
        if path.stat().st_size < 1000:
            continue  # nothing but the beginning of a file
        frames = stored(path)
        proven = proofs_of_whole_lines(path.with_suffix(".jsonl"))
        count += len(frames)
        assert len(frames) <= len(proven)
        assert not any(shows_marker(luma) for _, luma in frames)
        assert all(abs(at - claimed) < 1e-3 for (at, _), claimed in zip(frames, proven, strict=False))
    assert count >= 30


def proofs_of_whole_lines(path: Path) -> list[float]:
    """Return the times of all proofs whose line is whole."""
    whole = path.read_bytes().rpartition(b"\n")[0] + b"\n"
    copy = path.with_suffix(".whole")
    copy.write_bytes(whole)
    return [at for at, _, _ in proofs(copy)]


@pytest.fixture(scope="module")
def models() -> None:
    """The real picture models, or a reason to skip."""
    try:
        VideoStages.load(Policy(), threads=1)
    except ModelUnavailable:
        pytest.skip("the models are not in the cache: offrecord models fetch")
    if not CLIPS.is_dir():
        pytest.skip("the shared clips are not there: set OFFRECORD_SHARED_DATA")


def clip(name: str, *, seconds: float, size: tuple[int, int] = (480, 360)) -> list[TimedVideo]:
    """Decode a clip to a size, forth and back until it is long enough, at 25 pictures a second."""
    with av.open(str(CLIPS / f"{name}.mp4")) as container:
        upright = Upright(Geometry(coded=size, flat=size))
        frames = []
        for one in container.decode(video=0):
            y, u, v = upright.convert(one)
            packed = np.concatenate([y.ravel(), u.ravel(), v.ravel()]).reshape(size[1] * 3 // 2, size[0])
            frames.append(av.VideoFrame.from_ndarray(packed, "yuv420p"))
    order = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    return [TimedVideo(frames[order[at % len(order)]], at / 25) for at in range(round(seconds * 25))]


def voice_blocks(samples: Samples) -> list[TimedAudio]:
    """Return a participant's sound in blocks."""
    return blocks(samples)


@pytest.mark.slow
def test_a_child_is_removed_as_a_whole(tmp_path: Path, models: None) -> None:
    """A small child in front of their own camera is told as a minor within seconds of good views, none of their words
    is ever stored, what is stored meanwhile is covered, and forgetting leaves nothing."""
    call = Call(tmp_path, real=True, script=["words of a child"] * 4)
    camera = call.live.open(ADA, LiveKind.CAMERA, time=0.0)
    mic = call.live.open(ADA, LiveKind.MICROPHONE, time=0.0)
    for block in voice_blocks(call_sound(2.0, seconds=15.0)):
        call.live.audio(mic, block)
    call.show(camera, clip("d11", seconds=SETTLED_S + 6))
    wait_until(lambda: call.minors == [ADA], seconds=30)
    assert not (call.journal.folder(ADA) / "words.jsonl").exists()
    call.live.forget(ADA)
    call.finish()
    assert call.minors == [ADA]
    assert list((tmp_path / "live/people").iterdir()) == []
    assert b"child" not in everything(tmp_path)


@pytest.mark.slow
def test_an_adult_is_recorded_with_the_face_covered(tmp_path: Path, models: None) -> None:
    """An adult's camera is stored with the face covered on every frame, and their words are released once they were
    proved an adult."""
    call = Call(tmp_path, real=True, script=["good morning to all of you"] * 4)
    camera = call.live.open(ADA, LiveKind.CAMERA, time=0.0)
    mic = call.live.open(ADA, LiveKind.MICROPHONE, time=0.0)
    for block in voice_blocks(call_sound(5.0, seconds=9.0)):
        call.live.audio(mic, block)
    call.show(camera, clip("d3", seconds=10))
    call.finish()
    assert call.errors == []
    assert call.minors == []
    assert len(lines(call.journal.folder(ADA) / "words.jsonl")) == 1
    frames = [entry for path in call.pieces(ADA) for entry in stored(path)]
    assert len(frames) >= 40  # all 250 on a machine that keeps up
    assert frames[-1][0] > 9
    for _, luma in frames:  # the face fills the middle of this clip
        assert np.ptp(luma[150:210, 210:270].astype(int)) < 24


def test_rate_of_the_call_is_that_of_its_blocks() -> None:
    """The tests' blocks last 20 ms each."""
    assert blocks(np.zeros(RATE, np.float32))[1].time == pytest.approx(0.02)
    assert SIZE[0] % 16 == SIZE[1] % 16 == 0
