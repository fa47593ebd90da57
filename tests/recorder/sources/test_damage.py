"""Damage in the middle of media: time is never skipped, and what cannot be trusted is covered and silent."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recorder.media.file import FileSource
from redaction.errors import UnreadableInput
from redaction.model import VideoFrame
from tests.media import (
    Clip,
    beep_times,
    break_bytes,
    flash_times,
    frame_number,
    frames_of,
    gaps_of,
    make_clip,
    samples_of,
)

_FPS = 25
_SECONDS = 4.0


def _covered(frames: list[VideoFrame]) -> list[VideoFrame]:
    return [frame for frame in frames if frame.whole_cover]


def _in_gaps(source: FileSource, frames: list[VideoFrame]) -> bool:
    gaps = gaps_of(list(source.video("V1")))
    return all(any(gap.span.start <= frame.time < gap.span.end for gap in gaps) for frame in _covered(frames))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


def _make(folder: Path, name: str, options: dict[str, Any]) -> Clip:
    path = folder / name
    if path.exists():
        count = round(_SECONDS * _FPS)
        return Clip(path=path, times=tuple(n / _FPS for n in range(count)), seconds=_SECONDS)
    return make_clip(path, seconds=_SECONDS, fps=_FPS, size=(160, 120), gop=20, **options)


@pytest.mark.parametrize(
    ("name", "options", "seen"),
    [
        ("a.mp4", {}, True),
        ("a.mkv", {}, True),
        ("a.ts", {}, True),
        ("b.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}, True),
        ("b.ts", {"codec": "mpeg2video", "audio": "mp2"}, False),
        ("a.webm", {"codec": "libvpx", "audio": "libopus"}, True),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_broken_bytes(
    clips: Path, tmp_path: Path, name: str, options: dict[str, Any], seen: bool, seed: int
) -> None:
    """Noise over the middle costs no time, frames are where they belong, and covered ones lie in logged gaps.

    Where `seen` is False the codec decodes some noise without a complaint, so a few wrong frames are let pass.
    """
    clip = _make(clips, name, options)
    path = tmp_path / name
    path.write_bytes(clip.path.read_bytes())
    break_bytes(path, count=4000, seed=seed)
    source = FileSource(path)
    frames = frames_of(list(source.video("V1")))
    whole = frames_of(list(FileSource(clip.path).video("V1")))
    assert frames[0].time == pytest.approx(whole[0].time, abs=0.001)
    assert frames[-1].time == pytest.approx(whole[-1].time, abs=0.05)
    assert max(later.time - earlier.time for earlier, later in pairwise(frames)) < 0.3
    if seen:
        assert _covered(frames), "the damage was not seen"
    assert _in_gaps(source, frames)
    shown = [frame for frame in frames if not frame.whole_cover]
    assert len(shown) > len(whole) / 3
    at = {round(frame.time * 1000): frame_number(frame) for frame in whole}
    wrong = [frame for frame in shown if at.get(round(frame.time * 1000)) != frame_number(frame)]
    assert len(wrong) <= (0 if seen else 3)
    sound = samples_of(list(source.audio("A1", 16_000)))
    assert len(sound) / 16_000 == pytest.approx(_SECONDS, abs=0.1)


def test_covered_frames_hold_nothing(clips: Path, tmp_path: Path) -> None:
    """A covered frame is black before it leaves the source."""
    clip = _make(clips, "a.mp4", {})
    path = tmp_path / "a.mp4"
    path.write_bytes(clip.path.read_bytes())
    covered = _covered(frames_of(list(FileSource(break_bytes(path, count=4000)).video("V1"))))
    assert covered
    assert all((frame.y == 16).all() and (frame.u == 128).all() for frame in covered)


def test_after_damage_the_cover_holds_until_a_key_frame(clips: Path, tmp_path: Path) -> None:
    """One lost frame covers those that are built on it, and the next key frame ends that."""
    clip = make_clip(
        tmp_path / "a.mp4",
        seconds=3.0,
        fps=_FPS,
        size=(160, 120),
        gop=25,
        options={"bf": "0", "sc_threshold": "0"},
    )
    data = bytearray(clip.path.read_bytes())
    start, size = _sample(clip.path, 30)
    dice = random.Random(3)
    data[start + 8 : start + size] = dice.randbytes(size - 8)
    clip.path.write_bytes(data)
    source = FileSource(clip.path)
    covered = [round(frame.time * _FPS) for frame in _covered(frames_of(list(source.video("V1"))))]
    assert covered == list(range(30, 50))
    (gap,) = gaps_of(list(source.video("V1")))
    assert (gap.track, gap.reason) == ("V1", "damaged")
    assert (gap.span.start, gap.span.end) == pytest.approx((1.2, 2.0), abs=0.001)


def test_a_damaged_start_is_covered_time(tmp_path: Path) -> None:
    """When the first pictures are lost the sound keeps its place and the picture begins covered."""
    clip = make_clip(tmp_path / "a.mp4", seconds=2.0, fps=_FPS, size=(160, 120), gop=10, flashes=(1.0,))
    data = bytearray(clip.path.read_bytes())
    for number in range(7):
        start, size = _sample(clip.path, number)
        data[start : start + size] = bytes(size)
    clip.path.write_bytes(data)
    source = FileSource(clip.path)
    frames = frames_of(list(source.video("V1")))
    assert frames[0].time == pytest.approx(0, abs=0.001)
    assert all(frame.whole_cover for frame in frames[:7])
    assert not frames[12].whole_cover
    assert flash_times(frames) == pytest.approx([1.0], abs=0.001)
    beeps = beep_times(samples_of(list(source.audio("A1", 48_000))), sample_rate=48_000)
    assert beeps == pytest.approx([1.0], abs=0.01)
    (gap,) = gaps_of(list(source.video("V1")))
    assert gap.span.start == 0.0
    assert 0.28 <= gap.span.end <= 0.4, "the next key frame is at 0.4 s at the latest"


def test_broken_sound_is_silence_in_its_place(tmp_path: Path) -> None:
    """Where sound is lost there are zeros and a gap, and the rest stays where it was."""
    clip = make_clip(tmp_path / "a.m4a", codec=None, audio="alac", seconds=4.0)
    data = bytearray(clip.path.read_bytes())
    third = len(data) // 3
    data[third : third + 8000] = random.Random(1).randbytes(8000)
    clip.path.write_bytes(data)
    items = list(FileSource(clip.path).audio("A1", 16_000))
    samples = samples_of(items)
    gaps = gaps_of(items)
    assert gaps
    assert len(samples) / 16_000 == pytest.approx(4.0, abs=0.05)
    for gap in gaps:
        middle = samples[int(gap.span.start * 16_000) + 40 : int(gap.span.end * 16_000) - 40]
        assert not middle.any()
    tail = samples[-16_000:]
    expected = 0.2 * np.sin(2 * np.pi * 440 * np.arange(3 * 16_000, 4 * 16_000) / 16_000)
    assert np.corrcoef(tail, expected[: len(tail)])[0, 1] > 0.98


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_cut_off(tmp_path: Path, name: str) -> None:
    """A file cut off half-way keeps its stated length: the rest is covered and silent."""
    options = {"movflags": "faststart"} if name.endswith("mp4") else {}
    clip = make_clip(tmp_path / name, seconds=4.0, size=(160, 120), container_options=options)
    data = clip.path.read_bytes()
    clip.path.write_bytes(data[: len(data) // 2])
    source = FileSource(clip.path)
    frames = frames_of(list(source.video("V1")))
    assert frames[-1].time == pytest.approx(4.0, abs=0.1)
    assert frames[-1].whole_cover
    assert not frames[20].whole_cover
    assert _in_gaps(source, frames)
    items = list(source.audio("A1", 16_000))
    assert len(samples_of(items)) / 16_000 == pytest.approx(4.0, abs=0.1)
    assert gaps_of(items)[-1].span.end == pytest.approx(4.0, abs=0.1)


@pytest.mark.timeout(120)
def test_fuzz(clips: Path, tmp_path: Path) -> None:
    """Fifty mutated files: each is refused with exit 5 or read to its end, in order and in shape."""
    makers: list[tuple[str, dict[str, Any]]] = [
        ("f.mp4", {"gop": 10}),
        ("f.mkv", {"codec": "libvpx", "audio": "libopus"}),
        ("f.avi", {"codec": "mpeg4", "audio": "pcm_s16le"}),
        ("f.ts", {"codec": "mpeg2video", "audio": "mp2"}),
        ("f.flv", {"codec": "flv1"}),
    ]
    originals = [
        (name, make_clip(clips / name, seconds=0.6, size=(96, 64), **options).path.read_bytes())
        for name, options in makers
    ]
    outcomes = {"read": 0, "refused": 0}
    for seed in range(50):
        name, data = originals[seed % len(originals)]
        path = tmp_path / name
        path.write_bytes(_mutated(data, seed))
        try:
            _read_through(FileSource(path, threads=1))
            outcomes["read"] += 1
        except UnreadableInput:
            outcomes["refused"] += 1
    assert outcomes["read"] > 10, outcomes
    assert sum(outcomes.values()) == 50


def _read_through(source: FileSource) -> None:
    info = source.info()
    for track in info.video:
        last = -1
        for frame in frames_of(list(source.video(track.id))):
            assert frame.pts > last
            assert (frame.width, frame.height) == (track.width, track.height)
            last = frame.pts
    for track in info.audio:
        assert np.isfinite(samples_of(list(source.audio(track.id, 16_000)))).all()


def _mutated(data: bytes, seed: int) -> bytes:
    dice = random.Random(seed)
    out = bytearray(data)
    for _ in range(dice.choice((1, 8, 64))):
        place = dice.randrange(len(out)) if dice.random() < 0.6 else dice.randrange(min(len(out), 3000))
        match dice.randrange(4):
            case 0:
                out[place] ^= 1 << dice.randrange(8)
            case 1:
                out[place : place + 4] = dice.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"))
            case 2:
                del out[place : place + dice.randrange(1, 40)]
            case _:
                out[place:place] = dice.randbytes(dice.randrange(1, 40))
    return bytes(out)


def _sample(path: Path, number: int) -> tuple[int, int]:
    """Return where the picture's packet `number` lies in the file, and its size in bytes."""
    import av

    with av.open(str(path)) as container:
        for index, packet in enumerate(container.demux(container.streams.video[0])):
            if index == number and packet.pos is not None:
                return packet.pos, packet.size
    raise AssertionError(number)
