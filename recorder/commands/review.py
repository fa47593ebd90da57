"""`offrecord review`: a person looks through what came out, mends it, and signs it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from recorder.commands.options import load_policy, log_options, require_local
from recorder.runtime.context import Cancellation
from recorder.runtime.signals import stopping
from recorder.runtime.terminal import echo
from redaction.errors import UsageError

__all__ = ["review"]


@click.command("review")
@click.argument("place", metavar="BUNDLE|DEST", type=click.Path(path_type=Path))
@click.option(
    "--sample",
    default="",
    metavar="SHARE",
    help="Of a folder, look at this share of the bundles only, worst first, such as 5%.",
)
@click.option("--keep-old", is_flag=True, help="Keep the version before beside the one that was reviewed.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path),
    help="Policy file that the bundles were made under; needed where it had lists of words.",
)
@click.option(
    "--source",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The recording that BUNDLE was made of, to be seen beside it; read in memory, written nowhere.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port on this machine; 0 takes a free one.",
)
@log_options
def review(
    place: Path, sample: str, keep_old: bool, policy_file: Path | None, source: Path | None, port: int
) -> None:
    """Look through a published BUNDLE, or those of a folder DEST, mend what was missed, and sign.

    Prints the address of a page on this machine. It plays the redacted recording, names the places most worth a look,
    and takes covers, mutes and masked words. Signing makes the next version of the bundle, verified again; its
    manifest says who looked at how much and what they changed. Ctrl-C ends it; what was not signed is gone.

    \b
    Exit status: 0 ended; 2 usage; 3 BUNDLE is not whole; 5 there is no bundle, or the port is taken;
    7 the disk refused, or somebody else has BUNDLE open.

    Example: offrecord review redacted/recording-3f9a1c20d4e5.offrecord
    """
    from recorder.call.http.http_server import Address  # takes seconds to import
    from recorder.review.desk import Desk, bundles_in
    from recorder.review.server import ReviewServer, new_secret
    from recorder.review.session import Choices
    from recorder.review.source_view import SourceView

    share = _share(sample)
    require_local(place, "A review")
    bundles = bundles_in(place.absolute())
    if source is not None and len(bundles) != 1:
        raise UsageError("A source can be shown beside one bundle only.")
    policy = load_policy(policy_file) if policy_file is not None else None
    view = SourceView(source) if source is not None else None
    desk = Desk(bundles, Choices(policy=policy, keep_old=keep_old), sample=share)
    cancellation = Cancellation()
    try:
        if desk.single:
            desk.session(0)  # what is wrong with it is said here, rather than on a page
        with stopping(cancellation):
            server = ReviewServer(desk, secret=new_secret(), source=view)
            asyncio.run(
                server.serve(
                    Address(port=port),
                    told=lambda url: echo(f"Open in a browser on this machine: {url}"),
                    over=lambda: cancellation.cancelled,
                )
            )
    finally:
        desk.close()


def _share(text: str) -> float | None:
    """Return a share that was given as `5%` or `0.05`; None for all.

    Raises:
        UsageError: it is none.
    """
    if not text:
        return None
    try:
        number = float(text.removesuffix("%").strip()) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = -1.0
    if not 0 < number <= 1:
        raise UsageError("The sample is a share of the bundles, such as 5% or 0.05.")
    return number
