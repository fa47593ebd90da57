"""The built-in room, with participants over real connections within this machine."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.resources import files
from urllib.parse import urljoin

import aiohttp
import numpy as np
import pytest
from aiohttp import WSMsgType

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.state import ConsentBook
from recorder.call.room import source as room_module
from recorder.call.room.source import RoomLimits, RoomSource
from recorder.call.rtc.playback import LoopingAudio
from recorder.call.source import Answer, Ended, LiveKind
from redaction.errors import UnreadableInput
from redaction.policy import Policy
from samples.room_client import Guest, publish
from tests.recorder.call.contract import CallSourceContract, Stage
from tests.recorder.call.killed import in_process, in_room
from tests.recorder.call.observing import Obedient, running, sounds_like, tone
from tests.recorder.call.pushing import room_call

TEXTS = NoticeTexts.of(Policy())
VOICES = {"Ada": (440.0, 60), "Bob": (700.0, 120), "Cleo": (1000.0, 200)}


class TestRoomContract(CallSourceContract):
    """The built-in room keeps the contract of every way into a call."""

    def stage(self) -> AbstractAsyncContextManager[Stage]:
        """Return an empty call."""
        return room_call()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(within())


@asynccontextmanager
async def open_room(limits: RoomLimits | None = None) -> AsyncIterator[tuple[RoomSource, Obedient, str]]:
    source = RoomSource(TEXTS, limits=limits)
    session = Obedient(ConsentBook(Policy().consent, TEXTS))
    async with running(source, session):
        yield source, session, await source.url()


def guest(url: str, name: str) -> Guest:
    hertz, grey = VOICES[name]
    return Guest(url, name, video=[np.full((96, 128, 3), grey, np.uint8)], audio=tone(hertz), fps=10)


@asynccontextmanager
async def socket(url: str, **headers: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    named = {"Origin": url.rstrip("/")} | headers
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(urljoin(url, "/signals"), headers=named) as connection,
    ):
        yield connection


async def heard(connection: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, object]:
    async for frame in connection:
        message: dict[str, object] = json.loads(frame.data)
        if message["type"] == kind:
            return message
    raise AssertionError(f"the connection ended before {kind}")


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


# -- hostile -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ""},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_other_pages_cannot_connect(headers: dict[str, str]) -> None:
    """Without our own origin, or under a name that is not ours, no connection comes about."""

    async def test() -> None:
        async with open_room() as (_, session, url):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                async with socket(url, **headers):
                    pass
            assert caught.value.status in (403, 421)
            assert session.events == []

    run(test)


@pytest.mark.parametrize(
    "first",
    [
        "",
        "not json",
        "[]",
        '{"type":"join"}',
        '{"type":"answer","answer":"yes"}',
        '{"type":"join","name":"x","admin":true}',
        '{"type":"join","name":' + '"' + "x" * 300 + '"}',
        "[" * 4000,
    ],
)
def test_a_bad_first_message_ends_the_connection(first: str) -> None:
    """Who does not begin with a name is let go and was never there."""

    async def test() -> None:
        async with open_room() as (_, session, url), socket(url) as connection:
            await connection.send_str(first)
            frame = await connection.receive(timeout=5)
            assert frame.type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
            assert session.events == []

    run(test)


def test_who_never_says_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection without a name takes nobody's place and is closed after a while; one more than fit is refused."""
    monkeypatch.setattr(room_module, "_JOIN_TIMEOUT_S", 0.2)

    async def test() -> None:
        async with open_room(RoomLimits(people=1)) as (_, _, url), socket(url) as connection:
            async with Guest(url, "Ada") as ada:
                assert ada.id
                with pytest.raises(aiohttp.WSServerHandshakeError):  # the only place is taken
                    async with socket(url):
                        pass
            assert (await connection.receive(timeout=5)).type is WSMsgType.CLOSE

    run(test)


