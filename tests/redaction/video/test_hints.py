"""Hints of places: what stands there comes back, and nothing else ever does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from redaction.model import Box, CoverReason, EventKind, Span, VideoFrame
from redaction.video.hints import HintedPlaces, HintKind, PlaceHint
from tests.redaction.video.scene import (
    HEIGHT,
    WIDTH,
    FakeJudge,
    FakeSilhouette,
    bright,
    covered_mask,
    frame,
    policy,
    redactor,
    run,
)

LAMP = Box(20, 20, 44, 50)
PERSON = Box(100, 30, 124, 60)
PLACE = Box(12, 10, 52, 62)
SIZE = (WIDTH, HEIGHT)
ALL_ALONG = Span(0, 60)


def hinted(
    reference: VideoFrame | None,
    *,
    kind: HintKind = HintKind.FACE,
    box: Box = PLACE,
    span: Span = ALL_ALONG,
) -> HintedPlaces:
    """Return one hint whose place was looked at on a frame."""
    return HintedPlaces.of("V1", [(PlaceHint(kind, box, span.start, span), reference)], size=SIZE)


def still(*faces: Box, count: int = 60) -> list[VideoFrame]:
    """Return frames on which nothing moves."""
    return [frame(faces, index) for index in range(count)]


def shown(frames: Sequence[VideoFrame], hints: HintedPlaces | None, *, box: Box) -> list[float]:
    """Return how much of a box is bright on each frame as stored."""
    done = run(redactor(hints=hints), frames)
    return [float((item.frame.y[box.y1 : box.y2, box.x1 : box.x2] > 150).mean()) for item in done]


def test_what_stands_there_comes_back_and_a_person_does_not() -> None:
    """The lamp is seen on every frame, the person on none, and the log says where and when."""
    frames = still(LAMP, PERSON)
    hints = hinted(frames[0])
    engine = redactor(hints=hints)
    done = run(engine, frames)
    assert all((item.frame.y[20:50, 20:44] > 150).all() for item in done)
    assert all(not (item.frame.y[30:60, 100:124] > 150).any() for item in done)
    assert all(item.spared for item in done)
    (event,) = [one for one in engine.drain_events() if one.kind is EventKind.HINT]
    assert event.track == "V1"
    assert event.detail["kind"] == "face"
    assert event.span is not None
    assert event.span.start == 0
    assert event.span.end == pytest.approx(2.0, abs=0.04)
    assert hints.used == {HintKind.FACE: 1}
    assert engine.summary.tracklets
    assert len(engine.summary.tracklets) == 1


def test_without_a_hint_both_are_covered() -> None:
    """The control."""
    assert not any(shown(still(LAMP, PERSON), None, box=LAMP))


@pytest.mark.parametrize(
    "intruder",
    [Box(26, 24, 50, 54), Box(20, 20, 44, 40), Box(38, 44, 50, 58), Box(14, 12, 50, 60)],
    ids=["before it", "smaller, in it", "small, beside it", "larger"],
)
def test_who_comes_into_the_place_is_covered(intruder: Box) -> None:
    """While anything else is there all of it is covered; when the place is as it was, the lamp is seen again."""
    dark = Box(10, 8, 54, 64)
    frames = []
    for index in range(120):
        if 40 <= index < 80:
            ground = np.full((HEIGHT, WIDTH), 60, np.uint8)
            ground[dark.y1 : dark.y2, dark.x1 : dark.x2] = 60
            frames.append(frame([intruder], index, ground=ground))
        else:
            frames.append(frame([LAMP], index))
    whole = Box(0, 0, WIDTH, HEIGHT)
    seen = shown(frames, hinted(frames[0]), box=whole)
    assert not any(seen[40:80])
    assert all(seen[:20])
    assert all(seen[95:])


def test_a_face_too_small_to_change_the_place_ends_the_hint() -> None:
    """It is seen as a second face there, though no part of the place changes by ten levels."""
    place, lamp, small = Box(6, 4, 106, 92), Box(20, 20, 90, 84), Box(94, 8, 97, 11)
    frames = [frame([lamp] if index < 40 else [lamp, small], index) for index in range(90)]
    box = Box(small.x1, small.y1, small.x2, small.y2)
    assert not any(shown(frames, hinted(frames[0], box=place), box=box))


def test_two_faces_in_the_place_are_both_covered() -> None:
    """Nobody can tell of which the hint speaks."""
    small, other = Box(16, 20, 30, 44), Box(36, 20, 50, 44)
    frames = still(small, other)
    assert not any(shown(frames, hinted(frames[0]), box=PLACE))


def test_a_cover_that_reaches_beyond_the_place_stays() -> None:
    """A place drawn over a part of a face gives nothing of it back."""
    frames = still(LAMP)
    assert not any(shown(frames, hinted(frames[0], box=Box(26, 26, 40, 42)), box=LAMP))


def test_a_hint_holds_in_its_span_only() -> None:
    """Before and after it the lamp is covered."""
    frames = still(LAMP, count=90)
    seen = shown(frames, hinted(frames[45], span=Span(1.0, 2.0)), box=LAMP)
    assert not any(seen[:30])
    assert all(seen[30:60])
    assert not any(seen[60:])


def test_a_place_that_was_not_looked_at_is_covered() -> None:
    """Without the frame, of another look or another size, no hint holds."""
    frames = still(LAMP, count=30)
    for reference in (None, still(PERSON)[0], frame([LAMP], size=(WIDTH + 2, HEIGHT))):
        assert not any(shown(frames, hinted(reference), box=LAMP))


def test_more_light_in_the_room_is_nobody_in_it() -> None:
    """Light that changes everywhere alike leaves the lamp seen."""
    frames = [frame([LAMP], index, ground=60) for index in range(60)]
    lit = [
        VideoFrame(np.asarray(one.y + 8, np.uint8), one.u, one.v, one.pts, one.time_base) for one in frames
    ]
    assert all(shown(lit, hinted(frames[0]), box=LAMP))


def test_text_on_what_is_spared_is_searched_for() -> None:
    """What is not covered hides nothing from the reader: only there, and only while the hint may hold."""
    hints = hinted(frame([LAMP]), span=Span(1, 2))
    assert hints.touches(LAMP, 1.5)
    assert not hints.touches(LAMP, 2.0)
    assert not hints.touches(PERSON, 1.5)


def test_an_adult_is_covered_and_no_longer_removed() -> None:
    """Somebody in doubt under a strict policy keeps their body; the face stays covered on every frame."""
    frames = still(PERSON)
    rules = policy(adults=False, in_doubt="remove")
    body = {}
    for name, hints in (
        ("removed", None),
        ("adult", hinted(None, kind=HintKind.ADULT, box=Box(95, 25, 130, 65))),
    ):
        engine = redactor(
            rules=rules, judge=FakeJudge(doubtful=[1]), silhouettes=FakeSilhouette(), hints=hints
        )
        done = run(engine, frames)
        assert not any(map(bright, done))
        body[name] = [covered_mask(item)[-1].any() for item in done]
        reasons = {cover.reason for item in done for cover in item.covers}
        assert reasons == {CoverReason.MINOR if hints is None else CoverReason.FACE}
    assert all(body["removed"])
    assert not any(body["adult"])


def test_a_clear_child_is_removed_whatever_a_hint_says() -> None:
    """A hint is believed like a declared age."""
    hints = hinted(None, kind=HintKind.ADULT, box=Box(95, 25, 130, 65))
    engine = redactor(
        rules=policy(adults=False), judge=FakeJudge(), silhouettes=FakeSilhouette(), hints=hints
    )
    done = run(engine, still(PERSON))
    assert {cover.reason for item in done for cover in item.covers} == {CoverReason.MINOR}


def test_of_two_people_in_the_place_neither_is_taken_for_an_adult() -> None:
    """The hint speaks of one."""
    frames = still(PERSON, Box(60, 30, 84, 60))
    hints = hinted(None, kind=HintKind.ADULT, box=Box(50, 20, 140, 80))
    engine = redactor(
        rules=policy(adults=False, in_doubt="remove"),
        judge=FakeJudge(doubtful=[1, 2]),
        silhouettes=FakeSilhouette(),
        hints=hints,
    )
    done = run(engine, frames)
    assert {cover.reason for item in done for cover in item.covers} == {CoverReason.MINOR}
    assert hints.used == {}
