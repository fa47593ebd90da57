"""`offrecord show` and `offrecord verify`: what is in a bundle, and is it whole."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recorder.bundle.manifest import Manifest
from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.runtime.terminal import echo, echo_json, printable

__all__ = ["show", "verify"]

_BUNDLE = click.argument("bundle", type=click.Path(path_type=Path))
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


@click.command("show")
@_BUNDLE
@_AS_JSON
@click.option(
    "--rebuild-report",
    is_flag=True,
    help="Make report.html again from the bundle's other files, which stay as they are.",
)
def show(bundle: Path, as_json: bool, rebuild_report: bool) -> None:
    """Show what is in BUNDLE: purpose, retention, coverage, what was removed, checks.

    Example: offrecord show redacted/recording-3f9a1c20d4e5.offrecord
    """
    if rebuild_report:
        from recorder.bundle.report import build  # takes seconds to import

        build.rebuild_report(bundle)
    manifest = read_manifest(bundle)
    if as_json:
        echo_json(manifest.model_dump(mode="json"))
        return
    console = Console(highlight=False)
    table = Table(show_header=False, box=None, pad_edge=False)
    for key, value in _facts(manifest):
        table.add_row(key, Text(printable(value)))
    console.print(table)


@click.command("verify")
@_BUNDLE
@_AS_JSON
def verify(bundle: Path, as_json: bool) -> None:
    """Check that BUNDLE's files are whole and its log unbroken; exit status 3 when they are not.

    Example: offrecord verify redacted/recording-3f9a1c20d4e5.offrecord
    """
    steps = verify_bundle(bundle)
    if as_json:
        echo_json({"verified": True, "steps": steps})
        return
    for number, step in enumerate(steps, start=1):
        echo(f"{number}. {step}")
    echo("The bundle is whole.")


def _facts(manifest: Manifest) -> list[tuple[str, str]]:
    video, audio = manifest.coverage.video, manifest.coverage.audio
    facts = [
        ("state", str(manifest.state)),
        ("purpose", f"{manifest.purpose}, until {manifest.expires.date()}"),
        ("length", f"{manifest.duration:.1f} s"),
        ("tracks", ", ".join(track.id for track in manifest.tracks)),
        (
            "removed",
            ", ".join(f"{count} {kind.lower()}" for kind, count in manifest.redacted.items())
            or "nothing found",
        ),
    ]
    if manifest.participants is not None:
        people = manifest.participants
        others = "" if people.not_recorded is None else f", {people.not_recorded} not recorded"
        facts.append(
            ("call", f"{people.recorded} recorded{others}: {', '.join(entry.id for entry in people.people)}")
        )
    if video.frames:
        facts.append(
            (
                "picture",
                f"{video.frames} frames: {video.detected} looked at, {video.bridged} bridged, "
                f"{video.covered_whole} covered whole",
            )
        )
    if audio.seconds:
        facts.append(
            ("sound", f"{audio.words} words of {audio.speakers} speakers; voices: {manifest.voice.method}")
        )
    facts += [("gaps", f"{len(manifest.gaps)}")]
    facts += [
        ("checks", ", ".join(f"{c.name} {'passed' if c.passed else 'NOT passed'}" for c in manifest.checks))
    ]
    facts += [("notes", ", ".join(manifest.notes))] if manifest.notes else []
    facts += [("files", ", ".join(sorted(manifest.files)))]
    return facts
