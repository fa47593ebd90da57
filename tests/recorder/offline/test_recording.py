"""The library's way in: a path becomes a bundle, or an error and nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recorder.bundle.manifest import ReviewEntry
from recorder.bundle.verify_files import verify_bundle
from recorder.offline.recording import redact_recording, refuse_other
from redaction.errors import OffrecordError, UnreadableInput, UsageError
from redaction.policy import Policy
from redaction.stages import Stages
from tests.media import make_clip
from tests.recorder.bundle.bundles import file_contents, published_file


def test_one_recording_is_redacted_with_models_that_are_shared(tmp_path: Path, stages: Stages) -> None:
    """The models stay open for the next recording, a second bundle of the name needs `replace`, and then it is new."""
    clip = make_clip(tmp_path / "call.mp4", seconds=1, size=(160, 120)).path
    first = redact_recording(clip, tmp_path / "out", stages=stages)
    assert len(verify_bundle(first.path)) == 5
    with pytest.raises(UsageError, match="exists already"):
        redact_recording(clip, tmp_path / "out", stages=stages)
    again = redact_recording(str(clip), str(tmp_path / "out"), stages=stages, replace=True)
    assert again.path == first.path
    assert again.manifest.created >= first.manifest.created


def test_models_of_another_policy_are_refused(tmp_path: Path, stages: Stages) -> None:
    """A policy that the models were not loaded under is an error before anything is opened."""
    other = Policy.model_validate({"voice": {"method": "mute"}})
    with pytest.raises(UsageError, match="another policy"):
        redact_recording(tmp_path / "nothing.mp4", tmp_path / "out", policy=other, stages=stages)


def test_what_is_no_recording_is_an_error_and_leaves_nothing(tmp_path: Path, stages: Stages) -> None:
    """A missing file, a file of text, and a folder that does not hold exactly one recording."""
    (tmp_path / "notes.mp4").write_text("not a video")
    (tmp_path / "empty").mkdir()
    for source, kind in (
        ("missing.mp4", UnreadableInput),
        ("notes.mp4", UnreadableInput),
        ("empty", UsageError),
    ):
        with pytest.raises(OffrecordError) as error:
            redact_recording(tmp_path / source, tmp_path / "out", stages=stages)
        assert isinstance(error.value, kind)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_only_a_bundle_of_a_file_is_replaced(tmp_path: Path) -> None:
    """A folder that is no bundle is in the way; where nothing stands all is well."""
    refuse_other(tmp_path / "nothing.offrecord")
    (tmp_path / "mine.offrecord").mkdir()
    with pytest.raises(UsageError, match="no bundle of a recorded file"):
        refuse_other(tmp_path / "mine.offrecord")


def test_a_bundle_that_a_reviewer_mended_is_not_replaced(tmp_path: Path) -> None:
    """Another run would lose what they covered; one that was only signed, or sent back, may be made anew."""
    entry = ReviewEntry(time=datetime.now(UTC), follows="0" * 64)
    signed = replaced_origin(tmp_path / "signed", entry)
    refuse_other(signed)
    mended = replaced_origin(tmp_path / "mended", entry.model_copy(update={"changed": {"cover": 1}}))
    with pytest.raises(UsageError, match="A reviewer mended"):
        refuse_other(mended)


def replaced_origin(folder: Path, entry: ReviewEntry) -> Path:
    """Publish a file that somebody looked at."""
    origin = replace(file_contents().origin, review=(entry,))
    return published_file(folder, origin=origin).path
