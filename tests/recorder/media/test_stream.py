"""Media through a file object: the contract, and stores that fail on the way."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import av
import pytest

from recorder.media.file import FileSource
from recorder.media.source import Source
from recorder.media.stream import Latched
from recorder.sources.recording import bundle_name
from redaction.errors import StorageFailed, UnreadableInput
from redaction.model import AudioBlock, Gap, VideoFrame
from tests.media import Clip, frame_number, frames_of, make_clip
from tests.recorder.sources.contract import SourceContract

_SECRET = "https://key:secret@store/laura.mp4"


class FakeOpener:
    """Opens a local file as a store would hand it out."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> BinaryIO:
        return self.path.open("rb", buffering=0)


class FaultyFile(io.BytesIO):
    """Serves bytes until it has served `healthy` of them, then fails in one way for ever."""

    def __init__(self, data: bytes, healthy: int, fault: str) -> None:
        super().__init__(data)
        self.left = healthy
        self.fault = fault

    def read(self, count: int | None = -1) -> bytes:
        data = super().read(count)
        self.left -= len(data)
        if self.left >= 0:
            return data
        match self.fault:
            case "error":
                raise OSError(f"503 of {_SECRET}")
            case "timeout":
                raise TimeoutError(_SECRET)
            case "foreign":
                raise RuntimeError(_SECRET)
            case "own":
                raise UnreadableInput("The recording changed.")
            case "short":
                return b""
            case _:
                return data + b"more than was asked for" * 4096


@dataclass
class FaultyOpener:
    """Its handles fail after `healthy` bytes, from the handle numbered `first` on."""

    data: bytes
    healthy: int
    fault: str = "error"
    first: int = 0
    handles: list[io.BytesIO] = field(default_factory=list)

    def open(self) -> BinaryIO:
        faulty = len(self.handles) >= self.first
        handle = FaultyFile(self.data, self.healthy, self.fault) if faulty else io.BytesIO(self.data)
        self.handles.append(handle)
        return handle


