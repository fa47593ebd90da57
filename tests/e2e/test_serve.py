"""A real browser pushes by WHIP from another server's page, as a call system's web client would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from recorder.call.http.tokens import Grant, Tokens
from recorder.call.http.whip_source import serve_source
from recorder.call.source import LiveKind
from tests.e2e.browser import CHROMIUM, browser, write_camera, write_microphone
from tests.recorder.call.observing import Watcher, running, sounds_like

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

SECRET = "secret-of-this-browser"
PUSH = """
(async () => {
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  const connection = window.pushed = new RTCPeerConnection();
  for (const track of stream.getTracks()) connection.addTransceiver(track, {direction: 'sendonly'});
  await connection.setLocalDescription();
  await new Promise((done) => {
    const check = () => connection.iceGatheringState === 'complete' && done();
    connection.onicegatheringstatechange = check; setTimeout(done, 2000); check();
  });
  const headers = {'Content-Type': 'application/sdp', 'Authorization': 'Bearer %s'};
  const answer = await fetch('%s', {method: 'POST', headers, body: connection.localDescription.sdp});
  if (answer.status === 201) {
    window.session = new URL(answer.headers.get('Location'), answer.url).href;
    await connection.setRemoteDescription({type: 'answer', sdp: await answer.text()});
  }
  return answer.status;
})()
"""
HANG_UP = """
fetch(window.session, {method: 'DELETE', headers: {'Authorization': 'Bearer %s'}})
  .then((answer) => { window.pushed.close(); return answer.status; })
"""


async def _hello(_request: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>Call</title>", content_type="text/html")


@asynccontextmanager
async def _elsewhere() -> AsyncIterator[str]:
    """A page of somebody else's server, without our headers; yields its origin."""
    application = web.Application()
    application.router.add_get("/", _hello)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _run(test: Awaitable[None]) -> None:
    async def within() -> None:
        async with asyncio.timeout(120):
            await test

    asyncio.run(within())


def test_a_browser_pushes(tmp_path: Path) -> None:
    """A named origin's page pushes camera and microphone, is decoded once wanted, and hangs up by DELETE."""

    async def test() -> None:
        camera = write_camera(tmp_path / "camera.mjpeg", 150)
        microphone = write_microphone(tmp_path / "microphone.wav", 620)
        async with _elsewhere() as origin:
            source = serve_source(Tokens([(SECRET, Grant("t", "Browser", True))]), origins=(origin,))
            watcher = Watcher()
            async with (
                running(source, watcher),
                browser(f"{origin}/", tmp_path / "profile", camera=camera, microphone=microphone) as page,
            ):
                url = await source.url()
                assert await page.evaluate(PUSH % ("a-wrong-secret-000", url)) == 401
                assert watcher.here == set()
                assert await page.evaluate(PUSH % (SECRET, url)) == 201
                who = watcher.one("Browser")
                await asyncio.sleep(0.5)
                assert watcher.amount(who) == 0
                await source.receive(who, True)
                await watcher.until(lambda: len(watcher.heard(who)) > 48_000 and len(watcher.bright) == 1, 30)
                assert sounds_like(watcher.heard(who), 620)
                assert {key.kind for key in watcher.started} == {LiveKind.CAMERA, LiveKind.MICROPHONE}
                assert await page.evaluate(HANG_UP % SECRET) == 200
                assert watcher.here == set()

    _run(test())


@pytest.mark.parametrize("named", [True, False])
def test_only_named_origins(tmp_path: Path, named: bool) -> None:
    """The browser keeps back the request of a page whose origin was not named, though the page has the token."""

    async def test() -> None:
        camera = write_camera(tmp_path / "camera.mjpeg", 150)
        microphone = write_microphone(tmp_path / "microphone.wav", 620)
        async with _elsewhere() as origin:
            origins = (origin if named else "https://call.example",)
            source = serve_source(Tokens([(SECRET, Grant("t", "Browser", True))]), origins=origins)
            async with (
                running(source, Watcher()),
                browser(f"{origin}/", tmp_path / "profile", camera=camera, microphone=microphone) as page,
            ):
                headers = f"{{'Authorization': 'Bearer {SECRET}'}}"
                post = f"fetch('{await source.url()}', {{method: 'POST', headers: {headers}, body: 'v=0'}})"
                answer = await page.evaluate(f"{post}.then((answer) => answer.status, () => 'kept back')")
                assert answer == (415 if named else "kept back")

    _run(test())
