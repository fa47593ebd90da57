"""A Janus VideoRoom: who is there, who is received, and what a room or a server may do to the bot."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from recorder.call.janus import source as module
from recorder.call.janus.source import JanusSource
from recorder.call.rtc.clock import CallClock
from recorder.call.source import Ended, LiveKind
from redaction.errors import UnreadableInput
from tests.recorder.call.contract import CallSourceContract, Colour, received, recorded, run
from tests.recorder.call.janus_server import ROOM, FakeJanus, Person, fake_janus
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.senders import LOOPBACK

pytestmark = pytest.mark.usefixtures("loopback_senders")


class _Stage:
    def __init__(self, server: FakeJanus, **options: object) -> None:
        self.server = server
        self.people: dict[str, Person] = {}
        url = f"janus+ws://127.0.0.1:{server.port}/{ROOM}"
        self.source = JanusSource(url, host_addresses=LOOPBACK, **options)  # type: ignore[arg-type]

    async def enter(self, name: str, *, hertz: int, colour: Colour) -> None:
        """Let somebody in."""
        await until(lambda: self.server._bot is not None)
        self.people[name] = await self.server.enter(name, hertz=hertz, colour=colour)

    async def leave(self, name: str) -> None:
        """Let somebody leave."""
        await self.server.leave(self.people.pop(name))


@asynccontextmanager
async def staged(**options: object) -> AsyncIterator[_Stage]:
    """Serve a room."""
    async with fake_janus() as server:
        yield _Stage(server, **options)


class TestContract(CallSourceContract):
    """A VideoRoom is a call like any other."""

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[_Stage]:
        """Serve a room."""
        async with staged() as stage:
            yield stage


def test_call_time_begins_when_the_bot_joins() -> None:
    """A source that was made long before it runs, as models are loaded, begins its clock anew; a given one stays."""
    given = CallClock()
    for clock in (None, given):
        source = JanusSource("janus+ws://127.0.0.1:1/1", clock=clock)
        made = source.clock
        with pytest.raises(UnreadableInput):
            asyncio.run(source.run(ObservedCall()))
        assert (source.clock is made) is (clock is given)


@pytest.mark.parametrize("code", [426, 433, 999])
def test_a_room_that_cannot_be_joined_is_told_in_a_sentence(code: int) -> None:
    """No such room, a wrong PIN and anything else are UnreadableInput, without the server's words."""

    async def go() -> None:
        async with staged(pin="1234", token="t0ken") as stage:
            stage.server.refuse = code
            with pytest.raises(UnreadableInput) as refusal:
                await stage.source.run(ObservedCall())
            assert "secret-marker" not in refusal.value.sentence
            joins = [r["body"] for r in stage.server.requests if r.get("body", {}).get("request") == "join"]
            assert [join["pin"] for join in joins] == ["1234"]
            assert {r["token"] for r in stage.server.requests} == {"t0ken"}

    run(go)


def test_a_server_that_is_not_there_is_told_in_a_sentence() -> None:
    """Nothing listens: UnreadableInput."""

    async def go() -> None:
        with pytest.raises(UnreadableInput):
            await JanusSource("janus+ws://127.0.0.1:9/1").run(ObservedCall())

    run(go)


@pytest.mark.parametrize(
    ("data", "videoroom", "ended"),
    [({"leaving": "ok", "reason": "kicked"}, "event", Ended.REMOVED), ({}, "destroyed", Ended.OVER)],
)
def test_removed_and_closed_are_told_apart(data: dict[str, object], videoroom: str, ended: Ended) -> None:
    """Being kicked is REMOVED, a room that is closed is OVER, and everybody has left by then."""

    async def go() -> None:
        observed = ObservedCall()
        async with staged() as stage, recorded(stage, observed) as task:
            await stage.enter("Ann", hertz=440, colour=(90, 60, 200))
            await until(lambda: observed.people)
            await stage.server.tell(data, videoroom=videoroom)
            assert await task is ended

    run(go)


def test_a_rename_is_told_with_the_name_as_given() -> None:
    """Names reach the observer as they were written, cut to a bound; markup and control characters are its to clean."""

    async def go() -> None:
        observed = ObservedCall()
        async with staged() as stage, recorded(stage, observed):
            name = "<b>\x07\u202e"
            await stage.enter(name, hertz=440, colour=(90, 60, 200))
            await until(lambda: observed.people)
            assert list(observed.people.values()) == [name]
            identity = stage.people[name].id
            await stage.server.tell({"id": identity, "display": "Ann [no-rec]"})
            await stage.server.tell({"id": identity, "display": "x" * 5000})
            await until(lambda: len(observed.names) == 2)
            assert observed.names[0] == (str(identity), "Ann [no-rec]")
            assert len(observed.names[1][1]) == 256

    run(go)


def test_a_strange_codec_leaves_the_sound() -> None:
    """A VP9 publisher is subscribed to with sound alone, and the picture is told as lost."""

    async def go() -> None:
        observed = ObservedCall()
        async with staged() as stage, recorded(stage, observed):
            await until(lambda: stage.server._bot is not None)
            person = await stage.server.enter("Ann", codec="vp9")
            await until(lambda: observed.people)
            who = await received(stage, observed, "Ann")
            await until(lambda: len(observed.sounds_of(who)) > 10)
            assert stage.server.subscribed == [(person.id, ["0"])]
            assert [(track.kind, reason) for track, _, _, reason in observed.lost] == [
                (LiveKind.CAMERA, "codec")
            ]
            assert observed.pictures_of(who) == []

    run(go)


