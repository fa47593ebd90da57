"""Pieces: whatever dies, what is on the disk decodes, shows redacted frames only, and is proven."""

from __future__ import annotations

import itertools
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from recorder.live.store.segments import LONGEST_STEP_S, AudioSegment, VideoSegment, mute_segment
from redaction.errors import InternalError
from redaction.model import (
    AudioBlock,
    Box,
    Cover,
    CoverReason,
    Event,
    EventKind,
    Examined,
    RedactedFrame,
    Span,
)
from redaction.policy import OutputSection
from redaction.video.cover import covered
from tests.recorder.live.scene import ADA, SIZE, heard, journal_of, lines, proofs, stored
from tests.redaction.video.scene import BRIGHT, frame

BOX = Box(40, 30, 100, 110)


def redacted(index: int, *, ticks: int | None = None, box: Box = BOX) -> RedactedFrame:
    """Return a frame with a bright face that is covered; its time is `index` / 30 s."""
    made = frame([box], index, size=SIZE)
    cover = Cover(box, CoverReason.FACE, 1, 0.9)
    return RedactedFrame(covered(made, [cover]), (cover,), Examined.DETECTED)


def piece_of(folder: Path, start: float = 0.0) -> VideoSegment:
    """Return a new camera piece."""
    return VideoSegment(
        journal_of(folder).segment(ADA, "camera"),
        kind="camera",
        start=start,
        width=SIZE[0],
        height=SIZE[1],
        output=OutputSection(),
    )


def test_a_closed_piece_holds_every_frame_with_its_proof(tmp_path: Path) -> None:
    """Frames stand at their times from 0 on, each has a proof that the stored pixels bear out, and the end counts."""
    piece = piece_of(tmp_path, start=100 / 30)
    for index in range(100, 200):
        piece.write(redacted(index))
    piece.add_events([Event(EventKind.TRACKLET, detail={"reason": "minor"})], failed=2)
    piece.close()
    piece.close()
    frames, proven = stored(piece.paths.media), proofs(piece.paths.sidecar)
    assert len(frames) == len(proven) == 100
    for index, ((time, luma), (claimed, points, values)) in enumerate(zip(frames, proven, strict=True)):
        assert abs(time - index / 30) < 1e-4
        assert abs(time - claimed) < 1e-4
        assert points
        assert luma.max() < BRIGHT - 60
        assert np.abs(luma[[y for _, y in points], [x for x, _ in points]].astype(int) - values).max() < 20
    head, *_, end = lines(piece.paths.sidecar)
    assert (head["line"], head["start"], head["width"]) == ("header", 100 / 30, SIZE[0])
    assert end["line"] == "end"
    assert end["counts"] == {
        "frames": 100,
        "detected": 100,
        "bridged": 0,
        "covered_whole": 0,
        "failed_detections": 2,
        "tracklets": 1,
        "minors": 1,
        "in_doubt": 0,
        "share_of_area_covered": pytest.approx(BOX.area / (SIZE[0] * SIZE[1]), abs=0.01),
    }
    assert end["highlights"]


def test_a_killed_process_leaves_fragments_that_decode_and_are_proven(tmp_path: Path) -> None:
    """After SIGKILL all but the last seconds decodes, every stored frame has its proof, and none shows the face."""
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from tests.recorder.live.store.test_segments import *\n"
        "folder = Path(sys.argv[1])\n"
        "piece = piece_of(folder)\n"
        "sound = AudioSegment(journal_of(folder).segment(ADA, 'microphone'), start=0.0, sample_rate=24000)\n"
        "for index in range(200):\n"
        "    piece.write(redacted(index))\n"
        "    if index % 15 == 0:\n"
        "        tone = np.sin(np.arange(12000) / 10).astype(np.float32) / 2\n"
        "        sound.write(AudioBlock(tone, index // 15 * 12000, 24000))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()[-2000:]
    folder = tmp_path / "live/people" / ADA
    frames, proven = stored(folder / "camera-0001.mp4"), proofs(folder / "camera-0001.jsonl")
    assert 200 / 30 - frames[-1][0] < 2.5
    assert len(frames) <= len(proven)
    for (time, luma), (claimed, _, _) in zip(frames, proven, strict=False):
        assert abs(time - claimed) < 1e-4
        assert luma.max() < BRIGHT - 60
    samples = heard(folder / "microphone-0001.mp4")
    assert len(samples) / 48_000 > 5.0
    assert np.abs(samples[4800:48_000]).max() > 0.4


