"""The one error taxonomy. Messages hold ids, spans and types; never words, names or paths of a person."""

from enum import IntEnum

__all__ = [
    "ConsentRefused",
    "ExitCode",
    "InternalError",
    "Interrupted",
    "ModelAltered",
    "ModelMissing",
    "ModelUnavailable",
    "OffrecordError",
    "RedactionIncomplete",
    "StorageFailed",
    "UnreadableInput",
    "UsageError",
]


class ExitCode(IntEnum):
    """Documented exit statuses of the `offrecord` command."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    INCOMPLETE = 3
    CONSENT = 4
    UNREADABLE = 5
    MODEL = 6
    STORAGE = 7
    INTERRUPTED = 130


class OffrecordError(Exception):
    """Base of every error that ends a run; `sentence` is what a person reads."""

    exit_code: ExitCode = ExitCode.INTERNAL

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class InternalError(OffrecordError):
    """A defect of this program: nothing was published."""

    exit_code = ExitCode.INTERNAL


class UsageError(OffrecordError):
    """A flag, policy key or argument is wrong."""

    exit_code = ExitCode.USAGE


class RedactionIncomplete(OffrecordError):
    """Something could not be redacted or verified: nothing was published."""

    exit_code = ExitCode.INCOMPLETE


class ConsentRefused(OffrecordError):
    """Consent was refused or could not be asked."""

    exit_code = ExitCode.CONSENT


class UnreadableInput(OffrecordError):
    """The input is missing, not media, or cannot be decoded."""

    exit_code = ExitCode.UNREADABLE


class ModelUnavailable(OffrecordError):
    """A model file cannot be used."""

    exit_code = ExitCode.MODEL


class ModelMissing(ModelUnavailable):
    """A model file is not in place."""


class ModelAltered(ModelUnavailable):
    """A model file does not have the pinned sha256."""


class StorageFailed(OffrecordError):
    """The destination cannot be written."""

    exit_code = ExitCode.STORAGE


class Interrupted(OffrecordError):
    """The user or the system asked the run to stop."""

    exit_code = ExitCode.INTERRUPTED
