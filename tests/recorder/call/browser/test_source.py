"""A meeting that a browser opens: the contract of a call source, and what a page may do to it."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import multiprocessing.connection
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from recorder.call.browser import chromium
from recorder.call.browser.source import BrowserLimits, BrowserSource
from recorder.call.source import Ended
from redaction.errors import UnreadableInput
from tests.e2e.browser import CHROMIUM
from tests.recorder.call.browser.meeting import ADAPTER, FakeMeeting, fake_meeting
from tests.recorder.call.browser.test_chromium import children
from tests.recorder.call.contract import PEOPLE, CallSourceContract, Stage, assert_is, received, recorded, run
from tests.recorder.call.observed import ObservedCall, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


class BrowserStage:
    """A made-up meeting, and the bot that opens it."""

    def __init__(self, meeting: FakeMeeting, **options: object) -> None:
        self.meeting = meeting
        self.source = BrowserSource(meeting.url, adapter=ADAPTER, **options)  # type: ignore[arg-type]

    async def enter(self, name: str, *, hertz: int, colour: tuple[int, int, int], **more: object) -> None:
        """Let somebody in."""
        assert await self.meeting.do("enter", name=name, hertz=hertz, colour=colour, **more) is None

    async def leave(self, name: str) -> None:
        """Let somebody leave."""
        await self.meeting.do("leave", name=name)


@asynccontextmanager
async def browser_stage(**options: object) -> AsyncIterator[BrowserStage]:
    """Stage a meeting."""
    async with fake_meeting() as meeting:
        yield BrowserStage(meeting, **{"limits": BrowserLimits(join_s=30), **options})


@asynccontextmanager
async def _staged() -> AsyncIterator[Stage]:
    async with browser_stage() as stage:
        yield stage


class TestContract(CallSourceContract):
    """A browser is a way into a call like every other."""

    def stage(self) -> AbstractAsyncContextManager[Stage]:
        """Return a meeting with nobody in it."""
        return _staged()


async def enter_both(stage: BrowserStage, observed: ObservedCall) -> dict[str, str]:
    """Let Ann and Ben in and receive them."""
    for name, (hertz, colour) in PEOPLE.items():
        await stage.enter(name, hertz=hertz, colour=colour)
    await until(lambda: len(observed.people) == 2)
    return {name: await received(stage, observed, name) for name in PEOPLE}


async def heard_and_seen(observed: ObservedCall, who: str, *, more: int = 20) -> None:
    """Wait for more of somebody."""
    seen, heard = len(observed.pictures_of(who)), len(observed.sounds_of(who))
    await until(
        lambda: (
            len(observed.pictures_of(who)) > seen + more and len(observed.sounds_of(who)) > heard + 2 * more
        ),
        within=20,
    )


def test_lines_that_change_hands_are_at_no_time_anothers() -> None:
    """A server that gives a line to somebody else: every picture and sound still has its owner."""

    async def go() -> None:
        observed = ObservedCall()
        async with browser_stage() as stage, recorded(stage, observed):
            who = await enter_both(stage, observed)
            for _ in range(2):
                for participant in who.values():
                    await heard_and_seen(observed, participant)
                assert await stage.meeting.do("swap", name="Ann", to="Ben") is None
            for participant in who.values():
                await heard_and_seen(observed, participant)
            await stage.meeting.do("renegotiate", name="Ann")  # whose line it is stays: the track goes on
            await heard_and_seen(observed, who["Ann"])
        for name, participant in who.items():
            assert_is(observed, participant, name, last=10_000)
            assert len({track for track in observed.pictures if track.participant == participant}) == 3

    run(go, within=90)


def test_other_codings_names_and_the_chat() -> None:
    """H264 goes on as it is, VP9 is coded again; renaming, chat lines and answers to one or all arrive."""

    async def go() -> None:
        observed = ObservedCall()
        async with browser_stage() as stage, recorded(stage, observed):
            for (name, (hertz, colour)), codec in zip(PEOPLE.items(), ("H264", "VP9"), strict=True):
                await stage.enter(name, hertz=hertz, colour=colour, codec=codec)
            await until(lambda: len(observed.people) == 2)
            who = {name: await received(stage, observed, name) for name in PEOPLE}
            for participant in who.values():
                await heard_and_seen(observed, participant)
            await stage.meeting.do("rename", name="Ben", to="Ben\n [no-rec]" + "x" * 400)
            await until(lambda: observed.names)
            assert observed.names[0][1].startswith("Ben [no-rec]xx")
            assert len(observed.names[0][1]) == 64
            await stage.meeting.do("say", name="Ann", line="/record yes")
            await until(lambda: observed.chats == [(who["Ann"], "/record yes")])
            assert observed.asks == [True]
            assert await stage.source.notify("to all")
            assert await stage.source.notify("to Ann", to=who["Ann"])
            assert await stage.meeting.run("JSON.stringify(meeting.sent)") == json.dumps(
                [{"line": "to all", "to": None}, {"line": "to Ann", "to": who["Ann"]}], separators=(",", ":")
            )
            assert await stage.meeting.run("meeting.bot") == "Recorder bot (recording)"
        for name, participant in who.items():
            assert_is(observed, participant, name)

    run(go, within=60)


def test_a_killed_browser_and_a_crashed_page_are_opened_again() -> None:
    """SIGKILL of the browser, then of the page's own process: everybody has left, and the meeting is joined anew."""

    async def go() -> None:
        observed = ObservedCall()
        made: list[Path] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(chromium, "memory_folder", _noting(made))
            async with browser_stage() as stage, recorded(stage, observed):
                for number, kind in enumerate(("", "--type=renderer")):
                    hertz, colour = PEOPLE["Ann"]
                    await stage.enter("Ann", hertz=hertz, colour=colour)
                    await until(lambda: observed.people, within=20)
                    ann = await received(stage, observed, "Ann")
                    await heard_and_seen(observed, ann, more=5)
                    _kill(made[-1], kind)
                    await until(lambda: not observed.people, within=20)
                    assert observed.open == set()
                    assert observed.asks == [True, False] * (number + 1)
                    await until(lambda: len(made) == number + 2, within=20)  # noqa: B023
                    assert not made[number].exists()

    run(go, within=90)


