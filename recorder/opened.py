"""Opens a recording and names its bundle, by content alone."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path
from typing import Final

from recorder.media.file import FileSource
from recorder.media.source import Source
from recorder.media.stream import Input, open_stream
from redaction.errors import UnreadableInput

__all__ = ["bundle_name", "open_source", "refuse_unknown"]

_CHUNK: Final = 1 << 20


def open_source(untrusted: Input) -> FileSource:
    """Open a recording and look at its tracks.

    Raises:
        UnreadableInput: it is no recording, or a track of it cannot be decoded.
        StorageFailed: its store failed.
    """
    source = FileSource(untrusted)
    refuse_unknown(source)
    return source


def refuse_unknown(source: Source) -> None:
    """Raise where a recording has a track that no decoder here can read.

    Raises:
        UnreadableInput: there is one, or nothing can be read at all.
    """
    if left_out := source.info().left_out:
        raise UnreadableInput(
            f"{left_out} track(s) of the input cannot be decoded, so what is in them is unknown; "
            "convert the recording to MP4 with H.264 and AAC first."
        )


def bundle_name(*untrusted: Input) -> str:
    """Derive a bundle's name from the content of all files of the source, so that no file name goes anywhere.

    Raises:
        UnreadableInput: a file cannot be read.
        StorageFailed: its store failed.
    """
    if len(untrusted) != 1:
        names = sorted(bundle_name(part) for part in untrusted)
        return f"recording-{hashlib.sha256(' '.join(names).encode()).hexdigest()[:12]}"
    return _name_of(untrusted[0])


def _name_of(untrusted: Input) -> str:
    digest = hashlib.sha256(b"offrecord bundle name")
    if isinstance(untrusted, Path):
        _digest_path(untrusted, digest)
    else:
        handle, latched = open_stream(untrusted)
        with closing(handle):
            while chunk := latched.read(_CHUNK):
                digest.update(chunk)
            latched.check()
    return f"recording-{digest.hexdigest()[:12]}"


def _digest_path(path: Path, digest: hashlib._Hash) -> None:
    if not path.is_file():
        raise UnreadableInput("The input is not a file; name a recording or a folder of recordings.")
    try:
        with path.open("rb") as data:
            while chunk := data.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        raise UnreadableInput(
            "The input cannot be read; check that it exists and that you may read it."
        ) from None
