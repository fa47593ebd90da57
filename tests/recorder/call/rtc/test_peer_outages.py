"""What a peer makes of a network that loses, delays and cuts: what came is delivered, what did not is told."""

from __future__ import annotations

import asyncio
import itertools
import time

import aioice.ice
import pytest

from tests.recorder.call.network import Network
from tests.recorder.call.observed import until
from tests.recorder.call.rtc.lines import CAMERA, MICROPHONE, line, run
from tests.recorder.call.senders import middle_colour

pytestmark = pytest.mark.usefixtures("loopback_senders")


@pytest.mark.parametrize(("loss", "jitter"), [(0.01, 0.0), (0.05, 0.03), (0.1, 0.0), (0.2, 0.02)])
def test_sound_that_arrived_is_delivered_whatever_was_lost(loss: float, jitter: float) -> None:
    """At least 97 % of the sound packets that came through are handed on; every hole is told as lost."""

    async def go() -> None:
        async with line(Network(loss=0, delay=0.02, jitter=jitter)) as here:
            here.receive(True)
            await until(lambda: len(here.observed.sounds.get(MICROPHONE, [])) > 5)
            sound_type = next(kind for kind in here.network.passed if kind == 96)
            before, had = here.network.passed[sound_type], len(here.observed.sounds[MICROPHONE])
            here.network.loss = loss
            await asyncio.sleep(4)
            here.network.loss = 0
            await asyncio.sleep(0.4)
            came = here.network.passed[sound_type] - before
            got = len(here.observed.sounds[MICROPHONE]) - had
            assert came > 120
            assert got >= 0.97 * came - 2
            holes = [
                (a.time + len(a.samples) / 48000, b.time)
                for a, b in itertools.pairwise(here.observed.sounds[MICROPHONE])
                if b.time - a.time - len(a.samples) / 48000 > 1e-4
            ]
            observed = {(start, end) for track, start, end, _ in here.observed.lost if track == MICROPHONE}
            assert set(holes) == observed
            if loss >= 0.1:
                assert observed
                assert sum(sample.lost for _, sample in here.observed.samples) > 0

    run(go)


def test_pictures_survive_loss_by_asking_again() -> None:
    """At 5 % loss with reordering at least nine of ten pictures are seen; only whole ones are."""

    async def go() -> None:
        async with line(Network(loss=0.05, delay=0.01, jitter=0.02), colour=(200, 30, 220)) as here:
            here.receive(True)
            await until(lambda: here.observed.pictures.get(CAMERA))
            seen = len(here.observed.pictures[CAMERA])
            start = time.monotonic()
            await asyncio.sleep(4)
            rate = (len(here.observed.pictures[CAMERA]) - seen) / (time.monotonic() - start)
            assert rate > 27
            for picture in here.observed.pictures[CAMERA][::10]:
                assert middle_colour(picture.frame) == pytest.approx((200, 30, 220), abs=4)

    run(go)


def test_an_outage_is_one_hole_in_the_sound_and_repaired_in_the_picture() -> None:
    """After 1.5 s without a packet the sound has one hole, told as lost; pictures were asked for again, or are told."""

    async def go() -> None:
        async with line() as here:
            here.receive(True)
            await until(lambda: len(here.observed.pictures.get(CAMERA, [])) > 10)
            here.network.cut = True
            await asyncio.sleep(1.5)
            here.network.cut = False
            seen = len(here.observed.pictures[CAMERA])
            await until(lambda: len(here.observed.pictures[CAMERA]) > seen + 60)
            holes = [
                (start, end, reason)
                for track, start, end, reason in here.observed.lost
                if track == MICROPHONE
            ]
            assert len(holes) == 1
            assert holes[0][2] == "loss"
            assert 1.4 < holes[0][1] - holes[0][0] < 1.7
            observed = {(start, end) for track, start, end, _ in here.observed.lost if track == CAMERA}
            for earlier, later in itertools.pairwise(here.observed.pictures[CAMERA]):
                assert later.time - earlier.time < 0.2 or (earlier.time, later.time) in observed

    run(go)


@pytest.mark.parametrize("seconds", [3.0, 12.0])
def test_a_long_outage_is_one_hole_and_then_it_goes_on(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage sound and picture are there again in their right places, and all that was missed is told."""
    # ICE itself ends after 27 to 33 s, and who comes back then is a new track
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 9)

    async def go() -> None:
        async with line() as here:
            here.receive(True)
            await until(lambda: len(here.observed.pictures.get(CAMERA, [])) > 10)
            here.network.cut = True
            await asyncio.sleep(seconds)
            here.network.cut = False
            last = here.observed.pictures[CAMERA][-1].time
            await until(lambda: here.observed.pictures[CAMERA][-1].time > last + seconds + 1)
            sounds, pictures = here.observed.sounds[MICROPHONE], here.observed.pictures[CAMERA]
            for track, found in ((MICROPHONE, sounds), (CAMERA, pictures)):
                (hole,) = [(a, b) for of, a, b, _ in here.observed.lost if of == track and b - a > 1]
                assert hole[1] - hole[0] == pytest.approx(seconds, abs=1.5)
                assert not [one for one in found if hole[0] + 0.03 < one.time < hole[1] - 1e-6]
            assert abs(sounds[-1].time - here.clock.now()) < 0.5
            assert abs(pictures[-1].time - here.clock.now()) < 0.5

    run(go)


def test_the_round_trip_is_that_of_the_path() -> None:
    """What the path takes both ways is told, nothing while it is cut, and again afterwards."""

    async def go() -> None:
        async with line() as here:
            here.receive(True)
            here.network.path = 0.08
            await until(lambda: any((s.round_trip_ms or 0) > 150 for _, s in here.observed.samples))
            assert all((s.round_trip_ms or 0) < 400 for _, s in here.observed.samples)
            here.network.cut = True
            await until(lambda: here.observed.samples[-1][1].round_trip_ms is None)
            here.network.cut, here.network.path = False, 0.0
            await until(lambda: 0 < (here.observed.samples[-1][1].round_trip_ms or 0) < 100)

    run(go)
