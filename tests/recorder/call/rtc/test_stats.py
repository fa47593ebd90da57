"""Loss, jitter and freezes, counted as the standards have it."""

from __future__ import annotations

import random

import pytest

from recorder.call.rtc.stats import QualityMeter, Reception, VideoFlow


def received(numbers: list[int], *, jitter: float = 0.0) -> Reception:
    chance, reception = random.Random(1), Reception()
    for n in numbers:
        reception.add(n & 0xFFFF, (n * 960) & 0xFFFFFFFF, 48000, n * 0.02 + chance.uniform(0, jitter))
    return reception


def test_loss_is_what_the_numbers_lack() -> None:
    """Missing numbers count as lost, through a wrap, and late ones no more."""
    reception = received([n for n in range(65_500, 65_700) if n % 10])
    assert reception.packets == 180
    assert reception.lost == 19
    fraction, total, highest, _ = reception.report()
    assert (fraction, total) == ((19 << 8) // 199, 19)
    assert highest & 0xFFFF == 65_699 & 0xFFFF
    reception.add(65_510 & 0xFFFF, 0, 48000, 10.0)
    assert reception.lost == 18


def test_another_source_is_no_loss() -> None:
    """A restart at other numbers loses nothing."""
    reception = received(list(range(100)))
    reception.restart()
    for n in range(5000, 5100):
        reception.add(n, n * 960, 48000, 10 + n * 0.02)
    assert (reception.packets, reception.lost) == (200, 0)


def test_jitter_follows_the_network() -> None:
    """Even arrival has none; arrival spread over 30 ms has about 10 ms of it."""
    assert received(list(range(500))).jitter_s < 1e-6
    assert received(list(range(500)), jitter=0.03).jitter_s == pytest.approx(0.010, abs=0.004)


def test_a_freeze_is_a_pause_of_three_steps_and_150_ms() -> None:
    """At 30 a second, 200 ms is a freeze and 120 ms is none."""
    flow = VideoFlow()
    time = 0.0
    for step in [1 / 30] * 40 + [0.12] + [1 / 30] * 40 + [0.2] + [1 / 30] * 5:
        time += step
        flow.add(time, 640, 360)
    assert flow.freezes == 1


def test_a_sample_is_what_happened_since_the_last() -> None:
    """Counters that grow become figures of one second each."""
    meter, reception, flow = QualityMeter(0.0), received(list(range(50))), VideoFlow()
    reception.size = 12_500
    for n in range(30):
        flow.add(n / 30, 640, 360)
    meter.concealed += 0.04
    first = meter.sample(1.0, [reception], flow)
    assert (first.packets, first.lost, first.fps, first.bitrate_kbps) == (50, 0, 30, 100)
    assert (first.width, first.height, first.concealed_ms) == (640, 360, 40)
    second = meter.sample(2.0, [reception], flow)
    assert (second.packets, second.fps, second.bitrate_kbps, second.concealed_ms) == (0, 0, 0, 0)