def test_huge_and_binary_messages() -> None:
    """A message over 4 KiB ends its sender's connection alone; binary and broken ones are dropped."""

    async def test() -> None:
        async with open_room() as (_, session, url), guest(url, "Ada") as ada, socket(url) as mallory:
            await mallory.send_json({"type": "join", "name": "Mallory"})
            await heard(mallory, "welcome")
            await mallory.send_bytes(b"\x00\xff")
            await mallory.send_str('{"type":"chat","text":7}')
            await mallory.send_str('{"type":"chat","text":"' + "x" * 100_000 + '"}')
            await session.until(lambda: len(session.here) == 1)
            await ada.say("still here")
            await ada.until(lambda: (ada.id, "still here") in ada.heard)
            assert session.lines == [(ada.id, "still here")]

    run(test)


def test_floods_are_bounded_and_a_no_gets_through() -> None:
    """Of a flood of chat a handful is passed on, a no in it counts, and the flooder is disconnected in the end."""

    async def test() -> None:
        limits = RoomLimits(strikes=300)
        async with open_room(limits) as (_, session, url), guest(url, "Bob") as bob, guest(url, "Ada") as ada:
            await ada.answer(Answer.YES)
            await ada.until(lambda: ada.recorded)
            for number in range(250):
                await ada.say(f"spam {number}")
            await ada.say("/record no")
            await ada.until(lambda: not ada.recorded)
            assert session.stored == set()
            for number in range(200):
                await ada.say(f"spam {number}")
            await session.until(lambda: ada.id not in session.here)
            assert len(session.lines) < 40
            assert len([line for line in bob.heard if line[0] == ada.id]) < 40
            await bob.say("calm")
            await bob.until(lambda: (bob.id, "calm") in bob.heard)

    run(test)


def test_fifty_join_at_once() -> None:
    """Fifty participants who join at the same moment are all there, were told, and can answer."""

    async def test() -> None:
        async with open_room() as (source, session, url), AsyncExitStack() as stack:
            guests = await asyncio.gather(
                *(stack.enter_async_context(Guest(url, f"Guest {number}")) for number in range(50))
            )
            assert len(session.here) == len({one.id for one in guests}) == 50
            for second in range(1, 5):
                for notice in session.book.tick(1000.0 + second).notices:
                    await source.notify(notice.text, to=notice.to)
            for one in guests:
                await one.until(lambda one=one: ("recorder", TEXTS.asking) in one.heard)  # type: ignore[misc]
                await one.answer(Answer.YES)
            await session.until(lambda: len(session.wanted) == 50)
            with pytest.raises(UnreadableInput):
                async with AsyncExitStack() as more:
                    for number in range(20):
                        await more.enter_async_context(Guest(url, f"Late {number}"))

    run(test)


def test_the_call_goes_on_whatever_others_send(capfd: pytest.CaptureFixture[str]) -> None:
    """While others push without leave, send giant, broken and endless things and join by the dozen, a participant who
    agreed is received without a hole, and nothing of it all is printed."""
    marker = "<script>hostile\u202e"

    async def test() -> None:
        async with (
            open_room() as (_, session, url),
            guest(url, "Ada") as ada,
            aiohttp.ClientSession() as http,
            AsyncExitStack() as stack,
        ):
            await ada.answer(Answer.YES)
            await ada.send()
            await session.until(lambda: len(session.started) == 2)
            began, had = time.monotonic(), len(session.heard(ada.id))
            mallory = await stack.enter_async_context(Guest(url, marker))
            offers = ["", "v=0", marker, "v=0\r\n" * 9000, "m=video 9 X 99\r\n" * 500, "\x00" * 4000]
            for secret in ("", "guessed-secret-of-somebody", mallory.token):
                for offer in offers:
                    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/sdp"}
                    async with http.post(urljoin(url, "/whip"), data=offer, headers=headers) as answer:
                        assert answer.status in (
                            (400, 413, 422, 429) if secret == mallory.token else (401, 413)
                        )
            for _ in range(12):
                async with socket(url) as other:
                    await other.send_str("x" * 100_000)
                async with socket(url) as other:
                    await other.send_bytes(b"\xff" * 1000)
                    await other.send_str('{"type":"join","name":' + "[" * 2000)
            for _ in range(150):
                await mallory.say(marker)
            for number in range(24):  # with those above fewer than `RoomLimits.joins`, however fast
                await stack.enter_async_context(Guest(url, f"{marker}{number}"))
            await asyncio.sleep(0.5)
            passed = time.monotonic() - began
            heard = (len(session.heard(ada.id)) - had) / 48_000
            assert heard > 0.97 * passed - 0.5
            assert ("lost", ada.id) not in session.events
            assert session.stored == session.wanted == {ada.id}

    run(test)
    observed = capfd.readouterr()
    assert "hostile" not in observed.out + observed.err
    assert "Traceback" not in observed.err


