"""The table of rules, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from redaction.text.passage import Hit, Passage
from redaction.text.rules.codes import find_codes, find_handles, find_mails, find_passwords, find_spelled
from redaction.text.rules.dates import find_ages, find_birth_dates
from redaction.text.rules.names import find_named, find_speakers, find_strange, find_titled
from redaction.text.rules.organizations import find_employers, find_schools
from redaction.text.rules.places import find_addresses, find_cities, find_homes

__all__ = ["RULES", "Rule", "apply"]

Rule = Callable[[Passage], Iterator[Hit]]

RULES: tuple[Rule, ...] = (
    find_mails,
    find_codes,
    find_handles,
    find_passwords,
    find_spelled,
    find_titled,
    find_named,
    find_speakers,
    find_strange,
    find_addresses,
    find_homes,
    find_cities,
    find_schools,
    find_employers,
    find_ages,
    find_birth_dates,
)


def apply(passage: Passage) -> list[Hit]:
    """Return what any rule finds; hits may overlap."""
    return [hit for rule in RULES for hit in rule(passage)]
