"""The journal: everything of one participant in one folder, and erasures that a crash cannot stop."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from recorder.bundle.log import check_chain
from recorder.bundle.quality import QualitySecond
from recorder.bundle.transcript import SpokenToken
from recorder.live.store import journal as journal_module
from recorder.live.store.journal import Journal
from recorder.live.store.schema import WordsLine
from redaction.errors import InternalError, RedactionIncomplete, StorageFailed, UnreadableInput
from redaction.model import Event, EventKind, Span
from tests.recorder.live.scene import ADA, BOB, journal_of, lines, person


def words(number: int, text: str = "hello") -> WordsLine:
    token = SpokenToken(text=text, start=1, end=2)
    return WordsLine(id=number, language="en", start=1, end=2, words=(token,))


def files(folder: Path) -> set[str]:
    return {str(item.relative_to(folder)) for item in folder.rglob("*") if item.is_file()}


def test_what_is_written_lies_in_the_participants_folder_alone(tmp_path: Path) -> None:
    """Words, quality and facts of two participants stand in their own folders, and the log names neither."""
    journal = journal_of(tmp_path, ADA, BOB)
    journal.words(ADA, words(1))
    journal.quality(BOB, QualitySecond(time=1.0, packets=3))
    journal.fact(ADA, Event(EventKind.GAP, span=Span(1, 2), detail={"reason": "lost"}), track="camera")
    journal.log_event(Event(EventKind.STARTED, detail={"version": "1"}))
    journal.close()
    ada, bob = tmp_path / "live/people" / ADA, tmp_path / "live/people" / BOB
    assert [line["id"] for line in lines(ada / "words.jsonl")] == [1]
    assert lines(ada / "facts.jsonl") == [
        {"kind": "gap", "track": "camera", "start": 1.0, "end": 2.0, "detail": {"reason": "lost"}}
    ]
    assert [line["packets"] for line in lines(bob / "quality.jsonl")] == [3]
    assert files(bob) == {"person.json", "quality.jsonl"}
    log = (tmp_path / "log.jsonl").read_text()
    assert ADA not in log
    assert BOB not in log
    assert check_chain(tmp_path / "log.jsonl")[1] == 1


def test_facts_carry_no_unknown_text(tmp_path: Path) -> None:
    """A fact whose detail may be content is refused before a byte of it is written."""
    journal = journal_of(tmp_path)
    for detail in ({"word": "x"}, {"reason": "Maria's phone!"}):
        with pytest.raises(InternalError):
            journal.fact(ADA, Event(EventKind.GAP, detail=dict(detail)))
    assert not (journal.folder(ADA) / "facts.jsonl").exists()


def test_erasing_leaves_nothing_and_nothing_comes_back(tmp_path: Path) -> None:
    """After an erasure no file of theirs is there, what still comes is dropped, and the log says no more than that."""
    journal = journal_of(tmp_path, ADA, BOB)
    journal.words(ADA, words(1))
    journal.words(BOB, words(1))
    piece = journal.segment(ADA, "camera")
    piece.media.write_bytes(b"x" * 1000)
    before = files(tmp_path)
    figures = journal.erase(ADA)
    assert figures.files == 3
    assert figures.bytes > 1000
    assert files(tmp_path) == {name for name in before if ADA not in name}
    assert sorted(item.name for item in (tmp_path / "live").iterdir()) == ["people"]
    journal.words(ADA, words(2))
    with pytest.raises(InternalError):
        journal.segment(ADA, "camera")
    with pytest.raises(InternalError):
        journal.admit(person(ADA))
    assert not journal.holds(ADA)
    assert journal.holds(BOB)
    assert journal.erase(ADA).files == 0
    journal.close()
    (line,) = lines(tmp_path / "log.jsonl")
    assert set(line) == {"event", "hash", "prev", "seq"}
    assert line["event"] == "erased"


@pytest.mark.parametrize("steps", range(9))
def test_an_erasure_that_dies_on_the_way_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Wherever an erasure dies, whoever opens the folder next finishes it, and the other participant is untouched."""
    journal = journal_of(tmp_path, ADA, BOB)
    journal.words(ADA, words(1, "gone"))
    journal.words(BOB, words(1, "kept"))
    left = [steps]

    def dying(real: Callable[..., object]) -> Callable[..., object]:
        def step(*given: object, **named: object) -> object:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            return real(*given, **named)

        return step

    with monkeypatch.context() as patched:
        for name in ("rename", "unlink", "rmdir", "replace"):
            patched.setattr(Path, name, dying(getattr(Path, name)))
        try:
            journal.erase(ADA)
            died = False
        except KeyboardInterrupt:
            died = True
    assert died == (steps < 4)
    again = Journal(tmp_path)
    if steps == 0:  # it died before anything was done: they are still recorded, and erasing works
        again.erase(ADA)
    assert [one.token for one in again.people()] == [BOB]
    again.close()
    assert all(ADA not in name and "gone" not in name for name in files(tmp_path))
    assert not any(b"gone" in item.read_bytes() for item in (tmp_path / "live").rglob("*.jsonl"))
    assert b"kept" in (tmp_path / "live/people" / BOB / "words.jsonl").read_bytes()


