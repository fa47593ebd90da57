"""Links detections into tracklets and says where each tracklet's face may be at any frame of the look-ahead."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from redaction.model import Box
from redaction.video.change import Thumbnail, patch_change
from redaction.video.faces.detect import BIRTH_SCORE, Detection, Rect, overlap

__all__ = ["Linker", "Observation", "Reach", "Tracklet", "grown_face", "rect_hull", "unchanged"]

_SMALL_PX = 32


@dataclass(frozen=True, slots=True)
class Reach:
    """How far in seconds a tracklet is trusted beyond what was seen of it.

    Attributes:
        extend: kept covered before the first and after the last sighting.
        extend_weak: the same for a face seen once with a low score.
        bridge: longest stretch without a sighting inside a tracklet.
        hold: longest time a face that is no longer seen stays covered while its pixels do not change.
        hull: around a sighting, its whole box stays covered this long.
    """

    extend: float = 1.0
    extend_weak: float = 0.5
    bridge: float = 1.2
    hold: float = 5.0
    hull: float = 0.25


@dataclass(frozen=True, slots=True)
class Observation:
    """Where a tracklet's face was on one frame; `score` 0 when it was held, not seen."""

    time: float
    box: Rect
    score: float


@dataclass(slots=True)
class Tracklet:
    """One followed face.

    Attributes:
        number: from 1, within the track.
        shot: number of the shot it belongs to.
        turn: degrees by which the frame must be turned for its face to be upright.
        observations: sightings in order of time; those before the look-ahead are dropped.
        seen: how often it was seen.
        lowest: lowest score it was seen with.
        first: time of the first sighting or hold.
        velocity: pixels a second of the box's centre.
        closed: True when no more sightings may be added.
        earliest, latest: the times within which its shot lets it extend.
        seen_last: time of the latest sighting, holds not counted.
        wide: True once its face was seen turned, when ears and hair may be on any side.
        trust: sum of its sightings' trust.
        judged: how many of them had any.
        sure: True once a detector was sure, or two agreed.
        missed: whole looks, each with a close one, in which it was not seen.
        settled: True once it was decided on as a face.
        look: thumbnail of the frame it was last seen on.
    """

    number: int
    shot: int
    turn: int
    observations: deque[Observation] = field(default_factory=deque)
    seen: int = 0
    lowest: float = 1.0
    highest: float = 0.0
    first: float = 0.0
    velocity: tuple[float, float] = (0.0, 0.0)
    closed: bool = False
    earliest: float = float("-inf")
    latest: float = float("inf")
    seen_last: float = 0.0
    wide: bool = False
    trust: float = 0.0
    judged: int = 0
    sure: bool = False
    missed: int = 0
    settled: bool = False
    look: Thumbnail | None = None

    @property
    def last(self) -> Observation:
        """The latest sighting or hold."""
        return self.observations[-1]

    @property
    def firm(self) -> bool:
        """Whether it is a face beyond doubt.

        One sighting was sure or a closer look settled two, and that is an eighth, or a quarter, of all; of a small face
        it takes twice as many.

        Source: slow pans over 24 pictures without people; what detectors take for a face there is settled now and then
        by one of many looks, and lost again by most.
        """
        missed = 0 if self.sure else 2 * self.missed
        x1, y1, x2, y2 = self.last.box
        least = 1 if max(x2 - x1, y2 - y1) >= _SMALL_PX else 2
        return self.settled or (self.trust >= least and 8 * self.trust >= self.judged + missed)

    def extension(self, reach: Reach) -> float:
        """Return the seconds for which it is covered beyond its sightings."""
        return reach.extend_weak if self.seen < 2 and self.highest < 0.7 else reach.extend

    def predicted(self, time: float) -> Rect:
        """Return where the box should be at a time after the last sighting; motion fades out in half a second."""
        ahead = min(max(0.0, time - self.last.time), 0.3)
        dx, dy = self.velocity[0] * ahead, self.velocity[1] * ahead
        x1, y1, x2, y2 = self.last.box
        return x1 + dx, y1 + dy, x2 + dx, y2 + dy

    def covers_at(self, time: float, *, margin: float, reach: Reach) -> Box | None:
        """Return the box that hides the face at a time, hair, ears and chin included, or None.

        Args:
            time: of the frame.
            margin: seconds around it over which the hull is taken, so that no motion slips out.
            reach: how far beyond sightings it is covered.
        """
        if not self.earliest <= time < self.latest or not self.observations:
            return None
        head, tail = self.observations[0], self.last
        extension = self.extension(reach)
        if not head.time - extension <= time <= tail.time + extension:
            return None
        times = [item.time for item in self.observations]
        parts: list[Rect] = []
        right = bisect_left(times, time)
        first, last = max(0, right - 1), min(right, len(times) - 1)
        for index in range(first, last + 1):
            item = self.observations[index]
            if abs(item.time - time) <= reach.hull or right in (0, len(times)):
                parts.append(item.box)
        # Where a blurred face is, a faint sighting does not tell well: the next sure ones on either side do.
        while (
            first > 0
            and self.observations[first].score < BIRTH_SCORE
            and time - times[first - 1] <= 2 * reach.hull
        ):
            first -= 1
            parts.append(self.observations[first].box)
        while (
            last + 1 < len(times)
            and self.observations[last].score < BIRTH_SCORE
            and times[last + 1] - time <= 2 * reach.hull
        ):
            last += 1
            parts.append(self.observations[last].box)
        for moment in (time - margin, time, time + margin):
            parts.append(self._between(moment, times))
        box = grown_face(rect_hull(parts), wide=self.wide)
        outside = max(head.time - time, time - tail.time, 0.0)
        if outside > 0:
            slack = 0.4 * outside * max(box.width, box.height)
            box = Box.outward(box.x1 - slack, box.y1 - slack, box.x2 + slack, box.y2 + slack)
        return box

    def _between(self, time: float, times: Sequence[float]) -> Rect:
        right = bisect_left(times, time)
        if right == 0:
            return self.observations[0].box
        if right == len(times):
            return self.predicted(time)
        before, after = self.observations[right - 1], self.observations[right]
        share = (time - before.time) / max(after.time - before.time, 1e-9)
        x1, y1, x2, y2 = (a + (b - a) * share for a, b in zip(before.box, after.box, strict=True))
        return x1, y1, x2, y2


