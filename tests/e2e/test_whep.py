"""A WHEP stream whose media comes from a real browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import ifaddr
import numpy as np
import pytest
from aiohttp import web

from recorder.call.http.whep_source import PARTICIPANT, WhepSource
from tests.e2e.browser import CHROMIUM, Page, browser, write_camera, write_microphone
from tests.recorder.call.contract import run
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.senders import middle_colour, pitch

PAGE = """<!doctype html><meta charset="utf-8"><title>stream</title><script>
"use strict";
window.answer = async (sdp) => {
  const media = await navigator.mediaDevices.getUserMedia({
    audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}, video: true});
  const pc = window.pc = new RTCPeerConnection();
  await pc.setRemoteDescription({type: "offer", sdp});
  for (const line of pc.getTransceivers()) {
    const track = media.getTracks().find((t) => t.kind === line.receiver.track.kind);
    if (track) { line.direction = "sendonly"; await line.sender.replaceTrack(track); }
  }
  await pc.setLocalDescription();
  if (pc.iceGatheringState !== "complete") await new Promise((done) => {
    pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
  });
  return pc.localDescription.sdp;
};
</script>"""


class _Server:
    """Serves the page, and has the browser that shows it answer offers."""

    def __init__(self) -> None:
        self.page: Page | None = None
        self.ended = 0
        self.url = ""

    async def show(self, _: web.Request) -> web.Response:
        """Serve the page."""
        return web.Response(text=PAGE, content_type="text/html")

    async def post(self, request: web.Request) -> web.Response:
        """Answer an offer."""
        assert self.page is not None
        answer = await self.page.evaluate(f"answer({json.dumps(await request.text())})")
        return web.Response(
            status=201, text=answer, content_type="application/sdp", headers={"Location": "/whep/1"}
        )

    async def delete(self, _: web.Request) -> web.Response:
        """End the session."""
        assert self.page is not None
        self.ended += 1
        await self.page.evaluate("pc.close()")
        return web.Response()


@asynccontextmanager
async def serving() -> AsyncIterator[_Server]:
    """Serve on a free port of this machine."""
    server = _Server()
    application = web.Application()
    application.router.add_get("/", server.show)
    application.router.add_post("/whep", server.post)
    application.router.add_delete("/whep/1", server.delete)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def addresses() -> list[str]:
    """Return this machine's addresses, loopback last."""
    found = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    return sorted(found, key=lambda address: address == "127.0.0.1")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_is_pulled_by_whep(tmp_path: Path) -> None:
    """Tone and grey of a browser's camera and microphone arrive, and leaving deletes the session."""

    async def go() -> None:
        observed = ObservedCall(received={PARTICIPANT})
        write_camera(tmp_path / "c.mjpeg", 150)
        write_microphone(tmp_path / "m.wav", 700)
        (tmp_path / "profile").mkdir()
        async with (
            serving() as server,
            browser(
                f"{server.url}/",
                tmp_path / "profile",
                camera=tmp_path / "c.mjpeg",
                microphone=tmp_path / "m.wav",
            ) as page,
        ):
            server.page = page
            source = WhepSource(f"whep+{server.url}/whep", host_addresses=addresses())
            async with asyncio.TaskGroup() as group:
                task = group.create_task(source.run(observed))
                await until(lambda: observed.people)
                await source.receive(PARTICIPANT, True)
                await until(
                    lambda: (
                        len(observed.pictures_of(PARTICIPANT)) > 30
                        and len(observed.sounds_of(PARTICIPANT)) > 80
                    )
                )
                await source.close()
                await task
            assert server.ended == 1
        luma = round(16 + 150 * 219 / 255)
        assert abs(middle_colour(observed.pictures_of(PARTICIPANT)[-1].frame)[0] - luma) < 14
        heard = np.concatenate([block.samples for block in observed.sounds_of(PARTICIPANT)[30:]])
        assert pitch(heard, 48000) == pytest.approx(700, abs=5)
        assert observed.wrong == []

    run(go)
