"""Limits on the command line."""

from __future__ import annotations

import pytest

from recorder.audit.limits import LIMITS, limits_with
from redaction.errors import UsageError


def test_a_limit_that_is_given_wins() -> None:
    """The others keep their defaults."""
    limits = limits_with(["voices=0.3"])
    assert limits["voices"] == 0.3
    assert {name: limits[name] for name in LIMITS if name != "voices"} == {
        name: limit.value for name, limit in LIMITS.items() if name != "voices"
    }


@pytest.mark.parametrize(
    "given", ["voices", "voices=", "voices=-1", "voices=nan", "voices=inf", "noses=1", ""]
)
def test_what_is_no_limit_is_refused(given: str) -> None:
    """A limit that is not there, or no number, would pass everything unseen."""
    with pytest.raises(UsageError):
        limits_with([given])
