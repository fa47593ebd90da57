"""A Zoom meeting, staged by a server that speaks the documented protocol."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

import recorder.call.zoom.people as people_module
import recorder.call.zoom.socket as socket_module
import recorder.call.zoom.source as source_module
from recorder.call.source import Answer, CallSource, Ended, LiveKind, TrackKey
from recorder.call.zoom import pictures, tracks
from recorder.call.zoom.media import ZoomMeeting
from recorder.call.zoom.socket import ZoomHosts
from recorder.call.zoom.source import ZoomSource
from redaction.errors import UnreadableInput
from tests.recorder.call.contract import CallSourceContract, Stage, recorded, run
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.senders import middle_colour, pitch
from tests.recorder.call.zoom_server import (
    CLIENT_ID,
    CLIENT_SECRET,
    MEETING,
    RATE,
    STREAM,
    ZoomServer,
    h264_of,
    jpeg_of,
    signature_of,
    zoom_server,
)

PAUSES = (0.2, 0.4, 0.8)


def source_of(server: ZoomServer, certificate: Path, **more: object) -> ZoomSource:
    """Return a source that joins a test server's meeting."""
    meeting = ZoomMeeting(MEETING, STREAM, (f"{server.url}/signaling",), CLIENT_ID, CLIENT_SECRET)
    hosts = ZoomHosts(("localhost",), certificate)
    return ZoomSource(meeting, hosts=hosts, pauses=PAUSES, **{"notes": lambda _to, _text: True, **more})  # type: ignore[arg-type]


class _Stage:
    def __init__(self, server: ZoomServer, source: CallSource) -> None:
        self.server = server
        self.source = source
        self._ids: dict[str, int] = {}

    async def enter(self, name: str, *, hertz: int, colour: tuple[int, int, int]) -> None:
        self._ids[name] = await self.server.join(name, hertz=hertz, colour=colour)

    async def leave(self, name: str) -> None:
        await self.server.leave(self._ids.pop(name))


class TestZoom(CallSourceContract):
    """A Zoom meeting keeps the contract."""

    one_video = True

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def stage(self) -> AbstractAsyncContextManager[Stage]:
        """Return a meeting with nobody in it."""

        @asynccontextmanager
        async def staged() -> AsyncIterator[Stage]:
            async with zoom_server(self.folder) as (server, certificate):
                turns = asyncio.create_task(server.take_turns())
                yield _Stage(server, source_of(server, certificate))
                turns.cancel()

        return staged()


class _Call:
    """A source that runs against a server, and what it told."""

    def __init__(self, server: ZoomServer, source: ZoomSource, observed: ObservedCall) -> None:
        self.server, self.source, self.observed = server, source, observed
        self.task: asyncio.Task[Ended]

    async def enter(self, name: str, *, hertz: int, colour: tuple[int, int, int]) -> None:
        """Let somebody in."""
        await self.server.join(name, hertz=hertz, colour=colour)

    async def leave(self, name: str) -> None:
        """Let somebody go."""
        await self.server.leave(int(self.observed.who(name)))

    async def admitted(self, name: str, **more: Any) -> tuple[int, str]:
        """Let somebody in who is received; return their number on the server, and their participant."""
        user = await self.server.join(name, **more)
        await until(lambda: name in self.observed.people.values())
        who = self.observed.who(name)
        self.observed.received.add(who)
        await self.source.receive(who, True)
        return user, who

    def heard(self, who: str) -> int:
        """Return how many blocks of sound came of somebody."""
        return len(self.observed.sounds_of(who))

    def seen(self, who: str) -> int:
        """Return how many pictures came of somebody."""
        return len(self.observed.pictures_of(who))


@asynccontextmanager
async def called(folder: Path, **more: object) -> AsyncIterator[_Call]:
    """Run a source against a server of its own."""
    async with zoom_server(folder) as (server, certificate):
        call = _Call(server, source_of(server, certificate, **more), ObservedCall())
        async with recorded(call, observed=call.observed) as task:
            call.task = task
            await until(lambda: len(server.medias) == 4 or task.done())
            yield call


