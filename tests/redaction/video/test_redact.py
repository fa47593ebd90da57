"""The picture engine as a whole, with fake models: nothing shows, nothing is lost, faults cover."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from redaction.model import Box, CoverReason, EventKind, Examined
from redaction.video.faces.examine import Cadence
from redaction.video.lookahead import Bounds
from redaction.video.people.silhouette import Silhouette
from redaction.video.redact import VideoRedactor, VideoStages
from tests.redaction.video.scene import (
    GROUND,
    HEIGHT,
    WIDTH,
    FakeDetector,
    FakeJudge,
    FakeSilhouette,
    bright,
    covered_mask,
    frame,
    policy,
    redactor,
    run,
)

FACE = Box(60, 20, 84, 44)

walks = st.lists(
    st.tuples(
        st.integers(-20, 150),  # x
        st.integers(-20, 90),  # y
        st.integers(-6, 6),  # px a frame across
        st.integers(-4, 4),  # px a frame down
        st.integers(14, 40),  # side
        st.integers(0, 40),  # first frame
        st.integers(1, 40),  # frames
    ),
    max_size=3,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(walks=walks, blind=st.sets(st.integers(0, 30), max_size=4), threaded=st.booleans())
def test_no_face_shows_on_any_frame(
    walks: list[tuple[int, int, int, int, int, int, int]], blind: set[int], threaded: bool
) -> None:
    """However faces come, move and go, no bright pixel is left, damaged frames are whole, and no frame is lost."""
    frames = []
    for index in range(60):
        faces = [
            Box(
                x + dx * (index - first),
                y + dy * (index - first),
                x + dx * (index - first) + side,
                y + dy * (index - first) + side,
            )
            for x, y, dx, dy, side, first, count in walks
            if first <= index < first + count
        ]
        # What shows of a face at the border may be too little to be one.
        faces = [box for box in faces if min(box.clipped(160, 96).width, box.clipped(160, 96).height) >= 8]
        frames.append(frame(faces, index, whole_cover=index in blind))
    engine = redactor(threaded=threaded)
    done = run(engine, frames)
    assert [item.frame.pts for item in done] == list(range(60))
    assert [bright(item) for item in done] == [0] * 60
    for item in done:
        assert (item.frame.y[covered_mask(item)] == 96).all()
    for index in blind:
        assert done[index].examined is Examined.COVERED
    summary = engine.summary
    assert summary.frames == summary.detected + summary.bridged + summary.covered_whole == 60
    assert summary.covered_whole == len(blind)
    assert summary.incomplete == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(raising=st.sets(st.integers(0, 60), max_size=12))
def test_fault_in_the_detector_never_shows_a_face(raising: set[int]) -> None:
    """Whichever calls of the detector raise, their frames are covered whole, counted and logged; the run goes on."""
    frames = [frame([Box(10 + 2 * index, 20, 34 + 2 * index, 44)], index) for index in range(45)]
    engine = redactor(FakeDetector(raising=raising))
    done = run(engine, frames)
    summary = engine.summary
    assert [bright(item) for item in done] == [0] * 45
    assert [item.frame.pts for item in done] == list(range(45))
    assert summary.covered_whole == summary.failed_detections == summary.incomplete
    covered = [event for event in engine.drain_events() if event.kind is EventKind.WHOLE_COVER]
    assert bool(covered) == bool(summary.failed_detections)
    assert all(event.detail["reason"] == "detector" for event in covered)


def test_same_input_gives_the_same_output_with_and_without_thread() -> None:
    """What comes out does not depend on the pace of the thread."""
    frames = [frame([Box(10 + 3 * index, 20, 34 + 3 * index, 44)], index) for index in range(50)]
    one, two = run(redactor(), frames), run(redactor(threaded=True), frames)
    for left, right in zip(one, two, strict=True):
        assert [cover.box for cover in left.covers] == [cover.box for cover in right.covers]
        assert (left.examined, left.frame.pts) == (right.examined, right.frame.pts)
        np.testing.assert_array_equal(left.frame.y, right.frame.y)


def test_face_is_covered_before_it_is_found_and_after_it_is_lost() -> None:
    """A face found late and lost early, on a moving picture, is followed and covered for a second both ways."""
    eyes = FakeDetector()
    engine = redactor(eyes)
    random = np.random.default_rng(0)
    frames = []
    for index in range(60):
        # The face shows from 20 to 40 to the detector; before and after it is a shade too dark for it.
        item = frame([FACE] if 20 <= index < 40 else [], index)
        if not 20 <= index < 40:
            item.y[FACE.y1 : FACE.y2, FACE.x1 : FACE.x2] = random.integers(100, 140)
        frames.append(item)
    done = run(engine, frames)
    for redacted in done:
        assert covered_mask(redacted)[FACE.y1 : FACE.y2, FACE.x1 : FACE.x2].all()


def test_picture_without_faces_is_left_alone() -> None:
    """Where nobody is, every sample comes out as it went in."""
    frames = [frame((), index) for index in range(40)]
    engine = redactor()
    for given_frame, item in zip(frames, run(engine, frames), strict=True):
        np.testing.assert_array_equal(item.frame.y, given_frame.y)
        assert item.covers == ()
    assert engine.summary.tracklets == ()


def test_look_ahead_is_bounded_in_time() -> None:
    """A frame comes out at the latest when one 1.5 s later was pushed."""
    engine = redactor()
    out = 0
    for index in range(200):
        out += len(engine.push(frame([FACE], index)))
        assert index + 1 - out <= 46
    assert len(engine.flush()) == 200 - out


def test_look_ahead_is_bounded_in_bytes() -> None:
    """Large frames shorten the look-ahead: no more is held than allowed, and no face shows."""
    size = frame().nbytes
    engine = redactor(bounds=Bounds(bytes=10 * size))
    out = 0
    done = []
    for index in range(60):
        done += engine.push(frame([Box(10 + 2 * index, 20, 34 + 2 * index, 44)], index))
        out = len(done)
        assert index + 1 - out <= 10
    done += engine.flush()
    assert [bright(item) for item in done] == [0] * 60
    assert engine.summary.covered_whole == 0


def test_frames_too_large_to_hold_are_covered() -> None:
    """Where not even a tenth of a second can be held, frames are covered whole, and counted as incomplete."""
    engine = redactor(bounds=Bounds(bytes=frame().nbytes))
    done = run(engine, [frame([FACE], index) for index in range(10)])
    assert [item.examined for item in done[:-1]] == [Examined.COVERED] * 9
    assert [bright(item) for item in done] == [0] * 10
    assert engine.summary.incomplete == 9


@pytest.mark.slow
def test_memory_of_a_long_run_does_not_grow() -> None:
    """After a thousand frames the engine holds no more thumbnails, frames or sightings than after two hundred."""
    engine = redactor()
    sizes = []
    for index in range(1000):
        engine.push(frame([Box(60, 20, 84, 44 + index % 3)], index))
        if index in (200, 999):
            ahead = engine._ahead
            shot = ahead._examiner._shot
            assert shot is not None
            sizes.append(
                (len(ahead._held), len(shot.history), len(ahead._linker.tracklets[0].observations) // 10)
            )
    assert all(late <= early + 1 for early, late in zip(*sizes, strict=True))
    engine.flush()


def test_size_may_change_on_the_way() -> None:
    """Frames of another size go on covered, each at its own size."""
    frames = [frame([FACE], index) for index in range(20)]
    frames += [frame([Box(100, 40, 140, 80)], 20 + index, size=(201, 121)) for index in range(20)]
    done = run(redactor(), frames)
    assert [item.frame.y.shape for item in done] == [item.y.shape for item in frames]
    assert [bright(item) for item in done] == [0] * 40


def test_frames_out_of_order_are_refused() -> None:
    """Time that runs backwards is a defect of the source and ends the run."""
    engine = redactor()
    engine.push(frame((), 5))
    with pytest.raises(ValueError, match="order"):
        engine.push(frame((), 4))


def test_unproved_person_is_removed_with_the_body() -> None:
    """Nobody proved to be an adult: face and body are covered on every frame, and the time is told."""
    judge, outline = FakeJudge(), FakeSilhouette()
    engine = redactor(rules=policy(adults=False), judge=judge, silhouettes=outline)
    done = run(engine, [frame([FACE], index) for index in range(60)])
    for item in done:
        assert item.covers[0].reason is CoverReason.MINOR
        assert covered_mask(item)[FACE.y1 :, FACE.x1 : FACE.x2].all()
        assert (item.frame.y[FACE.y1 :, FACE.x1 : FACE.x2] == 96).all()
    summary = engine.summary
    assert (summary.minors, summary.tracklets[0].reason) == (1, CoverReason.MINOR)
    assert [(span.start, round(span.end, 3)) for span in summary.minors_only] == [(0.0, 2.0)]
    assert judge.forgotten == [1]
    assert outline.calls <= 60 / 4 + 4


def test_adult_keeps_the_body() -> None:
    """A person proved to be an adult loses the face only."""
    engine = redactor(rules=policy(adults=False), judge=FakeJudge([1]), silhouettes=FakeSilhouette())
    done = run(engine, [frame([FACE], index) for index in range(30)])
    assert [bright(item) for item in done] == [0] * 30
    assert not covered_mask(done[10])[80:].any()
    assert engine.summary.minors_only == ()


def test_adult_who_is_taken_back_stays_a_minor() -> None:
    """Where doubt removes, once the judge takes an adult back no later word makes an adult of that tracklet."""
    judge = FakeJudge([1])
    engine = redactor(
        rules=policy(adults=False, in_doubt="remove"), judge=judge, silhouettes=FakeSilhouette()
    )
    done = []
    for index in range(180):
        if index == 90:
            judge.adults.clear()
        if index == 120:
            judge.adults.add(1)
        done += engine.push(frame([FACE], index))
    done += engine.flush()
    reasons = [item.covers[0].reason for item in done]
    assert reasons[0] is CoverReason.FACE
    assert set(reasons[90:]) == {CoverReason.MINOR}


@pytest.mark.parametrize(("in_doubt", "reason"), [("cover", CoverReason.FACE), ("remove", CoverReason.MINOR)])
def test_person_in_doubt_is_treated_as_the_policy_says(in_doubt: str, reason: CoverReason) -> None:
    """Who is neither surely a minor nor surely an adult keeps the body or not, and is counted either way."""
    engine = redactor(
        rules=policy(adults=False, in_doubt=in_doubt),
        judge=FakeJudge(doubtful=[1]),
        silhouettes=FakeSilhouette(),
    )
    done = run(engine, [frame([FACE], index) for index in range(30)])
    assert {cover.reason for item in done for cover in item.covers} == {reason}
    assert [bright(item) for item in done] == [0] * 30
    assert (engine.summary.in_doubt, engine.summary.minors) == (1, int(in_doubt == "remove"))


def test_declared_adults_are_not_judged() -> None:
    """With the policy's key nobody is shown to the judge."""
    judge = FakeJudge()
    run(redactor(judge=judge, silhouettes=FakeSilhouette()), [frame([FACE], index) for index in range(10)])
    assert judge.observed == []


