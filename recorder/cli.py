"""The command `offrecord`: results on stdout, progress and logs on stderr, a documented exit status."""

from __future__ import annotations

from recorder.runtime.hardening import harden_process, place_of, silence_libraries

harden_process()  # before anything heavy is imported

import logging  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

import click  # noqa: E402
import structlog  # noqa: E402

from recorder import __version__  # noqa: E402
from recorder.commands.batch import batch, expire  # noqa: E402
from recorder.commands.demo import demo  # noqa: E402
from recorder.commands.doctor import doctor  # noqa: E402
from recorder.commands.erase import erase  # noqa: E402
from recorder.commands.join import join  # noqa: E402
from recorder.commands.models import models_group  # noqa: E402
from recorder.commands.recover import recover  # noqa: E402
from recorder.commands.redact import redact  # noqa: E402
from recorder.commands.serve import serve  # noqa: E402
from recorder.commands.show import show, verify  # noqa: E402
from redaction.errors import ExitCode, OffrecordError  # noqa: E402

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


for command in (join, serve, recover, erase, redact, batch, expire, show, verify, doctor, demo, models_group):
    cli.add_command(command)


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
        error.show(sys.stderr)
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
    click.echo(f"offrecord: {sentence}", err=True)


if __name__ == "__main__":
    main()