def grown_face(box: Rect, *, wide: bool = False) -> Box:
    """Grow a detector's tight face box so that hair, ears and chin are in.

    An upright face grows by 0.30 of its width at the sides, 0.45 of its height above and 0.25 below; a turned one by
    0.45 all around. Source: boxes of YuNet and CenterFace end at forehead and chin and cut the ears.
    """
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    if wide:
        side = 0.45 * max(width, height)
        return Box.outward(x1 - side, y1 - side, x2 + side, y2 + side)
    side = max(0.30 * width, 0.20 * height)
    return Box.outward(x1 - side, y1 - 0.45 * height, x2 + side, y2 + 0.25 * height)


def rect_hull(rects: Iterable[Rect]) -> Rect:
    """Return the smallest rectangle that holds all of them."""
    x1, y1, x2, y2 = zip(*rects, strict=True)
    return min(x1), min(y1), max(x2), max(y2)


class Linker:
    """Follows faces through one track."""

    def __init__(self, reach: Reach | None = None) -> None:
        self.reach = reach or Reach()
        self.tracklets: list[Tracklet] = []
        self._count = 0
        self._shot = 0
        self._shot_start = float("-inf")
        self._suspended: list[Tracklet] = []

    def active(self) -> list[Tracklet]:
        """Return the tracklets that may still be seen again."""
        return [item for item in self.tracklets if not item.closed]

    def cut(self, time: float) -> None:
        """Begin a new shot at a time: no tracklet crosses it."""
        self._shot += 1
        self._shot_start = time
        self._suspended = self.active()
        for item in self._suspended:
            item.closed = True
            item.latest = time

    def uncut(self, time: float) -> None:
        """Take the last cut back: what looked like one was a flash, and the shot before it goes on."""
        for item in self._suspended:
            item.closed = False
            item.latest = float("inf")
        for item in self.tracklets:
            if item.shot == self._shot and not item.closed and item not in self._suspended:
                item.earliest = float("-inf")
        self._suspended = []
        self._shot_start = float("-inf")
        self._close_lost(time)

    def link(self, time: float, faces: Sequence[Detection]) -> list[tuple[Tracklet, Detection]]:
        """Add the faces of one frame; faces over `BIRTH_SCORE` that match nothing begin a tracklet."""
        self._close_lost(time)
        links: list[tuple[Tracklet, Detection]] = []
        seen = [item for item in self.active() if item.seen_last == time]
        free = [item for item in self.active() if item.seen_last != time]
        faces = [face for face in faces if not any(_same(item.last.box, face.box) for item in seen)]
        pairs = sorted(
            (
                (_alike(item, face, time), row, column)
                for row, item in enumerate(free)
                for column, face in enumerate(faces)
            ),
            reverse=True,
        )
        used_rows: set[int] = set()
        used_columns: set[int] = set()
        for likeness, row, column in pairs:
            if likeness <= 0 or row in used_rows or column in used_columns:
                continue
            used_rows.add(row)
            used_columns.add(column)
            self._see(free[row], time, faces[column])
            links.append((free[row], faces[column]))
        for column, face in enumerate(faces):
            known = any(_same(item.last.box, face.box) for item, _ in links)
            if column not in used_columns and face.score >= BIRTH_SCORE and not known:
                links.append((self._born(time, face), face))
        return links

    def hold(self, item: Tracklet, time: float) -> None:
        """Say that a face not seen must still be there, since its pixels did not change."""
        item.observations.append(Observation(time, item.last.box, 0.0))
        item.velocity = (0.0, 0.0)

    def hold_before(self, item: Tracklet, times: Sequence[float]) -> None:
        """Say that a new face was there earlier too, at these times in falling order."""
        for time in times:
            item.observations.appendleft(Observation(time, item.observations[0].box, 0.0))
        item.first = item.observations[0].time

    def may_hold(self, item: Tracklet, time: float) -> bool:
        """Tell whether a face not seen on this frame may be held if its pixels did not change."""
        return item.seen >= 2 and time - item.seen_last <= self.reach.hold

    def forget(self, before: float) -> list[Tracklet]:
        """Drop what no frame at or after `before` needs; return the tracklets that are over."""
        over = [
            item
            for item in self.tracklets
            if item.closed and (item.last.time + self.reach.extend < before or item.latest <= before)
        ]
        gone = {item.number for item in over}
        self.tracklets = [item for item in self.tracklets if item.number not in gone]
        for item in self.tracklets:
            while len(item.observations) > 2 and item.observations[1].time < before - self.reach.extend:
                item.observations.popleft()
        return over

    def _see(self, item: Tracklet, time: float, face: Detection) -> None:
        last = item.last
        passed = time - last.time
        if passed > 1e-6:
            keep = 0.5
            moved = [
                ((face.box[axis] + face.box[axis + 2]) - (last.box[axis] + last.box[axis + 2])) / 2 / passed
                for axis in (0, 1)
            ]
            vx, vy = (keep * old + (1 - keep) * new for old, new in zip(item.velocity, moved, strict=True))
            item.velocity = (vx, vy)
        item.turn = face.turn
        item.wide = item.wide or face.turn != 0
        _weigh(item, face)
        item.observations.append(Observation(time, face.box, face.score))
        item.seen += 1
        item.seen_last = time
        item.lowest = min(item.lowest, face.score)
        item.highest = max(item.highest, face.score)

    def _born(self, time: float, face: Detection) -> Tracklet:
        self._count += 1
        item = Tracklet(number=self._count, shot=self._shot, turn=face.turn, earliest=self._shot_start)
        item.wide = face.turn != 0
        _weigh(item, face)
        item.observations.append(Observation(time, face.box, face.score))
        item.seen, item.seen_last, item.first = 1, time, time
        item.lowest = item.highest = face.score
        self.tracklets.append(item)
        return item

    def _close_lost(self, time: float) -> None:
        for item in self.tracklets:
            if not item.closed and time - item.last.time > self.reach.bridge:
                item.closed = True


