"""A call with a consent page beside it: who opens a link answers for one participant, whatever the call's chat does."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent_page.source import ConsentPageAddress, SourceWithPage
from recorder.call.source import Answer, CallObserver, Ended
from redaction.errors import UnreadableInput, UsageError
from redaction.policy import Policy
from tests.recorder.call.contract import CallSourceContract, Stage, recorded, run
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.zoom.test_source import _Stage, source_of
from tests.recorder.call.zoom_server import zoom_server

TEXTS = NoticeTexts.of(Policy())


def free_url() -> str:
    """Return an address of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return f"http://127.0.0.1:{one.getsockname()[1]}"


class TestWithPage(CallSourceContract):
    """A call with a page beside it is a way into a call like every other."""

    one_video = True

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def stage(self) -> AbstractAsyncContextManager[Stage]:
        """Return a meeting with nobody in it, beside a page."""

        @asynccontextmanager
        async def staged() -> AsyncIterator[Stage]:
            async with zoom_server(self.folder) as (server, certificate):
                turns = asyncio.create_task(server.take_turns())
                page = ConsentPageAddress(free_url(), listen=None, tls=None)
                yield _Stage(server, SourceWithPage(source_of(server, certificate, notes=None), TEXTS, page))
                turns.cancel()

        return staged()


class _Call:
    """A call that a test plays, with or without a chat."""

    def __init__(self, *, chat: bool) -> None:
        self.chat = chat
        self.told: CallObserver | None = None
        self.said: list[tuple[str, str | None]] = []
        self.over = asyncio.Event()
        self.failure: Exception | None = None

    async def run(self, observer: CallObserver) -> Ended:
        """Be in the call."""
        self.told = observer
        observer.can_ask(self.chat, 0.0)
        observer.joined("7", "Ann", 0.1)
        observer.joined("8", "Ben <b>", 0.1)
        await self.over.wait()
        if self.failure is not None:
            raise self.failure
        for participant in ("7", "8"):
            observer.left(participant, 1.0)
        return Ended.OVER

    async def receive(self, participant: str, wanted: bool) -> None:
        """Nothing comes."""

    async def notify(self, text: str, *, to: str | None = None) -> bool:
        """Write, where there is a chat."""
        if self.chat:
            self.said.append((text, to))
        return self.chat

    async def close(self) -> None:
        """Let go."""
        self.over.set()


class _Stand:
    """What `recorded` wants."""

    def __init__(self, source: SourceWithPage) -> None:
        self.source = source

    async def enter(self, name: str, *, hertz: int, colour: tuple[int, int, int]) -> None:
        """Not used."""

    async def leave(self, name: str) -> None:
        """Not used."""


@asynccontextmanager
async def beside(call: _Call) -> AsyncIterator[tuple[SourceWithPage, ObservedCall, aiohttp.ClientSession]]:
    """Run a call beside a page."""
    source = SourceWithPage(call, TEXTS, ConsentPageAddress(free_url(), listen=None, tls=None))
    observed = ObservedCall()
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
        recorded(_Stand(source), observed) as task,
    ):
        await until(lambda: len(observed.people) == 2)
        yield source, observed, http
        await source.close()
        assert await task is Ended.OVER


async def links_of(source: SourceWithPage, http: aiohttp.ClientSession) -> dict[str, str]:
    """Return the link of everybody, from the host's page."""
    async with http.get(await source.host_url()) as answer:
        page = await answer.text()
    return dict(re.findall(r"<td>([^<]+)</td><td><a href=\"([^\"]+)\"", page))