def test_undecoded_media_of_who_did_not_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two, the one who did not agree is never decoded from base64, and their video is never asked for."""
    decoded: list[bytes] = []
    real = base64.b64decode

    def watched(data: str, **more: Any) -> bytes:
        decoded.append(real(data, **more))
        return decoded[-1]

    for module in (tracks, pictures):
        monkeypatch.setattr(module.base64, "b64decode", watched)

    async def go() -> None:
        async with called(tmp_path) as call:
            refusing = await call.server.join("Ben", hertz=880, colour=(160, 200, 60))
            _, who = await call.admitted("Ann")
            await call.server.speak(refusing)
            await until(lambda: call.heard(who) > 20 and call.seen(who) > 5)
            await call.server.share(refusing, jpeg_of((10, 20, 30)))
            await asyncio.sleep(0.6)
            assert refusing not in call.server.asked_video
            assert refusing not in call.server.sent_video
            assert call.server.heard(28)
            pitches = [
                pitch(np.frombuffer(data, "<i2").astype(np.float32), RATE)
                for data in decoded
                if len(data) == 2 * RATE * 40 // 1000
            ]
            assert pitches
            assert np.abs(np.array(pitches) - 440).max() < 60
            assert jpeg_of((10, 20, 30)) not in decoded

    run(go)


def test_nothing_from_before_a_yes_is_taken(tmp_path: Path) -> None:
    """Sound that Zoom held back and that was said before the yes is dropped, though it arrives after it."""

    async def go() -> None:
        async with called(tmp_path) as call:
            user, who = await call.admitted("Ann")
            person = call.server.people[user]
            await until(lambda: call.heard(who) > 3)
            await call.source.receive(who, False)
            await asyncio.sleep(0.3)
            said = time.time()
            await asyncio.sleep(0.3)
            person.muted = True
            await call.source.receive(who, True)
            before = call.heard(who)
            await call.server.media_says(sound_message(user, "Ann", person.sound[:640], said), 1)
            await asyncio.sleep(0.3)
            assert call.heard(who) == before
            await call.server.media_says(
                sound_message(user, "Ann", person.sound[:640], time.time() + 0.05), 1
            )
            await until(lambda: call.heard(who) > before)

    run(go)


def test_names_and_mutes_follow_the_media(tmp_path: Path) -> None:
    """A new name in somebody's media is a rename, an older message does not undo it; a mute is no loss."""

    async def go() -> None:
        async with called(tmp_path) as call:
            user, who = await call.admitted("Ann")
            await until(lambda: call.heard(who) > 5)
            call.server.rename(user, "Ann [rec]")
            await until(lambda: call.observed.people.get(who) == "Ann [rec]")
            old = sound_message(user, "Ann", np.zeros(640, np.int16), time.time() - 5)
            await call.server.media_says(old, 1)
            call.server.people[user].muted = True
            await asyncio.sleep(1.2)
            before = call.heard(who)
            call.server.people[user].muted = False
            await until(lambda: call.heard(who) > before + 5)
            assert call.observed.names == [(who, "Ann [rec]")]
            assert call.observed.lost == []
            blocks = call.observed.sounds_of(who)
            holes = [b.time - a.time for a, b in pairwise(blocks) if b.time - a.time > 0.5]
            assert len(holes) == 1
            assert holes[0] > 0.8

    run(go)


def _shown(call: _Call, track: TrackKey) -> bool:
    return len(call.observed.pictures.get(track, [])) > 2


def test_a_shared_screen_is_a_screen(tmp_path: Path) -> None:
    """Sharing brings a screen track of its owner, which ends when it stops; a second share is a new track."""

    async def go() -> None:
        async with called(tmp_path) as call:
            user, who = await call.admitted("Ann")
            for number in (1, 2):
                await call.server.share(user, jpeg_of((120, 90, 160), 1280, 720))
                screen = TrackKey(who, LiveKind.SCREEN, number)
                await until(partial(_shown, call, screen))
                assert screen in call.observed.open
                await call.server.share(user, b"")
                await until(lambda: not any(track.kind is LiveKind.SCREEN for track in call.observed.open))
            frame = call.observed.pictures[TrackKey(who, LiveKind.SCREEN)][0].frame
            assert (frame.width, frame.height) == (1280, 720)
            assert middle_colour(frame) == pytest.approx((120, 90, 160), abs=6)

    run(go)


