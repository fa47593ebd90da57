"""Cadence: which frames are looked at, which are bridged, and what a fault on one of them does."""

from collections.abc import Sequence

import numpy as np

from redaction.model import Box, Examined, VideoFrame
from redaction.video.faces.detect import Detection
from redaction.video.faces.examine import Cadence, Examiner, FrameLook, scales
from redaction.video.faces.link import Linker
from redaction.video.view import Picture
from tests.redaction.video.scene import FakeDetector, frame


def looks(
    frames: Sequence[VideoFrame], detector: FakeDetector | None = None
) -> tuple[list[FrameLook], Linker]:
    """Look at all frames."""
    linker = Linker()
    eyes = detector or FakeDetector()
    examiner = Examiner(quick=eyes, thorough=eyes, linker=linker)
    return [examiner.examine(item) for item in frames], linker


def test_still_picture_is_looked_at_five_times_a_second() -> None:
    """Of a picture that does not change every sixth frame at 30 a second is looked at; the others are bridged."""
    face = Box(60, 30, 84, 54)
    done, _ = looks([frame([face], index) for index in range(31)])
    kinds = [item.examined for item in done]
    assert [index for index, kind in enumerate(kinds) if kind is Examined.DETECTED] == [0, 6, 12, 18, 24, 30]
    assert set(kinds) == {Examined.DETECTED, Examined.BRIDGED}


def test_change_outside_covers_is_looked_at_at_once() -> None:
    """A face that shows for one frame between two whole looks is found, and so is another elsewhere on the next."""
    flashes = {2: [Box(100, 50, 118, 74)], 3: [Box(20, 10, 40, 34)]}
    done, linker = looks([frame(flashes.get(index, []), index) for index in range(6)])
    assert [item.examined for item in done[2:4]] == [Examined.DETECTED] * 2
    assert [item.seen for item in linker.tracklets] == [1, 1]


def test_change_inside_a_cover_is_bridged() -> None:
    """What moves inside a covered face needs no look."""
    face = Box(60, 30, 92, 62)
    frames = []
    for index in range(6):
        item = frame([face], index)
        item.y[40 + index : 44 + index, 66:80] = 180
        frames.append(item)
    done, _ = looks(frames)
    assert [item.examined for item in done[1:]] == [Examined.BRIDGED] * 5


def test_slow_drift_is_seen_in_the_end() -> None:
    """A face that fades in too slowly for two frames to differ is found once it differs from what was looked at."""

    frames = []
    for index in range(12):
        item = frame((), index)
        item.y[30:60, 60:90] = 60 + 4 * index
        frames.append(item)
    linker = Linker()
    eyes = FakeDetector()
    examiner = Examiner(quick=eyes, thorough=eyes, linker=linker, cadence=Cadence(key=10.0, frames=1000))
    kinds = [examiner.examine(item).examined for item in frames]
    assert kinds[1] is Examined.BRIDGED
    assert Examined.DETECTED in kinds[2:5]


def test_detector_that_raises_covers_its_frame_and_the_next_is_looked_at() -> None:
    """After a fault the frame counts as covered and failed, and the following one gets a whole look."""
    face = Box(60, 30, 84, 54)
    eyes = FakeDetector(raising={0})
    done, _ = looks([frame([face], index) for index in range(3)], eyes)
    assert (done[0].examined, done[0].failed) == (Examined.COVERED, True)
    assert (done[1].examined, done[1].failed) == (Examined.DETECTED, False)
    assert done[2].examined is Examined.BRIDGED


def test_damaged_frame_is_not_looked_at() -> None:
    """A frame that the source wants covered whole is never shown to a detector; the next gets a whole look."""
    eyes = FakeDetector()
    done, _ = looks([frame((), 0), frame((), 1, whole_cover=True)], eyes)
    calls = eyes.calls
    assert done[1].examined is Examined.COVERED
    assert calls == 4  # the first frame upright and turned three ways
    done, _ = looks([frame((), 0), frame((), 1, whole_cover=True), frame((), 2)])
    assert done[2].examined is Examined.DETECTED


