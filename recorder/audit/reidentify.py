"""Attack: is a person recognised by the stored face, given clean pictures of them or pictures redacted the same way?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder.audit.detectors import FaceSighting, Picture3, shared_area
from recorder.audit.faces_left import FaceSearch
from recorder.audit.outcome import (
    AttackOutcome,
    Control,
    Interval,
    Meanings,
    Measured,
    against_control,
    bootstrap,
    equal_error,
    wilson,
)
from recorder.audit.recognisers import Aligned, FaceRecogniser, aligned, shows_nothing
from redaction.errors import UnreadableInput

__all__ = ["Reidentification"]

_FEWEST: Final = 4
_MOST_PHOTOGRAPHS: Final = 20
_LARGEST_PHOTOGRAPH: Final = 50 << 20
_SAME_TRACK: Final = 0.2
_CONTROL_LEAST: Final = 0.6

_Vector = NDArray[np.float32]
_Key = tuple[str, str]


@dataclass(slots=True)
class _Face:
    """One person in one recording: sums of vectors, of two sets of moments, before and after.

    Attributes:
        sums: by recogniser, half (0 or 1) and whether stored.
    """

    box: tuple[float, float, float, float]
    looks: int = 0
    area: float = 0.0
    sums: dict[tuple[int, int, bool], _Vector] = field(default_factory=dict)


@dataclass(slots=True)
class Reidentification:
    """Collects vectors of the originals' faces and of what stands in their place."""

    recognisers: Sequence[FaceRecogniser]
    faces: dict[_Key, list[_Face]] = field(default_factory=dict)
    gallery: dict[str, _Face] = field(default_factory=dict)

    def enrol(self, gallery: Path, search: FaceSearch) -> None:
        """Learn the people of a gallery: a folder for each, named as the person's folder of originals is.

        Raises:
            UnreadableInput: there is no such folder, or no photograph with a face in it.
        """
        if not gallery.is_dir():
            raise UnreadableInput("The gallery is not there; check the path given to --gallery.")
        for person in sorted(path for path in gallery.iterdir() if path.is_dir()):
            known = _Face((0, 0, 0, 0))
            for path in sorted(person.iterdir())[:_MOST_PHOTOGRAPHS]:
                for face in _portraits(path, search):
                    known.looks += 1
                    for number, recogniser in enumerate(self.recognisers):
                        self._add(known, (number, 0, False), recogniser, face)
            if known.looks:
                self.gallery[person.name] = known
        if not self.gallery:
            raise UnreadableInput("The gallery holds no photograph with a face, in a folder for each person.")

    def see(
        self, recording: str, person: str, original: Picture3, stored: Picture3, found: Sequence[FaceSighting]
    ) -> None:
        """Take a picture's faces, as found in the original."""
        tracks = self.faces.setdefault((recording, person), [])
        for one in found:
            if one.points is None:
                continue
            before, after = aligned(original, one.points), aligned(stored, one.points)
            if before is None or after is None:
                continue
            track = max(tracks, key=lambda item: shared_area(item.box, one.box), default=None)
            if track is None or shared_area(track.box, one.box) < _SAME_TRACK:
                track = _Face(one.box)
                tracks.append(track)
            track.box = one.box
            track.area += (one.box[2] - one.box[0]) * (one.box[3] - one.box[1])
            half = track.looks % 2
            track.looks += 1
            for number, recogniser in enumerate(self.recognisers):
                for is_stored, face in ((False, before), (True, after)):
                    self._add(track, (number, half, is_stored), recogniser, face)

    def _add(
        self, track: _Face, key: tuple[int, int, bool], recogniser: FaceRecogniser, face: Aligned
    ) -> None:
        vector = recogniser.vector(face)
        if shows_nothing(face):
            vector = np.zeros_like(vector)
        track.sums[key] = track.sums.get(key, np.zeros_like(vector)) + vector

    def outcomes(self, limits: dict[str, float]) -> list[AttackOutcome]:
        """Return the rows of the audit: two of each recogniser; every vector is zeroed then."""
        subjects = self._subjects()
        known = self._by_gallery() if self.gallery else subjects
        rows = []
        for number, recogniser in enumerate(self.recognisers):
            for enrolled_stored in (False, True):
                rows.append(
                    self._row(
                        number,
                        recogniser.name,
                        subjects if enrolled_stored else known,
                        enrolled_stored,
                        limits["re-identification"],
                        gallery=bool(self.gallery) and not enrolled_stored,
                    )
                )
        for tracks in self.faces.values():
            for track in tracks:
                for vector in track.sums.values():
                    vector.fill(0)
        for known_face in self.gallery.values():
            for vector in known_face.sums.values():
                vector.fill(0)
        self.faces.clear()
        self.gallery.clear()
        return rows

    def _by_gallery(self) -> list[tuple[list[_Face], list[_Face]]]:
        """Return for each person of the gallery who was seen what is enrolled and what is tested."""
        seen: dict[str, list[_Face]] = {}
        for (_, person), tracks in self.faces.items():
            if person in self.gallery and tracks:
                seen.setdefault(person, []).append(max(tracks, key=lambda item: item.area))
        return [([self.gallery[person]], faces) for person, faces in seen.items()]

    def _subjects(self) -> list[tuple[list[_Face], list[_Face]]]:
        """Return for each person what is enrolled and what is tested."""
        by_person: dict[str, list[_Face]] = {}
        for (_, person), tracks in self.faces.items():
            if person and tracks:
                by_person.setdefault(person, []).append(max(tracks, key=lambda item: item.area))
        several = {person: faces for person, faces in by_person.items() if len(faces) > 1}
        if len(several) >= _FEWEST:
            return [(faces[1:], faces[:1]) for faces in several.values()]
        return [([track], []) for tracks in self.faces.values() for track in tracks if track.looks > 1]

    def _row(
        self,
        number: int,
        name: str,
        subjects: list[tuple[list[_Face], list[_Face]]],
        enrolled_stored: bool,
        limit: float,
        *,
        gallery: bool,
    ) -> AttackOutcome:
        way = "redacted the same way" if enrolled_stored else "clean"
        people = len(subjects)
        row = AttackOutcome(
            f"re-identification, {name}, enrolled {way}", name, "share of people", limit=limit
        )
        if people < _FEWEST:
            who = "people of the gallery" if gallery else "people"
            few = f"{people} {who} were seen in originals; at least {_FEWEST} are needed to tell them apart."
            return replace(row, meaning=few)
        originals = _scores(subjects, number, enrolled=False, tested=False)
        scores = _scores(subjects, number, enrolled=enrolled_stored, tested=True)
        best, found = _named(originals), _named(scores)
        chance = 1 / people
        row = replace(
            row,
            chance=chance,
            facts={
                "area under the ROC": round(_area(scores), 3),
                "area under the ROC, originals": round(_area(originals), 3),
                "equal error rate": round(equal_error(*_trials(scores)), 3),
            }
            | _ends("area under the ROC", _area_interval(scores)),
        )
        reading = Meanings(
            f"Of {people} people, the recogniser names {100 * best.figure:.0f} % in the originals and "
            f"{100 * found.figure:.0f} % in what was stored, knowing pictures of them that are {way}.",
            " That is more than guessing: they can be recognised.",
            safe=" That is what guessing gives.",
        )
        return against_control(
            row,
            found,
            Control(
                "the originals, recognised by the same", best.figure, passed=True, interval=best.interval
            ),
            reading,
            recognised=found.interval.low > chance + limit,
            able=best.figure >= _CONTROL_LEAST and best.interval.low > chance,
            apart=found.interval.high < best.interval.low,
        )