def _weigh(item: Tracklet, face: Detection) -> None:
    if face.trust is not None:
        item.trust += face.trust
        item.judged += 1
        item.sure = item.sure or face.trust >= 1


def _same(known: Rect, face: Rect) -> bool:
    """Tell whether two boxes on one frame show one face."""
    iou, inside = overlap(known, face)
    return iou > 0.3 or inside > 0.7


def _alike(item: Tracklet, face: Detection, time: float) -> float:
    """Return how well a face fits a tracklet, 0 when it does not."""
    box = item.predicted(time)
    iou = max(overlap(box, face.box)[0], overlap(item.last.box, face.box)[0])
    if iou >= 0.2:
        return 1 + iou
    if face.score < BIRTH_SCORE * 0.7:
        return 0.0
    size = max(box[2] - box[0], box[3] - box[1])
    other = max(face.box[2] - face.box[0], face.box[3] - face.box[1])
    apart: float = (
        ((box[0] + box[2] - face.box[0] - face.box[2]) / 2) ** 2
        + ((box[1] + box[3] - face.box[1] - face.box[3]) / 2) ** 2
    ) ** 0.5
    if apart < 0.7 * max(size, other) and 0.5 < size / max(other, 1e-6) < 2:
        return max(0.0, 1 - apart / max(size, other))
    return 0.0


def unchanged(item: Tracklet, now: Thumbnail, before: Thumbnail, *, block: int) -> bool:
    """Tell whether the pixels of a tracklet's face are the same in two thumbnails (mean change under 3 levels)."""
    x1, y1, x2, y2 = item.last.box
    return patch_change(now, before, block=block, box=Box.outward(x1, y1, x2, y2)) < 3.0
