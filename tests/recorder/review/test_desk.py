"""Several bundles and several reviewers: what is drawn, who has what, and how far each is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from recorder.bundle.manifest import StillEntry
from recorder.review.desk import Desk, bundles_in
from recorder.review.session import Choices
from redaction.errors import StorageFailed, UnreadableInput
from tests.e2e.reviewed import blind
from tests.recorder.bundle.bundles import published_file

CHOICES = Choices(stages_of=lambda _policy: blind())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four bundles, of which one has a frame that is covered whole."""
    bad = (StillEntry(track="V1", time=1.0, rank=1.0, reason="covered whole"),)
    for number in range(4):
        place = tmp_path / "made"
        made = published_file(place, stills=bad) if number == 2 else published_file(place)
        shutil.move(made.path, tmp_path / f"bundle-{number}.offrecord")
    shutil.rmtree(tmp_path / "made")
    return tmp_path


def names(desk: Desk) -> list[str]:
    """Return the bundles as they are listed."""
    return [row["name"] for row in desk.told()["rows"]]


def test_the_worst_bundle_is_listed_first_and_drawn_first(folder: Path) -> None:
    """Of a sample the worst are taken, at least one; the list tells how many there are in all."""
    assert names(Desk(bundles_in(folder), CHOICES))[0] == "bundle-2"
    sample = Desk(bundles_in(folder), CHOICES, sample=0.05)
    assert names(sample) == ["bundle-2"]
    assert sample.told()["of"] == 4
    assert len(names(Desk(bundles_in(folder), CHOICES, sample=0.5))) == 2


def test_two_reviewers_do_not_step_on_each_other(folder: Path) -> None:
    """What one has open the other cannot open, and sees as such; put back, it is free."""
    mine, yours = Desk(bundles_in(folder), CHOICES), Desk(bundles_in(folder), CHOICES)
    mine.session(0)
    with pytest.raises(StorageFailed, match="open"):
        yours.session(0)
    assert yours.told()["rows"][0]["elsewhere"] is True
    assert mine.told()["rows"][0] | {"mine": True, "elsewhere": False} == mine.told()["rows"][0]
    mine.put_back(0)
    yours.session(0)
    yours.close()
    assert mine.told()["rows"][0]["elsewhere"] is False


def test_how_far_a_bundle_is_outlives_the_process_and_holds_no_content(folder: Path) -> None:
    """State, places and times are there for the next one; what was wanted is not, nor any word of it."""
    desk = Desk(bundles_in(folder), CHOICES)
    session = desk.session(1)
    place = session.told()["places"][0]["id"]
    session.mend({"kind": "word", "text": "Marigold"})
    session.look(place, "fine")
    desk.close()
    notes = list((folder / ".offrecord-review").iterdir())
    assert b"Marigold" not in b"".join(note.read_bytes() for note in notes)
    again = Desk(bundles_in(folder), CHOICES)
    row = again.told()["rows"][1]
    assert (row["standing"], row["looked"]) == ("work", 1)
    told = again.session(1).told()
    again.close()
    assert told["looked"] == {place: "fine"}
    assert told["mends"] == []


def test_what_was_sent_back_or_signed_stands_in_the_list(folder: Path) -> None:
    """Each state is told; a bundle that changed since is not looked at."""
    desk = Desk(bundles_in(folder), CHOICES)
    desk.session(0).send_back()
    desk.session(1).sign("")
    desk.session(1).job.wait()
    desk.close()
    again = Desk(bundles_in(folder), CHOICES)
    standings = {row["name"]: row["standing"] for row in again.told()["rows"]}
    assert sorted(standings.values()) == ["back", "new", "new", "signed"]
    path = folder / ".offrecord-review" / "bundle-2.offrecord.json"
    state = json.loads(path.read_text())
    path.write_text(json.dumps(state | {"manifest": "0" * 64}))
    assert {row["name"]: row["standing"] for row in again.told()["rows"]}["bundle-2"] == "new"


def test_notes_that_are_none_are_not_believed(folder: Path) -> None:
    """A file of notes that is broken, or a link, counts as nothing."""
    desk = Desk(bundles_in(folder), CHOICES)
    notes = folder / ".offrecord-review"
    notes.mkdir()
    (notes / "bundle-2.offrecord.json").write_text('{"standing": "signed"}')
    assert desk.told()["rows"][0]["standing"] == "new"


def test_what_is_no_bundle_is_said(folder: Path, tmp_path: Path) -> None:
    """No bundle, no folder, a link; a bundle whose log is broken is listed as such and cannot be opened."""
    for place in (tmp_path / "nowhere", tmp_path / "nothing.offrecord"):
        with pytest.raises(UnreadableInput):
            bundles_in(place)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableInput):
        bundles_in(tmp_path / "empty")
    (folder / "bundle-0.offrecord" / "log.jsonl").write_text("{}\n")
    rows = Desk(bundles_in(folder), CHOICES).told()["rows"]
    assert [bool(row["bad"]) for row in rows] == [True, False, False, False]


def test_versions_that_were_kept_are_not_listed(folder: Path) -> None:
    """The version before stays in the folder, and is none to be looked at."""
    desk = Desk(bundles_in(folder), Choices(keep_old=True, stages_of=CHOICES.stages_of))
    desk.session(0).sign("")
    desk.session(0).job.wait()
    desk.close()
    assert len(list(folder.glob("*.before-*.offrecord"))) == 1
    assert len(bundles_in(folder)) == 4