def _portraits(path: Path, search: FaceSearch) -> Iterator[Aligned]:
    """Yield the largest face of a photograph."""
    try:
        data = (
            np.frombuffer(path.read_bytes(), np.uint8) if path.stat().st_size <= _LARGEST_PHOTOGRAPH else None
        )
    except OSError:
        return
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if data is not None and len(data) else None
    if decoded is None:
        return
    shrink = min(1.0, 1280 / max(decoded.shape[:2]))
    small = cv2.resize(decoded, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    picture = np.ascontiguousarray(small[:, :, ::-1]).astype(np.uint8)
    faces = [one for one in search.search(picture, closely=False) if one.points is not None]
    best = max(faces, key=lambda one: one.box[2] - one.box[0], default=None)
    cut = aligned(picture, best.points) if best is not None and best.points is not None else None
    if cut is not None:
        yield cut


def _named(scores: NDArray[np.float64]) -> Measured:
    """Return the share of people who are named right."""
    hits, people = _first(scores), len(scores)
    return Measured(hits / people, wilson(hits, people), people)


def _scores(
    subjects: list[tuple[list[_Face], list[_Face]]], number: int, *, enrolled: bool, tested: bool
) -> NDArray[np.float64]:
    """Return the cosine of every person tested with every person enrolled, float64 (people, people)."""
    gallery, probes = [], []
    for known, seen in subjects:
        gallery.append(_sum(known, number, (0, 1) if seen else (0,), enrolled))
        probes.append(_sum(seen, number, (0, 1), tested) if seen else _sum(known, number, (1,), tested))
    return np.stack(probes).astype(np.float64) @ np.stack(gallery).astype(np.float64).T


def _sum(faces: Sequence[_Face], number: int, halves: tuple[int, ...], is_stored: bool) -> _Vector:
    total = np.sum(
        [
            face.sums[number, half, is_stored]
            for face in faces
            for half in halves
            if (number, half, is_stored) in face.sums
        ],
        axis=0,
    )
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)


def _first(scores: NDArray[np.float64]) -> float:
    """Return how many are named right; who ties with others counts as guessed among them."""
    hits = 0.0
    for at, row in enumerate(scores):
        best = np.flatnonzero(row >= row.max() - 1e-6)
        hits += 1 / len(best) if at in best else 0.0
    return hits


def _trials(scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    same = np.eye(len(scores), dtype=bool)
    return scores[same], scores[~same]


def _area(scores: NDArray[np.float64]) -> float:
    target, impostor = _trials(scores)
    apart = target[:, None] - impostor[None, :]
    return float((apart > 1e-9).mean() + 0.5 * (np.abs(apart) <= 1e-9).mean())


def _area_interval(scores: NDArray[np.float64]) -> Interval:
    def drawn(picked: NDArray[np.int64]) -> float:
        target = scores[picked, picked]
        impostor = np.concatenate([np.delete(scores[at], at) for at in picked])
        apart = target[:, None] - impostor[None, :]
        return float((apart > 1e-9).mean() + 0.5 * (np.abs(apart) <= 1e-9).mean())

    return bootstrap(range(len(scores)), drawn)


def _ends(name: str, interval: Interval) -> dict[str, float]:
    return {f"{name}, 95 % from": round(interval.low, 3), f"{name}, 95 % to": round(interval.high, 3)}
