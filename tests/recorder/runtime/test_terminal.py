"""Nothing that a stranger named can steer the terminal."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder.runtime.terminal import echo, echo_json, printable
from tests.cli.running import place_in, run
from tests.paths import ROOT

STEERING = "\x1b]0;owned\x07\x1b[2J\x9b31m\x85\x7f\u202e\u2028\r\n\udcff"


def test_printable() -> None:
    """Control characters of both sets, directions, line breaks and bytes that are no text become `?`, nothing else."""
    assert printable("Ada Österreich 日本.mp4") == "Ada Österreich 日本.mp4"
    shown = printable(f"a{STEERING}b")
    assert shown.isprintable()
    assert shown.startswith("a?]0;owned??[2J?31m")


def test_echo(capsys: pytest.CaptureFixture[str]) -> None:
    """One call writes one line, and JSON is ASCII that gives back what went in."""
    echo(STEERING)
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert told[:-1].isprintable()
    echo_json({"name": STEERING})
    told = capsys.readouterr().out
    assert told.isascii()
    assert all(letter.isprintable() or letter == "\n" for letter in told)
    assert json.loads(told) == {"name": STEERING}


def test_hostile_file_names(real_models: None, tmp_path: Path) -> None:
    """A file or folder whose name holds escapes, as an argument, as an option that is none, as a batch's source."""
    place = place_in(tmp_path)
    hostile = tmp_path / "in" / (STEERING.replace("\n", "") + ".mp4")
    hostile.parent.mkdir()
    hostile.write_bytes(b"nothing")
    everything: list[list[str | Path]] = [
        ["redact", hostile, "-o", place.out / hostile.name],
        ["redact", f"--{hostile.name}", "-o", place.out],
        ["verify", hostile],
        ["show", hostile, "--json"],
        [hostile.name],
        ["batch", "run", hostile.parent, place.out, "--jobs", "1", "--quiet"],
        ["batch", "status", place.out, "--names", "--all", "--json"],
        ["batch", "status", place.out, "--names", "--all"],
    ]
    for arguments in everything:
        ran = run(arguments, place)
        assert all(letter.isprintable() or letter == "\n" for letter in ran.out + ran.err), arguments
    assert "owned" in ran.out


def test_everything_goes_by_the_terminals_own_door() -> None:
    """No command writes by `print` or `click.echo`: what it writes has been through `echo`."""
    assert list(_direct()) == []


def _direct() -> Iterator[str]:
    for path in [*sorted((ROOT / "recorder" / "commands").rglob("*.py")), ROOT / "recorder" / "cli.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "print",
                "click.echo",
                "click.secho",
            ):
                yield f"{path.name}:{node.lineno}"