def test_without_judge_nobody_is_an_adult() -> None:
    """A policy that judges ages and no judge: everybody is removed."""
    engine = redactor(rules=policy(adults=False), silhouettes=FakeSilhouette())
    run(engine, [frame([FACE], index) for index in range(10)])
    assert engine.summary.minors == 1


@pytest.mark.parametrize("unsure", [True, False])
def test_doubtful_face_takes_a_body_along_only_if_there_surely_is_one(unsure: bool) -> None:
    """What may be no face is covered for sure, its body where one is outlined; the frame does not go."""
    face = Box(20, 0, 100, 50)
    engine = redactor(
        FakeDetector(score=0.6, firm_from=1000),
        rules=policy(adults=False),
        judge=FakeJudge(),
        silhouettes=FakeSilhouette(unsure=unsure),
    )
    done = run(engine, [frame([face], index) for index in range(20)])
    for item in done:
        assert item.examined is not Examined.COVERED
        assert bright(item) == 0
        assert item.covers[0].reason is CoverReason.MINOR
        assert covered_mask(item)[75:, 40:80].all() != unsure


def test_small_face_in_doubt_takes_no_body_along() -> None:
    """An outline under a head of a few pixels is no witness."""
    engine = redactor(
        FakeDetector(score=0.6, firm_from=1000),
        rules=policy(adults=False),
        judge=FakeJudge(),
        silhouettes=FakeSilhouette(),
    )
    for item in run(engine, [frame([FACE], index) for index in range(20)]):
        assert bright(item) == 0
        assert not covered_mask(item)[85:].any()


