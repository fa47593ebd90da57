"""A stored file is held to what it should hold, and to how long it should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.media.check import LENGTH_TOLERANCE_S, audio_length_error, require_bare_container
from recorder.media.encode import AudioWriter, mux
from redaction.errors import RedactionIncomplete
from redaction.model import AudioBlock
from tests.media import make_clip, tone


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two seconds as this program stores it."""
    folder = tmp_path_factory.mktemp("clean")
    made = make_clip(folder / "made.mp4", seconds=2).path
    with AudioWriter(folder / "a.m4a", sample_rate=24_000) as writer:
        writer.write(AudioBlock(tone(2, sample_rate=24_000), 0, 24_000))
    mux(video=made, audio=folder / "a.m4a", out=folder / "clean.mp4")
    return folder / "clean.mp4"


def test_what_is_stored_passes(clean: Path) -> None:
    """One stream of each kind, no tag, and two seconds to within a frame or two of AAC."""
    require_bare_container(clean, video=1, audio=1)
    assert audio_length_error(clean, 2.0) < LENGTH_TOLERANCE_S


def test_streams_that_should_not_be_there(clean: Path) -> None:
    """A stream too many or too few ends the run."""
    for video, audio in ((1, 0), (0, 1), (2, 1)):
        with pytest.raises(RedactionIncomplete, match="streams"):
            require_bare_container(clean, video=video, audio=audio)


def test_a_tag_that_could_hold_a_name(tmp_path: Path) -> None:
    """A tag of the source would carry content; its value is not in the error."""
    tagged = make_clip(tmp_path / "a.mp4", seconds=1, tags={"artist": "Adaeze Okonkwo"}).path
    with pytest.raises(RedactionIncomplete, match="tag") as error:
        require_bare_container(tagged, video=1, audio=1)
    assert "Adaeze" not in error.value.sentence


def test_a_length_that_is_off(clean: Path) -> None:
    """Audio shorter than the recording, and audio that cannot be read, end the run."""
    with pytest.raises(RedactionIncomplete, match=r"\d s off"):
        audio_length_error(clean, 3.0)
    silent = clean.with_name("silent.mp4")
    mux(video=clean, audio=None, out=silent)
    with pytest.raises(RedactionIncomplete, match="read back"):
        audio_length_error(silent, 2.0)
