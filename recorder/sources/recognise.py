"""Tell what of a folder is one recording, and what are several.

A folder that holds a call system's recording, by its marks, is one recording, or an error that says what it lacks.
Any other folder is a folder of recordings: every media file is one, with what lies beside it under its stem, and
every folder in it is looked at in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

from recorder.sources.layouts.bigbluebutton import bigbluebutton_recording
from recorder.sources.layouts.jibri import jibri_recording
from recorder.sources.layouts.plain import plain_recording, plain_recordings
from recorder.sources.layouts.zoom import cloud_recordings, local_recording
from recorder.sources.naming import is_recording_name
from recorder.sources.recording import Listing, Recording

__all__ = ["recording_at", "recordings_in"]

_DEEPEST = 32


def recording_at(path: Path) -> Recording:
    """Return the recording of one media file, with the sidecars of its stem."""
    try:
        beside = sorted(one for one in path.parent.iterdir() if one.name.startswith(f"{path.stem}."))
    except OSError:
        beside = []
    return plain_recording(
        path, beside, others=[one for one in beside if is_recording_name(PurePath(one.name))]
    )


def recordings_in(folder: Path) -> list[Recording]:
    """Return the recordings of a folder and all below it, in order of their paths.

    Raises:
        UnreadableInput: a folder cannot be read.
    """
    return list(_below(folder))


def _below(folder: Path) -> Iterator[Recording]:
    listing = Listing(folder)
    for layout in (bigbluebutton_recording, jibri_recording, local_recording):
        whole = layout(listing)
        if whole is not None:
            yield whole
            return
    cloud = cloud_recordings(listing)
    taken = {path for recording in cloud for path in recording.files}
    rest = [path for path in listing.here if path not in taken]
    media = [path for path in rest if is_recording_name(PurePath(path.name)) and path.is_file()]
    found = [*((one.files[0], one) for one in cloud), *zip(media, plain_recordings(media, rest), strict=True)]
    places: list[tuple[Path, Recording | None]] = [*found, *((path, None) for path in listing.folders)]
    for path, recording in sorted(places, key=lambda place: place[0]):
        if recording is None:
            yield from _below(path)
        else:
            yield recording
