"""WHIP ingest: who may push, what is refused, and what becomes of what is pushed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urljoin

import aiohttp
import aioice.ice
import numpy as np
import pytest
from aiortc import RTCPeerConnection

from recorder.call.http import whip_source
from recorder.call.http.tokens import Grant, Tokens
from recorder.call.http.whip import WhipLimits
from recorder.call.http.whip_source import WhipSource, serve_source
from recorder.call.rtc.peer import Peer
from recorder.call.rtc.playback import LoopingAudio, LoopingVideo
from recorder.call.source import Answer, Ended, LiveKind, Via
from samples.room_client import publish
from tests.recorder.call.contract import CallSourceContract, Stage
from tests.recorder.call.killed import in_process, pushing
from tests.recorder.call.observing import Watcher, running, sounds_like, tone
from tests.recorder.call.pushing import pushed_call

ADA, BOB, EVE = "secret-of-ada-0001", "secret-of-bob-0002", "secret-of-eve-0003"
TOKENS = Tokens(
    [(ADA, Grant("a", "Ada", True)), (BOB, Grant("b", "", False, 2)), (EVE, Grant("e", "Eve", True))]
)
SDP = {"Content-Type": "application/sdp"}
GREY = np.full((96, 128, 3), 140, np.uint8)


def auth(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@asynccontextmanager
async def serving(
    tokens: Tokens = TOKENS, limits: WhipLimits | None = None, origins: tuple[str, ...] = ()
) -> AsyncIterator[tuple[WhipSource, Watcher, str, aiohttp.ClientSession]]:
    source, watcher = serve_source(tokens, limits=limits, origins=origins), Watcher()
    async with running(source, watcher), aiohttp.ClientSession() as http:
        yield source, watcher, await source.url(), http


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(within())


async def push(
    http: aiohttp.ClientSession, url: str, secret: str, hertz: float = 440
) -> tuple[RTCPeerConnection, str]:
    connection, where = await publish(
        http,
        url,
        token=secret,
        tracks=[LoopingVideo([GREY], fps=10), LoopingAudio(tone(hertz))],
        host_addresses=["127.0.0.1"],
    )
    return connection, where


class TestWhipContract(CallSourceContract):
    """WHIP ingest keeps the contract of every way into a call."""

    def stage(self) -> AbstractAsyncContextManager[Stage]:
        """Return an empty call."""
        return pushed_call()


def test_a_push_is_a_participant() -> None:
    """A session joins under its token's name, is decoded once wanted, and leaves at DELETE."""

    async def test() -> None:
        async with serving() as (source, watcher, url, http):
            assert watcher.asking == [True]
            connection, where = await push(http, url, ADA, 660)
            (who,) = watcher.here
            assert watcher.names[who] == "Ada"
            assert watcher.answers == [(who, Answer.YES, Via.TOKEN)]
            await asyncio.sleep(0.7)
            assert watcher.amount(who) == 0
            assert watcher.started == []
            await source.receive(who, True)
            await watcher.until(lambda: len(watcher.heard(who)) > 24_000 and len(watcher.bright) == 1)
            assert sounds_like(watcher.heard(who), 660)
            assert {key.kind for key in watcher.started} == {LiveKind.CAMERA, LiveKind.MICROPHONE}
            async with http.delete(where, headers=auth(ADA)) as answer:
                assert answer.status == 200
            assert watcher.here == set()
            assert sorted(watcher.ended, key=str) == sorted(watcher.started, key=str)
            async with http.delete(where, headers=auth(ADA)) as answer:
                assert answer.status == 404
            await connection.close()

    run(test)


def test_another_session_is_another_participant() -> None:
    """Names come from the address where the token has none; a second push under it is somebody else, and silent."""

    async def test() -> None:
        async with serving() as (_, watcher, url, http):
            one, _ = await push(http, url + "/Bea%20%3Cb%3E", BOB)
            two, _ = await push(http, url + "/Bea%20%3Cb%3E", BOB)
            assert len(watcher.here) == 2
            assert set(watcher.names.values()) == {"Bea <b>"}
            assert watcher.answers == []
            for connection in (one, two):
                await connection.close()

    run(test)


