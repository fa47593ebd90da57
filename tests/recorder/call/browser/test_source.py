"""A meeting that a browser opens: the contract of a call source, and what a page may do to it."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import psutil
import pytest

from recorder.call.browser import chromium
from recorder.call.browser.source import BrowserLimits, BrowserSource
from recorder.call.source import Ended
from redaction.errors import UnreadableInput
from tests.e2e.browser import CHROMIUM
from tests.recorder.call.browser.meeting import ADAPTER, FakeMeeting, fake_meeting
from tests.recorder.call.browser.test_chromium import children
from tests.recorder.call.contract import PEOPLE, CallSourceContract, Stage, assert_is, received, recorded, run
from tests.recorder.call.network import Network
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.senders import middle_colour

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


def test_video_and_audio_of_one_participant_stay_together() -> None:
    """A flash and a beep that a participant sends at once are less than 100 ms apart on the call's clock."""

    async def go() -> None:
        observed = ObservedCall()
        async with browser_stage() as stage, recorded(stage, observed):
            hertz, colour = PEOPLE["Ann"]
            await stage.enter("Ann", hertz=hertz, colour=colour, beats=True)
            await until(lambda: observed.people)
            ann = await received(stage, observed, "Ann")
            await until(
                lambda: len(_flashes(observed, ann)) >= 7 and len(_beeps(observed, ann)) >= 7, within=40
            )
        flashes, beeps = _flashes(observed, ann), _beeps(observed, ann)
        apart = [min((beep - flash for beep in beeps), key=abs) for flash in flashes[2:-1]]
        assert abs(median(apart)) < 0.1, apart

    run(go, within=90)


def _flashes(observed: ObservedCall, who: str) -> list[float]:
    """Return when pictures become bright."""
    seen = [(video.time, middle_colour(video.frame)[0] > 128) for video in observed.pictures_of(who)]
    return [time for (_, before), (time, bright) in pairwise(seen) if bright and not before]


def _beeps(observed: ObservedCall, who: str) -> list[float]:
    """Return when it becomes loud, to 10 ms."""
    found: list[float] = []
    loud = True
    for block in observed.sounds_of(who):
        step = block.sample_rate // 100
        for at in range(0, len(block.samples) - step + 1, step):
            now = float(np.abs(block.samples[at : at + step]).max()) > 0.1
            if now and not loud:
                found.append(block.time + at / block.sample_rate)
            loud = now
    return found


def test_packets_that_are_lost_on_the_way_to_the_page_are_asked_for_again() -> None:
    """With one packet of twenty lost, pictures and sound go on, and are the participant's."""

    async def go() -> None:
        observed = ObservedCall()
        network = Network(loss=0.05)
        async with browser_stage() as stage, recorded(stage, observed):
            hertz, colour = PEOPLE["Ann"]
            await stage.enter("Ann", hertz=hertz, colour=colour, apart=True)
            do = stage.meeting.do
            offer = await network.between(await do("offer", name="Ann"))
            answer = network.behind(await do("answer", name="Ann", sdp=offer))
            await do("accept", name="Ann", sdp=answer)
            ann = await received(stage, observed, "Ann")
            await heard_and_seen(observed, ann)
            seen, began = len(observed.pictures_of(ann)), asyncio.get_running_loop().time()
            await heard_and_seen(observed, ann, more=120)
            rate = (len(observed.pictures_of(ann)) - seen) / (asyncio.get_running_loop().time() - began)
        network.close()
        assert_is(observed, ann, "Ann", last=120)
        assert rate > 15

    run(go, within=90)


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


def test_a_page_that_does_not_let_the_bot_in_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never joining, refusing, no answer, none in time, and an error are UnreadableInput, each with its sentence."""
    monkeypatch.setattr("recorder.call.browser.page._OPENED_S", 1.0)

    async def go() -> None:
        async with fake_meeting() as meeting:
            short = BrowserLimits(join_s=2)
            for state, sentence in (("joining", "in time"), ("refused", "refuses")):
                kept_out = BrowserSource(f"{meeting.url}?state={state}", adapter=ADAPTER, limits=short)
                with pytest.raises(UnreadableInput, match=sentence):
                    await kept_out.run(ObservedCall())
            async with silent_server() as silent:
                for url, sentence in (
                    ("http://127.0.0.1:9/", "no answer"),
                    (silent, "no answer"),
                    (f"{meeting.url}absent/404", "HTTP 404"),
                ):
                    with pytest.raises(UnreadableInput, match=sentence):
                        await BrowserSource(url, limits=short).run(ObservedCall())

    run(go, within=60)


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """Take connections and say nothing; yield the address."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


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
