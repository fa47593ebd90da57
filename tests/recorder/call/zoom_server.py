"""A media stream server as Zoom's documents describe it, and as its own client for Python accepts it; it can misbehave.

Source: developers.zoom.us, docs/rtms: event-reference and data-types. It holds clients to the documents: a handshake
with a wrong signature, stream or order gets the documented status, and nothing is sent before the client is ready.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from aiohttp import WSMsgType, web

from tests.recorder.call.certificate import self_signed
from tests.recorder.call.senders import coded_pictures

CLIENT_ID, CLIENT_SECRET = "zoom-test-client", "zoom-test-client-secret"
MEETING, STREAM = "4444AAAiAAAAAiAiAiiAii==", "609340fb2a7946909659956c8aa9250c"
RATE = 16_000
FPS = 25
KINDS = {1: "audio", 2: "video", 4: "deskshare", 8: "transcript", 16: "chat"}

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


def signature_of(meeting: str, stream: str, secret: str = CLIENT_SECRET) -> str:
    """Return the documented signature."""
    return hmac.new(secret.encode(), f"{CLIENT_ID},{meeting},{stream}".encode(), hashlib.sha256).hexdigest()


@dataclass(eq=False)
class _Media:
    socket: web.WebSocketResponse
    kinds: int
    parameters: dict[str, dict[str, int]]
    sequence: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class ZoomServer:
    """Signaling and media of one meeting.

    Attributes:
        said: every message of clients, in order, with the server's part that got it.
        asked_video: whose video was asked for, in order; 0 for nobody's any more.
        sent_video: whose video was sent, how often.
        keep_alive_s: seconds between keep-alive requests.
        refuse: status of signaling handshakes instead of what they deserve.
        refuse_media: status of media handshakes, by kind.
        on_signal: does something to a signaling socket instead of answering the handshake.
        split: names a server for each kind of media; otherwise one for all.
    """

    def __init__(self) -> None:
        self.people: dict[int, ZoomPerson] = {}
        self.url = ""
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.asked_video: list[int] = []
        self.sent_video: dict[int, int] = {}
        self.keep_alive_s = 0.5
        self.refuse: int | None = None
        self.refuse_media: dict[int, int] = {}
        self.on_signal: Callable[[web.WebSocketResponse], Any] | None = None
        self.split = True
        self.ready = False
        self.speaker = 0
        self.tags = ""  # appended to every name in media
        self.chosen = 0
        self.subscribed: set[int] = set()
        self.signals: list[web.WebSocketResponse] = []
        self.medias: list[_Media] = []
        self.handshakes = 0
        self._ids = itertools.count(16_778_240, 1024)
        self._answered = 0
        self._shown: dict[int, int] = {}

    # -- staging ---------------------------------------------------------------------------------------------------

    async def join(
        self, name: str, *, hertz: float = 440, colour: Colour = (90, 60, 200), camera: bool = True
    ) -> int:
        """Let somebody in, with a tone and a colour of their own."""
        person = ZoomPerson(next(self._ids), name, tone_of(hertz), h264_of(colour), camera)
        self.people[person.id] = person
        await self._event(3, participants=[{"user_id": person.id, "user_name": name}])
        if camera:
            await self._event(8, participants=[{"user_id": person.id}])
        if not self.speaker:
            await self.speak(person.id)
        return person.id

    async def leave(self, user: int) -> None:
        """Let somebody go."""
        self.people.pop(user, None)
        await self._event(4, participants=[{"user_id": user}])
        if self.speaker == user:
            self.speaker = 0
            if self.people:
                await self.speak(next(iter(self.people)))

    async def take_turns(self, every_s: float = 2.0) -> None:
        """Have everybody speak in turn, for ever."""
        while True:
            await asyncio.sleep(every_s)
            people = list(self.people)
            if people:
                place = people.index(self.speaker) + 1 if self.speaker in people else 0
                await self.speak(people[place % len(people)])

    async def speak(self, user: int) -> None:
        """Make somebody the active speaker."""
        self.speaker = user
        self._shown[user] = 0
        await self._event(2, user_id=user, user_name=self.people[user].name)

    def rename(self, user: int, name: str) -> None:
        """Rename somebody: no event tells of it, their media does."""
        self.people[user].name = name

    async def camera(self, user: int, on: bool) -> None:
        """Turn a camera on or off."""
        self.people[user].camera = on
        self._shown[user] = 0
        await self._event(8 if on else 9, participants=[{"user_id": user}])

    async def share(self, user: int, picture: bytes) -> None:
        """Share a screen that shows one picture; an empty one stops it."""
        self.people[user].shares = picture
        if picture:
            await self._event(5, user_id=user, user_name=self.people[user].name)
        else:
            await self._event(6)

    async def chat(self, text: str, user: int | None = None) -> None:
        """Write in the chat; the documents know no sender."""
        who = {} if user is None else {"user_id": user, "user_name": self.people[user].name}
        await self.media_says({"msg_type": 18, "content": {"timestamp": _now(), "data": text, **who}}, 16)

    async def stop(self, reason: int = 6) -> None:
        """End the stream."""
        await self.signal_says({"msg_type": 8, "state": 4, "reason": reason, "timestamp": _now()})

    async def cut(self) -> None:
        """Lose every connection at once, as a network does."""
        for socket in [*self.signals, *(media.socket for media in self.medias)]:
            transport = socket._req.transport if socket._req is not None else None
            if transport is not None:
                transport.abort()

    async def lose_media(self, kind: int) -> None:
        """Let the server of one kind of media go."""
        for media in list(self.medias):
            if media.kinds & kind:
                await media.socket.close()

    async def signal_says(self, message: object) -> None:
        """Send something over every signaling connection: an object, a text or bytes."""
        for socket in list(self.signals):
            await _send(socket, message)

    async def media_says(self, message: object, kind: int) -> None:
        """Send something over every connection for a kind of media."""
        for media in list(self.medias):
            if media.kinds & kind or media.kinds == 32:
                await _send(media.socket, message)

    def heard(self, kind: int) -> list[dict[str, Any]]:
        """Return every message of a kind that clients sent."""
        return [message for _, message in self.said if message.get("msg_type") == kind]

    # -- serving ---------------------------------------------------------------------------------------------------

    async def signaling(self, request: web.Request) -> web.StreamResponse:
        """Speak the signaling protocol."""
        socket = web.WebSocketResponse(max_msg_size=1 << 20, protocols=("websocket",))
        await socket.prepare(request)
        if self.on_signal is not None:
            await self.on_signal(socket)
            return socket
        task: asyncio.Task[None] | None = None
        try:
            first = await self._hear(socket, "signaling")
            if first is None:
                return socket
            self.handshakes += 1
            status = self.refuse if self.refuse is not None else self._judge(first, 1)
            urls = {name: f"{self.url}/media/{name}" for name in ("audio", "video", "deskshare", "chat")}
            urls = {**(urls if self.split else {}), "all": f"{self.url}/media/all"}
            answer: dict[str, Any] = {
                "msg_type": 2, "protocol_version": 1, "sequence": 0, "status_code": status,
                "reason": "" if not status else "refused",
            }  # fmt: skip
            if not status:
                answer["media_server"] = {"server_urls": urls}
            await _send(socket, answer)
            if status:
                await socket.close()
                return socket
            self.signals.append(socket)
            await _send(
                socket, {"msg_type": 9, "state": 2, "timestamp": _now(), "rtms_session_id": "session-1"}
            )
            await _send(socket, {"msg_type": 6, "event": {"event_type": 1, "timestamp": _now()}})
            task = asyncio.create_task(self._keep_alive(socket))
            while (message := await self._hear(socket, "signaling")) is not None:
                await self._signaled(socket, message)
        finally:
            if task is not None:
                task.cancel()
            if socket in self.signals:
                self.signals.remove(socket)
                self.subscribed.clear()
        return socket

    async def _signaled(self, socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        kind = message.get("msg_type")
        if kind == 5:
            for event in message["events"]:
                assert event["event_type"] not in (1, 7), "these must not be subscribed to"
                (self.subscribed.add if event["subscribe"] else self.subscribed.discard)(event["event_type"])
            people = [{"user_id": one.id, "user_name": one.name} for one in self.people.values()]
            if people:
                await self._event(3, participants=people)
                on = [{"user_id": one.id} for one in self.people.values() if one.camera]
                await self._event(8, participants=on)
                if self.speaker in self.people:
                    await self._event(2, user_id=self.speaker, user_name=self.people[self.speaker].name)
        elif kind == 7:
            assert message["rtms_stream_id"] == STREAM
            self.ready = True
        elif kind == 28:
            self.chosen = message["user_id"] if message["subscribe"] else 0
            self.asked_video.append(self.chosen)
            self._shown[self.chosen] = 0
            answer = {"msg_type": 29, "user_id": message["user_id"], "status_code": 0, "reason": "OK"}
            await _send(socket, {**answer, "timestamp": _now()})
        elif kind == 21:
            answer = {"msg_type": 22, "rtms_stream_id": STREAM, "status_code": 0, "reason": "OK"}
            await _send(socket, {**answer, "timestamp": _now()})
            await socket.close()
        elif kind == 13:
            self._answered += 1

    async def media(self, request: web.Request) -> web.StreamResponse:
        """Speak the media protocol."""
        socket = web.WebSocketResponse(max_msg_size=1 << 20, protocols=("websocket",))
        await socket.prepare(request)
        first = await self._hear(socket, "media")
        if first is None:
            return socket
        status = self._judge(first, 3)
        kinds = first.get("media_type")
        if not status and (not isinstance(kinds, int) or not 0 < kinds <= 63):
            status = 14
        asked = first.get("media_params") or {}
        for kind, name in KINDS.items():
            refused = self.refuse_media.get(kind, 0) if isinstance(kinds, int) and kinds & kind else 0
            if not status and (refused != 29 or asked.get(name, {}).get("data_opt") == 4):
                status = refused
        defaults = {
            "audio": {"content_type": 2, "sample_rate": 1, "channel": 1, "codec": 1, "data_opt": 1, "send_rate": 20},
            "video": {"content_type": 3, "codec": 5, "resolution": 2, "data_opt": 3, "fps": 5},
            "deskshare": {"content_type": 3, "codec": 5, "resolution": 3, "fps": 1},
            "transcript": {"content_type": 5, "src_language": 9},
            "chat": {"content_type": 5},
        }  # fmt: skip
        parameters = {
            name: {**defaults[name], **asked.get(name, {})}
            for kind, name in KINDS.items()
            if isinstance(kinds, int) and (kinds & kind or kinds == 32)
        }
        await _send(
            socket,
            {
                "msg_type": 4, "protocol_version": 1, "status_code": status, "reason": "" if not status else "refused",
                "sequence": 0, "payload_encrypted": False, "media_params": parameters,
            },
        )  # fmt: skip
        if status or not isinstance(kinds, int):
            await socket.close()
            return socket
        media = _Media(socket, kinds, parameters)
        self.medias.append(media)
        media.tasks = [
            asyncio.create_task(self._keep_alive(socket)),
            asyncio.create_task(self._send_media(media)),
        ]
        try:
            while await self._hear(socket, "media") is not None:
                pass
        finally:
            self.medias.remove(media)
            for task in media.tasks:
                task.cancel()
        return socket

    def _judge(self, message: dict[str, Any], kind: int) -> int:
        if message.get("msg_type") != kind:
            return 1
        if message.get("protocol_version") != 1:
            return 4
        if message.get("rtms_stream_id") != STREAM:
            return 2
        expected = signature_of(MEETING, STREAM)
        if message.get("meeting_uuid") != MEETING or message.get("signature") != expected:
            return 3
        return 8 if kind == 1 and self.signals else 0

    async def _hear(self, socket: web.WebSocketResponse, part: str) -> dict[str, Any] | None:
        message = await socket.receive()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):  # Zoom's own client sends JSON as bytes
            return None
        data: dict[str, Any] = json.loads(message.data)
        self.said.append((part, data))
        return data

    async def _keep_alive(self, socket: web.WebSocketResponse) -> None:
        for number in itertools.count(1):
            if socket.closed:
                return
            # the documents show no sequence, and Zoom's own client answers no request without one
            await _send(socket, {"msg_type": 12, "timestamp": _now(), "sequence": number})
            await asyncio.sleep(self.keep_alive_s)

    async def _event(self, kind: int, **what: Any) -> None:
        if kind in self.subscribed:
            await self.signal_says(
                {"msg_type": 6, "event": {"event_type": kind, "timestamp": _now(), **what}}
            )

    # -- media -----------------------------------------------------------------------------------------------------

    async def _send_media(self, media: _Media) -> None:
        """Send what was asked for, in real time, once the client is ready."""
        while not self.ready:
            await asyncio.sleep(0.01)
        senders = []
        if "audio" in media.parameters:
            senders.append(self._send_audio(media, media.parameters["audio"]))
        if "video" in media.parameters:
            senders.append(self._send_video(media, media.parameters["video"]))
        if "deskshare" in media.parameters:
            senders.append(self._send_share(media, media.parameters["deskshare"]))
        await asyncio.gather(*senders)

    async def _send_audio(self, media: _Media, parameters: dict[str, int]) -> None:
        step = max(20, min(1000, parameters.get("send_rate", 20)))
        count = RATE * step // 1000
        start, number = time.monotonic(), 0
        while True:
            place = number * count
            for person in list(self.people.values()):
                if not person.muted:
                    samples = np.take(person.sound, range(place, place + count), mode="wrap")
                    await self._content(media, 14, person, samples.astype("<i2").tobytes())
            number += 1
            await asyncio.sleep(max(0.0, start + number * step / 1000 - time.monotonic()))

    async def _send_video(self, media: _Media, parameters: dict[str, int]) -> None:
        step = 1 / parameters.get("fps", 5)
        start, number = time.monotonic(), 0
        while True:
            user = self.chosen if parameters.get("data_opt") == 4 else self.speaker
            person = self.people.get(user)
            if person is not None and person.camera:
                shown = self._shown.get(user, 0)
                self._shown[user] = shown + 1
                data = person.pictures[shown % len(person.pictures)]
                self.sent_video[user] = self.sent_video.get(user, 0) + 1
                await self._content(media, 15, person, data)
            number += 1
            await asyncio.sleep(max(0.0, start + number * step - time.monotonic()))

    async def _send_share(self, media: _Media, parameters: dict[str, int]) -> None:
        while True:
            for person in list(self.people.values()):
                if person.shares:
                    await self._content(media, 16, person, person.shares)
            await asyncio.sleep(0.25)

    async def _content(self, media: _Media, kind: int, person: ZoomPerson, data: bytes) -> None:
        content = {
            "user_id": person.id, "user_name": person.name + self.tags, "data": base64.b64encode(data).decode(),
            "length": len(data), "timestamp": _now(),
        }  # fmt: skip
        await _send(media.socket, {"msg_type": kind, "content": content})


def _now() -> int:
    return int(time.time() * 1000)


async def _send(socket: web.WebSocketResponse, message: object) -> None:
    try:
        if isinstance(message, bytes):
            await socket.send_bytes(message)
        else:
            await socket.send_str(message if isinstance(message, str) else json.dumps(message))
    except (ConnectionError, RuntimeError):
        return  # it is gone; whoever reads from it sees that


@asynccontextmanager
async def zoom_server(folder: Path) -> AsyncIterator[tuple[ZoomServer, Path]]:
    """Run a server on localhost; yields it, and the certificate to trust."""
    certificate, key = self_signed(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server = ZoomServer()
    application = web.Application()
    application.router.add_get("/signaling", server.signaling)
    application.router.add_get("/media/{kind}", server.media)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "localhost", 0, ssl_context=tls).start()
        server.url = f"wss://localhost:{runner.addresses[0][1]}"
        yield server, certificate
    finally:
        await runner.cleanup()
