"""WHIP and WHEP with GStreamer at the other end: an implementation of WebRTC that is neither aiortc nor a browser."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import ifaddr
import numpy as np
import pytest
from aiohttp import web

from recorder.call.http.tokens import Grant, Tokens
from recorder.call.http.whep_source import PARTICIPANT, WhepSource
from recorder.call.http.whip_source import serve_source
from tests.recorder.call.contract import run
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.observing import Watcher, loudest_hz, running
from tests.recorder.call.senders import middle_colour, pitch

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("gstreamer.py")
NEEDS = (
    "from gi.repository import Gst, GstWebRTC; Gst.init(None); assert Gst.ElementFactory.find('webrtcbin')"
)
SECRET = "secret-of-gstreamer-1"


def _there() -> bool:
    lines = ["import gi", "gi.require_version('Gst', '1.0')", "gi.require_version('GstWebRTC', '1.0')", NEEDS]
    if shutil.which(PYTHON) is None:
        return False
    done = subprocess.run(
        [PYTHON, "-c", "\n".join(lines)], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return done.returncode == 0


def _addresses() -> list[str]:
    """Return this machine's addresses beyond loopback, which GStreamer does not offer."""
    found = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    return [address for address in found if not address.startswith("127.")]


pytestmark = pytest.mark.skipif(
    not _there() or not _addresses(),
    reason="GStreamer with webrtcbin and its Python are not installed, or there is no address but loopback",
)


@asynccontextmanager
async def gstreamer(role: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start the other end."""
    process = await asyncio.create_subprocess_exec(
        PYTHON, str(SCRIPT), role, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def said(process: asyncio.subprocess.Process) -> str:
    """Return the next description that it makes."""
    assert process.stdout is not None
    return str(json.loads(await asyncio.wait_for(process.stdout.readline(), 20)))


def tell(process: asyncio.subprocess.Process, description: str) -> None:
    """Hand it the other side's description."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(description).encode() + b"\n")


def test_gstreamer_pushes_by_whip() -> None:
    """Tone and picture arrive once wanted, and DELETE ends the session."""

    async def go() -> None:
        source = serve_source(
            Tokens([(SECRET, Grant("g", "GStreamer", True))]), host_addresses=tuple(_addresses()[:1])
        )
        watcher = Watcher()
        auth = {"Authorization": f"Bearer {SECRET}"}
        async with (
            running(source, watcher),
            gstreamer("offer") as pushing,
            aiohttp.ClientSession(headers=auth) as http,
        ):
            url = await source.url()
            offer = await said(pushing)
            async with http.post(url, data=offer, headers={"Content-Type": "application/sdp"}) as answer:
                assert answer.status == 201, await answer.text()
                where = answer.headers["Location"]
                tell(pushing, await answer.text())
            (who,) = watcher.here
            await source.receive(who, True)
            await watcher.until(lambda: len(watcher.started) == 2 and watcher.amount(who) > 120)
            assert loudest_hz(watcher.heard(who)[-16_384:]) == pytest.approx(660, rel=0.03)
            assert len([key for key, seen in watcher.bright.items() if len(seen) > 20]) == 1
            async with http.delete(url.removesuffix("/whip") + where) as answer:
                assert answer.status == 200
            await watcher.until(lambda: not watcher.here)

    run(go)


class _Server:
    """Answers offers with GStreamer's descriptions."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.ended = 0

    async def post(self, request: web.Request) -> web.Response:
        tell(self.process, await request.text())
        headers = {"Location": "/whep/1"}
        return web.Response(
            status=201, text=await said(self.process), content_type="application/sdp", headers=headers
        )

    async def delete(self, _: web.Request) -> web.Response:
        self.ended += 1
        return web.Response()


def test_gstreamer_is_pulled_by_whep() -> None:
    """Tone and colour of a stream that GStreamer publishes arrive, and leaving deletes the session."""

    async def go() -> None:
        async with gstreamer("answer") as process:
            server = _Server(process)
            application = web.Application()
            application.router.add_post("/whep", server.post)
            application.router.add_delete("/whep/1", server.delete)
            runner = web.AppRunner(application, access_log=None)
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                url = f"whep+http://127.0.0.1:{runner.addresses[0][1]}/whep"
                observed = ObservedCall(received={PARTICIPANT})
                source = WhepSource(url, host_addresses=_addresses()[:1])
                task = asyncio.create_task(source.run(observed))
                await until(lambda: bool(observed.people))
                await source.receive(PARTICIPANT, True)
                await until(lambda: len(observed.pictures_of(PARTICIPANT)) > 20)
                await until(lambda: len(observed.sounds_of(PARTICIPANT)) > 60)
                samples = np.concatenate([block.samples for block in observed.sounds_of(PARTICIPANT)[20:]])
                assert pitch(samples, 48_000) == pytest.approx(660, rel=0.03)
                luma, blue, red = middle_colour(observed.pictures_of(PARTICIPANT)[-1].frame)
                assert blue > 150
                assert red < 120
                assert luma < 120
                await source.close()
                await task
                assert server.ended == 1
                assert observed.wrong == []
            finally:
                await runner.cleanup()

    run(go)
