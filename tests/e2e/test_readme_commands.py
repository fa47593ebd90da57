"""Every command of the README is run as it stands there, and prints what the README shows."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from samples.make import Sample
from tests.e2e.conftest import COMMAND
from tests.paths import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

README = (ROOT / "README.md").read_text(encoding="utf-8")
ANY_ID = re.compile(r"\b(recording|call)-[0-9A-Za-z-]+\b")
GUESTS_S = 5


def _shown(name: str) -> tuple[list[str], list[str]]:
    """Return a marked block's command, as words, and the lines of output that stand below it."""
    block = re.findall(rf"<!-- run: {name} -->\n```console\n(.*?)```", README, re.DOTALL)[0]
    command, *output = block.strip("\n").splitlines()
    assert command.startswith("$ offrecord ")
    return [COMMAND, *shlex.split(command.removeprefix("$ offrecord "))], output


def _as_shown(text: str) -> list[str]:
    return [ANY_ID.sub(r"\1-ID", line).rstrip() for line in text.splitlines()]


def _shows(printed: str, output: list[str]) -> bool:
    """Tell whether the lines shown were printed in their order; others may stand between them."""
    lines = iter(_as_shown(printed))
    return all(any(line == wanted for line in lines) for wanted in output)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUTF8": "1", "COLUMNS": "100", "TERM": "dumb", "PYTHONPATH": str(ROOT)}


def _run(command: list[str], place: Path) -> str:
    done = subprocess.run(
        command,
        cwd=place,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.replace(f"{place}/", "")


def test_a_recorded_file(short_call: Sample, tmp_path: Path) -> None:
    """The README's command for a file publishes a bundle and prints what is shown."""
    shutil.copy(short_call.path, tmp_path / "call.mp4")
    command, output = _shown("file")
    printed = _run(command, tmp_path)
    assert _shows(printed, output), printed
    assert len(list((tmp_path / "redacted").glob("*.offrecord/report.html"))) == 1


def test_a_folder_of_recordings(short_call: Sample, tmp_path: Path) -> None:
    """The README's command for a folder publishes what is in it and prints what is shown."""
    (tmp_path / "recordings").mkdir()
    shutil.copy(short_call.path, tmp_path / "recordings" / "call.mp4")
    command, output = _shown("batch")
    printed = _run(command, tmp_path)
    assert _shows(printed, output), printed


def test_a_live_call(short_call: Sample, tmp_path: Path) -> None:
    """The README's command for a call records two participants, one of whom withdraws, and prints what is shown."""
    command, output = _shown("call")
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as bot:
        try:
            assert bot.stderr is not None
            opened = next(line for line in bot.stderr if "The room is open" in line)
            url = opened.split()[-1]
            guests = [sys.executable, "-m", "samples.guests", url, "--seconds", str(GUESTS_S)]
            subprocess.run(guests, cwd=ROOT, env=_environment(), timeout=600, check=True)
            bot.send_signal(signal.SIGINT)
            printed, errors = bot.communicate(timeout=400)
        finally:
            bot.kill()
    assert bot.returncode == 0, errors
    assert _shows(opened + printed, output), opened + printed
