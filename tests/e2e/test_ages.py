"""Adults of mixed age and group stay in a call with all their words, a child in one tile goes; with the real models."""

from __future__ import annotations

import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from recorder.call.source import LiveKind, TimedVideo
from redaction.errors import ModelUnavailable
from redaction.policy import Policy
from redaction.video.redact import VideoStages
from tests.paths import SHARED_DATA
from tests.recorder.live.capture.live_call import Call, clip
from tests.recorder.live.capture.test_audio_worker import blocks, call_sound
from tests.recorder.live.scene import ADA, BOB, CID, lines, wait_until

FACES = SHARED_DATA / "faces"
DOT, EVE = "d0" * 8, "e0" * 8
ADULTS = {ADA: "40_0_0_", BOB: "27_1_1_", CID: "30_0_3_", DOT: "30_1_2_"}
"""Tokens, and the age, sex and race of whose photograph is shown."""
SECONDS, RATE, SIZE = 10.0, 8, (480, 360)


@pytest.fixture(scope="module", autouse=True)
def models() -> None:
    """The real models and the shared faces, or a reason to skip."""
    try:
        VideoStages.load(Policy(), threads=1)
    except ModelUnavailable:
        pytest.skip("the models are not in the cache: offrecord models fetch")
    if not (FACES / "ages").is_dir():
        pytest.skip("the shared faces are not there: set OFFRECORD_SHARED_DATA")


def talking(stem: str) -> list[TimedVideo]:
    """Return a camera in which a photograph of a face sways, nods and is lit a little differently all the time."""
    path = next(iter(sorted((FACES / "ages").glob(f"{stem}*.jpg"))))
    chip = np.asarray(cv2.imread(str(path)), np.uint8)
    random = np.random.default_rng(7)
    shown = []
    for index in range(round(SECONDS * RATE)):
        turn = cv2.getRotationMatrix2D((100, 100), 5 * np.sin(index / 5), 1.0 + 0.04 * np.sin(index / 7))
        turn[:, 2] += (SIZE[0] / 2 - 100 + 12 * np.sin(index / 9), SIZE[1] / 2 - 100 + 6 * np.cos(index / 6))
        seen = cv2.warpAffine(chip, turn, SIZE, flags=cv2.INTER_LINEAR, borderValue=(96, 96, 96))
        lit = np.clip(seen.astype(np.float32) * random.uniform(0.9, 1.1), 0, 255).astype(np.uint8)
        planes = np.asarray(cv2.cvtColor(lit, cv2.COLOR_BGR2YUV_I420), np.uint8)
        shown.append(TimedVideo(av.VideoFrame.from_ndarray(planes, "yuv420p"), index / RATE))
    return shown


@pytest.mark.slow
@pytest.mark.parametrize("declared", [False, True])
def test_adults_keep_their_words_and_a_child_goes(tmp_path: Path, declared: bool) -> None:
    """Four adults, declared or not, are recorded with all they say; a child beside them is found, nothing
    of it is left, and it takes nobody along."""
    call = Call(tmp_path, *ADULTS, EVE, real=True, script=["good morning to all of you"] * 12)
    for token in (*ADULTS, EVE):
        if declared and token != EVE:
            call.live.declare_adult(token)
        camera = call.live.open(token, LiveKind.CAMERA, time=0.0)
        mic = call.live.open(token, LiveKind.MICROPHONE, time=0.0)
        for block in blocks(call_sound(2.0, seconds=SECONDS)):
            call.live.audio(mic, block)
        for one in clip("d11", seconds=SECONDS)[::3] if token == EVE else talking(ADULTS[token]):
            while call.fill(camera) > 0:  # a machine that is behind covers pictures unseen
                time.sleep(0.002)
            call.live.video(camera, one)
    wait_until(lambda: call.minors == [EVE], seconds=60)
    call.live.forget(EVE)
    call.finish()
    assert call.errors == []
    assert call.minors == [EVE]
    assert not call.journal.folder(EVE).exists()
    for token in ADULTS:
        assert len(lines(call.journal.folder(token) / "words.jsonl")) == 1
        assert "gap" not in {fact["kind"] for fact in lines(call.journal.folder(token) / "facts.jsonl")}
