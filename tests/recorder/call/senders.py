"""Participants made of aiortc: a tone and a colour of their own, encoded once and sent as packets."""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
)
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from redaction.model import Samples

LOOPBACK = ["127.0.0.1"]
FPS = 30

Coded = tuple[bytes, int]


@lru_cache(maxsize=32)
def coded_pictures(
    colour: tuple[int, int, int], *, codec: str = "VP8", width: int = 320, height: int = 180, seconds: int = 1
) -> tuple[Coded, ...]:
    """Return packets and pts (1/90000 s) of a bar that wanders over a YUV colour; the first is a key frame."""
    context = av.CodecContext.create("libvpx" if codec == "VP8" else "libx264", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.bit_rate = 300_000
    context.time_base = Fraction(1, 90000)
    context.framerate = Fraction(FPS)
    context.gop_size = FPS * seconds
    context.options = (
        {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"}
        if codec == "VP8"
        else {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}
    )
    packets: list[Coded] = []
    for number in range(FPS * seconds):
        planes = np.empty((height * 3 // 2, width), np.uint8)
        planes[:height] = colour[0]
        planes[:height, (number * 8) % width : (number * 8) % width + 8] = 255 - colour[0]
        planes[height : height + height // 4] = colour[1]
        planes[height + height // 4 :] = colour[2]
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = number * 90000 // FPS, Fraction(1, 90000)
        packets += [(bytes(packet), packet.pts or 0) for packet in context.encode(frame)]
    packets += [(bytes(packet), packet.pts or 0) for packet in context.encode(None)]
    return tuple(packets)


@lru_cache(maxsize=32)
def coded_tone(hertz: int, *, seconds: int = 1) -> tuple[Coded, ...]:
    """Return Opus packets and pts (1/48000 s) of a tone."""
    times = np.arange(48000 * seconds) / 48000
    return coded_sound((8000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16))


def coded_sound(samples: NDArray[np.int16]) -> tuple[Coded, ...]:
    """Return Opus packets and pts (1/48000 s) of whole seconds that go on for ever, as coded the second time round."""
    context = av.CodecContext.create("libopus", "w")
    assert isinstance(context, AudioCodecContext)
    context.layout, context.format, context.sample_rate = "stereo", "s16", 48000
    context.bit_rate = 64000
    count = len(samples) // 960
    twice = np.concatenate([samples, samples, samples[:4800]])
    packets: list[bytes] = []
    for number in range(2 * count + 5):
        block = np.repeat(twice[number * 960 : (number + 1) * 960], 2)[None]
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 960, Fraction(1, 48000)
        packets += [bytes(packet) for packet in context.encode(frame)]
    return tuple((data, number * 960) for number, data in enumerate(packets[count : 2 * count]))


class CodedTrack(MediaStreamTrack):
    """Sends coded media over and over, in real time; `still` keeps it from sending anything."""

    def __init__(self, kind: str, packets: tuple[Coded, ...]) -> None:
        super().__init__()
        self.kind = kind
        self.packets = packets
        self.still = False
        self._rate = 48000 if kind == "audio" else 90000
        self._step = self._rate // (50 if kind == "audio" else FPS)
        self._start: float | None = None
        self._count = 0

    async def recv(self) -> Any:
        """Return the next packet when it is due."""
        if self._start is None:
            self._start = time.monotonic()
        while True:
            pts = self._count * self._step
            data = self.packets[self._count % len(self.packets)][0]
            self._count += 1
            await asyncio.sleep(max(0.0, self._start + pts / self._rate - time.monotonic()))
            if not self.still:
                break
        packet = av.Packet(data)
        packet.pts, packet.time_base = pts, Fraction(1, self._rate)
        return packet


def sending(
    *,
    hertz: int = 440,
    colour: tuple[int, int, int] = (90, 60, 200),
    codec: str = "VP8",
    pictures: bool = True,
) -> tuple[RTCPeerConnection, list[CodedTrack]]:
    """Return a connection that would send a tone and a colour, and its tracks; sound first."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    tracks = [CodedTrack("audio", coded_tone(hertz))]
    if pictures:
        tracks.append(CodedTrack("video", coded_pictures(colour, codec=codec)))
    for track in tracks:
        transceiver = connection.addTransceiver(track, direction="sendonly")
        if track.kind == "video":
            capabilities = RTCRtpReceiver.getCapabilities("video")
            assert capabilities is not None
            codecs = capabilities.codecs
            transceiver.setCodecPreferences(
                [c for c in codecs if c.mimeType in (f"video/{codec}", "video/rtx")]
            )
    return connection, tracks


def pitch(samples: Samples, rate: int) -> float:
    """Return the loudest frequency in hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 17))
    return float(np.argmax(spectrum) * rate / (1 << 17))


def middle_colour(frame: av.VideoFrame) -> tuple[int, int, int]:
    """Return the median Y, U and V of a picture."""
    planes = frame.to_ndarray(format="yuv420p")
    height = frame.height
    chroma = planes[height:].reshape(2, -1)
    return int(np.median(planes[:height])), int(np.median(chroma[0])), int(np.median(chroma[1]))
