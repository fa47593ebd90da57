"""Who is a minor or an adult: the main face decides, whoever passes by does not, and doubt is what the policy says."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from recorder.live.capture.age_state import SETTLED_S, UNPROVED_AFTER_S, Adulthood, ParticipantAge
from redaction.model import Box, Cover, CoverReason, Examined, RedactedFrame, Span, VideoFrame
from redaction.policy import MinorsSection
from redaction.video.people.adulthood import AgeVerdict

CAMERA, SECOND = "camera", "second camera"


SCHOOL = MinorsSection(in_doubt="remove")
UNCHECKED = MinorsSection(
    i_know_that_every_person_is_an_adult_and_accept_that_an_undetected_child_stays_visible=True
)
ADULT, MINOR, DOUBT = AgeVerdict.ADULT, AgeVerdict.MINOR, AgeVerdict.IN_DOUBT


@dataclass(frozen=True)
class Face:
    """One face in a camera."""

    number: int = 1
    size_px: float = 120.0
    views: int = 4
    age: AgeVerdict = DOUBT


def watched(age: ParticipantAge, *faces: Face, start: float, end: float) -> None:
    """Show faces four times a second."""
    for tick in range(round(start * 4), round(end * 4)):
        age.saw(CAMERA, tick / 4, faces)


def opened(minors: MinorsSection = SCHOOL, *, adult: bool = False) -> ParticipantAge:
    """Return somebody whose camera has just been turned on."""
    age = ParticipantAge(minors, adult=adult)
    age.camera_opened(CAMERA, 0.0)
    return age


def state_of(age: ParticipantAge) -> Adulthood:
    """Return what is known of somebody now."""
    return age.state


def frame_at(time: float, *reasons: CoverReason) -> RedactedFrame:
    """Return a stored frame with covers for the reasons."""
    planes = np.zeros((16, 16), np.uint8), np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)
    covers = tuple(Cover(Box(0, 0, 4, 4), reason, 1) for reason in reasons)
    return RedactedFrame(
        VideoFrame(*planes, round(time * 1000), Fraction(1, 1000)), covers, Examined.DETECTED
    )


def test_whoever_has_no_camera_is_not_judged() -> None:
    """Sound of somebody without a camera is released as it is decided."""
    age = ParticipantAge()
    assert state_of(age) is Adulthood.NO_CAMERA
    assert age.may_release(12.0) == 12.0


def test_sound_waits_until_an_adult_is_proved() -> None:
    """From the camera's start on nothing is released before a face is proved adult; then all that is decided."""
    age = opened()
    assert age.may_release(5.0) == 0.0
    watched(age, Face(age=ADULT), start=0, end=2)
    age.stored(CAMERA, frame_at(4.0, CoverReason.FACE))
    assert state_of(age) is Adulthood.ADULT
    assert age.may_release(5.0) == pytest.approx(4.0)


def test_a_judged_main_face_that_is_not_proved_is_a_minors() -> None:
    """A main face judged for eight seconds without being proved adult makes a minor, and nothing is ever released."""
    age = opened()
    watched(age, Face(), start=0, end=UNPROVED_AFTER_S - 1)
    assert state_of(age) is Adulthood.UNPROVED
    watched(age, Face(), start=UNPROVED_AFTER_S - 1, end=UNPROVED_AFTER_S + 1)
    assert state_of(age) is Adulthood.MINOR
    assert age.may_release(100.0) == 0.0
    watched(age, Face(age=ADULT), start=10, end=12)
    assert state_of(age) is Adulthood.MINOR


def test_faces_that_cannot_be_judged_make_no_minor() -> None:
    """A face too small or dark for three good views withholds sound for ever, and removes nobody."""
    age = opened()
    watched(age, Face(views=2), start=0, end=60)
    assert state_of(age) is Adulthood.UNPROVED
    assert age.may_release(60.0) == 0.0


