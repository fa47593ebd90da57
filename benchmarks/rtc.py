"""How much of what arrives is delivered, how well sound and picture agree, and what receiving costs.

    python -m benchmarks.rtc [sound] [sync] [cpu]

sound   a tone through a network that loses, delays and reorders, received live: packets handed on of those that came.
        Beside it aiortc's own jitter buffer, fed with packets lost alike. Goal: at least 97 %.
sync    a flash and a beep at the same instant, through a network with 20 ms of delay and 20 ms of jitter: time of the
        first bright picture less time of the first loud sample. Goal: within 60 ms.
cpu     CPU seconds per second of this process receiving and decoding 360p30 VP8 and Opus of several people, by
        `recorder.call.rtc.peer` and by aiortc alone, one after the other; the senders are another process.

Everything is on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from multiprocessing.connection import Connection
from typing import Any

import aioice.ice
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.jitterbuffer import JitterBuffer
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket

from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.peer import Peer
from recorder.call.source import LiveKind, TrackKey
from tests.recorder.call.network import Network
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.senders import (
    LOOPBACK,
    CodedTrack,
    coded_pictures,
    coded_sound,
    coded_tone,
    middle_colour,
    sending,
)

LOSSES = (0.0, 0.01, 0.05, 0.10, 0.20)
SECONDS = 10.0
PEOPLE = (1, 2, 4, 8)
SOUND = TrackKey("p", LiveKind.MICROPHONE)
CAMERA = TrackKey("p", LiveKind.CAMERA)


def on_loopback() -> None:
    """Let aiortc's own connections be reached on 127.0.0.1; peers have an argument for that."""
    aioice.ice.get_host_addresses = lambda **_: LOOPBACK


async def connected(
    network: Network, tracks: list[CodedTrack] | None = None
) -> tuple[Peer, ObservedCall, RTCPeerConnection]:
    """Return a peer that receives through a network, what it tells, and who sends."""
    observed = ObservedCall(received={"p"})
    observed.joined("p", "", 0)
    peer = Peer("p", observed, CallClock(), host_addresses=LOOPBACK)
    if tracks is None:
        sender, _ = sending()
    else:
        sender = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        for track in tracks:
            sender.addTransceiver(track, direction="sendonly")
    await sender.setLocalDescription(await sender.createOffer())
    answer = await peer.answer(await network.between(sender.localDescription.sdp))
    await sender.setRemoteDescription(RTCSessionDescription(network.behind(answer), "answer"))
    return peer, observed, sender


async def sound() -> None:
    """Print the table of delivered sound."""

    async def one(loss: float, jitter: float) -> str:
        network = Network(delay=0.02, jitter=jitter, seed=int(loss * 100) + 1)
        peer, observed, sender = await connected(network)
        async with asyncio.TaskGroup() as group:
            group.create_task(peer.run())
            await until(lambda: peer.connected)
            peer.receive(True)
            await until(lambda: len(observed.sounds.get(SOUND, [])) > 5)
            before, had = network.passed[96], len(observed.sounds[SOUND])
            network.loss = loss
            await asyncio.sleep(SECONDS)
            network.loss = 0.0
            await asyncio.sleep(0.5)
            came, got = network.passed[96] - before, len(observed.sounds[SOUND]) - had
            holes = sum(end - start for track, start, end, _ in observed.lost if track == SOUND)
            await peer.close()
        await sender.close()
        network.close()
        return f"{loss:6.0%} {jitter * 1000:7.0f} {came:8} {got:9} {got / came:9.1%} {holes:7.2f} {theirs(loss):14.1%}"

    print("  loss jitter/ms  arrived handed on   of them  told/s  aiortc's buffer")
    for jitter in (0.0, 0.03):
        rows = await asyncio.gather(*(one(loss, jitter) for loss in LOSSES))
        print("\n".join(rows))


def theirs(loss: float, *, count: int = 20_000) -> float:
    """Return how much of what arrived aiortc's own buffer for sound hands on."""
    chance, buffer = random.Random(1), JitterBuffer(capacity=16, prefetch=4)
    came = got = 0
    for number in range(count):
        if chance.random() < loss:
            continue
        came += 1
        packet: Any = RtpPacket(payload_type=96, sequence_number=number & 0xFFFF, timestamp=number * 960)
        packet._data = b"x"
        got += buffer.add(packet)[1] is not None
    return got / came


