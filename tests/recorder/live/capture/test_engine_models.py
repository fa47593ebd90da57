"""The live engine with the real picture models: a child is removed, an adult is recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recorder.call.source import LiveKind, TimedAudio
from recorder.live.capture.age_state import SETTLED_S
from redaction.errors import ModelUnavailable
from redaction.model import Samples
from redaction.policy import Policy
from redaction.video.redact import VideoStages
from tests.recorder.live.capture.live_call import CLIPS, Call, clip, everything
from tests.recorder.live.capture.test_audio_worker import blocks, call_sound
from tests.recorder.live.scene import ADA, lines, stored, wait_until


@pytest.fixture(scope="module")
def models() -> None:
    """The real picture models, or a reason to skip."""
    try:
        VideoStages.load(Policy(), threads=1)
    except ModelUnavailable:
        pytest.skip("the models are not in the cache: offrecord models fetch")
    if not CLIPS.is_dir():
        pytest.skip("the shared clips are not there: set OFFRECORD_SHARED_DATA")


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