def _noting(made: list[Path]) -> Callable[[], Path]:
    """Make browsers' folders, and note them."""
    original = chromium.memory_folder

    def noted() -> Path:
        made.append(original())
        return made[-1]

    return noted


def test_a_killed_recorder_leaves_nothing_of_the_call(tmp_path: Path) -> None:
    """SIGKILL in the middle of a call: no browser, no folder, and no file that holds what the page knew or showed."""
    marker = "zq8markerzq8"
    context = multiprocessing.get_context("spawn")

    async def go() -> None:
        async with fake_meeting() as meeting:
            ours, theirs = context.Pipe()
            process = context.Process(target=_record_until_killed, args=(meeting.url, str(tmp_path), theirs))
            process.start()
            hertz, colour = PEOPLE["Ann"]
            await meeting.do("enter", name=f"Ann {marker}", hertz=hertz, colour=colour)
            await meeting.run(_STORING.replace("MARKER", marker))
            folder = Path(await asyncio.to_thread(ours.recv))
            process.kill()
            await asyncio.to_thread(process.join)
            await until(lambda: not folder.exists() and children(folder) == [], within=20)
            files = [
                path for place in (tmp_path, Path("/dev/shm")) for path in place.rglob("*") if path.is_file()
            ]
            assert [path for path in files if _holds(path, marker.encode())] == []

    run(go, within=90)


def _record_until_killed(url: str, temporary: str, told: multiprocessing.connection.Connection) -> None:
    os.environ["TMPDIR"] = temporary
    made: list[Path] = []
    chromium.memory_folder = _noting(made)

    async def go() -> None:
        observed = ObservedCall()
        source = BrowserSource(url, adapter=ADAPTER)
        running = asyncio.create_task(source.run(observed))
        await until(lambda: observed.people, within=40)
        await source.receive(next(iter(observed.people)), True)
        await until(lambda: observed.seen > 20, within=40)
        await asyncio.sleep(2)
        told.send(str(made[0]))
        await running

    asyncio.run(go())


def _kill(folder: Path, kind: str) -> None:
    """Kill the browser's first process, or those of a kind, which may be that of the page."""
    found = [p for p in children(folder) if p.name().startswith("chrom")]
    first = min(found, key=lambda process: process.create_time())
    for process in found if kind else [first]:
        if not kind or any(part == kind for part in _command(process)):
            process.send_signal(signal.SIGKILL)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


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
                    await stage.meeting.run(_ELSEWHERE.replace("ELSEWHERE", elsewhere))
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
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, local_addr=address)
    try:
        yield f"{address[0]}:{address[1]}", asked
    finally:
        transport.close()
        await asyncio.wait_for(runner.cleanup(), 5)


def test_a_page_that_does_not_let_the_bot_in_is_told() -> None:
    """Never joining, refusing, and no answer at all are UnreadableInput, each with its sentence."""

    async def go() -> None:
        async with fake_meeting() as meeting:
            short = BrowserLimits(join_s=2)
            for state, sentence in (("joining", "in time"), ("refused", "refuses")):
                kept_out = BrowserSource(f"{meeting.url}?state={state}", adapter=ADAPTER, limits=short)
                with pytest.raises(UnreadableInput, match=sentence):
                    await kept_out.run(ObservedCall())
            nobody = BrowserSource("http://127.0.0.1:9/", limits=short)
            with pytest.raises(UnreadableInput, match="no answer"):
                await nobody.run(ObservedCall())

    run(go, within=60)


def test_a_meeting_that_ends_and_a_page_that_hangs() -> None:
    """Over is over and removed is removed; a page that no longer answers is opened again, until patience ends."""

    async def go() -> None:
        limits = BrowserLimits(join_s=20, blind_s=1, patience_s=0)
        for state, ended in (("over", Ended.OVER), ("removed", Ended.REMOVED), ("hangs", Ended.LOST)):
            observed = ObservedCall()
            async with browser_stage(limits=limits) as stage, recorded(stage, observed) as task:
                hertz, colour = PEOPLE["Ann"]
                await stage.enter("Ann", hertz=hertz, colour=colour)
                await until(lambda: observed.people)  # noqa: B023
                code = "setTimeout(() => { for (;;); })" if state == "hangs" else f"meeting.state = '{state}'"
                await stage.meeting.run(code)
                assert await asyncio.wait_for(task, 30) is ended

    run(go, within=90)
