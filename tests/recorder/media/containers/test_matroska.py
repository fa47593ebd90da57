"""Damage in Matroska and WebM: what libav skips without a word is found in the file's own elements."""

from __future__ import annotations

import io
import random
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import pytest

from recorder.media.containers.matroska import lost_in_matroska
from recorder.media.file import FileSource
from redaction.model import Gap, VideoFrame
from tests.media import make_clip
from tests.recorder.media.test_decode_video import screen

LIVE = {
    "codec": "libvpx",
    "audio": "libopus",
    "container_options": {"live": "1", "cluster_time_limit": "500"},
}


def element(name: int, body: bytes) -> bytes:
    """Return an element with its size in eight bytes."""
    wide = (name.bit_length() + 7) // 8
    return name.to_bytes(wide, "big") + (1 << 56 | len(body)).to_bytes(8, "big") + body


def cluster(time: int, *, payload: bytes = b"picture" * 20, checksum: bool = False) -> bytes:
    """Return a cluster with ten blocks, 40 ms apart."""
    blocks = [element(0xA3, b"\x81" + (40 * at).to_bytes(2, "big") + b"\x80" + payload) for at in range(10)]
    body = element(0xE7, time.to_bytes(4, "big")) + b"".join(blocks)
    if checksum:
        body = b"\xbf\x84" + zlib.crc32(body).to_bytes(4, "little") + body
    return element(0x1F43B675, body)


def segment(*parts: bytes) -> bytes:
    """Return a file of one segment."""
    return element(0x1A45DFA3, b"") + element(0x18538067, b"".join(parts))


class FakeStore:
    """Opens bytes that lie nowhere."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def open(self) -> BinaryIO:
        """Return them."""
        return io.BytesIO(self._data)


def lost(data: bytes) -> list[tuple[float, float | None]]:
    """Return what was lost in bytes, in seconds."""
    return [
        (float(one.start), None if one.end is None else float(one.end))
        for one in lost_in_matroska(FakeStore(data))
    ]


CLUSTERS = [cluster(1000 * at, checksum=True) for at in range(5)]


@pytest.mark.parametrize(
    ("container", "options"),
    [("a.mkv", {}), ("a.webm", {"codec": "libvpx", "audio": "libopus"}), ("live.webm", LIVE)],
)
def test_what_recorders_write_is_whole(tmp_path: Path, container: str, options: dict[str, Any]) -> None:
    """Files of libav, with and without known sizes, have no loss."""
    clip = make_clip(tmp_path / container, seconds=2.0, size=(96, 64), **options)
    assert lost_in_matroska(clip.path) == ()


def test_elements_that_nobody_knows_are_no_damage() -> None:
    """A later version's elements, fillers and other scales are followed."""
    scale = element(0x1549A966, element(0x2AD7B1, (100_000).to_bytes(4, "big")))
    odd = element(0x5BAA, b"later") + element(0xEC, bytes(500))
    assert lost(segment(scale, CLUSTERS[0], element(0xEC, bytes(9)), CLUSTERS[1])) == []
    body = element(0xE7, b"\x07\xd0") + odd + element(0xA3, b"\x81\x00\x00\x80x") + odd
    assert lost(segment(element(0x1F43B675, body), CLUSTERS[3])) == []


@pytest.mark.parametrize("how", ["noise", "zeros", "cut"])
def test_a_break_lasts_to_the_next_cluster(how: str) -> None:
    """Bytes that were overwritten or taken out are lost from the last whole block to the next cluster's time."""
    data = bytearray(segment(*CLUSTERS))
    at = data.index(CLUSTERS[2]) + len(CLUSTERS[2]) // 2
    if how == "cut":
        del data[at : at + 300]
    else:
        data[at : at + 300] = random.Random(1).randbytes(300) if how == "noise" else bytes(300)
    ((start, end),) = lost(bytes(data))
    assert start in (2.16, 2.2)
    assert end == 3.0


def test_the_last_cluster_broken_ends_nowhere() -> None:
    """After a break that nothing follows the end is not known."""
    data = bytearray(segment(*CLUSTERS))
    data[-700:-500] = bytes(200)
    ((start, end),) = lost(bytes(data))
    assert 4 <= start < 4.4
    assert end is None


def test_a_payload_that_changed_is_found_by_its_checksum() -> None:
    """Damage within one block breaks no chain; the cluster's checksum tells. If all are wrong they tell nothing."""
    data = segment(*CLUSTERS)
    at = data.index(b"picture", data.index(CLUSTERS[2]))
    changed = data[:at] + b"XXXX" + data[at + 4 :]
    assert lost(changed) == [(1.36, 2.36)]
    assert lost(data.replace(b"picture", b"PICTURE")) == []


def test_a_hole_in_a_standstill_is_covered_from_where_it_is(tmp_path: Path) -> None:
    """A still screen with sound: from a loss to the next picture it is covered, and the standstill before it stays."""
    clip = make_clip(tmp_path / "a.mkv", seconds=8.0, size=(96, 64), gop=1, options={"bf": "0"})
    path = tmp_path / "still.mkv"
    with av.open(str(clip.path)) as source, av.open(str(path), "w") as target:
        streams = {one.index: target.add_stream_from_template(one) for one in source.streams}
        for packet in source.demux():
            if packet.dts is None or packet.pts is None:
                continue
            time = float(packet.pts * packet.time_base)
            if packet.stream.type == "video" and 1 <= time < 7:
                continue
            packet.stream = streams[packet.stream_index]
            target.mux(packet)
    assert not [item for item in FileSource(path).video("V1") if isinstance(item, Gap)]
    data = bytearray(path.read_bytes())
    middle = len(data) * 55 // 100
    data[middle : middle + 2000] = random.Random(2).randbytes(2000)
    path.write_bytes(data)
    items = list(FileSource(path).video("V1"))
    gaps = [item.span for item in items if isinstance(item, Gap)]
    assert gaps
    assert gaps[0].start > 1.5
    assert gaps[-1].end == pytest.approx(7.0, abs=0.1)
    covered = [item.time for item in items if isinstance(item, VideoFrame) and item.whole_cover]
    assert min(covered) > 1.5


@pytest.mark.parametrize("seed", range(40))
def test_any_bytes_are_gone_through(seed: int) -> None:
    """Whatever stands in a file, going through it ends, and says times in order."""
    dice = random.Random(seed)
    data = bytearray(segment(*CLUSTERS))
    for _ in range(dice.choice((1, 20, 200))):
        at = dice.randrange(len(data))
        data[at : at + dice.randrange(1, 9)] = dice.randbytes(dice.randrange(1, 9))
    found = lost_in_matroska(FakeStore(bytes(data)))
    assert all(one.end is None or one.start <= one.end for one in found)
    assert [one.start for one in found] == sorted(one.start for one in found)
    assert all(isinstance(one.start, Fraction) for one in found)


def test_a_damaged_recording_of_a_screen_has_its_gap(tmp_path: Path) -> None:
    """The screen recording of the field, with a stretch of bytes gone, says so."""
    times = [number / 15 for number in range(120)]
    path = screen(tmp_path / "one.webm", "libvpx", times)
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : third + 1500] = bytes(1500)
    path.write_bytes(data)
    assert [item for item in FileSource(path).video("V1") if isinstance(item, Gap)]
