"""The log: a chain that shows tampering, and a gate that lets no content in."""

import json
from pathlib import Path

import pytest

from recorder.bundle.log import GENESIS, ChainedLog, check_chain
from redaction.errors import InternalError, RedactionIncomplete, StorageFailed
from redaction.model import Event, EventKind, Span


def _log(path: Path) -> ChainedLog:
    log = ChainedLog(path)
    log.append(Event(EventKind.STARTED, detail={"version": "1"}))
    log.append(Event(EventKind.GAP, "V1", Span(1.23456, 2), {"reason": "corrupt"}))
    log.append(Event(EventKind.FINDING, "A1", Span(1, 2), {"entity_type": "PERSON", "score": 0.98765}))
    log.close()
    return log


def test_chain_of_a_fresh_log_holds(tmp_path: Path) -> None:
    """What was written checks out, and its head is the last line's hash."""
    path = tmp_path / "log.jsonl"
    log = _log(path)
    assert check_chain(path) == (log.head, 3)
    assert log.head != GENESIS


@pytest.mark.parametrize("how", ["edit", "drop", "swap", "truncate", "garbage"])
def test_tampering_is_found(tmp_path: Path, how: str) -> None:
    """A line edited, dropped, swapped, cut or replaced breaks the chain."""
    path = tmp_path / "log.jsonl"
    head = _log(path).head
    lines = path.read_text().splitlines()
    if how == "edit":
        lines[1] = lines[1].replace("corrupt", "damaged")
    elif how == "drop":
        del lines[1]
    elif how == "swap":
        lines[1], lines[2] = lines[2], lines[1]
    elif how == "garbage":
        lines[0] = "\x00{"
    else:
        lines = lines[:2]
    path.write_text("\n".join(lines) + "\n")
    if how == "truncate":
        assert check_chain(path)[0] != head
    else:
        with pytest.raises(RedactionIncomplete):
            check_chain(path)


@pytest.mark.parametrize(
    "event",
    [
        Event(EventKind.TRACK, "V1", detail={"title": "x"}),
        Event(EventKind.TRACK, "V1", detail={"reason": "naïve"}),
        Event(EventKind.TRACK, "/home/jane", detail={}),
        Event(EventKind.TRACK, "V1", detail={"reason": "a" * 200}),
        Event(EventKind.TRACK, "V1", detail={"reason": "jane@example.com"}),
    ],
)
def test_content_is_kept_out(tmp_path: Path, event: Event) -> None:
    """An unknown key, a path, an address or a long text is refused."""
    log = ChainedLog(tmp_path / "log.jsonl")
    with pytest.raises(InternalError):
        log.append(event)
    log.close()
    assert (tmp_path / "log.jsonl").read_text() == ""


def test_lines_are_canonical_json(tmp_path: Path) -> None:
    """Each line is JSON with sorted keys, so that another program can follow the chain."""
    path = tmp_path / "log.jsonl"
    _log(path)
    for line in path.read_text().splitlines():
        record = json.loads(line)
        assert line == json.dumps(record, sort_keys=True, separators=(",", ":"))


def test_an_existing_log_is_not_continued(tmp_path: Path) -> None:
    """A log that stands there already is never appended to."""
    (tmp_path / "log.jsonl").write_text("")
    with pytest.raises(StorageFailed):
        ChainedLog(tmp_path / "log.jsonl")
