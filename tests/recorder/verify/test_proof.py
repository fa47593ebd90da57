"""What is kept of each frame: what stands where it was covered, and which frames are most worth a look."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.media.source import TrackInfo, TrackKind
from recorder.verify.proof import Ledger, StoredVideo
from redaction.model import Box, Cover, CoverReason, Examined, RedactedFrame, VideoFrame
from redaction.video.cover import FILL, covered, rounded_head
from tests.redaction.video.scene import GROUND, HEIGHT, RATE, WIDTH, frame

FACE = Box(40, 20, 80, 60)


def redacted(index: int, *covers: Cover, examined: Examined = Examined.DETECTED) -> RedactedFrame:
    """Return a frame with these covers, which are grey."""
    shown = frame((), index)
    for cover in covers:
        shown.y[cover.box.y1 : cover.box.y2, cover.box.x1 : cover.box.x2] = 100
    return RedactedFrame(shown, covers, examined)


def face(score: float, reason: CoverReason = CoverReason.FACE) -> Cover:
    """Return the cover of a face that a detector was so sure of."""
    return Cover(FACE, reason, score=score)


def test_probes_lie_inside_the_cover_and_hold_what_stands_there() -> None:
    """Each probe is a covered pixel with its luma after redaction; a frame without covers has none."""
    ledger = Ledger()
    ledger.note(redacted(0, face(0.9)))
    ledger.note(redacted(1))
    first, second = ledger.proofs
    assert len(first.points) >= 4
    for x, y in first.points:
        assert FACE.x1 <= x < FACE.x2
        assert FACE.y1 <= y < FACE.y2
    assert set(first.luma.tolist()) == {100}
    assert first.boxes.tolist() == [[FACE.x1, FACE.y1, FACE.x2, FACE.y2]]
    assert (len(second.points), len(second.boxes)) == (0, 0)


def test_probes_of_an_outline_lie_inside_it() -> None:
    """Where the cover is not a box, no probe stands on what is kept."""
    mask = np.zeros((40, 40), bool)
    mask[:, :20] = True
    ledger = Ledger()
    ledger.note(redacted(0, Cover(FACE, CoverReason.MINOR, mask=mask, score=0.9)))
    assert len(ledger.proofs[0].points)
    assert all(x < FACE.x1 + 20 for x, _ in ledger.proofs[0].points)


def test_a_frame_covered_whole_counts_whole() -> None:
    """Its box is the frame, and so is its share of what is covered."""
    ledger = Ledger()
    ledger.note(redacted(0, examined=Examined.COVERED))
    assert ledger.proofs[0].boxes.tolist() == [[0, 0, WIDTH, HEIGHT]]
    assert ledger.area_covered == 1.0
    ledger.note(redacted(1))
    assert ledger.area_covered == 0.5


def test_the_frames_most_worth_a_look_come_first() -> None:
    """Whole covers, then minors, then the least certain face, at most one in half a second."""
    ledger = Ledger()
    order = [
        redacted(0, face(0.9)),
        redacted(1, face(0.2)),  # too near to the one before
        redacted(RATE, face(0.3)),
        redacted(2 * RATE, face(0.9, CoverReason.MINOR)),
        redacted(3 * RATE, examined=Examined.COVERED),
    ]
    for item in order:
        ledger.note(item)
    assert [(item.time, item.reason) for item in ledger.highlights] == [
        (3.0, "covered whole"),
        (2.0, "minor removed"),
        (1.0, "least certain face"),
        (0.0, "least certain face"),
    ]


def test_drained_proofs_are_let_go() -> None:
    """A live track hands its proofs to the disk and holds none of them."""
    ledger = Ledger()
    ledger.note(redacted(0))
    assert [proof.time for proof in ledger.drain()] == [0.0]
    assert ledger.proofs == []
    assert GROUND != 100


def test_a_stored_track_ends_with_its_last_frame() -> None:
    """The length is the last frame's time, 0 without any."""
    ledger = Ledger()
    for index in range(31):
        ledger.note(redacted(index))
    track = TrackInfo("V1", TrackKind.VIDEO, WIDTH, HEIGHT, None, Fraction(1, RATE), 0, 0)
    assert StoredVideo(track, Path("a"), tuple(ledger.proofs), ()).seconds == pytest.approx(1 + 1 / 30)
    assert StoredVideo(track, Path("a"), (), ()).seconds == 0.0


rects = st.tuples(
    st.integers(-30, 140), st.integers(-30, 100), st.integers(4, 90), st.integers(4, 90), st.booleans()
)


def lit(width: int, height: int) -> VideoFrame:
    """Return a bright frame."""
    half = ((height + 1) // 2, (width + 1) // 2)
    y = np.full((height, width), 200, np.uint8)
    return VideoFrame(y, np.full(half, 90, np.uint8), np.full(half, 90, np.uint8), 0, Fraction(1, 30))


@settings(max_examples=100, deadline=None)
@given(given_boxes=st.lists(rects, max_size=4), size=st.tuples(st.integers(60, 131), st.integers(60, 99)))
def test_covered_area_is_what_was_painted(
    given_boxes: list[tuple[int, int, int, int, bool]], size: tuple[int, int]
) -> None:
    """The share of a frame that the ledger counts equals the share of grey pixels, to the pixel."""
    width, height = size
    covers = []
    for x, y, w, h, is_round in given_boxes:
        rect = (float(x), float(y), float(x + w), float(y + h))
        box, mask = rounded_head(rect, width=width, height=height)
        if box.area:
            covers.append(Cover(box, CoverReason.FACE, mask=mask if is_round else None))
    frame = covered(lit(width, height), covers)
    ledger = Ledger()
    ledger.note(RedactedFrame(frame, tuple(covers), Examined.DETECTED))
    assert ledger.area_covered == float((frame.y == FILL[0]).mean())


def test_every_probe_of_a_rounded_cover_shows_the_cover() -> None:
    """Points that prove a cover lie in it, and there are as many as for a box."""
    box, mask = rounded_head((10, 10, 70, 90), width=128, height=128)
    covers = (Cover(box, CoverReason.FACE, mask=mask),)
    ledger = Ledger()
    ledger.note(RedactedFrame(covered(lit(128, 128), covers), covers, Examined.DETECTED))
    (proof,) = ledger.proofs
    assert len(proof.points) == 6
    assert (proof.luma == FILL[0]).all()
