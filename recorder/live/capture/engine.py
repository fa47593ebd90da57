"""The live engine: tracks of those who agreed go in, redacted pieces in the journal come out, during the call."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from recorder.call.source import LiveKind, TimedAudio, TimedVideo
from recorder.live.capture.age_state import Adulthood, ParticipantAge
from recorder.live.capture.audio_worker import AudioWorker
from recorder.live.capture.live_tracks import LiveTracks, ParticipantTracks, WorkedLane
from recorder.live.capture.video_pool import VideoPool
from recorder.live.capture.video_track import TrackOwner, VideoTrack
from recorder.live.capture.video_worker import Lane, Lost, VideoWorker
from recorder.live.store.journal import ErasureFigures, Journal
from recorder.live.text.chat import CallChat
from recorder.runtime.context import Run
from recorder.runtime.hardening import lower_priority
from redaction.errors import InternalError
from redaction.model import Event, EventKind, Span
from redaction.stages import Stages
from redaction.video.redact import VideoStages

__all__ = ["LaneState", "LiveEngine"]

_WATCH_EVERY_S: Final = 0.5
_AUDIO_HANGS_AFTER_S: Final = 180.0  # twenty seconds of speech take seconds, on a busy machine many
_FINISH_S: Final = 600.0
_TOO_MANY: Final = "too many tracks"


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


class LiveEngine:
    """Redacts a call while it goes on.

    `open`, `video`, `audio`, `lost`, `end` and `state` are for the event loop: they never block and never raise for
    what a participant sends. `forget` and `finish` take their time: call them in a thread.

    Args:
        stages: policy and models.
        journal: where redacted pieces go.
        cores: picture threads; as many as the machine has, at most four, when None.
        on_minor: told once, from any thread, the token of a participant who counts as a minor.
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
        self._models = stages
        policy = stages.policy
        self._pool = VideoPool(
            max(1, min(4, cores or os.cpu_count() or 1)),
            load=video or (lambda: VideoStages.load(policy, threads=1)),
            on_error=on_error,
        )
        self._tracks = LiveTracks()
        self._declared: set[str] = set()  # tokens of who declared to be an adult
        self._audio: AudioWorker | None = None
        self._chat = CallChat(policy.speech.language)
        self._now = 0.0
        self.broken = False
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._watching, name="watch", daemon=True)

    def start(self) -> None:
        """Load the models and start the threads.

        Raises:
            ModelUnavailable: a model file is missing or altered.
        """
        self._pool.start()
        with ThreadPoolExecutor(
            1, initializer=lower_priority
        ) as loading:  # the models' own threads step back with it
            sound = loading.submit(lambda: self._models.audio).result()
        self._audio = AudioWorker(sound, policy=self._policy, journal=self._journal, on_error=self._on_error)
        self._audio.start()
        self._watch.start()

    def know_names(self, names: Iterable[str]) -> None:
        """Mask these names wherever they are said, also where they were said before, and cover them on screens."""
        new = list(names)
        if self._audio is not None:
            self._audio.book.know_names(new)
        self._pool.know_names(new)

    def chat(self, token: str, text: str, time: float) -> None:
        """Take what a participant wrote; it is redacted when the call is over."""
        self._chat.add(token, text, time)

    def declare_adult(self, token: str) -> None:
        """Believe that a participant is an adult, as far as the policy does; safe to repeat."""
        with self._tracks.lock:
            self._declared.add(token)
            person = self._tracks.find(token)
        if person is not None:
            person.age.declare_adult()

    def open(self, token: str, kind: LiveKind, *, time: float) -> int:
        """Begin a track of a participant who is recorded; return its lane."""
        lane_id = self._tracks.new_lane()
        if self._audio is None:
            return lane_id
        with self._tracks.lock:
            age = ParticipantAge(self._policy.minors, adult=token in self._declared)
            person = self._tracks.add_owner(token, lane_id, age, kind=kind, time=time)
            if person is None:
                return lane_id
            if kind is LiveKind.MICROPHONE:
                person.microphones[lane_id] = self._audio.open(token, person.age, time=time)
                return lane_id
            worker = self._pool.least_busy()
            track = self._track(token, kind, person.age, worker)
            lane = Lane(track)
            lane.latest = time
            if kind is LiveKind.CAMERA:
                person.age.camera_opened(track, time)
            person.videos[lane_id] = WorkedLane(lane, worker)
            worker.add(lane)
            return lane_id

    def video(self, lane: int, video: TimedVideo) -> None:
        """Take a picture; when there is no room, the oldest that waits is dropped, and logged as a gap."""
        worked = self._tracks.video(lane)
        if worked is None:
            return
        size = video.frame.width * video.frame.height * 3 // 2
        worked.lane.inbox.put(video, size=size, at=video.time)
        worked.worker.wake()

    def audio(self, lane: int, audio: TimedAudio) -> None:
        """Take a block of sound; when there is no room, the oldest that waits is dropped, and logged as a gap."""
        person, microphone = self._tracks.owner(lane), self._tracks.microphone(lane)
        if person is None or microphone is None or microphone.ended or microphone.forgotten:
            return
        if not len(audio.samples):
            return
        microphone.inbox.put(audio, size=int(audio.samples.nbytes), at=audio.time)
        person.hear(audio)
        self._now = max(self._now, audio.time + len(audio.samples) / audio.sample_rate)

    def lost(self, lane: int, start: float, end: float, reason: str) -> None:
        """Take note of a hole: covered, silent, and logged. The reason is a static word."""
        hole = Lost(start, max(start, end), reason)
        video, microphone = self._tracks.video(lane), self._tracks.microphone(lane)
        if video is not None:
            video.lane.inbox.put(hole, size=0, at=start)
            video.worker.wake()
        elif microphone is not None and not microphone.forgotten:
            microphone.inbox.put(hole, size=0, at=start)

    def end(self, lane: int, time: float) -> None:
        """End a track: what is held of it is stored in a moment."""
        video, microphone = self._tracks.video(lane), self._tracks.microphone(lane)
        if video is not None:
            video.lane.ended = time
            video.worker.wake()
        elif microphone is not None:
            microphone.ended = True

    def forget(self, token: str) -> ErasureFigures:
        """Drop everything of a participant in memory, then remove what was stored of them; return when it is done.

        Raises:
            StorageFailed: a file could not be removed.
        """
        self._declared.discard(token)
        self._chat.forget(token)
        person = self._tracks.forget(token)
        if person is not None:
            for video in person.videos.values():
                video.lane.forget()
                video.worker.wake()
        if self._audio is not None:
            self._audio.forget(token)
        try:
            return self._journal.erase(token)
        finally:
            if self._audio is not None:
                self._audio.book.forget(token)  # may wait for a search that goes on; the disk does not

    def state(self, lane: int) -> LaneState:
        """Return how a track does."""
        video = self._tracks.video(lane)
        if video is not None:
            return _video_state(video)
        person, microphone = self._tracks.owner(lane), self._tracks.microphone(lane)
        if person is None or microphone is None or self._audio is None:
            return LaneState()
        return LaneState(
            lag_s=self._audio.lag_s(microphone),
            gaps=microphone.gaps,
            speaking=person.speaks(self._now),
            drops=microphone.inbox.drops,
        )

    def spoken_s(self, token: str) -> float:
        """Return for how many seconds a participant was heard since the last call."""
        person = self._tracks.find(token)
        if person is None:
            return 0.0
        spoken, person.spoken_s = person.spoken_s, 0.0
        return spoken

    def finish(self, run: Run) -> None:
        """Store what is held, take late findings out of what was stored, and close every piece.

        Raises:
            InternalError: a thread does not end.
        """
        with run.stage("finishing the call", float(len(self._pool.workers) + 1)) as reach:
            ended = self._end_all(reach)
        if not ended:
            raise InternalError("A stage of the live engine does not end.")

    def _end_all(self, reach: Callable[[float], None]) -> bool:
        """End every thread and track; tell whether all did."""
        with self._tracks.lock:
            lanes = [video.lane for _, person in self._tracks.all() for video in person.videos.values()]
        for lane in lanes:
            lane.ended = lane.latest if lane.ended is None else lane.ended
        ended = self._pool.stop(_FINISH_S, on_ended=lambda number: reach(float(number)))
        for _, person in self._tracks.all():
            for video in person.videos.values():
                if video.kind is LiveKind.CAMERA:
                    person.age.camera_paused(video.lane.track)
        if self._audio is not None:
            self._chat.search(self._audio.book)
            ended = self._end_audio(self._audio) and ended
            if ended and not self._audio.dead:
                self._chat.store(self._audio.book, self._journal, may_store=self._tracks.may_store)
        self._over.set()
        _report_minors(self._tracks, self._on_minor)
        _log_refused(self._tracks, self._journal)
        self._pool.close()
        return ended

    def _end_audio(self, sound: AudioWorker) -> bool:
        until = time.monotonic() + _FINISH_S
        while time.monotonic() < until and not sound.dead:
            if sound.stop(_WATCH_EVERY_S):
                if sound.died:
                    self._audio_lost(sound)
                break
        if not sound.dead:
            return sound.stop(0.0)
        _log_unstored(self._tracks, self._journal, self._now)
        return True

    def _track(self, token: str, kind: LiveKind, age: ParticipantAge, worker: VideoWorker) -> VideoTrack:
        owner = TrackOwner(token, kind, self._journal, age)
        return VideoTrack(owner, policy=self._policy, stages=worker.stages)

    def _watching(self) -> None:
        """See to it that threads that hang are replaced, minors told, and ended tracks let go."""
        while not self._over.wait(_WATCH_EVERY_S):
            try:
                _report_minors(self._tracks, self._on_minor)
                _log_refused(self._tracks, self._journal)
                self._tracks.sweep()
                self._look_for_hangs(time.monotonic())
                if self._audio is not None:  # names read on anybody's pictures are masked in speech
                    self._audio.book.know_names(self._pool.names_seen())
            except Exception as error:  # noqa: BLE001 - whatever it is, minors are to be told of next time too
                self._on_error(error)

    def _look_for_hangs(self, now: float) -> None:
        for worker in self._pool.hanging(now):
            self._replace(worker)
        sound = self._audio
        if sound is None or sound.dead:
            return
        since = sound.busy_since
        if sound.died or (since is not None and now - since > _AUDIO_HANGS_AFTER_S):
            self._audio_lost(sound)

    def _audio_lost(self, sound: AudioWorker) -> None:
        """Take note that nothing more of any voice is stored; how much was lost is told in the end."""
        sound.dead = self.broken = True
        self._on_error(
            InternalError("The sound's thread hangs or died; nothing more of any voice is stored.")
        )

    def _replace(self, worker: VideoWorker) -> None:
        """Have the tracks of a thread that hangs or died covered whole by another one from now on."""
        self.broken = True
        lanes = worker.retire()
        with self._tracks.lock:
            fresh = self._pool.replace(worker)
            for token, person, lane_id, video in self._tracks.of_worker(worker):
                if video.lane in lanes:
                    self._hand_over(token, person, lane_id, video, fresh)
        self._on_error(InternalError("A picture thread hangs or died; its tracks are covered from now on."))

    def _hand_over(
        self, token: str, person: ParticipantTracks, lane_id: int, video: WorkedLane, fresh: VideoWorker
    ) -> None:
        """Give a track to another thread; what the first one had not stored is a gap."""
        lane, kind = video.lane, video.kind
        lane.track.forget()
        kept = lane.track.kept_until
        _log_gap(self._journal, token, kind, Span(kept, max(kept, lane.latest)))
        track = self._track(token, kind, person.age, fresh)
        own = Lane(track, inbox=lane.inbox, ended=lane.ended, latest=lane.latest, gaps=lane.gaps + 1)
        if kind is LiveKind.CAMERA:
            person.age.camera_ended(lane.track)
            person.age.camera_opened(track, lane.latest)
        person.videos[lane_id] = WorkedLane(own, fresh)
        _log_covered(self._journal, token, kind)
        fresh.add(own)

    @property
    def refused_tracks(self) -> int:
        """How many tracks were not taken since their participants had too many."""
        return self._tracks.refused


