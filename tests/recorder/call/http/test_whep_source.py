"""One stream pulled from a WHEP server, which here is aiohttp and aiortc."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from recorder.call.http.whep_source import PARTICIPANT, WhepSource
from recorder.call.rtc.clock import CallClock
from recorder.call.source import Ended
from redaction.errors import UnreadableInput, UsageError
from tests.recorder.call.contract import CallSourceContract, Colour, received, recorded, run
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.senders import LOOPBACK, CodedTrack, coded_pictures, coded_tone

pytestmark = pytest.mark.usefixtures("loopback_senders")


class Server:
    """Publishes one stream."""

    def __init__(self) -> None:
        self.hertz, self.colour = 440, (90, 60, 200)
        self.status = 201
        self.body: str | None = None
        self.headers: list[dict[str, str]] = []
        self.ended: list[dict[str, str]] = []
        self.location = "/session/1"
        self.redirect = ""
        self.connections: list[RTCPeerConnection] = []
        self.there = True
        self.port = 0

    async def post(self, request: web.Request) -> web.Response:
        """Answer an offer."""
        self.headers.append(dict(request.headers))
        if self.redirect and request.path == "/live":
            return web.Response(status=307, headers={"Location": self.redirect})
        if not self.there or self.status != 201:
            return web.Response(status=404 if not self.there else self.status, text="secret-marker")
        if self.body is not None:
            return web.Response(status=201, text=self.body, headers={"Location": self.location})
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connections.append(connection)
        await connection.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        for transceiver in connection.getTransceivers():
            coded = coded_tone(self.hertz) if transceiver.kind == "audio" else coded_pictures(self.colour)
            transceiver.sender.replaceTrack(CodedTrack(transceiver.kind, coded))
            transceiver.direction = "sendonly"
        await connection.setLocalDescription(await connection.createAnswer())
        return web.Response(
            status=201,
            text=connection.localDescription.sdp,
            content_type="application/sdp",
            headers={"Location": self.location},
        )

    async def delete(self, request: web.Request) -> web.Response:
        """End a session."""
        self.ended.append(dict(request.headers))
        return web.Response()

    async def stop(self) -> None:
        """Close every connection."""
        for connection in self.connections:
            await connection.close()
        self.connections.clear()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """Serve on a free port of this machine."""
    server = Server()
    application = web.Application()
    application.router.add_post("/live", server.post)
    application.router.add_post("/moved", server.post)
    application.router.add_delete("/session/1", server.delete)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await server.stop()
        await runner.cleanup()


class _Stage:
    def __init__(self, server: Server) -> None:
        self.source = WhepSource(
            f"whep+http://127.0.0.1:{server.port}/live", "token", name="Ann", host_addresses=LOOPBACK
        )

    async def enter(self, name: str, *, hertz: int, colour: Colour) -> None:
        """The stream is always there, as Ann's."""

    async def leave(self, name: str) -> None:
        """Never here."""


class TestContract(CallSourceContract):
    """A WHEP stream is a call of one."""

    many = False

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[_Stage]:
        """Serve a stream."""
        async with serving() as server:
            yield _Stage(server)


def test_the_token_goes_to_its_own_server_alone_and_the_session_is_deleted() -> None:
    """POST and DELETE carry the bearer token; a redirect to, and a session at, another origin do not get it."""

    async def go() -> None:
        async with serving() as server, serving() as other:
            for away in (False, True):
                server.redirect = f"http://127.0.0.1:{other.port}/moved" if away else ""
                observed = ObservedCall()
                stage = _Stage(server)
                async with recorded(stage, observed):
                    await until(lambda observed=observed: observed.people)  # type: ignore[misc]
                    assert observed.asks == [False]
                    assert observed.people == {PARTICIPANT: "Ann"}
            assert [h.get("Authorization") for h in server.headers] == ["Bearer token", "Bearer token"]
            assert [h.get("Authorization") for h in server.ended] == ["Bearer token"]
            assert [h.get("Authorization") for h in other.headers] == [None]
            assert [h.get("Authorization") for h in other.ended] == [None]

    run(go)


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, None), (404, None), (500, None), (201, "secret-marker"), (201, "x" * 200_000), (201, "")],
)
def test_a_server_that_has_no_stream_is_told_in_a_sentence(status: int, body: str | None) -> None:
    """What cannot be joined is UnreadableInput, and repeats nothing that the server said."""

    async def go() -> None:
        async with serving() as server:
            server.status, server.body = status, body
            with pytest.raises(UnreadableInput) as refusal:
                await _Stage(server).source.run(ObservedCall())
            assert "secret-marker" not in refusal.value.sentence

    run(go)


def test_a_stream_that_ends_is_over_and_one_that_breaks_is_joined_again() -> None:
    """A lost connection is left and joined again as another track; 404 then means that it is over."""

    async def go() -> None:
        observed = ObservedCall()
        async with serving() as server:
            stage = _Stage(server)
            async with recorded(stage, observed) as task:
                await until(lambda: observed.people)
                await received(stage, observed, "Ann")
                await until(lambda: observed.pictures_of(PARTICIPANT))
                await server.stop()
                await until(lambda: ("left", PARTICIPANT) in observed.events)
                await until(lambda: observed.people)
                await stage.source.receive(PARTICIPANT, True)
                await until(
                    lambda: any(track.number == 2 and observed.pictures[track] for track in observed.pictures)
                )
                server.there = False
                await server.stop()
                async with asyncio.timeout(5):
                    assert await task is Ended.OVER

    run(go)


@pytest.mark.parametrize(
    "url", ["https://x/y", "whep+ftp://x", "whep+https://", "whep+https://user:pass@host/x"]
)
def test_other_addresses_are_usage_errors(url: str) -> None:
    """Only whep+http and whep+https addresses without credentials are taken."""
    with pytest.raises(UsageError):
        WhepSource(url)


def test_call_time_begins_when_the_bot_joins() -> None:
    """A source that was made long before it runs, as models are loaded, begins its clock anew; a given one stays."""
    given = CallClock()
    for clock in (None, given):
        source = WhepSource("whep+http://127.0.0.1:1/stream", clock=clock, host_addresses=LOOPBACK)
        made = source.clock
        with pytest.raises(UnreadableInput):
            asyncio.run(source.run(ObservedCall()))
        assert (source.clock is made) is (clock is given)
