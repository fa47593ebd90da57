"""`offrecord demo`: stage a call on this machine, join it, record, redact, and show where the result is."""

from __future__ import annotations

import asyncio
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from recorder.commands.display.call import call_view
from recorder.commands.display.progress import ProgressMode, watched
from recorder.commands.join import announce_address, print_recorded
from recorder.commands.redact import overall, redact_all
from recorder.runtime.terminal import echo
from redaction.errors import ExitCode, ModelMissing
from redaction.policy import Policy

__all__ = ["demo"]

_SAMPLES = Path(__file__).resolve().parents[2] / "samples"
_ALONE_S: Final = 3.0
_AT_MOST_S: Final = 120.0
_EMPTY_S: Final = 60.0


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
@click.option(
    "--file", "from_file", is_flag=True, help="Redact a recorded sample call instead of a live one."
)
def demo(folder: Path, force: bool, from_file: bool) -> int:
    """Stage a call with two sample participants, join it, and say where the report is.

    One participant agrees to be recorded, the other agrees and withdraws half way: nothing of them is left.

    Example: offrecord demo -o demo-output
    """
    _find_samples()
    return _from_file(folder, force=force) if from_file else _live(folder, force=force)


def _find_samples() -> None:
    """Let the package `samples` that lies beside this program be imported, and no other of that name.

    Raises:
        ModelMissing: it is not there.
    """
    beside = str(_SAMPLES.parent)
    if beside not in sys.path:
        sys.path.insert(0, beside)
    found = find_spec("samples")
    if found is None or found.origin is None or Path(found.origin).resolve().parent != _SAMPLES:
        raise ModelMissing(
            "The package `samples` of offrecord is missing, or another of that name hides it; install offrecord anew."
        )


def _live(folder: Path, *, force: bool) -> int:
    from recorder.call.consent.notice import NoticeTexts
    from recorder.call.http.http_server import Address
    from recorder.call.room.source import RoomSource
    from recorder.live.capture.monitor import CallLimits
    from recorder.live.capture.record import record_call
    from samples.participants import make_participants

    make_participants()  # takes a moment the first time; the call is not to wait for it
    _clear(folder / "call.offrecord", force=force)
    policy = Policy()
    source = RoomSource(NoticeTexts.of(policy), address=Address(), name=policy.call.name)

    async def guests() -> None:
        await announce_address(source)
        url = await source.url()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "samples.guests", url, cwd=_SAMPLES.parent, stdin=asyncio.subprocess.DEVNULL
        )
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()

    echo("Two sample participants join a room on this machine; one of them withdraws half way.")
    with call_view(ProgressMode.BAR) as view:
        recorded = record_call(
            source,
            way="room",
            folder=folder,
            policy=policy,
            view=view,
            watch=lambda: watched(ProgressMode.BAR, number=1, of=1),
            limits=CallLimits(alone_s=_ALONE_S, at_most_s=_AT_MOST_S, empty_s=_EMPTY_S),
            name="call",
            alongside=guests,
        )
    print_recorded(recorded, as_json=False)
    echo("Look at recording.mp4 and report.html; what was said stands in transcript.vtt.")
    return int(ExitCode.OK)


def _clear(bundle: Path, *, force: bool) -> None:
    """Remove the result of an earlier demo, finished or not."""
    partial = bundle.with_name(bundle.name + ".partial")
    if force:
        for old in (bundle, partial):
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)


def _from_file(folder: Path, *, force: bool) -> int:
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
            echo(f"offrecord: {item.sentence}", err=True)
            continue
        echo(
            f"The sample call: {sample.path} (the only unredacted file; it is made, no one is in it by accident)"
        )
        echo(f"The bundle:      {item.bundle}")
        echo(f"The report:      {(item.bundle / 'report.html').resolve()}")
        echo("Look at recording.mp4 and report.html; what was said stands in transcript.vtt.")
    return int(overall(outcomes) if outcomes else ExitCode.INTERNAL)
