"""A sender, a network that may misbehave, and the peer that receives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiortc import RTCPeerConnection, RTCSessionDescription

from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.peer import Peer, PeerEnd
from recorder.call.source import LiveKind, TrackKey
from tests.recorder.call.network import Network
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.senders import LOOPBACK, CodedTrack, sending

__all__ = ["CAMERA", "MICROPHONE", "Line", "line", "run"]

CAMERA = TrackKey("p", LiveKind.CAMERA)
MICROPHONE = TrackKey("p", LiveKind.MICROPHONE)


@dataclass
class Line:
    """A sender, the peer that receives it, and what was told of it."""

    peer: Peer
    observed: ObservedCall
    sender: RTCPeerConnection
    tracks: list[CodedTrack]
    network: Network
    ended: asyncio.Future[PeerEnd] | None = None
    clock: CallClock = field(default_factory=CallClock)

    def receive(self, wanted: bool) -> None:
        """Receive."""
        if wanted:
            self.observed.received.add("p")
        self.peer.receive(wanted)


@asynccontextmanager
async def line(network: Network | None = None, **sender: object) -> AsyncIterator[Line]:
    """Connect a sender with a peer."""
    observed, clock, network = ObservedCall(), CallClock(), network or Network()
    observed.joined("p", "", 0)
    peer = Peer("p", observed, clock, host_addresses=LOOPBACK)
    connection, tracks = sending(**sender)  # type: ignore[arg-type]
    await connection.setLocalDescription(await connection.createOffer())
    answer = await peer.answer(await network.between(connection.localDescription.sdp))
    await connection.setRemoteDescription(RTCSessionDescription(network.behind(answer), "answer"))
    here = Line(peer, observed, connection, tracks, network, clock=clock)
    try:
        async with asyncio.TaskGroup() as group:
            here.ended = group.create_task(peer.run())
            await until(lambda: peer.connected)
            yield here
            await peer.close()
    finally:
        await peer.close()
        await connection.close()
        network.close()
    assert observed.wrong == []
    assert observed.open == set()


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine."""

    async def bounded() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(bounded())