async def sync() -> None:
    """Print how far flash and beep are apart."""
    dark, bright = coded_pictures((40, 128, 128)), coded_pictures((220, 128, 128))
    # a picture that is bright for its first three frames, from a key frame to the next, in every second
    pictures = (bright[0], bright[1], bright[2], dark[0], *dark[1:27])
    beep = (8000 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)).astype(np.int16)
    beep[4800:] = 0
    tone = coded_sound(beep)
    tracks = [CodedTrack("audio", tone), CodedTrack("video", pictures)]
    for track in tracks:
        track._start = time.monotonic() + 1
    network = Network(delay=0.02, jitter=0.02)
    peer, observed, sender = await connected(network, tracks)
    async with asyncio.TaskGroup() as group:
        group.create_task(peer.run())
        await until(lambda: peer.connected)
        peer.receive(True)
        await asyncio.sleep(30)
        await peer.close()
    await sender.close()
    network.close()
    seen = observed.pictures[CAMERA]
    flashes = [
        later.time
        for earlier, later in pairwise(seen)
        if middle_colour(earlier.frame)[0] < 100 <= middle_colour(later.frame)[0]
    ]
    heard = observed.sounds[SOUND]
    loud = [
        block.time + float(np.argmax(np.abs(block.samples) > 0.05)) / block.sample_rate
        for before, block in pairwise(heard)
        if np.abs(block.samples).max() > 0.05 > np.abs(before.samples).max()
    ]
    apart = [
        1000 * min((flash - beep for beep in loud), key=abs) for flash in flashes if flash < loud[-1] + 0.1
    ]
    print(
        f"flash less beep: n {len(apart)}, first {apart[0]:.1f} ms, median {statistics.median(apart):.1f} ms, "
        f"from {min(apart):.1f} to {max(apart):.1f} ms"
    )


def senders(pipe: Connection, people: int, clips: Sequence[Sequence[bytes]] = ()) -> None:
    """Send as several people, in a process of its own: clips of VP8 packets in turn, or a plain picture at 360p."""
    on_loopback()

    async def go() -> None:
        connections = []
        for number in range(people):
            connection = RTCPeerConnection(
                RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
            )
            coded = coded_pictures((60 + number, 90, 120), width=640, height=360)
            if clips:
                coded = tuple((packet, 0) for packet in clips[number % len(clips)])
            for track in (CodedTrack("audio", coded_tone(400)), CodedTrack("video", coded)):
                connection.addTransceiver(track, direction="sendonly")
            await connection.setLocalDescription(await connection.createOffer())
            pipe.send(connection.localDescription.sdp)
            answer = await asyncio.to_thread(pipe.recv)
            await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            connections.append(connection)
        await asyncio.to_thread(pipe.recv)
        for connection in connections:
            await connection.close()

    asyncio.run(go())


async def by_peers(pipe: Connection, people: int, stack: AsyncExitStack) -> ObservedCall:
    """Receive as the recorder does."""
    observed = ObservedCall(keep=2)
    group = await stack.enter_async_context(asyncio.TaskGroup())
    clock = CallClock()
    for number in range(people):
        who = f"p{number}"
        observed.received.add(who)
        observed.joined(who, "", 0)
        peer = Peer(who, observed, clock, host_addresses=LOOPBACK)
        pipe.send(await peer.answer(await asyncio.to_thread(pipe.recv)))
        group.create_task(peer.run())
        stack.push_async_callback(peer.close)
        peer.receive(True)
    return observed


async def by_aiortc(pipe: Connection, people: int, stack: AsyncExitStack) -> list[int]:
    """Receive with aiortc alone; return counts that grow: pictures, blocks of sound."""
    counts = [0, 0]
    tasks: list[asyncio.Task[None]] = []

    async def drain(track: MediaStreamTrack) -> None:
        try:
            while True:
                await track.recv()
                counts[track.kind == "audio"] += 1
        except MediaStreamError:
            return

    for _ in range(people):
        connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        connection.on("track", lambda track: tasks.append(asyncio.create_task(drain(track))))
        stack.push_async_callback(connection.close)
        await connection.setRemoteDescription(
            RTCSessionDescription(await asyncio.to_thread(pipe.recv), "offer")
        )
        await connection.setLocalDescription(await connection.createAnswer())
        pipe.send(connection.localDescription.sdp)
    return counts


async def cpu() -> None:
    """Print what receiving costs."""
    print("people  by            CPU of one core  pictures/s  sounds/s")
    for people in PEOPLE:
        for ours in (False, True):
            mine, other = multiprocessing.get_context("spawn").Pipe()
            process = multiprocessing.get_context("spawn").Process(target=senders, args=(other, people))
            process.start()
            async with AsyncExitStack() as stack:
                found: Any = await (by_peers if ours else by_aiortc)(mine, people, stack)
                await asyncio.sleep(3)
                first = counted(found)
                used, started = time.process_time(), time.monotonic()
                await asyncio.sleep(SECONDS)
                used, passed = time.process_time() - used, time.monotonic() - started
                pictures, sounds = (now - was for now, was in zip(counted(found), first, strict=True))
                print(
                    f"{people:6}  {'recorder.call' if ours else 'aiortc alone':13} {used / passed:14.1%} "
                    f"{pictures / passed:11.1f} {sounds / passed:9.1f}"
                )
            mine.send("end")
            await asyncio.to_thread(process.join)


def counted(found: Any) -> tuple[int, int]:
    """Return pictures and blocks of sound so far."""
    if isinstance(found, ObservedCall):
        return found.seen, sum(len(blocks) for blocks in found.sounds.values())
    return found[0], found[1]


def main() -> None:
    """Print what was asked for."""
    on_loopback()
    wanted = sys.argv[1:] or ["sound", "sync", "cpu"]
    for name, part in (("sound", sound), ("sync", sync), ("cpu", cpu)):
        if name in wanted:
            asyncio.run(part())


if __name__ == "__main__":
    main()
