"""One place in a store that fsspec reaches: bounded patience with its faults, and errors that carry no address."""

from __future__ import annotations

import errno
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import fsspec
from fsspec.config import conf
from fsspec.core import url_to_fs

from redaction.errors import InternalError, OffrecordError, StorageFailed, UnreadableInput, UsageError

__all__ = ["AlreadyThere", "Remote", "is_url", "scheme_of", "version_of"]

Reply = TypeVar("Reply")

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_PASSWORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/@]*:[^/@]*@")
_EXTRAS: Final = {"s3": "s3", "s3a": "s3"}
_TRIES: Final = 5
_FIRST_PAUSE_S: Final = 0.4
_CONNECT_S: Final = 10
_READ_S: Final = 30
# Where stores say which version an object is; the first that is there counts.
_VERSIONS: Final = (
    "ETag",
    "etag",
    "md5Hash",
    "content_md5",
    "checksum",
    "mtime",
    "LastModified",
    "last_modified",
)


class AlreadyThere(Exception):
    """An object that was to be created by this process alone exists."""


def is_url(text: str) -> bool:
    """Tell a URL from a path."""
    return _SCHEME.match(text) is not None


def scheme_of(text: str) -> str:
    """Return a URL's scheme in lower case, empty for a path."""
    found = _SCHEME.match(text)
    return found.group(1).lower() if found else ""


def version_of(info: Mapping[str, Any]) -> str:
    """Return what changes when an object's content does.

    Raises:
        UsageError: the store tells neither, so nobody could know that a recording was replaced.
    """
    for name in _VERSIONS:
        if info.get(name):
            return f"{name.lower()}:{info[name]}"
    raise UsageError(
        "This store tells neither an ETag nor a modification time of its objects; copy them to one that does."
    )