def test_a_child_in_the_background_of_an_adult_removes_nobody() -> None:
    """A small face beside a proved adult's never decides for the participant."""
    age = opened(MinorsSection())
    watched(age, Face(1, 150, 4, ADULT), Face(2, 60, 8, MINOR), start=0, end=60)
    assert state_of(age) is Adulthood.ADULT


def test_an_adult_who_passes_behind_a_child_proves_nothing() -> None:
    """A small proved face beside a main one that is not does not release a child's sound."""
    age = opened()
    watched(age, Face(1, 150, 2, DOUBT), start=0, end=5)
    watched(age, Face(1, 150, 3, DOUBT), Face(2, 50, 4, ADULT), start=5, end=10)
    assert state_of(age) is Adulthood.UNPROVED
    watched(age, Face(1, 150, 4, DOUBT), start=10, end=30)
    assert state_of(age) is Adulthood.MINOR


def test_one_bad_view_of_an_adult_decides_nothing() -> None:
    """A face that is proved within eight seconds after three doubtful views is an adult's."""
    age = opened()
    watched(age, Face(views=3), start=0, end=6)
    watched(age, Face(views=4, age=ADULT), start=6, end=7)
    assert state_of(age) is Adulthood.ADULT


def test_stretches_with_minors_alone_are_told() -> None:
    """Frames on which every person is removed as a minor make their sound silent, with half a second around."""
    age = opened()
    watched(age, Face(age=ADULT), start=0, end=1)
    for index in range(300):
        alone = 3.0 <= index / 30 < 5.0
        reasons = (CoverReason.MINOR,) if alone else (CoverReason.FACE, CoverReason.MINOR)
        age.stored(CAMERA, frame_at(index / 30, *reasons))
    (span,) = age.minors_only(Span(0, 10))
    assert span.start == pytest.approx(2.5, abs=0.05)
    assert span.end == pytest.approx(5.5, abs=0.05)
    assert age.minors_only(Span(6, 10)) == []


def test_a_camera_that_pauses_holds_no_sound_back() -> None:
    """While a camera shows nothing new all that it showed is decided, and sound goes on."""
    age = opened()
    watched(age, Face(age=ADULT), start=0, end=1)
    age.stored(CAMERA, frame_at(1.0, CoverReason.FACE))
    age.camera_paused(CAMERA)
    assert age.may_release(30.0) == 30.0
    age.camera_resumed(CAMERA, 31.0)
    assert age.may_release(40.0) == 31.0


def test_a_camera_turned_off_before_any_view_leaves_somebody_without_camera() -> None:
    """Who was never judged can be heard once the camera is off; who was judged and not proved stays withheld."""
    never, doubtful = opened(), opened()
    watched(never, Face(views=1), start=0, end=1)
    watched(doubtful, Face(views=3), start=0, end=1)
    for age in (never, doubtful):
        age.camera_ended(CAMERA)
    assert never.may_release(20.0) == 20.0
    assert doubtful.may_release(20.0) == 0.0
    never.camera_opened(SECOND, 21.0)
    assert never.may_release(30.0) == 21.0


def test_declared_adults_are_never_withheld() -> None:
    """Where nobody's age is estimated, nobody is judged, and minors' covers silence nobody."""
    age = opened(UNCHECKED)
    watched(age, Face(), start=0, end=20)
    age.stored(CAMERA, frame_at(20.0, CoverReason.MINOR))
    assert state_of(age) is Adulthood.ADULT
    assert age.may_release(20.0) == pytest.approx(20.0)
    assert age.minors_only(Span(0, 30)) == []


def test_memory_of_faces_is_bounded() -> None:
    """Thousands of faces that come and go leave the main one known and little else."""
    age = opened()
    for number in range(5000):
        age.saw(CAMERA, number / 4, (Face(1, 200, 4, ADULT), Face(number + 2, 20, 0, DOUBT)))
    assert state_of(age) is Adulthood.ADULT
    assert len(age._cameras[CAMERA].faces) <= 65


