"""How many connections a server holds, in all and from one address, and for how long one may say nothing.

Every connection costs a file descriptor, and the recording needs descriptors too. So connections are counted before
TLS and before HTTP, at most a quarter of what the process may open. Where there are too many, the one that has been
idle for longest gives way: who floods the server pushes out their own idle connections, and whoever comes with a
request is served.
"""

from __future__ import annotations

import asyncio
import ipaddress
import resource
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

__all__ = ["ConnectionLimits", "Connections", "one_address"]

_SHARE: Final = 4
_MOST: Final = 256
_PAUSE_S: Final = 0.2  # after the system had no descriptor left
_TELL_EVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What one server takes.

    Attributes:
        most: connections at once.
        per_address: of these from one address; for IPv6 from one /64, which is what a household or a machine gets.
        handshake_s: seconds for TLS.
        head_s: seconds for the head of a request, the first as well as any later one.
    """

    most: int = _MOST
    per_address: int = _MOST // 2
    handshake_s: float = 5.0
    head_s: float = 10.0

    @classmethod
    def of_process(cls, *, addresses_tell: bool = True) -> ConnectionLimits:
        """Return limits that leave three quarters of the process's descriptors to media and storage.

        Args:
            addresses_tell: False where everybody comes from one address: within this machine, or from a proxy.
        """
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _MOST if soft == resource.RLIM_INFINITY else max(8, min(_MOST, soft // _SHARE))
        return cls(most=most, per_address=max(4, most // 2) if addresses_tell else most)


def one_address(host: str) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)


class _Connection(asyncio.Protocol):
    """One accepted connection: hands everything on to the web server's protocol, and knows whether it is idle."""

    def __init__(
        self, owner: Connections, inner: asyncio.Protocol, accepted: socket.socket, address: str
    ) -> None:
        self.accepted = accepted
        self.address = address
        self.busy = 0
        self.begun = False
        self.task: asyncio.Task[None] | None = None
        self._owner = owner
        self._inner = inner
        self._transport: asyncio.BaseTransport | None = None

    @property
    def opening(self) -> bool:
        """Whether TLS is still being spoken."""
        return self._transport is None

    def drop(self) -> None:
        """Close at once, whether TLS has been spoken yet or not."""
        if isinstance(self._transport, asyncio.Transport):
            self._transport.abort()
        elif self.task is not None:
            self.task.cancel()
            if not self.begun:  # what was cancelled before its first step closes nothing
                self.accepted.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._owner.speaks(transport, self)
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._owner.gone(self._transport, self)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


class Connections:
    """Accepts connections within limits.

    Args:
        limits: how many.
        turned_away: told now and then, on the event loop, how many were closed since it was last told.
    """

    def __init__(self, limits: ConnectionLimits, turned_away: Callable[[int], None] = lambda _: None) -> None:
        self._limits = limits
        self._turned_away = turned_away
        self._untold = 0
        self._told_at: float | None = None
        self._held: dict[_Connection, None] = {}  # the longest idle first
        self._by_transport: dict[asyncio.BaseTransport, _Connection] = {}
        self._per_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def middleware(self) -> Middleware:
        """Return what tells this object which connections have a request under way."""

        @web.middleware
        async def attend(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = self._by_transport.get(request.transport) if request.transport is not None else None
            if connection is None:
                return await handler(request)
            connection.busy += 1
            try:
                return await handler(request)
            finally:
                connection.busy -= 1
                if connection in self._held:  # idle from now on, so last in line to give way
                    del self._held[connection]
                    self._held[connection] = None

        return attend

    async def accept(
        self,
        listener: socket.socket,
        make: Callable[[], asyncio.Protocol],
        group: asyncio.TaskGroup,
        context: ssl.SSLContext | None,
    ) -> None:
        """Accept on a listening socket until cancelled; a system out of descriptors costs idle connections only."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, peer = await loop.sock_accept(listener)
            except OSError:
                self._give_way(None)
                await asyncio.sleep(_PAUSE_S)
                continue
            accepted.setblocking(False)
            address = one_address(str(peer[0]))
            if not self._admit(address):
                self._tell(1)
                accepted.close()
                await asyncio.sleep(0)
                continue
            connection = _Connection(self, make(), accepted, address)
            self._held[connection] = None
            self._per_address[address] += 1
            connection.task = group.create_task(self._begin(connection, context))
            await asyncio.sleep(0)  # a full backlog would be accepted in one go, and nothing else done

    def close(self) -> None:
        """Give up what is not open yet; the web server closes the rest."""
        for connection in tuple(self._held):
            if connection.opening:
                connection.drop()

    def speaks(self, transport: asyncio.BaseTransport, connection: _Connection) -> None:
        """A connection is open, TLS included."""
        self._by_transport[transport] = connection

    def gone(self, transport: asyncio.BaseTransport, connection: _Connection) -> None:
        """A connection is closed."""
        self._by_transport.pop(transport, None)
        self._release(connection)

    async def _begin(self, connection: _Connection, context: ssl.SSLContext | None) -> None:
        loop, accepted = asyncio.get_running_loop(), connection.accepted
        connection.begun = True
        timeout = {"ssl_handshake_timeout": self._limits.handshake_s} if context is not None else {}
        try:
            await loop.connect_accepted_socket(lambda: connection, accepted, ssl=context, **timeout)
        except OSError:  # TLS failed, or the other side went away
            self._release(connection)
            accepted.close()
        except BaseException:
            self._release(connection)
            accepted.close()
            raise

    def _admit(self, address: str) -> bool:
        """Make room for one more from an address; return False if there is none to be made."""
        if self._per_address[address] >= self._limits.per_address and not self._give_way(address):
            return False
        return len(self._held) < self._limits.most or self._give_way(None)

    def _give_way(self, address: str | None) -> bool:
        """Drop the longest idle connection, of one address or of all; return whether there was one."""
        for connection in self._held:
            if not connection.busy and address in (None, connection.address):
                self._release(connection)
                connection.drop()
                self._tell(1)
                return True
        return False

    def _release(self, connection: _Connection) -> None:
        if connection not in self._held:
            return
        del self._held[connection]
        self._per_address[connection.address] -= 1
        if not self._per_address[connection.address]:
            del self._per_address[connection.address]

    def _tell(self, number: int) -> None:
        self._untold += number
        now = time.monotonic()
        if self._told_at is None or now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            number, self._untold = self._untold, 0
            self._turned_away(number)
