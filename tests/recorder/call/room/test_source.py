"""The built-in room, with participants over real connections within this machine."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from urllib.parse import urljoin

import aiohttp
import numpy as np
import pytest

from recorder.call.consent.state import ConsentBook
from recorder.call.room import source as room_module
from recorder.call.room.source import RoomSource
from recorder.call.source import Answer, Ended, LiveKind
from redaction.policy import Policy
from tests.recorder.call.contract import CallSourceContract, Stage
from tests.recorder.call.killed import in_process, in_room
from tests.recorder.call.observing import Obedient, sounds_like
from tests.recorder.call.pushing import room_call
from tests.recorder.call.room.guests import TEXTS, VOICES, guest, heard, open_room, run, socket


class TestRoomContract(CallSourceContract):
    """The built-in room keeps the contract of every way into a call."""

    def stage(self) -> AbstractAsyncContextManager[Stage]:
        """Return an empty call."""
        return room_call()


# -- consent over real connections -------------------------------------------------------------------------------------


def test_nothing_is_decoded_without_a_yes() -> None:
    """A participant who sends but has not answered, or refused, is never decoded; a yes begins, a no ends it."""

    async def test() -> None:
        async with open_room() as (_, session, url), guest(url, "Ada") as ada:
            await ada.send()
            await asyncio.sleep(0.6)
            assert session.amount(ada.id) == 0
            await ada.answer(Answer.NO)
            await asyncio.sleep(0.4)
            assert session.amount(ada.id) == 0
            assert session.started == []
            await ada.answer(Answer.YES)
            await ada.until(lambda: ada.recorded)
            await session.until(lambda: len(session.bright) == 1 and len(session.heard(ada.id)) > 9600)
            await ada.say("/record no")
            await ada.until(lambda: not ada.recorded)
            amount = session.amount(ada.id)
            await asyncio.sleep(0.5)
            assert session.amount(ada.id) == amount
            assert set(session.ended) == set(session.started)
            assert session.stored == set()

    run(test)


def test_every_frame_and_sample_has_its_owner() -> None:
    """Three participants at once, one leaving and coming back: each tone and picture is its owner's alone."""

    async def test() -> None:
        async with open_room() as (_, session, url), AsyncExitStack() as stack:
            guests = {name: await stack.enter_async_context(guest(url, name)) for name in VOICES}
            for one in guests.values():
                await one.answer(Answer.YES)
                await one.send()
            await session.until(lambda: all(len(session.heard(one.id)) > 40_000 for one in guests.values()))
            await guests["Ada"].leave()
            await session.until(lambda: guests["Ada"].id not in session.here)
            again = await stack.enter_async_context(guest(url, "Ada"))
            await again.send()
            await asyncio.sleep(0.5)
            assert session.amount(again.id) == 0, "who comes back is another participant, and silent"
            for name, one in guests.items():
                hertz, grey = VOICES[name]
                assert sounds_like(session.heard(one.id), hertz)
                (bright,) = (
                    values
                    for key, values in session.bright.items()
                    if key.participant == one.id and key.kind is LiveKind.CAMERA
                )
                assert abs(np.median(bright) - grey) < 8

    run(test)


def test_the_notice_is_posted_and_commands_are_private() -> None:
    """Newcomers get the notice; talk is shown to all, a command and its answer to nobody else."""

    async def test() -> None:
        async with open_room() as (_, _, url), guest(url, "Ada") as ada, guest(url, "Bob") as bob:
            await ada.until(lambda: ("recorder", TEXTS.asking) in ada.heard)
            await ada.say("/record no")
            await ada.say("/record nonsense")
            await ada.say("  hello <b>all</b>\u202e\n")
            await bob.until(lambda: (ada.id, "hello <b>all</b>") in bob.heard)
            await ada.until(lambda: ("recorder", TEXTS.refused) in ada.heard)
            assert [text for sender, text in bob.heard if sender == ada.id] == ["hello <b>all</b>"]
            assert TEXTS.refused not in [text for _, text in bob.heard]

    run(test)