@pytest.mark.parametrize(
    "header", [{}, auth("wrong-secret-00000"), {"Authorization": "Basic QWRh"}, auth(ADA[:-1])]
)
def test_unauthorised(header: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a known token a push is refused with 401 before its body is read, and no peer is ever made of it."""
    made: list[object] = []
    monkeypatch.setattr(Peer, "__init__", lambda self, *args, **named: made.append(args))

    async def never() -> AsyncIterator[bytes]:
        yield b"v=0\r\n"
        await asyncio.sleep(3600)

    async def test() -> None:
        async with serving() as (_, watcher, url, http):
            async with asyncio.timeout(5), http.post(url, data=never(), headers={**SDP, **header}) as answer:
                assert answer.status == 401
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert watcher.events == []
        assert made == []

    run(test)


MALFORMED = [
    b"",
    b"\x00\xff",
    b"hello",
    b"v=0",
    b"v=0\r\nm=\r\n",
    b"v=0\r\n" + b"a=x\r\n" * 9000,
    b"m=audio 9 RTP 0",
]
NOTHING_TO_RECEIVE = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
    b"a=fingerprint:sha-256 " + b":".join([b"AB"] * 32) + b"\r\na=setup:actpass\r\n"
    b"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\n"
    b"a=rtpmap:0 PCMU/8000\r\n"
)


@pytest.mark.parametrize("body", MALFORMED)
def test_malformed_offers(body: bytes) -> None:
    """What is no session description is refused with 400, too much of it with 413, and nobody has joined."""

    async def test() -> None:
        async with serving() as (_, watcher, url, http):
            async with http.post(url, data=body, headers={**SDP, **auth(ADA)}) as answer:
                assert answer.status in (400, 413)
            assert watcher.events == []

    run(test)


def test_an_offer_of_nothing() -> None:
    """An offer without a codec that is received is refused with 422, and its place is free again."""

    async def test() -> None:
        async with serving() as (_, watcher, url, http):
            for _ in range(3):
                async with http.post(url, data=NOTHING_TO_RECEIVE, headers={**SDP, **auth(ADA)}) as answer:
                    assert answer.status == 422
            assert watcher.events == []

    run(test)


def test_oversized_and_mistyped_bodies() -> None:
    """Bodies that are too large, announced or not, or of another type are refused."""

    async def much() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"a" * 10_000

    async def test() -> None:
        async with serving() as (_, _, url, http):
            for data in (b"v=0\r\n" + b"a" * 100_000, much()):
                async with http.post(url, data=data, headers={**SDP, **auth(ADA)}) as answer:
                    assert answer.status == 413
            async with http.post(
                url, data=b"v=0", headers={"Content-Type": "text/plain", **auth(ADA)}
            ) as answer:
                assert answer.status == 415
                assert answer.headers["Accept-Post"] == "application/sdp"

    run(test)


def test_methods_that_are_not_offered() -> None:
    """GET, PUT and PATCH are refused with 405 on endpoint and session: neither trickle nor restart is offered."""

    async def test() -> None:
        async with serving() as (_, _, url, http):
            for method in ("GET", "HEAD", "PUT", "PATCH"):
                for address in (url, urljoin(url, "/session/abc")):
                    async with http.request(method, address, headers=auth(ADA)) as answer:
                        assert answer.status == 405, (method, address)

    run(test)


def test_sessions_are_bounded() -> None:
    """A token has no more sessions than it may, one that failed costs none, and all together have a limit."""

    async def test() -> None:
        async with serving(limits=WhipLimits(sessions=2)) as (_, watcher, url, http):
            first, where = await push(http, url, ADA)
            async with http.post(url, data=b"", headers={**SDP, **auth(ADA)}) as answer:
                assert answer.status == 409
            second, _ = await push(http, url, BOB)
            async with http.post(url, data=b"", headers={**SDP, **auth(BOB)}) as answer:
                assert answer.status == 503
                assert int(answer.headers["Retry-After"]) > 0
            async with http.delete(where, headers=auth(ADA)):
                third, _ = await push(http, url, ADA)
            assert len(watcher.here) == 2
            for connection in (first, second, third):
                await connection.close()

    run(test)


def test_pushes_are_rate_limited() -> None:
    """A token that opens session after session is held up with 429."""

    async def test() -> None:
        async with serving(limits=WhipLimits(burst=3, per_second=0.01)) as (_, _, url, http):
            statuses = []
            for _ in range(5):
                async with http.post(url, data=b"x", headers={**SDP, **auth(ADA)}) as answer:
                    statuses.append(answer.status)
            assert statuses == [400, 400, 400, 429, 429]

    run(test)


def test_a_session_belongs_to_its_token() -> None:
    """Another token, or none, can neither end a session nor answer for it."""

    async def test() -> None:
        async with serving() as (_, watcher, url, http):
            connection, where = await push(http, url, BOB)
            for headers, status in ((auth(ADA), 404), (auth("nobody-at-all-000"), 401), ({}, 401)):
                async with http.delete(where, headers=headers) as answer:
                    assert answer.status == status
            async with http.post(where + "/consent", data=b"yes", headers=auth(BOB)) as answer:
                assert answer.status == 403  # this token does not vouch
            async with http.post(where + "/consent", data=b"yes", headers=auth(ADA)) as answer:
                assert answer.status == 404
            assert len(watcher.here) == 1
            assert watcher.answers == []
            await connection.close()

    run(test)


def test_consent_by_the_pushing_system() -> None:
    """A vouching system passes answers on while the session lasts, and an erasure afterwards too."""

    async def test() -> None:
        async with serving() as (_, watcher, url, http):
            connection, where = await push(http, url, ADA)
            for body, status in (
                (b"yes 18+", 204),
                (b"no", 204),
                (b"perhaps", 400),
                (b"yes please", 400),
                (b"\xff", 400),
            ):
                async with http.post(where + "/consent", data=body, headers=auth(ADA)) as answer:
                    assert answer.status == status
            async with http.delete(where, headers=auth(ADA)):
                pass
            async with http.post(where + "/consent", data=b"ERASE\n", headers=auth(ADA)) as answer:
                assert answer.status == 204
            async with http.post(where + "/consent", data=b"no", headers=auth(EVE)) as answer:
                assert answer.status == 404
            assert [answer for _, answer, _ in watcher.answers] == [
                Answer.YES,
                Answer.YES,
                Answer.NO,
                Answer.ERASE,
            ]
            assert [adult for _, adult in watcher.ages] == [True]
            assert len({who for who, _, _ in watcher.answers}) == 1
            await connection.close()

    run(test)


def test_origins() -> None:
    """A browser page of another server is let in only when it was named."""

    async def test() -> None:
        async with serving(origins=("https://call.example",)) as (_, _, url, http):
            for origin, allowed in (("https://call.example", True), ("https://evil.example", False)):
                async with http.options(url, headers={"Origin": origin}) as answer:
                    assert answer.status == 204
                    assert answer.headers["Accept-Post"] == "application/sdp"
                    assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed
                    assert ("Access-Control-Allow-Methods" in answer.headers) is allowed

    run(test)


def test_nobody_can_be_asked_without_a_vouching_token() -> None:
    """Where no pushing system vouches, the source says that nobody can be asked."""

    async def test() -> None:
        async with serving(Tokens([(BOB, Grant("b"))])) as (source, watcher, _, _):
            assert watcher.asking == [False]
            assert await source.notify("hello") is False

    run(test)


def test_a_connection_that_breaks_is_a_leave() -> None:
    """When the pushing side closes without DELETE, the participant leaves and the tracks end."""

    async def test() -> None:
        async with serving() as (source, watcher, url, http):
            connection, _ = await push(http, url, ADA)
            (who,) = watcher.here
            await source.receive(who, True)
            await watcher.until(lambda: len(watcher.started) == 2)
            await connection.close()
            await watcher.until(lambda: not watcher.here)
            assert len(watcher.ended) == 2

    run(test)


def test_a_pushing_process_that_is_killed_is_a_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """After SIGKILL of one pushing process its participant leaves and its tracks end; the other one's go on."""
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.5)  # half a minute otherwise

    async def test() -> None:
        async with serving() as (source, watcher, url, http):
            connection, _ = await push(http, url, BOB)
            (stays,) = watcher.here
            with in_process(pushing, url, ADA) as process:
                await watcher.until(lambda: len(watcher.here) == 2, 30)
                (goes,) = watcher.here - {stays}
                for who in (stays, goes):
                    await source.receive(who, True)
                await watcher.until(lambda: len(watcher.started) == 4)
                process.kill()
                await watcher.until(lambda: watcher.here == {stays}, 30)
            assert {track.participant for track in watcher.ended} == {goes}
            amount = watcher.amount(stays)
            await watcher.until(lambda: watcher.amount(stays) > amount + 50)
            await connection.close()

    run(test)


