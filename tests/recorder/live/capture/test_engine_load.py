"""The live engine under load: what is stored is covered, queues stay bounded, and it goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recorder.call.source import LiveKind
from recorder.live.capture import video_pool as pool_module
from recorder.live.store.segments import LONGEST_STEP_S
from recorder.media.encode import AudioWriter, VideoWriter
from redaction.errors import InternalError
from redaction.video.faces.detect import Detection
from redaction.video.view import Picture
from tests.recorder.live.capture.live_call import Call, marked, shows_marker
from tests.recorder.live.capture.test_audio_worker import blocks, call_sound
from tests.recorder.live.scene import ADA, BOB, heard, lines, stored, wait_until
from tests.recorder.live.speech import RATE
from tests.redaction.video.scene import FakeDetector


class SlowDetector(FakeDetector):
    """Sees every bright blob, and takes its time."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def detect(self, picture: Picture) -> list[Detection]:
        """Wait, then return a box around each bright blob."""
        time.sleep(self.seconds)
        return super().detect(picture)


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
