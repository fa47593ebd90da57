"""The media of a staged Zoom meeting: who is in it, what they look and sound like, and how a server sends that."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any, Protocol

import av
import numpy as np
from aiohttp import web

from tests.recorder.call.senders import coded_pictures

RATE = 16_000
FPS = 25

Colour = tuple[int, int, int]


@dataclass
class ZoomPerson:
    """Somebody in the meeting; `sound` is int16 at 16,000 Hz, said over and over."""

    id: int
    name: str
    sound: np.ndarray[Any, np.dtype[np.int16]]
    pictures: tuple[bytes, ...]
    camera: bool = True
    muted: bool = False
    shares: bytes = b""


def tone_of(hertz: float) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return a second of a tone."""
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)).astype(np.int16)


@lru_cache(maxsize=16)
def h264_of(colour: Colour) -> tuple[bytes, ...]:
    """Return a second of H264 pictures in Annex B, the first a key frame with its parameter sets."""
    return tuple(data for data, _ in coded_pictures(colour, codec="H264"))


@lru_cache(maxsize=16)
def jpeg_of(colour: Colour, width: int = 640, height: int = 360) -> bytes:
    """Return a JPEG picture of one YUV colour."""
    context = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
    planes = np.empty((height * 3 // 2, width), np.uint8)
    planes[:height] = colour[0]
    planes[height : height * 5 // 4], planes[height * 5 // 4 :] = colour[1], colour[2]
    frame = av.VideoFrame.from_ndarray(planes, format="yuvj420p")
    frame.pts = 0
    context.time_base = frame.time_base = Fraction(1, FPS)
    packets = [*context.encode(frame), *context.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


@dataclass(eq=False)
class MediaConnection:
    """One connection for media, and what was agreed for it."""

    socket: web.WebSocketResponse
    kinds: int
    parameters: dict[str, dict[str, int]]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class MediaStage(Protocol):
    """What of a meeting decides what is sent."""

    people: dict[int, ZoomPerson]
    sent_video: dict[int, int]
    shown: dict[int, int]
    ready: bool
    chosen: int
    speaker: int
    tags: str


def now_ms() -> int:
    """Return Unix milliseconds, as Zoom's messages have them."""
    return int(time.time() * 1000)


async def send(socket: web.WebSocketResponse, message: object) -> None:
    """Send an object, a text or bytes."""
    try:
        if isinstance(message, bytes):
            await socket.send_bytes(message)
        else:
            await socket.send_str(message if isinstance(message, str) else json.dumps(message))
    except (ConnectionError, RuntimeError):
        return  # it is gone; whoever reads from it sees that


async def send_media(stage: MediaStage, media: MediaConnection) -> None:
    """Send what was asked for, in real time, once the client is ready."""
    while not stage.ready:
        await asyncio.sleep(0.01)
    senders = []
    if "audio" in media.parameters:
        senders.append(_send_audio(stage, media, media.parameters["audio"]))
    if "video" in media.parameters:
        senders.append(_send_video(stage, media, media.parameters["video"]))
    if "deskshare" in media.parameters:
        senders.append(_send_share(stage, media, media.parameters["deskshare"]))
    await asyncio.gather(*senders)


async def _send_audio(stage: MediaStage, media: MediaConnection, parameters: dict[str, int]) -> None:
    step = max(20, min(1000, parameters.get("send_rate", 20)))
    count = RATE * step // 1000
    start, number = time.monotonic(), 0
    while True:
        place = number * count
        for person in list(stage.people.values()):
            if not person.muted:
                samples = np.take(person.sound, range(place, place + count), mode="wrap")
                await _content(stage, media, 14, person, samples.astype("<i2").tobytes())
        number += 1
        await asyncio.sleep(max(0.0, start + number * step / 1000 - time.monotonic()))


async def _send_video(stage: MediaStage, media: MediaConnection, parameters: dict[str, int]) -> None:
    step = 1 / parameters.get("fps", 5)
    start, number = time.monotonic(), 0
    while True:
        user = stage.chosen if parameters.get("data_opt") == 4 else stage.speaker
        person = stage.people.get(user)
        if person is not None and person.camera:
            shown = stage.shown.get(user, 0)
            stage.shown[user] = shown + 1
            data = person.pictures[shown % len(person.pictures)]
            stage.sent_video[user] = stage.sent_video.get(user, 0) + 1
            await _content(stage, media, 15, person, data)
        number += 1
        await asyncio.sleep(max(0.0, start + number * step - time.monotonic()))


async def _send_share(stage: MediaStage, media: MediaConnection, parameters: dict[str, int]) -> None:
    while True:
        for person in list(stage.people.values()):
            if person.shares:
                await _content(stage, media, 16, person, person.shares)
        await asyncio.sleep(0.25)


async def _content(
    stage: MediaStage, media: MediaConnection, kind: int, person: ZoomPerson, data: bytes
) -> None:
    content = {
        "user_id": person.id, "user_name": person.name + stage.tags, "data": base64.b64encode(data).decode(),
        "length": len(data), "timestamp": now_ms(),
    }  # fmt: skip
    await send(media.socket, {"msg_type": kind, "content": content})
