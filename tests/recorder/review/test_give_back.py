"""What was covered for nothing becomes hints: for the right source, where a cover stands, and in memory only."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from recorder.bundle.verify_files import read_manifest
from recorder.review.desk import Desk, bundles_in
from recorder.review.give_back import PlaceMark, marked_place, parsed_mark, why_not
from recorder.review.session import Choices, ReviewSession
from redaction.errors import UsageError
from tests.e2e.reviewed import blind
from tests.recorder.bundle.bundles import published_file
from tests.recorder.review.test_save import save, still

NAME = "recording-0123456789abcdef0123456789abcdef"
OVER = {"kind": "face", "track": "V1", "box": [0.3, 0.3, 0.6, 0.6], "time": 1.0}


@pytest.fixture(scope="module")
def covered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a file with a cover on the left half of its picture, from the beginning to the second second."""
    folder = tmp_path_factory.mktemp("covered")
    place = folder / f"{NAME}.offrecord"
    shutil.move(published_file(folder / "made").path, place)
    save(place, still("V1", [0.0, 0.0, 0.5, 1.0], end=2))
    return place


@pytest.fixture
def bundle(covered: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(covered, tmp_path / covered.name))


def opened(bundle: Path) -> ReviewSession:
    """Open it for review."""
    return Desk(bundles_in(bundle), Choices(stages_of=lambda _policy: blind())).session(0)


def test_a_mark_takes_the_whole_cover_that_was_drawn_over(bundle: Path) -> None:
    """In pixels of the stored picture, with the moment that was looked at, all along unless a span is given."""
    manifest = read_manifest(bundle)
    place = marked_place(PlaceMark.model_validate(OVER), bundle / "recording.mp4", manifest)
    left, top, right, bottom = place.box
    assert (left, top, bottom) == (0, 0, 48)
    assert abs(right - 32) <= 2
    assert place.time == pytest.approx(1.0, abs=0.05)
    assert place.start == 0
    assert place.end > manifest.duration
    spanned = marked_place(
        PlaceMark.model_validate(OVER | {"start": 0.5, "end": 1.5}), bundle / "recording.mp4", manifest
    )
    assert (spanned.start, spanned.end) == (0.5, 1.5)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"box": [0.7, 0.2, 0.9, 0.8]}, "No cover"),
        ({"time": 2.5}, "No cover"),
        ({"time": 99.0}, "between from and to"),
        ({"start": 1.5, "end": 1.9}, "between from and to"),
    ],
)
def test_nothing_is_given_back_where_no_cover_stands(
    bundle: Path, change: dict[str, object], sentence: str
) -> None:
    """Beside it, after it, after the end, and outside the span that is given."""
    with pytest.raises(UsageError, match=sentence):
        marked_place(PlaceMark.model_validate(OVER | change), bundle / "recording.mp4", read_manifest(bundle))


@pytest.mark.parametrize(
    "untrusted",
    [
        None,
        "face",
        {"kind": "person"},
        OVER | {"box": [0.5, 0.5, 0.5, 0.6]},
        OVER | {"time": float("nan")},
        OVER | {"track": "P01-camera"},
        OVER | {"more": 1},
        {"kind": "word", "text": ""},
        {"kind": "word", "text": "a\nb"},
        {"kind": "word", "text": "x" * 81},
    ],
)
def test_what_is_no_mark_is_refused(untrusted: object) -> None:
    """Anything but the three kinds within their bounds."""
    with pytest.raises(UsageError, match="cannot be understood"):
        parsed_mark(untrusted)


def test_marks_become_a_file_of_hints_and_are_written_nowhere(bundle: Path) -> None:
    """What the page takes away names the recording, place and typed word; one that is taken back is not in it."""
    session = opened(bundle)
    try:
        with pytest.raises(UsageError, match="Nothing is marked"):
            session.hints()
        session.give_back(OVER)
        session.give_back({"kind": "word", "text": "Quibble"})
        session.give_back({"kind": "word", "text": "Typo"})
        session.keep_covered(2)
        document = tomllib.loads(session.hints())
        assert [mark["kind"] for mark in session.told_state()["marks"]] == ["face", "word"]
        with pytest.raises(UsageError):
            session.keep_covered(2)
        with pytest.raises(UsageError, match="track"):
            session.give_back(OVER | {"track": "V2"})
    finally:
        session.close()
    assert document["recording"] == NAME
    assert [place["track"] for place in document["face"]] == ["V1"]
    assert document["word"] == [{"text": "Quibble"}]
    for item in bundle.parent.rglob("*"):
        assert not item.is_file() or b"Quibble" not in item.read_bytes()


def test_it_is_said_why_nothing_can_be_given_back(bundle: Path, tmp_path: Path) -> None:
    """Of another name nothing says which source it is of; after a cut times are others than the source's."""
    manifest = read_manifest(bundle)
    assert why_not(NAME, manifest) == ""
    assert "name of its own" in why_not("minutes", manifest)
    save(bundle, {"kind": "cut", "start": 0.5, "end": 1.0})
    assert "cut" in why_not(NAME, read_manifest(bundle))
    session = opened(bundle)
    try:
        assert "cut" in session.told()["notback"]
        with pytest.raises(UsageError, match="cut"):
            session.give_back({"kind": "word", "text": "Quibble"})
    finally:
        session.close()
