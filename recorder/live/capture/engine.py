"""The live engine: tracks of those who agreed go in, redacted pieces in the journal come out, during the call."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from recorder.call.source import LiveKind, TimedAudio, TimedVideo
from recorder.live.capture.age_state import Adulthood, ParticipantAge
from recorder.live.capture.audio_track import Microphone, loudness
from recorder.live.capture.audio_worker import AudioWorker
from recorder.live.capture.load_shedding import Governor, Level
from recorder.live.capture.video_track import TrackOwner, VideoTrack
from recorder.live.capture.video_worker import Lane, Lost, VideoWorker
from recorder.live.store.journal import ErasureFigures, Journal
from recorder.live.store.segments import TIME_BASE
from recorder.media.planes import black
from recorder.runtime.context import Run
from recorder.runtime.hardening import lower_priority
from redaction.errors import InternalError
from redaction.model import Box, Event, EventKind, Span, VideoFrame
from redaction.stages import Stages
from redaction.video.faces.examine import FAULTS
from redaction.video.redact import VideoStages
from redaction.video.screen.known_names import MOST_SEEN, must_mask

__all__ = ["LaneState", "LiveEngine", "LoadSnapshot", "PersonLoad"]

_WATCH_EVERY_S: Final = 0.5
_HANGS_AFTER_S: Final = 10.0
_SOUND_HANGS_AFTER_S: Final = 180.0  # twenty seconds of speech take seconds, on a busy machine many
_WARM_PX: Final = 64
_FINISH_S: Final = 600.0
_SPEAKING_DB: Final = -45.0
_SPEAKING_HOLD_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class LaneState:
    """How the engine does with one track.

    Attributes:
        level: full, sparse, half, few or covered.
        gaps: stretches that were lost so far.
        covered: covers in the last stored picture.
    """

    lag_s: float = 0.0
    level: str = "full"
    gaps: int = 0
    speaking: bool = False
    covered: int = 0
    drops: int = 0


@dataclass(frozen=True, slots=True)
class PersonLoad:
    """How the engine does with one participant."""

    token: str
    covered: int
    speaking: bool
    lag_s: float
    level: str
    drops: int


@dataclass(frozen=True, slots=True)
class LoadSnapshot:
    """How the engine does.

    Attributes:
        stored_bytes: redacted media on the disk.
    """

    people: tuple[PersonLoad, ...]
    stored_bytes: int


@dataclass(slots=True)
class _Person:
    age: ParticipantAge
    pictures: dict[int, tuple[LiveKind, Lane, VideoWorker]] = field(default_factory=dict)
    sounds: dict[int, Microphone] = field(default_factory=dict)
    spoke: float = float("-inf")
    spoken_s: float = 0.0
    told_minor: bool = False


class LiveEngine:
    """Redacts a call while it goes on.

    `open`, `picture`, `sound`, `lost`, `end` and `state` are for the event loop: they never block and never raise for
    what a participant sends. `forget` and `finish` take their time: call them in a thread.

    Args:
        stages: policy and models.
        journal: where redacted pieces go.
        cores: picture threads; as many as the machine has, at most four, when None.
        on_minor: told once, from any thread, the token of a participant who was not proved an adult.
        on_error: told, from any thread, what a stage or the disk raised; the track goes on covered or silent.
        video: makes the models of one picture thread; for tests.

    Attributes:
        broken: a thread hung or died, so that what it had to redact is covered or silent from then on.
    """

    def __init__(
        self,
        *,
        stages: Stages,
        journal: Journal,
        cores: int | None = None,
        on_minor: Callable[[str], None],
        on_error: Callable[[BaseException], None],
        video: Callable[[], VideoStages] | None = None,
    ) -> None:
        self._policy = stages.policy
        self._journal = journal
        self._on_minor = on_minor
        self._on_error = on_error
        self._cores = max(1, min(4, cores or os.cpu_count() or 1))
        policy = stages.policy
        self._video = video or (lambda: VideoStages.load(policy, threads=1))
        self._models = stages
        self._workers: list[VideoWorker] = []
        self._stages: dict[int, VideoStages | None] = {}
        self._sound: AudioWorker | None = None
        self._people: dict[str, _Person] = {}
        self._lanes: dict[int, str] = {}
        self._numbers = count(1)
        self._forgotten: set[str] = set()
        self._read: dict[int, tuple[str, ...]] = {}  # what each set of models had read when it was last asked
        self._seen: set[str] = set()  # names read on pictures, which were handed to the search of the words
        self._now = 0.0
        self.broken = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._watching, name="watch", daemon=True)

    def start(self) -> None:
        """Load the models and start the threads.

        Raises:
            ModelUnavailable: a model file is missing or altered.
        """
        for number in range(self._cores):
            stages = self._video()
            _warm(stages)
            self._add_worker(f"redact-{number + 1}", stages)
        with ThreadPoolExecutor(
            1, initializer=lower_priority
        ) as loading:  # the models' own threads step back with it
            sound = loading.submit(lambda: self._models.sound).result()
        self._sound = AudioWorker(sound, policy=self._policy, journal=self._journal, on_error=self._on_error)
        self._sound.start()
        self._watch.start()

    def know_names(self, names: Iterable[str]) -> None:
        """Mask these names wherever they are said, also where they were said before, and cover them on screens."""
        new = list(names)
        if self._sound is not None:
            self._sound.book.know_names(new)
        for stages in list(self._stages.values()):
            if stages is not None and stages.screen is not None:
                stages.screen.know_names(new)

    def _cross_names(self) -> None:
        """Mask in speech the names that were read on anybody's pictures since the last time."""
        if self._sound is None:
            return
        seen = self._seen
        for number, stages in list(self._stages.items()):
            names = () if stages is None or stages.screen is None else stages.screen.names_seen()
            if names == self._read.get(number, ()):
                continue
            self._read[number] = names
            new = [name for name in must_mask(names) if name not in seen]
            new = new[: MOST_SEEN - len(seen)]
            seen.update(new)
            self._sound.book.know_names(new)

    def open(self, token: str, kind: LiveKind, *, time: float) -> int:
        """Begin a track of a participant who is recorded; return its lane."""
        with self._lock:
            lane_id = next(self._numbers)
            if token in self._forgotten or self._sound is None:
                return lane_id
            person = self._people.get(token)
            if person is None:
                person = self._people[token] = _Person(
                    ParticipantAge(declared=self._policy.minors.all_declared_adult)
                )
            self._lanes[lane_id] = token
            if kind is LiveKind.MICROPHONE:
                person.sounds[lane_id] = self._sound.open(token, person.age, time=time)
                return lane_id
            worker = min(self._workers, key=lambda one: len(one.lanes))
            track = self._track(token, kind, person.age, worker)
            lane = Lane(track)
            lane.latest = time
            if kind is LiveKind.CAMERA:
                person.age.camera_opened(track, time)
            person.pictures[lane_id] = (kind, lane, worker)
            worker.add(lane)
            return lane_id

    def picture(self, lane: int, picture: TimedVideo) -> None:
        """Take a picture; when there is no room, the oldest that waits is dropped, and logged as a gap."""
        entry = self._picture_lane(lane)
        if entry is None:
            return
        _, own, worker = entry
        size = picture.frame.width * picture.frame.height * 3 // 2
        own.inbox.put(picture, size=size, at=picture.time)
        worker.wake()

    def sound(self, lane: int, sound: TimedAudio) -> None:
        """Take a block of sound; when there is no room, the oldest that waits is dropped, and logged as a gap."""
        person = self._person(lane)
        mic = person.sounds.get(lane) if person is not None else None
        if person is None or mic is None or mic.ended or mic.forgotten or not len(sound.samples):
            return
        mic.inbox.put(sound, size=int(sound.samples.nbytes), at=sound.time)
        if not sound.concealed and loudness(sound.samples) > _SPEAKING_DB:
            person.spoke = sound.time
            person.spoken_s += len(sound.samples) / sound.sample_rate
        self._now = max(self._now, sound.time + len(sound.samples) / sound.sample_rate)

    def lost(self, lane: int, start: float, end: float, reason: str) -> None:
        """Take note of a hole: covered, silent, and logged. The reason is a static word."""
        hole = Lost(start, max(start, end), reason)
        entry = self._picture_lane(lane)
        if entry is not None:
            entry[1].inbox.put(hole, size=0, at=start)
            entry[2].wake()
            return
        person = self._person(lane)
        mic = person.sounds.get(lane) if person is not None else None
        if mic is not None and not mic.forgotten:
            mic.inbox.put(hole, size=0, at=start)

    def end(self, lane: int, time: float) -> None:
        """End a track: what is held of it is stored in a moment."""
        entry = self._picture_lane(lane)
        if entry is not None:
            entry[1].ended = time
            entry[2].wake()
            return
        person = self._person(lane)
        mic = person.sounds.get(lane) if person is not None else None
        if mic is not None:
            mic.ended = True

    def forget(self, token: str) -> ErasureFigures:
        """Drop everything of a participant in memory, then remove what was stored of them; return when it is done.

        Raises:
            StorageFailed: a file could not be removed.
        """
        with self._lock:
            self._forgotten.add(token)
            person = self._people.pop(token, None)
            for lane in [lane for lane, owner in self._lanes.items() if owner == token]:
                del self._lanes[lane]
        if person is not None:
            for _, lane_of, worker in person.pictures.values():
                lane_of.forget()
                worker.wake()
        if self._sound is not None:
            self._sound.forget(token)
        try:
            return self._journal.erase(token)
        finally:
            if self._sound is not None:
                self._sound.book.forget(token)  # may wait for a search that goes on; the disk does not

    def state(self, lane: int) -> LaneState:
        """Return how a track does."""
        entry = self._picture_lane(lane)
        if entry is not None:
            _, own, worker = entry
            oldest = own.inbox.oldest
            lag = 0.0 if oldest is None else max(0.0, time.monotonic() - oldest)
            return LaneState(
                lag_s=lag,
                level=_name(worker.level()),
                gaps=own.gaps,
                covered=own.track.covered_now,
                drops=own.inbox.drops,
            )
        person = self._person(lane)
        mic = person.sounds.get(lane) if person is not None else None
        if person is None or mic is None or self._sound is None:
            return LaneState()
        return LaneState(
            lag_s=self._sound.lag_s(mic),
            gaps=mic.gaps,
            speaking=self._speaks(person),
            drops=mic.inbox.drops,
        )

    def spoken_s(self, token: str) -> float:
        """Return for how many seconds a participant was heard since the last call."""
        person = self._people.get(token)
        if person is None:
            return 0.0
        spoken, person.spoken_s = person.spoken_s, 0.0
        return spoken

    def snapshot(self) -> LoadSnapshot:
        """Return how every participant does. Looks at the disk: not for the event loop."""
        with self._lock:
            people = list(self._people.items())
            lanes = {
                token: [lane for lane, own in self._lanes.items() if own == token] for token, _ in people
            }
        loads: list[PersonLoad] = []
        for token, person in people:
            states = [self.state(lane) for lane in lanes[token]]
            levels = [Level[state.level.upper()] for state in states]
            loads.append(
                PersonLoad(
                    token=token,
                    covered=sum(state.covered for state in states),
                    speaking=self._speaks(person),
                    lag_s=max((state.lag_s for state in states), default=0.0),
                    level=_name(max(levels, default=Level.FULL)),
                    drops=sum(state.drops for state in states),
                )
            )
        return LoadSnapshot(tuple(loads), self._journal.stored_bytes())

    def finish(self, run: Run) -> None:
        """Store what is held, take late findings out of what was stored, and close every piece.

        Raises:
            InternalError: a thread does not end.
        """
        with run.stage("finishing the call", float(len(self._workers) + 1)) as reach:
            ended = self._end_all(reach)
        if not ended:
            raise InternalError("A stage of the live engine does not end.")

    def _end_all(self, reach: Callable[[float], None]) -> bool:
        """End every thread and track; tell whether all did."""
        with self._lock:
            lanes = [entry[1] for person in self._people.values() for entry in person.pictures.values()]
        for lane in lanes:
            lane.ended = lane.latest if lane.ended is None else lane.ended
        ended = self._end_workers(reach)
        for person in list(self._people.values()):
            for kind, lane, _ in person.pictures.values():
                if kind is LiveKind.CAMERA:
                    person.age.camera_paused(lane.track)
        if self._sound is not None:
            ended = self._end_sound(self._sound) and ended
        self._over.set()
        self._tell_minors()
        for worker in self._workers:
            stages = self._stages[id(worker)]
            if stages is not None and worker.ended:
                stages.close()
        return ended

    def _end_workers(self, reach: Callable[[float], None]) -> bool:
        """Wait until every picture thread has ended; one that hangs is replaced meanwhile, and not waited for."""
        until = time.monotonic() + _FINISH_S
        while time.monotonic() < until:
            # one that died is replaced by the watching thread in a moment
            left = [worker for worker in list(self._workers) if not worker.stop(0.0) or worker.died]
            reach(float(len(self._workers) - len(left)))
            if not left:
                return True
            left[0].stop(_WATCH_EVERY_S)
            time.sleep(_WATCH_EVERY_S if left[0].died else 0.0)
        return False

    def _end_sound(self, sound: AudioWorker) -> bool:
        until = time.monotonic() + _FINISH_S
        while time.monotonic() < until and not sound.dead:
            if sound.stop(_WATCH_EVERY_S):
                if sound.died:
                    self._sound_lost(sound)
                break
        if not sound.dead:
            return sound.stop(0.0)
        with self._lock:
            for token, person in self._people.items():
                for mic in person.sounds.values():
                    since = mic.stored_until
                    self._tell_gap(token, LiveKind.MICROPHONE, Span(since, max(since, self._now)))
        return True

    def _track(self, token: str, kind: LiveKind, age: ParticipantAge, worker: VideoWorker) -> VideoTrack:
        owner = TrackOwner(token, kind, self._journal, age)
        return VideoTrack(owner, policy=self._policy, stages=self._stages[id(worker)])

    def _add_worker(self, name: str, stages: VideoStages | None) -> VideoWorker:
        governor = Governor()
        if stages is None:
            governor.level = Level.COVERED
        worker = VideoWorker(name, on_error=self._on_error, governor=governor)
        self._stages[id(worker)] = stages
        self._workers.append(worker)
        worker.start()
        return worker

    def _person(self, lane: int) -> _Person | None:
        token = self._lanes.get(lane)
        return None if token is None else self._people.get(token)

    def _picture_lane(self, lane: int) -> tuple[LiveKind, Lane, VideoWorker] | None:
        person = self._person(lane)
        entry = None if person is None else person.pictures.get(lane)
        return None if entry is None or entry[1].forgotten or entry[1].ended is not None else entry

    def _speaks(self, person: _Person) -> bool:
        return self._now - person.spoke < _SPEAKING_HOLD_S

    def _watching(self) -> None:
        """See to it that threads that hang are replaced, minors told, and ended tracks let go."""
        while not self._over.wait(_WATCH_EVERY_S):
            try:
                self._tell_minors()
                self._sweep()
                self._look_for_hangs(time.monotonic())
                self._cross_names()
            except Exception as error:  # noqa: BLE001 - whatever it is, minors are to be told of next time too
                self._on_error(error)

    def _look_for_hangs(self, now: float) -> None:
        for worker in list(self._workers):
            since = worker.busy_since
            hangs = since is not None and now - since > _HANGS_AFTER_S
            if (hangs or worker.died) and not worker.retired:
                self._replace(worker)
        sound = self._sound
        if sound is None or sound.dead:
            return
        since = sound.busy_since
        if sound.died or (since is not None and now - since > _SOUND_HANGS_AFTER_S):
            self._sound_lost(sound)

    def _sound_lost(self, sound: AudioWorker) -> None:
        """Take note that nothing more of any voice is stored; how much was lost is told in the end."""
        sound.dead = self.broken = True
        self._on_error(
            InternalError("The sound's thread hangs or died; nothing more of any voice is stored.")
        )

    def _replace(self, worker: VideoWorker) -> None:
        """Have the tracks of a thread that hangs or died covered whole by another one from now on."""
        self.broken = True
        lanes = worker.retire()
        fresh = self._add_worker(f"{len(self._workers) + 1}-covered", None)
        with self._lock:
            self._workers.remove(worker)
            for person_token, person in self._people.items():
                for lane_id, (kind, lane, of) in list(person.pictures.items()):
                    if of is not worker or lane not in lanes:
                        continue
                    lane.track.forget()
                    kept = lane.track.kept_until
                    self._tell_gap(person_token, kind, Span(kept, max(kept, lane.latest)))
                    track = self._track(person_token, kind, person.age, fresh)
                    own = Lane(
                        track, inbox=lane.inbox, ended=lane.ended, latest=lane.latest, gaps=lane.gaps + 1
                    )
                    if kind is LiveKind.CAMERA:
                        person.age.camera_ended(lane.track)
                        person.age.camera_opened(track, lane.latest)
                    person.pictures[lane_id] = (kind, own, fresh)
                    self._tell_hang(person_token, kind)
                    fresh.add(own)
        self._on_error(InternalError("A picture thread hangs or died; its tracks are covered from now on."))

    def _tell_hang(self, token: str, kind: LiveKind) -> None:
        event = Event(EventKind.LOAD, detail={"level": "covered", "reason": "a stage hangs"})
        self._journal.fact(token, event, track=kind.value)

    def _tell_gap(self, token: str, kind: LiveKind, span: Span) -> None:
        event = Event(EventKind.GAP, span=span, detail={"reason": "a stage hangs"})
        self._journal.fact(token, event, track=kind.value)

    def _tell_minors(self) -> None:
        for token, person in list(self._people.items()):
            if person.age.state is Adulthood.MINOR and not person.told_minor:
                person.told_minor = True
                self._on_minor(token)

    def _sweep(self) -> None:
        """Let go of tracks that have ended."""
        with self._lock:
            for person in self._people.values():
                for lane_id, (kind, lane, _) in list(person.pictures.items()):
                    if lane.done.is_set():
                        if kind is LiveKind.CAMERA:
                            person.age.camera_ended(lane.track)
                        del person.pictures[lane_id]
                        self._lanes.pop(lane_id, None)
                for lane_id, mic in list(person.sounds.items()):
                    if mic.over.is_set():
                        del person.sounds[lane_id]
                        self._lanes.pop(lane_id, None)


def _warm(stages: VideoStages) -> None:
    """Open what is opened at the first person, so that nobody waits for it in the call."""
    if stages.silhouettes is not None:
        planes = black(_WARM_PX, _WARM_PX)
        with contextlib.suppress(*FAULTS):
            stages.silhouettes.mask(VideoFrame(*planes, 0, TIME_BASE), Box(8, 8, 24, 24))


def _name(level: Level) -> str:
    return level.name.lower()
