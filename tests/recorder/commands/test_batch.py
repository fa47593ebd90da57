"""The verbs of a batch as click sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from recorder.batch.job import Finished, Options
from recorder.batch.ledger.records import Counts, PlannedItem, RecordState
from recorder.cli import cli
from recorder.commands import batch as module
from tests.recorder.batch.fakes import write_bundle


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Options]:
    """What jobs were asked for; none is run."""
    seen: list[Options] = []

    def run_job(options: Options, **_: Any) -> Finished:
        seen.append(options)
        counts = Counts({RecordState.PUBLISHED: 1}, 1.0, 1.0, 1, 0)
        return Finished(PlannedItem(1, 1, 1, 0, 0, 0, 0, 1, 1), counts, tmp_path / "report.html", 0, 0)

    monkeypatch.setattr(module, "run_job", run_job)
    monkeypatch.setattr(module, "_tell", lambda *_, **__: None)
    return seen


@pytest.mark.parametrize(
    "arguments",
    [
        ["calls", "out"],
        ["--jobs", "2", "calls", "out"],
        ["./status", "out"],
        ["calls", "status"],
        ["--", "calls", "out"],
        ["run", "calls", "out"],
    ],
)
def test_source_and_destination(arguments: list[str], asked: list[Options]) -> None:
    """Two places are a job, wherever the options stand and whatever the places are called."""
    done = CliRunner().invoke(cli, ["batch", *arguments], standalone_mode=False)
    assert done.exception is None, done.output
    (options,) = asked
    given = [part for part in arguments if not part.startswith("--") and part not in ("2", "run")]
    assert [options.source, options.destination] == given
    assert options.jobs == (2 if "--jobs" in arguments else None)


def test_every_flag_arrives(asked: list[Options], tmp_path: Path) -> None:
    """Each flag is an option of the job under its own name."""
    flags = "--engine ray --address auto --jobs 3 --threads 2 --memory 2.5 --patience 60 --limit 7 --retry"
    more = ["--delete-source", "--scratch", str(tmp_path), "--roster", "Ada Example"]
    CliRunner().invoke(cli, ["batch", *flags.split(), *more, "a", "b"], standalone_mode=False)
    (options,) = asked
    assert (options.engine, options.address, options.jobs, options.threads) == ("ray", "auto", 3, 2)
    assert (options.memory_gib, options.patience_s, options.limit, options.retry) == (2.5, 60.0, 7, True)
    assert (options.delete_source, options.scratch) == (True, tmp_path)
    assert options.policy.speech.roster == ("Ada Example",)
    assert "Ada" not in repr(options)


@pytest.mark.parametrize(
    "arguments", [["batch"], ["batch", "--help"], ["batch", "status", "--help"], ["expire", "--help"]]
)
def test_help_has_an_example(arguments: list[str]) -> None:
    """The help of every verb shows how it is used."""
    done = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert "Example: offrecord" in done.output
    assert "Usage: offrecord" in done.output or "Usage: cli" in done.output


def test_expire_says_what_went(tmp_path: Path) -> None:
    """`expire` names what it deletes, and with --dry-run what it would."""
    write_bundle(tmp_path, "recording-one", days=-1)
    assert (
        "would be deleted: recording-one"
        in CliRunner().invoke(cli, ["expire", str(tmp_path), "--dry-run"]).output
    )
    assert (tmp_path / "recording-one.offrecord").exists()
    assert "deleted: recording-one" in CliRunner().invoke(cli, ["expire", str(tmp_path)]).output
    assert not (tmp_path / "recording-one.offrecord").exists()
