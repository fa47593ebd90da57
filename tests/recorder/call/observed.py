"""An observer that remembers what a source told, and refuses what the contract forbids."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from recorder.call.source import Answer, LiveKind, QualitySample, TimedAudio, TimedVideo, TrackKey, Via


@dataclass
class ObservedCall:
    """What was told; `wrong` holds every breach of the contract."""

    people: dict[str, str] = field(default_factory=dict)
    names: list[tuple[str, str]] = field(default_factory=list)
    events: list[tuple[str, object]] = field(default_factory=list)
    open: set[TrackKey] = field(default_factory=set)
    pictures: dict[TrackKey, list[TimedVideo]] = field(default_factory=dict)
    sounds: dict[TrackKey, list[TimedAudio]] = field(default_factory=dict)
    lost: list[tuple[TrackKey, float, float, str]] = field(default_factory=list)
    samples: list[tuple[str, QualitySample]] = field(default_factory=list)
    chats: list[tuple[str, str]] = field(default_factory=list)
    answers: list[tuple[str, Answer]] = field(default_factory=list)
    asks: list[bool] = field(default_factory=list)
    received: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    keep: int = 100_000
    seen: int = 0

    def joined(self, participant: str, name: str, time: float) -> None:
        """Remember."""
        if participant in self.people:
            self.wrong.append("joined twice")
        self.people[participant] = name
        self.events.append(("joined", participant))

    def renamed(self, participant: str, name: str, time: float) -> None:
        """Remember."""
        if participant not in self.people:
            self.wrong.append("renamed while away")
        self.people[participant] = name
        self.names.append((participant, name))
        self.events.append(("renamed", participant))

    def left(self, participant: str, time: float) -> None:
        """Remember."""
        if self.people.pop(participant, None) is None:
            self.wrong.append("left while away")
        if any(track.participant == participant for track in self.open):
            self.wrong.append("left before their tracks ended")
        self.events.append(("left", participant))

    def answered(self, participant: str, answer: Answer, time: float, via: Via = Via.PAGE) -> None:
        """Remember."""
        self.answers.append((participant, answer))

    def chat(self, sender: str, text: str, time: float) -> None:
        """Remember."""
        self.chats.append((sender, text))

    def can_ask(self, able: bool, time: float) -> None:
        """Remember."""
        self.asks.append(able)

    def track_started(self, track: TrackKey, time: float) -> None:
        """Remember."""
        if track in self.open or track in self.pictures or track in self.sounds:
            self.wrong.append("a track started twice")
        if track.participant not in self.people:
            self.wrong.append("a track of somebody who is away")
        if track.participant not in self.received:
            self.wrong.append("a track of somebody who is not received")
        if any(t.participant == track.participant and t.kind is track.kind for t in self.open):
            self.wrong.append("two tracks of one kind at once")
        self.open.add(track)
        (self.sounds if track.kind is LiveKind.MICROPHONE else self.pictures)[track] = []
        self.events.append(("started", track))

    def video(self, track: TrackKey, video: TimedVideo) -> None:
        """Remember."""
        if track not in self.open:
            self.wrong.append("a video outside its track")
            return
        seen = self.pictures[track]
        if seen and video.time <= seen[-1].time:
            self.wrong.append("picture times do not rise")
        seen.append(video)
        self.seen += 1
        if len(seen) > self.keep:
            seen.pop(0)

    def audio(self, track: TrackKey, audio: TimedAudio) -> None:
        """Remember."""
        if track not in self.open:
            self.wrong.append("sound outside its track")
            return
        heard = self.sounds[track]
        if heard and audio.time < heard[-1].time + len(heard[-1].samples) / heard[-1].sample_rate - 1e-6:
            self.wrong.append("sound overlaps")
        if audio.samples.dtype != np.float32 or audio.samples.ndim != 1:
            self.wrong.append("sound is not mono float32")
        heard.append(audio)

    def track_lost(self, track: TrackKey, start: float, end: float, reason: str) -> None:
        """Remember."""
        if track not in self.open:
            self.wrong.append("a loss outside its track")
        if end < start:
            self.wrong.append("a loss that ends before it starts")
        self.lost.append((track, start, end, reason))

    def track_ended(self, track: TrackKey, time: float) -> None:
        """Remember."""
        if track not in self.open:
            self.wrong.append("ended twice")
        self.open.discard(track)
        self.events.append(("ended", track))

    def quality(self, participant: str, sample: QualitySample) -> None:
        """Remember."""
        self.samples.append((participant, sample))

    # What tests ask.

    def pictures_of(self, participant: str) -> list[TimedVideo]:
        """Return everything seen of somebody."""
        return [p for key, seen in self.pictures.items() if key.participant == participant for p in seen]

    def sounds_of(self, participant: str) -> list[TimedAudio]:
        """Return everything heard of somebody."""
        return [s for key, heard in self.sounds.items() if key.participant == participant for s in heard]

    def who(self, name: str) -> str:
        """Return the participant who is there under a name."""
        return next(participant for participant, shown in self.people.items() if shown == name)


async def until(holds: Callable[[], object], *, within: float = 10.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(within):
        while not holds():
            await asyncio.sleep(0.02)