def test_an_answer_counts_for_its_connection() -> None:
    """Whoever claims another's id or name in a message moves nobody, or themselves alone."""

    async def test() -> None:
        async with open_room() as (_, session, url), guest(url, "Ada") as ada, socket(url) as mallory:
            await mallory.send_json({"type": "join", "name": "Ada"})
            me = await heard(mallory, "welcome")
            await mallory.send_json({"type": "answer", "answer": "yes", "id": ada.id})
            await mallory.send_json({"type": "join", "name": "Ada", "id": ada.id})
            await mallory.send_json({"type": "chat", "text": f"{ada.id}: /record yes"})
            await mallory.send_json({"type": "answer", "answer": "yes"})
            await session.until(lambda: bool(session.answers))
            assert [who for who, _, _ in session.answers] == [me["id"]]
            assert session.wanted == {me["id"]}
            assert ada.id not in session.wanted

    run(test)


def test_a_ticked_box_declares_an_adult() -> None:
    """A yes with the box ticked declares its own sender an adult before it is taken; one without declares nothing."""

    async def test() -> None:
        ids: list[str] = []
        async with open_room() as (_, session, url), socket(url) as ada, socket(url) as bob:
            for page, name, said in ((ada, "Ada", {"adult": True}), (bob, "Bob", {})):
                await page.send_json({"type": "join", "name": name})
                me = await heard(page, "welcome")
                await page.send_json({"type": "answer", "answer": "yes", **said})
                ids.append(str(me["id"]))
                await session.until(lambda: set(ids) == session.wanted)
            assert session.ages == [(ids[0], True)]

    run(test)


# -- leaving -----------------------------------------------------------------------------------------------------------


def test_a_lost_connection_is_a_leave() -> None:
    """A participant whose connection breaks without a word has left, and their media with them."""

    async def test() -> None:
        async with open_room() as (_, session, url):
            ada = await guest(url, "Ada").__aenter__()
            await ada.answer(Answer.YES)
            await ada.send()
            await session.until(lambda: len(session.started) == 2)
            await ada._stack.aclose()  # the socket goes, the media would go on
            await session.until(lambda: not session.here)
            amount = session.amount(ada.id)
            await asyncio.sleep(0.3)
            assert session.amount(ada.id) == amount
            assert len(session.ended) == 2
            await ada.leave()

    run(test)


def test_a_participants_process_that_is_killed_is_a_leave() -> None:
    """After SIGKILL of one participant's browser they have left and their tracks have ended; the others' go on."""

    async def test() -> None:
        async with open_room() as (_, session, url), guest(url, "Bob") as bob:
            await bob.answer(Answer.YES)
            await bob.send()
            with in_process(in_room, url, "Ada") as process:
                await session.until(lambda: len(session.started) == 4, 30)
                (ada,) = session.here - {bob.id}
                process.kill()
                await session.until(lambda: session.here == {bob.id})
            assert {track.participant for track in session.ended} == {ada}
            amount = session.amount(bob.id)
            await session.until(lambda: session.amount(bob.id) > amount + 50)

    run(test)


def test_a_silent_connection_is_a_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who no longer answers the heartbeat, as behind a dead network, has left."""
    monkeypatch.setattr(room_module, "_HEARTBEAT_S", 0.4)

    async def test() -> None:
        async with open_room() as (_, session, url), aiohttp.ClientSession() as http:
            address, headers = urljoin(url, "/signals"), {"Origin": url.rstrip("/")}
            async with (
                http.ws_connect(address, headers=headers, autoping=False) as dead,
                guest(url, "Bob") as bob,
            ):
                await dead.send_json({"type": "join", "name": "Dead"})
                await session.until(lambda: len(session.here) == 2)
                await session.until(lambda: session.here == {bob.id})

    run(test)


def test_closing_tells_everybody() -> None:
    """When the room closes, participants are told, have left, and `run` returns that the call is over."""

    async def test() -> None:
        source = RoomSource(TEXTS)
        session = Obedient(ConsentBook(Policy().consent, TEXTS))
        call = asyncio.ensure_future(source.run(session))
        url = await source.url()
        async with guest(url, "Ada") as ada:
            await source.close()
            await ada.until(lambda: ada.over)
            async with asyncio.timeout(5):
                assert await call is Ended.OVER
            assert session.here == set()
            assert session.asking == [True, False]
        await source.close()

    run(test)