def test_who_is_in_doubt_is_kept_where_doubt_covers() -> None:
    """With the product profile sound is released as pictures are decided, however long nothing is proved."""
    age = opened(MinorsSection())
    watched(age, Face(), start=0, end=60)
    age.stored(CAMERA, frame_at(60.0, CoverReason.FACE))
    assert state_of(age) is Adulthood.IN_DOUBT
    assert age.may_release(70.0) == 60.0


@pytest.mark.parametrize("minors", [MinorsSection(), SCHOOL])
@pytest.mark.parametrize("before", [DOUBT, ADULT])
def test_a_main_face_that_stays_a_minors_removes_the_participant(
    minors: MinorsSection, before: AgeVerdict
) -> None:
    """Sound is withheld from the first such verdict on, and the participant a minor once it has stood for long."""
    age = opened(minors)
    watched(age, Face(age=before), start=0, end=2)
    released = age.may_release(2.0)
    watched(age, Face(age=MINOR), start=2, end=2 + SETTLED_S - 1)
    age.stored(CAMERA, frame_at(6.0, CoverReason.MINOR))
    assert state_of(age) is not Adulthood.MINOR
    assert age.may_release(6.0) <= 2.0
    assert released <= 2.0
    watched(age, Face(age=MINOR), start=2 + SETTLED_S - 1, end=2 + SETTLED_S + 1)
    assert state_of(age) is Adulthood.MINOR
    assert age.may_release(100.0) == 0.0
    watched(age, Face(age=ADULT), start=9, end=30)
    assert state_of(age) is Adulthood.MINOR


def test_a_minors_verdict_that_is_taken_back_in_time_removes_nobody() -> None:
    """A bad moment withholds sound for as long as it lasts and no longer."""
    age = opened(MinorsSection())
    watched(age, Face(age=MINOR), start=0, end=3)
    watched(age, Face(age=DOUBT), start=3, end=20)
    age.stored(CAMERA, frame_at(20.0, CoverReason.FACE))
    assert state_of(age) is Adulthood.IN_DOUBT
    assert age.may_release(20.0) == 20.0


@pytest.mark.parametrize("over", ["ended", "paused"])
def test_a_camera_that_ends_while_a_minor_shows_is_a_minors(over: str) -> None:
    """Turning the camera off before the verdict has stood for long keeps nothing."""
    age = opened(MinorsSection())
    watched(age, Face(age=MINOR), start=0, end=1)
    (age.camera_ended if over == "ended" else age.camera_paused)(CAMERA)
    assert state_of(age) is Adulthood.MINOR


def test_a_parent_beside_a_child_is_kept() -> None:
    """Two main faces, one of them not a minor's: the participant stays, the pictures cover the child."""
    age = opened(MinorsSection())
    watched(age, Face(1, 150, 8, DOUBT), Face(2, 150, 8, MINOR), start=0, end=60)
    assert state_of(age) is Adulthood.IN_DOUBT


@pytest.mark.parametrize("minors", [MinorsSection(), SCHOOL])
def test_who_declared_to_be_an_adult_is_not_withheld(minors: MinorsSection) -> None:
    """A declaration proves an adult before any view, until a face in the camera is a minor's all the same."""
    age = opened(minors, adult=True)
    assert state_of(age) is Adulthood.ADULT
    age.stored(CAMERA, frame_at(5.0, CoverReason.FACE))
    assert age.may_release(5.0) == 5.0
    watched(age, Face(age=MINOR), start=5, end=5 + SETTLED_S + 1)
    assert state_of(age) is Adulthood.MINOR


def test_a_declaration_counts_for_nothing_where_the_policy_ignores_it() -> None:
    """With `declared = "ignore"` a declared adult is judged like everybody."""
    age = opened(MinorsSection(in_doubt="remove", declared="ignore"), adult=True)
    assert state_of(age) is Adulthood.UNPROVED
