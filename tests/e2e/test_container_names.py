"""Names that a container holds beside its media: tags, chapters, subtitles, attachments, boxes and hidden units."""

from __future__ import annotations

import base64
import string
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from tests.cli.running import place_in, run

if TYPE_CHECKING:
    from av.container.core import Chapter  # of the types alone

_PLACES: Final = (
    "title",
    "artist",
    "comment",
    "track",
    "language",
    "chapter",
    "subtitle",
    "attachment",
    "file",
    "sei",
    "box",
    "picture",
)
_KINDS: Final = ("mkv", "mp4", "mov", "webm", "avi", "flv", "ogg", "mp3", "wav")
_SOUND_CODECS: Final = {
    "webm": "libopus",
    "ogg": "libopus",
    "wav": "pcm_s16le",
    "mp3": "libmp3lame",
    "flv": "libmp3lame",
}
_VIDEO_CODECS: Final = {"webm": "libvpx", "avi": "mpeg4"}
_SUBTITLE_HEAD: Final = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\n"
    b"Style: Default,Arial,16\n\n[Events]\nFormat: Layer, Start, End, Style, Name, Text\n"
)


def name_of(kind: str, place: str) -> str:
    """Return a name of no meaning for one place of one file, of letters alone."""
    number = _KINDS.index(kind) * len(_PLACES) + _PLACES.index(place)
    return "Quorvex" + string.ascii_lowercase[number // 26] + string.ascii_lowercase[number % 26]


def stage(folder: Path, kind: str) -> tuple[Path, set[str]]:
    """Write half a second of media with a name in every place that its container has; return the names as well."""
    planted = {place: name_of(kind, place) for place in _PLACES}
    path = folder / f"{planted['file']}.{kind}"
    pictured, soundless = kind not in ("ogg", "mp3", "wav"), kind == "avi"
    with av.open(str(path), "w") as out:
        out.metadata.update({key: planted[key] for key in ("title", "artist", "comment")})
        if kind in ("mkv", "mp4", "mov"):
            out.set_chapters([_chapter(planted["chapter"])])
        video = _video_stream(out, kind, planted) if pictured else None
        sound = None if soundless else _sound_stream(out, kind, planted)
        if kind == "mkv":
            out.add_attachment(
                f"{planted['attachment']}.csv", "text/csv", f"a,{planted['attachment']}".encode()
            )
        subtitle = _subtitle_stream(out, kind) if kind in ("mkv", "mp4", "mov") else None
        out.start_encoding()
        if subtitle is not None:
            out.mux(_line(subtitle, planted["subtitle"], kind))
        for packet in [
            *(_pictures(video, kind, planted["sei"]) if video else ()),
            *(_sounds(sound) if sound else ()),
        ]:
            out.mux(packet)
    if kind in ("mp4", "mov"):
        box = planted["box"].encode()
        with path.open("ab") as file:
            for mark in (b"free", b"udta", b"uuid"):
                file.write((8 + 16 + len(box)).to_bytes(4, "big") + mark + bytes(16) + box)
    if kind == "mp3":
        path.write_bytes(path.read_bytes() + b"TAG" + planted["box"].encode().ljust(125, b"\0"))
    data = path.read_bytes()
    return path, {name for name in planted.values() if name.encode() in data or name == planted["file"]}


def _chapter(title: str) -> Chapter:
    return {"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": title}}


def _video_stream(out: OutputContainer, kind: str, planted: dict[str, str]) -> VideoStream:
    stream = out.add_stream(_VIDEO_CODECS.get(kind, "libx264"), rate=Fraction(10))
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
    stream.metadata.update(
        {"title": planted["track"], "handler_name": planted["track"], "language": planted["language"]}
    )
    return stream


def _sound_stream(out: OutputContainer, kind: str, planted: dict[str, str]) -> AudioStream:
    stream = out.add_stream(_SOUND_CODECS.get(kind, "aac"), rate=48_000 if kind != "flv" else 44_100)
    assert isinstance(stream, AudioStream)
    stream.layout = "mono"
    stream.metadata.update(
        {"title": planted["track"], "artist": planted["artist"], "METADATA_BLOCK_PICTURE": planted["picture"]}
    )
    return stream


def _subtitle_stream(out: OutputContainer, kind: str) -> av.subtitles.stream.SubtitleStream:
    stream = out.add_stream("subrip" if kind == "mkv" else "mov_text")
    stream.codec_context.time_base = Fraction(1, 1000)
    stream.codec_context.subtitle_header = _SUBTITLE_HEAD
    return stream


def _line(stream: av.subtitles.stream.SubtitleStream, words: str, kind: str) -> Packet[Stream]:
    text = words.encode()
    packet = av.Packet(text if kind == "mkv" else len(text).to_bytes(2, "big") + text)
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = 100
    packet.duration = 300
    return packet


def _pictures(stream: VideoStream, kind: str, hidden: str) -> Iterator[Packet[Stream]]:
    packets: list[Packet[Stream]] = []
    for number in range(5):
        grey = np.full((120, 160, 3), 90 + 10 * number, np.uint8)
        packets += stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24"))
    packets += stream.encode(None)
    if kind in _VIDEO_CODECS:
        yield from packets
        return
    user_data = f"h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+{hidden}"
    hide = BitStreamFilterContext(user_data, in_stream=stream)
    for packet in packets:
        yield from hide.filter(packet)


def _sounds(stream: AudioStream) -> Iterator[Packet[Stream]]:
    rate = stream.codec_context.sample_rate
    noise = np.random.default_rng(1).integers(-40, 40, (1, rate // 2), np.int16)
    frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
    frame.sample_rate, frame.pts = rate, 0
    yield from stream.encode(frame)
    yield from stream.encode(None)


def written_as(name: str) -> Iterator[bytes]:
    """Yield how a name may stand in a file: in letters of one or two bytes, in hex, in base64 at any place."""
    for text in (name, name.lower(), name[::-1]):
        for coding in ("utf-8", "utf-16-le", "utf-16-be"):
            yield text.encode(coding)
        yield text.encode().hex().encode()
    for lead in range(3):
        coded = base64.b64encode(bytes(lead) + name.encode())
        yield coded[4 if lead else 0 : -4]


def test_no_byte_of_a_bundle_holds_a_name_of_the_container(tmp_path: Path) -> None:
    """Names in tags, chapters, subtitles, attachments, boxes, hidden units and file names of nine containers vanish."""
    inputs = tmp_path / "in"
    inputs.mkdir()
    staged = [stage(inputs, kind) for kind in _KINDS]
    planted = set[str]().union(*(names for _, names in staged))
    assert {name_of("mkv", held) for held in _PLACES if held not in ("box", "picture", "language")} <= planted
    assert len(planted) >= 5 * len(_KINDS), "the files hold names"
    place = place_in(tmp_path)
    ran = run(["redact", *(path for path, _ in staged), "-o", place.out], place)
    assert ran.status == 0, ran.err
    assert len(place.bundles()) == len(_KINDS)
    files = [item for item in place.out.rglob("*") if item.is_file()]
    said = (ran.out + ran.err).encode() + "\n".join(map(str, place.out.rglob("*"))).encode()
    for name in planted:
        for needle in written_as(name):
            assert needle not in said
            assert [item.name for item in files if needle in item.read_bytes()] == []
    assert not place.leftovers()
