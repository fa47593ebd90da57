"""A real Janus VideoRoom with real browsers: every frame and every sample is its owner's, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from recorder.call.janus.source import JanusSource
from recorder.call.source import LiveKind, TrackKey
from redaction.errors import UnreadableInput
from redaction.model import Samples
from tests.e2e.browser import CHROMIUM, Page, browser, write_camera, write_microphone
from tests.e2e.janus_room import ROOM, JanusServer, Publisher, call, page_server, unreachable
from tests.recorder.call.contract import recorded, run
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.senders import middle_colour, pitch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(unreachable()), reason=unreachable() or "-"),
]


class _Stage:
    def __init__(self, server: JanusServer, **options: object) -> None:
        self.server = server
        self.source = JanusSource(f"janus+ws://127.0.0.1:{server.port}/{ROOM}", **options)  # type: ignore[arg-type]

    async def enter(self, name: str, *, hertz: int, colour: tuple[int, int, int]) -> None:
        """Not used: people here come from elsewhere."""

    async def leave(self, name: str) -> None:
        """Not used."""

    async def receive(self, observed: ObservedCall, participant: str) -> None:
        """Receive somebody once they are told of."""
        await until(lambda: participant in observed.people)
        observed.received.add(participant)
        await self.source.receive(participant, True)


@asynccontextmanager
async def janus(folder: Path, *, pin: str | None = None) -> AsyncIterator[JanusServer]:
    """Run a server."""
    server = JanusServer(folder, pin=pin)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


def loud(blocks: Iterable[Samples], *, length: int = 9600) -> list[float]:
    """Return the pitch of every 0.2 s that is not silent."""
    joined = np.concatenate([np.zeros(0, np.float32), *blocks])
    windows = [joined[at : at + length] for at in range(0, len(joined) - length, length)]
    return [pitch(window, 48000) for window in windows if np.abs(window).max() > 0.02]


def assert_owner(observed: ObservedCall, participant: str, *, hertz: float, luma: int, skip: int = 8) -> None:
    """Hold every picture and every fifth of a second of somebody's sound against who they are.

    The first pictures of a browser may still be coarse, and a fifth of a second in which sound begins holds its click.
    """
    pictures = [
        p for key, seen in observed.pictures.items() if key.participant == participant for p in seen[skip:]
    ]
    assert pictures
    lumas = [middle_colour(p.frame)[0] for p in pictures]
    assert all(abs(found - luma) < 14 for found in lumas), (min(lumas), max(lumas), luma)
    heard = [
        pitched
        for key, blocks in observed.sounds.items()
        if key.participant == participant
        for pitched in loud(block.samples for block in blocks[10:])
    ]
    assert len(heard) > 5
    assert sum(abs(found - hertz) < 15 for found in heard) >= 0.97 * len(heard), heard


def studio(grey: int) -> int:
    """Return the luma of a grey picture as a camera file of Chromium's comes out."""
    return round(16 + grey * 219 / 255)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_two_browsers_and_a_third_are_themselves_throughout(tmp_path: Path) -> None:
    """Joining, renaming, muting, resizing, chat, leaving and coming back: no frame or sample is another's."""

    async def go() -> None:
        observed = ObservedCall()
        people = {"Ann": (60, 400.0, "VP8"), "Ben": (190, 900.0, "H264")}
        for name, (grey, hertz, _) in people.items():
            write_camera(tmp_path / f"{name}.mjpeg", grey)
            write_microphone(tmp_path / f"{name}.wav", hertz)
            (tmp_path / name).mkdir()
        (tmp_path / "janus").mkdir()
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(janus(tmp_path / "janus"))
            url = await stack.enter_async_context(page_server())
            pages: dict[str, Page] = {}
            for name in people:
                pages[name] = await stack.enter_async_context(
                    browser(
                        url,
                        tmp_path / name,
                        camera=tmp_path / f"{name}.mjpeg",
                        microphone=tmp_path / f"{name}.wav",
                    )
                )
            stage = _Stage(server)
            async with recorded(stage, observed):
                ann, ben = [
                    str(await pages[name].evaluate(call("join", server.url, ROOM, name, codec, True)))
                    for name, (_, _, codec) in people.items()
                ]
                cy = Publisher(server)
                await cy.join("Cy", 1500, (120, 60, 60))
                for participant in (ann, ben, cy.id):
                    await stage.receive(observed, participant)
                for participant in (ann, ben, cy.id):
                    await until(lambda p=participant: len(observed.pictures_of(p)) > 30, within=20)  # type: ignore[misc]
                assert observed.people == {ann: "Ann", ben: "Ben", cy.id: "Cy"}

                await until(lambda: observed.asks == [True])
                await pages["Ann"].evaluate(call("say", ROOM, "/record yes"))
                await until(lambda: observed.chats == [(ann, "/record yes")])
                assert await stage.source.notify("for all")
                assert await stage.source.notify("for Ben", to=ben)
                await pages["Ben"].until("person.heard.length === 3")
                assert await pages["Ben"].evaluate("person.heard") == ["/record yes", "for all", "for Ben"]
                assert await pages["Ann"].evaluate("person.heard.includes('for Ben')") is False

                await pages["Ben"].evaluate(call("rename", "Ben [no-rec]"))
                await until(lambda: observed.names == [(ben, "Ben [no-rec]")])

                await pages["Ben"].evaluate(call("mute", "audio", True))
                await pages["Ann"].evaluate(call("shrink", 2))
                await until(lambda: observed.pictures_of(ann)[-1].frame.width == 160, within=15)
                assert observed.pictures_of(ann)[0].frame.width == 320
                await asyncio.sleep(0.5)
                quiet = observed.sounds_of(ben)[-10:]
                assert max(np.abs(block.samples).max() for block in quiet) < 0.01
                await pages["Ben"].evaluate(call("mute", "audio", False))

                await pages["Ann"].evaluate(call("leave"))
                await until(lambda: ann not in observed.people)
                await cy.leave()
                await until(lambda: cy.id not in observed.people)
                again = str(await pages["Ann"].evaluate(call("join", server.url, ROOM, "Ann", "VP8", False)))
                assert again != ann
                await stage.receive(observed, again)
                await until(
                    lambda: len(observed.pictures_of(again)) > 30 and len(observed.sounds_of(again)) > 100,
                    within=20,
                )
                before = len(observed.sounds_of(ben))
                await until(lambda: len(observed.sounds_of(ben)) > before + 50)

        for participant, name in ((ann, "Ann"), (again, "Ann"), (ben, "Ben")):
            grey, hertz, _ = people[name]
            assert_owner(observed, participant, hertz=hertz, luma=studio(grey))
        assert_owner(observed, cy.id, hertz=1500, luma=120)
        assert {key.number for key in observed.pictures} == {1}
        for blocks in observed.sounds.values():
            assert all(b.time >= a.time + len(a.samples) / 48000 - 1e-6 for a, b in pairwise(blocks))

    run(go, within=90)