class Remote:
    """A URL and the file system behind it. What it raises names neither.

    Args:
        url: may carry a user's name, never a password: those come from the environment.
        tries: how often each operation is tried in all.
        first_pause_s: before the second try; each further pause is twice as long, and jittered.

    Raises:
        UsageError: no library for this kind of store, or a password in the URL.
    """

    def __init__(self, url: str, *, tries: int = _TRIES, first_pause_s: float = _FIRST_PAUSE_S) -> None:
        scheme = scheme_of(url)
        if _PASSWORD.match(url):
            raise UsageError("The URL holds a password; put it into the environment, where no list keeps it.")
        if "::" in url:
            raise UsageError("Chained URLs are not supported; name the store itself.")
        self._tries = tries
        self._first_pause_s = first_pause_s
        try:
            found = url_to_fs(url, use_listings_cache=False, **_settings(scheme))
            self.fs: fsspec.AbstractFileSystem = found[0]
            self.root = str(found[1]).rstrip("/")
        except ImportError:
            extra = _EXTRAS.get(scheme)
            how = f"pip install 'offrecord[{extra}]'" if extra else "install its fsspec package"
            raise UsageError(
                f"Storage of the kind {scheme}:// needs a package that is not there: {how}."
            ) from None
        except (ValueError, TypeError):
            raise UsageError(
                f"There is no storage of the kind {scheme}://; see docs/batch.md for those there are."
            ) from None
        if not self.root:
            raise UsageError("The URL names a store and no place in it; name a bucket or a folder.")
        if hasattr(self.fs, "retries"):
            self.fs.retries = 1  # the tries are counted here, for every store in the same way

    def url(self, path: str) -> str:
        """Return the URL of a path of this store."""
        return str(self.fs.unstrip_protocol(path))

    def path(self, url: str) -> str:
        """Return the path of a URL of this store."""
        return str(self.fs._strip_protocol(url))

    def below(self, *parts: str) -> str:
        """Return the path of something below the root."""
        return "/".join((self.root, *parts))

    def do(self, action: Callable[[], Reply], *, missing: str = "") -> Reply:
        """Do something with the store, again when it fails in a way that may pass.

        Args:
            action: what to do; may be done several times.
            missing: the sentence when what is named is not there.

        Raises:
            UnreadableInput: it is not there, or the store gives no permission.
            AlreadyThere: it was to be created and exists.
            StorageFailed: the store failed at every try.
        """
        for again in range(self._tries):
            if again:
                # Jitter, so that many workers do not come back together.
                time.sleep(self._first_pause_s * 2 ** (again - 1) * random.uniform(0.5, 1.5))
            try:
                return action()
            except (OffrecordError, MemoryError):
                raise
            except FileNotFoundError:
                raise UnreadableInput(missing or "An object of the store is not there.") from None
            except FileExistsError:
                raise AlreadyThere from None
            except PermissionError:
                raise UnreadableInput("The store gives no permission; check the credentials.") from None
            except Exception as error:  # noqa: BLE001 - stores' libraries raise what they like
                if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
                    raise UnreadableInput(
                        "The store wants credentials and there are none in the environment."
                    ) from None
        raise StorageFailed(f"The store failed {self._tries} times in a row; try again later.")

    def info(self, path: str, *, missing: str = "") -> dict[str, Any]:
        """Return what the store says of one object, fresh.

        Raises:
            UnreadableInput: there is no such object.
            StorageFailed: the store fails.
        """
        found: dict[str, Any] = self.do(lambda: self.fs.info(path), missing=missing)
        if found.get("type") != "file" or found.get("size") is None:
            raise UnreadableInput(missing or "An object of the store is not there.")
        return found

    def read(self, path: str, *, most: int) -> bytes:
        """Return an object of at most that many bytes.

        Raises:
            UnreadableInput: there is none, or it is larger.
            StorageFailed: the store fails, or gives less than the object has.
        """
        size = int(self.info(path)["size"])
        if size > most:
            raise UnreadableInput("An object of the store is far too large to be what it should be.")

        def whole() -> bytes:
            data = bytes(self.fs.cat_file(path))
            if len(data) != size:
                raise EOFError
            return data

        return self.do(whole)

    def write(self, path: str, data: bytes, *, exclusive: bool = False) -> None:
        """Store a small object in full.

        Raises:
            AlreadyThere: it was to be created and exists.
            StorageFailed: the store fails or refuses.
        """
        mode = "create" if exclusive else "overwrite"
        self.change(lambda: self.fs.pipe_file(path, data, mode=mode))

    def version(self, path: str) -> str:
        """Return what `replace` knows an object's present content by; empty where the store cannot hold to it.

        Raises:
            UnreadableInput: there is no such object.
            StorageFailed: the store fails.
        """
        return str(self.info(path).get("ETag", "")) if hasattr(self.fs, "call_s3") else ""

    def replace(self, path: str, data: bytes, *, version: str) -> None:
        """Write a small object in full in place of one version of it, in one step.

        Source: Amazon S3, conditional writes, `If-Match`; S3-compatible stores have it too.

        Raises:
            AlreadyThere: the object is another by now, or gone.
            StorageFailed: the store fails or refuses.
        """
        bucket, _, key = path.partition("/")

        def put() -> None:
            try:
                self.fs.call_s3("put_object", Bucket=bucket, Key=key, Body=data, IfMatch=version)
            except OSError as error:  # EINVAL is how s3fs says that a condition does not hold
                if isinstance(error, FileNotFoundError) or error.errno == errno.EINVAL:
                    raise FileExistsError from None
                raise

        self.change(put)

    def change(self, action: Callable[[], object]) -> None:
        """Do something that writes.

        Raises:
            AlreadyThere: it was to be created and exists.
            StorageFailed: the store fails or refuses.
        """
        try:
            self.do(action)
        except UnreadableInput:
            raise StorageFailed(
                "The store cannot be written: the bucket or folder is not there, or gives no permission."
            ) from None

    def remove(self, path: str) -> None:
        """Delete an object; nothing when there is none.

        Raises:
            StorageFailed: the store fails or refuses.
        """

        def gone() -> None:
            try:
                self.fs.rm_file(path)
            except FileNotFoundError:
                return

        self.change(gone)

    def files(self, root: str) -> Iterator[dict[str, Any]]:
        """Yield what the store says of every object below a place; memory is bounded where the store has pages.

        Raises:
            UnreadableInput: the place may not be read.
            StorageFailed: the store fails.
        """
        if hasattr(self.fs, "call_s3"):
            yield from self._pages(root)
            return
        found: dict[str, dict[str, Any]] = self.do(lambda: self.fs.find(root, detail=True))
        yield from found.values()

    def _pages(self, root: str) -> Iterator[dict[str, Any]]:
        bucket, _, prefix = root.partition("/")
        query = {"Bucket": bucket, "Prefix": f"{prefix}/" if prefix else ""}
        while True:
            page = self.do(
                lambda: self.fs.call_s3("list_objects_v2", **query),
                missing="The bucket of the store is not there.",
            )
            for entry in page.get("Contents", ()):
                yield {
                    "name": f"{bucket}/{entry['Key']}",
                    "size": entry["Size"],
                    "type": "file",
                    "ETag": entry["ETag"],
                    "LastModified": entry["LastModified"],
                }
            if not page.get("IsTruncated"):
                return
            query["ContinuationToken"] = page["NextContinuationToken"]

    def abort_uploads(self, prefix: str) -> None:
        """Give up multipart uploads below a place that nobody completed; their parts are stored and paid for.

        Raises:
            StorageFailed: the store fails or refuses.
        """
        if not hasattr(self.fs, "call_s3"):
            return
        bucket, _, key = prefix.partition("/")
        if not key:
            raise InternalError("Uploads of a whole bucket would be given up.")

        def abort() -> None:
            found = self.fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=key)
            for upload in found.get("Uploads", ()):
                if upload["Key"].startswith(key):
                    self.fs.call_s3(
                        "abort_multipart_upload",
                        Bucket=bucket,
                        Key=upload["Key"],
                        UploadId=upload["UploadId"],
                    )

        self.change(abort)


def _settings(scheme: str) -> dict[str, Any]:
    """Return what keeps an operation within bounds, unless the operator's fsspec configuration says otherwise."""
    if scheme not in ("s3", "s3a") or "config_kwargs" in conf.get("s3", {}):
        return {}
    return {
        "config_kwargs": {
            "connect_timeout": _CONNECT_S,
            "read_timeout": _READ_S,
            "retries": {"total_max_attempts": 1, "mode": "standard"},
        },
        "max_concurrency": 2,
    }
