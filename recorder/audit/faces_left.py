"""Attack: are there faces in what was stored? Given originals also: how much of each face is covered?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder.audit.detectors import FaceSighting, Mtcnn, Picture3, Ssd, shared_area
from recorder.audit.outcome import AttackOutcome, AuditVerdict, Control, LookAt, judged, wilson
from recorder.audit.pictures import Shown
from redaction.weights import read

__all__ = ["FaceSearch", "FacesLeft"]

_LOW: Final = 0.3
_CLOSE_PX: Final = 256
_CLOSE_REACH: Final = 2.2
_SAME: Final = 0.3
_CLOSELY_EVERY_S: Final = 0.5
_CONTROL_SHARES: Final = (0.5, 0.25, 0.12)
_CONTROL_PASSES: Final = 0.9
_MOST_FINDINGS: Final = 50
_BLOCK_PX: Final = 8
_LEVELS: Final = (10.0, 6.0)
"""Mean difference of luma and of chroma in a block up to which it still shows the original.

Source: x264 at CRF 23 changes uncovered blocks of faces by 1 to 4; a grey cover changes the chroma of skin by more
than 10."""
_COVERED: Final = 0.95
_TRUE_SCORE: Final = 0.7


class FaceSearch:
    """Two detectors that take no part in redaction; what one takes for a face the other must see close up."""

    def __init__(self) -> None:
        """Load both.

        Raises:
            ModelMissing: the group `audit` was not fetched.
        """
        self._cascade = Mtcnn(scores=(0.6, 0.7, 0.6))
        self._shot = Ssd(score=_LOW)

    def search(self, picture: Picture3, *, closely: bool) -> list[FaceSighting]:
        """Return faces that both detectors see, with landmarks where the cascade found them."""
        points = self._cascade.search(picture)
        shots = self._shot.search(picture, closely=closely)
        faces = []
        for one in points:
            if any(shared_area(one.box, other.box) >= _SAME for other in shots) or self._seen(
                one, self._shot, picture
            ):
                faces.append(one)
        for one in shots:
            if not any(shared_area(one.box, other.box) >= _SAME for other in points) and self._seen(
                one, self._cascade, picture
            ):
                faces.append(one)
        return faces

    def _seen(self, one: FaceSighting, other: Mtcnn | Ssd, picture: Picture3) -> bool:
        cut, scale, corner = _close(picture, one.box)
        box = tuple((edge - corner[at % 2]) * scale for at, edge in enumerate(one.box))
        return any(shared_area(box, found.box) >= _SAME for found in other.search(cut))


@dataclass(slots=True)
class FacesLeft:
    """Counts over all recordings; holds no picture longer than it looks at it."""

    search: FaceSearch
    looks: int = 0
    seconds: set[tuple[str, int]] = field(default_factory=set)
    bad_seconds: set[tuple[str, int]] = field(default_factory=set)
    findings: list[LookAt] = field(default_factory=list)
    left_out: int = 0
    original_faces: int = 0
    covered_faces: int = 0
    shares: list[float] = field(default_factory=list)
    control_tried: int = 0
    control_found: int = 0
    _next_close: dict[str, float] = field(default_factory=dict)

    def look(self, recording: str, shown: Shown) -> list[FaceSighting]:
        """Search one picture, and twice a second beside it its original, whose faces are returned."""
        closely = shown.time >= self._next_close.get(recording, 0.0)
        if closely:
            self._next_close[recording] = shown.time + _CLOSELY_EVERY_S
            self._control(shown)
        self.looks += 1
        second = (recording, int(shown.time))
        self.seconds.add(second)
        if self.search.search(shown.stored, closely=closely):
            if second not in self.bad_seconds:
                if len(self.findings) < _MOST_FINDINGS:
                    self.findings.append(LookAt(recording, round(shown.time, 2), "face"))
                else:
                    self.left_out += 1
            self.bad_seconds.add(second)
        return self._compare(shown) if closely else []

    def _compare(self, shown: Shown) -> list[FaceSighting]:
        """Measure how much of each of the original's faces still shows."""
        original = shown.original
        if original is None:
            return []
        faces = [one for one in self.search.search(original, closely=True) if one.score >= _TRUE_SCORE]
        kept = _unchanged(shown.stored, original)
        for face in faces:
            share = 1 - _share(kept, face.box)
            self.original_faces += 1
            self.covered_faces += share >= _COVERED
            self.shares.append(share)
        return faces

    def _control(self, shown: Shown) -> None:
        """Put a known face into a copy of the picture, at falling sizes, and search that."""
        height, width = shown.stored.shape[:2]
        face = _control_face()
        for share in _CONTROL_SHARES:
            side = round(min(height, width) * share)
            if side < 40 or self.control_tried >= 60:
                continue
            copy = shown.stored.copy()
            x, y = (width - side) // 2, (height - side) // 2
            copy[y : y + side, x : x + side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
            found = self.search.search(copy, closely=False)
            self.control_tried += 1
            self.control_found += any(
                x <= (one.box[0] + one.box[2]) / 2 <= x + side
                and y <= (one.box[1] + one.box[3]) / 2 <= y + side
                for one in found
            )

    def outcomes(self, limits: dict[str, float]) -> list[AttackOutcome]:
        """Return the rows of the audit."""
        rows = [self._left(limits["faces-left"])]
        if self.original_faces:
            rows.append(self._covered(limits["faces-covered"]))
        return rows

    def _left(self, limit: float) -> AttackOutcome:
        seconds, bad = len(self.seconds), len(self.bad_seconds)
        if not self.looks:
            return AttackOutcome(
                "faces-left",
                "MTCNN and SSD",
                "share of seconds",
                AuditVerdict.NOT_RUN,
                "There is no video to search.",
            )
        share = self.control_found / self.control_tried if self.control_tried else 0.0
        control = Control(
            "a known photograph put into copies of the pictures",
            share,
            share >= _CONTROL_PASSES,
            wilson(self.control_found, self.control_tried),
        )
        figure = bad / seconds
        told = (
            f"Two detectors that take no part in redaction searched {self.looks} pictures of {seconds} s. "
            + (
                f"In {bad} s both saw a face: somebody may be seen there."
                if bad
                else "Nowhere did both see a face."
            )
        )
        return AttackOutcome(
            "faces-left",
            "MTCNN and SSD",
            "share of seconds",
            judged(control, good=figure <= limit),
            told,
            figure,
            wilson(bad, seconds),
            seconds,
            None,
            limit,
            control,
            tuple(self.findings),
            self.left_out,
            {"pictures": float(self.looks)},
        )

    def _covered(self, limit: float) -> AttackOutcome:
        faces, covered = self.original_faces, self.covered_faces
        figure = covered / faces
        control = Control("the faces of the originals, found by the same search", float(faces), faces > 0)
        return AttackOutcome(
            "faces-covered",
            "MTCNN and SSD",
            "share of faces",
            judged(control, good=figure >= limit),
            f"Of {faces} faces that the originals show, {covered} are changed over at least 95 % of their box.",
            figure,
            wilson(covered, faces),
            faces,
            None,
            limit,
            control,
            facts={"lowest share of one face": round(min(self.shares), 3)},
        )


def _control_face() -> Picture3:
    """Return the head of the photograph that the catalog holds, uint8 (H, W, 3) RGB."""
    data = np.frombuffer(read("audit.control_face", "astronaut.png"), np.uint8)
    picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(picture[0:240, 110:350, ::-1])


def _close(picture: Picture3, box: tuple[float, ...]) -> tuple[Picture3, float, tuple[float, float]]:
    """Return what is around a box, made `_CLOSE_PX` large, with its scale and corner in the picture."""
    side = max(8.0, _CLOSE_REACH * max(box[2] - box[0], box[3] - box[1]))
    x, y = (box[0] + box[2] - side) / 2, (box[1] + box[3] - side) / 2
    scale = _CLOSE_PX / side
    matrix = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]], np.float32)
    flags = cv2.INTER_LINEAR if scale >= 0.6 else cv2.INTER_AREA
    cut = cv2.warpAffine(
        picture, matrix, (_CLOSE_PX, _CLOSE_PX), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8), scale, (x, y)


def _unchanged(stored: Picture3, original: Picture3) -> NDArray[np.bool_]:
    """Tell for each block of 8 by 8 pixels whether it still shows the original, bool (H / 8, W / 8)."""
    size = (stored.shape[1] // _BLOCK_PX, stored.shape[0] // _BLOCK_PX)
    inside = np.s_[: size[1] * _BLOCK_PX, : size[0] * _BLOCK_PX]
    before, after = (
        cv2.cvtColor(np.ascontiguousarray(one[inside]), cv2.COLOR_RGB2YCrCb) for one in (original, stored)
    )
    apart = cv2.resize(cv2.absdiff(before, after), size, interpolation=cv2.INTER_AREA)
    return np.asarray((apart[:, :, 0] <= _LEVELS[0]) & (apart[:, :, 1:].max(axis=2) <= _LEVELS[1]))


def _share(blocks: NDArray[np.bool_], box: Sequence[float]) -> float:
    x1, y1, x2, y2 = (max(0, round(edge / _BLOCK_PX)) for edge in box)
    part = blocks[y1 : max(y1 + 1, y2), x1 : max(x1 + 1, x2)]
    return float(part.mean()) if part.size else 0.0
