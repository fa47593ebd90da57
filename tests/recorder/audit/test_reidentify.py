"""Who is named from vectors, with a fake recogniser that knows people by their colour."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from recorder.audit.detectors import FaceSighting, Picture3
from recorder.audit.faces_left import FaceSearch
from recorder.audit.outcome import AuditVerdict
from recorder.audit.recognisers import Aligned, FaceRecogniser, aligned, shows_nothing
from recorder.audit.reidentify import Reidentification
from redaction.errors import UnreadableInput

POINTS = np.array([[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]], np.float32)
COLOURS = ((250, 60, 60), (60, 250, 60), (60, 60, 250), (250, 250, 60), (250, 60, 250), (60, 250, 250))
LIMITS = {"re-identification": 0.0}


class FakeRecogniser:
    """Stands for a net: a vector is a face's mean colour, less grey."""

    name = "fake"

    def vector(self, face: Aligned) -> NDArray[np.float32]:
        """Return it, of length 1."""
        colour = face[40:90, 40:72].reshape(-1, 3).mean(axis=0) - 128
        return np.asarray(colour / max(1e-9, float(np.linalg.norm(colour))), np.float32)


def face(colour: tuple[int, int, int], seed: int) -> Picture3:
    """Return a picture that is a face to the fake."""
    noise = np.random.default_rng(seed).integers(-5, 6, (112, 112, 3))
    return np.asarray(np.clip(np.array(colour) + noise, 0, 255), np.uint8)


def attacked(*, covered: bool, people: int = 6) -> Reidentification:
    """Return an attack that saw each person in a recording of their own, four times."""
    attack = Reidentification([cast(FaceRecogniser, FakeRecogniser())])
    for person in range(people):
        for moment in range(4):
            original = face(COLOURS[person], 10 * person + moment)
            stored = np.full((112, 112, 3), 96, np.uint8) if covered else original
            found = [FaceSighting((10, 10, 100, 100), 0.9, POINTS)]
            attack.see(f"recording {person}", "", original, stored, found)
    return attack


def test_people_who_are_shown_are_named() -> None:
    """Six of six, which is more than guessing: both rows fail."""
    rows = attacked(covered=False).outcomes(LIMITS)
    assert [row.figure for row in rows] == [1.0, 1.0]
    assert [row.verdict for row in rows] == [AuditVerdict.FAILED] * 2


def test_people_who_are_covered_are_guessed() -> None:
    """All covers tie, so one in six is named; the control, on the originals, names all."""
    rows = attacked(covered=True).outcomes(LIMITS)
    assert [row.figure for row in rows] == [pytest.approx(1 / 6)] * 2
    assert [row.verdict for row in rows] == [AuditVerdict.PASSED] * 2
    assert all(row.control is not None and row.control.figure == 1 for row in rows)


def test_too_few_people_are_not_judged() -> None:
    """Of three the attack does not run; of four the interval reaches up to the originals', and it says nothing."""
    verdicts = [
        {row.verdict for row in attacked(covered=True, people=people).outcomes(LIMITS)} for people in (3, 4)
    ]
    assert verdicts == [{AuditVerdict.NOT_RUN}, {AuditVerdict.INVALID}]


def test_vectors_are_zeroed_when_the_figures_are_out() -> None:
    """Nothing that tells a person is left in memory."""
    attack = attacked(covered=False)
    vectors = [vector for tracks in attack.faces.values() for one in tracks for vector in one.sums.values()]
    assert vectors
    attack.outcomes(LIMITS)
    assert not any(vector.any() for vector in vectors)
    assert attack.faces == {}


def test_a_gallery_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A missing or an empty gallery would enrol nobody, and everybody would pass."""
    attack = attacked(covered=True)
    for place in (tmp_path / "none", tmp_path):
        with pytest.raises(UnreadableInput):
            attack.enrol(place, cast(FaceSearch, None))


def test_a_cover_shows_nothing_and_a_face_does() -> None:
    """What a codec leaves on a cover is no picture."""
    noise = np.random.default_rng(1).normal(96, 2, (112, 112, 3))
    assert shows_nothing(np.asarray(noise, np.uint8))
    shaded = np.linspace(60, 200, 112)[:, None, None] * np.ones((1, 112, 3))
    assert not shows_nothing(np.asarray(shaded, np.uint8))


def test_around_the_face_nothing_is_shown() -> None:
    """The room would name the recording, not the person."""
    picture = np.full((112, 112, 3), 250, np.uint8)
    cut = aligned(picture, POINTS)
    assert cut is not None
    assert (cut[0, 0] == 127).all()
    assert (cut[60, 56] == 250).all()
