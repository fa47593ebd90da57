"""A recorded file as a source: the contract over containers, and one table of odd inputs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recorder.media.file import FileSource
from recorder.media.source import Source
from tests.joined_media import make_joined_clip
from tests.media import (
    Clip,
    beep_times,
    flash_times,
    frame_number,
    frames_of,
    gaps_of,
    make_clip,
    samples_of,
)
from tests.recorder.sources.contract import SourceContract

_QUICK_VP9 = {"deadline": "realtime", "cpu-used": "8"}


class TestFileSource(SourceContract):
    """The contract, over containers whose clocks work in different ways."""

    @pytest.fixture(
        scope="class",
        params=[
            pytest.param(("a.mp4", {}), id="mp4"),
            pytest.param(("a.mkv", {"vfr": True}), id="mkv-vfr"),
            pytest.param(("a.webm", {"codec": "libvpx", "audio": "libopus"}), id="webm"),
            pytest.param(("a.ts", {"codec": "mpeg2video", "audio": "mp2"}), id="ts"),
            pytest.param(("a.avi", {"codec": "mpeg4", "audio": "pcm_s16le"}), id="avi"),
            pytest.param(("a.mp4", {"rotation": 90, "vfr": True, "audio_tracks": 2}), id="mp4-turned"),
        ],
    )
    @classmethod
    def clip(cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clip:
        name, options = request.param
        return make_clip(tmp_path_factory.mktemp("clip") / name, seconds=1.2, size=(160, 120), **options)

    @pytest.fixture
    def source(self, clip: Clip) -> Source:
        return FileSource(clip.path)


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("a.mp4", {"rotation": 90}, (160, 120)),
        ("a.mp4", {"rotation": 180}, (160, 120)),
        ("a.mp4", {"rotation": 270}, (160, 120)),
        ("a.mp4", {"mirrored": True}, (160, 120)),
        ("a.mp4", {"mirrored": True, "rotation": 90}, (160, 120)),
        ("a.mkv", {"codec": "ffv1", "size": (161, 121)}, (161, 121)),
        ("a.mkv", {"codec": "ffv1", "size": (161, 121), "rotation": 90}, (161, 121)),
        ("a.mp4", {"pix_fmt": "yuv420p10le"}, (160, 120)),
        ("a.mp4", {"pix_fmt": "yuv444p"}, (160, 120)),
        ("a.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}, (160, 120)),
        ("a.mkv", {"codec": "ffv1", "pix_fmt": "bgr0"}, (160, 120)),
        ("a.mkv", {"codec": "ffv1", "pix_fmt": "gray"}, (160, 120)),
        ("a.mp4", {"full_range": True}, (160, 120)),
        ("a.avi", {"codec": "mjpeg", "pix_fmt": "yuvj420p", "full_range": True, "audio": None}, (160, 120)),
        ("a.mp4", {"interlaced": True}, (160, 120)),
        ("a.ts", {"codec": "mpeg2video", "interlaced": True, "audio": "mp2"}, (160, 120)),
        ("a.mp4", {"aspect": Fraction(16, 11), "size": (176, 144)}, (256, 144)),
        ("a.mp4", {"aspect": Fraction(1, 2)}, (160, 240)),
        ("a.mp4", {"vfr": True}, (160, 120)),
        ("a.mp4", {"fps": Fraction(30_000, 1001)}, (160, 120)),
        ("a.mp4", {"fps": 2}, (160, 120)),
        ("a.webm", {"codec": "libvpx-vp9", "audio": "libopus", "options": _QUICK_VP9}, (160, 120)),
        ("a.flv", {"codec": "flv1"}, (160, 120)),
        ("a.mp4", {"audio": None}, (160, 120)),
        ("a.mp4", {"video_start": 0.5}, (160, 120)),
        ("a.mkv", {"audio_start": 0.7}, (160, 120)),
        ("a.mp4", {"container_options": {"movflags": "frag_keyframe+empty_moov"}}, (160, 120)),
    ],
    ids=lambda value: str(value).replace("'", "") if isinstance(value, dict) else None,
)
def test_odd_pictures(tmp_path: Path, name: str, options: dict[str, Any], shape: tuple[int, int]) -> None:
    """Pictures of every odd kind come upright, complete, at their times and in limited range."""
    clip = make_clip(tmp_path / name, **{"seconds": 0.8, "size": (160, 120), **options})
    source = FileSource(clip.path)
    items = list(source.video("V1"))
    frames = frames_of(items)
    numbers = [frame_number(frame) for frame in frames]
    last = len(clip.times) - 1
    slow = (
        options.get("fps", 30) < 10
    )  # whose last picture stands for long, and is given again before it ends
    assert numbers == [*range(last + 1), *([last] if slow else [])]
    frames = frames[: last + 1]
    late = frames[0].time - clip.times[0]
    assert 0 <= late < 0.1
    steps = zip(frames, clip.times, strict=True)
    assert all(frame.time - time - late == pytest.approx(0, abs=0.001) for frame, time in steps)
    assert gaps_of(items) == []
    assert {(frame.width, frame.height) for frame in frames} == {shape}
    for frame in frames[1:]:
        assert not frame.whole_cover
        low, high = np.percentile(frame.y, (2, 98))
        assert low == pytest.approx(33, abs=7), "black cells, 20 of 255, are not at limited range's 33"
        assert high == pytest.approx(218, abs=7), "white cells, 235 of 255, are not at limited range's 218"
        if options.get("pix_fmt") != "gray":
            lower = frame.v[-frame.v.shape[0] // 4 :]
            assert lower[:, : lower.shape[1] // 3].mean() > 150, "red is not to the left"
            assert lower[:, -lower.shape[1] // 3 :].mean() < 130, "blue is not to the right"


@pytest.mark.parametrize(
    ("name", "codec", "layout", "rate"),
    [
        ("a.wav", "pcm_s16le", "mono", 8_000),
        ("a.wav", "pcm_u8", "stereo", 44_100),
        ("a.wav", "pcm_f64le", "stereo", 96_000),
        ("a.mkv", "pcm_s24le", "2.1", 48_000),
        ("a.mka", "pcm_s16le", "5.1", 48_000),
        ("a.mka", "pcm_s16le", "7.1", 48_000),
        ("a.m4a", "aac", "7.1", 48_000),
        ("a.m4a", "aac", "stereo", 44_100),
        ("a.flac", "flac", "mono", 48_000),
        ("a.mp3", "libmp3lame", "stereo", 44_100),
        ("a.ogg", "libopus", "stereo", 48_000),
    ],
)
def test_odd_sound(tmp_path: Path, name: str, codec: str, layout: str, rate: int) -> None:
    """Sound of every layout and rate becomes mono at the rate asked for, beeps where they were, without clipping."""
    clip = make_clip(
        tmp_path / name, codec=None, audio=codec, layout=layout, sample_rate=rate, flashes=(0.5, 1.4)
    )
    source = FileSource(clip.path)
    assert source.info().video == ()
    items = list(source.audio("A1", 16_000))
    samples = samples_of(items)
    assert gaps_of(items) == []
    assert len(samples) / 16_000 == pytest.approx(2.0, abs=0.06)
    assert beep_times(samples, sample_rate=16_000) == pytest.approx([0.5, 1.4], abs=0.03)
    assert 0.5 < float(np.abs(samples).max()) < 0.85


def test_several_sound_tracks_stay_apart(tmp_path: Path) -> None:
    """Each sound track is a source of its own."""
    clip = make_clip(tmp_path / "a.mkv", audio_tracks=3, seconds=1.0, size=(160, 120))
    source = FileSource(clip.path)
    assert [track.id for track in source.info().tracks] == ["V1", "A1", "A2", "A3"]
    for number in (1, 2, 3):
        samples = samples_of(list(source.audio(f"A{number}", 16_000)))[4000:12_000]
        spectrum = np.abs(np.fft.rfft(samples))
        assert np.argmax(spectrum) * 16_000 / len(samples) == pytest.approx(440 * number, abs=5)


def test_cover_art_is_no_picture_track(tmp_path: Path) -> None:
    """Sound with an attached picture is sound only."""
    clip = make_clip(tmp_path / "a.mp3", codec=None, audio="libmp3lame", cover=True)
    assert [track.id for track in FileSource(clip.path).info().tracks] == ["A1"]


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_picture_that_changes_size(tmp_path: Path, codec: str) -> None:
    """A picture whose size changes is kept at the largest size, fitted on black, without losing a frame."""
    clip = make_joined_clip(
        tmp_path / "a.webm", parts=[(80, 60), (160, 120), (120, 160)], seconds=0.4, codec=codec
    )
    frames = frames_of(list(FileSource(clip.path).video("V1")))
    assert {(frame.width, frame.height) for frame in frames} == {(160, 120)}
    assert [frame_number(frame) for frame in frames[:20]] == list(range(20))
    assert len(frames) == 30
    assert frames[-1].y[:, :30].max() <= 20, "no black beside an upright picture"
    assert frames[-1].y[:, 60:100].max() > 150


def test_sound_that_changes_rate(tmp_path: Path) -> None:
    """A change of sample rate in mid-stream neither loses nor makes time."""
    clip = make_joined_clip(tmp_path / "a.ts", rates=[48_000, 32_000, 44_100], seconds=1.0)
    samples = samples_of(list(FileSource(clip.path).audio("A1", 16_000)))
    assert len(samples) / 16_000 == pytest.approx(3.0, abs=0.12)
    for second in range(3):
        part = samples[second * 16_000 + 4_000 : second * 16_000 + 12_000]
        spectrum = np.abs(np.fft.rfft(part))
        assert np.argmax(spectrum) * 16_000 / len(part) == pytest.approx(440, abs=5)


def test_sound_that_begins_late(tmp_path: Path) -> None:
    """Sound that begins after the picture is led in by silence, and nothing is reported lost."""
    clip = make_clip(tmp_path / "a.mp4", audio_start=0.7, seconds=1.5, size=(160, 120))
    items = list(FileSource(clip.path).audio("A1", 16_000))
    samples = samples_of(items)
    assert gaps_of(items) == []
    assert np.abs(samples[: int(0.65 * 16_000)]).max() < 0.01
    assert np.abs(samples[int(0.75 * 16_000) :]).max() > 0.1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("a.mp4", {"vfr": True}),
        ("a.mkv", {"vfr": True}),
        ("a.webm", {"codec": "libvpx", "audio": "libopus"}),
        ("a.ts", {}),
        ("a.mov", {"fps": Fraction(24_000, 1001), "sample_rate": 44_100}),
        ("a.mp4", {"video_start": 0.5}),
        ("a.mp4", {"container_options": {"movflags": "frag_keyframe+empty_moov+delay_moov"}}),
    ],
)
def test_picture_and_sound_stay_together(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    """A flash and its beep come out within 10 ms of each other's true distance."""
    shift = options.get("video_start", 0.0)
    clip = make_clip(tmp_path / name, seconds=2.0, size=(160, 120), flashes=(0.48, 1.52), **options)
    source = FileSource(clip.path)
    flashes = flash_times(frames_of(list(source.video("V1"))))
    beeps = beep_times(samples_of(list(source.audio("A1", 48_000))), sample_rate=48_000)
    true = [min(clip.times, key=lambda t, at=at: abs(t - at - shift)) for at in (0.48, 1.52)]  # type: ignore[misc]
    found = [flash - beep for flash, beep in zip(flashes, beeps, strict=True)]
    assert found == pytest.approx([t - at for t, at in zip(true, (0.48, 1.52), strict=True)], abs=0.01)


