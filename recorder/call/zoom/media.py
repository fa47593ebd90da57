"""The media connections of a Zoom meeting: one for each kind, made anew where it is lost."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from recorder.call.zoom.people import ZoomPeople
from recorder.call.zoom.protocol import (
    LARGEST_MEDIA,
    MediaCodec,
    MessageKind,
    ZoomMediaKind,
    ZoomMessage,
    agreed_codec,
    media_handshake,
    media_of,
    media_urls,
    speaker_alone,
    stream_signature,
)
from recorder.call.zoom.socket import (
    HandshakeRefused,
    ZoomHosts,
    ZoomSocket,
    ZoomSocketLost,
    open_zoom_socket,
)

__all__ = ["ZoomMedia", "ZoomMeeting", "ZoomRoad"]

_EXPECTED: Final = {
    ZoomMediaKind.AUDIO: MessageKind.AUDIO,
    ZoomMediaKind.VIDEO: MessageKind.VIDEO,
    ZoomMediaKind.SHARE: MessageKind.SHARE,
    ZoomMediaKind.CHAT: MessageKind.CHAT,
}


@dataclass(frozen=True, slots=True)
class ZoomMeeting:
    """What a webhook told of a meeting, and how to prove that it was told to us.

    Attributes:
        meeting: its UUID; of the Video SDK the id of the session.
        stream: the id of the stream.
        urls: of the signaling servers, to be tried in this order.
        client_id, secret: of the app.
    """

    meeting: str = field(repr=False)
    stream: str
    urls: tuple[str, ...]
    client_id: str
    secret: str = field(repr=False)

    @property
    def signature(self) -> str:
        """The signature of a handshake; made anew for each."""
        return stream_signature(self.client_id, self.secret, self.meeting, self.stream)


@dataclass(frozen=True, slots=True)
class ZoomRoad:
    """How Zoom's servers are reached.

    Attributes:
        http: see `zoom_http`.
        hosts: which servers may be spoken to.
        tls: how they are checked.
        pauses: seconds between tries.
    """

    http: aiohttp.ClientSession
    hosts: ZoomHosts
    tls: ssl.SSLContext
    pauses: Sequence[float]


class ZoomMedia:
    """The media connections that belong to one signaling connection.

    Args:
        meeting: which one.
        road: how its servers are reached.
        signal: the signaling connection; its response says where the media servers are.
        people: take what comes.
    """

    def __init__(self, meeting: ZoomMeeting, road: ZoomRoad, signal: ZoomSocket, people: ZoomPeople) -> None:
        self._meeting = meeting
        self._road = road
        self._signal = signal
        self._people = people
        self._open: dict[ZoomMediaKind, ZoomSocket] = {}
        self._closings: set[asyncio.Task[None]] = set()

    def start(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Begin to receive every kind of media that is offered; return the tasks."""
        urls = media_urls(self._signal.response)
        return [group.create_task(self._stay(kind, url)) for kind, url in urls.items()]

    def interrupt(self, kinds: int | None) -> None:
        """Zoom says that connections were interrupted: they are made anew, all where it does not say which."""
        for kind, socket in list(self._open.items()):
            if kinds is None or kinds & kind:
                task = asyncio.get_running_loop().create_task(socket.close())
                self._closings.add(task)
                task.add_done_callback(self._closings.discard)

    async def _stay(self, kind: ZoomMediaKind, url: str) -> None:
        """Be connected to a media server for ever; give a kind up that the app may not have."""
        tries = 0
        while self._road.hosts.allows(url):
            try:
                if await self._received(kind, url):
                    tries = 0
            except HandshakeRefused as refusal:
                if refusal.status == HandshakeRefused.VIDEO_OPTION and self._people.individual:
                    self._people.individual = False  # a server that does not know it yet sends whoever speaks
                    continue
                if refusal.status in HandshakeRefused.NOT_SUPPORTED:
                    return
            except ZoomSocketLost:
                pass
            self._people.outage(kind)
            await asyncio.sleep(self._road.pauses[min(tries, len(self._road.pauses) - 1)])
            tries += 1

    async def _received(self, kind: ZoomMediaKind, url: str) -> bool:
        """Receive one kind of media until that is lost; return whether anything came."""
        meeting, people, came = self._meeting, self._people, False
        request = media_handshake(
            kind, meeting.meeting, meeting.stream, meeting.signature, individual=people.individual
        )
        async with open_zoom_socket(
            self._road.http,
            url,
            request,
            MessageKind.MEDIA_RESPONSE,
            tls=self._road.tls,
            largest=LARGEST_MEDIA,
        ) as socket:
            codec = None if kind is ZoomMediaKind.CHAT else agreed_codec(socket.response, kind)
            if kind is ZoomMediaKind.VIDEO and speaker_alone(socket.response):
                people.individual = False
            self._open[kind] = socket
            await self._signal.say({"msg_type": int(MessageKind.READY), "rtms_stream_id": meeting.stream})
            try:
                async for message in socket.messages():
                    came = True
                    self._take(kind, message, codec)
            except ZoomSocketLost:
                return came
            finally:
                self._open.pop(kind, None)
        return came

    def _take(self, kind: ZoomMediaKind, message: ZoomMessage, codec: tuple[MediaCodec, int] | None) -> None:
        """Take one message, if it is of the kind that its connection is for."""
        content = media_of(message) if message.kind == _EXPECTED[kind] else None
        if content is None:
            self._people.left_out["other"] += 1
        elif kind is ZoomMediaKind.CHAT:
            self._people.chat(content)
        elif codec is None:
            self._people.left_out["codec"] += 1
        elif kind is ZoomMediaKind.AUDIO:
            self._people.sound(content, *codec)
        else:
            self._people.picture(content, codec[0], screen=kind is ZoomMediaKind.SHARE)
