"""Inputs that cannot be read, or must not be: one clear sentence each, and neither a crash nor a large allocation."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Callable
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from resource import RLIMIT_AS, setrlimit

import av
import pytest
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

from recorder.media.file import FileSource
from redaction.errors import ExitCode, OffrecordError, UnreadableInput
from tests.media import frames_of, make_clip, samples_of

_NAME = "Jane Doe at 12 High Street"
_HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
_CONCAT = b"ffconcat version 1.0\nfile '/etc/hostname'\n"
_SDP = b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
_DASH = (
    b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    b"<Representation><BaseURL>http://127.0.0.1:9/x.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"
)


def _refusal(path: Path) -> str:
    with pytest.raises(UnreadableInput) as caught:
        FileSource(path).info()
    sentence = caught.value.sentence
    assert caught.value.exit_code is ExitCode.UNREADABLE
    assert sentence.endswith(".")
    assert len(sentence) < 120
    chain = f"{sentence} {caught.value.__cause__} {caught.value.args}"
    assert "Jane" not in chain
    assert "High Street" not in chain
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return sentence


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "a.mp4"
    return make_clip(path, seconds=1.0, size=(160, 120), tags={"title": _NAME}).path.read_bytes()


def test_missing(tmp_path: Path) -> None:
    """A file that is not there is said to be so."""
    assert "does not exist" in _refusal(tmp_path / f"{_NAME}.mp4")


def test_folder(tmp_path: Path) -> None:
    """A folder is said to be one."""
    (tmp_path / _NAME).mkdir()
    assert "folder" in _refusal(tmp_path / _NAME)


def test_empty(tmp_path: Path) -> None:
    """An empty file is said to be empty."""
    path = tmp_path / f"{_NAME}.mp4"
    path.touch()
    assert "empty" in _refusal(path)


@pytest.mark.timeout(10)
def test_pipe_socket_and_device(tmp_path: Path) -> None:
    """What is no regular file is refused at once, without waiting for it to speak."""
    pipe = tmp_path / _NAME
    os.mkfifo(pipe)
    assert "pipe" in _refusal(pipe)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert "pipe" in _refusal(tmp_path / "s")
    assert "device" in _refusal(Path("/dev/zero"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden(tmp_path: Path) -> None:
    """A file that may not be read is said to be so."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    path.chmod(0)
    assert "permission" in _refusal(path)


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".sdp", ".mpd", ".txt"])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"This is a text about nothing in particular.\n" * 100, id="text"),
        pytest.param(_HLS, id="hls"),
        pytest.param(_CONCAT, id="concat"),
        pytest.param(_SDP, id="sdp"),
        pytest.param(_DASH, id="dash"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(500), id="png"),
        pytest.param(bytes(100_000), id="zeros"),
        pytest.param(b"\x00", id="one-byte"),
    ],
)
def test_what_is_not_media(tmp_path: Path, content: bytes, suffix: str) -> None:
    """Text, pictures, nothing at all, and lists that point to other files or addresses are no media."""
    path = tmp_path / (_NAME + suffix)
    path.write_bytes(content)
    assert "not a media file" in _refusal(path)


def test_no_list_is_followed(tmp_path: Path) -> None:
    """A playlist whose entries are good media beside it is refused all the same."""
    make_clip(tmp_path / "a.ts", seconds=0.4, size=(160, 120))
    (tmp_path / "list.m3u8").write_bytes(_HLS.replace(b"file:///etc/hostname", b"a.ts"))
    (tmp_path / "list.ffconcat").write_bytes(_CONCAT.replace(b"/etc/hostname", b"a.ts"))
    _refusal(tmp_path / "list.m3u8")
    _refusal(tmp_path / "list.ffconcat")


