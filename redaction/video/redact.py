"""The picture engine: frames in, frames that may be stored out, with what was found and done."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Self

from redaction.model import Event, EventKind, Examined, RedactedFrame, Span, VideoFrame
from redaction.policy import Policy
from redaction.video.cover import covered, covered_whole
from redaction.video.faces.confirm import FLOOR, Review, ReviewedDetector, ReviewedPair
from redaction.video.faces.detect import CenterFace, Detection, FaceDetector, YuNet
from redaction.video.faces.examine import Cadence
from redaction.video.hints import HintedPlaces
from redaction.video.labels import Labels
from redaction.video.lookahead import Bounds, LookAhead, TrackletRecord, Verdict
from redaction.video.people.adulthood import AgeJudging, Ages, AgeVerdict
from redaction.video.people.age import AgeJudge
from redaction.video.people.silhouette import Silhouette
from redaction.video.people.silhouette_track import Outlines, Silhouettes
from redaction.video.plan import Draft, PlannedCovers, Planner
from redaction.video.screen.reader import ScreenReader
from redaction.video.screen.track import ScreenWatch

__all__ = ["VideoRedactor", "VideoStages", "VideoSummary"]

_QUEUE = 12
"""Frames that may wait for the threads that look and outline."""


@dataclass(frozen=True, slots=True)
class VideoStages:
    """The models that a run needs; one set serves any number of tracks, one after the other.

    Attributes:
        quick: looks where something changed.
        thorough: looks at whole frames now and then.
        judge: tells minors from adults; None when the policy says that nobody's age is estimated.
        silhouettes: outlines people who are removed; None covers whole frames instead.
        numbers: what the judge knows a tracklet by, never the same in two tracks.
        screen: finds and judges text and codes; None where the policy leaves both alone.
    """

    quick: FaceDetector
    thorough: FaceDetector
    judge: AgeJudging | None = None
    silhouettes: Silhouettes | None = None
    numbers: Iterator[int] = field(default_factory=lambda: count(1), repr=False)
    screen: ScreenReader | None = None

    @classmethod
    def load(cls, policy: Policy, *, threads: int = 1) -> Self:
        """Load what the policy needs.

        Raises:
            ModelMissing: a model is not in place.
            ModelAltered: a model is not the one that was measured.
        """
        yunet, centerface = YuNet(threads=threads), CenterFace(threads=threads)
        review = Review((YuNet(threads=threads, floor=FLOOR), CenterFace(threads=threads, floor=FLOOR)))
        quick = ReviewedDetector(yunet, review)
        thorough = ReviewedPair(yunet, centerface, review)
        judge = None if policy.minors.unchecked else AgeJudge(threads=threads)
        removes = judge is not None or policy.faces.method == "remove"
        screen = ScreenReader.load(policy, threads=threads)
        return cls(quick, thorough, judge, Silhouette() if removes else None, screen=screen)

    def close(self) -> None:
        """Let go of the net that outlines people, which must not be left to the garbage collector."""
        if isinstance(self.silhouettes, Silhouette):
            self.silhouettes.close()


@dataclass(frozen=True, slots=True)
class VideoSummary:
    """Figures of one track.

    Attributes:
        frames: all that were given.
        detected: frames a detector looked at.
        bridged: frames proven not to have changed outside what is covered.
        covered_whole: frames covered whole, for whatever reason.
        failed_detections: frames on which a detector raised.
        failed_silhouettes: frames on which the silhouette raised.
        incomplete: frames covered whole though their source was sound: something failed or memory did not suffice.
        tracklets: one record for each followed face.
        minors: tracklets removed as minors.
        in_doubt: tracklets that were to the end neither surely minors nor surely adults, removed or not.
        minors_only: when every visible person was a minor.
        failed_screens: frames on which finding or reading text raised.
        screen_texts: lines of text and codes that were covered, each counted where it appeared.
    """

    frames: int
    detected: int
    bridged: int
    covered_whole: int
    failed_detections: int
    failed_silhouettes: int
    incomplete: int
    tracklets: tuple[TrackletRecord, ...]
    minors: int
    minors_only: tuple[Span, ...]
    failed_screens: int = 0
    screen_texts: int = 0
    in_doubt: int = 0


class VideoRedactor:
    """Redacts one track, frame by frame, with a bounded look-ahead.

    Looking for faces happens in a thread of its own, searching for text in another, outlining in a third, so that they
    overlap with each other and with whatever the caller does between two frames; what comes out does not depend on
    their pace. Call `flush` at the end, or `close` to give up.

    Args:
        width: of the frames in pixels; a frame of another size begins a new shot.
        height: the same.
        policy: what to cover, and how.
        stages: the models.
        track: id for the log.
        bounds: how much is held.
        cadence: how often is looked.
        adult: what the participant whose camera this is declared to be, see `Ages`; None for everything else.
        hints: what a person said of places in this track.
        threaded: False looks and outlines in the caller's thread.
    """

    def __init__(
        self,
        *,
        width: int,
        height: int,
        policy: Policy,
        stages: VideoStages,
        track: str,
        bounds: Bounds | None = None,
        cadence: Cadence | None = None,
        adult: bool | None = None,
        hints: HintedPlaces | None = None,
        threaded: bool = True,
    ) -> None:
        if width < 2 or height < 2:
            raise ValueError("a picture has at least two pixels each way")
        judge = None if policy.minors.unchecked else stages.judge or _NobodyIsAdult()
        self._bounds = bounds or Bounds()
        self._screen = _watch(policy, stages)
        searches = threaded and self._screen is not None
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="read") if searches else None
        self._ahead = LookAhead(
            quick=stages.quick,
            thorough=stages.thorough,
            ages=Ages(judge, numbers=stages.numbers, minors=policy.minors, adult=adult),
            remove_all=policy.faces.method == "remove",
            track=track,
            bounds=self._bounds,
            cadence=cadence,
            screen=self._screen,
            reader=self._readers,
            labels=Labels() if policy.faces.label else None,
            hints=hints,
        )
        self._planner = Planner(None if stages.silhouettes is None else Outlines(stages.silhouettes))
        self._pixelate = policy.faces.method == "mosaic"
        self._track = track
        self._lookers = ThreadPoolExecutor(1, thread_name_prefix="look") if threaded else None
        self._planners = ThreadPoolExecutor(1, thread_name_prefix="plan") if threaded else None
        self._waiting: deque[Future[list[PlannedCovers]]] = deque()
        self._events: deque[Event] = deque()
        self._counts = dict.fromkeys(Examined, 0)
        self._frames = 0
        self._incomplete = 0
        self._whole: tuple[str, float] | None = None
        self._minors_only: list[Span] = []
        self._alone: float | None = None
        self._time = 0.0
        self._step = 1 / 30

    def push(self, frame: VideoFrame) -> list[RedactedFrame]:
        """Take the next frame; return those that are done, in order."""
        if self._lookers is None or self._planners is None:
            return self._all_done(self._plans(self._ahead.feed(frame)))
        looking = self._lookers.submit(self._ahead.feed, frame)
        self._waiting.append(self._planners.submit(self._plans_of, looking))
        result: list[RedactedFrame] = []
        room = max(1, min(_QUEUE, self._bounds.bytes // 4 // max(1, frame.nbytes)))
        while self._waiting and (len(self._waiting) > room or self._waiting[0].done()):
            result += self._all_done(self._waiting.popleft().result())
        return result

    def flush(self) -> list[RedactedFrame]:
        """Return all frames that are still held; no more can be given."""
        return list(self.finish())

    def finish(self) -> Iterator[RedactedFrame]:
        """Yield all frames that are still held, each as soon as it is done; no more can be given."""
        while self._waiting:
            yield from self._all_done(self._waiting.popleft().result())
        drafts = self._ahead.finish()
        drafts.reverse()
        while drafts:
            yield from self._all_done(self._plans([drafts.pop()]))
        end = self._time + self._step
        self._end_whole(end)
        self._end_alone(end)
        self.close()

    def close(self) -> None:
        """Stop the threads; frames still held are dropped."""
        for pool in (self._lookers, self._planners):
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
        if self._readers is not None:
            self._readers.shutdown(
                wait=True
            )  # the one frame that it has is held, and released with the others

    def drop(self) -> None:
        """Give up: what is held goes, and the judge forgets every face; safe after `flush`."""
        self.close()
        self._ahead.finish()

    def pace(self, cadence: Cadence) -> None:
        """Look more or less often from now on; for redactors without threads of their own."""
        self._ahead.pace(cadence)

    def declare(self, *, adult: bool | None) -> None:
        """Take up what the participant whose camera this is declared to be, from the next frame on."""
        self._ahead.declare(adult=adult)

    def verdicts(self) -> list[Verdict]:
        """Return the faces that are followed now; for redactors without threads of their own."""
        return self._ahead.verdicts()

    @property
    def failed_detections(self) -> int:
        """Frames so far on which a detector or a reader of text raised."""
        return self._ahead.failures + (0 if self._screen is None else self._screen.failures)

    def drain_events(self) -> list[Event]:
        """Return what happened since the last call."""
        result: list[Event] = []
        for queue in (self._events, self._ahead.events):
            while queue:
                result.append(queue.popleft())
        return result

    @property
    def summary(self) -> VideoSummary:
        """Figures of what was done so far; complete after `flush`."""
        records = tuple(self._ahead.finished)
        return VideoSummary(
            frames=self._frames,
            detected=self._counts[Examined.DETECTED],
            bridged=self._counts[Examined.BRIDGED],
            covered_whole=self._counts[Examined.COVERED],
            failed_detections=self._ahead.failures,
            failed_silhouettes=self._planner.failures,
            incomplete=self._incomplete,
            tracklets=records,
            minors=sum(record.reason.value == "minor" for record in records),
            minors_only=tuple(self._minors_only),
            failed_screens=0 if self._screen is None else self._screen.failures,
            screen_texts=0 if self._screen is None else self._screen.lines,
            in_doubt=sum(record.in_doubt for record in records),
        )

    def _plans_of(self, looking: Future[list[Draft]]) -> list[PlannedCovers]:
        return self._plans(looking.result())

    def _plans(self, drafts: list[Draft]) -> list[PlannedCovers]:
        return [self._planner.plan(draft) for draft in drafts]

    def _all_done(self, planned: list[PlannedCovers]) -> list[RedactedFrame]:
        """Render frames, letting go of each original as soon as its redacted copy exists."""
        planned.reverse()
        return [self._done(planned.pop()) for _ in range(len(planned))]

    def _done(self, item: PlannedCovers) -> RedactedFrame:
        time = item.frame.time
        if self._frames:
            self._step = min(1.0, max(0.0, time - self._time))
        self._time = time
        self._frames += 1
        self._counts[item.examined] += 1
        if item.whole:
            self._incomplete += item.whole in ("detector", "screen", "silhouette", "memory")
        if self._whole is not None and self._whole[0] != item.whole:
            self._end_whole(time)
        if item.whole and self._whole is None:
            self._whole = (item.whole, time)
        if not item.people or item.minors < item.people:
            self._end_alone(time)
        elif self._alone is None:
            self._alone = time
        return RedactedFrame(self._rendered(item), item.covers, item.examined, item.spared)

    def _rendered(self, item: PlannedCovers) -> VideoFrame:
        if item.whole:
            return covered_whole(item.frame)
        return covered(item.frame, item.covers, pixelate=self._pixelate)

    def _end_whole(self, time: float) -> None:
        if self._whole is not None:
            reason, start = self._whole
            span = Span(start, max(start, time))
            self._events.append(Event(EventKind.WHOLE_COVER, self._track, span, {"reason": reason}))
            self._whole = None

    def _end_alone(self, time: float) -> None:
        if self._alone is not None:
            self._minors_only.append(Span(self._alone, max(self._alone, time)))
            self._alone = None


def _watch(policy: Policy, stages: VideoStages) -> ScreenWatch | None:
    if policy.screen.text == "none" and not policy.screen.codes:
        return None
    if stages.screen is None:
        raise ValueError("the policy asks for text or codes, and what finds them was not loaded")
    return ScreenWatch(stages.screen)


class _NobodyIsAdult:
    """Stands in where there should be a judge and is none: everybody is a minor."""

    def observe(self, tracklet_id: int, frame: VideoFrame, detection: Detection) -> None:
        """Learn nothing."""

    def verdict(self, tracklet_id: int, *, declared_adult: bool = False) -> AgeVerdict:
        """Prove nobody."""
        del tracklet_id, declared_adult
        return AgeVerdict.MINOR

    def forget(self, tracklet_id: int) -> None:
        """Know nothing."""