def test_a_link_answers_for_one_participant() -> None:
    """Without a chat: everybody can be asked, a yes and a no count by their links, the receipt stands on the page."""

    async def go() -> None:
        call = _Call(chat=False)
        async with beside(call) as (source, observed, http):
            assert observed.asks == [True]
            links = await links_of(source, http)
            assert set(links) == {"Ann", "Ben &lt;b&gt;"}
            assert not await source.notify("asked", to="7")
            async with http.post(links["Ann"], data={"answer": "adult"}) as answer:
                assert "With this link you agreed" in await answer.text()
            async with (
                aiohttp.ClientSession() as other,
                other.post(links["Ben &lt;b&gt;"], data={"answer": "no"}),
            ):
                pass
            assert observed.answers == [("7", Answer.YES), ("8", Answer.NO)]
            assert await source.notify("Your receipt is 1", to="7")
            assert not await source.notify("to all")
            async with http.get(links["Ann"]) as answer:
                assert "Your receipt is 1" in await answer.text()
            async with aiohttp.ClientSession() as other, other.get(links["Ann"]) as answer:
                assert "receipt" not in await answer.text()
        assert call.said == []
        with pytest.raises(aiohttp.ClientError):
            async with aiohttp.ClientSession() as http:
                await http.get(links["Ann"])

    run(go)


def test_where_a_chat_reaches_one_alone_it_brings_the_link() -> None:
    """The first notice to somebody brings their own link, later ones do not, and one to everybody brings nobody's."""

    async def go() -> None:
        call = _Call(chat=True)
        async with beside(call) as (source, observed, http):
            links = await links_of(source, http)
            assert await source.notify("asked", to="7")
            assert await source.notify("thanks", to="7")
            assert await source.notify("to all")
            assert call.said == [
                (f"asked Or answer here: {links['Ann']}", "7"),
                ("thanks", "7"),
                ("to all", None),
            ]
            assert call.told is not None
            call.told.can_ask(False, 1.0)
            assert observed.asks == [True]
            call.told.renamed("7", "Anna", 1.0)
            assert (await links_of(source, http))["Anna"] == links["Ann"]

    run(go)


def test_why_a_call_cannot_be_joined_is_told() -> None:
    """The call's own reason goes through, and a taken address is told before the call is joined."""

    async def go() -> None:
        call = _Call(chat=False)
        call.failure = UnreadableInput("the reason")
        call.over.set()
        url = free_url()
        source = SourceWithPage(call, TEXTS, ConsentPageAddress(url, listen=None, tls=None))
        with pytest.raises(UnreadableInput, match="the reason"):
            await source.run(ObservedCall())
        with socket.create_server(("127.0.0.1", int(url.rpartition(":")[2]))):
            source = SourceWithPage(_Call(chat=False), TEXTS, ConsentPageAddress(url, listen=None, tls=None))
            with pytest.raises(UnreadableInput, match="listened on"):
                await source.run(ObservedCall())

    run(go)


@pytest.mark.parametrize(
    ("url", "listen", "where"),
    [
        ("https://record.example.org", None, ("127.0.0.1", 8750, True)),
        ("https://record.example.org/calls", "0.0.0.0:9000", ("0.0.0.0", 9000, True)),
        ("http://127.0.0.1:8444", None, ("127.0.0.1", 8444, False)),
        ("http://localhost:8444", "[::1]:8445", ("::1", 8445, False)),
    ],
)
def test_where_the_page_is_listened_for(url: str, listen: str | None, where: tuple[str, int, bool]) -> None:
    """Within this machine by default; an https address without a certificate has a proxy in front."""
    address = ConsentPageAddress(url, listen=listen, tls=None).address
    assert (address.host, address.port, address.tls_in_front) == where


@pytest.mark.parametrize(
    ("url", "listen"),
    [
        ("http://record.example.org", None),
        ("ftp://127.0.0.1", None),
        ("https://", None),
        ("https://a@record.example.org", None),
        ("https://record.example.org/?x", None),
        ("https://[::1", None),
        ("http://127.0.0.1:99999", None),
        ("https://record.example.org", "here"),
        ("https://record.example.org", "127.0.0.1:99999"),
        ("http://127.0.0.1:1", "0.0.0.0:9000"),
    ],
)
def test_addresses_that_are_none(url: str, listen: str | None) -> None:
    """What is no address, or would serve others without TLS, is told in a sentence."""
    with pytest.raises(UsageError):
        ConsentPageAddress(url, listen=listen, tls=None)