def test_cut_off_before_the_index(tmp_path: Path, clip: bytes) -> None:
    """An MP4 without its index cannot be read."""
    path = tmp_path / f"{_NAME}.mp4"
    path.write_bytes(clip[: len(clip) // 2])
    assert "cut off" in _refusal(path)


def test_index_without_media(tmp_path: Path) -> None:
    """An MP4 that is all index and no media cannot be decoded."""
    path = tmp_path / "a.mp4"
    make_clip(path, seconds=1.0, size=(160, 120), container_options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 4])
    assert "decoded" in _refusal(path)


@pytest.mark.parametrize("code", [b"zzzz", b"encv"])
def test_unknown_codec(tmp_path: Path, clip: bytes, code: bytes) -> None:
    """A picture that no decoder knows is refused rather than dropped."""
    path = tmp_path / "a.mp4"
    data = bytearray(clip)
    place = data.index(b"avc1", data.index(b"stsd"))
    data[place : place + 4] = code
    path.write_bytes(data)
    assert "cannot be decoded" in _refusal(path)


def test_encrypted(tmp_path: Path) -> None:
    """Common encryption is named."""
    keys = {"encryption_key": "00112233445566778899aabbccddeeff", "encryption_kid": "ff" * 16}
    options = {"encryption_scheme": "cenc-aes-ctr", **keys}
    clip = make_clip(tmp_path / "a.mp4", seconds=0.4, size=(160, 120), container_options=options)
    assert "encrypted" in _refusal(clip.path)


def test_nothing_to_decode_behind_a_data_stream(tmp_path: Path) -> None:
    """Sound that cannot be decoded is refused also where a stream of another kind comes first."""
    path = tmp_path / "a.ts"
    with av.open(str(path), mode="w") as container:
        container.add_data_stream("klv")
        sound = container.add_stream("mp2", rate=48_000)
        assert isinstance(sound, AudioStream)
        sound.layout = "mono"
        container.start_encoding()
        for number in range(40):
            packet: Packet[Stream] = Packet(b"\x55" * 200)
            packet.stream = sound
            packet.pts = packet.dts = number * 1152
            packet.time_base = Fraction(1, 48_000)
            container.mux(packet)
    with av.open(str(path)) as container:
        assert container.streams[0].type == "data"
    assert "decoded" in _refusal(path)


@pytest.mark.parametrize("count", [100, 600])
def test_too_many_tracks(tmp_path: Path, count: int) -> None:
    """Hundreds of tracks are no call."""
    clip = make_clip(tmp_path / "a.mkv", seconds=0.05, codec=None, audio="pcm_s16le", audio_tracks=count)
    assert "tracks" in _refusal(clip.path) or count > 256


def _after(tag: bytes, offset: int, value: bytes) -> Callable[[bytearray], None]:
    def patch(data: bytearray) -> None:
        place = data.find(tag)
        while place >= 0:
            data[place + offset : place + offset + len(value)] = value
            place = data.find(tag, place + 4)

    return patch


_HOSTILE: list[tuple[str, dict[str, str], Callable[[bytearray], None]]] = [
    (
        "dimensions.avi",
        {"codec": "rawvideo", "audio": "pcm_s16le"},
        _after(b"strf", 12, struct.pack("<ii", 60_000, 60_000)),
    ),
    ("dimensions.mp4", {}, _after(b"avc1", 28, b"\xff\xff\xff\xff")),
    (
        "dimensions.webm",
        {"codec": "libvpx", "audio": "libopus"},
        _after(b"\x9d\x01\x2a", 3, b"\xff\x3f\xff\x3f"),
    ),
    ("rate.avi", {"codec": "rawvideo", "audio": "pcm_s16le"}, _after(b"strh", 28, bytes(8))),
    ("interval.avi", {"codec": "mpeg4", "audio": "pcm_s16le"}, _after(b"avih", 8, bytes(4))),
    ("durations.mp4", {}, _after(b"stts", 16, b"\x7f\xff\xff\xff")),
    ("movie.mp4", {}, _after(b"mvhd", 20, b"\xff\xff\xff\xff")),
    ("timescale.mp4", {}, _after(b"mdhd", 16, bytes(4))),
    ("samples.mp4", {}, _after(b"stsz", 12, b"\x7f\xff\xff\xff")),
    ("chunks.mp4", {}, _after(b"stco", 8, b"\x7f\xff\xff\xff")),
    ("offsets.mp4", {}, _after(b"stco", 12, b"\xff\xff\xff\xf0")),
    ("size.mp4", {}, _after(b"moov", -4, b"\x7f\xff\xff\xff")),
    ("rate.wav", {"audio": "pcm_s16le"}, _after(b"fmt ", 12, b"\xff\xff\xff\xff")),
    ("channels.wav", {"audio": "pcm_s16le"}, _after(b"fmt ", 10, b"\xff\xff")),
    ("length.wav", {"audio": "pcm_s16le"}, _after(b"data", 4, b"\xff\xff\xff\xff")),
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("name", "options", "patch"), _HOSTILE, ids=[name for name, _, _ in _HOSTILE])
def test_hostile_headers(
    tmp_path: Path, name: str, options: dict[str, str], patch: Callable[[bytearray], None]
) -> None:
    """Headers that claim the impossible are refused or read within bounds of time and of 2 GB."""
    path = tmp_path / name
    codec = None if name.endswith(".wav") else options.get("codec", "libx264")
    clip = make_clip(path, seconds=0.8, size=(160, 120), codec=codec, audio=options.get("audio", "aac"))
    data = bytearray(clip.path.read_bytes())
    patch(data)
    path.write_bytes(data)
    process = get_context("fork").Process(target=_read_in_little_memory, args=(path,))
    process.start()
    process.join(30)
    alive = process.is_alive()
    process.kill()
    assert not alive, "reading does not end"
    assert process.exitcode in {0, ExitCode.UNREADABLE}


def _read_in_little_memory(path: Path) -> None:
    # Address space, not memory: the interpreter with its libraries takes some 1.3 GB of it before anything is read.
    already = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    setrlimit(RLIMIT_AS, (already + 2 * 1024**3,) * 2)
    try:
        source = FileSource(path, threads=1)
        for track in source.info().video:
            end = max((frame.time for frame in frames_of(list(source.video(track.id)))), default=0.0)
            if end > 700:
                os._exit(99)
        for track in source.info().audio:
            if len(samples_of(list(source.audio(track.id, 8_000)))) > 700 * 8_000:
                os._exit(98)
    except OffrecordError as error:
        os._exit(error.exit_code)
    os._exit(0)


def test_nothing_is_printed(tmp_path: Path, clip: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither a good file with a name in its tags nor a broken one makes libav print a word."""
    good, broken = tmp_path / f"{_NAME}.mp4", tmp_path / f"{_NAME} 2.mp4"
    good.write_bytes(clip)
    list(FileSource(good).video("V1"))
    data = bytearray(clip)
    middle = data.index(b"mdat") + 2000
    data[middle : middle + 3000] = bytes(3000)
    broken.write_bytes(data)
    list(FileSource(broken).video("V1"))
    list(FileSource(broken).audio("A1", 16_000))
    sys.stdout.flush()
    assert capfd.readouterr() == ("", "")


def test_a_file_that_goes_away(tmp_path: Path, clip: bytes) -> None:
    """A file deleted after it was looked at is a clear refusal, not a crash."""
    path = tmp_path / "a.mp4"
    path.write_bytes(clip)
    source = FileSource(path)
    source.info()
    path.unlink()
    with pytest.raises(UnreadableInput):
        next(iter(source.video("V1")))


def test_codec_tags_that_are_no_letters(tmp_path: Path) -> None:
    """AAC in AVI has the tag 255: a number is no reason to end, and damage in a tag none to raise anything else."""
    clip = make_clip(tmp_path / "a.avi", codec="mpeg4", audio="aac", seconds=0.5, size=(64, 48))
    assert {track.kind.value for track in FileSource(clip.path).info().tracks} == {"video", "audio"}
    data = clip.path.read_bytes()
    clip.path.write_bytes(data.replace(b"FMP4", b"\xff\xfe\xfd\xfc"))
    with pytest.raises(UnreadableInput):
        FileSource(clip.path).info()
