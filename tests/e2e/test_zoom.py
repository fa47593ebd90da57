"""A whole Zoom meeting through the real command: what participants planted is searched in every byte written."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import aiohttp
import av
import cv2
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from redaction.errors import ModelUnavailable
from redaction.video.faces.detect import YuNet
from samples.picture import portrait
from tests.e2e.browser import CHROMIUM, browser
from tests.e2e.conftest import COMMAND, needs_models, run_offrecord
from tests.e2e.joining import RATE as SOUND_RATE
from tests.e2e.joining import spoken
from tests.e2e.test_call import (
    AGREED_HZ,
    NAMES,
    REFUSED_HZ,
    _is_media,
    _on_disk,
    _pattern,
    _planted_sound,
    _search,
    _written,
)
from tests.paths import ROOT
from tests.recorder.call.observed import until
from tests.recorder.call.zoom.test_endpoint import KEY, code_of, served
from tests.recorder.call.zoom.test_webhook import signed
from tests.recorder.call.zoom_server import (
    CLIENT_ID,
    CLIENT_SECRET,
    FPS,
    MEETING,
    STREAM,
    ZoomServer,
    jpeg_of,
    zoom_server,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WEBHOOK_SECRET, HOST_KEY = "marker-webhook-secret", "marker-host-key-of-tests"
CHAT = "Write to zephyrine dot quollbridge at example dot com"


def coded(picture: NDArray[np.uint8]) -> tuple[bytes, ...]:
    """Return a second of a picture, uint8 (H, W, 3) RGB, as H264."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 640, 360, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
    context.bit_rate, context.gop_size = 2_500_000, FPS
    context.options = {"preset": "ultrafast", "tune": "zerolatency"}
    packets = []
    for number in range(FPS):
        shown = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(640, 360, "yuv420p")
        shown.pts, shown.time_base = number, Fraction(1, FPS)
        packets += [bytes(packet) for packet in context.encode(shown)]
    return (*packets, *(bytes(packet) for packet in context.encode(None)))


def face() -> NDArray[np.uint8]:
    """Return a photograph with a face in the middle of a grey wall, uint8 (360, 640, 3) RGB."""
    try:
        photograph = cv2.resize(cv2.cvtColor(portrait(), cv2.COLOR_BGR2RGB), (360, 360))
    except ModelUnavailable:
        pytest.skip("the photograph cannot be had here")
    wall = np.full((360, 640, 3), 120, np.uint8)
    wall[:, 140:500] = photograph
    return wall


def as_mp4(picture: NDArray[np.uint8]) -> bytes:
    """Return a second of a picture as the search takes it."""
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for _ in range(FPS):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return data.getvalue()


