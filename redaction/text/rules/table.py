"""The table of rules, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from redaction.text.passage import Hit, Passage
from redaction.text.rules.appointments import find_appointments, find_days
from redaction.text.rules.codes import find_codes, find_handles, find_mails, find_passwords, find_spelled
from redaction.text.rules.corners import find_corners, find_forces
from redaction.text.rules.dates import find_ages, find_birth_dates
from redaction.text.rules.names import find_named, find_speakers, find_strange, find_titled
from redaction.text.rules.network import find_machines
from redaction.text.rules.organizations import find_employers, find_schools
from redaction.text.rules.places import find_addresses, find_cities, find_homes
from redaction.text.rules.spelling import find_spelling_alphabet

__all__ = ["RULES", "Rule", "apply"]

Rule = Callable[[Passage], Iterator[Hit]]

RULES: tuple[Rule, ...] = (
    find_mails,
    find_codes,
    find_handles,
    find_passwords,
    find_spelled,
    find_spelling_alphabet,
    find_machines,
    find_titled,
    find_named,
    find_speakers,
    find_strange,
    find_addresses,
    find_homes,
    find_cities,
    find_corners,
    find_forces,
    find_schools,
    find_employers,
    find_ages,
    find_birth_dates,
    find_appointments,
)


def apply(passage: Passage, *, every_day: bool = False) -> list[Hit]:
    """Return what any rule finds, and every weekday and date if wanted; hits may overlap."""
    rules = (*RULES, find_days) if every_day else RULES
    return [hit for rule in rules for hit in rule(passage)]
