"""Checks of a finished media file: streams, tags, length."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import av

from recorder.bundle.manifest import Check
from recorder.media.file import FileSource
from redaction.errors import RedactionIncomplete, UnreadableInput
from redaction.model import Gap

__all__ = ["check_audio_length", "check_container"]

LENGTH_TOLERANCE_S: Final = 0.1
_ALLOWED_TAGS: Final = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "language", "handler_name", "vendor_id"}
)
_ALLOWED_VALUES: Final = frozenset({"", "und", "VideoHandler", "SoundHandler", "[0][0][0][0]"})


def check_audio_length(path: Path, expected: float) -> Check:
    """Decode the stored sound and hold its length against the recording's (step 3).

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
    return Check(name="sound-length", passed=True, figure=round(off, 3), limit=LENGTH_TOLERANCE_S)


def check_container(path: Path, *, video: int, audio: int) -> Check:
    """Open the final file and look for anything but its streams (step 6).

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
    return Check(name="metadata", passed=True, figure=0, limit=0)
