"""Errors of the disk say what to do, and name no path."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from recorder.runtime.storage import storage_errors
from redaction.errors import ExitCode, StorageFailed, UnreadableInput


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "it cannot be written"),
        (errno.EROFS, "it cannot be written"),
        (errno.EIO, "the system answered EIO"),
    ],
)
def test_each_kind_of_error_has_its_sentence(number: int, sentence: str) -> None:
    """A full disk, a folder that may not be written and any other error, each with status 7 and no path."""
    with pytest.raises(StorageFailed, match=sentence) as failed, storage_errors():
        raise OSError(number, "x", "/home/adaeze/calls")
    assert "adaeze" not in failed.value.sentence
    assert failed.value.exit_code is ExitCode.STORAGE
    assert failed.value.__cause__ is None


def test_other_errors_and_none_pass(tmp_path: Path) -> None:
    """What is no error of the disk stays what it is."""
    with storage_errors():
        (tmp_path / "a").write_text("x")
    with pytest.raises(UnreadableInput), storage_errors():
        raise UnreadableInput("The input cannot be read.")
