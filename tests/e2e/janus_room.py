"""A real Janus on this machine, and people in its VideoRoom: browsers and aiortc, each with a tone and a grey."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import ifaddr
from aiohttp import web
from aiortc import RTCSessionDescription

from recorder.call.janus.websocket import JanusLink, LinkLost
from tests.recorder.call.senders import sending

__all__ = ["JANUS", "ROOM", "JanusServer", "Publisher", "page_server", "unreachable"]

JANUS = shutil.which("janus")
ROOM = 4711
_LIBRARIES = Path("/usr/lib/x86_64-linux-gnu/janus")
_UNUSED = (
    "audiobridge",
    "duktape",
    "echotest",
    "lua",
    "nosip",
    "recordplay",
    "sip",
    "streaming",
    "videocall",
    "voicemail",
)
_TRANSPORTS = ("http", "pfunix", "mqtt", "rabbitmq", "nanomsg")

PAGE = """<!doctype html><meta charset="utf-8"><title>person</title><script>
"use strict";
const link = (url) => new Promise((ready) => {
  const ws = new WebSocket(url, "janus-protocol"), waiting = {};
  const me = {ws, session: 0, ask(body, event) {
    const transaction = Math.random().toString(36).slice(2);
    ws.send(JSON.stringify({...body, transaction, ...(me.session ? {session_id: me.session} : {})}));
    return new Promise((done) => { waiting[transaction] = [done, event]; });
  }};
  ws.onmessage = (frame) => {
    const message = JSON.parse(frame.data), found = waiting[message.transaction];
    if (found && !(message.janus === "ack" && found[1])) { delete waiting[message.transaction]; found[0](message); }
  };
  ws.onopen = () => ready(me);
});
window.person = {
  async attach(plugin) { return (await this.link.ask({janus: "attach", plugin})).data.id; },
  async message(handle, body, jsep) {
    return await this.link.ask({janus: "message", handle_id: handle, body, ...(jsep ? {jsep} : {})}, true);
  },
  async join(url, room, name, codec, chat, layers) {
    this.link = await link(url);
    this.link.session = (await this.link.ask({janus: "create"})).data.id;
    this.alive = setInterval(() => this.link.ask({janus: "keepalive"}), 5000);
    if (chat) await this.enter(room);
    this.handle = await this.attach("janus.plugin.videoroom");
    const joined = await this.message(this.handle, {request: "join", ptype: "publisher", room, display: name});
    this.id = String(joined.plugindata.data.id);
    this.media = await navigator.mediaDevices.getUserMedia({
      audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false},
      video: {width: layers ? 640 : 320, height: layers ? 360 : 180}});
    this.pc = new RTCPeerConnection();
    for (const track of this.media.getTracks()) {
      const sendEncodings = layers && track.kind === "video"
        ? [{rid: "h"}, {rid: "l", scaleResolutionDownBy: 2}] : undefined;
      const line = this.pc.addTransceiver(
        track, {direction: "sendonly", streams: [this.media], ...(sendEncodings ? {sendEncodings} : {})});
      const known = RTCRtpSender.getCapabilities(track.kind).codecs;
      const named = known.filter((c) => [`video/${codec}`, "video/rtx"].includes(c.mimeType));
      if (track.kind === "video") line.setCodecPreferences(named);
    }
    await this.pc.setLocalDescription();
    await new Promise((done) => {
      if (this.pc.iceGatheringState === "complete") done();
      this.pc.onicegatheringstatechange = () => this.pc.iceGatheringState === "complete" && done();
    });
    const descriptions = this.user ? [{mid: "0", description: `textroom:${this.user}`}] : [];
    const offer = this.pc.localDescription.toJSON();
    const answer = await this.message(this.handle, {request: "publish", descriptions}, offer);
    await this.pc.setRemoteDescription(answer.jsep);
    return this.id;
  },
  async enter(room) {
    const handle = await this.attach("janus.plugin.textroom"), pc = this.text = new RTCPeerConnection();
    const setup = await this.message(handle, {request: "setup"});
    await pc.setRemoteDescription(setup.jsep);
    this.channel = pc.createDataChannel("JanusDataChannel");
    await pc.setLocalDescription();
    await new Promise((done) => {
      if (pc.iceGatheringState === "complete") done();
      pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
    });
    await this.message(handle, {request: "ack"}, pc.localDescription.toJSON());
    if (this.channel.readyState !== "open") await new Promise((done) => { this.channel.onopen = done; });
    this.user = `u${Math.random().toString(36).slice(2)}`;
    this.heard = [];
    await new Promise((done) => {
      this.channel.onmessage = (frame) => {
        const said = JSON.parse(frame.data);
        if (said.textroom === "success") done();
        if (said.textroom === "message") this.heard.push(said.text);
      };
      this.channel.send(JSON.stringify({textroom: "join", transaction: "t", room, username: this.user, display: "x"}));
    });
  },
  say(room, text) { this.channel.send(JSON.stringify({textroom: "message", transaction: "m", room, text})); },
  rename(name) { return this.message(this.handle, {request: "configure", display: name}); },
  mute(kind, muted) { for (const track of this.media.getTracks()) if (track.kind === kind) track.enabled = !muted; },
  async shrink(by) {
    const sender = this.pc.getSenders().find((s) => s.track && s.track.kind === "video");
    const parameters = sender.getParameters();
    parameters.encodings[0].scaleResolutionDownBy = by;
    await sender.setParameters(parameters);
  },
  async leave() {
    clearInterval(this.alive);
    await this.link.ask({janus: "destroy"});
    this.pc.close();
    if (this.text) this.text.close();
    this.link.ws.close();
  },
};
</script>"""


def unreachable() -> str:
    """Return why Janus cannot be used here, "" if it can."""
    if JANUS is None or not _LIBRARIES.is_dir():
        return "Debian's janus is not installed (apt-get install --no-install-recommends janus)"
    found = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    if all(address == "127.0.0.1" for address in found):
        return "Janus offers no loopback address, and this machine has no other"
    return ""


class JanusServer:
    """Janus with one VideoRoom and one TextRoom, on ports of its own."""

    def __init__(self, folder: Path, *, pin: str | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/"
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        folders = "\n".join(
            f'{name}_folder = "{_LIBRARIES / name}"'
            for name in ("plugins", "transports", "events", "loggers")
        )
        plugins = ",".join(f"libjanus_{name}.so" for name in _UNUSED)
        transports = ",".join(f"libjanus_{name}.so" for name in _TRANSPORTS)
        secret = "" if pin is None else f', pin = "{pin}"'
        general = f'configs_folder = "{folder}"\n{folders}\ndebug_level = 2, session_timeout = 60'
        unused = f'plugins: {{ disable = "{plugins}" }}\ntransports: {{ disable = "{transports}" }}'
        video = 'publishers = 100, notify_joining = true, videocodec = "vp8,h264,vp9", fir_freq = 0'
        texts = {
            "janus.jcfg": f"general: {{ {general} }}\n{unused}\n",
            "janus.transport.websockets.jcfg": f'general: {{ ws = true, ws_port = {self.port}, ws_ip = "127.0.0.1" }}',
            "janus.plugin.videoroom.jcfg": f"room-{ROOM}: {{ {video}{secret} }}\n",
            "janus.plugin.textroom.jcfg": f'general: {{ json = "compact" }}\nroom-{ROOM}: {{ history = 0{secret} }}\n',
        }
        for name, text in texts.items():
            (folder / name).write_text(text)

    async def start(self) -> None:
        """Start, and wait until it listens."""
        self._process = await asyncio.create_subprocess_exec(
            str(JANUS), "-F", str(self._folder),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(20):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.1)
                    continue
                writer.close()
                return

    async def kill(self) -> None:
        """Kill it, as a crash would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class Publisher:
    """Somebody made of aiortc."""

    def __init__(self, server: JanusServer) -> None:
        self._server = server
        self.id = ""
        self.tracks: list[Any] = []

    async def join(
        self, name: str, hertz: int, colour: tuple[int, int, int], *, codec: str = "VP8", pin: str = ""
    ) -> str:
        """Join and publish; return the id."""
        self._http = aiohttp.ClientSession()
        self._socket = await self._http.ws_connect(self._server.url, protocols=("janus-protocol",))
        self.link = JanusLink(self._socket, None)
        self._reader = asyncio.create_task(self.link.run())
        await self.link.open()
        self.handle = await self.link.attach("janus.plugin.videoroom")
        body = {"request": "join", "ptype": "publisher", "room": ROOM, "display": name, "pin": pin}
        self.id = str((await self.link.ask(self.handle, body)).data["id"])
        self._connection, self.tracks = sending(hertz=hertz, colour=colour, codec=codec)
        await self._connection.setLocalDescription(await self._connection.createOffer())
        offer = ("offer", self._connection.localDescription.sdp)
        answer = await self.link.ask(self.handle, {"request": "publish"}, jsep=offer)
        await self._connection.setRemoteDescription(RTCSessionDescription(answer.jsep_sdp, "answer"))
        return self.id

    async def stay(self) -> None:
        """Keep the session, which the server ends after 10 s without a word; for a task of the caller's."""
        with suppress(LinkLost):
            while True:
                await asyncio.sleep(3)
                await self.link.ask(self.handle, {"request": "listparticipants", "room": ROOM})

    async def leave(self) -> None:
        """Leave."""
        with suppress(LinkLost):
            await self.link.leave()
        await self._connection.close()
        await self._socket.close()
        await self._http.close()
        await self._reader


@asynccontextmanager
async def page_server() -> AsyncIterator[str]:
    """Serve the page of a person; yield its address."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    application = web.Application()
    application.router.add_get("/", page)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def call(name: str, *arguments: object) -> str:
    """Return the expression that has a page's person do something."""
    return f"person.{name}({', '.join(json.dumps(argument) for argument in arguments)})"
