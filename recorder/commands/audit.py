"""`offrecord audit`: attack what was published, with models that do not redact."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from recorder.audit.limits import LIMITS, limits_with
from recorder.commands.display.progress import ProgressMode, watched
from recorder.commands.options import require_local
from recorder.runtime.context import Cancellation, Run
from recorder.runtime.signals import stopping
from recorder.runtime.terminal import echo, echo_json
from redaction.errors import ExitCode, UsageError

__all__ = ["audit_command"]

_ATTACKS = ("faces", "words", "people", "voices", "emotion", "membership")
_LIMITS = "; ".join(f"{name} {limit.value:g}" for name, limit in LIMITS.items())


@click.command("audit")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--originals", type=click.Path(path_type=Path), help="Folder of what the recordings were made of."
)
@click.option(
    "--gallery",
    type=click.Path(path_type=Path),
    help="Photographs that an attacker would have: a folder for each person, named like their folder of originals.",
)
@click.option(
    "--attack",
    "attacks",
    multiple=True,
    type=click.Choice(_ATTACKS),
    help="Only this attack; may be repeated.",
)
@click.option(
    "--sample", default="", help="Attack so many recordings of a folder, drawn at random: 20, or 5%."
)
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0, 60),
    default=0.0,
    show_default=True,
    help="Seconds between two pictures that are searched; 0 searches all.",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=VALUE",
    help=f"Another limit; may be repeated. Defaults: {_LIMITS}.",
)
@click.option(
    "--html", "page", type=click.Path(path_type=Path), help="Write the audit as a page to this file."
)
@click.option(
    "--strict", is_flag=True, help="Count an attack whose control failed like one that broke its limit."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def audit_command(
    target: Path,
    originals: Path | None,
    gallery: Path | None,
    attacks: tuple[str, ...],
    sample: str,
    every_s: float,
    limits: tuple[str, ...],
    page: Path | None,
    strict: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Attack TARGET with models that take no part in redaction, and say what an attacker learns.

    TARGET is a bundle, a folder of bundles, or any recording or folder of recordings. Raw media, crops and vectors stay
    in memory; only figures come out. docs/audit.md explains each of them.

    \b
    Exit status: 0 no limit was broken; 3 one was, or a bundle is not whole; 5 nothing to attack is there;
    6 the models were not fetched (`offrecord models fetch audit speakers multilingual`).

    Example: offrecord audit redacted --originals recordings --html audit.html
    """
    wanted = limits_with(limits)
    require_local(target, "An audit")
    if gallery is not None and originals is None:
        raise UsageError("A gallery is compared beside the originals; give --originals too.")
    if page is not None and not page.parent.is_dir():
        raise UsageError("The folder for the page is not there; check the path given to --html.")
    from recorder.audit import attack  # takes seconds to import; a mistyped option is told at once
    from recorder.audit import page as pages
    from recorder.audit.outcome import AuditVerdict

    cancellation = Cancellation()
    with (
        stopping(cancellation),
        watched(ProgressMode.choose(as_json=as_json, quiet=quiet), number=1, of=1) as progress,
    ):
        found = attack.audit(
            target,
            originals=originals,
            gallery=gallery,
            attacks=attacks or _ATTACKS,
            sample=sample,
            limits=wanted,
            every_s=every_s,
            run=Run(progress, cancellation),
        )
    if page is not None:
        pages.write_audit_page(found, page)
    if as_json:
        echo_json(pages.audit_document(found))
    else:
        _print(pages.table_rows(found))
        for one in found.outcomes:
            echo(f"{one.attack}: {one.meaning}")
        echo(pages.headline(found))
    bad = found.count(AuditVerdict.FAILED) + (found.count(AuditVerdict.INVALID) if strict else 0)
    return int(ExitCode.INCOMPLETE if bad else ExitCode.OK)


def _print(rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("attack", "figure (95 %)", "chance", "control", "limit", "verdict"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)
