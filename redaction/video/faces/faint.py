"""Gathers what look after look sees in one place, each time too faintly to be taken for a face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from redaction.video.faces.detect import Detection, Rect, overlap

__all__ = ["FaintFaces", "FaintSight"]

FaintSight = tuple[float, Detection]
"""When something was seen, in seconds, and what."""

_LEAST: Final = 0.28
_OFTEN: Final = 8
_SPAN_S: Final = 1.0
_LOST_S: Final = 0.5
_MOST_PX: Final = 100
_WITHIN_S: Final = 2.0
_SAME: Final = 0.3
_MOVED: Final = 0.5
"""Least score, sights and seconds from the first to the last of them; seconds without one after which all is forgotten,
longest side, seconds that count, overlap from one to the next, and sides by which it must have moved meanwhile.

Source: our own, on the street and on pans over crowds. A masked face between two signs is seen 21 times in 2.3 s, one
look in three. Of what else is seen so often, most are heads from behind; the largest thing, 181 px of trousers, is too
large to go unseen if it were a face."""


class FaintFaces:
    """Says what was seen so often that it must be one.

    A face of which little shows, a mask between two signs, is seen by one look in three, and never well. What looks
    like a face by chance is gone from one look to the next once it moves; what stands still looks the same to every
    look, and tells nothing more.
    """

    def __init__(self) -> None:
        self._chains: list[list[FaintSight]] = []

    def forget(self) -> None:
        """Begin anew, as after a cut."""
        self._chains.clear()

    def take(self, time: float, faces: Sequence[Detection]) -> list[list[FaintSight]]:
        """Take what a look saw faintly and nobody knows; return the sights of what must be a face, in order."""
        self._chains = [chain for chain in self._chains if time - chain[-1][0] <= _LOST_S]
        grown: list[list[FaintSight]] = []
        for face in sorted(faces, key=lambda item: -item.score):
            if face.score < _LEAST or face.turn != 0 or _side(face.box) > _MOST_PX:
                continue
            free = [chain for chain in self._chains if chain[-1][0] < time]
            chain = max(free, key=lambda item: _likeness(item, time, face.box), default=None)
            if chain is None or _likeness(chain, time, face.box) <= _SAME:
                self._chains.append([(time, face)])
                continue
            chain.append((time, face))
            while time - chain[0][0] > _WITHIN_S:
                chain.pop(0)
            if len(chain) >= _OFTEN and time - chain[0][0] >= _SPAN_S and _moved(chain):
                grown.append(chain)
        self._chains = [chain for chain in self._chains if not any(chain is item for item in grown)]
        return grown


def _likeness(chain: Sequence[FaintSight], time: float, box: Rect) -> float:
    """Return how well a box fits where the latest sight was, or should be by now."""
    (first, start), (last, end) = chain[0], chain[-1]
    share = (time - last) / (last - first) if last > first else 0.0
    dx, dy = (
        (end.box[axis] + end.box[axis + 2] - start.box[axis] - start.box[axis + 2]) / 2 * share
        for axis in (0, 1)
    )
    x1, y1, x2, y2 = end.box
    ahead = (x1 + dx, y1 + dy, x2 + dx, y2 + dy)
    return max(overlap(end.box, box)[0], overlap(ahead, box)[0])


def _moved(chain: Sequence[FaintSight]) -> bool:
    """Tell whether the sights are of different pictures: a badge on a still coat is seen again in each."""
    least = _MOVED * min(_side(face.box) for _, face in chain)
    for axis in (0, 1):
        middles = [(face.box[axis] + face.box[axis + 2]) / 2 for _, face in chain]
        if max(middles) - min(middles) >= least:
            return True
    return False


def _side(box: Rect) -> float:
    return max(box[2] - box[0], box[3] - box[1])
