"""Recordings of BigBlueButton: a folder in the format of its `presentation` playback.

Source: BigBlueButton documentation, `Recording`: `metadata.xml`, `video/webcams.*` with the cameras and all sound,
`deskshare/deskshare.*` with the shared screen, `slides_new.xml` with the chat, `captions_*.vtt`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from recorder.sources.file_names import MEDIA_SUFFIXES
from recorder.sources.recording import Listing, Recording

__all__ = ["bigbluebutton_recording"]

_MARKS: Final = frozenset({"metadata.xml", "slides_new.xml", "shapes.svg", "deskshare.xml", "panzooms.xml"})
_CAMERAS: Final = frozenset({"webcams.webm", "webcams.mp4"})
_SCREENS: Final = frozenset({"deskshare.webm", "deskshare.mp4"})
_SOUNDS: Final = frozenset({"audio.webm", "audio.ogg", "audio.mp3", "audio.m4a"})


def bigbluebutton_recording(listing: Listing) -> Recording | None:
    """Return the recording of a folder that BigBlueButton published, None where it is no such folder."""
    here = {path.name.casefold(): path for path in listing.here}
    cameras = _one_of(listing.below("video"), _CAMERAS)
    screens = _one_of(listing.below("deskshare"), _SCREENS)
    marks = _MARKS & set(here)
    if not (len(marks) > 1 or "slides_new.xml" in marks or (marks and (cameras or screens))):
        return None
    known = _CAMERAS | _SCREENS | _SOUNDS
    media = [path for path in listing.files if path.suffix.lower() in MEDIA_SUFFIXES]
    problem = ""
    if not (cameras or screens):
        problem = (
            "A folder looks like a recording of BigBlueButton; video/webcams.webm (or .mp4) or "
            "deskshare/deskshare.webm (or .mp4) was expected in it."
        )
    elif any(path.name.casefold() not in known for path in media):
        problem = (
            "A folder of a BigBlueButton recording holds media besides webcams, deskshare and audio; "
            "move them out of it."
        )
    captions = [path for path in listing.here if path.suffix.lower() == ".vtt"]
    popcorn = here.get("slides_new.xml")
    people = (here["metadata.xml"],) if "metadata.xml" in here else ()
    sounds = _one_of(listing.below("audio"), _SOUNDS)
    read = {*cameras, *screens, *sounds, *captions, *people, popcorn}
    return Recording(
        "bigbluebutton",
        views=(*cameras, *screens),
        mix=sounds,
        captions=tuple(captions),
        people=people,
        popcorn=popcorn,
        companions=tuple(path for path in listing.files if path not in read),
        problem=problem,
    )


def _one_of(paths: Sequence[Path], names: frozenset[str]) -> tuple[Path, ...]:
    """Return the first of files that hold the same in several formats, MP4 last."""
    found = [path for path in paths if path.name.casefold() in names]
    return tuple(sorted(found, key=lambda path: (path.suffix.lower() == ".mp4", path.name))[:1])
