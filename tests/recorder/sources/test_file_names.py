"""A recording is told by its name alone: not what is hidden, and not what stands in a bundle."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from recorder.sources.file_names import is_recording_name


@pytest.mark.parametrize("name", ["a.mp4", "A.MKV", "deep/er/call.webm", "audio.opus"])
def test_recordings(name: str) -> None:
    """Any suffix of a container, in any case, at any depth."""
    assert is_recording_name(PurePath(name))


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "mp4",
        ".hidden.mp4",
        ".git/a.mp4",
        "one.offrecord/recording.mp4",
        "one.offrecord.partial/recording.mp4",
    ],
)
def test_everything_else(name: str) -> None:
    """Other files, hidden ones, and what was published or begun."""
    assert not is_recording_name(PurePath(name))
