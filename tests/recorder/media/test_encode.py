"""Encoding and storing: the same pictures and sound at the same times, and not a word besides."""

from __future__ import annotations

import multiprocessing
import re
import resource
import signal
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from recorder.media.encode import AudioWriter, VideoWriter, mux
from recorder.media.file import FileSource
from recorder.media.source import TrackInfo, TrackKind
from redaction.errors import InternalError, StorageFailed
from redaction.model import AudioBlock, VideoFrame
from redaction.policy import OutputSection
from tests.media import Clip, beep_times, flash_times, frame_number, frames_of, make_clip, samples_of, tone

_NAME = "Jane Doe"


def _store(source: FileSource, folder: Path, *, rate: int = 24_000) -> Path:
    video, audio = folder / "v.mp4", folder / "a.m4a"
    track = source.info().track("V1")
    with VideoWriter(
        video, width=track.width, height=track.height, time_base=track.time_base, bt709=track.bt709
    ) as pictures:
        for frame in frames_of(list(source.video("V1"))):
            pictures.write(frame)
    with AudioWriter(audio, sample_rate=rate) as sound:
        for block in source.audio("A1", rate):
            if isinstance(block, AudioBlock):
                sound.write(block)
    out = folder / "recording.mp4"
    mux(video=video, audio=audio, out=out)
    return out


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    path = tmp_path_factory.mktemp(_NAME) / "a.mp4"
    return make_clip(path, seconds=3.0, size=(160, 120), tags={"title": _NAME, "comment": _NAME})


def _frame(number: int, *, width: int = 64, height: int = 48, base: Fraction = Fraction(1, 25)) -> VideoFrame:
    chroma = ((height + 1) // 2, (width + 1) // 2)
    luma = np.full((height, width), 40 + 10 * (number % 16), np.uint8)
    neutral = np.full(chroma, 128, np.uint8)
    return VideoFrame(luma, neutral, neutral, pts=number, time_base=base)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("a.mp4", {"vfr": True}),
        ("a.mkv", {"vfr": True}),
        ("a.mp4", {"fps": Fraction(30_000, 1001), "sample_rate": 44_100}),
        ("a.webm", {"codec": "libvpx", "audio": "libopus"}),
        ("a.ts", {"codec": "mpeg2video", "audio": "mp2"}),
        ("a.mp4", {"video_start": 0.5}),
        ("a.mkv", {"audio_start": 0.3}),
    ],
)
@pytest.mark.parametrize("rate", [16_000, 24_000])
def test_sound_and_picture_stay_together(
    tmp_path: Path, name: str, options: dict[str, Any], rate: int
) -> None:
    """From source to stored file, a flash and its beep move against each other by less than 10 ms of the 40 allowed."""
    clip = make_clip(tmp_path / name, seconds=2.0, size=(160, 120), flashes=(0.48, 1.52), **options)
    source = FileSource(clip.path)
    stored = FileSource(_store(source, tmp_path, rate=rate))
    before, after = (
        [
            flash - beep
            for flash, beep in zip(
                flash_times(frames_of(list(media.video("V1")))),
                beep_times(samples_of(list(media.audio("A1", 48_000))), sample_rate=48_000),
                strict=True,
            )
        ]
        for media in (source, stored)
    )
    assert len(before) == 2
    assert after == pytest.approx(before, abs=0.01)


def test_sound_starts_where_it_should(tmp_path: Path) -> None:
    """The encoder's lead-in is cut off: sample n comes back as sample n within half a millisecond."""
    path = tmp_path / "a.m4a"
    rng = np.random.default_rng(1)
    noise = np.convolve(rng.normal(0, 0.1, 48_000), np.ones(32) / 8, "same").astype(np.float32)
    with AudioWriter(path, sample_rate=24_000) as writer:
        writer.write(AudioBlock(noise[:10_000], 0, 24_000))
        writer.write(AudioBlock(noise[10_000:], 10_000, 24_000))
    back = samples_of(list(FileSource(path).audio("A1", 24_000)))
    assert len(back) == pytest.approx(48_000, abs=1100)
    lags = range(-60, 61)
    match = [float(np.dot(noise[1000:40_000], back[1000 + lag : 40_000 + lag])) for lag in lags]
    assert abs(lags[int(np.argmax(match))]) <= 12


