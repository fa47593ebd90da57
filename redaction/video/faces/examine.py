"""Decides how each frame is looked at, and looks: thoroughly now and then, elsewhere only where something changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from onnxruntime.capi.onnxruntime_pybind11_state import (
    EngineError,
    EPFail,
    Fail,
    InvalidArgument,
    RuntimeException,
)

from redaction.model import Box, Examined, VideoFrame
from redaction.video.boxes import joined
from redaction.video.change import (
    Thumbnail,
    block_of,
    changed_blocks,
    is_cut,
    patch_change,
    regions,
    thumbnail,
)
from redaction.video.faces.detect import Detection, FaceDetector, merged_faces, overlap
from redaction.video.faces.link import Linker, unchanged
from redaction.video.faces.tracklet import Tracklet, kept_face
from redaction.video.view import TURNS, Rotation, View

__all__ = ["FAULTS", "Cadence", "Examiner", "FrameLook"]

FAULTS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    EPFail,
    EngineError,
    Fail,
    InvalidArgument,
    RuntimeException,
    cv2.error,
)
"""What a model may raise on one frame. Anything else ends the run, which fails closed too."""

_LEAST_VISIBLE = 0.3
"""Detectors see the frame with its border mirrored. Half a face at the border becomes a whole one there, of which half
lies in the frame; a face of which less does is made of mirrored hands and sleeves."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often a frame is looked at, in seconds, and how closely.

    Attributes:
        key: at least this often the whole frame is seen, every other time by both detectors.
        frames: the same in frames.
        deep: at least this often they see it at full resolution.
        turned_scale: share of an ordinary look's scale at which turned frames are looked at.
        turned_score: least score of a face found only in a turned frame.
        rescues: most lost faces looked for one by one on one frame.
        crowded: share of the frame from which changed regions are looked at as a whole.
    """

    key: float = 0.2
    frames: int = 12
    deep: float = 1.0
    turned_scale: float = 0.75
    turned_score: float = 0.7
    rescues: int = 6
    crowded: float = 0.45


@dataclass(frozen=True, slots=True)
class FrameLook:
    """What is known of one frame after it was looked at.

    Attributes:
        examined: DETECTED, BRIDGED or COVERED.
        failed: a detector raised.
        thumbnail: None when the frame was not looked at.
        links: faces found, with their tracklets.
        cut: a new shot begins here.
    """

    examined: Examined
    failed: bool = False
    thumbnail: Thumbnail | None = None
    links: tuple[tuple[Tracklet, Detection], ...] = ()
    cut: bool = False


@dataclass(slots=True)
class _Shot:
    """The shot being watched; `reference` holds each block as it was when a detector last saw it."""

    size: tuple[int, int]
    start: float
    last: Thumbnail
    reference: Thumbnail | None = None
    before: Thumbnail | None = None
    key_time: float = float("-inf")
    deep_time: float = float("-inf")
    since_key: int = 0
    turns: int = 0
    history: deque[tuple[float, Thumbnail]] = field(default_factory=deque)


class Examiner:
    """Looks at the frames of one track in order and feeds the linker.

    A frame is BRIDGED only when no block outside what is covered differs from what a detector last saw there. What
    is covered for this purpose is a subset of what will be covered on that frame, see `Tracklet.covers_at`; `spared`
    tells what may yet be left uncovered.
    """

    def __init__(
        self,
        *,
        quick: FaceDetector,
        thorough: FaceDetector,
        linker: Linker,
        cadence: Cadence | None = None,
        spared: Callable[[Box, float], bool] = lambda _box, _time: False,
    ) -> None:
        self._spared = spared
        self._quick = quick
        self._thorough = thorough
        self._linker = linker
        self.cadence = cadence or Cadence()
        self._shot: _Shot | None = None

    def examine(self, frame: VideoFrame, *, key: float | None = None) -> FrameLook:
        """Look at the next frame; `key` shortens the time between whole looks when the look-ahead is short."""
        if frame.whole_cover:
            if self._shot is not None:
                self._shot.reference = None
            return FrameLook(Examined.COVERED)
        now = thumbnail(frame)
        cut = self._enter(frame, now)
        shot = self._shot
        if shot is None:
            raise ValueError("a frame was looked at outside any shot")
        shot.since_key += 1
        try:
            links = self._look(frame, now, shot, key=self.cadence.key if key is None else key)
        except FAULTS:
            shot.reference = None
            return FrameLook(Examined.COVERED, failed=True, thumbnail=now, cut=cut)
        finally:
            shot.last = now
            shot.history.append((frame.time, now))
        if links is None:
            return FrameLook(Examined.BRIDGED, thumbnail=now, cut=cut)
        for item, _ in links:
            item.look = now
            if item.seen == 1:
                self._hold_before(item, shot, frame, now)
        return FrameLook(Examined.DETECTED, thumbnail=now, links=tuple(links), cut=cut)

    def forget(self, before: float) -> None:
        """Drop thumbnails of frames that have left the look-ahead."""
        while self._shot is not None and self._shot.history and self._shot.history[0][0] < before:
            self._shot.history.popleft()

    def _enter(self, frame: VideoFrame, now: Thumbnail) -> bool:
        """Tell cuts from flashes and begin a new shot at a cut."""
        size = (frame.width, frame.height)
        shot = self._shot
        if shot is not None and shot.size == size and not is_cut(now, shot.last):
            return False
        before = None
        if shot is not None and shot.size == size:
            if (
                shot.before is not None
                and frame.time - shot.start < 0.3
                and not is_cut(now, shot.before)
                and float(cv2.absdiff(now, shot.before).mean()) < 10
            ):
                self._linker.uncut(frame.time)
                shot.before, shot.reference, shot.deep_time = None, None, float("-inf")
                return False
            before = shot.last
        if shot is not None:
            self._linker.cut(frame.time)
        self._shot = _Shot(size=size, start=frame.time, last=now, before=before)
        return True

    def _look(
        self, frame: VideoFrame, now: Thumbnail, shot: _Shot, *, key: float
    ) -> list[tuple[Tracklet, Detection]] | None:
        """Return the links found on this frame, or None when it needs no look."""
        passed = frame.time - shot.key_time
        if shot.reference is None or passed >= key - 1e-3 or shot.since_key >= self.cadence.frames:
            links = self._look_key(frame, now, shot)
            shot.reference = now.copy()
            shot.key_time, shot.since_key = frame.time, 0
            return links
        block = block_of(frame)
        changed = changed_blocks(now, shot.reference, block=block, covered=self.covered(frame.time))
        if not changed.any():
            return None
        return self._look_changed(frame, now, shot, regions_of(frame, changed, block, self._linker.active()))

    def covered(self, time: float) -> list[Box]:
        """Return boxes that are sure to be covered on a frame at this time, whatever comes later."""
        reach = self._linker.reach
        boxes = [
            Box.outward(*kept_face(item.last.box))
            for item in self._linker.active()
            if time - item.last.time <= min(reach.hull, reach.extend_weak) and not item.doubtful
        ]
        return [box for box in boxes if not self._spared(box, time)]

    def _look_key(self, frame: VideoFrame, now: Thumbnail, shot: _Shot) -> list[tuple[Tracklet, Detection]]:
        base, deep = scales(frame)
        first = shot.deep_time == float("-inf")
        faces: list[Detection]
        if first or frame.time - shot.deep_time >= self.cadence.deep:
            shot.deep_time = frame.time
            faces = self._see(frame, View.of(frame, scale=deep), self._thorough)
        else:
            # Whoever the one detector loses every other time is looked for by both in `_rescue`.
            detector = self._quick if shot.turns % 2 else self._thorough
            faces = self._see(frame, View.of(frame, scale=base), detector)
        turns: Sequence[Rotation] = TURNS[1:] if first else (TURNS[1 + shot.turns % 3],)
        shot.turns += 1
        for turn in turns:
            view = View.of(frame, scale=base * self.cadence.turned_scale, turn=turn)
            found = self._see(frame, view, self._quick)
            faces += [face for face in found if face.score >= self.cadence.turned_score]
        links = self._linker.link(frame.time, merged_faces(faces))
        links += self._rescue(frame, base)
        for item in self._linker.active():
            if item.seen_last == frame.time:
                continue
            item.missed += 1
            if item.look is None or item.look.shape != now.shape:
                continue
            if self._linker.may_hold(item, frame.time) and unchanged(
                item, now, item.look, block=block_of(frame)
            ):
                self._linker.hold(item, frame.time)
        return links

    def _rescue(self, frame: VideoFrame, base: float) -> list[tuple[Tracklet, Detection]]:
        """Look closely for each face that the whole look has lost, where it should be."""
        lost = [item for item in self._linker.active() if item.seen_last != frame.time]
        links: list[tuple[Tracklet, Detection]] = []
        for item in sorted(lost, key=lambda entry: -entry.last.time)[: self.cadence.rescues]:
            x1, y1, x2, y2 = item.predicted(frame.time)
            side = max(x2 - x1, y2 - y1)
            region = Box.outward(x1 - side, y1 - side, x2 + side, y2 + side).clipped(
                frame.width, frame.height
            )
            if min(region.width, region.height) < 8:
                continue
            scale = min(2.0, max(base, 72 / max(side, 1.0)))
            scale = min(scale, 320 / max(region.width, region.height))
            view = View.of(frame, region=region, scale=scale, turn=_turn(item))
            faces = self._see(frame, view, self._thorough)
            links += self._linker.link(frame.time, merged_faces(faces))
        return links

    def _look_changed(
        self, frame: VideoFrame, now: Thumbnail, shot: _Shot, where: Sequence[Box]
    ) -> list[tuple[Tracklet, Detection]]:
        base, _ = scales(frame)
        total = sum(box.area for box in where)
        if total >= self.cadence.crowded * frame.width * frame.height:
            faces = self._see(frame, View.of(frame, scale=base), self._quick)
            shot.reference = now.copy()
            return self._linker.link(frame.time, merged_faces(faces))
        block = block_of(frame)
        faces = []
        for box in where:
            # Small regions are seen at full resolution, large ones at the scale of a whole look.
            scale = min(max(1.0, base), max(base, (30_000 / box.area) ** 0.5))
            found = self._see(frame, View.of(frame, region=box, scale=scale), self._quick)
            faces += [face for face in found if _inside(face, box, frame)]
            part = np.s_[box.y1 // block : -(-box.y2 // block), box.x1 // block : -(-box.x2 // block)]
            if shot.reference is not None:
                shot.reference[part] = now[part]
        return self._linker.link(frame.time, merged_faces(faces))

    def _hold_before(self, item: Tracklet, shot: _Shot, frame: VideoFrame, now: Thumbnail) -> None:
        """Take a face that was born here for present on earlier frames as long as its pixels were the same."""
        x1, y1, x2, y2 = item.last.box
        box = Box.outward(x1, y1, x2, y2)
        block = block_of(frame)
        times: list[float] = []
        born = frame.time
        for earlier, before in reversed(shot.history):
            if earlier >= born:
                continue
            if patch_change(now, before, block=block, box=box) >= 3.0:
                break
            times.append(earlier)
        self._linker.hold_before(item, times)

    def _see(self, frame: VideoFrame, view: View, detector: FaceDetector) -> list[Detection]:
        """Run a detector on a view and return its faces in the frame's pixels."""
        faces = [_placed(face, view) for face in detector.detect(view.picture(frame))]
        return [face for face in faces if _visible(face, frame) >= _LEAST_VISIBLE]


