"""A media stream server as Zoom's documents describe it, and as its own client for Python accepts it; it can misbehave.

Source: developers.zoom.us, docs/rtms: event-reference and data-types. It holds clients to the documents: a handshake
with a wrong signature, stream or order gets the documented status, and nothing is sent before the client is ready.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from tests.recorder.call.certificate import self_signed
from tests.recorder.call.zoom_media import (
    FPS,
    RATE,
    Colour,
    MediaConnection,
    ZoomPerson,
    h264_of,
    jpeg_of,
    now_ms,
    send,
    send_media,
    tone_of,
)

__all__ = [
    "CLIENT_ID", "CLIENT_SECRET", "FPS", "MEETING", "RATE", "STREAM", "ZoomServer", "h264_of", "jpeg_of",
    "signature_of", "tone_of", "zoom_server",
]  # fmt: skip

CLIENT_ID, CLIENT_SECRET = "zoom-test-client", "zoom-test-client-secret"
MEETING, STREAM = "4444AAAiAAAAAiAiAiiAii==", "609340fb2a7946909659956c8aa9250c"
KINDS = {1: "audio", 2: "video", 4: "deskshare", 8: "transcript", 16: "chat"}


def signature_of(meeting: str, stream: str, secret: str = CLIENT_SECRET) -> str:
    """Return the documented signature."""
    return hmac.new(secret.encode(), f"{CLIENT_ID},{meeting},{stream}".encode(), hashlib.sha256).hexdigest()


def _judge(message: dict[str, Any], kind: int, *, taken: bool) -> int:
    """Return the documented status of a handshake, 0 for one that is right; `taken`: somebody else is connected."""
    if message.get("msg_type") != kind:
        return 1
    if message.get("protocol_version") != 1:
        return 4
    if message.get("rtms_stream_id") != STREAM:
        return 2
    expected = signature_of(MEETING, STREAM)
    if message.get("meeting_uuid") != MEETING or message.get("signature") != expected:
        return 3
    return 8 if kind == 1 and taken else 0


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
        self.medias: list[MediaConnection] = []
        self.handshakes = 0
        self._ids = itertools.count(16_778_240, 1024)
        self._answered = 0
        self.shown: dict[int, int] = {}

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
        self.shown[user] = 0
        await self._event(2, user_id=user, user_name=self.people[user].name)

    def rename(self, user: int, name: str) -> None:
        """Rename somebody: no event tells of it, their media does."""
        self.people[user].name = name

    async def camera(self, user: int, on: bool) -> None:
        """Turn a camera on or off."""
        self.people[user].camera = on
        self.shown[user] = 0
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
        await self.media_says({"msg_type": 18, "content": {"timestamp": now_ms(), "data": text, **who}}, 16)

    async def stop(self, reason: int = 6) -> None:
        """End the stream."""
        await self.signal_says({"msg_type": 8, "state": 4, "reason": reason, "timestamp": now_ms()})

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
            await send(socket, message)

    async def media_says(self, message: object, kind: int) -> None:
        """Send something over every connection for a kind of media."""
        for media in list(self.medias):
            if media.kinds & kind or media.kinds == 32:
                await send(media.socket, message)

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
            status = self.refuse if self.refuse is not None else _judge(first, 1, taken=bool(self.signals))
            urls = {name: f"{self.url}/media/{name}" for name in ("audio", "video", "deskshare", "chat")}
            urls = {**(urls if self.split else {}), "all": f"{self.url}/media/all"}
            answer: dict[str, Any] = {
                "msg_type": 2, "protocol_version": 1, "sequence": 0, "status_code": status,
                "reason": "" if not status else "refused",
            }  # fmt: skip
            if not status:
                answer["media_server"] = {"server_urls": urls}
            await send(socket, answer)
            if status:
                await socket.close()
                return socket
            self.signals.append(socket)
            await send(
                socket, {"msg_type": 9, "state": 2, "timestamp": now_ms(), "rtms_session_id": "session-1"}
            )
            await send(socket, {"msg_type": 6, "event": {"event_type": 1, "timestamp": now_ms()}})
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
            self.shown[self.chosen] = 0
            answer = {"msg_type": 29, "user_id": message["user_id"], "status_code": 0, "reason": "OK"}
            await send(socket, {**answer, "timestamp": now_ms()})
        elif kind == 21:
            answer = {"msg_type": 22, "rtms_stream_id": STREAM, "status_code": 0, "reason": "OK"}
            await send(socket, {**answer, "timestamp": now_ms()})
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
        status = _judge(first, 3, taken=False)
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
        await send(
            socket,
            {
                "msg_type": 4, "protocol_version": 1, "status_code": status, "reason": "" if not status else "refused",
                "sequence": 0, "payload_encrypted": False, "media_params": parameters,
            },
        )  # fmt: skip
        if status or not isinstance(kinds, int):
            await socket.close()
            return socket
        media = MediaConnection(socket, kinds, parameters)
        self.medias.append(media)
        media.tasks = [
            asyncio.create_task(self._keep_alive(socket)),
            asyncio.create_task(send_media(self, media)),
        ]
        try:
            while await self._hear(socket, "media") is not None:
                pass
        finally:
            self.medias.remove(media)
            for task in media.tasks:
                task.cancel()
        return socket

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
            await send(socket, {"msg_type": 12, "timestamp": now_ms(), "sequence": number})
            await asyncio.sleep(self.keep_alive_s)

    async def _event(self, kind: int, **what: Any) -> None:
        if kind in self.subscribed:
            await self.signal_says(
                {"msg_type": 6, "event": {"event_type": kind, "timestamp": now_ms(), **what}}
            )


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