def test_what_is_published_anew_is_subscribed_to_anew() -> None:
    """Unpublishing ends the tracks; publishing again begins new ones, without another receive."""

    async def go() -> None:
        observed = ObservedCall()
        async with staged() as stage, recorded(stage, observed):
            await stage.enter("Ann", hertz=440, colour=(90, 60, 200))
            await until(lambda: observed.people)
            who = await received(stage, observed, "Ann")
            await until(lambda: observed.pictures_of(who))
            await stage.server.tell({"unpublished": int(who)})
            await until(lambda: not observed.open)
            assert who in observed.people
            await stage.server.tell({"publishers": [stage.people["Ann"].entry()]})
            await until(
                lambda: any(track.number == 2 and observed.pictures[track] for track in observed.pictures)
            )

    run(go)


def test_an_outage_is_left_and_joined_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the server is lost everybody leaves; when it is back they are joined again, and received when wanted."""
    monkeypatch.setattr(module, "JANUS_PAUSES", (0.2,))

    async def go() -> None:
        observed = ObservedCall()
        async with staged() as stage, recorded(stage, observed):
            await stage.enter("Ann", hertz=440, colour=(90, 60, 200))
            await until(lambda: observed.people)
            who = await received(stage, observed, "Ann")
            await until(lambda: observed.pictures_of(who))
            await stage.server.drop()
            await until(lambda: ("left", who) in observed.events)
            assert observed.asks[-1] is False
            await until(lambda: observed.people)
            who = await received(stage, observed, "Ann")
            await until(
                lambda: any(track.number == 2 and observed.pictures[track] for track in observed.pictures)
            )

    run(go)


def test_a_call_that_does_not_come_back_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the patience, run returns LOST."""
    monkeypatch.setattr(module, "JANUS_PAUSES", (0.1,))

    async def go() -> None:
        observed = ObservedCall()
        async with fake_janus() as server:
            stage = _Stage(server, patience_s=0.5)
            task = asyncio.create_task(stage.source.run(observed))
            await stage.enter("Ann", hertz=440, colour=(90, 60, 200))
            await until(lambda: observed.people)
        assert await task is Ended.LOST
        assert observed.people == {}
        assert observed.wrong == []

    run(go)


def test_fifty_at_once_are_all_told_of_and_received() -> None:
    """Fifty people who join in one message are told of, and some of them received while the rest wait."""

    async def go() -> None:
        observed = ObservedCall()
        async with staged() as stage, recorded(stage, observed):
            await until(lambda: stage.server._bot is not None)
            people = [Person(n, f"guest {n}") for n in range(5000, 5050)]
            stage.server.people |= {person.id: person for person in people}
            await stage.server.tell({"publishers": [person.entry() for person in people]})
            await until(lambda: len(observed.people) == 50)
            for person in people[:8]:
                observed.received.add(str(person.id))
                await stage.source.receive(str(person.id), True)
            await until(lambda: all(len(observed.sounds_of(str(p.id))) > 5 for p in people[:8]), within=30)
            assert len(stage.server.subscribed) == 8

    run(go)


def test_nonsense_from_the_server_does_not_end_the_call() -> None:
    """Texts that are no messages, and messages about nobody, are passed over."""

    async def go() -> None:
        observed = ObservedCall()
        async with staged() as stage, recorded(stage, observed):
            await stage.enter("Ann", hertz=440, colour=(90, 60, 200))
            for text in (
                "",
                "nonsense",
                "[]",
                '{"janus":5}',
                '{"janus":"event"}',
                '{"janus":"hangup","sender":99}',
            ):
                await stage.server.raw(text)
            await stage.server.tell(
                {"leaving": {"id": 4}, "unpublished": [], "publishers": "x", "display": 4, "id": 88}
            )
            await stage.server.tell({"publishers": [{"id": True}, {"id": None}, {"display": "y"}, 7]})
            await until(lambda: observed.people)
            who = await received(stage, observed, "Ann")
            await until(lambda: observed.sounds_of(who))
            assert list(observed.people.values()) == ["Ann"]

    run(go)


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's context with a certificate of its own making, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(secret + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "both.pem")
    return server, ssl.create_default_context(cadata=pem.decode())


def test_tls_is_checked(tmp_path: Path) -> None:
    """janus+wss joins a server that is trusted, and no other."""

    async def go() -> None:
        server_side, trusting = certificate(tmp_path)
        async with fake_janus(server_side) as server:
            url = f"janus+wss://localhost:{server.port}/{ROOM}"
            with pytest.raises(UnreadableInput):
                await JanusSource(url, host_addresses=LOOPBACK).run(ObservedCall())
            stage, observed = _Stage(server), ObservedCall()
            stage.source = JanusSource(url, host_addresses=LOOPBACK, tls=trusting)
            async with recorded(stage, observed):
                await stage.enter("Ann", hertz=440, colour=(90, 60, 200))
                await until(lambda: observed.people)

    run(go)
