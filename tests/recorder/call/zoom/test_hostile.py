"""What a server, or whoever poses as one, sends to a Zoom client: refusals, silence, garbage, floods, other hosts."""

from __future__ import annotations

import asyncio
import base64
import time
from pathlib import Path

import pytest
from aiohttp import web

import recorder.call.zoom.socket as socket_module
from recorder.call.source import Ended
from recorder.call.zoom.media import ZoomMeeting
from recorder.call.zoom.socket import ZoomHosts
from recorder.call.zoom.source import ZoomSource
from redaction.errors import UnreadableInput
from tests.recorder.call.contract import run
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.senders import middle_colour
from tests.recorder.call.zoom.test_source import PAUSES, called, source_of
from tests.recorder.call.zoom_server import CLIENT_ID, CLIENT_SECRET, MEETING, STREAM, h264_of, zoom_server


@pytest.mark.parametrize(
    ("status", "word"),
    [(3, "signature"), (2, "does not know the stream"), (8, "Another client"), (45, "status 45")],
)
def test_a_refused_handshake_says_why(tmp_path: Path, status: int, word: str) -> None:
    """What the server answers to a handshake is told in plain words, without the secret."""

    async def go() -> None:
        async with zoom_server(tmp_path) as (server, certificate):
            server.refuse = status
            with pytest.raises(UnreadableInput) as refused:
                await source_of(server, certificate).run(ObservedCall())
            assert word in refused.value.sentence
            assert CLIENT_SECRET not in refused.value.sentence
            assert server.handshakes == 1

    run(go)


def test_a_wrong_secret_gets_no_media(tmp_path: Path) -> None:
    """A client that signs with another secret is refused by the server, and says so."""

    async def go() -> None:
        async with zoom_server(tmp_path) as (server, certificate):
            meeting = ZoomMeeting(MEETING, STREAM, (f"{server.url}/signaling",), CLIENT_ID, "another secret")
            source = ZoomSource(meeting, hosts=ZoomHosts(("localhost",), certificate), pauses=PAUSES)
            with pytest.raises(UnreadableInput, match="signature"):
                await source.run(ObservedCall())
            assert server.medias == []

    run(go)


