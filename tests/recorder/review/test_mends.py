"""What a page may send as a mend, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.bundle.verify_files import read_manifest
from recorder.review.mends import CoverMend, counted, parsed_mend, require_fitting
from redaction.errors import UsageError
from redaction.model import Box
from tests.recorder.bundle.bundles import published_file

COVER = {"kind": "cover", "track": "V1", "box": [0.1, 0.2, 0.5, 0.6], "time": 1.0, "start": 0, "end": 2}


def test_a_box_is_rounded_outward() -> None:
    """A cover never shrinks on its way from the page to pixels."""
    mend = parsed_mend(COVER | {"box": [0.101, 0.201, 0.499, 0.599]})
    assert isinstance(mend, CoverMend)
    assert mend.pixels(100, 50) == Box(10, 10, 50, 30)


@pytest.mark.parametrize(
    "untrusted",
    [
        None,
        [],
        "cover",
        {"kind": "shell"},
        COVER | {"track": "../V1"},
        COVER | {"box": [0.5, 0.2, 0.1, 0.6]},
        COVER | {"box": [0, 0, 1, float("nan")]},
        COVER | {"box": [-1, 0, 1, 1]},
        COVER | {"end": 0},
        COVER | {"end": float("inf")},
        COVER | {"more": 1},
        {"kind": "word", "text": ""},
        {"kind": "word", "text": "two  words"},
        {"kind": "word", "text": "x" * 81},
        {"kind": "word", "text": "x", "entity_type": "SECRET"},
        {"kind": "mute", "start": 1, "end": 2, "who": "P1;"},
        {"kind": "drop", "who": "everybody"},
        {"kind": "cut", "start": 2, "end": 1},
    ],
)
def test_what_is_no_mend_is_refused_in_a_sentence_without_content(untrusted: object) -> None:
    """Anything but the few kinds, within their bounds, is refused, and the sentence repeats nothing."""
    with pytest.raises(UsageError) as refused:
        parsed_mend(untrusted)
    assert refused.value.sentence == "The page sent a mend that cannot be understood; reload it."


@pytest.mark.parametrize(
    "untrusted",
    [
        COVER | {"track": "V9"},
        COVER | {"track": "A1"},
        COVER | {"start": 50, "end": 60},
        {"kind": "drop", "who": "P01"},
        {"kind": "mute", "start": 0, "end": 1, "who": "P01"},
        {"kind": "cut", "start": 0, "end": 99},
    ],
)
def test_a_mend_must_fit_its_bundle(untrusted: dict[str, object], tmp_path: Path) -> None:
    """A track, participant or time that is not there, and a cut of everything, are refused."""
    manifest = read_manifest(published_file(tmp_path).path)
    with pytest.raises(UsageError):
        require_fitting(parsed_mend(untrusted), manifest, speakers=["Speaker 1"])


def test_a_masked_word_shows_in_no_representation() -> None:
    """What is printed of a mend by chance does not hold the word."""
    assert "Marigold" not in repr(parsed_mend({"kind": "word", "text": "Marigold"}))


def test_kinds_are_counted() -> None:
    """The manifest is told kinds and counts alone."""
    mends = [parsed_mend(COVER), parsed_mend(COVER), parsed_mend({"kind": "cut", "start": 0, "end": 1})]
    assert counted(mends) == {"cover": 2, "cut": 1}
