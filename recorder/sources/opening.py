"""Open an untrusted media file so that nothing but that file is ever read and nothing of it is ever printed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
import av.error
import av.logging
from av.container import InputContainer

from redaction.errors import UnreadableInput

__all__ = ["MAX_PIXELS", "MAX_TRACKS", "open_media"]

MAX_PIXELS: Final = 8192 * 8192
MAX_TRACKS: Final = 64

# Containers that hold their media themselves. Playlists and descriptions (hls, dash, concat, sdp, imf) name other
# files and addresses; image and raw-text demuxers take anything for media. Neither is here.
_FORMATS: Final = (
    "mov,matroska,avi,mpegts,mpeg,flv,ogg,wav,w64,mp3,flac,aac,asf,"
    "aiff,amr,au,caf,ac3,eac3,mxf,nut,gxf,dv,ivf"
)
_PATIENCE_S: Final = 60.0


@contextmanager
def open_media(untrusted_path: Path) -> Iterator[InputContainer]:
    """Open a regular file through its descriptor, so that its name reaches neither libav nor any message.

    Only the descriptor protocol is allowed: no other file and no network address can be opened, whatever the media
    asks for.

    Raises:
        UnreadableInput: the file is missing, not a regular file, empty, or not media.
    """
    av.logging.set_level(None)
    descriptor = _open_regular(untrusted_path)
    try:
        try:
            container = av.open(
                "fd:",
                mode="r",
                options={"max_pixels": str(MAX_PIXELS)},
                container_options={
                    "fd": str(descriptor),
                    "protocol_whitelist": "fd",
                    "format_whitelist": _FORMATS,
                    "max_streams": str(4 * MAX_TRACKS),
                },
                metadata_errors="replace",
                timeout=_PATIENCE_S,
            )
        finally:
            os.close(descriptor)
    except (av.error.FFmpegError, ValueError, OverflowError):
        raise UnreadableInput(
            "The input is not a media file that can be read, or its header is damaged or cut off."
        ) from None
    try:
        yield container
    finally:
        container.close()


def _open_regular(untrusted_path: Path) -> int:
    try:
        found = untrusted_path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise UnreadableInput("The input is a folder, not a media file.")
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableInput("The input is a pipe, socket or device, not a regular file.")
        if not found.st_size:
            raise UnreadableInput("The input file is empty.")
        descriptor = os.open(untrusted_path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise UnreadableInput("The input file does not exist.") from None
    except PermissionError:
        raise UnreadableInput("The input file may not be read: permission is denied.") from None
    except (OSError, ValueError):
        raise UnreadableInput("The input file cannot be opened.") from None
    opened = os.fstat(descriptor)
    if not stat.S_ISREG(opened.st_mode) or (opened.st_dev, opened.st_ino) != (found.st_dev, found.st_ino):
        os.close(descriptor)
        raise UnreadableInput("The input file changed while it was opened.")
    return descriptor
