"""A browser as the bot, on pages that nobody here wrote: Debian's janus-demos on a real Janus, with real browsers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from recorder.call.browser.source import BrowserSource
from tests.e2e.browser import CHROMIUM, Page, browser, write_camera, write_microphone
from tests.e2e.janus_demos import DEMOS, PAGES, demo_pages, demo_url, enter_demo
from tests.e2e.janus_room import JanusServer, Publisher, unreachable
from tests.e2e.test_janus import assert_owner, janus, studio
from tests.recorder.call.contract import recorded, run
from tests.recorder.call.observed import ObservedCall, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(unreachable()), reason=unreachable() or "-"),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not DEMOS.is_dir(), reason="Debian's janus-demos is not installed"),
]
PEOPLE = {"Ann": (60, 400.0), "Ben": (190, 900.0)}


class BrowserBot:
    """The bot, in a browser."""

    def __init__(self, url: str) -> None:
        self.source = BrowserSource(url)

    async def enter(self, name: str, *, hertz: int, colour: tuple[int, int, int]) -> None:
        """Not used: people here come from elsewhere."""

    async def leave(self, name: str) -> None:
        """Not used."""

    async def receive(self, observed: ObservedCall, name: str) -> str:
        """Receive somebody once they are told of."""
        await until(lambda: name in observed.people.values(), within=30)
        participant = observed.who(name)
        observed.received.add(participant)
        await self.source.receive(participant, True)
        return participant


async def _enter(stack: AsyncExitStack, url: str, folder: Path, name: str) -> Page:
    grey, hertz = PEOPLE[name]
    (folder / name).mkdir()
    page = await stack.enter_async_context(
        browser(
            url,
            folder / name,
            camera=write_camera(folder / f"{name}.mjpeg", grey),
            microphone=write_microphone(folder / f"{name}.wav", hertz),
        )
    )
    await enter_demo(page, name)
    return page


@asynccontextmanager
async def _joined(server: JanusServer, name: str, hertz: int, luma: int) -> AsyncIterator[None]:
    """Let somebody be in the room for a block."""
    publisher = Publisher(server)
    await publisher.join(name, hertz, (luma, 120, 120))
    alive = asyncio.create_task(publisher.stay())
    try:
        yield
    finally:
        alive.cancel()
        await asyncio.wait([alive])
        await publisher.leave()


def much(observed: ObservedCall, participant: str, pictures: int = 30) -> bool:
    """Tell whether enough of somebody has come."""
    return (
        len(observed.pictures_of(participant)) > pictures
        and len(observed.sounds_of(participant)) > 3 * pictures
    )


def test_one_connection_for_everybody_and_each_is_themselves(tmp_path: Path) -> None:
    """One connection for everybody, with lines that are used again: each frame and sample is its owner's.

    Ben refuses and leaves nothing; Cy goes, Dee takes her lines; the bot is seen by the others; they see it leave.
    """

    async def go() -> None:
        observed = ObservedCall()
        async with AsyncExitStack() as stack:
            (tmp_path / "janus").mkdir()
            server = await stack.enter_async_context(janus(tmp_path / "janus"))
            url = demo_url(await stack.enter_async_context(demo_pages(server)), "mvideoroomtest.html")
            ann = await _enter(stack, url, tmp_path, "Ann")
            grey, hertz = PEOPLE["Ben"]
            await stack.enter_async_context(_joined(server, "Ben", round(hertz), grey))
            stage = BrowserBot(url)
            who: dict[str, str] = {}
            async with recorded(stage, observed):
                async with _joined(server, "Cy", 1500, 120):
                    for name in ("Ann", "Cy"):
                        who[name] = await stage.receive(observed, name)
                    for participant in who.values():
                        await until(partial(much, observed, participant), within=30)
                    shown = "document.body.innerText.includes('Recorderbotrecording')"
                    await ann.until(shown)
                    seen = "[...document.querySelectorAll('video')].some((v) => v.videoWidth === 320)"
                    assert await ann.evaluate(seen)
                await until(lambda: "Cy" not in observed.people.values())
                async with _joined(server, "Dee", 600, 220):
                    who["Dee"] = await stage.receive(observed, "Dee")
                    for name in ("Dee", "Ann"):
                        more = len(observed.pictures_of(who[name])) + 30
                        await until(partial(much, observed, who[name], more), within=30)
                assert "Ben" in observed.people.values()
                assert {track.participant for track in (*observed.pictures, *observed.sounds)} == set(
                    who.values()
                )
                assert observed.asks == [False]  # this page has no chat
            await ann.until(f"!{shown}")
        assert_owner(observed, who["Ann"], hertz=PEOPLE["Ann"][1], luma=studio(PEOPLE["Ann"][0]))
        assert_owner(observed, who["Cy"], hertz=1500, luma=120)
        assert_owner(observed, who["Dee"], hertz=600, luma=220)

    run(go, within=150)


@pytest.mark.parametrize("page", PAGES)
def test_a_killed_janus_is_joined_again(tmp_path: Path, page: str) -> None:
    """On each of the two pages: SIGKILL of the server ends everything, and when it is back so are the people."""

    async def go() -> None:
        observed = ObservedCall()
        async with janus(tmp_path) as server, demo_pages(server) as pages:
            stage = BrowserBot(demo_url(pages, page))
            async with recorded(stage, observed):
                async with _joined(server, "Ann", 500, 200):
                    await until(partial(much, observed, await stage.receive(observed, "Ann")), within=30)
                    await server.kill()
                    await until(lambda: not observed.people, within=40)
                    assert observed.open == set()
                await server.start()
                async with _joined(server, "Ann", 500, 200):
                    who = await stage.receive(observed, "Ann")
                    await until(partial(much, observed, who), within=30)
        assert_owner(observed, who, hertz=500, luma=200, skip=0)

    run(go, within=120)
