"""`offrecord batch` and `offrecord expire`: many recordings in, a bundle or a reason for each out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from recorder.batch.job import Finished, Options, run_job
from recorder.batch.job import expire_bundles as expire_bundles
from recorder.batch.ledger.ledger import BatchLedger, Counts, Record, RecordState
from recorder.batch.report import REPORT
from recorder.batch.stores.open import open_destination
from recorder.commands.display.batch import watched_batch
from recorder.commands.display.progress import ProgressMode
from recorder.commands.options import load_policy, log_options
from recorder.operations.batch import LoggedBatch, logged_batch
from recorder.operations.log import OperationalLog
from recorder.runtime.context import Cancellation
from recorder.runtime.signals import stopping
from recorder.runtime.terminal import echo, echo_json
from redaction.errors import ExitCode

__all__ = ["batch", "expire"]

_MOST_SHOWN: Final = 50
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


class _OneOrVerb(click.Group):
    """`batch SOURCE DEST` is the verb `run` unsaid; a source that is named like a verb is given as ./status."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return "run", self.commands["run"], args

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = ["run", *(args or ["--help"])]
        return super().parse_args(ctx, args)


class _Unsaid(click.Command):
    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        formatter.write_usage("offrecord batch", "[OPTIONS] SOURCE DEST")


@click.group("batch", cls=_OneOrVerb, add_help_option=False)
def batch() -> None:
    """Redact a folder, list or store of recordings, stop and go on at will; `batch status DEST` tells how it stands."""


@batch.command("run", cls=_Unsaid, hidden=True)
@click.argument("source")
@click.argument("destination", metavar="DEST")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where workers run.",
)
@click.option(
    "--address",
    default="local",
    show_default=True,
    help="Ray cluster: ray://HOST:10001, HOST:6379, auto or local.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 10_000),
    help="Number of workers.  [default: what cores and memory carry]",
)
@click.option("--threads", type=click.IntRange(1, 64), help="Cores of each worker.  [default: an even share]")
@click.option(
    "--memory",
    "memory_gib",
    type=click.FloatRange(0.5),
    metavar="GIB",
    help="Memory that one worker may take.  [default: an even share; 2 with ray]",
)
@click.option(
    "--patience",
    "patience_s",
    type=click.FloatRange(5),
    metavar="SECONDS",
    help="Give a recording up when nothing moves for so long.  [default: 600]",
)
@click.option(
    "--policy", "policy_file", type=click.Path(path_type=Path), help="Policy file (TOML); see docs/policy.md."
)
@click.option(
    "--roster", multiple=True, help="A name that must be masked wherever it is said; may be repeated."
)
@click.option("--limit", type=click.IntRange(1), help="Do at most so many recordings.")
@click.option("--sample", type=click.IntRange(1), help="Do so many, drawn at random, and open the report.")
@click.option(
    "--dry-run", is_flag=True, help="Say what would be done and how long it may take; publish nothing."
)
@click.option("--retry", is_flag=True, help="Try again what was refused before.")
@click.option(
    "--delete-source", is_flag=True, help="Delete each source once its bundle is published and verified."
)
@click.option(
    "--scratch",
    type=click.Path(path_type=Path),
    help="UNSAFE: folder for unredacted copies of what cannot be streamed.",
)
@_AS_JSON
@click.option("--quiet", is_flag=True, help="Show no progress.")
@log_options
def run(
    dry_run: bool,
    policy_file: Path | None,
    roster: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **chosen: Any,
) -> int:
    """Redact the recordings of SOURCE into bundles in DEST.

    SOURCE is a recording, a folder, a quoted pattern, a list file (.txt) or the URL of a store such as s3://bucket/calls;
    DEST is a folder or such a URL. It may be stopped or killed and started again at any time: what is published is
    skipped, what changed is redone. Every recording ends published and verified, or refused with its reason; exit
    status 3 if any was refused. `offrecord batch status DEST` tells how it stands, with --names which source is which.

    Example: offrecord batch recordings/ redacted/ --policy policy.toml
    """
    options = Options(policy=load_policy(policy_file, roster), **chosen)
    if dry_run:
        return _dry_run(options, as_json=as_json)
    cancellation = Cancellation()
    log = OperationalLog()
    with (
        stopping(cancellation),
        watched_batch(ProgressMode.choose(as_json=as_json, quiet=quiet)) as watcher,
        logged_batch(log) as told,
    ):
        finished = run_job(options, watcher=LoggedBatch(log, watcher), cancellation=cancellation)
        told(finished.counts)
    _tell(finished, options, as_json=as_json)
    if options.sample and sys.stdout.isatty() and os.environ.get("DISPLAY"):
        click.launch(str(finished.report))
    if cancellation.cancelled:
        return int(ExitCode.INTERRUPTED)
    return int(_status(finished.counts))