def sent(planted: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return what is planted, at 48,000 Hz, as Zoom's server sends it."""
    return np.asarray(np.clip(planted[::3] * 32767, -32768, 32767), np.int16)


class _Server:
    """The command as a process, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process, http: aiohttp.ClientSession) -> None:
        self.process, self.http = process, http
        self.url = ""
        self.said: list[str] = []

    async def ready(self) -> None:
        """Wait until it listens."""
        assert self.process.stderr is not None
        while not self.url:
            line = (await self.process.stderr.readline()).decode()
            assert line, "".join(self.said)
            self.said.append(line)
            if found := re.search(r"announces meetings to (\S+)/zoom", line):
                self.url = found[1]

    async def webhook(self, kind: str, **payload: object) -> int:
        """Announce something of the meeting."""
        told = {"meeting_uuid": MEETING, "rtms_stream_id": STREAM, **payload}
        body = json.dumps(
            {"event": f"meeting.rtms_{kind}", "event_ts": time.time(), "payload": told}
        ).encode()
        stamp, signature = signed(body, time.time(), WEBHOOK_SECRET)
        headers = {
            "x-zm-request-timestamp": stamp,
            "x-zm-signature": signature,
            "Content-Type": "application/json",
        }
        async with self.http.post(f"{self.url}/zoom", data=body, headers=headers) as answer:
            return answer.status

    async def answer(self, name: str, word: str) -> None:
        """Answer on somebody's page, in a browser of their own."""
        async with (
            asyncio.timeout(30),
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
        ):
            found = None
            while found is None:
                async with browser.get(f"{self.url}/host/{HOST_KEY}") as answer:
                    page = await answer.text()
                found = re.search(rf"<td>{name}</td><td><a href=\"[^\"]*/consent/([\w-]+)\"", page)
                await asyncio.sleep(0.1)
            async with browser.post(f"{self.url}/consent/{found[1]}", data={"answer": word}) as answer:
                assert answer.status == 200, await answer.text()


@asynccontextmanager
async def serving(
    folder: Path, certificate: Path, *, before: list[str], **config: Any
) -> AsyncIterator[_Server]:
    """Start `offrecord serve --zoom` on a free port of this machine."""
    port = _free_port()
    told = {
        "client_id": CLIENT_ID, "webhook_secret": WEBHOOK_SECRET, "host_key": HOST_KEY, "hosts": ["localhost"],
        "public_url": f"http://127.0.0.1:{port}", "ca": str(certificate), **config,
    }  # fmt: skip
    file = folder / "zoom.toml"
    file.write_text(
        "".join(f"{key} = {json.dumps(value)}\n" for key, value in told.items()), encoding="utf-8"
    )
    process = await asyncio.create_subprocess_exec(
        *before, COMMAND, "serve", "--zoom", str(file), "-o", str(folder / "out"), "--port", str(port), "--json",
        "--log-format", "json", "--log-level", "info",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUTF8": "1", "OFFRECORD_ZOOM_CLIENT_SECRET": CLIENT_SECRET},
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as http:
            server = _Server(process, http)
            await asyncio.wait_for(server.ready(), 60)
            yield server
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


async def staged(zoom: ZoomServer, said: NDArray[np.float32]) -> tuple[int, int]:
    """Let in one who will agree and one who will not; both send what is planted."""
    agreeing, refusing = [await zoom.join(name) for name in NAMES]
    zoom.people[agreeing].sound, zoom.people[agreeing].pictures = sent(said), coded(face())
    zoom.people[refusing].sound = sent(_planted_sound(None, REFUSED_HZ))
    zoom.people[refusing].pictures = coded(_pattern()[0])
    return agreeing, refusing


def test_nothing_planted_is_ever_written(tmp_path: Path) -> None:
    """One agrees by their link, one never does; the network is cut; the bundle is verified, and no byte holds a marker.

    Zoom sends whoever speaks here, so that pictures of the one who did not agree do reach the process.
    """
    needs_models()
    said_by_her = spoken(AGREED_HZ)
    seconds = len(said_by_her) / SOUND_RATE
    with pytest.raises(AssertionError, match="a face"):
        _search({"camera": as_mp4(face())}, YuNet())
    trace = tmp_path / "trace"
    before: list[str] = []
    if shutil.which("strace") is not None:
        before = ["strace", "-f", "-y", "-xx", "-s", "1048576", "-o", str(trace), "-e", "signal=none"]
        before += ["-e", "trace=write,pwrite64,lseek,openat", "--seccomp-bpf"]
        done = subprocess.run([*before, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        before = before if done.returncode == 0 else []

    async def meeting() -> list[str]:
        async with zoom_server(tmp_path) as (zoom, certificate):
            agreeing, refusing = await staged(zoom, said_by_her)
            async with serving(tmp_path, certificate, before=before, video="active-speaker") as server:
                assert await server.webhook("started", server_urls=f"{zoom.url}/signaling") == 204
                await until(lambda: len(zoom.medias) == 4, within=90)
                await server.answer(NAMES[0], "adult")
                await zoom.share(refusing, jpeg_of((120, 90, 160), 1280, 720))
                await asyncio.sleep(seconds / 2)
                await zoom.speak(refusing)
                await zoom.chat(CHAT, agreeing)
                await zoom.chat(CHAT, refusing)
                await zoom.chat(CHAT)
                await asyncio.sleep(1.5)
                await zoom.speak(agreeing)
                await zoom.cut()
                await until(lambda: zoom.handshakes == 2, within=30)
                await asyncio.sleep(seconds / 2 + 1)
                assert zoom.sent_video[refusing] > 20
                assert await server.webhook("stopped", stop_reason=6) == 204
                line = b""
                async with asyncio.timeout(240):
                    assert server.process.stdout is not None
                    while not line.endswith(b"}\n") or line.count(b"{") != line.count(b"}"):
                        line += await server.process.stdout.readline()
                own = psutil.Process(server.process.pid)
                (own.children()[0] if before else own).send_signal(signal.SIGTERM)
                out, error = await server.process.communicate()
                assert server.process.returncode == 0, (line + error).decode()
                return [*server.said, line.decode(), out.decode(), error.decode()]

    said = asyncio.run(meeting())
    out = tmp_path / "out"
    (bundle,) = out.glob("*.offrecord")
    document = json.loads(said[-3])
    assert document["bundle"] == str(bundle)
    assert document["participants"] == {"not answered": 1, "recorded": 1}
    stored = _on_disk(out)
    written: dict[str, bytes] = {}
    if before:
        written = {name: bytes(data) for name, data in _written(trace).items()}
        assert any("camera-0001.mp4" in name for name in written), sorted(written)
        assert sum(_is_media(data) for data in written.values()) >= 2
        allowed = (str(out), "/dev/", "/proc/self/", "/tmp/.org.chromium")
        assert not [name for name in written if not name.startswith(allowed)]
    searched = _search({**stored, "what it said": "".join(said).encode(), **written}, YuNet())
    assert searched["media"] >= 2
    assert searched["pictures"] > 20
    assert searched["seconds"] > 3
    told = "".join(said)
    for secret in (CLIENT_SECRET, WEBHOOK_SECRET, HOST_KEY, MEETING, STREAM):
        assert secret not in told
        assert not any(secret.encode() in data for data in stored.values())
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["participants"]["way"] == "zoom"
    assert {track["id"] for track in manifest["tracks"]} == {"P01-camera", "P01-microphone"}
    (message,) = json.loads((bundle / "chat.json").read_text())["messages"]
    assert message["sender"] == "P01"
    assert message["text"].startswith("Write to [")
    assert run_offrecord(["verify", str(bundle)]).returncode == 0


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_answers_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real browser shows the notice, sends the answer with our own origin, and is shown the receipt."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    async def go() -> None:
        async with served(tmp_path, port=_free_port()) as it:
            await it.webhook(it.started("s1"))
            await until(lambda: it.links.listed() and it.links.listed()[0][1])
            _, page = await it.page(f"/host/{KEY}")
            url = f"{it.url}/consent/{code_of(page, 'Ben')}"
            (tmp_path / "profile").mkdir()
            async with browser(url, tmp_path / "profile") as shown:
                assert "Ben" in await shown.evaluate("document.body.innerText")
                await shown.evaluate("document.querySelector('button[value=adult]').click()")
                await shown.until(
                    "document.body && document.body.innerText.includes('With this link you agreed')", 30
                )
                await shown.command("Page.reload")
                await shown.until(
                    "document.body && document.body.innerText.includes('Your receipt is 1234')", 30
                )
                assert shown.complaints == []
            said = [line for line in it.heard("s1") if line.get("do") == "answer"]
            assert [(line["participant"], line["adult"]) for line in said] == [("8", True)]

    asyncio.run(asyncio.wait_for(go(), 120))