def test_erasing_needs_no_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a disk that takes no byte and no sync of a file, a participant's folder goes all the same."""
    journal = journal_of(tmp_path, ADA, BOB)
    journal.words(ADA, words(1))

    def full(*_given: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(journal_module, "_write_whole", full)
        patched.setattr(os, "fsync", full)
        with pytest.raises(StorageFailed):
            journal.erase(ADA)
    assert not journal.folder(ADA).exists()
    assert [one.token for one in Journal(tmp_path).people()] == [BOB]
    assert not any(ADA in name or "gone" in name for name in files(tmp_path))


def test_an_erasure_that_failed_is_completed_when_it_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that could not be removed the first time are gone after the second, and it says how many."""
    journal = journal_of(tmp_path, ADA)
    journal.words(ADA, words(1))

    def refuse(*_given: object, **_named: object) -> None:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        with pytest.raises(StorageFailed):
            journal.erase(ADA)
    assert journal.erase(ADA).files == 2
    assert [item.name for item in (tmp_path / "live").iterdir()] == ["people"]


def test_a_folder_that_keeps_its_name_loses_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a folder cannot be renamed the erasure fails, and still nobody publishes it."""
    journal = journal_of(tmp_path, ADA)

    def refuse(*_given: object, **_named: object) -> None:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", refuse)
        with pytest.raises(StorageFailed):
            journal.erase(ADA)
    assert Journal(tmp_path).people() == []


def test_half_a_line_is_dropped_and_the_file_goes_on(tmp_path: Path) -> None:
    """A last line that was cut off, in the log or a participant's file, does not spoil what comes after it."""
    journal = journal_of(tmp_path)
    journal.log_event(Event(EventKind.STARTED))
    journal.words(ADA, words(1))
    journal.close()
    for path in (tmp_path / "log.jsonl", journal.folder(ADA) / "words.jsonl"):
        with path.open("ab") as file:
            file.write(b'{"id":2,"langu')
    again = Journal(tmp_path)
    again.log_event(Event(EventKind.STATE, detail={"state": "x"}))
    again.words(ADA, words(3))
    again.close()
    assert check_chain(tmp_path / "log.jsonl")[1] == 2
    assert [line["id"] for line in lines(again.folder(ADA) / "words.jsonl")] == [1, 3]


def test_a_forged_log_is_not_continued(tmp_path: Path) -> None:
    """A line in the middle of the log that was altered stops whoever opens the folder."""
    journal = journal_of(tmp_path)
    journal.log_event(Event(EventKind.STARTED, detail={"version": "1"}))
    journal.log_event(Event(EventKind.STARTED, detail={"version": "2"}))
    journal.close()
    log = tmp_path / "log.jsonl"
    log.write_text(log.read_text().replace('"version":"1"', '"version":"9"'))
    with pytest.raises(RedactionIncomplete):
        Journal(tmp_path)


def test_a_folder_without_its_record_is_removed(tmp_path: Path) -> None:
    """Whoever died between making a folder and saying whose it is leaves nothing that could be published."""
    journal = journal_of(tmp_path)
    (tmp_path / "live/people" / BOB).mkdir()
    (tmp_path / "live/people" / BOB / "words.jsonl").write_bytes(b"{}\n")
    assert [one.token for one in journal.people()] == [ADA]
    assert not (tmp_path / "live/people" / BOB).exists()


def test_pieces_are_numbered_on_from_what_is_there(tmp_path: Path) -> None:
    """Numbers go up by kind, also for a journal that is opened again."""
    journal = journal_of(tmp_path)
    first = journal.segment(ADA, "camera")
    first.media.touch()
    assert [journal.segment(ADA, "camera").number, journal.segment(ADA, "microphone").number] == [2, 1]
    journal.close()
    assert Journal(tmp_path).segment(ADA, "camera").number == 2


def test_a_call_without_its_record_cannot_be_finished(tmp_path: Path) -> None:
    """A folder that does not say how its call was recorded is unreadable input."""
    with pytest.raises(UnreadableInput):
        journal_of(tmp_path).call()


@pytest.mark.parametrize("token", ["", "..", "../../etc/passwd0", "A" * 16, "a" * 15])
def test_only_tokens_name_folders(tmp_path: Path, token: str) -> None:
    """What is no token never becomes a path."""
    journal = journal_of(tmp_path)
    with pytest.raises((InternalError, ValidationError)):
        journal.admit(person(token))
    with pytest.raises(InternalError):
        journal.folder(token)


def test_sizes_are_told_while_files_vanish(tmp_path: Path) -> None:
    """What lies on the disk is summed up, and a folder that is gone counts nothing."""
    journal = journal_of(tmp_path)
    journal.segment(ADA, "camera").media.write_bytes(b"x" * 5000)
    assert journal.stored_bytes() > 5000
    shutil.rmtree(tmp_path / "live")
    assert journal.stored_bytes() == 0


def test_files_are_the_owners_alone(tmp_path: Path) -> None:
    """Nobody else on the machine may look into the folders."""
    journal = journal_of(tmp_path)
    assert journal.folder(ADA).stat().st_mode & 0o077 == 0