@batch.command("status")
@click.argument("destination", metavar="DEST")
@click.option("--names", is_flag=True, help="Say which source each id stands for. Names may be personal.")
@click.option(
    "--all", "every", is_flag=True, help="List every recording, not only those refused or still to do."
)
@_AS_JSON
def status(destination: str, names: bool, every: bool, as_json: bool) -> int:
    """Tell how the batch of DEST stands; exit status 0 when all is published, 3 when not.

    Example: offrecord batch status redacted/ --names
    """
    place = open_destination(destination)
    with BatchLedger(place.state, create=False) as store:
        counts = store.counts()
        shown = () if every else (RecordState.REFUSED, RecordState.PENDING, RecordState.RUNNING)
        if as_json:
            rows = [_row(record, names=names) for record in store.records(*shown)]
            document = {**_sums(counts), "report": str(place.state / REPORT), "recordings": rows}
            echo_json(document)
        else:
            for record in store.records(*shown):
                echo(_line(record, names=names))
            echo(_sentence(counts))
    return int(_status(counts))


@click.command("expire")
@click.argument("destination", metavar="DEST")
@click.option("--dry-run", is_flag=True, help="Only say which bundles would go.")
@_AS_JSON
def expire(destination: str, dry_run: bool, as_json: bool) -> int:
    """Delete the bundles of DEST whose retention is over, and log it.

    Each bundle's manifest says until when it may be kept. Exit status 3 when a manifest cannot be read.

    Example: offrecord expire redacted/
    """
    over, unread = expire_bundles(destination, dry_run=dry_run)
    if as_json:
        echo_json({"deleted": [] if dry_run else over, "over": over, "unreadable": unread})
    else:
        for name in over:
            echo(f"{'would be deleted' if dry_run else 'deleted'}: {name}")
        for name in unread:
            echo(f"offrecord: {name} has no manifest that can be read; it is kept.", err=True)
        echo(f"{len(over):,} bundle(s) past their time.")
    return int(ExitCode.INCOMPLETE if unread else ExitCode.OK)


def _dry_run(options: Options, *, as_json: bool) -> int:
    from recorder.batch.estimate import estimate

    found = estimate(options)
    if as_json:
        echo_json(found.row())
    else:
        for line in found.lines():
            echo(line)
    return int(ExitCode.OK)


def _tell(finished: Finished, options: Options, *, as_json: bool) -> None:
    place = open_destination(options.destination)
    with BatchLedger(place.state, create=False) as store:
        refused = [_row(record, names=False) for record in store.records(RecordState.REFUSED)]
    if as_json:
        document = {
            **_sums(finished.counts),
            "adopted": finished.adopted,
            "sources_kept": finished.sources_kept,
            "report": str(finished.report),
            "refused_recordings": refused,
        }
        echo_json(document)
        return
    for line in _refusals(refused):
        echo(line)
    if finished.sources_kept:
        echo(f"offrecord: {finished.sources_kept} source(s) could not be deleted and are kept.", err=True)
    echo(_sentence(finished.counts))
    echo(f"report: {finished.report}")


def _refusals(rows: list[dict[str, object]]) -> Iterator[str]:
    for row in rows[:_MOST_SHOWN]:
        yield f"refused  {row['id']}  status {row['status']}  {row['reason']}"
    if len(rows) > _MOST_SHOWN:
        yield f"... and {len(rows) - _MOST_SHOWN:,} more; the table beside the report has all."


def _row(record: Record, *, names: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "id": record.id,
        "state": str(record.state),
        "status": record.status,
        "reason": record.reason,
        "bundle": record.bundle or None,
        "media_seconds": record.media_seconds,
    }
    return {**row, "source": record.source} if names else row


def _line(record: Record, *, names: bool) -> str:
    parts = [f"{record.state:<10}{record.id}"]
    parts += [f"status {record.status}", record.reason] if record.state is RecordState.REFUSED else []
    parts += [record.source] if names else []
    return "  ".join(parts)


def _sums(counts: Counts) -> dict[str, object]:
    return {
        "published": counts.of(RecordState.PUBLISHED),
        "refused": counts.of(RecordState.REFUSED),
        "left": counts.left,
        "expired": counts.of(RecordState.EXPIRED),
        "media_hours": round(counts.media_seconds / 3600, 4),
        "worker_hours": round(counts.seconds / 3600, 4),
    }


def _sentence(counts: Counts) -> str:
    parts = [f"{counts.of(RecordState.PUBLISHED):,} published", f"{counts.of(RecordState.REFUSED):,} refused"]
    parts += [f"{counts.left:,} to do"] if counts.left else []
    parts += [f"{gone:,} expired"] if (gone := counts.of(RecordState.EXPIRED)) else []
    return f"{', '.join(parts)}; {counts.media_seconds / 3600:.2f} media hours."


def _status(counts: Counts) -> ExitCode:
    return ExitCode.INCOMPLETE if counts.of(RecordState.REFUSED) or counts.left else ExitCode.OK
