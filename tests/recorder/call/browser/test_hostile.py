"""What a meeting's page tries: it stores, asks elsewhere, floods, and uses whatever it finds of the recorder."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from recorder.call.browser import chromium
from recorder.call.browser.messages import MOST_PEOPLE_SEEN
from tests.e2e.browser import CHROMIUM
from tests.recorder.call.browser.test_chromium import children
from tests.recorder.call.browser.test_source import (
    _command,
    _noting,
    browser_stage,
    heard_and_seen,
)
from tests.recorder.call.contract import PEOPLE, assert_is, received, recorded, run
from tests.recorder.call.observed import ObservedCall, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


def test_nothing_of_the_page_is_written_and_nobody_else_is_asked() -> None:
    """What a page stores stays in memory, what it downloads is refused, other hosts and pages get nothing."""

    async def go() -> None:
        observed = ObservedCall()
        made: list[Path] = []
        marker = "zq7markerzq7"
        async with _listener() as (elsewhere, asked), browser_stage() as stage:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(chromium, "memory_folder", _noting(made))
                async with recorded(stage, observed):
                    hertz, colour = PEOPLE["Ann"]
                    await stage.enter(f"Ann {marker}", hertz=hertz, colour=colour)
                    await until(lambda: observed.people)
                    await stage.meeting.run(_STORING.replace("MARKER", marker))
                    await stage.meeting.run(
                        _ELSEWHERE.replace("ELSEWHERE", elsewhere).replace(
                            "PORT", elsewhere.rpartition(":")[2]
                        )
                    )
                    ann = await received(stage, observed, f"Ann {marker}")
                    await heard_and_seen(observed, ann, more=60)
                    for process in children(made[0]):
                        if "--type=renderer" in _command(process) and process.pid != _largest(made[0]):
                            process.send_signal(
                                signal.SIGSEGV
                            )  # one that the page does not live in: no dump of it
                    await asyncio.sleep(0.5)
                    files = [path for path in made[0].rglob("*") if path.is_file()]
                    assert len(files) > 10
                    for text in (marker.encode(), marker.encode("utf-16-le")):
                        assert [path for path in files if _holds(path, text)] == []
                    assert [path for path in files if path.suffix in {".dmp", ".part", ".crdownload"}] == []
                    assert await stage.meeting.run("meeting.popup === null || meeting.popup.closed") is True
        assert asked == []
        assert stage.source.blocked >= 3

    run(go, within=90)


_STORING = """(async () => {
  localStorage.setItem("m", "MARKER"); sessionStorage.setItem("m", "MARKER");
  document.cookie = "m=MARKER; max-age=9999";
  const cache = await caches.open("m"); await cache.put("/m", new Response("MARKER".repeat(1000)));
  await new Promise((done) => { const open = indexedDB.open("m");
    open.onupgradeneeded = () => open.result.createObjectStore("m");
    open.onsuccess = () => { const t = open.result.transaction("m", "readwrite");
      t.objectStore("m").put("MARKER", "m"); t.oncomplete = done; }; });
  const link = document.createElement("a"); link.download = "m.txt";
  link.href = URL.createObjectURL(new Blob(["MARKER".repeat(1000)])); link.click();
})()"""
_ELSEWHERE = """(async () => {
  fetch("http://ELSEWHERE/fetch").catch(() => {});
  new Image().src = "http://ELSEWHERE/image"; new WebSocket("ws://ELSEWHERE/socket");
  new Worker(URL.createObjectURL(new Blob(["fetch('http://ELSEWHERE/worker')"])));
  navigator.sendBeacon("http://ELSEWHERE/beacon", "x");
  meeting.popup = window.open("http://ELSEWHERE/popup");
  for (const url of ["ws://localhost:PORT/socket", "ws://[::1]:PORT/socket", "file:///etc/passwd"]) {
    try { new WebSocket(url); } catch { /* not by that scheme */ }
    fetch(url.replace("ws:", "http:")).catch(() => {});
  }
  const file = document.createElement("iframe"); file.src = "file:///etc/passwd"; document.body.append(file);
  const frame = document.createElement("iframe"); frame.src = "http://ELSEWHERE/frame"; document.body.append(frame);
  const stun = new RTCPeerConnection({iceServers: [{urls: "stun:ELSEWHERE"}, {urls: ["turn:ELSEWHERE?transport=tcp"],
    username: "x", credential: "x"}]});
  stun.createDataChannel("x"); await stun.setLocalDescription();
  setTimeout(() => alert("a dialogue stops a page"), 200);
})()"""


def _largest(folder: Path) -> int:
    renderers = [process for process in children(folder) if "--type=renderer" in _command(process)]
    return max(renderers, key=lambda process: int(process.memory_info().rss)).pid


def _holds(path: Path, text: bytes) -> bool:
    try:
        return text in path.read_bytes()
    except OSError:
        return False


@asynccontextmanager
async def _listener() -> AsyncIterator[tuple[str, list[str]]]:
    """Listen on an address that is not the meeting's, by TCP and UDP; yield it, and what is asked there."""
    asked: list[str] = []

    class Datagrams(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            asked.append("udp")

    async def note(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(text="x", headers={"Access-Control-Allow-Origin": "*"})

    application = web.Application()
    application.router.add_route("*", "/{any:.*}", note)
    runner = web.AppRunner(application, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.3", 0).start()
    address = ("127.0.0.3", runner.addresses[0][1])
    await web.TCPSite(runner, "localhost", address[1]).start()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, local_addr=address)
    try:
        yield f"{address[0]}:{address[1]}", asked
    finally:
        transport.close()
        await asyncio.wait_for(runner.cleanup(), 5)


def test_a_hostile_page_is_bounded() -> None:
    """Ten thousand people with endless names, the recorder's own part found and misused, tracks and pages without end:
    of who is received everything still comes, and what is told has bounds."""

    async def go() -> None:
        observed = ObservedCall()
        async with browser_stage() as stage, recorded(stage, observed):
            hertz, colour = PEOPLE["Ann"]
            await stage.enter("Ann", hertz=hertz, colour=colour)
            await until(lambda: observed.people)
            ann = await received(stage, observed, "Ann")
            await heard_and_seen(observed, ann, more=5)
            assert await stage.meeting.run(_HOSTILE) == "none"
            await until(lambda: len(observed.people) == MOST_PEOPLE_SEEN, within=20)
            assert all(len(name) <= 64 for name in observed.people.values())
            await heard_and_seen(observed, ann, more=20)
            assert {track.participant for track in (*observed.pictures, *observed.sounds)} == {ann}
        assert_is(observed, ann, "Ann")

    run(go, within=90)


_HOSTILE = """(async () => {
  for (let n = 0; n < 10000; n++) meeting.people.push({id: `x${n}`, name: "N".repeat(3000), to: null});
  const own = Reflect.ownKeys(window).map((key) => window[key]).find((value) => value && value.forward && value.look);
  own.look(); own.say("x", null); own.stop("1");
  try { await own.forward("evil", "v=0", ["1.0"]); } catch { /* no description */ }
  const connection = new RTCPeerConnection();
  for (let n = 0; n < 700; n++) connection.addTransceiver("audio");
  for (const transceiver of connection.getTransceivers()) {
    const told = {receiver: transceiver.receiver, transceiver, streams: []};
    connection.dispatchEvent(Object.assign(new Event("track"), told));
  }
  for (let n = 0; n < 20; n++) window.open("about:blank");
  for (let n = 0; n < 300; n++) meeting.lines.push({sender: "p1", line: "L".repeat(100000)});
  const screen = navigator.mediaDevices.getDisplayMedia().then(() => "a screen", () => "none");
  return await Promise.race([screen, new Promise((done) => setTimeout(done, 1000, "none"))]);
})()"""
