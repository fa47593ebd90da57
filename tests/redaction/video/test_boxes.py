"""Boxes of one frame, taken together."""

from redaction.model import Box
from redaction.video.boxes import joined


def test_boxes_that_overlap_become_one_and_others_stay() -> None:
    """Two that overlap are one; one that only touches stays by itself."""
    assert joined([Box(0, 0, 10, 10), Box(5, 5, 20, 20), Box(20, 0, 30, 20)]) == [
        Box(0, 0, 20, 20),
        Box(20, 0, 30, 20),
    ]


def test_joining_goes_on_until_nothing_overlaps() -> None:
    """A box that ties two others together, and what their union then overlaps, all become one."""
    ring = [Box(0, 0, 10, 40), Box(30, 0, 40, 40), Box(12, 12, 28, 28), Box(0, 35, 40, 45)]
    assert joined(ring) == [Box(0, 0, 40, 45)]
    assert joined(reversed(ring)) == [Box(0, 0, 40, 45)]
    assert joined([]) == []
