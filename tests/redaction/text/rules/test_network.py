"""Addresses of machines."""

from __future__ import annotations

import pytest

from redaction.text import PersonalDataFinder
from tests.redaction.text.conftest import masked


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("it's one nine two dot one six eight dot one dot forty two",
         "one nine two dot one six eight dot one dot forty two"),
        ("try ten point zero point zero point one", "ten point zero point zero point one"),
        ("it is 10.0.0.17 here", "10.0.0.17"),
        ("it is 10.0.0.17:8080 here", "10.0.0.17:8080"),
        ("mac zero zero colon one a colon two b colon three c", "zero zero colon one a colon two b colon three c"),
        ("the mac is 00:1A:2B:3C:4D:5E", "00:1A:2B:3C:4D:5E"),
        ("at fe80::1ff:fe23:4567:890a now", "fe80::1ff:fe23:4567:890a"),
    ],
)  # fmt: skip
def test_machine_is_found(rules_only: PersonalDataFinder, line: str, found: str) -> None:
    """IP and MAC addresses are masked whole, written or read out."""
    assert masked(rules_only, line) == [found.split()]


@pytest.mark.parametrize(
    "line",
    [
        "version two point one point four is out",
        "we met from 10:30 to 11:15",
        "one dot two",
        "scores of 3:2 and 4:1",
    ],
)
def test_other_numbers_are_left(rules_only: PersonalDataFinder, line: str) -> None:
    """Versions, times and scores stay."""
    assert masked(rules_only, line) == [[]]
