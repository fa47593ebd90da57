"""`offrecord erase`: a participant of a call withdraws after it was published."""

from __future__ import annotations

from pathlib import Path

import click

from recorder.commands.display.progress import ProgressMode, watched
from recorder.commands.options import load_policy
from recorder.runtime.context import Cancellation, Run
from recorder.runtime.signals import stopping
from recorder.runtime.terminal import echo, echo_json
from redaction.errors import ExitCode, OffrecordError

__all__ = ["erase"]


@click.command("erase")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--participant", default="", help="Who is to be erased, such as P02; see `offrecord show`.")
@click.option("--receipt", default="", help="The id on their receipt, instead of --participant.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path),
    help="Policy file whose [output] says how the recording that is composed anew is encoded.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def erase(
    bundle: Path, participant: str, receipt: str, policy_file: Path | None, as_json: bool, quiet: bool
) -> None:
    """Erase one participant from a published BUNDLE of a call.

    Their tracks, words, figures and receipt's times go, the recording is composed anew, and the others are numbered
    anew. The bundle's log then says that somebody was erased, not who. The old bundle stands until the new one is
    verified, and is removed then; copies of it elsewhere are not reached.

    \b
    Exit status: 0 erased; 2 the bundle is a file's, or there is no such participant; 3 the bundle is not whole;
    5 there is no bundle; 7 the disk refused. In every case but 0 the bundle is as it was.

    Example: offrecord erase calls/call-20260102-3f9a07c1.offrecord --participant P02
    """
    from recorder.bundle import erase as erasing  # takes seconds to import; a mistyped option is told at once

    output = load_policy(policy_file).output if policy_file is not None else None
    cancellation = Cancellation()
    mode = ProgressMode.choose(as_json=as_json, quiet=quiet)
    try:
        with stopping(cancellation), watched(mode, number=1, of=1) as progress:
            published = erasing.erase_participant(
                bundle,
                participant=participant,
                receipt=receipt,
                output=output,
                run=Run(progress, cancellation),
            )
    except OffrecordError as error:
        if error.exit_code in (ExitCode.USAGE, ExitCode.UNREADABLE):
            raise
        raise type(error)(f"{error.sentence} Nobody was erased: the bundle is as it was.") from None
    people = published.manifest.participants
    left = people.recorded if people is not None else 0
    if as_json:
        echo_json({"bundle": str(published.path), "participants": left})
        return
    echo(f"erased; {left} participant(s) are left, numbered anew: {published.path}")