def test_doubt_that_ends_within_the_look_ahead_ends_for_the_frames_before_too() -> None:
    """A face that a later look makes firm is removed like any other from its first frame on."""
    engine = redactor(
        FakeDetector(score=0.6, firm_from=8),
        rules=policy(adults=False),
        judge=FakeJudge(),
        silhouettes=FakeSilhouette(unsure=True),
    )
    done = run(engine, [frame([FACE], index, ground=GROUND + index % 7) for index in range(40)])
    assert {item.examined for item in done} == {Examined.COVERED}


def test_doubtful_mosaic_of_a_minor_is_solid() -> None:
    """A head in doubt that stands for a minor is filled, whatever adults get."""
    engine = redactor(
        FakeDetector(score=0.6, firm_from=1000),
        rules=policy(adults=False, method="mosaic"),
        judge=FakeJudge(),
        silhouettes=FakeSilhouette(unsure=True),
    )
    for item in run(engine, [frame([FACE], index) for index in range(5)]):
        assert (item.frame.y[FACE.y1 : FACE.y2, FACE.x1 : FACE.x2] == 96).all()


@pytest.mark.parametrize("kind", ["unsure", "raising", "none"])
def test_doubtful_silhouette_covers_the_frame(kind: str) -> None:
    """No outline, no silhouette model, or one that raises: the whole frame goes, and a fault is counted."""
    outline = None if kind == "none" else FakeSilhouette(unsure=kind == "unsure", raising=kind == "raising")
    engine = redactor(rules=policy(adults=False), judge=FakeJudge(), silhouettes=outline)
    done = run(engine, [frame([FACE], index) for index in range(30)])
    assert {item.examined for item in done} == {Examined.COVERED}
    assert {int(item.frame.y.min()) for item in done} == {int(item.frame.y.max()) for item in done} == {96}
    summary = engine.summary
    assert summary.incomplete == summary.failed_silhouettes == (30 if kind == "raising" else 0)
    reasons = {
        event.detail["reason"] for event in engine.drain_events() if event.kind is EventKind.WHOLE_COVER
    }
    assert reasons == {"silhouette" if kind == "raising" else "unsure"}


