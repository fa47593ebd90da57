"""The command line finds its verbs without loading them, and says of each what the verb says of itself."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from recorder.cli import COMMANDS, cli


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_verb_is_there_and_says_what_its_line_says(name: str) -> None:
    """The line of `--help` is the first sentence of the verb's own help."""
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    first = " ".join((found.help or "").split("\n\n")[0].split())
    assert first == COMMANDS[name][2]


def test_help_lists_every_verb() -> None:
    """A verb that is not listed is not found."""
    shown = CliRunner().invoke(cli, ["--help"])
    assert shown.exit_code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in shown.output


def test_unknown_verbs_are_refused() -> None:
    """Wrong use, as before."""
    assert CliRunner().invoke(cli, ["nosuch"]).exit_code == 2


_ENGINE = ("aiohttp", "av", "cv2", "mediapipe", "numpy", "onnxruntime", "scipy")


def _imported(arguments: list[str]) -> set[str]:
    """Run the command in a process of its own and return what it had imported when it was done."""
    program = (
        "import sys; from click.testing import CliRunner; from recorder.cli import cli; "
        f"CliRunner().invoke(cli, {arguments!r}); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_help_loads_no_engine() -> None:
    """`offrecord --help` imports no model runtime, no video library, and few modules: it answers at once."""
    imported = _imported(["--help"])
    assert imported & {*_ENGINE, "pydantic", "rich", "structlog"} == set()
    assert len(imported) < 200


@pytest.mark.parametrize("arguments", [["show", "."], ["show", "--help"]])
def test_what_only_reads_loads_no_engine(arguments: list[str]) -> None:
    """Showing a bundle needs neither pictures nor arrays."""
    assert _imported(arguments) & {*_ENGINE} == set()


def test_a_recording_loads_nothing_that_only_some_need() -> None:
    """`offrecord redact` imports neither what clusters speakers nor what searches a second time before it has to."""
    program = "import sys, recorder.commands.redact, recorder.offline.session; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert imported & {"scipy", "mediapipe", "hibari", "faster_whisper", "aiohttp", "ray"} == set()


@pytest.mark.parametrize("verb", ["serve", "join", "batch"])
def test_long_running_verbs_take_the_options_of_the_log(verb: str) -> None:
    """Format and level are the same everywhere, and a wrong one is wrong use."""
    shown = CliRunner().invoke(cli, [verb, "--help"])
    assert "--log-format [json|console]" in shown.output
    assert "--log-level [debug|info|warning|error]" in shown.output
    assert CliRunner().invoke(cli, [verb, "--log-format", "xml", "a", "b"]).exit_code == 2
