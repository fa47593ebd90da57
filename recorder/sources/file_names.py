"""Which files of a folder are recordings, told by their names alone."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

__all__ = ["MEDIA_SUFFIXES", "is_recording_name"]

# fmt: off
MEDIA_SUFFIXES: Final = frozenset({
    ".3gp", ".aac", ".aif", ".aiff", ".amr", ".asf", ".avi", ".flac", ".flv", ".m2ts", ".m4a", ".m4v", ".mka",
    ".mkv", ".mov", ".mp3", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".oga", ".ogg", ".ogv", ".opus", ".ts", ".wav",
    ".webm", ".wma", ".wmv",
})
# fmt: on


def is_recording_name(inside: PurePath) -> bool:
    """Tell a recording from other files, from hidden ones and from what stands in a bundle.

    Args:
        inside: the path relative to the folder that was named.
    """
    skipped = any(part.startswith(".") or ".offrecord" in part for part in inside.parts)
    return not skipped and inside.suffix.lower() in MEDIA_SUFFIXES
