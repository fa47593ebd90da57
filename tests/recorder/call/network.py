"""A network of one socket between a sender and a receiver: loses, delays, reorders and cuts off media."""

from __future__ import annotations

import asyncio
import random
import re


class Network(asyncio.DatagramProtocol):
    """Stands between who made an offer and who answers it; ICE and DTLS pass untouched.

    Attributes:
        loss: probability that a media packet to the receiver is dropped.
        delay, jitter: seconds; each packet takes `delay` and up to `jitter` more, so they overtake each other.
        path: seconds that everything takes each way, ICE and DTLS too.
        cut: drop everything.
        passed: media packets handed to the receiver, by payload type; those sent again are of another type.
    """

    def __init__(self, *, loss: float = 0.0, delay: float = 0.0, jitter: float = 0.0, seed: int = 5) -> None:
        self.loss = loss
        self.delay = delay
        self.jitter = jitter
        self.cut = False
        self.path = 0.0
        self.passed: dict[int, int] = {}
        self._chance = random.Random(seed)
        self._sender: tuple[str, int] | None = None
        self._receiver: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport | None = None

    async def between(self, offer: str) -> str:
        """Return an offer that leads through this network."""
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self._sender = _candidate(offer)
        return self._rewritten(offer)

    def behind(self, answer: str) -> str:
        """Return an answer by which the receiver is found through this network."""
        self._receiver = _candidate(answer)
        return self._rewritten(answer)

    def _rewritten(self, sdp: str) -> str:
        assert self._transport is not None
        port = self._transport.get_extra_info("sockname")[1]
        here = f"a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host"
        return (
            "\r\n".join(here if line.startswith("a=candidate:") else line for line in sdp.splitlines())
            + "\r\n"
        )

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Pass a packet on, or not."""
        if self.cut or self._transport is None:
            return
        if self.path:
            asyncio.get_running_loop().call_later(self.path, self._pass, data, address)
        else:
            self._pass(data, address)

    def _pass(self, data: bytes, address: tuple[str, int]) -> None:
        if self.cut or self._transport is None or self._transport.is_closing():
            return
        if address != self._sender:
            self._transport.sendto(data, self._sender)
            return
        if self._receiver is None:
            return  # whoever answers is not known yet
        media = len(data) > 1 and 127 < data[0] < 192 and not 192 <= data[1] <= 208
        if not media:
            self._transport.sendto(data, self._receiver)
            return
        if self._chance.random() < self.loss:
            return
        kind = data[1] & 0x7F
        self.passed[kind] = self.passed.get(kind, 0) + 1
        wait = self.delay + self._chance.random() * self.jitter
        if wait:
            asyncio.get_running_loop().call_later(wait, self._late, data)
        else:
            self._transport.sendto(data, self._receiver)

    def _late(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing() and not self.cut:
            self._transport.sendto(data, self._receiver)


def _candidate(sdp: str) -> tuple[str, int]:
    found = re.search(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", sdp)
    assert found is not None
    return found[1], int(found[2])
