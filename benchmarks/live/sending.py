"""Synthetic participants of a live call: moving faces as VP8, and speech, in real time."""

from __future__ import annotations

import os
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import count
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.faces import DATA
from recorder.call.source import TimedAudio, TimedVideo
from recorder.media.orient import Geometry, Upright
from redaction.model import Samples

__all__ = ["BLOCK_S", "MADE", "RATE", "SIZES", "Sender", "encoded", "voice", "vp8"]

SIZES = {"360p": (640, 360), "720p": (1280, 720)}
RATE = 30
BLOCK_S = 0.02
MADE = "OFFRECORD_BENCHMARK_CLIPS"


class Sender(threading.Thread):
    """One participant: decodes its packets in real time, or so many times slower, and speaks."""

    def __init__(
        self,
        packets: list[bytes],
        voice: tuple[Samples, int],
        *,
        picture: Callable[[TimedVideo], None],
        sound: Callable[[TimedAudio], None],
        began: float,
        seconds: float,
        full: Callable[[], bool] | None = None,
        pace: float = 1.0,
    ) -> None:
        super().__init__(daemon=True)
        self.pace = pace
        self.full = full
        self.packets, self.voice = packets, voice
        self.picture, self.sound = picture, sound
        self.began, self.seconds = began, seconds
        self.sent = 0
        self.late_s = 0.0

    def run(self) -> None:
        """Send until the time is over."""
        decoder = av.CodecContext.create("vp8", "r")
        decoder.thread_count = 1
        samples, rate = self.voice
        step = round(rate * BLOCK_S)
        spoken = 0
        for index in count():
            at = index / RATE
            if at >= self.seconds:
                return
            wait = self.began + at * self.pace - time.monotonic()
            if self.full is not None:
                while self.full():
                    time.sleep(0.002)
            elif wait > 0:
                time.sleep(wait)
            self.late_s = max(self.late_s, -wait)
            for frame in decoder.decode(av.Packet(self.packets[index % len(self.packets)])):
                self.picture(TimedVideo(frame, at))
                self.sent += 1
            while spoken * BLOCK_S < at:
                start = spoken * step % (len(samples) - step)
                self.sound(TimedAudio(samples[start : start + step], rate, spoken * BLOCK_S))
                spoken += 1


def vp8(name: str, size: tuple[int, int]) -> list[bytes]:
    """Return a clip, letterboxed, as VP8 packets forth and back, made once a run; the first one is a key frame."""
    width, height = size
    made = Path(os.environ.get(MADE, tempfile.gettempdir())) / f"{name}-{height}.packets"
    if MADE in os.environ and made.is_file():
        return [bytes.fromhex(line) for line in made.read_text().splitlines()]
    upright = Upright(Geometry(coded=size, flat=size))
    frames = []
    with av.open(str(DATA / "faces" / "clips" / f"{name}.mp4")) as container:
        for frame in container.decode(video=0):
            y, u, v = upright.convert(frame)
            frames.append(np.concatenate([y.ravel(), u.ravel(), v.ravel()]).reshape(height * 3 // 2, width))
            if len(frames) == 300:
                break
    packets = encoded([*frames, *frames[-2:0:-1]], size)
    if MADE in os.environ:
        made.write_text("\n".join(packet.hex() for packet in packets))
    return packets


def encoded(planes: Iterable[NDArray[np.uint8]], size: tuple[int, int]) -> list[bytes]:
    """Return pictures, uint8 (H * 3 / 2, W) of planes one below the other, as VP8 packets."""
    width, height = size
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)
    encoder.bit_rate = 1_500_000 if height > 400 else 600_000
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1"}
    packets: list[bytes] = []
    for index, packed in enumerate(planes):
        picture = av.VideoFrame.from_ndarray(packed, "yuv420p")
        picture.pts = index
        packets += [bytes(packet) for packet in encoder.encode(picture)]
    return packets + [bytes(packet) for packet in encoder.encode(None)]


def voice(name: str) -> tuple[Samples, int]:
    """Return speech, float32 mono, and its rate."""
    with wave.open(str(DATA / "speech" / f"{name}.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        mono = samples.reshape(-1, file.getnchannels())[:, 0]
        return (mono / 32_768).astype(np.float32), file.getframerate()
