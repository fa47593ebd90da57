"""Open an untrusted media file so that nothing but that file is ever read and nothing of it is ever printed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import av.error
import av.logging
from av.container import InputContainer

from recorder.media.codecs import allowed_decoders
from recorder.media.stream import Input, Latched, open_stream
from redaction.errors import UnreadableInput

__all__ = ["MAX_PIXELS", "MAX_PIXELS_PER_S", "MAX_TRACKS", "Medium", "open_media", "open_regular"]

MAX_PIXELS: Final = 8192 * 4352
"""Of one picture: 8K as televisions and cameras have it. A file of 154 KB can ask for twice as many, over and over."""
MAX_PIXELS_PER_S: Final = 7680 * 4320 * 30
"""Of one track in a second of its time, on the whole: 8K at 30 pictures a second, 4K at 120."""
MAX_TRACKS: Final = 64

# Containers that hold their media themselves. Playlists and descriptions (hls, dash, concat, sdp, imf) name other
# files and addresses; image and raw-text demuxers take anything for media. Neither is here.
_FORMATS: Final = (
    "mov,matroska,avi,mpegts,mpeg,flv,ogg,wav,w64,mp3,flac,aac,asf,"
    "aiff,amr,au,caf,ac3,eac3,mxf,nut,gxf,dv,ivf"
)
_NO_PROTOCOL: Final = "none"
_PATIENCE_S: Final = 60.0
_OPTIONS: Final = {"max_pixels": str(MAX_PIXELS)}
_BOUNDS: Final = {"format_whitelist": _FORMATS, "max_streams": str(4 * MAX_TRACKS)}


@dataclass(frozen=True, slots=True)
class Medium:
    """An open container.

    Attributes:
        container: what libav makes of the bytes.
        check: raises when the bytes could not be had, which libav takes for the end of the file.
    """

    container: InputContainer
    check: Callable[[], None]


@contextmanager
def open_media(untrusted: Input) -> Iterator[Medium]:
    """Open a regular file through its descriptor, or a file object, so that no name reaches libav or any message.

    No protocol but the descriptor's is allowed: no other file and no network address can be opened, whatever the media
    asks for. Leaving the block raises what went wrong in reading a file object, if nothing else is raised.

    Raises:
        UnreadableInput: the file is missing, not a regular file, empty, or not media.
        StorageFailed: the store of a file object failed.
    """
    av.logging.set_level(None)
    with ExitStack() as stack:
        check = _nothing
        try:
            if isinstance(untrusted, Path):
                container = _open_file(untrusted)
            else:
                handle, latched = open_stream(untrusted)
                stack.callback(handle.close)
                check = latched.check
                container = _open_object(latched)
        except (av.error.FFmpegError, ValueError, OverflowError):
            check()
            raise UnreadableInput(
                "The input is not a media file that can be read, or its header is damaged or cut off."
            ) from None
        stack.callback(container.close)
        check()
        yield Medium(container, check)
        check()


def _open_file(untrusted_path: Path) -> InputContainer:
    descriptor = open_regular(untrusted_path)
    try:
        return av.open(
            "fd:",
            mode="r",
            options=_OPTIONS,
            container_options={
                **_BOUNDS,
                "codec_whitelist": allowed_decoders(),
                "fd": str(descriptor),
                "protocol_whitelist": "fd",
            },
            metadata_errors="replace",
            timeout=_PATIENCE_S,
        )
    finally:
        os.close(descriptor)


def _open_object(latched: Latched) -> InputContainer:
    return av.open(
        latched,
        mode="r",
        options=_OPTIONS,
        container_options={
            **_BOUNDS,
            "codec_whitelist": allowed_decoders(),
            "protocol_whitelist": _NO_PROTOCOL,
        },
        metadata_errors="replace",
        timeout=_PATIENCE_S,
    )


def _nothing() -> None:
    """Find nothing wrong: a file's errors are libav's own."""


def open_regular(untrusted_path: Path) -> int:
    """Return a descriptor of a regular file that is not empty, for the caller to close.

    Raises:
        UnreadableInput: it is none.
    """
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
