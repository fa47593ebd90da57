"""What hostile guests may do to the built-in room: nothing to others, and nothing without bounds."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from urllib.parse import urljoin

import aiohttp
import pytest
from aiohttp import WSMsgType

from recorder.call.room import source as room_module
from recorder.call.room.source import RoomLimits
from recorder.call.rtc.playback import LoopingAudio
from recorder.call.source import Answer, LiveKind
from redaction.errors import UnreadableInput
from samples.room_client import Guest, publish
from tests.recorder.call.observing import tone
from tests.recorder.call.room.guests import TEXTS, guest, heard, open_room, run, socket


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