def test_chat_counts_only_with_a_sender(tmp_path: Path) -> None:
    """A message with a sender is theirs; one without, as Zoom documents it, is nobody's."""

    async def go() -> None:
        async with called(tmp_path) as call:
            user, who = await call.admitted("Ann")
            await call.server.chat("/record yes")
            await call.server.chat("/record no", user)
            await until(lambda: call.observed.chats)
            assert call.observed.chats == [(who, "/record no")]

    run(go)


def test_a_cut_network_is_survived(tmp_path: Path) -> None:
    """After every connection was cut, the source shakes hands anew, the same people go on, and the hole is a loss."""

    async def go() -> None:
        async with called(tmp_path) as call:
            _, who = await call.admitted("Ann")
            await until(lambda: call.heard(who) > 5 and call.seen(who) > 5)
            await call.server.cut()
            await until(lambda: not call.server.signals)
            await until(lambda: call.server.handshakes == 2)
            heard, seen = call.heard(who), call.seen(who)
            await until(lambda: call.heard(who) > heard + 10 and call.seen(who) > seen + 5)
            signatures = {message["signature"] for message in call.server.heard(1)}
            assert signatures == {signature_of(MEETING, STREAM)}
            assert {(key.participant, key.kind, reason) for key, _, _, reason in call.observed.lost} >= {
                (who, LiveKind.MICROPHONE, "outage")
            }
            assert [event for event in call.observed.events if event[0] in ("joined", "left")] == [
                ("joined", who)
            ]

    run(go)


def test_media_servers_that_go_are_connected_to_again(tmp_path: Path) -> None:
    """Where one media server goes, the others go on, and it alone is connected to again."""

    async def go() -> None:
        async with called(tmp_path) as call:
            _, who = await call.admitted("Ann")
            await until(lambda: call.heard(who) > 5 and call.seen(who) > 5)
            await call.server.lose_media(1)
            await until(lambda: sum(m["media_type"] == 1 for m in call.server.heard(3)) == 2)
            heard = call.heard(who)
            await until(lambda: call.heard(who) > heard + 5)
            assert call.server.handshakes == 1
            assert sum(m["media_type"] == 2 for m in call.server.heard(3)) == 1
            await call.server.signal_says(
                {"msg_type": 6, "event": {"event_type": 7, "timestamp": 1, "media_type": 2}}
            )
            await until(lambda: sum(m["media_type"] == 2 for m in call.server.heard(3)) == 2)

    run(go)


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


def test_who_speaks_where_one_cannot_be_chosen(tmp_path: Path) -> None:
    """A server that does not know individual video is asked for who speaks; who did not agree is dropped undecoded."""

    async def go() -> None:
        async with called(tmp_path) as call:
            call.server.refuse_media = {2: 29}
            await call.server.lose_media(2)
            ann, who = await call.admitted("Ann")
            ben = await call.server.join("Ben", hertz=880, colour=(160, 200, 60))
            await until(lambda: call.seen(who) > 5)
            await call.server.speak(ben)
            await until(lambda: call.server.sent_video.get(ben, 0) > 10)
            seen = call.seen(who)
            await call.server.speak(ann)
            await until(lambda: call.seen(who) > seen + 5)
            assert {key.participant for key in call.observed.pictures} == {who}
            assert all(middle_colour(p.frame)[0] < 100 for p in call.observed.pictures_of(who))

    run(go)


