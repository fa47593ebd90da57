"""What is attacked, and which original belongs to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.audit.targets import attacked_at, sampled
from redaction.errors import RedactionIncomplete, UnreadableInput, UsageError
from tests.media import make_clip


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two recordings by each of two people, and copies under the same names."""
    for top in ("before", "after"):
        for person in ("ann", "ben"):
            for name in ("one", "two"):
                place = tmp_path / top / person / f"{name}.mp4"
                place.parent.mkdir(parents=True, exist_ok=True)
                make_clip(place, seconds=0.2)
    return tmp_path / "before", tmp_path / "after"


def test_a_copy_belongs_to_the_original_of_its_folder_and_name(folders: tuple[Path, Path]) -> None:
    """A folder for each person says who is who, though their files have the same names."""
    originals, copies = folders
    found = attacked_at(copies, originals)
    told = [(one.path.parent.name, one.path.stem) for one in found if one.path is not None]
    assert [(one.original.person, one.original.stem) for one in found if one.original is not None] == told
    assert len(told) == 4


def test_a_media_file_goes_by_a_number(folders: tuple[Path, Path]) -> None:
    """Its name, which may be a person's, is nowhere in what comes out."""
    assert [one.name for one in attacked_at(folders[1], None)] == [
        f"file {number}" for number in (1, 2, 3, 4)
    ]


def test_one_and_one_belong_together(tmp_path: Path) -> None:
    """A single recording and a single original need no common name."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_clip(tmp_path / name / f"{name}.mp4", seconds=0.2)
    (found,) = attacked_at(tmp_path / "a", tmp_path / "b")
    assert found.original is not None


def test_originals_of_something_else_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """An audit beside the wrong originals would find nothing and call it good."""
    other = tmp_path / "other"
    other.mkdir()
    for name in ("three", "four"):
        make_clip(other / f"{name}.mp4", seconds=0.2)
    with pytest.raises(UsageError, match="No original"):
        attacked_at(folders[1], other)


def test_originals_that_hold_nothing_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """An audit without any original would compare nothing and break no limit."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableInput, match="holds no recording"):
        attacked_at(folders[1], tmp_path / "empty")


def test_nothing_there_is_no_audit(tmp_path: Path) -> None:
    """An empty folder, and a place that is not there, are said to be so."""
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UnreadableInput):
            attacked_at(place, None)


def test_a_bundle_that_is_not_whole_is_not_attacked(tmp_path: Path) -> None:
    """What was changed after publishing is refused like everywhere."""
    bundle = tmp_path / "x.offrecord"
    bundle.mkdir()
    (bundle / "manifest.json").write_text("{}")
    with pytest.raises((UnreadableInput, RedactionIncomplete)):
        attacked_at(tmp_path, None)


@pytest.mark.parametrize(("sample", "count"), [("", 4), ("3", 3), ("50%", 2), ("1 %", 1), ("9", 4)])
def test_a_sample_is_so_large(folders: tuple[Path, Path], sample: str, count: int) -> None:
    """A number or a percentage, at least one, never more than there are, in order."""
    found = attacked_at(folders[1], None)
    picked = sampled(found, sample)
    assert len(picked) == count
    assert picked == [one for one in found if one in picked]


@pytest.mark.parametrize("sample", ["0", "-1", "x", "0%", "1.5", "nan", "inf%"])
def test_what_is_no_sample_is_refused(folders: tuple[Path, Path], sample: str) -> None:
    """So that nobody signs for a sample of nothing."""
    with pytest.raises(UsageError):
        sampled(attacked_at(folders[1], None), sample)
