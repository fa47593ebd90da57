"""`offrecord redact`: recorded files in, bundles out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recorder.bundle.writer import BundleWriter
from recorder.commands.display.progress import ProgressMode, watched
from recorder.commands.options import load_policy, output_option
from recorder.runtime.context import Cancellation, Run
from recorder.runtime.signals import Stop, stopping
from recorder.runtime.terminal import echo, echo_json
from recorder.runtime.trace import traced
from recorder.sources.discover import recording_at, recordings_in
from recorder.sources.recording import Recording, bundle_name, refuse_unknown
from redaction.errors import ExitCode, OffrecordError, StorageFailed, UnreadableInput, UsageError
from redaction.policy import Policy

if TYPE_CHECKING:
    from recorder.offline.hints import ReviewHints
    from redaction.stages import Stages

__all__ = ["redact", "redact_all"]


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one input; `number` is its place among the inputs, since its name stays with the user."""

    number: int
    code: ExitCode
    bundle: Path | None
    sentence: str


def _paths(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[Path, ...]:
    """Refuse an empty argument: from an unset shell variable it would mean the current folder."""
    if not all(value.strip() for value in values):
        raise UsageError("An input is empty; name a recording or a folder of recordings.")
    return tuple(Path(value) for value in values)


@click.command("redact")
@click.argument("inputs", nargs=-1, required=True, callback=_paths)
@output_option
@click.option(
    "--policy", "policy_file", type=click.Path(path_type=Path), help="Policy file (TOML); see docs/policy.md."
)
@click.option(
    "--roster", multiple=True, help="A name that must be masked wherever it is said; may be repeated."
)
@click.option(
    "--hints",
    "hints_file",
    type=click.Path(path_type=Path),
    help="What a reviewer gave back of the one INPUT: the hints.toml that `offrecord review` writes.",
)
@click.option("--force", is_flag=True, help="Replace a bundle that exists already.")
@click.option(
    "--delete-source", is_flag=True, help="Delete each input once its bundle is verified and published."
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON document on stdout; progress as JSON lines on stderr.",
)
@click.option("--quiet", is_flag=True, help="Show no progress.")
def redact(
    inputs: tuple[Path, ...],
    folder: Path,
    policy_file: Path | None,
    roster: tuple[str, ...],
    hints_file: Path | None,
    force: bool,
    delete_source: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Redact recorded calls into bundles.

    INPUTS are recordings, or folders of recordings. A folder that Zoom, Jitsi or BigBlueButton left is one recording
    with its views, participants' sound, chat and captions. Each recording becomes one folder NAME.offrecord in the
    output folder, whose name is derived from the recording's content, never from its file name.

    Example: offrecord redact call.mp4 -o redacted --policy policy.toml
    """
    policy = load_policy(policy_file, roster)
    outcomes = redact_all(
        inputs,
        folder,
        policy=policy,
        hints=None if hints_file is None else _hints(hints_file),
        force=force,
        delete_source=delete_source,
        mode=ProgressMode.choose(as_json=as_json, quiet=quiet),
    )
    if as_json:
        echo_json([_row(item) for item in outcomes])
    else:
        for item in outcomes:
            _print(item, many=len(outcomes) > 1)
    return int(overall(outcomes))


def _hints(path: Path) -> ReviewHints:
    from recorder.offline.hints import read_hints  # brings the engine with it

    return read_hints(path)


def redact_all(
    inputs: Sequence[Path],
    folder: Path,
    *,
    policy: Policy,
    force: bool,
    delete_source: bool,
    mode: ProgressMode,
    name: str | None = None,
    hints: ReviewHints | None = None,
) -> list[FileOutcome]:
    """Redact every input; one that fails does not stop the others, an interruption does.

    Raises:
        UnreadableInput: a folder holds no recording.
        UsageError: there are hints, which are for one recording, and several recordings.
        ModelUnavailable: a model file is missing or altered.
    """
    recordings = _expanded(inputs)
    if hints is not None:
        if len(recordings) != 1:
            raise UsageError("Hints are for one recording; name it alone.")
        policy = hints.allowing(policy)
    from redaction.stages import Stages  # takes seconds to import; a mistyped path is told at once

    last = {path: number for number, recording in enumerate(recordings, start=1) for path in recording.files}
    cancellation = Cancellation()
    outcomes: list[FileOutcome] = []
    with stopping(cancellation) as stop:
        stages = Stages(policy)
        try:
            for number, recording in enumerate(recordings, start=1):
                cancellation.renew()
                outcomes.append(
                    _one(
                        recording,
                        folder,
                        stages,
                        stop,
                        cancellation,
                        number=number,
                        of=len(recordings),
                        force=force,
                        deleted=[path for path in recording.files if last[path] == number]
                        if delete_source
                        else None,
                        mode=mode,
                        name=name,
                        hints=hints,
                    )
                )
                if outcomes[-1].code is ExitCode.INTERRUPTED:
                    break
        finally:
            stages.close()
    return outcomes


def _one(
    recording: Recording,
    folder: Path,
    stages: Stages,
    stop: Stop,
    cancellation: Cancellation,
    *,
    number: int,
    of: int,
    force: bool,
    deleted: Sequence[Path] | None,
    mode: ProgressMode,
    name: str | None,
    hints: ReviewHints | None,
) -> FileOutcome:
    from recorder.commands.bounds import BoundedProgress, within_bounds
    from recorder.offline.recording import refuse_other
    from recorder.offline.session import redact_file

    watch: BoundedProgress | None = None
    try:
        cancellation.check()
        if deleted is not None:
            _refuse_half_deleting(recording)
        opened = recording.open()
        refuse_unknown(opened.source)
        named = name or bundle_name(*recording.read)
        if hints is not None:
            hints.require_recording(named)
        if force:
            refuse_other(folder / f"{named}.offrecord")
        writer = BundleWriter(folder, named, replace=force)
        stop.before_exit(writer.discard)
        with (
            watched(mode, number=number, of=of) as watching,
            traced(watching) as shown,
            within_bounds(
                shown, cancellation, seconds=opened.source.info().duration, clean=writer.discard
            ) as progress,
        ):
            watch = progress
            published = redact_file(
                opened.source,
                writer,
                stages=stages,
                run=Run(progress, cancellation),
                beside=opened.beside,
                hints=hints,
            )
        _delete(deleted or ())
    except OffrecordError as error:
        if watch is not None and watch.reason and not cancellation.cancelled:
            sentence = f"{watch.reason} Nothing was published."
            return FileOutcome(number, ExitCode.INTERNAL, None, sentence)
        if cancellation.cancelled:
            return FileOutcome(
                number, ExitCode.INTERRUPTED, None, "The run was stopped. Nothing was published."
            )
        return FileOutcome(number, error.exit_code, None, error.sentence)
    except MemoryError:
        return FileOutcome(
            number, ExitCode.INTERNAL, None, "The machine ran out of memory. Nothing was published."
        )
    return FileOutcome(number, ExitCode.OK, published.path, "redacted and verified")


def _refuse_half_deleting(recording: Recording) -> None:
    if any(path.is_symlink() for path in recording.files):
        raise UsageError("An input is a link, of which --delete-source would spare the recording; name that.")
    if recording.strangers:
        raise UsageError(
            f"The folder of a recording holds {recording.strangers} file(s) that do not belong to it and that "
            "--delete-source would spare; move them first."
        )


def _delete(paths: Sequence[Path]) -> None:
    try:
        for path in paths:
            path.unlink()
    except OSError:
        raise StorageFailed(
            "The bundle is published, but its source could not be deleted; delete it by hand."
        ) from None


def _expanded(inputs: Sequence[Path]) -> list[Recording]:
    recordings: list[Recording] = []
    for item in inputs:
        if os.path.isdir(item):  # noqa: PTH112 - a path that is too long, or may not be looked at, is none
            found = recordings_in(item)
            if not found:
                raise UnreadableInput(
                    "A folder among the inputs holds no recording; name recordings or their folder."
                )
            recordings += found
        elif os.path.exists(item):  # noqa: PTH110 - the same
            recordings.append(recording_at(item))
        else:
            raise UnreadableInput("An input does not exist; check the paths given.")
    return recordings


def overall(outcomes: Sequence[FileOutcome]) -> ExitCode:
    """Return the status of the whole run: the one failure's own, or 3 when failures differ."""
    codes = {item.code for item in outcomes if item.code is not ExitCode.OK}
    if not codes:
        return ExitCode.OK
    if ExitCode.INTERRUPTED in codes:
        return ExitCode.INTERRUPTED
    return codes.pop() if len(codes) == 1 else ExitCode.INCOMPLETE


def _row(item: FileOutcome) -> dict[str, object]:
    return {
        "input": item.number,
        "status": int(item.code),
        "bundle": str(item.bundle) if item.bundle else None,
        "message": item.sentence,
    }


def _print(item: FileOutcome, *, many: bool) -> None:
    which = f"input {item.number}: " if many else ""
    if item.bundle is None:
        echo(f"offrecord: {which}{item.sentence}", err=True)
        return
    echo(f"{which}{item.sentence}: {item.bundle}")
    echo(f"  report: {item.bundle / 'report.html'}")
