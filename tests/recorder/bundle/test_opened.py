"""A program opens a bundle only when it is whole, and reads its parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.bundle.opened import open_bundle
from redaction.errors import RedactionIncomplete, UnreadableInput
from tests.recorder.bundle.bundles import published_file


def test_the_parts_of_a_bundle_are_read(tmp_path: Path) -> None:
    """Recording, tracks, words and log are there; a chat that the recording had not is None."""
    done = published_file(tmp_path)
    bundle = open_bundle(str(done.path))
    assert bundle.manifest == done.manifest
    assert len(bundle.checked) == 5
    assert bundle.recording is not None
    assert bundle.recording.is_file()
    assert bundle.tracks == {"V1": bundle.recording}
    transcript = bundle.transcript()
    assert transcript is not None
    assert [item.text for item in transcript.utterances] == ["hello"]
    assert bundle.chat() is None
    assert bundle.log()[-1].detail == {"state": "published"}


def test_without_words_there_is_no_transcript(tmp_path: Path) -> None:
    """A bundle without a transcript gives None."""
    assert open_bundle(published_file(tmp_path, transcript=None).path).transcript() is None


def test_an_altered_bundle_is_not_opened(tmp_path: Path) -> None:
    """A file that is not the one that was published, and a folder that was never published, are errors."""
    path = published_file(tmp_path).path
    (path / "transcript.json").write_text("{}")
    with pytest.raises(RedactionIncomplete):
        open_bundle(path)
    with pytest.raises(UnreadableInput):
        open_bundle(tmp_path)