class TestStreamedSource(SourceContract):
    """The contract, over containers that are read front to back and ones that are read from their end."""

    @pytest.fixture(
        scope="class",
        params=[
            pytest.param(("a.mp4", {}), id="mp4"),
            pytest.param(("a.webm", {"codec": "libvpx", "audio": "libopus"}), id="webm"),
            pytest.param(("a.ts", {"codec": "mpeg2video", "audio": "mp2"}), id="ts"),
            pytest.param(("a.avi", {"codec": "mpeg4", "audio": "pcm_s16le"}), id="avi"),
        ],
    )
    @classmethod
    def clip(cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clip:
        name, options = request.param
        return make_clip(tmp_path_factory.mktemp("clip") / name, seconds=1.2, size=(160, 120), **options)

    @pytest.fixture
    def source(self, clip: Clip) -> Source:
        return FileSource(FakeOpener(clip.path))


@pytest.fixture(scope="module", params=["a.mp4", "a.mkv", "a.ts", "a.avi", "a.webm", "a.flv"])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Two seconds in each container that demuxers read in ways of their own."""
    name: str = request.param
    options: dict[str, Any] = {
        "a.ts": {"codec": "mpeg2video", "audio": "mp2"},
        "a.avi": {"codec": "mpeg4", "audio": "pcm_s16le"},
        "a.webm": {"codec": "libvpx", "audio": "libopus"},
        "a.flv": {"codec": "flv1"},
    }.get(name, {})
    return make_clip(tmp_path_factory.mktemp("rec") / name, seconds=2.0, size=(320, 240), gop=5, **options)


def test_the_same_as_from_a_file(recording: Clip) -> None:
    """A file object gives the same description, frames and samples as the file itself."""
    direct, streamed = FileSource(recording.path), FileSource(FakeOpener(recording.path))
    assert streamed.info() == direct.info()
    for one, other in zip(direct.video("V1"), streamed.video("V1"), strict=True):
        assert isinstance(one, VideoFrame)
        assert isinstance(other, VideoFrame)
        assert (one.pts, one.y.tobytes(), one.v.tobytes()) == (
            other.pts,
            other.y.tobytes(),
            other.v.tobytes(),
        )
    pairs = zip(direct.audio("A1", 16_000), streamed.audio("A1", 16_000), strict=True)
    assert all(_same(one, other) for one, other in pairs)


def _same(one: AudioBlock | Gap, other: AudioBlock | Gap) -> bool:
    if isinstance(one, AudioBlock) and isinstance(other, AudioBlock):
        return one.start == other.start and one.samples.tobytes() == other.samples.tobytes()
    return one == other


@pytest.mark.parametrize("fault", ["error", "timeout", "foreign", "short", "more"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.97])
def test_a_store_that_fails_is_no_end(recording: Clip, fault: str, share: float) -> None:
    """Whatever fails while a track is read is raised, at the latest when the track ends; no track is just shorter."""
    data = recording.path.read_bytes()
    source = FileSource(FakeOpener(recording.path))
    info = source.info()
    for track in info.tracks:
        opener = FaultyOpener(data, int(len(data) * share), fault)
        faulty = FileSource(opener)
        faulty._probe = source._probe
        reading: Iterator[object] = (
            faulty.video(track.id) if track.id.startswith("V") else faulty.audio(track.id, 16_000)
        )
        with pytest.raises(StorageFailed) as failure:
            list(reading)
        assert "secret" not in failure.value.sentence
        assert failure.value.__cause__ is None
        assert all(handle.closed for handle in opener.handles)


@pytest.mark.parametrize("healthy", [0, 100, 5_000])
def test_a_store_that_fails_at_the_first_look(recording: Clip, healthy: int) -> None:
    """A store that fails while the tracks are looked for is no unreadable recording, for it may be tried again."""
    opener = FaultyOpener(recording.path.read_bytes(), healthy)
    with pytest.raises(StorageFailed):
        FileSource(opener).info()
    assert all(handle.closed for handle in opener.handles)


def test_an_opener_s_own_error_is_kept(recording: Clip) -> None:
    """What the store says in the project's own words is what is raised."""
    data = recording.path.read_bytes()
    with pytest.raises(UnreadableInput, match="The recording changed"):
        FileSource(FaultyOpener(data, 2_000, "own")).info()


def test_a_failure_stays_with_its_recording(recording: Clip) -> None:
    """After a failed read the next recording read in the same thread is whole, time and again."""
    data = recording.path.read_bytes()
    for _ in range(3):
        faulty = FileSource(FaultyOpener(data, len(data) // 2, first=3))
        with pytest.raises(StorageFailed):
            for _ in range(3):
                list(faulty.video("V1"))
        frames = frames_of(list(FileSource(FakeOpener(recording.path)).video("V1")))
        assert [frame_number(frame) for frame in frames] == list(range(len(recording.times)))


def test_a_container_s_references_are_not_followed(tmp_path: Path) -> None:
    """A playlist given as a file object opens neither files nor addresses."""
    clip = make_clip(tmp_path / "a.mp4", seconds=0.4, size=(160, 120))
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\n{clip.path}\n")
    concat = tmp_path / "list.txt"
    concat.write_text(f"ffconcat version 1.0\nfile {clip.path}\n")
    for path in (playlist, concat):
        with pytest.raises(UnreadableInput):
            FileSource(FakeOpener(path)).info()


def test_an_empty_object(tmp_path: Path) -> None:
    """An object of no bytes is an unreadable input."""
    (tmp_path / "empty").touch()
    with pytest.raises(UnreadableInput, match="empty"):
        FileSource(FakeOpener(tmp_path / "empty")).info()


def test_a_name_from_streamed_content(recording: Clip) -> None:
    """A bundle's name is the same from a file and from a file object, and a store that fails gives none."""
    assert bundle_name(FakeOpener(recording.path)) == bundle_name(recording.path)
    with pytest.raises(StorageFailed):
        bundle_name(FaultyOpener(recording.path.read_bytes(), 10_000))


def test_a_latched_handle_is_bounded() -> None:
    """A reader gets no byte more than it asked for, since libav's buffer has no more room."""
    latched = Latched(FaultyFile(b"x" * 10_000, 0, "more"))
    assert latched.read(100) == b""
    with pytest.raises(StorageFailed):
        latched.check()


def test_libav_takes_a_failure_for_the_end(tmp_path: Path) -> None:
    """The reason for the latch: demuxing a handle that failed ends in good order, with fewer packets."""
    clip = make_clip(tmp_path / "a.mkv", seconds=8.0, size=(320, 240))
    data = clip.path.read_bytes()
    with av.open(clip.path) as whole:
        expected = sum(1 for packet in whole.demux() if packet.size)
    latched = Latched(FaultyFile(data, len(data) // 2, "error"))
    with av.open(latched, "r") as container:
        seen = sum(1 for packet in container.demux() if packet.size)
    assert 0 < seen < expected
    with pytest.raises(StorageFailed):
        latched.check()
