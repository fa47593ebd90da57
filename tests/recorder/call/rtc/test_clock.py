"""One call clock: sound and picture of one capture agree, for hours, whatever a sender's clocks do."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.call.rtc.clock import CallClock, RtpClock, SenderClock, ntp_seconds

NTP = 3_900_000_000.0


class Sender:
    """A sender whose NTP and RTP clocks drift, behind a network that delays at random."""

    def __init__(
        self, *, ntp_ppm: float = 0, sound_ppm: float = 0, picture_ppm: float = 0, picture_work: float = 0.03
    ) -> None:
        self.chance = random.Random(1)
        self.ntp_rate = 1 + ntp_ppm * 1e-6
        shared = SenderClock()
        self.tracks = {
            "sound": (RtpClock(shared, 48000), 48000 * (1 + sound_ppm * 1e-6), 4_294_000_000, 0.010),
            "picture": (RtpClock(shared, 90000), 90000 * (1 + picture_ppm * 1e-6), 12_345, picture_work),
        }

    def rtp(self, name: str, captured: float) -> int:
        _, rate, start, _ = self.tracks[name]
        return (start + round(captured * rate)) & 0xFFFFFFFF

    def delay(self) -> float:
        return 0.02 + self.chance.expovariate(1 / 0.01)

    def media(self, name: str, captured: float) -> float:
        clock, _, _, work = self.tracks[name]
        return clock.time(self.rtp(name, captured), captured + work + self.delay())

    def report(self, name: str, at: float) -> None:
        clock = self.tracks[name][0]
        clock.report(NTP + at * self.ntp_rate, self.rtp(name, at), at + self.delay())


@pytest.mark.parametrize("ppm", [(0, 0, 0), (40, 80, -60), (-100, -100, 100)])
def test_sound_and_picture_agree_at_start_and_after_an_hour(ppm: tuple[int, int, int]) -> None:
    """What was captured at one instant is placed within 60 ms of each other, from the first second to past an hour."""
    sender = Sender(ntp_ppm=ppm[0], sound_ppm=ppm[1], picture_ppm=ppm[2])
    worst, last_sound, last_picture = 0.0, -1.0, -1.0
    reported = 2.0
    for step in range(3700 * 10):
        now = step / 10
        if now >= reported:
            for name in sender.tracks:
                sender.report(name, now + sender.chance.uniform(0, 0.05))
            reported = now + sender.chance.uniform(1, 6)
        sound, picture = sender.media("sound", now), sender.media("picture", now)
        assert sound >= last_sound
        assert picture >= last_picture
        last_sound, last_picture = sound, picture
        worst = max(worst, abs(sound - picture))
        assert abs(sound - now) < 0.2
    assert worst < 0.060


@pytest.mark.parametrize("reports", [True, False])
def test_reports_undo_what_encoding_takes(reports: bool) -> None:
    """Pictures that leave 150 ms after capture agree with their sound once reports came, and only then."""
    sender = Sender(picture_work=0.15)
    apart = 0.0
    for step in range(200):
        now = step / 10
        if reports and step % 20 == 10:
            for name in sender.tracks:
                sender.report(name, now)
        apart = abs(sender.media("sound", now) - sender.media("picture", now))
    assert (apart < 0.03) is reports


def test_without_reports_arrival_times_stand_in() -> None:
    """A sender that never reports is placed by its quickest packets, within the jitter of the network."""
    sender = Sender(ntp_ppm=0, sound_ppm=50, picture_ppm=-50)
    apart = [abs(sender.media("sound", n / 10) - sender.media("picture", n / 10)) for n in range(6000)]
    assert max(apart[20:]) < 0.060


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.floats(0, 0.5)), min_size=2, max_size=60))
def test_time_never_falls_and_stays_near_arrival_for_any_stamps(steps: list[tuple[int, float]]) -> None:
    """Whatever RTP times a sender invents, call time rises and stays within seconds of the arrival."""
    clock, now, last = RtpClock(SenderClock(), 90000), 10.0, -1.0
    for rtp, wait in steps:
        now += wait
        placed = clock.time(rtp, now)
        assert placed >= last
        assert now - 5.1 <= placed <= now + 1.1
        last = placed


def test_stamps_that_run_backwards_do_not_hold_time_up() -> None:
    """RTP time that falls with every packet leaves call time at most five seconds behind."""
    clock = RtpClock(SenderClock(), 90000)
    for n in range(3000):
        placed = clock.time((10_000_000 - n * 3000) & 0xFFFFFFFF, n / 30)
        assert placed >= n / 30 - 5.1


def test_wrapping_stamps_are_no_step() -> None:
    """RTP time that wraps goes on evenly."""
    clock = RtpClock(SenderClock(), 90000)
    times = [clock.time((2**32 - 30_000 + n * 3000) & 0xFFFFFFFF, n / 30) for n in range(40)]
    assert all(
        later - earlier == pytest.approx(1 / 30, abs=1e-3) for earlier, later in itertools.pairwise(times)
    )


def test_a_lying_report_is_not_believed() -> None:
    """A report that would place media hours away changes nothing."""
    clock = RtpClock(SenderClock(), 48000)
    for n in range(50):
        clock.time(n * 960, 1 + n * 0.02)
    clock.report(NTP, (50 * 960 + 48000 * 4000) & 0xFFFFFFFF, 2.0)
    assert clock.time(50 * 960, 2.0) == pytest.approx(2.0, abs=0.1)


def test_a_senders_clock_that_is_set_anew_moves_nothing() -> None:
    """NTP time that jumps by an hour is followed without a step in call time."""
    sender = Sender(ntp_ppm=0, sound_ppm=0, picture_ppm=0)
    before = after = 0.0
    for step in range(1200):
        now = step / 10
        if step % 20 == 5:
            clock = sender.tracks["sound"][0]
            jump = 3600 if now > 60 else 0
            clock.report(NTP + now + jump, sender.rtp("sound", now), now + sender.delay())
        placed = sender.media("sound", now) - now
        if 50 < now < 60:
            before = placed
        after = placed
    assert after == pytest.approx(before, abs=0.03)


def test_call_time_rises_from_nought() -> None:
    """A new clock stands at nought and rises."""
    clock = CallClock()
    first = clock.now()
    assert 0 <= first < 1
    assert clock.now() >= first


def test_ntp_timestamps_are_read() -> None:
    """64-bit NTP time is seconds and a 32-bit fraction."""
    assert ntp_seconds((5 << 32) + (1 << 31)) == 5.5
