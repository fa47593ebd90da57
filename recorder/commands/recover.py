"""`offrecord recover`: a call whose recording process died becomes a verified bundle."""

from __future__ import annotations

from pathlib import Path

import click

from recorder.commands.display.progress import ProgressMode, watched
from recorder.commands.options import load_policy
from recorder.runtime.context import Cancellation, Run
from recorder.runtime.signals import stopping
from recorder.runtime.terminal import echo, echo_json

__all__ = ["recover"]


@click.command("recover")
@click.argument("partial", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path),
    help="The policy that the call was recorded under, for its lists of words; without it they are not used.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def recover(partial: Path, policy_file: Path | None, as_json: bool, quiet: bool) -> None:
    """Finish a call whose recording process died.

    PARTIAL is the folder NAME.offrecord.partial that it left. Only redacted media is in it; what nothing proves is
    left out of the bundle, and the report says so. Running it again after it was killed is safe.

    \b
    Exit status: 0 published; 2 a bundle of that name exists, or the policy is another; 3 something personal would be
    left, or the log was altered, nothing published; 4 nobody had agreed, the folder is removed; 5 there is no
    unfinished call, or its folder cannot be understood; 7 the recording process is still alive, or the disk refused.

    Example: offrecord recover calls/call-20260102-3f9a07c1.offrecord.partial
    """
    from recorder.live.finish import (
        recover as recovering,  # takes seconds to import; a mistyped option is told at once
    )

    policy = load_policy(policy_file) if policy_file is not None else None
    cancellation = Cancellation()
    mode = ProgressMode.choose(as_json=as_json, quiet=quiet)
    with stopping(cancellation), watched(mode, number=1, of=1) as progress:
        published = recovering.recover_call(partial, policy=policy, run=Run(progress, cancellation))
    if as_json:
        echo_json({"bundle": str(published.path), "attention": list(published.attention)})
        return
    echo(f"finished and verified: {published.path}")
    echo(f"  report: {published.path / 'report.html'}")
