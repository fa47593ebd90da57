"""Which store a text names: plain folders, globs and lists of local files, or URLs that fsspec reaches."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final

from recorder.batch.contract import DestinationStore, Found, SourceOpener, SourceStore
from recorder.batch.stores.folder_destination import FolderDestination
from recorder.batch.stores.folder_source import FolderSources
from recorder.batch.stores.remote import Remote, is_url, scheme_of
from recorder.batch.stores.remote_destination import RemoteDestination
from recorder.batch.stores.remote_source import RemoteSources
from redaction.errors import UnreadableInput, UsageError

__all__ = ["ListSources", "open_destination", "open_sources"]

_LIST_SUFFIXES: Final = (".txt", ".list")
_LOCAL_SCHEMES: Final = frozenset({"file", "local"})
_READ_ONLY: Final = frozenset({"http", "https", "data"})
_LARGEST_LIST: Final = 256 << 20
_ASKED_AT_ONCE: Final = 32


def open_sources(text: str) -> SourceStore:
    """Pick what a source is: a URL, a list file (`.txt` or `.list`), or a local file, folder or pattern.

    Raises:
        UsageError: there is no such kind of store, or its extra is not installed.
    """
    if scheme_of(text) in _LOCAL_SCHEMES:
        text = _local(text)
    if text.lower().endswith(_LIST_SUFFIXES):
        return ListSources(text)
    return RemoteSources(text) if is_url(text) else FolderSources(text)


def open_destination(text: str) -> DestinationStore:
    """Pick what a destination is: a URL's prefix, or a local folder.

    Raises:
        UsageError: there is no such kind of store, it cannot be written, or its extra is not installed.
    """
    if scheme_of(text) in _LOCAL_SCHEMES:
        text = _local(text)
    if scheme_of(text) in _READ_ONLY:
        raise UsageError("This kind of storage can only be read; name a folder or an object store.")
    return RemoteDestination(text) if is_url(text) else FolderDestination(text)


def _local(url: str) -> str:
    """Return the path of a file URL."""
    path = url.partition("://")[2]
    if not path.startswith("/"):
        raise UsageError("A file URL must hold an absolute path: file:///folder.")
    return path


class ListSources:
    """A `SourceStore` of what a list file names: a path or URL a line; empty lines and those from `#` on are left out.

    Paths that are not absolute lie in the list's own folder. The list is read when it is listed, and only then.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._folders = FolderSources()
        self._remotes: dict[str, RemoteSources] = {}

    def list(self) -> Iterator[Found]:
        """Yield the recordings, each once; what is not there any more is refused when its turn comes.

        Raises:
            UnreadableInput: the list cannot be read.
            UsageError: a line names a kind of store that is not there.
            StorageFailed: a store failed at every try.
        """
        lines = iter(dict.fromkeys(self._lines()))
        with ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="list") as pool:
            while batch := tuple(islice(lines, 8 * _ASKED_AT_ONCE)):
                yield from pool.map(self._find, batch)

    def _find(self, line: str) -> Found:
        if not is_url(line):
            return next(FolderSources(paths=(line,)).list())
        try:
            return self._remote(line).find(line)
        except UnreadableInput:
            return Found(source=line, size=0, version="missing")

    def _lines(self) -> Iterator[str]:
        base = self._text.rpartition("/")[0]
        for line in self._read().splitlines():
            entry = line.strip()
            if not entry or entry.startswith("#"):
                continue
            if scheme_of(entry) in _LOCAL_SCHEMES:
                entry = _local(entry)
            if not is_url(entry) and not entry.startswith("/"):
                entry = f"{base}/{entry}" if base else entry
            yield entry

    def _read(self) -> str:
        try:
            if is_url(self._text):
                remote = Remote(self._text)
                return remote.read(remote.root, most=_LARGEST_LIST).decode("utf-8")
            path = Path(self._text)
            if path.stat().st_size > _LARGEST_LIST:
                raise UnreadableInput("The list is far too large to be one.")
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise UnreadableInput("The list cannot be read as UTF-8 text; check the path given.") from None

    def _remote(self, url: str) -> RemoteSources:
        """Return the store of a URL; one for each scheme and host, so that connections are kept."""
        scheme, _, rest = url.partition("://")
        store = f"{scheme}://{rest.partition('/')[0]}"
        if store not in self._remotes:
            self._remotes[store] = RemoteSources(store)
        return self._remotes[store]

    def _store(self, item: Found) -> SourceStore:
        return self._remote(item.source) if is_url(item.source) else self._folders

    def open(self, item: Found, *, scratch: Path | None) -> SourceOpener:
        """Open one recording.

        Raises:
            UnreadableInput: it is gone, may not be read, or is no longer the version that was listed.
            StorageFailed: its store failed at every try.
        """
        return self._store(item).open(item, scratch=scratch)

    def check_unchanged(self, item: Found) -> None:
        """Look again.

        Raises:
            UnreadableInput: it is no longer the version that was listed.
            StorageFailed: its store failed at every try.
        """
        self._store(item).check_unchanged(item)

    def delete(self, item: Found) -> None:
        """Delete one recording, if it is still the version that was listed.

        Raises:
            UnreadableInput: it is no longer that version.
            StorageFailed: it cannot be deleted.
        """
        self._store(item).delete(item)
