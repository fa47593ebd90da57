"""The live engine: owners, overload, hanging stages, forgetting, kills, and nothing raw on the disk at any time."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from recorder.call.source import LiveKind
from recorder.live.capture import engine as engine_module
from recorder.live.capture.age_state import Adulthood
from recorder.live.store.journal import Journal
from redaction.errors import StorageFailed
from redaction.video.screen.reader import ScreenReader
from tests.recorder.live.capture.live_call import Call, everything, marked, shows_marker
from tests.recorder.live.capture.test_audio_worker import blocks, call_sound
from tests.recorder.live.scene import ADA, BOB, CID, SIZE, lines, proofs, stored, wait_until
from tests.recorder.live.speech import RATE


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


def test_rate_of_the_call_is_that_of_its_blocks() -> None:
    """The tests' blocks last 20 ms each."""
    assert blocks(np.zeros(RATE, np.float32))[1].time == pytest.approx(0.02)
    assert SIZE[0] % 16 == SIZE[1] % 16 == 0
