"""The command `offrecord`: results on stdout, progress and logs on stderr, a documented exit status."""

from __future__ import annotations

from recorder.runtime.hardening import harden_process, place_of, silence_libraries
from recorder.runtime.terminal import echo

harden_process()  # before anything heavy is imported

import io  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from collections.abc import Mapping  # noqa: E402
from importlib import import_module  # noqa: E402
from typing import Final  # noqa: E402

import click  # noqa: E402

from recorder import __version__  # noqa: E402
from redaction.errors import ExitCode, InternalError, OffrecordError  # noqa: E402

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "audit": (
        "audit",
        "audit_command",
        "Attack TARGET with models that take no part in redaction, and say what an attacker learns.",
    ),
    "batch": (
        "batch",
        "batch",
        "Redact a folder, list or store of recordings, stop and go on at will; "
        "`batch status DEST` tells how it stands.",
    ),
    "demo": (
        "demo",
        "demo",
        "Stage a call with two sample participants, join it, and say where the report is.",
    ),
    "doctor": (
        "doctor",
        "doctor",
        "Check models, libraries, memory, disk and settings; exit status 6 or 1 when a promise would fail here.",
    ),
    "erase": ("erase", "erase", "Erase one participant from a published BUNDLE of a call."),
    "expire": ("batch", "expire", "Delete the bundles of DEST whose retention is over, and log it."),
    "join": ("join", "join", "Join a call as a visible participant and record those who agree."),
    "models": ("models", "models_group", "List, fetch and verify the model files."),
    "recover": ("recover", "recover", "Finish a call whose recording process died."),
    "redact": ("redact", "redact", "Redact recorded calls into bundles."),
    "review": (
        "review",
        "review",
        "Look through a published BUNDLE, or those of a folder DEST, mend what was missed, and sign.",
    ),
    "serve": (
        "serve",
        "serve",
        "Take participants who are pushed here by WHIP (RFC 9725), one session each, and record one call.",
    ),
    "show": (
        "show",
        "show",
        "Show what is in BUNDLE: purpose, retention, coverage, what was removed, checks.",
    ),
    "verify": (
        "show",
        "verify",
        "Check that BUNDLE's files are whole and its log unbroken; exit status 3 when they are not.",
    ),
}
"""Each verb: its module in `recorder.commands`, its name there, and what `--help` says of it.

A verb is imported when it is called, so that `offrecord --help` loads no engine.
"""


class _Verbs(click.Group):
    """Imports a verb when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the contract
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the contract
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        found = getattr(import_module(f"recorder.commands.{module}"), name)
        if not isinstance(found, click.Command):
            raise InternalError("A verb's module has no such command.")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            limit = formatter.width - 6 - max(map(len, COMMANDS))
            formatter.write_dl(
                [
                    (name, click.Command(name, help=said).get_short_help_str(limit))
                    for name, (_, _, said) in sorted(COMMANDS.items())
                ]
            )


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="offrecord")
def cli() -> None:
    """Record calls without recording people.

    Faces, names, voices and numbers are gone before anything is stored, minors are removed altogether, and every
    recording carries the proof. Nothing leaves this machine.

    \b
    Exit status: 0 done and verified; 1 internal error; 2 usage; 3 redaction incomplete, nothing published;
    4 consent refused; 5 input cannot be read; 6 model missing or altered; 7 storage failed; 130 interrupted.

    Example: offrecord redact call.mp4 -o redacted
    """
    from recorder.operations.log import configure_log  # `--help` needs no log

    configure_log()


def main() -> None:
    """Run the command and leave with its documented exit status; no traceback ever shows content."""
    silence_libraries()
    try:
        status = cli.main(standalone_mode=False)
        code = int(status) if isinstance(status, int) else int(ExitCode.OK)
    except OffrecordError as error:
        _say(error.sentence)
        code = int(error.exit_code)
    except click.exceptions.Abort:
        _say("Stopped. Nothing was published.")
        code = int(ExitCode.INTERRUPTED)
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)  # it may repeat arguments, which a shell may have made of file names
        for line in told.getvalue().splitlines():
            echo(line, err=True)
        code = int(ExitCode.USAGE)
    except KeyboardInterrupt:
        _say("Stopped. Nothing was published.")
        code = int(ExitCode.INTERRUPTED)
    except MemoryError:
        _say("The machine ran out of memory. Nothing was published.")
        code = int(ExitCode.INTERNAL)
    except Exception as error:  # noqa: BLE001 - the last resort: the status must be documented, the text harmless
        _say(f"Internal error ({place_of(error)}). Nothing was published; please report this.")
        code = int(ExitCode.INTERNAL)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # native libraries may still hold threads; everything that must be kept is on the disk


def _say(sentence: str) -> None:
    echo(f"offrecord: {sentence}", err=True)


if __name__ == "__main__":
    main()
