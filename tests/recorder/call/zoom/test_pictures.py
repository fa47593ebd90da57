"""Pictures are decoded for the track that is wanted, in bounded number, and a broken one costs itself."""

from __future__ import annotations

import asyncio
import base64
import threading

import av
import pytest

from recorder.call.zoom import pictures
from recorder.call.zoom.pictures import MAX_WAITING, CodedPicture, PictureDecoder, begins_anew
from recorder.call.zoom.protocol import MediaCodec
from tests.recorder.call.observed import until
from tests.recorder.call.zoom_server import h264_of, jpeg_of

COLOUR = (90, 60, 200)


def coded(data: bytes, track: int = 1, codec: MediaCodec = MediaCodec.JPEG) -> CodedPicture:
    """Return a picture as it comes."""
    return CodedPicture(track, codec, 1.0, (base64.b64encode(data).decode(),))


def test_what_waits_when_somebody_says_no_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that wait when their track is no longer wanted are thrown away undecoded."""
    decoded, gate = [], threading.Event()

    class Slow:
        """A fake of a decoder: waits, and counts."""

        def __init__(self, _coding: object) -> None:
            return

        def decode(self, data: bytes, _number: int) -> list[av.VideoFrame]:
            """Count."""
            gate.wait(10)
            decoded.append(data)
            return []

    monkeypatch.setattr(pictures, "VideoDecoder", Slow)

    async def go() -> None:
        told: list[CodedPicture] = []
        decoder = PictureDecoder(lambda job, _frames: told.append(job))
        decoder.only(1)
        assert all(decoder.put(coded(b"picture")) for _ in range(5))
        await asyncio.sleep(0.1)
        decoder.only(2)
        assert decoder.put(coded(b"another", track=2))
        gate.set()
        await until(lambda: any(job.track == 2 for job in told))
        decoder.close()
        assert decoded == [b"picture", b"another"]

    asyncio.run(go())


def test_a_decoder_that_falls_behind_costs_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most so many wait; the rest is refused and counted."""
    gate = threading.Event()
    monkeypatch.setattr(pictures, "_data", lambda _job: gate.wait(10))

    async def go() -> None:
        decoder = PictureDecoder(lambda _job, _frames: None)
        decoder.only(1)
        taken = [decoder.put(coded(b"picture")) for _ in range(100)]
        assert MAX_WAITING <= sum(taken) <= MAX_WAITING + 1
        assert decoder.dropped == 100 - sum(taken)
        decoder.close()
        assert not decoder.put(coded(b"late"))
        gate.set()

    asyncio.run(go())


@pytest.mark.parametrize("codec", list(MediaCodec)[2:])
def test_garbage_costs_itself(codec: MediaCodec) -> None:
    """What cannot be decoded is told as such, and the next picture is decoded."""
    good = h264_of(COLOUR)[0] if codec is MediaCodec.H264 else jpeg_of(COLOUR)
    codec = MediaCodec.JPEG if codec is MediaCodec.PNG else codec

    async def go() -> None:
        told: list[object] = []
        decoder = PictureDecoder(lambda _job, frames: told.append(frames and len(frames)))
        decoder.only(1)
        for data in ("!!!", base64.b64encode(b"\x00\x00\x01garbage" * 20).decode(), "A" * 9_000_000, ""):
            decoder.put(CodedPicture(1, codec, 1.0, (data,)))
        decoder.put(coded(good, codec=codec))
        await until(lambda: len(told) == 5)
        decoder.close()
        assert told[0] is None
        assert told[2] is None
        assert told[3] is None
        assert told[4] == 1

    asyncio.run(go())


def test_key_pictures() -> None:
    """A picture with its parameter sets begins anew, those after it do not, and garbage never."""
    key, after = (base64.b64encode(data).decode() for data in h264_of(COLOUR)[:2])
    assert begins_anew((key,))
    assert begins_anew((after, key))
    assert not begins_anew((after,))
    assert not begins_anew(("!!!",))
    assert not begins_anew(("QUJD",))
