"""Checks of a finished media file: streams, tags, length."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import av

from recorder.media.file import FileSource
from redaction.errors import RedactionIncomplete, UnreadableInput
from redaction.model import Gap

__all__ = ["LENGTH_TOLERANCE_S", "audio_length_error", "require_bare_container"]

LENGTH_TOLERANCE_S: Final = 0.1
"""How far stored audio may be off the recording's length: some frames of AAC, of 1,024 samples each."""
_ALLOWED_TAGS: Final = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "language", "handler_name", "vendor_id"}
)
_ALLOWED_VALUES: Final = frozenset({"", "und", "VideoHandler", "SoundHandler", "[0][0][0][0]"})


def audio_length_error(path: Path, expected: float) -> float:
    """Decode stored audio and return by how many seconds its length is off the recording's.

    Raises:
        RedactionIncomplete: it cannot be read back, or its length is off.
    """
    source = FileSource(path)
    seconds = 0.0
    try:
        track = next(item for item in source.info().tracks if item.kind == "audio")
        for block in source.audio(track.id, 16_000):
            if not isinstance(block, Gap):
                seconds = block.span.end
    except (UnreadableInput, StopIteration):
        raise RedactionIncomplete("The stored sound cannot be read back.") from None
    off = abs(seconds - expected)
    if off > LENGTH_TOLERANCE_S:
        raise RedactionIncomplete(f"The stored sound is {off:.2f} s off the recording's length.")
    return off


def require_bare_container(path: Path, *, video: int, audio: int) -> None:
    """Open a stored file and look for anything but so many streams.

    Raises:
        RedactionIncomplete: a tag, chapter, subtitle, attachment, data stream or extra stream is there.
    """
    with av.open(str(path), mode="r", options={"protocol_whitelist": "file"}) as container:
        kinds = sorted(stream.type for stream in container.streams)
        tags = dict(container.metadata)
        for stream in container.streams:
            tags.update(stream.metadata)
        chapters = 0
        with contextlib.suppress(AttributeError):
            chapters = len(container.chapters())
    if kinds != sorted(["video"] * video + ["audio"] * audio):
        raise RedactionIncomplete("The stored file has other streams than it should.")
    if chapters:
        raise RedactionIncomplete("The stored file has chapters.")
    foreign = [
        key
        for key, value in tags.items()
        if key not in _ALLOWED_TAGS
        or (key not in ("major_brand", "minor_version", "compatible_brands") and value not in _ALLOWED_VALUES)
    ]
    if foreign:
        raise RedactionIncomplete("The stored file has a tag that it should not have.")
