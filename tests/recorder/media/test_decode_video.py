"""A picture stands until the next one: what is a standstill, what is a loss, and how long the last one lasts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from recorder.media.encode import VideoWriter
from recorder.media.file import FileSource
from recorder.media.source import TrackInfo, TrackKind
from redaction.errors import UnreadableInput
from redaction.model import Gap, VideoFrame
from redaction.policy import OutputSection
from tests.paths import SHARED_DATA

FIELD = SHARED_DATA.parent / "field"


def screen(path: Path, codec: str, times: list[float], *, sound_s: float = 0) -> Path:
    """Write a screen of which a picture is stored at some times alone, as recorders do that store changes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(30))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.options = {"deadline": "realtime", "auto-alt-ref": "0", "lag-in-frames": "0"}
        packets: list[Packet[Stream]] = _sound(container, sound_s) if sound_s else []
        for number, time in enumerate(times):
            picture = np.full((240, 320, 3), 60 + 20 * (number % 8), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for packet in packets:
            container.mux(packet)
    return path


def _sound(container: OutputContainer, seconds: float) -> list[Packet[Stream]]:
    stream = container.add_stream("mp2", rate=48_000)
    assert isinstance(stream, AudioStream)
    packets: list[Packet[Stream]] = []
    for start in range(0, round(seconds * 48_000), 1152):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
@pytest.mark.parametrize("times", [[0], [0, 2, 4, 6, 8], [0, 0.04, 0.08, 6]])
def test_a_screen_at_rest_while_talk_goes_on_is_no_loss(
    tmp_path: Path, suffix: str, times: list[float]
) -> None:
    """Matroska and MPEG-TS tell no end of a track: that the sound goes on longer covers no picture and is no gap."""
    items = list(FileSource(screen(tmp_path / f"talk.{suffix}", "libx264", times, sound_s=10)).video("V1"))
    assert not [item for item in items if isinstance(item, Gap)]
    assert not [item for item in items if isinstance(item, VideoFrame) and item.whole_cover]


@pytest.mark.parametrize(("codec", "suffix"), [("libvpx", "webm"), ("libvpx", "mkv"), ("libx264", "mkv")])
def test_a_screen_at_rest_is_no_loss(tmp_path: Path, codec: str, suffix: str) -> None:
    """After two seconds of even rhythm a screen that stands for twelve seconds is neither covered nor a gap."""
    times = [number / 30 for number in range(60)] + [14 + number / 30 for number in range(30)]
    items = list(FileSource(screen(tmp_path / f"one.{suffix}", codec, times)).video("V1"))
    assert not [item for item in items if isinstance(item, Gap)]
    frames = [item for item in items if isinstance(item, VideoFrame)]
    assert not [frame for frame in frames if frame.whole_cover]
    assert len(frames) == len(times)


@pytest.mark.parametrize("rate", [Fraction(1, 4), Fraction(1, 2), Fraction(1), Fraction(5)])
def test_the_last_picture_lasts_as_long_as_it_did(tmp_path: Path, rate: Fraction) -> None:
    """A slide every two seconds: the last one is given again just before its end, so that what is stored lasts on."""
    path = tmp_path / "slides.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(5):
            picture = np.full((240, 320, 3), 60 + 20 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    frames = [item for item in FileSource(path).video("V1") if isinstance(item, VideoFrame)]
    assert frames[-1].time == pytest.approx(float(5 / rate) - 1 / 30, abs=0.01)
    assert np.array_equal(frames[-1].y, frames[-2].y)


@pytest.mark.parametrize("times", [[0], [0, 2, 4, 6, 8, 9.967], [0, 10], [0, 0.04, 0.08, 30]])
def test_what_this_program_wrote_has_its_frames_and_no_more(tmp_path: Path, times: list[float]) -> None:
    """A stored film is read back frame by frame however long its pictures stand: the second look counts them."""
    path = tmp_path / "stored.mp4"
    track = TrackInfo("V1", TrackKind.VIDEO, 64, 48, Fraction(1, 2), Fraction(1, 16_384), 0, 0)
    with VideoWriter.of_track(path, track, OutputSection()) as writer:
        for time in times:
            plane = np.full((48, 64), 60, np.uint8)
            writer.write(
                VideoFrame(plane, plane[::2, ::2], plane[::2, ::2], round(time * 16_384), Fraction(1, 16_384))
            )
    frames = [item for item in FileSource(path, own=True).video("V1") if isinstance(item, VideoFrame)]
    assert [frame.time for frame in frames] == pytest.approx(times, abs=0.001)


@pytest.mark.slow
def test_more_pixels_a_second_than_any_recording_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with more pictures than time allows is refused with a sentence, not worked on for hours."""
    monkeypatch.setattr("recorder.media.decode_video.MAX_PIXELS_PER_S", 320 * 240 * 25)
    even = screen(tmp_path / "even.mkv", "libx264", [number / 25 for number in range(100)])
    assert len(list(FileSource(even).video("V1"))) == 100
    flood = screen(tmp_path / "flood.mkv", "libx264", [number / 1000 for number in range(1000)])
    with pytest.raises(UnreadableInput, match="pixels a second"):
        list(FileSource(flood).video("V1"))


@pytest.mark.parametrize("size", [(8192, 8192), (16384, 2176), (8192, 4354)])
def test_larger_pictures_than_8k_are_refused_unopened(tmp_path: Path, size: tuple[int, int]) -> None:
    """A few kilobytes that ask for a picture of 67 million pixels are refused by what their header says."""
    path = tmp_path / "huge.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=Fraction(30))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        packets = [*stream.encode(frame), *stream.encode(None)]
        for packet in packets:
            container.mux(packet)
    data = path.read_bytes()
    small = (64 | 48 << 16).to_bytes(4, "little")
    assert small in data
    path.write_bytes(data.replace(small, (size[0] | size[1] << 16).to_bytes(4, "little")))
    with pytest.raises(UnreadableInput):
        FileSource(path).info()


@pytest.mark.skipif(not FIELD.is_dir(), reason="the field's small inputs are not here")
def test_field_cases() -> None:
    """The field's still screen has no covered frame, its slides last ten seconds, and its paused Opus has no gap."""
    still = list(FileSource(FIELD / "vfr_mostly.mkv").video("V1"))
    assert not [item for item in still if isinstance(item, Gap) or item.whole_cover]
    slides = [item for item in FileSource(FIELD / "half_fps.mp4").video("V1") if isinstance(item, VideoFrame)]
    assert slides[-1].time == pytest.approx(10, abs=0.05)
    paused = list(FileSource(FIELD / "dtx.webm").audio("A1", 16_000))
    assert not [item for item in paused if isinstance(item, Gap)]
