"""A stand-in for Janus: a VideoRoom with people made of aiortc, and a server that can misbehave on request."""

from __future__ import annotations

import asyncio
import itertools
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web
from aiortc import RTCPeerConnection, RTCSessionDescription

from tests.recorder.call.senders import sending

ROOM = 1234


@dataclass
class Person:
    """Somebody in the room."""

    id: int
    name: str
    hertz: int = 440
    colour: tuple[int, int, int] = (90, 60, 200)
    codec: str = "vp8"
    extra: dict[str, Any] = field(default_factory=dict)

    def entry(self) -> dict[str, Any]:
        """Return what the publishers list says."""
        streams = [
            {"type": "audio", "mid": "0", "codec": "opus"},
            {"type": "video", "mid": "1", "codec": self.codec},
        ]
        return {"id": self.id, "display": self.name, "streams": streams, **self.extra}


class FakeJanus:
    """Serves one room.

    Attributes:
        subscribed: feeds that were subscribed to, with their mids, in order.
        requests: every request that came.
        refuse: error code for a join, 0 to let in.
    """

    def __init__(self) -> None:
        self.people: dict[int, Person] = {}
        self.requests: list[dict[str, Any]] = []
        self.subscribed: list[tuple[int, list[str]]] = []
        self.refuse = 0
        self.port = 0
        self._numbers = itertools.count(1000)
        self._connections: dict[int, tuple[int, RTCPeerConnection]] = {}  # handle -> feed, connection
        self._bot: int | None = None
        self._plugins: dict[int, str] = {}
        self._socket: web.WebSocketResponse | None = None

    # What tests do.

    async def enter(self, name: str, **of: Any) -> Person:
        """Let somebody join and publish."""
        person = Person(next(self._numbers), name, **of)
        self.people[person.id] = person
        await self.tell({"joining": {"id": person.id, "display": name}})
        await self.tell({"publishers": [person.entry()]})
        return person

    async def leave(self, person: Person) -> None:
        """Let somebody leave."""
        del self.people[person.id]
        await self.tell({"unpublished": person.id})
        await self.tell({"leaving": person.id})
        await self._hang_up(person.id)

    async def tell(self, data: dict[str, Any], *, videoroom: str = "event") -> None:
        """Tell the bot something about the room."""
        if self._bot is not None:
            await self.raw(json.dumps(self._event(self._bot, {"videoroom": videoroom, "room": ROOM, **data})))

    async def raw(self, text: str) -> None:
        """Send the bot any text."""
        if self._socket is not None and not self._socket.closed:
            await self._socket.send_str(text)

    async def drop(self) -> None:
        """Lose everything, as a server that is killed."""
        if self._socket is not None:
            await self._socket.close()
        for _, connection in self._connections.values():
            await connection.close()
        self._connections.clear()
        self._bot = None

    # What the bot does.

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Talk to the bot."""
        self._socket = socket = web.WebSocketResponse(protocols=("janus-protocol",))
        await socket.prepare(request)
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                asked = json.loads(frame.data)
                self.requests.append(asked)
                for answer in await self._answers(asked):
                    await socket.send_str(json.dumps({"transaction": asked["transaction"], **answer}))
        return socket

    async def _answers(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        match asked["janus"]:
            case "create":
                return [{"janus": "success", "data": {"id": 7}}]
            case "attach":
                handle = next(self._numbers)
                self._plugins[handle] = asked["plugin"]
                return [{"janus": "success", "data": {"id": handle}}]
            case "detach":
                found = self._connections.pop(asked["handle_id"], None)
                if found is not None:
                    await found[1].close()
                return [{"janus": "success"}]
            case "message":
                answer = await self._message(asked["handle_id"], asked["body"], asked.get("jsep"))
                return [{"janus": "ack"}, answer]
            case "keepalive":
                return [{"janus": "ack"}]
        return [{"janus": "success"}]

    async def _message(self, handle: int, body: dict[str, Any], jsep: Any) -> dict[str, Any]:
        if self._plugins[handle] != "janus.plugin.videoroom":
            return self._event(handle, {"textroom": "event", "error_code": 413})
        if body["request"] == "join" and body["ptype"] == "publisher":
            if self.refuse:
                return self._event(
                    handle, {"videoroom": "event", "error_code": self.refuse, "error": "secret-marker"}
                )
            self._bot = handle
            entries = [person.entry() for person in self.people.values()]
            joined = {"videoroom": "joined", "room": ROOM, "id": 1, "private_id": 2, "publishers": entries}
            return self._event(handle, joined)
        if body["request"] == "join":
            return await self._subscribe(handle, body["streams"])
        if body["request"] == "start" and handle in self._connections:
            await self._connections[handle][1].setRemoteDescription(
                RTCSessionDescription(jsep["sdp"], "answer")
            )
        if body["request"] == "publish":
            return self._event(handle, {"videoroom": "event", "error_code": 432})
        return self._event(handle, {"videoroom": "event", "started": "ok"})

    async def _subscribe(self, handle: int, streams: list[dict[str, Any]]) -> dict[str, Any]:
        feed, mids = streams[0]["feed"], [stream["mid"] for stream in streams]
        person = self.people.get(feed)
        if person is None:
            return self._event(handle, {"videoroom": "event", "error_code": 428})
        self.subscribed.append((feed, mids))
        connection, _ = sending(hertz=person.hertz, colour=person.colour, pictures="1" in mids)
        await connection.setLocalDescription(await connection.createOffer())
        self._connections[handle] = (feed, connection)
        listed = [{"mid": str(n), "feed_id": feed, "feed_mid": mid} for n, mid in enumerate(mids)]
        event = self._event(handle, {"videoroom": "attached", "room": ROOM, "streams": listed})
        return {**event, "jsep": {"type": "offer", "sdp": connection.localDescription.sdp}}

    async def _hang_up(self, feed: int) -> None:
        for handle, (whose, connection) in list(self._connections.items()):
            if whose == feed:
                del self._connections[handle]
                await connection.close()

    def _event(self, handle: int, data: dict[str, Any]) -> dict[str, Any]:
        plugin = {"plugin": self._plugins[handle], "data": data}
        return {"janus": "event", "session_id": 7, "sender": handle, "plugindata": plugin}


@asynccontextmanager
async def fake_janus(tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeJanus]:
    """Serve on a free port of this machine."""
    server = FakeJanus()
    application = web.Application()
    application.router.add_get("/", server.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await server.drop()
        await asyncio.wait_for(runner.cleanup(), 5)
