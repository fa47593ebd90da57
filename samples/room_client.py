"""A participant of the built-in room without a browser: for tests, the demo and rehearsals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from pydantic import BaseModel, ConfigDict, ValidationError

from recorder.call.rtc.connection import MediaConnection
from recorder.call.rtc.playback import LoopingAudio, Pictures, Sound, looping_video
from recorder.call.source import Answer
from redaction.errors import UnreadableInput

__all__ = ["Guest", "publish"]


async def publish(
    http: aiohttp.ClientSession,
    url: str,
    *,
    token: str,
    tracks: Sequence[MediaStreamTrack],
    host_addresses: Sequence[str] | None = None,
) -> tuple[RTCPeerConnection, str]:
    """Push tracks to a WHIP endpoint; return the connection and the session's address.

    Raises:
        UnreadableInput: the endpoint refuses.
    """
    connection = MediaConnection(host_addresses=list(host_addresses) if host_addresses is not None else None)
    for track in tracks:
        connection.addTransceiver(track, direction="sendonly")
    try:
        await connection.setLocalDescription(await connection.createOffer())
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        async with http.post(url, data=connection.localDescription.sdp, headers=headers) as answer:
            if answer.status != 201:
                raise UnreadableInput(f"The call refuses this participant's media (HTTP {answer.status}).")
            where = urljoin(url, answer.headers["Location"])
            description = RTCSessionDescription(await answer.text(), "answer")
        await connection.setRemoteDescription(description)
    except BaseException:
        await connection.close()
        raise
    return connection, where


class _Heard(BaseModel):
    """What a guest needs of the room's messages."""

    model_config = ConfigDict(frozen=True)

    type: str
    id: str = ""
    secret: str = ""
    sender: str = ""
    text: str = ""
    recorded: bool = False
    receipt: str = ""


class Guest:
    """One participant: `async with Guest(...) as guest`, then answer, publish and leave.

    Args:
        url: of the room's page.
        name: display name.
        video: what its camera shows, over and over; a file of VP8 is sent as it is.
        audio: what it says, over and over.
        fps: of the camera.
        host_addresses: where its media comes from instead of the network interfaces' addresses.

    Attributes:
        heard: chat lines as (sender's id, text); the recorder's id is `recorder`.
        recorded: what the room last said of this participant.
        receipt: by which they can have themselves erased later.
        id: as others see it.
        token: allows to push media as this participant.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        video: Pictures | None = None,
        audio: Sound | None = None,
        fps: int = 15,
        host_addresses: Sequence[str] | None = ("127.0.0.1",),
    ) -> None:
        self._url = url
        self._name = name
        self._video, self._audio, self._fps = video, audio, fps
        self._host_addresses = host_addresses
        self._stack = AsyncExitStack()
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None
        self._media: tuple[RTCPeerConnection, str] | None = None
        self.token = ""
        self._changed = asyncio.Condition()
        self.id = ""
        self.heard: list[tuple[str, str]] = []
        self.recorded = False
        self.receipt = ""
        self.over = False

    async def __aenter__(self) -> Self:
        """Join.

        Raises:
            UnreadableInput: the room refuses.
        """
        page = urlsplit(self._url)
        try:
            self._http = await self._stack.enter_async_context(aiohttp.ClientSession())
            self._socket = await self._stack.enter_async_context(
                self._http.ws_connect(
                    urljoin(self._url, "/signals"), headers={"Origin": f"{page.scheme}://{page.netloc}"}
                )
            )
            self._reading = asyncio.ensure_future(self._read(self._socket))
            await self._tell(type="join", name=self._name, invitation=page.fragment)
            await self.until(lambda: bool(self.id) or self.over, 15)
        except (aiohttp.ClientError, TimeoutError):
            await self._end()
            raise UnreadableInput("The room cannot be joined.") from None
        except BaseException:
            await self._end()
            raise
        if not self.id:
            await self._end()
            raise UnreadableInput("The room refuses this participant.")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave."""
        await self.leave()

    async def answer(self, answer: Answer) -> None:
        """Press a consent button."""
        await self._tell(type="answer", answer=answer.value)

    async def say(self, text: str) -> None:
        """Write into the chat."""
        await self._tell(type="chat", text=text)

    async def rename(self, name: str) -> None:
        """Take another display name."""
        await self._tell(type="rename", name=name)

    async def send(self) -> None:
        """Send camera and microphone, whatever was answered: what becomes of them is the recorder's matter.

        Raises:
            UnreadableInput: the room refuses.
        """
        if self._http is None or self._media is not None:
            return
        tracks: list[MediaStreamTrack] = []
        if self._video is not None:
            tracks.append(looping_video(self._video, fps=self._fps))
        if self._audio is not None:
            tracks.append(LoopingAudio(self._audio))
        self._media = await publish(
            self._http,
            urljoin(self._url, "/whip"),
            token=self.token,
            tracks=tracks,
            host_addresses=self._host_addresses,
        )

    async def mute(self) -> None:
        """Send nothing any more, but stay."""
        if self._media is None or self._http is None:
            return
        (connection, session), self._media = self._media, None
        async with self._http.delete(session, headers={"Authorization": f"Bearer {self.token}"}):
            await connection.close()

    async def leave(self) -> None:
        """Leave in good order; safe to call twice."""
        if self._socket is not None and not self._socket.closed:
            try:
                await self._tell(type="leave")
            except ConnectionError:
                self.over = True
        await self._end()

    async def until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Wait until a condition of this guest holds; see `heard` and `recorded`.

        Raises:
            TimeoutError: it did not come to hold in time.
        """
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(condition)

    async def _tell(self, **message: str) -> None:
        if self._socket is not None:
            await self._socket.send_json(message)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            try:
                message = _Heard.model_validate_json(frame.data)
            except ValidationError:
                continue
            async with self._changed:
                self._hear(message)
                self._changed.notify_all()
        async with self._changed:
            self.over = True
            self._changed.notify_all()

    def _hear(self, message: _Heard) -> None:
        if message.type == "welcome":
            self.id, self.token = message.id, message.secret
        elif message.type == "chat":
            self.heard.append((message.sender, message.text))
        elif message.type == "standing":
            self.recorded, self.receipt = message.recorded, message.receipt
        elif message.type == "over":
            self.over = True

    async def _end(self) -> None:
        if self._media is not None:
            (connection, _), self._media = self._media, None
            await connection.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._stack.aclose()
