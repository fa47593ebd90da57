"""A followed face: its sightings, how far they are trusted, and where its cover is at any time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from redaction.video.change import Thumbnail
from redaction.video.cover import ROUNDNESS
from redaction.video.faces.detect import BIRTH_SCORE, Rect

__all__ = ["Observation", "Reach", "Tracklet", "grown_face", "kept_face", "rect_hull"]

_SMALL_PX = 32
_USUAL_S = 0.1
_STEADY_S = 0.3
_STILL = 0.06
_KEPT = 0.1
_OFF_PX = 1.0
_DISAGREED = 0.15
_HARDLY = 0.5
_OFF_LINE = 0.06
_HALF_SEEN = 0.9
_ROOM_S = 0.15
_ROOM_FADES_S = 1.0
"""A detector's box stays as near as .06 of its size to the line along which a face is taken to move. How plainly a face
is seen counts for .15 s, and fades within a second, so that its cover changes its size slowly."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far in seconds a tracklet is trusted beyond what was seen of it.

    Attributes:
        extend: kept covered before the first and after the last sighting or place to which its pixels were followed.
        extend_weak: the same for a face seen once with a low score.
        follow: longest time over which a face that is not seen is followed by its pixels.
        follow_weak: the same for a face seen once with a low score.
        bridge: longest stretch without a sighting inside a tracklet.
        hold: longest time a face that is no longer seen stays covered while its pixels do not change.
        hull: after a sighting, its box stays covered this long, see `kept_face`.
    """

    extend: float = 0.35
    extend_weak: float = 0.2
    follow: float = 1.0
    follow_weak: float = 0.5
    bridge: float = 1.2
    hold: float = 5.0
    hull: float = 0.25

    def spanning(self, apart: float) -> Reach:
        """Return the reach for looks that lie up to so many seconds apart: no face is uncovered between two of them."""
        return replace(self, extend=max(self.extend, 1.25 * apart), extend_weak=max(self.extend_weak, apart))


@dataclass(frozen=True, slots=True)
class Observation:
    """Where a tracklet's face was on one frame.

    Attributes:
        score: 0 when it was held or followed, not seen.
        room: see `grown_face`.
    """

    time: float
    box: Rect
    score: float
    room: float = 1.0


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
        lies: True once its face was seen in a turned frame.
        trust: sum of its sightings' trust.
        judged: how many of them had any.
        sure: True once a detector was sure, or two agreed.
        missed: whole looks, each with a close one, in which it was not seen.
        sightings: how often it was seen with a score from which a detector alone takes it for a face.
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
    lies: bool = False
    trust: float = 0.0
    judged: int = 0
    sure: bool = False
    missed: int = 0
    sightings: int = 0
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

    @property
    def faint(self) -> bool:
        """Whether no look ever took it for a face, and only all of them together do."""
        return self.highest < BIRTH_SCORE

    @property
    def weak(self) -> bool:
        """Whether it was seen once, with a low score."""
        return self.seen < 2 and self.highest < 0.7

    @property
    def dismissed(self) -> bool:
        """Whether closer looks by two detectors, time and again, say that it is no face: then nothing is covered.

        Source: our own, on the shared clips, pans over photographs of crowds and generated scenes: what was seen once
        or twice, never for sure, and missed thrice as often was a bag, a fold, a lamp or a leaf.
        """
        return self.doubtful and self.missed >= 3 and self.missed >= 3 * self.sightings

    @property
    def doubtful(self) -> bool:
        """Whether it may yet be dismissed, so that what moves in it must be looked at."""
        return not (self.sure or self.settled or self.trust >= 1)

    def extension(self, reach: Reach) -> float:
        """Return the seconds for which it is covered beyond its sightings and what was followed of it."""
        return reach.extend_weak if self.weak else reach.extend

    def predicted(self, time: float) -> Rect:
        """Return where the box should be at a time after the last sighting; motion fades out in half a second."""
        ahead = min(max(0.0, time - self.last.time), 0.3)
        dx, dy = self.velocity[0] * ahead, self.velocity[1] * ahead
        x1, y1, x2, y2 = self.last.box
        return x1 + dx, y1 + dy, x2 + dx, y2 + dy

    def covers_at(self, time: float, *, margin: float, reach: Reach) -> Rect | None:
        """Return the box that hides the face at a time, hair, ears and chin included, or None.

        Args:
            time: of the frame.
            margin: seconds around it over which the hull is taken, so that no motion slips out.
            reach: how far beyond sightings it is covered.
        """
        if not self.earliest <= time < self.latest or not self.observations or self.dismissed:
            return None
        head, tail = self.observations[0], self.last
        extension = self.extension(reach)
        if not head.time - extension <= time <= tail.time + extension:
            return None
        times = [item.time for item in self.observations]
        places = [self._between(moment, times) for moment in (time - margin, time, time + margin)]
        steady, most = self._steady(time, times, places[1])
        faces = [kept_face(box) for box in (*places, *self._around(time, times, reach))]
        room = self._room(time)
        box = rect_hull([grown_face(steady, room=room), grown_face(most, room=max(0.0, room - 1)), *faces])
        slack = 0.35 * self._blind(time, times) * max(box[2] - box[0], box[3] - box[1])
        return _around_corners((box[0] - slack, box[1] - slack, box[2] + slack, box[3] + slack), faces)

    def _room(self, time: float) -> float:
        """Return how much of what is around its box the face may fill at a time, see `grown_face`.

        A half-seen face that was seen lying lies; the box of a faint one says as little.
        """
        if self.faint:
            return 2.0
        return max(
            (2.0 if self.lies and item.room >= _HALF_SEEN else item.room)
            * min(1.0, max(0.0, 1 - (abs(item.time - time) - _ROOM_S) / _ROOM_FADES_S))
            for item in self.observations
        )

    def _around(self, time: float, times: Sequence[float], reach: Reach) -> list[Rect]:
        """Return boxes of sightings that are covered at a time, though the face may have moved on.

        The latest one, because what moves in it is not looked at for a while; and where a blurred face is, a faint
        sighting does not tell well: the next sure ones on either side do.
        """
        right = bisect_left(times, time)
        first, last = max(0, right - 1), min(right, len(times) - 1)
        result: list[Rect] = []
        latest = bisect_right(times, time) - 1
        if latest >= 0 and time - times[latest] <= reach.hull:
            result.append(self.observations[latest].box)
        while first > 0 and self._faint(first) and time - times[first - 1] <= 2 * reach.hull:
            first -= 1
            result.append(self.observations[first].box)
        while last + 1 < len(times) and self._faint(last) and times[last + 1] - time <= 2 * reach.hull:
            last += 1
            result.append(self.observations[last].box)
        return result

    def _faint(self, index: int) -> bool:
        return 0 < self.observations[index].score < BIRTH_SCORE and not self.faint

    def _blind(self, time: float, times: Sequence[float]) -> float:
        """Return for how many seconds the face may have moved unseen, none up to the usual time between looks."""
        right = bisect_left(times, time)
        if right == 0:
            return times[0] - time
        if right == len(times):
            return time - times[-1]
        return max(0.0, min(time - times[right - 1], times[right] - time) - _USUAL_S) / 2

    def _steady(self, time: float, times: Sequence[float], place: Rect) -> tuple[Rect, Rect]:
        """Return a box near `place` without the trembling of a detector: as large as lately, and where a line leads.

        And the same as far as the sighting reaches that saw most of the face, where sightings disagree.
        """
        low, high = bisect_left(times, time - _STEADY_S), bisect_right(times, time + _STEADY_S)
        near = [self.observations[index] for index in range(low, high)]
        if len(near) < 3:
            return place, place
        boxes = np.array([item.box for item in near])
        ago = np.array([item.time for item in near]) - time
        weight = (1 - np.abs(ago) / (1.25 * _STEADY_S)) * np.array(
            [1.0 if item.score >= BIRTH_SCORE else 0.4 for item in near]
        )
        weight /= weight.sum()
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        size = weight @ (boxes[:, 2:] - boxes[:, :2])
        mean, when = weight @ middle, float(weight @ ago)
        spread = float(weight @ (ago - when) ** 2)
        slope = (weight * (ago - when)) @ (middle - mean) / max(spread, 1e-9)
        # Below a few hundredths of its size a second a head is still, and its cover stands.
        way = np.abs(slope) * 2 * _STEADY_S / size
        slope = slope * np.clip((way - _STILL) / _STILL, 0, 1)
        centre = mean - slope * when
        # Where detectors disagree, the one that saw most of a face counts, within bounds: below a mask there is a chin;
        # and the less plainly it is seen, the more so on every side.
        sure = np.array([item.score >= BIRTH_SCORE or (self.faint and item.score > 0) for item in near])
        off = (boxes - np.tile(centre + slope * ago[:, None], 2))[sure]
        more = _HARDLY if self.faint else _DISAGREED * min(1.0, self._room(time))
        low = np.clip(-size / 2 - off[:, :2].min(axis=0, initial=0), 0, more * size)
        high = np.clip(off[:, 2:].max(axis=0, initial=0) - size / 2, 0, np.array([more, _DISAGREED]) * size)
        here = np.array([place[0] + place[2], place[1] + place[3]]) / 2
        centre = here + np.clip(centre - here, -_OFF_LINE * size, _OFF_LINE * size)
        (x1, y1), (x2, y2) = centre - size / 2, centre + size / 2
        box = float(x1), float(y1), float(x2), float(y2 + high[1])
        (x1, y1), (x2, y2) = centre - size / 2 - low, centre + size / 2 + high
        return box, (float(x1), float(y1), float(x2), float(y2))

    def _between(self, time: float, times: Sequence[float]) -> Rect:
        right = bisect_left(times, time)
        if right == 0:
            return self._earlier(time)
        if right == len(times):
            return self.predicted(time)
        before, after = self.observations[right - 1], self.observations[right]
        share = (time - before.time) / max(after.time - before.time, 1e-9)
        x1, y1, x2, y2 = (a + (b - a) * share for a, b in zip(before.box, after.box, strict=True))
        return x1, y1, x2, y2

    def _earlier(self, time: float) -> Rect:
        """Return where the box should have been before the first sighting, as it moves after it."""
        first = self.observations[0]
        later = next((item for item in self.observations if item.time - first.time >= 0.1), None)
        x1, y1, x2, y2 = first.box
        if later is None:
            return first.box
        ahead = min(max(0.0, first.time - time), 0.3) / (later.time - first.time)
        dx = (later.box[0] + later.box[2] - x1 - x2) / 2 * ahead
        dy = (later.box[1] + later.box[3] - y1 - y2) / 2 * ahead
        return x1 - dx, y1 - dy, x2 - dx, y2 - dy


def grown_face(box: Rect, *, room: float = 1.0) -> Rect:
    """Grow a detector's tight face box so that hair, ears and chin are in.

    Args:
        box: the face.
        room: 0 for a face that is seen plainly and from the front, 1 for one that is not, 2 for one that lies on its
            side or leans, when hair and chin may be on any side; and whatever is between them.

    A plain one grows by 0.19 of its width at the sides, 0.30 of its height above and 0.20 below, another by 0.32, 0.40
    and 0.50, one that lies by 0.45 all around at least; each by a pixel more, by which boxes of small faces are off.
    Source: boxes of YuNet and CenterFace end at forehead and chin and cut the ears. Of 725 annotated faces in
    photographs, many masked, that a detector scores .95 and more, one in 30 reaches 0.15 of its width and 0.20 of its
    height beyond the box at the sides and below; of those under .8, 0.38 and 0.50; of profiles 0.25 and 0.24.
    """
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    more = min(room, 1.0)
    side = (0.19 + 0.13 * more) * max(width, 0.66 * height)
    above, below = (0.30 + 0.10 * more) * height, (0.20 + 0.30 * more) * height
    if room > 1:
        around = 0.45 * max(width, height)
        side, above, below = (edge + (room - 1) * max(0.0, around - edge) for edge in (side, above, below))
    return x1 - side - _OFF_PX, y1 - above - _OFF_PX, x2 + side + _OFF_PX, y2 + below + _OFF_PX


def kept_face(box: Rect) -> Rect:
    """Return what of a sighting stays covered for a while wherever the face goes: the face itself."""
    x1, y1, x2, y2 = grown_face(box, room=0.0)
    return (
        box[0] - _KEPT * (box[0] - x1),
        box[1] - _KEPT * (box[1] - y1),
        box[2] + _KEPT * (x2 - box[2]),
        box[3] + _KEPT * (y2 - box[3]),
    )


def _around_corners(cover: Rect, faces: Iterable[Rect]) -> Rect:
    """Return a cover grown until the corners of the faces in it lie within its rounded outline."""
    x, y = (cover[0] + cover[2]) / 2, (cover[1] + cover[3]) / 2
    wide, high = max(cover[2] - cover[0], 1e-6) / 2, max(cover[3] - cover[1], 1e-6) / 2
    reach = max(
        (max(x - box[0], box[2] - x, 0.0) / wide) ** ROUNDNESS
        + (max(y - box[1], box[3] - y, 0.0) / high) ** ROUNDNESS
        for box in faces
    )
    factor = max(1.0, reach ** (1 / ROUNDNESS))
    return x - factor * wide, y - factor * high, x + factor * wide, y + factor * high


def rect_hull(rects: Iterable[Rect]) -> Rect:
    """Return the smallest rectangle that holds all of them."""
    x1, y1, x2, y2 = zip(*rects, strict=True)
    return min(x1), min(y1), max(x2), max(y2)
