"""Packets put back in order: nothing that arrived is lost, nothing that was not sent is shown."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.call.rtc.jitter_buffer import (
    HOLE_PATIENCE,
    PICTURE_PATIENCE,
    Assembled,
    FrameAssembler,
    MediaPacket,
    PacketOrder,
)


def sound(number: int, arrival: float) -> MediaPacket:
    return MediaPacket(
        number & 0xFFFF, (number * 960) & 0xFFFFFFFF, number.to_bytes(8, "big"), False, arrival
    )


def identity(packet: MediaPacket) -> int:
    return int.from_bytes(packet.payload[:8], "big")


def through(arrivals: list[tuple[float, int]]) -> list[tuple[int, int]]:
    """Return numbers in the order handed on, each with what was missing before it."""
    order = PacketOrder()
    out: list[tuple[int, int]] = []
    for arrival, number in sorted(arrivals):
        out += [(identity(p), missing) for p, missing in order.due(arrival)]
        out += [(identity(p), missing) for p, missing in order.add(sound(number, arrival))]
    end = max(arrival for arrival, _ in arrivals) + 1
    return out + [(identity(p), missing) for p, missing in order.due(end)]


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("jitter", [0.0, 0.03])
def test_at_least_97_percent_of_what_arrived_is_handed_on(loss: float, jitter: float) -> None:
    """Of 20,000 packets, 97 % of those that came are handed on, in order, at each loss rate, with reordering."""
    chance = random.Random(7)
    arrivals = [
        (n * 0.02 + 0.05 + chance.uniform(-jitter, jitter), n)
        for n in range(100, 20_100)
        if chance.random() >= loss
    ]
    out = through(arrivals)
    numbers = [number for number, _ in out]
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= 0.97 * len(arrivals)


@settings(max_examples=150, deadline=None)
@given(
    start=st.integers(0, 0xFFFF),
    lost=st.sets(st.integers(0, 199), max_size=80),
    twice=st.sets(st.integers(0, 199), max_size=20),
    late=st.dictionaries(st.integers(0, 199), st.floats(0, 0.06), max_size=60),
)
def test_holes_are_counted_exactly(
    start: int, lost: set[int], twice: set[int], late: dict[int, float]
) -> None:
    """Numbers rise, none comes twice, and every number between the first and the last is handed on or missing."""
    came = [n for n in range(200) if n not in lost]
    if not came:
        return
    arrivals = [(n * 0.02 + late.get(n, 0.0), n + start) for n in came]
    arrivals += [(n * 0.02 + 0.01, n + start) for n in twice if n in came]
    out = through(arrivals)
    numbers = [number for number, _ in out]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] - numbers[0] + 1 == len(numbers) + sum(missing for _, missing in out[1:])


def test_a_hole_without_followers_is_skipped_in_time() -> None:
    """When few packets follow a hole, they are handed on after the patience, not held for ever."""
    order = PacketOrder()
    assert [identity(p) for p, _ in order.add(sound(10, 0.0))] == [10]
    assert order.add(sound(12, 0.04)) == []
    assert order.due(0.04 + HOLE_PATIENCE / 2) == []
    assert [(identity(p), missing) for p, missing in order.due(0.05 + HOLE_PATIENCE)] == [(12, 1)]


def test_another_beginning_is_followed() -> None:
    """A sender that starts its numbers anew is heard again after three packets."""
    order = PacketOrder()
    for n in range(100, 120):
        order.add(sound(n, n * 0.02))
    out = [identity(p) for n in range(40_000, 40_010) for p, _ in order.add(sound(n, n * 0.02))]
    assert out == list(range(40_002, 40_010))


# Pictures: a payload is b"K" or b"P", then the number of its picture.


def packets_of(pictures: int, *, every: int = 10, size: int = 3, start: int = 65_000) -> list[MediaPacket]:
    """Return the packets of pictures of `size` packets each; every so many begins with a key frame."""
    found = []
    for picture in range(pictures):
        for part in range(size):
            key = picture % every == 0 and part == 0
            payload = (b"K" if key else b"P") + picture.to_bytes(4, "big")
            number = start + picture * size + part
            when = picture / 30 + part * 0.001
            found.append(MediaPacket(number & 0xFFFF, picture * 3000, payload, part == size - 1, when))
    return found


def assembled(packets: list[MediaPacket]) -> list[Assembled]:
    frames = FrameAssembler(lambda payload: payload[:1] == b"K")
    shown: list[Assembled] = []
    for packet in packets:
        shown += frames.due(packet.arrival)[1]
        shown += frames.add(packet)
    return shown + frames.due(packets[-1].arrival + 1)[1]


@settings(max_examples=120, deadline=None)
@given(
    lost=st.sets(st.integers(0, 359), max_size=40),
    swaps=st.lists(st.integers(0, 350), max_size=40),
)
def test_no_picture_is_shown_without_its_predecessors(lost: set[int], swaps: list[int]) -> None:
    """Shown pictures are whole, rise, and follow each other without a hole except where a key frame begins anew."""
    packets = packets_of(120)
    for at in swaps:
        packets[at], packets[at + 3] = packets[at + 3], packets[at]
    shown = assembled([p for n, p in enumerate(packets) if n not in lost])
    last: int | None = None
    for frame in shown:
        assert len(frame.payloads) == 3
        numbers = {int.from_bytes(p[1:5], "big") for p in frame.payloads}
        assert len(numbers) == 1
        number = numbers.pop()
        if last is not None and number != last + 1:
            assert number > last
            assert frame.payloads[0][:1] == b"K"
            assert frame.after_loss
        last = number


def test_without_loss_every_picture_is_shown_through_reordering_and_wrapping_numbers() -> None:
    """Numbers that wrap and packets that overtake others cost nothing."""
    chance = random.Random(3)
    packets = sorted(packets_of(200, start=65_400), key=lambda p: p.arrival + chance.uniform(0, 0.05))
    first = next(n for n, p in enumerate(packets) if p.payload[:1] == b"K")
    shown = assembled(packets[first:])
    assert len(shown) >= 198
    assert not any(frame.after_loss for frame in shown)


def test_what_is_missing_is_asked_for_and_then_given_up() -> None:
    """A missing packet is asked for a bounded number of times; then a key frame is, and nothing is shown before it."""
    packets = packets_of(40, every=1000)
    frames = FrameAssembler(lambda payload: payload[:1] == b"K")
    asked: list[int] = []
    shown = 0
    blind_at: float | None = None
    for n, packet in enumerate(packets):
        if n == 31:
            continue
        wants, more = frames.due(packet.arrival)
        asked += wants.again
        shown += len(more)
        if wants.keyframe and n > 40 and blind_at is None:
            blind_at = packet.arrival
        shown += len(frames.add(packet))
    assert set(asked) == {packets[31].number}
    assert 2 <= len(asked) <= 6
    assert blind_at is not None
    assert blind_at - packets[31].arrival == pytest.approx(PICTURE_PATIENCE, abs=0.1)
    assert shown == 10


def test_a_packet_that_is_sent_again_fills_its_hole() -> None:
    """Held pictures are shown at once when the missing packet comes, none marked as after a loss."""
    packets = packets_of(12)
    again = packets.pop(16)
    frames = FrameAssembler(lambda payload: payload[:1] == b"K")
    shown = [frame for packet in packets[:25] for frame in frames.add(packet)]
    assert len(shown) == 5
    shown += frames.add(again)
    assert len(shown) == 8
    assert not any(frame.after_loss for frame in shown)


def test_memory_is_bounded_when_no_key_frame_ever_comes() -> None:
    """Packets that can never be shown are thrown away."""
    frames = FrameAssembler(lambda _: False)
    for n in range(30_000):
        frames.add(MediaPacket(n & 0xFFFF, n * 3000, b"P", True, n / 30))
        frames.due(n / 30)
    assert len(frames._packets) <= 4096
    assert len(frames._missing) <= 4096


@pytest.mark.parametrize("gap", [250, 100])
def test_a_long_hole_is_not_asked_for_again(gap: int) -> None:
    """After a hole of 200 packets, or of two seconds, nothing of it is asked for; a key frame is, at once."""
    packets = packets_of(200, every=1000, size=1)[:20]
    late = [
        MediaPacket(
            (p.number + gap) & 0xFFFF, p.timestamp + gap * 3000, p.payload, True, p.arrival + gap / 30
        )
        for p in packets[1:]
    ]
    frames = FrameAssembler(lambda payload: payload[:1] == b"K")
    shown = [frame for packet in packets for frame in frames.add(packet)]
    assert len(shown) == 20
    assert [frame for packet in late[20 - 1 :] for frame in frames.add(packet)] == []
    for packet in late:
        frames.add(packet)
    wants, _ = frames.due(late[-1].arrival + 0.05)
    assert wants.keyframe
    assert wants.again == ()
