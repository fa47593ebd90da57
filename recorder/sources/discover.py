"""Tell what of a folder is one recording, and what are several.

A folder that holds a call system's recording, by its marks, is one recording, or an error that says what it lacks.
Any other folder is a folder of recordings: every media file is one, with what lies beside it under its stem, and
every folder in it is looked at in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from recorder.sources.file_names import is_recording_name
from recorder.sources.layouts.bigbluebutton import bigbluebutton_recording
from recorder.sources.layouts.jibri import jibri_recording
from recorder.sources.layouts.plain import plain_recording, plain_recordings
from recorder.sources.layouts.zoom import cloud_recordings, local_recording
from recorder.sources.recording import Listing, Recording
from redaction.errors import UnreadableInput

__all__ = ["placed_here", "placed_in", "recording_at", "recording_of", "recordings_in"]

_DEEPEST = 32


def recording_at(path: Path, beside: Iterable[Path] | None = None) -> Recording:
    """Return the recording of one media file, with the sidecars of its stem.

    Args:
        path: the media file.
        beside: the files of its folder whose names begin with its stem and a dot, where they are known.
    """
    if beside is None:
        try:
            beside = [one for one in path.parent.iterdir() if one.name.startswith(f"{path.stem}.")]
        except OSError:
            beside = []
    files = sorted(beside)
    return plain_recording(
        path, files, others=[one for one in files if is_recording_name(PurePath(one.name))]
    )


def recordings_in(folder: Path) -> list[Recording]:
    """Return the recordings of a folder and all below it, in order of their paths.

    Raises:
        UnreadableInput: a folder cannot be read.
    """
    return [recording for _, recording in placed_in(folder)]


def placed_in(folder: Path) -> Iterator[tuple[Path, Recording]]:
    """Yield the recordings of a folder and all below it, each with its place.

    The place tells a recording from all others: the folder where that is one recording, else the first file.

    Raises:
        UnreadableInput: a folder cannot be read.
    """
    listing = Listing(folder)
    whole = _whole(listing)
    if whole is not None:
        yield folder, whole
        return
    places: list[tuple[Path, Recording | None]] = [
        *_here(listing),
        *((path, None) for path in listing.folders),
    ]
    for path, recording in sorted(places, key=lambda place: place[0]):
        if recording is None:
            yield from placed_in(path)
        else:
            yield path, recording


def placed_here(folder: Path) -> dict[Path, Recording]:
    """Return the recordings of a folder alone by their places; none where the folder itself is one.

    Raises:
        UnreadableInput: the folder cannot be read.
    """
    listing = Listing(folder)
    return {} if _whole(listing) is not None else dict(_here(listing))


def recording_of(folder: Path) -> Recording | None:
    """Return the recording that a folder is, None where it is a folder of recordings.

    Raises:
        UnreadableInput: the folder cannot be read.
    """
    return _whole(Listing(folder))


def _whole(listing: Listing) -> Recording | None:
    try:
        for layout in (bigbluebutton_recording, jibri_recording, local_recording):
            whole = layout(listing)
            if whole is not None:
                return whole
    except UnreadableInput as error:  # of this folder, which must not keep others from being looked at
        return Recording("folder", problem=error.sentence)
    return None


def _here(listing: Listing) -> Iterator[tuple[Path, Recording]]:
    cloud = cloud_recordings(listing)
    taken = {path for recording in cloud for path in recording.files}
    rest = [path for path in listing.here if path not in taken]
    media = [
        path
        for path in rest
        if is_recording_name(PurePath(path.name)) and path.is_file() and not path.is_symlink()
    ]  # no link is followed; one that would be a sidecar is refused, since names that it holds would be missing
    yield from ((one.files[0], one) for one in cloud)
    yield from zip(media, plain_recordings(media, rest), strict=True)