def test_a_stored_picture_that_begins_late_stays_late(tmp_path: Path) -> None:
    """A picture of ours alone in its file is on the call's clock; of others a file begins with what it holds."""
    path = make_clip(tmp_path / "a.mp4", seconds=1.0, size=(160, 120), video_start=0.5, audio=None).path
    for own, begins in ((True, 0.5), (False, 0.0)):
        frames = frames_of(list(FileSource(path, own=own).video("V1")))
        assert frames[0].time == pytest.approx(begins, abs=0.002)
        assert len(frames) == 25


def test_edit_lists_are_honoured(tmp_path: Path) -> None:
    """What an edit list cuts off at the start is neither seen nor heard, and what follows stays together."""
    clip = make_clip(
        tmp_path / "a.mp4", seconds=2.0, size=(160, 120), flashes=(1.0,), video_start=-0.4, audio_start=-0.4
    )
    source = FileSource(clip.path)
    frames = frames_of(list(source.video("V1")))
    assert frame_number(frames[0]) == 10
    assert frames[0].time == pytest.approx(0, abs=0.001)
    assert flash_times(frames) == pytest.approx([0.6], abs=0.001)
    samples = samples_of(list(source.audio("A1", 48_000)))
    assert beep_times(samples, sample_rate=48_000) == pytest.approx([0.6], abs=0.01)
    assert source.info().duration == pytest.approx(1.6, abs=0.03)


def test_live_recordings_that_state_no_length(tmp_path: Path) -> None:
    """A browser's recording states no duration; it is found by reading the packets."""
    clip = make_clip(
        tmp_path / "a.webm",
        seconds=1.6,
        size=(160, 120),
        codec="libvpx",
        audio="libopus",
        container_options={"live": "1"},
    )
    assert FileSource(clip.path).info().duration == pytest.approx(1.6, abs=0.05)


@pytest.mark.slow
def test_8k_pictures(tmp_path: Path) -> None:
    """An 8K picture is within bounds."""
    clip = make_clip(
        tmp_path / "a.avi",
        seconds=0.04,
        size=(7680, 4320),
        codec="mjpeg",
        pix_fmt="yuvj420p",
        full_range=True,
        audio=None,
    )
    (frame,) = frames_of(list(FileSource(clip.path, threads=1).video("V1")))
    assert (frame.width, frame.height) == (7680, 4320)
