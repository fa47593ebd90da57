"""Puts packets back in order and frames together, without a socket or a clock of its own.

Sound: everything that arrived is handed on; a hole is skipped as soon as it is plain that nothing will fill it, and
shows as a step in the numbers. Pictures: only whole frames whose predecessors were all handed on since a key frame,
so that no decoder shows a picture that was never sent; what is missing is asked for, then given up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Assembled", "FrameAssembler", "MediaPacket", "PacketOrder", "Wants"]

LATER_PACKETS: Final = 5
"""Packets beyond a hole after which it is skipped. Source: WebRTC NACK practice; measured in benchmarks/rtc.py."""
HOLE_PATIENCE: Final = 0.2
"""Seconds after which a hole is skipped although few packets followed."""
RESTART_STEP: Final = 1000
"""A step in the numbers beyond this is another beginning, not a hole. Source: RFC 3550, A.1 (MAX_DROPOUT is 3000)."""
MAX_WAITING_SOUND: Final = 256
MAX_WAITING_PICTURE: Final = 4096
"""Packets of unfinished pictures that are held at most: 5 MB, a key frame of any size that is accepted."""
NACK_AFTER: Final = 0.015
"""Seconds that a packet may be late before it is asked for again: reordering is not loss."""
NACK_AGAIN: Final = 0.1
NACK_TIMES: Final = 6
NACK_MAX: Final = 128
REPAIR_PACKETS: Final = 200
REPAIR_TIME: Final = 2 * 90000
"""Holes larger than this, in packets or in RTP time, are not asked for again: a key frame is sooner there."""
PICTURE_PATIENCE: Final = 0.6
"""Seconds after which a missing packet of a picture is given up, and a key frame asked for."""


@dataclass(frozen=True, slots=True)
class MediaPacket:
    """What matters of an RTP packet.

    Attributes:
        number: 16-bit sequence number as sent; the classes here make it whole.
        timestamp: 32-bit RTP time as sent.
        arrival: call time in seconds.
    """

    number: int
    timestamp: int
    payload: bytes = field(repr=False)
    marker: bool
    arrival: float


class _Numbers:
    """16-bit sequence numbers made whole."""

    def __init__(self) -> None:
        self.highest: int | None = None

    def whole(self, number: int) -> int:
        """Return the number nearest to the highest so far that ends in these 16 bits; from 65536 on, never negative."""
        if self.highest is None:
            return number + 65536
        return self.highest + ((number - self.highest + 32768) & 0xFFFF) - 32768


class PacketOrder:
    """Reorders the packets of a sound track; hands on all that arrived, skips what did not.

    Attributes:
        late: packets that came after their hole had been skipped, or twice.
    """

    def __init__(self) -> None:
        self.late = 0
        self._numbers = _Numbers()
        self._next: int | None = None
        self._waiting: dict[int, MediaPacket] = {}
        self._strays = 0

    def add(self, packet: MediaPacket) -> list[tuple[MediaPacket, int]]:
        """Take a packet; return those now in order, each with the number of packets missing right before it."""
        whole = self._numbers.whole(packet.number)
        restarted: list[tuple[MediaPacket, int]] = []
        highest = self._numbers.highest
        if highest is not None and abs(whole - highest) > RESTART_STEP:
            self._strays += 1
            if self._strays < 3:
                self.late += 1
                return []
            restarted = self._all()
            self._numbers.highest, self._next = None, None
            whole = self._numbers.whole(packet.number)
        self._strays = 0
        self._numbers.highest = whole if self._numbers.highest is None else max(self._numbers.highest, whole)
        if self._next is None:
            self._next = whole
        if whole < self._next or whole in self._waiting:
            self.late += 1
            return restarted
        self._waiting[whole] = packet
        return restarted + self._ready(packet.arrival)

    def due(self, now: float) -> list[tuple[MediaPacket, int]]:
        """Return what has waited long enough for a hole to be filled."""
        return self._ready(now)

    def _ready(self, now: float) -> list[tuple[MediaPacket, int]]:
        ready: list[tuple[MediaPacket, int]] = []
        while self._waiting and self._next is not None:
            packet = self._waiting.pop(self._next, None)
            missing = 0
            if packet is None:
                first = min(self._waiting)
                waited = now - min(p.arrival for p in self._waiting.values())
                if len(self._waiting) < LATER_PACKETS and waited < HOLE_PATIENCE:
                    break
                missing = first - self._next
                packet = self._waiting.pop(first)
                self._next = first
            ready.append((packet, missing))
            self._next += 1
        return ready

    def _all(self) -> list[tuple[MediaPacket, int]]:
        ready: list[tuple[MediaPacket, int]] = []
        for whole in sorted(self._waiting):
            ready.append((self._waiting[whole], whole - (self._next if self._next is not None else whole)))
            self._next = whole + 1
        self._waiting.clear()
        return ready


@dataclass(frozen=True, slots=True)
class Assembled:
    """One whole coded picture.

    Attributes:
        payloads: of its packets, in order.
        timestamp: 32-bit RTP time.
        arrival: call time of the packet that completed it.
        after_loss: pictures before this one were given up, so that this is a key frame.
    """

    payloads: tuple[bytes, ...] = field(repr=False)
    timestamp: int
    arrival: float
    after_loss: bool


@dataclass(frozen=True, slots=True)
class Wants:
    """What should be asked of the sender.

    Attributes:
        again: 16-bit sequence numbers to be sent again.
        keyframe: nothing can be shown until a key frame comes.
    """

    again: tuple[int, ...] = ()
    keyframe: bool = False


@dataclass(slots=True)
class _Missing:
    since: float
    asked: float | None = None
    times: int = 0


class FrameAssembler:
    """Puts pictures together from packets.

    Args:
        begins_keyframe: tells of a packet's payload whether a key frame begins with it.
    """

    def __init__(self, begins_keyframe: Callable[[bytes], bool]) -> None:
        self._begins_keyframe = begins_keyframe
        self._numbers = _Numbers()
        self._next = 0
        self._packets: dict[int, MediaPacket] = {}
        self._missing: dict[int, _Missing] = {}
        self._blind = True
        self._after_loss = False
        self._strays = 0
        self._stamp = 0  # RTP time of the highest number

    def add(self, packet: MediaPacket) -> list[Assembled]:
        """Take a packet; return the pictures that are whole now, in order."""
        whole = self._numbers.whole(packet.number)
        highest = self._numbers.highest
        if highest is not None and abs(whole - highest) > RESTART_STEP:
            self._strays += 1
            if self._strays < 3:
                return []
            self.forget()
            whole, highest = self._numbers.whole(packet.number), None
        self._strays = 0
        if highest is not None and whole - highest > 1 and self._beyond_repair(packet, whole - highest):
            self.forget()
            whole, highest = self._numbers.whole(packet.number), None
        self._missing.pop(whole, None)
        if whole in self._packets or (not self._blind and whole < self._next):
            return []
        if highest is not None:
            for number in range(highest + 1, whole):
                self._missing[number] = _Missing(packet.arrival)
        if highest is None or whole > highest:
            self._numbers.highest, self._stamp = whole, packet.timestamp
        self._packets[whole] = packet
        if self._blind and self._begins_keyframe(packet.payload):
            self._begin(whole)
        if len(self._packets) > MAX_WAITING_PICTURE:
            self.forget()
            return []
        return self._whole(packet.arrival)

    def due(self, now: float) -> tuple[Wants, list[Assembled]]:
        """Return what to ask for now, and pictures that can be shown because others were given up."""
        given_up = any(
            now - missing.since > PICTURE_PATIENCE
            for number, missing in self._missing.items()
            if number >= self._next
        )
        shown: list[Assembled] = []
        if given_up and not self._blind:
            self._blind, self._after_loss = True, True
            start = next(
                (n for n in sorted(self._packets) if self._begins_keyframe(self._packets[n].payload)), None
            )
            if start is not None and start >= self._next:
                self._begin(start)
                shown = self._whole(now)
        self._missing = {n: m for n, m in self._missing.items() if now - m.since <= PICTURE_PATIENCE}
        if self._blind:
            self._trim()
        again: list[int] = []
        for number, missing in self._missing.items():
            wait = NACK_AFTER if missing.asked is None else NACK_AGAIN
            if (
                now - (missing.since if missing.asked is None else missing.asked) >= wait
                and missing.times < NACK_TIMES
            ):
                missing.asked, missing.times = now, missing.times + 1
                again.append(number & 0xFFFF)
        return Wants(tuple(again[:NACK_MAX]), self._blind), shown

    def forget(self) -> None:
        """Throw away what is unfinished; go on with the next key frame."""
        self._packets.clear()
        self._missing.clear()
        self._numbers = _Numbers()
        self._next = 0
        self._blind, self._after_loss = True, True

    def lose(self) -> None:
        """A picture that was handed on could not be used: go on with the next key frame."""
        self._blind, self._after_loss = True, True

    def _beyond_repair(self, packet: MediaPacket, step: int) -> bool:
        passed = (packet.timestamp - self._stamp) & 0xFFFFFFFF
        return step > REPAIR_PACKETS or REPAIR_TIME < passed < 2**31

    def _begin(self, whole: int) -> None:
        self._blind = False
        self._next = whole
        self._packets = {n: p for n, p in self._packets.items() if n >= whole}
        self._missing = {n: m for n, m in self._missing.items() if n >= whole}

    def _trim(self) -> None:
        """Without a key frame, only what may follow one that is on its way back is worth holding."""
        if len(self._packets) > MAX_WAITING_PICTURE // 2:
            for number in sorted(self._packets)[: MAX_WAITING_PICTURE // 4]:
                del self._packets[number]

    def _whole(self, now: float) -> list[Assembled]:
        shown: list[Assembled] = []
        while not self._blind:
            first = self._packets.get(self._next)
            if first is None:
                break
            end, last = self._next, first
            while not last.marker:
                following = self._packets.get(end + 1)
                if following is None or following.timestamp != first.timestamp:
                    break
                end, last = end + 1, following
            if not last.marker and end + 1 not in self._packets:
                break
            payloads = tuple(
                p for p in (self._packets.pop(n).payload for n in range(self._next, end + 1)) if p
            )
            self._next = end + 1
            if payloads:
                shown.append(Assembled(payloads, first.timestamp, now, self._after_loss))
                self._after_loss = False
        return shown