def test_a_hole_between_blocks_is_silence(tmp_path: Path) -> None:
    """Blocks that do not touch keep their places."""
    path = tmp_path / "a.m4a"
    sound = tone(0.5, sample_rate=24_000)
    with AudioWriter(path, sample_rate=24_000) as writer:
        writer.write(AudioBlock(sound, 12_000, 24_000))
        writer.write(AudioBlock(sound, 48_000, 24_000))
    back = samples_of(list(FileSource(path).audio("A1", 1 * 24_000)))
    loud = [float(np.abs(part).max()) > 0.1 for part in np.array_split(back[:60_000], 5)]
    assert loud == [False, True, False, False, True]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_uneven_times_are_kept(tmp_path: Path, name: str) -> None:
    """Every frame of an uneven clip is stored once, at its own time."""
    clip = make_clip(tmp_path / name, seconds=2.0, size=(160, 120), vfr=True)
    stored = FileSource(_store(FileSource(clip.path), tmp_path))
    frames = frames_of(list(stored.video("V1")))
    assert [frame_number(frame) for frame in frames] == list(range(len(clip.times)))
    assert [frame.time for frame in frames] == pytest.approx(list(clip.times), abs=0.0005)


@pytest.mark.parametrize("base", [Fraction(1, 1_000_000_000), Fraction(1, 90_000), Fraction(1001, 30_000)])
def test_time_bases(tmp_path: Path, base: Fraction) -> None:
    """Frames come back at their times for fine, usual and odd time bases."""
    path = tmp_path / "v.mp4"
    step = max(1, round(Fraction(1, 25) / base))
    with VideoWriter(path, width=64, height=48, time_base=base) as writer:
        for number in range(10):
            frame = _frame(number)
            writer.write(VideoFrame(frame.y, frame.u, frame.v, pts=number * step, time_base=base))
    times = [frame.time for frame in frames_of(list(FileSource(path).video("V1")))]
    assert times == pytest.approx([float(n * step * base) for n in range(10)], abs=2e-5)