def _report_minors(tracks: LiveTracks, on_minor: Callable[[str], None]) -> None:
    """Tell, once, of everybody who counts as a minor by now."""
    for token, person in tracks.all():
        if person.age.state is Adulthood.MINOR and not person.minor_reported:
            person.minor_reported = True
            on_minor(token)


def _log_refused(tracks: LiveTracks, journal: Journal) -> None:
    """Log, once for each participant and kind, that tracks were too many and nothing of them is stored."""
    for token, person in tracks.all():
        with tracks.lock:
            new = dict(person.refused_at.items() - person.refused_told.items())
            person.refused_told |= new
        for kind, at in new.items():
            _log_gap(journal, token, kind, Span(at, at), _TOO_MANY)


def _log_unstored(tracks: LiveTracks, journal: Journal, now: float) -> None:
    """Log what of every microphone was not stored until a call time."""
    with tracks.lock:
        for token, person in tracks.all():
            for microphone in person.microphones.values():
                since = microphone.stored_until
                _log_gap(journal, token, LiveKind.MICROPHONE, Span(since, max(since, now)))


def _log_gap(journal: Journal, token: str, kind: LiveKind, span: Span, reason: str = "a stage hangs") -> None:
    journal.fact(token, Event(EventKind.GAP, span=span, detail={"reason": reason}), track=kind.value)


def _log_covered(journal: Journal, token: str, kind: LiveKind) -> None:
    event = Event(EventKind.LOAD, detail={"level": "covered", "reason": "a stage hangs"})
    journal.fact(token, event, track=kind.value)


def _video_state(video: WorkedLane) -> LaneState:
    oldest = video.lane.inbox.oldest
    return LaneState(
        lag_s=0.0 if oldest is None else max(0.0, time.monotonic() - oldest),
        level=video.worker.level().name.lower(),
        gaps=video.lane.gaps,
        covered=video.lane.track.covered_now,
        drops=video.lane.inbox.drops,
    )
