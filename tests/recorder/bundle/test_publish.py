"""Every bundle takes its name by one way, of files and of calls: whole, checked, and not before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recorder.bundle.log import LOG, read_log
from recorder.bundle.manifest import SCHEMA, Check
from recorder.bundle.report.build import REPORT_FILE
from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.runtime.context import Run
from redaction.errors import Interrupted, UnreadableInput
from redaction.model import Event, EventKind, Span
from tests.recorder.bundle.bundles import published_file


def test_a_file_is_published_whole(tmp_path: Path) -> None:
    """The bundle verifies, its manifest is what was returned, and nothing partial is left."""
    done = published_file(tmp_path)
    assert len(verify_bundle(done.path)) == 5
    assert read_manifest(done.path) == done.manifest
    assert done.manifest.schema_version == SCHEMA
    assert set(done.manifest.files) == {
        "log.jsonl",
        "recording.mp4",
        REPORT_FILE,
        "transcript.json",
        "transcript.vtt",
    }
    assert [item.name for item in tmp_path.iterdir()] == ["one.offrecord"]
    assert "The second look covered 2 more places." in done.attention


def test_the_log_ends_with_events_checks_and_the_state(tmp_path: Path) -> None:
    """What came last in the work, then every check, then that it is published."""
    silent = Event(EventKind.SILENCED, "A1", Span(0, 1), {"reason": "x"})
    checks = (Check(name="one", passed=True), Check(name="two", passed=False))
    done = published_file(tmp_path, events=(silent,), checks=checks)
    last = [(item.event, dict(item.detail)) for item in read_log(done.path / LOG)[-4:]]
    assert last == [
        ("silenced", {"reason": "x"}),
        ("verify", {"check": "one", "passed": "yes"}),
        ("verify", {"check": "two", "passed": "no"}),
        ("state", {"state": "published"}),
    ]
    assert done.attention[0] == "The check two did not pass."


def test_without_words_there_is_no_transcript(tmp_path: Path) -> None:
    """A recording that has no audio and no captions has neither transcript nor chat."""
    done = published_file(tmp_path, transcript=None)
    assert not [name for name in done.manifest.files if name.startswith(("transcript", "chat"))]


def test_whoever_looks_last_can_refuse(tmp_path: Path) -> None:
    """A look that raises before publishing leaves nothing, though all was whole."""

    def refuse() -> None:
        raise UnreadableInput("The source changed.")

    with pytest.raises(UnreadableInput):
        published_file(tmp_path, before_publishing=refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_stopped_publishes_nothing(tmp_path: Path) -> None:
    """Somebody who asked to stop while the words were written finds no bundle."""
    run = Run()
    run.cancellation.cancel()
    with pytest.raises(Interrupted):
        published_file(tmp_path, run=run)
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_is_plain_json_that_names_its_stills(tmp_path: Path) -> None:
    """The frames of the report stand in the manifest of a file, as in a call's."""
    done = published_file(tmp_path)
    written = json.loads((done.path / "manifest.json").read_text())
    assert written["stills"] == [{"track": "V1", "time": 1.0, "rank": 0.5, "reason": "least certain face"}]
    assert written["participants"] is None
