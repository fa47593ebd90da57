"""When a track is looked at for text, and what counts as letters there."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ScreenSettings"]


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """Settings of the search for text in moving frames.

    Times are in seconds, shares between 0 and 1, distances in blocks (`redaction.video.change.block_of`).

    Source: chosen by hand. `benchmarks.screens_made` (no secret in any stored frame) and `benchmarks.screens_speed`
    show what a change of one of them costs.

    Attributes:
        whole_every_s: a frame without any change is looked at as a whole this long after the last whole look.
        whole_moving_s: the same while the picture moves as a whole, changes or not.
        wait_s: what changed is looked at after this long, even if it has not come to rest.
        scroll_s: the same where known lines move along, as a page that scrolls: each look there would be out of
            date at once.
        restless_s: pause between two looks at what does not come to rest.
        typed_s: a line that grew or shrank counts as being typed, and stays covered, for this long.
        settled: what is unread rests when at most this share of its blocks moved since the last frame.
        alike: correlation from which an earlier frame shows the same line in the same place.
        pace_s: the same blocks are not looked at again within this time while most of what is unread was just
            looked at.
        rest_s: what moved must have rested for this long before it is looked at.
        left: a line that changed is kept while at least this share of its blocks may hold letters.
        still_s: sharp blocks over a moving picture are looked at when they stood still for this long.
        moving_s: the same blocks are looked at this long after the last look even while they move.
        sharp: slope in luma steps from which an edge over a moving picture is sharp enough for letters.
        sharp_s: pause between two checks for such blocks while none is found.
        crowded: from this share of the frame on, one look at the whole costs less than looks at its parts.
        around: blocks around a texture without text in which change alone covers nothing.
        thin: what looks like letters and is at least this high and wide, without a line of text in it, is a
            texture.
        another: a frame of which more than this share changed shows something else: what was known of textures
            is forgotten.
    """

    whole_every_s: float = 8.0
    whole_moving_s: float = 2.0
    wait_s: float = 0.4
    scroll_s: float = 3.0
    restless_s: float = 1.0
    typed_s: float = 1.5
    settled: float = 0.1
    alike: float = 0.3
    pace_s: float = 0.2
    rest_s: float = 0.15
    left: float = 0.05
    still_s: float = 0.35
    moving_s: float = 2.0
    sharp: int = 50
    sharp_s: float = 0.12
    crowded: float = 0.45
    around: int = 6
    thin: int = 5
    another: float = 0.5
