"""Options that several verbs share."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import click

from recorder.operations.log import LogFormat, LogLevel, configure_log
from redaction.errors import UsageError
from redaction.policy import Policy

__all__ = ["load_policy", "log_options", "output_option", "require_local"]

_LARGEST_POLICY: Final = 1 << 20
_STORE: Final = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
_Command = TypeVar("_Command", bound=Callable[..., object])


def _output(_context: click.Context, _parameter: click.Parameter, value: str) -> Path:
    """Refuse an empty output: it would mean the current folder."""
    if not value.strip():
        raise UsageError("The output is empty; name a folder for the bundles.")
    return Path(value)


output_option = click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    metavar="PATH",
    callback=_output,
    help="Folder for the bundles.",
)


def log_options(command: _Command) -> _Command:
    """Give a command --log-format and --log-level; the operational log is set up before the command runs."""
    form = click.option(
        "--log-format",
        type=click.Choice([form.value for form in LogFormat]),
        default=LogFormat.CONSOLE.value,
        show_default=True,
        expose_value=False,
        callback=_remember,
        is_eager=True,
        help="How the operational log is written to stderr.",
    )
    level = click.option(
        "--log-level",
        type=click.Choice([level.value for level in LogLevel]),
        default=LogLevel.WARNING.value,
        show_default=True,
        expose_value=False,
        callback=_set_up,
        help="From which level on; info tells of every participant and recording, by number or id alone.",
    )
    return form(level(command))


def _remember(context: click.Context, _parameter: click.Parameter, value: str) -> None:
    context.meta["recorder.log_format"] = LogFormat(value)


def _set_up(context: click.Context, _parameter: click.Parameter, value: str) -> None:
    context.meta["recorder.log_level"] = LogLevel(value)
    configure_log(context.meta["recorder.log_format"], LogLevel(value))


def require_local(place: Path, what: str) -> None:
    """Refuse the URL of a store, of which a path keeps `s3:/bucket`.

    Args:
        place: as it was given.
        what: begins the sentence, such as `A review`.

    Raises:
        UsageError: it is a URL.
    """
    if not place.exists() and _STORE.match(str(place)):
        raise UsageError(f"{what} works on folders of this machine; copy the bundles out of the store first.")


def load_policy(policy_file: Path | None, roster: Sequence[str] = ()) -> Policy:
    """Read the policy file, or take the defaults, and add names to the roster.

    Raises:
        UsageError: the file cannot be read or a key is not accepted.
    """
    policy = Policy()
    if policy_file is not None:
        try:
            found = policy_file.stat()
            if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
                raise UsageError("The policy file is a pipe, socket or device; name a regular file.")
            if found.st_size > _LARGEST_POLICY:
                raise UsageError("The policy file is far too large to be one; name another.")
            policy = Policy.from_toml(policy_file.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError):
            raise UsageError(
                "The policy file cannot be read as UTF-8 text; check the path given to --policy."
            ) from None
    if roster:
        speech = policy.speech.model_copy(update={"roster": (*policy.speech.roster, *roster)})
        policy = policy.model_copy(update={"speech": speech})
    return policy
