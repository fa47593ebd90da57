"""Where the server listens."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from recorder.call.http.http_server import Address, listening
from redaction.errors import UnreadableInput, UsageError
from tests.recorder.call.certificate import self_signed


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "example.org"])
def test_beyond_this_machine_needs_tls(host: str, tmp_path: Path) -> None:
    """Listening beyond loopback without TLS is refused, and allowed with it or behind a proxy that speaks it."""
    with pytest.raises(UsageError, match="TLS"):
        Address(host)
    assert not Address(host, certificate=tmp_path / "c.pem", key=tmp_path / "k.pem").loopback
    assert not Address(host, tls_in_front=True).loopback


def test_half_of_tls_is_refused(tmp_path: Path) -> None:
    """A certificate without its key, or files that are neither, end with status 2."""
    with pytest.raises(UsageError):
        Address(certificate=tmp_path / "c.pem")
    (tmp_path / "c.pem").write_text("nothing")
    with pytest.raises(UsageError):
        Address(certificate=tmp_path / "c.pem", key=tmp_path / "c.pem").context()


@pytest.mark.parametrize(
    "host", ["127.0.0.1:80", "localhost", "[::1]:8080", "LOCALHOST:1", "call.example:443"]
)
def test_own_names(host: str) -> None:
    """Our own names are known, with and without a port."""
    assert Address(names=("call.example",)).knows(host)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "", "[::2]:80", "localhost.evil"]
)
def test_other_names(host: str) -> None:
    """A name that somebody else points at this server is not known."""
    assert not Address().knows(host)


def test_tls_vouches_for_names(tmp_path: Path) -> None:
    """Behind TLS the certificate decides which names are ours: a machine may be reached by any of them."""
    address = Address("0.0.0.0", certificate=tmp_path / "c.pem", key=tmp_path / "k.pem")
    assert address.knows("recorder.example:8443")
    assert Address("0.0.0.0", tls_in_front=True).knows("recorder.example")


def test_taken_address() -> None:
    """A port that is taken ends with status 5, not with a traceback."""

    async def run() -> None:
        async with listening(web.Application(), Address()) as url:
            port = int(url.rsplit(":", 1)[1])
            with pytest.raises(UnreadableInput):
                async with listening(web.Application(), Address(port=port)):
                    pass

    asyncio.run(run())


def test_tls(tmp_path: Path) -> None:
    """With certificate and key the server speaks TLS, and plain HTTP gets nothing."""
    certificate, key = self_signed(tmp_path)

    async def run() -> None:
        address = Address(certificate=certificate, key=key)
        async with listening(web.Application(), address) as url, aiohttp.ClientSession() as http:
            assert url.startswith("https://127.0.0.1:")
            trusted = ssl.create_default_context(cafile=certificate)
            answer = await http.get(url.replace("127.0.0.1", "localhost"), ssl=trusted)
            assert answer.status == 404
            with pytest.raises(aiohttp.ClientError):
                await http.get(url.replace("https", "http"))

    asyncio.run(run())


def test_no_request_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """Neither a malformed request nor a handler's own failure puts words into a log; the failure's kind is told."""

    async def fails(_request: web.Request) -> web.Response:
        raise ValueError("marker of a person")

    async def run() -> None:
        application = web.Application()
        application.router.add_get("/fails", fails)
        async with listening(application, Address()) as url, aiohttp.ClientSession() as http:
            answer = await http.get(url + "/fails")
            assert answer.status == 500
            assert "marker" not in await answer.text()
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
            writer.write(b"GET /marker HTTP/1.1\r\nmarker\x00: marker\r\n\r\n")
            await reader.read()
            writer.close()

    caplog.set_level("DEBUG")
    asyncio.run(run())
    assert "ValueError" in caplog.text
    assert "marker" not in caplog.text


def test_every_answer_is_hardened() -> None:
    """Errors too carry the content policy, and none tells which software answers."""

    async def run() -> None:
        async with listening(web.Application(), Address()) as url, aiohttp.ClientSession() as http:
            answer = await http.get(url + "/nothing")
            assert answer.status == 404
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Server"] == "offrecord"

    asyncio.run(run())