def test_new_size_is_a_new_shot() -> None:
    """A frame of another size begins a shot and is looked at thoroughly."""
    done, linker = looks(
        [frame([Box(60, 30, 84, 54)], 0), frame([Box(100, 30, 130, 60)], 1, size=(200, 120))]
    )
    assert (done[1].cut, done[1].examined) == (True, Examined.DETECTED)
    assert [item.shot for item in linker.tracklets] == [0, 1]


def test_upside_down_face_is_found_by_turning() -> None:
    """A face that the detector sees only when the frame is turned is found on the first frame, in its place."""

    class FakeUprightDetector(FakeDetector):
        """Sees a blob only when its bright end is up: the lower half of the face is darker."""

        def detect(self, picture: Picture) -> list[Detection]:
            """Return blobs with something grey right below them."""
            found = []
            for face in super().detect(picture):
                x1, y1, x2, y2 = (int(value) for value in face.box)
                below = picture[min(y2 + 3, picture.shape[0] - 1), (x1 + x2) // 2]
                if 90 < int(below[0]) < 150:
                    height = y2 - y1
                    found.append(Detection((x1, y1, x2, y2 + height), face.score, face.landmarks))
            return found

    given = frame([Box(60, 42, 84, 54)], 0)
    given.y[30:42, 60:84] = 118
    done, linker = looks([given], FakeUprightDetector())
    assert done[0].links[0][1].turn == 180
    np.testing.assert_allclose(linker.tracklets[0].last.box, (60, 30, 84, 54), atol=2)


def test_lost_face_is_looked_for_where_it_should_be() -> None:
    """When a whole look misses a known face, a close look at its place finds it."""
    face = Box(60, 30, 84, 54)
    eyes = FakeDetector(missing={4, 5})  # the first frame takes calls 0 to 3; the next key frame's looks miss
    done, linker = looks([frame([face], index) for index in range(7)], eyes)
    assert eyes.calls == 7
    assert linker.tracklets[0].seen == 2
    assert done[6].links[0][0].number == 1


def test_still_face_that_no_look_finds_is_held() -> None:
    """A face that was seen twice and whose pixels do not change stays where it is, seen or not."""
    face = Box(60, 30, 84, 54)
    eyes = FakeDetector(missing=range(7, 400))
    _, linker = looks([frame([face], index) for index in range(120)], eyes)
    assert [item.number for item in linker.active()] == [1]
    assert linker.tracklets[0].last.time > 3.5


def test_face_is_taken_for_present_before_its_first_sighting_while_nothing_changed() -> None:
    """A still face that is found late was there on all earlier frames with the same pixels."""
    face = Box(60, 30, 84, 54)
    eyes = FakeDetector(missing=range(6))
    _, linker = looks([frame([face], index) for index in range(13)], eyes)
    assert linker.tracklets[0].observations[0].time == 0.0


def test_scales_follow_the_frame() -> None:
    """A whole look shows 640 px, half of a large frame's side, at most 1280; a deep one up to 1920 px."""
    assert scales(frame(size=(1280, 720))) == (0.5, 1.0)
    assert scales(frame(size=(640, 360))) == (1.0, 2.0)
    assert scales(frame(size=(1920, 1080))) == (0.5, 1.0)
    assert scales(frame(size=(3840, 2160))) == (1280 / 3840, 0.5)
    assert scales(frame(size=(160, 96))) == (2.0, 2.0)


def test_face_made_by_the_mirrored_border_is_none() -> None:
    """What lies mostly beyond the frame is no face; half a face at the border is one."""

    class FakeBorderDetector:
        """Sees one face two thirds beyond the lower edge, and one half beyond it, in whole views."""

        def detect(self, picture: Picture) -> list[Detection]:
            """Return both."""
            height = float(picture.shape[0])
            return [
                Detection((20, height - 8, 44, height + 22), 0.9),
                Detection((80, height - 12, 104, height + 12), 0.9),
            ]

    linker = Linker()
    Examiner(quick=FakeDetector(), thorough=FakeBorderDetector(), linker=linker).examine(frame((), 0))
    assert len(linker.tracklets) == 1
    assert linker.tracklets[0].last.box[0] > 20
