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
import recorder.call.zoom.source as source_module
from recorder.call.source import Answer, CallSource, Ended, LiveKind, TrackKey
from recorder.call.zoom import pictures, tracks
from recorder.call.zoom.media import ZoomMeeting
from recorder.call.zoom.socket import ZoomHosts
from recorder.call.zoom.source import ZoomSource
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
