"""Recordings of Jitsi: a folder that Jibri leaves, with one video and `metadata.json`.

Source: Jibri, `RecordingMetadata`: `meeting_url` and `participants`, whose entries hold names and mail addresses.
"""

from __future__ import annotations

from typing import Final

from recorder.sources.file_names import MEDIA_SUFFIXES
from recorder.sources.recording import Listing, Recording
from recorder.sources.sidecars.bounded_read import read_json
from redaction.errors import UnreadableInput

__all__ = ["jibri_recording"]

_VIDEOS: Final = frozenset({".mp4", ".mkv", ".webm"})
_KEYS: Final = frozenset({"meeting_url", "participants"})


def jibri_recording(listing: Listing) -> Recording | None:
    """Return the recording that Jibri left in a folder, None where it is no such folder."""
    metadata = next((path for path in listing.here if path.name.casefold() == "metadata.json"), None)
    if metadata is None:
        return None
    try:
        document = read_json(metadata, what="metadata")
    except UnreadableInput as error:
        alone = sum(path.suffix.lower() in MEDIA_SUFFIXES for path in listing.here) == 1
        return Recording("jibri", problem=error.sentence) if alone else None
    if not isinstance(document, dict) or not _KEYS & set(document):
        return None
    videos = [path for path in listing.here if path.suffix.lower() in _VIDEOS]
    media = [path for path in listing.files if path.suffix.lower() in MEDIA_SUFFIXES]
    texts = [path for path in listing.here if path.suffix.lower() in (".vtt", ".srt")]
    problem = ""
    if len(videos) != 1 or len(media) != 1:
        problem = (
            "A folder looks like a recording of Jitsi; one MP4 was expected beside metadata.json, "
            f"and {len(media)} media files are there."
        )
    return Recording(
        "jibri",
        views=tuple(videos),
        captions=tuple(texts),
        people=(metadata,),
        strangers=len(listing.files) - len({metadata, *videos, *texts}),
        problem=problem,
    )
