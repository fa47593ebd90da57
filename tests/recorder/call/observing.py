"""An observer that remembers, and one that does as a consent book says, for tests of ways into a call."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np

from recorder.call.consent.state import Action, ConsentBook, ConsentOutcome
from recorder.call.source import (
    Answer,
    CallObserver,
    CallSource,
    LiveKind,
    QualitySample,
    TimedAudio,
    TimedVideo,
    TrackKey,
    Via,
)
from redaction.model import Samples

__all__ = ["Obedient", "Watcher", "loudest_hz", "running", "sounds_like", "tone"]


class Watcher(CallObserver):
    """Remembers all that happens; of pictures the mean brightness alone."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.crowd = 0
        self.names: dict[str, str] = {}
        self.here: set[str] = set()
        self.answers: list[tuple[str, Answer, Via]] = []
        self.ages: list[tuple[str, bool]] = []
        self.lines: list[tuple[str, str]] = []
        self.asking: list[bool] = []
        self.started: list[TrackKey] = []
        self.ended: list[TrackKey] = []
        self.bright: dict[TrackKey, list[float]] = defaultdict(list)
        self.sounds: dict[TrackKey, list[TimedAudio]] = defaultdict(list)

    def joined(self, participant: str, name: str, time: float) -> None:
        self.events.append(("joined", participant))
        self.names[participant] = name
        self.here.add(participant)

    def renamed(self, participant: str, name: str, time: float) -> None:
        self.events.append(("renamed", participant))
        self.names[participant] = name

    def left(self, participant: str, time: float) -> None:
        self.events.append(("left", participant))
        self.here.discard(participant)

    def answered(self, participant: str, answer: Answer, time: float, via: Via = Via.PAGE) -> None:
        self.answers.append((participant, answer, via))

    def declared(self, participant: str, adult: bool, time: float) -> None:
        self.ages.append((participant, adult))

    def chat(self, sender: str, text: str, time: float) -> None:
        self.lines.append((sender, text))

    def can_ask(self, able: bool, time: float) -> None:
        self.asking.append(able)

    def track_started(self, track: TrackKey, time: float) -> None:
        self.started.append(track)

    def video(self, track: TrackKey, video: TimedVideo) -> None:
        self.bright[track].append(float(video.frame.to_ndarray(format="gray").mean()))

    def audio(self, track: TrackKey, audio: TimedAudio) -> None:
        self.sounds[track].append(audio)

    def track_lost(self, track: TrackKey, start: float, end: float, reason: str) -> None:
        self.events.append(("lost", track.participant))

    def track_ended(self, track: TrackKey, time: float) -> None:
        self.ended.append(track)

    def quality(self, participant: str, sample: QualitySample) -> None:
        self.events.append(("quality", participant))

    def turned_away(self, connections: int) -> None:
        self.crowd += connections

    def amount(self, participant: str) -> int:
        """Return how many pictures and blocks of sound came of a participant."""
        counts = [len(items) for key, items in self.bright.items() if key.participant == participant]
        counts += [len(items) for key, items in self.sounds.items() if key.participant == participant]
        return sum(counts)

    def heard(self, participant: str) -> Samples:
        """Return what was heard of a participant, joined."""
        blocks = [
            block.samples
            for key, items in self.sounds.items()
            if key.participant == participant and key.kind is LiveKind.MICROPHONE
            for block in items
            if not block.concealed
        ]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def one(self, name: str) -> str:
        """Return the id of the participant who is here under a name."""
        (found,) = (key for key in self.here if self.names[key] == name)
        return found

    async def until(self, condition: Callable[[], bool], seconds: float = 15) -> None:
        """Wait until a condition holds."""
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.02)


class Obedient(Watcher):
    """Does as a consent book says: the smallest session."""

    def __init__(self, book: ConsentBook) -> None:
        super().__init__()
        self.book = book
        self.outcomes: asyncio.Queue[ConsentOutcome] = asyncio.Queue()
        self.stored: set[str] = set()
        self.wanted: set[str] = set()

    def receipt_of(self, participant: str) -> str:
        standing = self.book.status(participant)
        return standing.receipt if standing is not None and participant in self.stored else ""

    def _do(self, outcome: ConsentOutcome) -> None:
        for step in outcome.decisions:
            if step.action is Action.RECEIVE:
                self.stored.add(step.participant)
                self.wanted.add(step.participant)
            else:
                self.wanted.discard(step.participant)
            if step.action is Action.ERASE:
                self.stored.discard(step.participant)
        self.outcomes.put_nowait(outcome)

    async def carry_out(self, source: CallSource) -> None:
        """Tell the source what follows, for ever."""
        while True:
            outcome = await self.outcomes.get()
            for step in outcome.decisions:
                await source.receive(step.participant, step.action is Action.RECEIVE)
            for notice in outcome.notices:
                await source.notify(notice.text, to=notice.to)

    def joined(self, participant: str, name: str, time: float) -> None:
        super().joined(participant, name, time)
        self._do(self.book.joined(participant, name, time))

    def renamed(self, participant: str, name: str, time: float) -> None:
        super().renamed(participant, name, time)
        self._do(self.book.renamed(participant, name, time))

    def left(self, participant: str, time: float) -> None:
        super().left(participant, time)
        self._do(self.book.left(participant, time))

    def answered(self, participant: str, answer: Answer, time: float, via: Via = Via.PAGE) -> None:
        super().answered(participant, answer, time, via)
        self._do(self.book.answered(participant, answer, time, via))

    def declared(self, participant: str, adult: bool, time: float) -> None:
        super().declared(participant, adult, time)
        self._do(self.book.declared(participant, adult, time))

    def chat(self, sender: str, text: str, time: float) -> None:
        super().chat(sender, text, time)
        self._do(self.book.chat(sender, text, time))

    def can_ask(self, able: bool, time: float) -> None:
        super().can_ask(able, time)
        self._do(self.book.can_ask(able, time))


@asynccontextmanager
async def running(source: CallSource, observer: CallObserver) -> AsyncIterator[None]:
    """Hold a source in its call, and an obedient observer at work; a failure of either fails the block."""
    call = asyncio.ensure_future(source.run(observer))
    work = asyncio.ensure_future(observer.carry_out(source)) if isinstance(observer, Obedient) else None
    try:
        yield
        for task in (call, work):
            if task is not None and task.done():
                task.result()
    finally:
        call.cancel()
        if work is not None:
            work.cancel()
        await asyncio.gather(call, *([work] if work is not None else []), return_exceptions=True)
        await source.close()


def tone(hertz: float) -> Samples:
    """Return a second of a tone, float32 mono at 48,000 Hz, that can be played over and over."""
    return (0.4 * np.sin(2 * np.pi * hertz * np.arange(48_000) / 48_000)).astype(np.float32)


def loudest_hz(samples: Samples, rate: int = 48_000) -> float:
    """Return the frequency with the most power."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / rate)[int(power.argmax())])


def sounds_like(samples: Samples, hertz: float) -> bool:
    """Tell whether the last third of a second is this tone; clocks that are put right may bend it by a few percent."""
    return abs(loudest_hz(samples[-16_384:]) / hertz - 1) < 0.08