def test_a_killed_and_restarted_janus_is_joined_again(tmp_path: Path) -> None:
    """SIGKILL ends every track and everybody leaves; after a restart they are joined and received as new tracks."""

    async def go() -> None:
        observed = ObservedCall()
        async with janus(tmp_path, pin="7788") as server:
            stage = _Stage(server, pin="7788")
            async with recorded(stage, observed):
                ann = Publisher(server)
                first = await ann.join("Ann", 500, (200, 120, 120), codec="H264", pin="7788")
                await stage.receive(observed, first)
                await until(
                    lambda: len(observed.pictures_of(first)) > 10 and len(observed.sounds_of(first)) > 40
                )
                await server.kill()
                await until(lambda: first not in observed.people)
                assert observed.open == set()
                assert observed.asks[-1] is False
                await ann.leave()
                await server.start()
                ann = Publisher(server)
                second = await ann.join("Ann", 500, (200, 120, 120), codec="H264", pin="7788")
                await until(lambda: second in observed.people, within=20)
                await stage.receive(observed, second)
                await until(
                    lambda: len(observed.pictures_of(second)) > 10 and len(observed.sounds_of(second)) > 100
                )
                await until(lambda: observed.asks[-1])
                await ann.leave()
        assert_owner(observed, second, hertz=500, luma=200, skip=0)

    run(go, within=60)