@pytest.mark.parametrize("closes", [True, False])
def test_a_server_that_says_nothing(tmp_path: Path, closes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is closed in good order before any answer names its likely causes; silence is an outage."""
    monkeypatch.setattr(socket_module, "CONNECT_S", 0.5)

    async def closing(socket: web.WebSocketResponse) -> None:
        await (socket.close() if closes else asyncio.sleep(2))

    async def go() -> None:
        async with zoom_server(tmp_path) as (server, certificate):
            server.on_signal = closing
            with pytest.raises(
                UnreadableInput, match="before anybody was there" if closes else "cannot be reached"
            ):
                await source_of(server, certificate).run(ObservedCall())

    run(go)


def test_only_named_hosts_over_tls(tmp_path: Path) -> None:
    """Neither a host that is not named, nor one without TLS or with another certificate, is spoken to."""

    async def go() -> None:
        async with zoom_server(tmp_path) as (server, certificate):
            plain = server.url.replace("wss:", "ws:")
            for urls, hosts, trusted in [
                ((f"{server.url}/signaling",), ("zoom.us",), certificate),
                ((f"{plain}/signaling",), ("localhost",), certificate),
                ((f"{server.url}/signaling",), ("localhost",), None),
            ]:
                meeting = ZoomMeeting(MEETING, STREAM, urls, CLIENT_ID, CLIENT_SECRET)
                source = ZoomSource(meeting, hosts=ZoomHosts(hosts, trusted), pauses=(0.05,))
                with pytest.raises(UnreadableInput, match="cannot be reached"):
                    await source.run(ObservedCall())
            assert server.said == []

    run(go)


@pytest.mark.parametrize(
    ("servers", "word"),
    [({}, "scopes"), ({"all": "wss://media.example.com/x"}, "outside the domains"), ({"audio": 7}, "scopes")],
)
def test_media_that_cannot_be_had(tmp_path: Path, servers: dict[str, object], word: str) -> None:
    """Media servers elsewhere are not connected to, and that there is no media is told at once."""

    async def elsewhere(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await socket.send_json({"msg_type": 2, "status_code": 0, "media_server": {"server_urls": servers}})
        await asyncio.sleep(2)

    async def go() -> None:
        async with zoom_server(tmp_path) as (server, certificate):
            server.on_signal = elsewhere
            with pytest.raises(UnreadableInput, match=word):
                await source_of(server, certificate).run(ObservedCall())

    run(go)


def test_a_server_that_closes_again_and_again(tmp_path: Path) -> None:
    """A server that answers and closes, each time and with nobody there, is given up with its likely causes."""

    async def closing(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        urls = {"all": "wss://localhost:9/media"}
        await socket.send_json({"msg_type": 2, "status_code": 0, "media_server": {"server_urls": urls}})
        await socket.close()

    async def go() -> None:
        async with zoom_server(tmp_path) as (server, certificate):
            server.on_signal = closing
            with pytest.raises(UnreadableInput, match="before anybody was there"):
                await source_of(server, certificate).run(ObservedCall())

    run(go)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("wss://rtms1.zoom.us:443/x", True),
        ("wss://zoom.us/x", True),
        ("ws://zoom.us/x", False),
        ("https://zoom.us/x", False),
        ("wss://zoom.us.example.com/x", False),
        ("wss://evilzoom.us/x", False),
        ("wss://zoom.us@example.com/x", False),
        ("wss://user@zoom.us/x", False),
        ("wss://[::1/x", False),
        ("wss://zoom.us:99999/x", False),
        ("", False),
    ],
)
def test_hosts(url: str, allowed: bool) -> None:
    """A host is a named domain or below it, over wss, without a user name."""
    assert ZoomHosts().allows(url) is allowed


GARBAGE: tuple[object, ...] = (
    "", "{", "[]", "null", "42", '"text"', "[" * 50_000, '{"msg_type": true}', '{"msg_type": 1e999}', b"\x00\xff",
    '{"msg_type": ' + "9" * 5000 + "}", {"msg_type": 6}, {"msg_type": 6, "event": []},
    {"msg_type": 6, "event": {"event_type": 3, "participants": 7}},
    {"msg_type": 6, "event": {"event_type": 3, "participants": [None, {}, {"user_id": -1}, {"user_id": "x" * 9000}]}},
    {"msg_type": 6, "event": {"event_type": 3, "participants": [{"user_id": 0, "user_name": "Nobody"}]}},
    {"msg_type": 6, "event": {"event_type": "3", "user_id": {"a": 1}}},
    {"msg_type": 8}, {"msg_type": 8, "state": "4"}, {"msg_type": 9, "state": 3}, {"msg_type": 9, "rtms_session_id": 1},
    {"msg_type": 12}, {"msg_type": 12, "timestamp": "now"}, {"msg_type": 29, "status_code": 44}, {"msg_type": 2},
    {"msg_type": 14, "content": 1}, {"msg_type": 15, "content": {"user_id": 1, "data": 7}}, {"msg_type": 99},
)  # fmt: skip


def test_garbage_changes_nothing(tmp_path: Path) -> None:
    """Whatever is no message, or one that fits nowhere, is thrown away on every connection; the call goes on."""

    async def go() -> None:
        async with called(tmp_path) as call:
            user, who = await call.admitted("Ann")
            await until(lambda: call.heard(who) > 3)
            mine = {"user_id": user, "user_name": "Ann", "timestamp": int(time.time() * 1000)}
            bad = [
                {"msg_type": kind, "content": {**mine, **content}}
                for kind in (14, 15, 16)
                for content in (
                    {"data": "not base64!"}, {"data": "QUJD"}, {"data": ""}, {"data": "A" * 400_000},
                    {"data": "QUJD", "timestamp": -1}, {"data": "QUJD", "timestamp": 1e300},
                    {"data": "QUJD", "timestamp": [1]}, {"data": "QUJDRA==", "user_name": 7},
                )
            ]  # fmt: skip
            for message in [*GARBAGE, *bad]:
                if message in GARBAGE:
                    await call.server.signal_says(message)
                for kind in (1, 2, 4, 16):
                    await call.server.media_says(message, kind)
            heard, seen = call.heard(who), call.seen(who)
            await until(lambda: call.heard(who) > heard + 10 and call.seen(who) > seen + 5)
            assert set(call.observed.people.values()) == {"Ann"}
            assert call.server.handshakes == 1

    run(go)


def test_messages_out_of_order(tmp_path: Path) -> None:
    """Events and media before the handshake's answer are thrown away, and numbers out of sequence mean nothing."""

    async def early(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await socket.send_json({"msg_type": 6, "event": {"event_type": 3, "participants": [{"user_id": 5}]}})
        await socket.send_json({"msg_type": 14, "content": {"user_id": 5, "data": "QUJD"}})
        urls = {"all": "wss://localhost:9/media"}
        answer = {"msg_type": 2, "sequence": -7, "status_code": 0, "media_server": {"server_urls": urls}}
        await socket.send_json(answer)
        await socket.send_json({"msg_type": 2, "sequence": 3, "status_code": 3})
        await socket.send_json(
            {"msg_type": 6, "event": {"event_type": 3, "participants": [{"user_id": 6, "user_name": "Six"}]}}
        )
        await asyncio.sleep(5)

    async def go() -> None:
        async with zoom_server(tmp_path) as (server, certificate):
            server.on_signal = early
            observed = ObservedCall()
            source = source_of(server, certificate)
            task = asyncio.create_task(source.run(observed))
            await until(lambda: observed.people)
            assert observed.people == {"6": "Six"}
            await source.close()
            assert await task is Ended.OVER

    run(go)


def test_floods_are_bounded(tmp_path: Path) -> None:
    """Thousands of strangers, names, keep-alives and messages cost no memory, keep nobody waiting and end nothing."""

    async def go() -> None:
        async with called(tmp_path) as call:
            _, who = await call.admitted("Ann")
            await until(lambda: call.heard(who) > 3)
            for batch in range(30):
                strangers = [
                    {"user_id": 10_000 + batch * 100 + n, "user_name": f"S{batch}.{n}"} for n in range(100)
                ]
                await call.server.signal_says(
                    {"msg_type": 6, "event": {"event_type": 3, "participants": strangers}}
                )
            await until(lambda: len(call.observed.people) >= 1000)
            longest, before = 0.0, time.monotonic()
            for _ in range(300):
                await call.server.signal_says({"msg_type": 12, "timestamp": 1})
                await call.server.signal_says({"msg_type": 99, "junk": "x" * 5000})
                await asyncio.sleep(0)
                longest, before = max(longest, time.monotonic() - before), time.monotonic()
            assert len(call.observed.people) == 1000
            heard = call.heard(who)
            await until(lambda: call.heard(who) > heard + 10)
            assert longest < 5.0
            await call.server.signal_says("x" * 600_000)
            await until(lambda: call.server.handshakes == 2)

    run(go)


def test_a_picture_without_an_owner_is_dropped(tmp_path: Path) -> None:
    """Video that names nobody, and video of another than was asked for, is taken as nobody's."""

    async def go() -> None:
        async with called(tmp_path) as call:
            ann, who = await call.admitted("Ann")
            _, other = await call.admitted("Ben", hertz=880, colour=(160, 200, 60))
            await until(lambda: call.seen(who) > 5)
            data = base64.b64encode(h264_of((160, 200, 60))[0]).decode()
            for content in ({}, {"user_id": 0}, {"user_id": int(other), "user_name": "Ben"}):
                message = {
                    "msg_type": 15,
                    "content": {"data": data, "timestamp": int(time.time() * 1000), **content},
                }
                await call.server.media_says(message, 2)
            await asyncio.sleep(0.5)
            assert call.seen(other) == 0
            assert {middle_colour(p.frame)[0] for p in call.observed.pictures_of(who)} <= set(range(84, 97))
            assert call.server.asked_video == [ann]

    run(go)
