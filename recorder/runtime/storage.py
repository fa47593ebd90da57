"""Turns errors of the disk into StorageFailed."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from redaction.errors import StorageFailed

__all__ = ["storage_errors"]


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn an `OSError` of the destination into `StorageFailed` without naming a path."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            reason = "the disk is full; free some space and run again"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            reason = "it cannot be written; choose a folder that you may write to"
        else:
            reason = f"the system answered {errno.errorcode.get(error.errno or 0, 'an error')}"
        raise StorageFailed(f"The output could not be stored: {reason}. Nothing was published.") from None
