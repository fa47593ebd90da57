"""Which files of a folder are recordings, told by their names alone."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

__all__ = ["MEDIA_SUFFIXES", "is_recording_name", "why_not_readable"]

# fmt: off
MEDIA_SUFFIXES: Final = frozenset({
    ".3gp", ".aac", ".aif", ".aiff", ".amr", ".asf", ".avi", ".flac", ".flv", ".m2ts", ".m4a", ".m4v", ".mka",
    ".mkv", ".mov", ".mp3", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".oga", ".ogg", ".ogv", ".opus", ".ts", ".wav",
    ".webm", ".wma", ".wmv",
})
# fmt: on
_RAW_TELEPHONY: Final = {
    ".al": ("A-law", "alaw"),
    ".alaw": ("A-law", "alaw"),
    ".g722": ("G.722", "g722"),
    ".gsm": ("GSM 06.10", "gsm"),
    ".ul": ("mu-law", "mulaw"),
    ".ulaw": ("mu-law", "mulaw"),
}  # fmt: skip
_UNCONVERTED: Final = ".zoom"


def is_recording_name(inside: PurePath) -> bool:
    """Tell a recording from other files, from hidden ones and from what stands in a bundle.

    Args:
        inside: the path relative to the folder that was named.
    """
    skipped = any(part.startswith(".") or ".offrecord" in part for part in inside.parts)
    suffix = inside.suffix.lower()
    return not skipped and (suffix in MEDIA_SUFFIXES or suffix in _RAW_TELEPHONY or suffix == _UNCONVERTED)


def why_not_readable(name: PurePath) -> str:
    """Return what to do about a recording that cannot be read as it is, nothing where it may be readable."""
    suffix = name.suffix.lower()
    if suffix == _UNCONVERTED:
        return "Zoom has not converted this recording yet; open double_click_to_convert in Zoom first."
    if suffix in _RAW_TELEPHONY:
        what, demuxer = _RAW_TELEPHONY[suffix]
        return (
            f"This is raw telephony audio ({what}), which does not say what it is; convert it first: "
            f"ffmpeg -f {demuxer} -i INPUT OUTPUT.wav"
        )
    return ""