def scales(frame: VideoFrame) -> tuple[float, float]:
    """Return the scales of an ordinary and of a deep look.

    The ordinary one shows 640 px on the long side, half of the frame's own from 720p to 1440p, at most 1280; the deep
    one shows small frames doubled and large ones as they are up to 1920 px.
    """
    side = max(frame.width, frame.height)
    base = min(max(640.0, side / 2), 1280.0) / side
    deep = min(2.0, max(1.0, 1280 / side), max(1280.0, min(side, 1920)) / side)
    return min(base, 2.0), deep


def regions_of(
    frame: VideoFrame,
    changed: np.ndarray[tuple[int, int], np.dtype[np.bool_]],
    block: int,
    active: Sequence[Tracklet],
) -> list[Box]:
    """Return where to look for what changed: whole faces of known people are included when a region touches them."""
    where = regions(changed, block=block, width=frame.width, height=frame.height, reach=3 * block)
    result: list[Box] = []
    for box in where:
        grown_box = box
        for item in active:
            x1, y1, x2, y2 = item.last.box
            side = 0.3 * (x2 - x1)
            face = Box.outward(x1 - side, y1 - side, x2 + side, y2 + side).clipped(frame.width, frame.height)
            if face.intersection(box).area > 0:
                grown_box = grown_box.union(face)
        result.append(_at_least(grown_box, 12 * block, frame))
    return joined(result)