def test_a_picture_that_stands_is_stored_again_and_again(tmp_path: Path) -> None:
    """A hole of three seconds between two pictures is filled with the first one, proven like any other frame."""
    piece = piece_of(tmp_path)
    piece.write(redacted(0))
    piece.write(redacted(90))
    piece.close()
    times = [time for time, _ in stored(piece.paths.media)]
    assert times[-1] == pytest.approx(3.0, abs=1e-3)
    assert max(np.diff(times)) <= LONGEST_STEP_S + 1e-3
    assert len(times) == len(proofs(piece.paths.sidecar))
    assert lines(piece.paths.sidecar)[-1]["counts"]["frames"] == 2


def test_times_that_stand_still_or_run_back_are_moved_on(tmp_path: Path) -> None:
    """Frames whose times do not rise are stored one tick apart, in order."""
    piece = piece_of(tmp_path)
    for index in (0, 5, 5, 3, 6):
        piece.write(redacted(index))
    piece.close()
    times = [time for time, _ in stored(piece.paths.media)]
    assert len(times) == 5
    assert all(later > earlier for earlier, later in itertools.pairwise(times))


def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    """A piece has one size; who sends another must begin a new piece."""
    piece = piece_of(tmp_path)
    other = frame([], 0, size=(64, 48))
    with pytest.raises(InternalError):
        piece.write(RedactedFrame(other, (), Examined.DETECTED))


def test_sound_stands_at_its_place_with_exact_silence_between(tmp_path: Path) -> None:
    """Two tones with a hole of two seconds are where they were, and the hole is silent."""
    start = 240_000
    tone = (np.sin(np.arange(24_000) / 8) / 2).astype(np.float32)
    with AudioSegment(
        journal_of(tmp_path).segment(ADA, "microphone"), start=10.0, sample_rate=24_000
    ) as piece:
        piece.write(AudioBlock(tone, start, 24_000))
        piece.write(AudioBlock(tone, start + 72_000, 24_000))
        with pytest.raises(InternalError):
            piece.write(AudioBlock(tone, start + 72_000, 24_000))
    samples = heard(piece.paths.media)
    loud = np.abs(samples).reshape(-1)[: 4 * 48_000].reshape(4, -1)[:, 4800:-4800].max(axis=1)
    assert loud[0] > 0.4
    assert loud[3] > 0.4
    assert loud[1] < 1e-3
    assert loud[2] < 1e-3
    end = lines(piece.paths.sidecar)[-1]
    assert end["end"] == pytest.approx(14.0)
    assert end["counts"]["seconds"] == pytest.approx(4.0)
    assert end["counts"]["silenced"] == pytest.approx(2.0, abs=0.05)


def test_muting_a_stored_piece_silences_that_and_nothing_else(tmp_path: Path) -> None:
    """A stretch of a closed piece becomes silent; the rest sounds as before and the length stays."""
    tone = (np.sin(np.arange(24_000 * 4) / 8) / 2).astype(np.float32)
    with AudioSegment(
        journal_of(tmp_path).segment(ADA, "microphone"), start=0.0, sample_rate=24_000
    ) as piece:
        piece.write(AudioBlock(tone, 0, 24_000))
    before = heard(piece.paths.media)
    mute_segment(piece.paths.media, [Span(1.0, 2.0)])
    after = heard(piece.paths.media)
    assert abs(len(after) - len(before)) <= 2048
    assert np.abs(after[48_000 + 2400 : 96_000 - 2400]).max() < 2e-3
    for at in (0.2, 2.5, 3.5):
        part = slice(round(at * 48_000), round((at + 0.3) * 48_000))
        assert np.abs(after[part]).max() == pytest.approx(np.abs(before[part]).max(), abs=0.05)
    assert {item.name for item in piece.paths.media.parent.iterdir()} == {
        "microphone-0001.jsonl",
        "microphone-0001.mp4",
        "person.json",
    }


def test_time_base_of_the_piece_is_the_contracts(tmp_path: Path) -> None:
    """The header's time base is what the file's times are counted in."""
    piece = piece_of(tmp_path)
    piece.write(redacted(0))
    piece.close()
    assert Fraction(lines(piece.paths.sidecar)[0]["time_base"]) == Fraction(1, 90_000)