def test_a_camera_that_does_not_come_makes_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing comes of who was asked for, the next who agreed is asked for; later the first one again."""
    monkeypatch.setattr(people_module, "UNSEEN_S", 0.5)
    monkeypatch.setattr(people_module, "UNSEEN_AGAIN_S", 4.0)
    monkeypatch.setattr(people_module, "SWITCH_S", 0.3)

    async def go() -> None:
        async with called(tmp_path) as call:
            ben, other = await call.admitted("Ben", hertz=880, colour=(160, 200, 60))
            ann, _ = await call.admitted("Ann")
            await call.server.speak(ann)
            call.server.people[ann].camera = False  # and no event says so
            await until(lambda: call.seen(other) > 5)
            await until(lambda: call.server.asked_video[-1:] == [ben] and ann in call.server.asked_video)
            await until(lambda: call.server.asked_video.count(ann) > 1)

    run(go)


def test_a_pause_takes_nothing(tmp_path: Path) -> None:
    """While Zoom says that the stream is paused, tracks have ended and what comes nevertheless is dropped."""

    async def go() -> None:
        async with called(tmp_path) as call:
            _, who = await call.admitted("Ann")
            await until(lambda: call.heard(who) > 3)
            await call.server.signal_says({"msg_type": 9, "state": 3, "rtms_session_id": "session-1"})
            await until(lambda: not call.observed.open)
            heard = call.heard(who)
            await asyncio.sleep(0.5)
            assert call.heard(who) == heard
            await call.server.signal_says({"msg_type": 9, "state": 4, "rtms_session_id": "session-1"})
            await until(lambda: call.heard(who) > heard)

    run(go)


@pytest.mark.parametrize(
    ("reason", "ended"),
    [(6, Ended.OVER), (4, Ended.REMOVED), (5, Ended.REMOVED), (13, Ended.LOST), (8, Ended.OVER)],
)
def test_the_end_of_a_stream(tmp_path: Path, reason: int, ended: Ended) -> None:
    """A stream ends with the call's end; one that was revoked has everybody erased first."""

    async def go() -> None:
        async with called(tmp_path) as call:
            _, who = await call.admitted("Ann")
            await call.server.stop(reason)
            assert await call.task is ended
            assert call.observed.answers == ([(who, Answer.ERASE)] if reason == 8 else [])

    run(go)


def test_what_a_webhook_says_later(tmp_path: Path) -> None:
    """A stream that is announced anew is connected to at its new servers; one that is said to be stopped is over."""

    async def go() -> None:
        async with called(tmp_path) as call:
            _, who = await call.admitted("Ann")
            call.source.moved((f"{call.server.url}/signaling",))
            await until(lambda: call.server.handshakes == 2)
            heard = call.heard(who)
            await until(lambda: call.heard(who) > heard + 3)
            call.source.answered(who, Answer.NO)
            call.source.stopped(6)
            assert await call.task is Ended.OVER
            assert call.observed.answers == [(who, Answer.NO)]

    run(go)


def test_a_call_that_cannot_be_reached_again_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the patience for an outage everybody has left and the call is lost."""
    monkeypatch.setattr(source_module, "KEPT_S", 0.3)

    async def go() -> None:
        async with called(tmp_path, patience_s=1.0) as call:
            await call.admitted("Ann")

            async def gone(socket: web.WebSocketResponse) -> None:
                await socket.close()

            call.server.on_signal = gone
            await call.server.cut()
            assert await call.task is Ended.LOST
            assert call.observed.people == {}

    run(go)


def test_leaving_tells_zoom(tmp_path: Path) -> None:
    """Whoever leaves asks Zoom to close the stream, so that nothing more is sent."""

    async def go() -> None:
        async with called(tmp_path) as call:
            await call.admitted("Ann")
            await call.source.close()
            assert await call.task is Ended.OVER
            assert call.server.heard(21) == [{"msg_type": 21, "rtms_stream_id": STREAM}]

    run(go)


def sound_message(user: int, name: str, samples: np.ndarray[Any, Any], at: float) -> dict[str, Any]:
    """Return a message with sound that was said at a time."""
    data = base64.b64encode(samples.astype("<i2").tobytes()).decode()
    content = {"user_id": user, "user_name": name, "data": data, "timestamp": int(at * 1000)}
    return {"msg_type": 14, "content": content}
