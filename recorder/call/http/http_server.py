"""A web server for those who come to us: where it listens, whom it answers, and what it never does."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from recorder.call.http.connections import ConnectionLimits, Connections
from redaction.errors import InternalError, UnreadableInput, UsageError

__all__ = ["LARGEST_BODY", "Address", "Server", "known_hosts", "listening", "read_body", "refusal"]

LARGEST_BODY: Final = 64 * 1024
_BODY_TIMEOUT_S: Final = 10.0
_LINGER_S: Final = 2.0  # so long a refused sender's rest is thrown away unread, then the connection is closed
_BACKLOG: Final = 256
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "media-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen.

    Attributes:
        host: an address of this machine; anything but loopback needs TLS, since tokens and answers are worth
            protecting, and browsers give no camera to a page without it.
        port: 0 for any free one.
        certificate, key: PEM files for TLS.
        names: further host names that this server is reached under.
        tls_in_front: a proxy before this server speaks TLS, so this one need not.
    """

    host: str = "127.0.0.1"
    port: int = 0
    certificate: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = ()
    tls_in_front: bool = False

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise UsageError("TLS needs both a certificate and its key.")
        if not self.loopback and self.certificate is None and not self.tls_in_front:
            raise UsageError(
                "Listening beyond this machine needs TLS: give a certificate and its key, or listen on 127.0.0.1."
            )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def beyond(self) -> bool:
        """Whether others than this machine's users can reach it, by itself or by the proxy in front."""
        return not self.loopback or self.tls_in_front

    @property
    def addresses_tell(self) -> bool:
        """Whether those who connect come from addresses of their own, and not all from this machine or a proxy."""
        return not self.loopback and not self.tls_in_front

    def knows(self, host: str) -> bool:
        """Tell whether a request's Host is one of ours; any other comes by a name somebody else points at us.

        With TLS the certificate says which names are ours, and no other gets as far as a request.
        """
        if self.certificate is not None or self.tls_in_front:
            return True
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        return name.strip("[]").lower() in {
            *_LOCAL,
            self.host.lower(),
            *(known.lower() for known in self.names),
        }

    def context(self) -> ssl.SSLContext | None:
        """Return what TLS needs, None without it.

        Raises:
            UsageError: certificate or key cannot be read or do not fit.
        """
        if self.certificate is None or self.key is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ValueError):
            raise UsageError("The TLS certificate and key cannot be used; both must be PEM files.") from None
        return context


class _Wordless(logging.Filter):
    """Cuts what the web server logs down to the kind of error: requests and tracebacks may carry words of people."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "refused"
        record.msg, record.args = f"A web request failed ({kind}).", ()
        record.exc_info, record.exc_text, record.stack_info = None, None, None
        return True


_LOGGER: Final = logging.getLogger(__name__)
_LOGGER.addFilter(_Wordless())


def refusal(status: int, sentence: str, **headers: str) -> web.Response:
    """Return a refusal in plain words; it repeats nothing of the request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(status=status, text=sentence + "\n", headers=named)


async def read_body(request: web.Request) -> bytes:
    """Return the body of a request whose sender may send one: small, in time, and never unpacked.

    Raises:
        web.HTTPException: 415 for a compressed body, 413 for too large a one, 408 for one that does not come; a
            compressed or large body is refused unread.
    """
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise web.HTTPUnsupportedMediaType(text="A body is taken as it is, not compressed.\n")
    size = request.content_length or 0
    if size > LARGEST_BODY:
        raise web.HTTPRequestEntityTooLarge(LARGEST_BODY, size, text="The body is too large.\n")
    body = b""
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise web.HTTPRequestEntityTooLarge(
                        LARGEST_BODY, len(body), text="The body is too large.\n"
                    )
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="The body did not come in time.\n") from None
    return body


def known_hosts(address: Address) -> Middleware:
    """Return a middleware that answers under our own names alone, so that no other page can pose as ours."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not address.knows(request.host):
            return refusal(421, "This server is not known under that name.")
        return await handler(request)

    return check


@asynccontextmanager
async def listening(
    application: web.Application,
    address: Address,
    *,
    limits: ConnectionLimits | None = None,
    turned_away: Callable[[int], None] = lambda _: None,
) -> AsyncIterator[str]:
    """Serve while the block runs; yields the base URL.

    Args:
        application: what is served.
        address: where.
        limits: of connections; what the process's descriptors allow, if None.
        turned_away: told how many connections were closed because there were too many.

    Raises:
        UsageError: the TLS files cannot be used.
        UnreadableInput: the address cannot be listened on.
    """
    context = address.context()
    limits = limits or ConnectionLimits.of_process(addresses_tell=address.addresses_tell)
    connections = Connections(limits, turned_away)
    application.middlewares.insert(0, connections.middleware)
    application.on_response_prepare.append(_harden)
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=2.0,
        logger=_LOGGER,
        auto_decompress=False,  # a few kilobytes would become gigabytes before anybody asked for a token
        keepalive_timeout=limits.head_s,  # aiohttp counts it from the connection on, so it bounds the first head too
        lingering_time=_LINGER_S,
    )
    await runner.setup()
    try:
        with ExitStack() as open_sockets:
            listeners = [open_sockets.enter_context(one) for one in await _listeners(address)]
            port = listeners[0].getsockname()[1]
            host = f"[{address.host}]" if ":" in address.host else address.host
            async with asyncio.TaskGroup() as group:
                server = runner.server
                if server is None:
                    raise InternalError("The web server was not set up.")
                accepting = [
                    group.create_task(connections.accept(one, server, group, context)) for one in listeners
                ]
                try:
                    yield f"{'https' if context else 'http'}://{host}:{port}"
                finally:
                    for task in accepting:
                        task.cancel()
                    connections.close()
    finally:
        await runner.cleanup()


async def _listeners(address: Address) -> list[socket.socket]:
    """Return a listening socket for every address that the host's name stands for, all on one port.

    Raises:
        UnreadableInput: one cannot be listened on.
    """
    listeners: list[socket.socket] = []
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        port = address.port
        for family, _, _, _, where in dict.fromkeys(found):
            one = socket.create_server((str(where[0]), port), family=family, backlog=_BACKLOG)
            one.setblocking(False)
            listeners.append(one)
            port = port or one.getsockname()[1]
    except OSError:
        for one in listeners:
            one.close()
        raise UnreadableInput(
            "The address cannot be listened on: it is taken, or not of this machine."
        ) from None
    return listeners


class Server:
    """A web server whose address can be waited for, since its port may be any free one."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._bound = asyncio.Event()
        self._url = ""

    async def url(self) -> str:
        """Return the base URL, once it is listened on."""
        await self._bound.wait()
        return self._url

    @asynccontextmanager
    async def serving(
        self, application: web.Application, *, turned_away: Callable[[int], None] = lambda _: None
    ) -> AsyncIterator[None]:
        """Serve while the block runs; see `listening`."""
        async with listening(application, self.address, turned_away=turned_away) as self._url:
            self._bound.set()
            yield


async def _harden(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "offrecord"