class FakeBlindSegmenter:
    """Sees nobody."""

    def people(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return zeros."""
        return np.zeros(picture.shape[:2], np.float32)

    def close(self) -> None:
        """Hold nothing."""


@pytest.mark.parametrize(
    "faces", [(Box(56, 30, 68, 42),), (Box(20, 30, 32, 42), Box(84, 50, 96, 62)), (Box(0, 30, 10, 42),)]
)
def test_unsure_outline_costs_the_body_and_not_the_frame(faces: tuple[Box, ...]) -> None:
    """One minor, two, and one at the edge: from the head to the bottom all is covered, the room around is not."""
    engine = VideoRedactor(
        width=WIDTH,
        height=HEIGHT,
        policy=policy(adults=False),
        stages=VideoStages(FakeDetector(), FakeDetector(), FakeJudge(), Silhouette(FakeBlindSegmenter())),
        track="V1",
        threaded=False,
    )
    for item in run(engine, [frame(list(faces), index) for index in range(20)]):
        assert item.examined is not Examined.COVERED
        mask = covered_mask(item)
        for face in faces:
            assert mask[face.y1 :, max(0, face.x1 - face.width // 2) : face.x2 + face.width // 2].all()
        assert not mask[:10].any()
        assert mask.mean() < 0.9
    assert engine.summary.minors == len(faces)
    assert engine.summary.covered_whole == 0


def test_moving_body_is_removed_between_two_outlines() -> None:
    """What of a person moves out of the outline between two outlined frames is covered as changed."""
    outline = FakeSilhouette()
    engine = redactor(rules=policy(adults=False), judge=FakeJudge(), silhouettes=outline)
    frames = []
    for index in range(33):
        item = frame([FACE], index)
        if index % 4 == 2:  # an arm that is out on frames that are not outlined
            item.y[60:72, 80:104] = 140
        frames.append(item)
    done = run(engine, frames)
    for index, redacted in enumerate(done):
        if index % 4 == 2:
            assert not (redacted.frame.y[60:72, 88:104] == 140).any()


def test_remove_takes_the_body_of_everybody() -> None:
    """The method `remove` covers the body of adults too, as faces."""
    engine = redactor(rules=policy(method="remove"), silhouettes=FakeSilhouette())
    done = run(engine, [frame([FACE], index) for index in range(10)])
    assert done[5].covers[0].reason is CoverReason.FACE
    assert covered_mask(done[5])[FACE.y1 :, FACE.x1 : FACE.x2].all()


def test_mosaic_leaves_no_detail() -> None:
    """With `mosaic` what is under the cover takes only rounded values."""
    random = np.random.default_rng(0)
    frames = [frame([FACE], index) for index in range(10)]
    for item in frames:
        item.y[FACE.y1 : FACE.y2, FACE.x1 : FACE.x2] -= random.integers(0, 60, (24, 24)).astype(np.uint8)
    done = run(redactor(rules=policy(method="mosaic")), frames)
    for redacted in done:
        assert (redacted.frame.y[FACE.y1 : FACE.y2, FACE.x1 : FACE.x2] % 16 == 8).all()


def test_tracklets_are_told_once_they_end() -> None:
    """Each tracklet gives one event and one record with span, frames and lowest score."""
    engine = redactor()
    run(engine, [frame([FACE] if index < 30 else [], index) for index in range(120)])
    events = [event for event in engine.drain_events() if event.kind is EventKind.TRACKLET]
    record = engine.summary.tracklets[0]
    assert len(events) == 1
    assert events[0].span == record.span
    assert record.span.start == 0.0
    assert 1.1 <= record.span.end <= 1.5
    assert events[0].detail["lowest_score"] == 0.9


def test_slow_cadence_still_shows_nothing() -> None:
    """Even with rare whole looks a face that comes and goes is covered, since changes are looked at."""
    frames = [frame([FACE] if 10 <= index < 13 else [], index) for index in range(40)]
    done = run(redactor(cadence=Cadence(key=5.0, frames=1000)), frames)
    assert [bright(item) for item in done] == [0] * 40