def _at_least(box: Box, side: int, frame: VideoFrame) -> Box:
    dx, dy = max(0, side - box.width) // 2, max(0, side - box.height) // 2
    return Box(box.x1 - dx, box.y1 - dy, box.x2 + dx, box.y2 + dy).clipped(frame.width, frame.height)


def _turn(item: Tracklet) -> Rotation:
    return next((turn for turn in TURNS if turn == item.turn), 0)


def _inside(face: Detection, box: Box, frame: VideoFrame) -> bool:
    """Tell whether a face lies in the region it was found in; what the padding mirrored does not."""
    outer = (
        float(box.x1 if box.x1 > 0 else -frame.width),
        float(box.y1 if box.y1 > 0 else -frame.height),
        float(box.x2 if box.x2 < frame.width else 2 * frame.width),
        float(box.y2 if box.y2 < frame.height else 2 * frame.height),
    )
    return overlap(outer, face.box)[1] >= 0.75


def _visible(face: Detection, frame: VideoFrame) -> float:
    """Return the share of a face's box that lies in the frame, 0 to 1."""
    x1, y1, x2, y2 = face.box
    inside = max(0.0, min(x2, frame.width) - max(x1, 0.0)) * max(0.0, min(y2, frame.height) - max(y1, 0.0))
    return inside / max((x2 - x1) * (y2 - y1), 1e-6)


def _placed(face: Detection, view: View) -> Detection:
    corners = view.to_frame(np.array(face.box, dtype=np.float32).reshape(2, 2))
    low, high = corners.min(axis=0), corners.max(axis=0)
    marks = None if face.landmarks is None else view.to_frame(face.landmarks)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return Detection(box, face.score, marks, view.turn, face.trust)