def test_a_wrong_pin_or_room_is_told(tmp_path: Path) -> None:
    """A room that is not there, and one that wants another PIN, are UnreadableInput."""

    async def go() -> None:
        async with janus(tmp_path, pin="7788") as server:
            with pytest.raises(UnreadableInput, match="PIN"):
                await _Stage(server, pin="1").source.run(ObservedCall())
            with pytest.raises(UnreadableInput, match="no such room"):
                await JanusSource(f"janus+ws://127.0.0.1:{server.port}/99").run(ObservedCall())

    run(go)


def test_the_bot_is_seen_and_heard_by_others(tmp_path: Path) -> None:
    """Another participant receives the bot's tile and, once, what it says."""

    async def go() -> None:
        observed = ObservedCall()
        said = (0.4 * np.sin(2 * np.pi * 600 * np.arange(4 * 48_000) / 48_000)).astype(np.float32)
        async with janus(tmp_path) as server:
            bot = _Stage(server, name="Recorder (recording)", spoken=said)
            other = _Stage(server, name="Other", tile=None)
            async with recorded(bot, ObservedCall()), recorded(other, observed):
                await until(lambda: observed.people)
                who = observed.who("Recorder (recording)")
                await other.receive(observed, who)
                await until(lambda: observed.pictures_of(who) and len(observed.sounds_of(who)) > 150)
                assert (
                    observed.pictures_of(who)[0].frame.width,
                    observed.pictures_of(who)[0].frame.height,
                ) == (
                    320,
                    180,
                )
                heard = loud(block.samples for block in observed.sounds_of(who))
                assert len(heard) > 3
                assert heard[1] == pytest.approx(600, abs=5)

    run(go)


def test_the_bot_is_seen_and_a_switched_off_stream_is_a_pause(tmp_path: Path) -> None:
    """Others see the bot's name and its tile; a stream that Janus no longer passes on is told as stalled."""

    async def go() -> None:
        observed = ObservedCall()
        async with janus(tmp_path) as server:
            stage = _Stage(server, name="Recorder (recording)")
            async with recorded(stage, observed):
                ann = Publisher(server)
                who = await ann.join("Ann", 500, (80, 120, 120))
                await stage.receive(observed, who)
                await until(lambda: len(observed.pictures_of(who)) > 5)
                seen = await ann.link.ask(ann.handle, {"request": "listparticipants", "room": ROOM})
                listed = seen.data.get("participants")
                assert isinstance(listed, list)
                assert {(p["display"], p["publisher"]) for p in listed} == {
                    ("Ann", True),
                    ("Recorder (recording)", True),
                }
                ann.tracks[1].still = True
                await asyncio.sleep(1.6)
                ann.tracks[1].still = False
                camera = TrackKey(who, LiveKind.CAMERA)
                await until(lambda: any(track == camera for track, *_ in observed.lost))
                ((_, start, end, reason),) = [lost for lost in observed.lost if lost[0] == camera]
                assert reason == "stalled"
                assert 1.3 < end - start < 3.0
                await ann.leave()

    run(go)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_wished_layer_of_a_simulcast_is_received(tmp_path: Path) -> None:
    """Of a browser that sends two sizes, the bot receives the one it asks for."""

    async def go() -> None:
        write_camera(tmp_path / "c.mjpeg", 100, width=640, height=360)
        write_microphone(tmp_path / "m.wav", 500)
        (tmp_path / "janus").mkdir()
        (tmp_path / "profile").mkdir()
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(janus(tmp_path / "janus"))
            url = await stack.enter_async_context(page_server())
            page = await stack.enter_async_context(
                browser(url, tmp_path / "profile", camera=tmp_path / "c.mjpeg", microphone=tmp_path / "m.wav")
            )
            who = str(await page.evaluate(call("join", server.url, ROOM, "Ann", "VP8", False, True)))
            for layer, width in ((0, 320), (2, 640)):
                observed = ObservedCall()
                stage = _Stage(server, layer=layer)
                async with recorded(stage, observed):
                    await stage.receive(observed, who)
                    await until(partial(_wide, observed, who, width), within=20)

    run(go, within=60)


def _wide(observed: ObservedCall, participant: str, width: int) -> bool:
    seen = observed.pictures_of(participant)
    return len(seen) > 20 and {p.frame.width for p in seen[-10:]} == {width}