def test_names_are_cleaned() -> None:
    """Control characters, endless and empty names become one plain line; markup stays what it is, text."""

    async def test() -> None:
        async with open_room() as (_, session, url), AsyncExitStack() as stack:
            for name in ("<img src=x onerror=alert(1)>", "A\x00\u202e\nB", "", "x" * 200):
                await stack.enter_async_context(Guest(url, name))
            assert sorted(session.names.values()) == sorted(
                ["<img src=x onerror=alert(1)>", "A B", "Guest", "x" * 64]
            )

    run(test)


def test_media_needs_the_secret_of_its_connection() -> None:
    """A push without a secret, with an id for one, or with that of somebody who has left is refused with 401."""

    async def test() -> None:
        async with open_room() as (_, session, url), aiohttp.ClientSession() as http:
            async with guest(url, "Ada") as ada:
                secret = ada.token
                tries = ["", ada.id, secret[:-1], "x" * 43]
            await session.until(lambda: not session.here)
            for token in (*tries, secret):
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
                async with http.post(urljoin(url, "/whip"), data=b"v=0", headers=headers) as answer:
                    assert answer.status == 401

    run(test)


def test_a_second_session_takes_the_first_ones_place() -> None:
    """Who pushes again, as after a reload, is still one participant with one track of a kind."""

    async def test() -> None:
        async with (
            open_room() as (_, session, url),
            guest(url, "Ada") as ada,
            aiohttp.ClientSession() as http,
        ):
            await ada.answer(Answer.YES)
            await ada.send()
            await session.until(lambda: len(session.started) == 2)
            again, _ = await publish(
                http,
                urljoin(url, "/whip"),
                token=ada.token,
                tracks=[LoopingAudio(tone(880))],
                host_addresses=["127.0.0.1"],
            )
            await session.until(lambda: len(session.started) == 3)
            assert len(session.ended) == 2
            assert [key.number for key in session.started if key.kind is LiveKind.MICROPHONE] == [1, 2]
            await again.close()

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


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_needs_nothing_from_elsewhere() -> None:
    """Page, script and style come from this server alone, hold no inline code, and the policy forbids the rest."""

    async def test() -> None:
        async with open_room() as (_, _, url), aiohttp.ClientSession() as http:
            for path, kind in (
                ("/", "text/html"),
                ("/room.js", "text/javascript"),
                ("/room.css", "text/css"),
            ):
                async with http.get(urljoin(url, path)) as answer:
                    assert answer.status == 200
                    assert answer.content_type == kind
                    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
                    text = await answer.text()
                    assert "http://" not in text
                    assert "https://" not in text
                    assert "innerHTML" not in text
            async with http.get(urljoin(url, "/notice")) as answer:
                notice = await answer.json()
                assert "90 days" in notice["what"]
                assert "under 18" in notice["young"]
                assert notice["spoken"] is False
            async with http.get(urljoin(url, "/notice.wav")) as answer:
                assert answer.status == 404
            async with http.get(urljoin(url, "/..%2froom.py")) as answer:
                assert answer.status == 404

    run(test)


def test_the_page_has_no_inline_code() -> None:
    """The page would work under its own content policy: no inline script, style or handler."""
    html = files("recorder.call.room").joinpath("page", "index.html").read_text("utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", html) == []
    assert "<style" not in html
    assert re.findall(r"\son\w+=|\sstyle=", html) == []
