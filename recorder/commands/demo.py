"""`offrecord demo`: redact a sample call made on this machine and show where the result is."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from recorder.commands.redact import overall, redact_all
from recorder.commands.watch import ProgressMode
from redaction.errors import ExitCode, ModelMissing
from redaction.policy import Policy

__all__ = ["demo"]

_SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@click.command("demo")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("demo-output"),
    show_default=True,
    help="Folder for the result.",
)
@click.option("--force", is_flag=True, help="Replace the result of an earlier demo.")
def demo(folder: Path, force: bool) -> int:
    """Redact a sample recording with a real face and intelligible speech, and say where the report is.

    Example: offrecord demo -o demo-output
    """
    if not (_SAMPLES / "make.py").is_file():
        raise ModelMissing(
            "The samples folder is not beside the program; run this from a checkout of offrecord."
        )
    sys.path.insert(0, str(_SAMPLES.parent))
    from samples.make import make_call

    sample = make_call()
    outcomes = redact_all(
        [sample.path],
        folder,
        policy=Policy(),
        force=force,
        delete_source=False,
        mode=ProgressMode.BAR,
        name="demo",
    )
    for item in outcomes:
        if item.bundle is None:
            click.echo(f"offrecord: {item.sentence}", err=True)
            continue
        click.echo(
            f"The sample call: {sample.path} (the only unredacted file; it is made, no one is in it by accident)"
        )
        click.echo(f"The bundle:      {item.bundle}")
        click.echo(f"The report:      {(item.bundle / 'report.html').resolve()}")
        click.echo("Look at recording.mp4 and report.html; what was said stands in transcript.vtt.")
    return int(overall(outcomes) if outcomes else ExitCode.INTERNAL)