def test_key_frames_are_at_most_two_seconds_apart(tmp_path: Path) -> None:
    """Key frames follow time, not count, so that a slow recording can be searched too."""
    for name, step_ms in (("fast.mp4", 10), ("slow.mp4", 700)):
        path = tmp_path / name
        with VideoWriter(path, width=64, height=48, time_base=Fraction(1, 1000)) as writer:
            for number in range(8000 // step_ms):
                frame = _frame(number, base=Fraction(1, 1000))
                writer.write(
                    VideoFrame(frame.y, frame.u, frame.v, pts=number * step_ms, time_base=frame.time_base)
                )
        with av.open(str(path)) as container:
            keys = [
                float(packet.pts * packet.time_base)
                for packet in container.demux(video=0)
                if packet.pts is not None and packet.is_keyframe
            ]
        assert len(keys) >= 4
        assert max(later - earlier for earlier, later in pairwise(keys)) <= 2 + 2 * step_ms / 1000


def test_odd_sizes_are_padded_to_even(tmp_path: Path) -> None:
    """An odd width and height gain one column and one row that repeat their neighbours."""
    path = tmp_path / "v.mp4"
    width, height = 161, 121
    luma = np.tile(np.linspace(30, 200, width).astype(np.uint8), (height, 1))
    chroma = np.full((61, 81), 128, np.uint8)
    with VideoWriter(path, width=width, height=height, time_base=Fraction(1, 25), crf=10) as writer:
        writer.write(VideoFrame(luma, chroma, chroma, pts=0, time_base=Fraction(1, 25)))
    (frame,) = frames_of(list(FileSource(path).video("V1")))
    assert (frame.width, frame.height) == (162, 122)
    assert np.abs(frame.y[:, 161].astype(int) - 200).max() < 12
    assert np.abs(frame.y[:121, :161].astype(int) - luma).mean() < 2


def test_views_with_gaps_between_rows_are_stored_as_seen(tmp_path: Path) -> None:
    """Planes need not be contiguous."""
    path = tmp_path / "v.mp4"
    wide = np.full((48, 128), 235, np.uint8)
    wide[:, :64] = 60
    neutral = np.full((24, 64), 128, np.uint8)
    with VideoWriter(path, width=64, height=48, time_base=Fraction(1, 25)) as writer:
        writer.write(
            VideoFrame(wide[:, :64], neutral[:, :32], neutral[:, 32:], pts=0, time_base=Fraction(1, 25))
        )
    (frame,) = frames_of(list(FileSource(path).video("V1")))
    assert np.abs(frame.y.astype(int) - 60).max() < 6


def test_nothing_but_media_is_stored(clip: Clip, tmp_path: Path) -> None:
    """No tag, name, date, library, handler name or encoder setting stands in a stored file."""
    folder = tmp_path / _NAME
    folder.mkdir()
    out = _store(FileSource(clip.path), folder)
    for path in (out, folder / "v.mp4", folder / "a.m4a"):
        data = path.read_bytes()
        for word in (b"Jane", b"x264", b"Lav", b"lavc", b"Handler", b"crf", b"\xa9too", b"\xa9nam", b"uuid"):
            assert word not in data, word
        assert data.index(b"moov") < data.index(b"mdat"), "not fast-start"
        for box in (b"mvhd", b"tkhd", b"mdhd"):
            for match in re.finditer(box, data[: data.index(b"mdat")]):
                assert data[match.end() + 4 : match.end() + 12] == bytes(8), "a date stands in the file"
        with av.open(str(path)) as container:
            assert set(container.metadata) <= {"major_brand", "minor_version", "compatible_brands"}
            assert all(set(stream.metadata) <= {"language", "vendor_id"} for stream in container.streams)
            assert not container.chapters()
            assert {stream.type for stream in container.streams} <= {"video", "audio"}
    with av.open(str(out)) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"]
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_the_same_input_gives_the_same_bytes(clip: Clip, tmp_path: Path) -> None:
    """Nothing random or of the moment enters a stored file."""
    stored = []
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        stored.append(_store(FileSource(clip.path), tmp_path / name).read_bytes())
    assert stored[0] == stored[1]


@pytest.mark.parametrize("present", ["video", "audio"])
def test_one_kind_alone(clip: Clip, tmp_path: Path, present: str) -> None:
    """A recording may have only picture or only sound."""
    _store(FileSource(clip.path), tmp_path)
    video = tmp_path / "v.mp4" if present == "video" else None
    audio = tmp_path / "a.m4a" if present == "audio" else None
    mux(video=video, audio=audio, out=tmp_path / "one.mp4")
    info = FileSource(tmp_path / "one.mp4").info()
    assert [track.kind.value for track in info.tracks] == [present]
    assert info.duration == pytest.approx(3.0, abs=0.1)


def test_nothing_at_all_is_refused(tmp_path: Path) -> None:
    """A recording of neither is a defect of the caller."""
    with pytest.raises(InternalError):
        mux(video=None, audio=None, out=tmp_path / "none.mp4")


def test_wrong_frames_and_blocks_are_refused(tmp_path: Path) -> None:
    """Another size, a step back in time, another rate and an overlap are defects, never stored."""
    with VideoWriter(tmp_path / "v.mp4", width=64, height=48, time_base=Fraction(1, 25)) as video:
        video.write(_frame(5))
        with pytest.raises(InternalError):
            video.write(_frame(6, width=66))
        with pytest.raises(InternalError):
            video.write(_frame(3))
    with pytest.raises(InternalError):
        video.write(_frame(7))
    with AudioWriter(tmp_path / "a.m4a", sample_rate=24_000) as audio:
        audio.write(AudioBlock(np.zeros(1000, np.float32), 0, 24_000))
        with pytest.raises(InternalError):
            audio.write(AudioBlock(np.zeros(1000, np.float32), 1000, 16_000))
        with pytest.raises(InternalError):
            audio.write(AudioBlock(np.zeros(1000, np.float32), 500, 24_000))


@pytest.mark.parametrize("where", ["missing/v.mp4", "file/v.mp4", "folder"])
def test_what_cannot_be_written(tmp_path: Path, where: str) -> None:
    """A place that cannot be written is a storage failure whose sentence holds no path."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for make in (_write_video, _write_audio):
        with pytest.raises(StorageFailed) as caught:
            make(tmp_path / where)
        assert str(tmp_path) not in f"{caught.value} {caught.value.__cause__}"


def test_full_disk(tmp_path: Path) -> None:
    """A disk that fills up is a storage failure, in each writer and in mux."""
    _write_video(tmp_path / "v.mp4", frames=60)
    _write_audio(tmp_path / "a.m4a")
    process = multiprocessing.get_context("spawn").Process(target=_fill_up, args=(tmp_path,))
    process.start()
    process.join(120)
    assert process.exitcode == 7


def _fill_up(folder: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    failures = 0
    attempts: tuple[Callable[[], None], ...] = (
        lambda: _write_video(folder / "v2.mp4", frames=60),
        lambda: _write_audio(folder / "a2.m4a"),
        lambda: mux(video=folder / "v.mp4", audio=folder / "a.m4a", out=folder / "m.mp4"),
    )
    for attempt in attempts:
        try:
            attempt()
        except StorageFailed:
            failures += 1
    raise SystemExit(7 if failures == 3 else failures)


def _write_video(path: Path, *, frames: int = 3) -> None:
    rng = np.random.default_rng(0)
    with VideoWriter(path, width=64, height=48, time_base=Fraction(1, 25)) as writer:
        for number in range(frames):
            frame = _frame(number)
            noise = rng.integers(16, 235, frame.y.shape, np.uint8)
            writer.write(VideoFrame(noise, frame.u, frame.v, pts=number, time_base=frame.time_base))


def _write_audio(path: Path) -> None:
    with AudioWriter(path, sample_rate=24_000) as writer:
        writer.write(AudioBlock(tone(3.0, sample_rate=24_000), 0, 24_000))


def test_writer_of_a_track_takes_size_clock_colours_and_policy(tmp_path: Path) -> None:
    """A track's size, time base and colours are those of the file, and the policy's quality counts."""
    noise = np.random.default_rng(0).integers(0, 255, (48, 64), dtype=np.uint8)
    track = TrackInfo("V1", TrackKind.VIDEO, 64, 48, None, Fraction(1, 25), 0, 0, bt709=True)
    sizes = []
    for crf in (10, 40):
        path = tmp_path / f"{crf}.mp4"
        with VideoWriter.of_track(path, track, OutputSection(crf=crf)) as writer:
            for number in range(5):
                frame = _frame(number)
                writer.write(VideoFrame(noise, frame.u, frame.v, frame.pts, frame.time_base))
        sizes.append(path.stat().st_size)
        stored = FileSource(path).info().track("V1")
        assert (stored.width, stored.height, stored.bt709) == (64, 48, True)
        assert len(list(FileSource(path).video("V1"))) == 5
    assert sizes[0] > 2 * sizes[1]


def test_frames_may_count_in_another_unit_than_the_file(tmp_path: Path) -> None:
    """Frames keep their times when they come in the unit of a stored file rather than of the track."""
    path = tmp_path / "a.mp4"
    with VideoWriter(path, width=64, height=48, time_base=Fraction(1, 1000)) as writer:
        for number in range(5):
            frame = _frame(number)
            writer.write(VideoFrame(frame.y, frame.u, frame.v, 512 * number, Fraction(1, 12_800)))
    stored = frames_of(list(FileSource(path).video("V1")))
    assert [frame.time for frame in stored] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
