"""Who withdraws is obeyed at once, whatever others send meanwhile: measured with threads, queues and a disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from recorder.call.source import (
    Answer,
    CallObserver,
    Ended,
    LiveKind,
    QualitySample,
    TimedAudio,
    TrackKey,
)
from redaction.model import Box
from redaction.policy import ConsentSection, Policy
from tests.recorder.live.capture.flooded import check_obeyed, flooded_session
from tests.recorder.live.fakes import FakeSource
from tests.recorder.live.scene import picture

ADA, MALLORY = "ada", "mallory"

Flood = Callable[[CallObserver], Iterator[None]]


def names(to: CallObserver) -> Iterator[None]:
    """Three hundred join, each under twenty names."""
    for number in range(300):
        to.joined(f"n{number}", f"Person{number} Surname{number}", 1)
        for other in range(20):
            to.renamed(f"n{number}", f"Person{number}{other} Surname{number}{other}", 1)
        yield


def comings(to: CallObserver) -> Iterator[None]:
    """A hundred who agreed come and go all the time."""
    for number in range(4000):
        who = f"c{number % 100}"
        to.joined(who, "Somebody", 1)
        to.answered(who, Answer.YES, 1)
        to.left(who, 1)
        yield


def answers(to: CallObserver) -> Iterator[None]:
    """Fifty change their minds all the time."""
    for number in range(50):
        to.joined(f"w{number}", "Somebody", 1)
    for number in range(4000):
        to.answered(f"w{number % 50}", (Answer.YES, Answer.NO, Answer.ERASE)[number % 3], number)
        yield


def chat(to: CallObserver) -> Iterator[None]:
    """Somebody writes all the time, and nearly says a command."""
    for number in range(8000):
        to.chat(MALLORY, ("/record maybe", "spam " * 30)[number % 2], number)
        yield


def tracks(to: CallObserver) -> Iterator[None]:
    """Somebody who is recorded begins and ends tracks all the time, with one picture in each."""
    for number in range(600):
        kind = (LiveKind.CAMERA, LiveKind.SCREEN, LiveKind.MICROPHONE)[number % 3]
        key = TrackKey(MALLORY, kind, number + 2)
        at = 1 + number / 100
        to.track_started(key, at)
        if kind is LiveKind.MICROPHONE:
            to.audio(key, TimedAudio(np.zeros(480, np.float32), 48_000, at))
        else:
            to.video(key, picture([Box(100, 40, 156, 96)], at=at))
        to.track_ended(key, at + 0.1)
        yield


def media(to: CallObserver) -> Iterator[None]:
    """Somebody who is recorded sends pictures, sound and figures as fast as they can be taken."""
    screen, microphone = TrackKey(MALLORY, LiveKind.SCREEN), TrackKey(MALLORY, LiveKind.MICROPHONE)
    to.track_started(screen, 1)
    to.track_started(microphone, 1)
    one = picture([Box(100, 40, 156, 96)], at=1)
    for number in range(4000):
        at = 1 + number / 100
        to.video(screen, type(one)(one.frame, at))
        to.audio(microphone, TimedAudio(np.full(480, 0.1, np.float32), 48_000, at))
        to.quality(MALLORY, QualitySample(at, packets=number))
        yield


async def _pour(flood: Iterator[None]) -> None:
    """Send a flood, a hundred messages at each turn of the event loop, for two seconds at most."""
    end = time.monotonic() + 2
    for number, _ in enumerate(flood):
        if number % 100 == 0:
            await asyncio.sleep(0)
            if time.monotonic() > end:
                return


@pytest.mark.parametrize("flood", [names, comings, answers, chat, tracks, media])
def test_a_withdrawal_is_obeyed_under_a_flood(
    tmp_path: Path, flood: Flood, record_property: Callable[[str, object], None]
) -> None:
    """While others flood the call, who says no is off the disk within seconds, and nothing of them comes back."""
    took: list[float] = []
    people = tmp_path / "live" / "people"

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        to.can_ask(True, 0)
        for who in (ADA, MALLORY):
            to.joined(who, who.title(), 0.1)
        to.answered(ADA, Answer.YES, 0.2)
        while not list(people.iterdir()):
            await asyncio.sleep(0.01)
        (folder,) = people.iterdir()
        to.answered(MALLORY, Answer.YES, 0.2)
        camera = TrackKey(ADA, LiveKind.CAMERA)
        to.track_started(camera, 0.3)
        for index in range(30):
            to.video(camera, picture([Box(100, 40, 156, 96)], at=0.3 + index / 30))
        while not list(folder.glob("camera-*.mp4")):
            await asyncio.sleep(0.01)

        async def withdraw() -> None:
            due = time.monotonic() + 0.3
            await asyncio.sleep(0.3)
            to.answered(ADA, Answer.ERASE, 3)
            to.video(camera, picture([Box(100, 40, 156, 96)], at=3.1))
            while folder.exists():
                await asyncio.sleep(0.005)
            took.append(time.monotonic() - due)

        async with asyncio.TaskGroup() as group:
            group.create_task(_pour(flood(to)))
            group.create_task(withdraw())
        assert not folder.exists()
        return Ended.OVER

    with flooded_session(tmp_path, FakeSource(script), Policy(consent=ConsentSection()), cores=2) as session:
        asyncio.run(session.run())
    check_obeyed(session, took[0], flood.__name__, record_property)
