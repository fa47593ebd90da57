"""Every error that ends a run has a documented status of its own kind."""

from __future__ import annotations

import inspect

from redaction import errors
from redaction.errors import ExitCode, OffrecordError


def test_statuses_are_those_that_are_documented() -> None:
    """The numbers are part of the contract of the command line."""
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "INTERNAL": 1,
        "USAGE": 2,
        "INCOMPLETE": 3,
        "CONSENT": 4,
        "UNREADABLE": 5,
        "MODEL": 6,
        "STORAGE": 7,
        "INTERRUPTED": 130,
    }


def test_each_error_carries_its_status_and_sentence() -> None:
    """No error of the taxonomy ends a run with success, and what a person reads is the sentence alone."""
    kinds = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, OffrecordError)
    ]
    assert len(kinds) >= 10
    for kind in kinds:
        error = kind("Nothing was published.")
        assert error.exit_code is not ExitCode.OK
        assert str(error) == error.sentence == "Nothing was published."
    assert {kind.exit_code for kind in kinds} == set(ExitCode) - {ExitCode.OK}