def test_closing_ends_everything() -> None:
    """Closing the source ends sessions and the server, and can be done twice."""

    async def test() -> None:
        async with serving() as (source, watcher, url, http):
            connection, _ = await push(http, url, ADA)
            await source.close()
            await source.close()
            await watcher.until(lambda: not watcher.here)
            await asyncio.sleep(0.2)
            with pytest.raises(aiohttp.ClientConnectionError):
                await http.options(url)
            await connection.close()

    run(test)


def test_the_call_ends_when_nobody_is_left() -> None:
    """With a time to linger the call waits for the first push, and is over when nobody pushes any more."""

    async def test() -> None:
        source, watcher = serve_source(TOKENS, linger_s=0.3), Watcher()
        call = asyncio.ensure_future(source.run(watcher))
        url = await source.url()
        await asyncio.sleep(1.0)
        assert not call.done()
        async with aiohttp.ClientSession() as http:
            connection, where = await push(http, url, ADA)
            await asyncio.sleep(1.0)
            assert not call.done()
            async with http.delete(where, headers=auth(ADA)):
                assert await call is Ended.OVER
            await connection.close()

    run(test)


@pytest.mark.parametrize(("tokens", "statuses"), [(TOKENS, [201, 201, 429]), (None, [201, 201, 201])])
def test_one_token_does_not_fill_the_call(
    tokens: Tokens | None, statuses: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where others may push too, one token brings in no more than its share, and the others still come in."""
    monkeypatch.setattr(whip_source, "_MOST_BROUGHT", 2)
    only = Tokens([(BOB, Grant("b", "", False, 9)), (EVE, Grant("m", metrics=True))])

    async def test() -> None:
        async with serving(tokens or only, WhipLimits(burst=100)) as (_, watcher, url, http):
            offer, made = RTCPeerConnection(), []
            offer.addTrack(LoopingAudio(tone(440)))
            await offer.setLocalDescription(await offer.createOffer())
            for _ in range(3):
                async with http.post(url, data=offer.localDescription.sdp, headers=SDP | auth(BOB)) as answer:
                    made.append(answer.status)
                    where = answer.headers.get("Location")
                if where:
                    async with http.delete(urljoin(url, where), headers=auth(BOB)) as answer:
                        assert answer.status == 200
            assert made == statuses
            assert len([one for one in watcher.events if one[0] == "joined"]) == statuses.count(201)
            if tokens is not None:
                connection, _ = await push(http, url, EVE)
                assert len(watcher.here) == 1
                await connection.close()
            await offer.close()

    run(test)
