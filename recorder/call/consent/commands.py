"""What participants type: commands in the chat, marks in display names, and names that may be shown."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from recorder.call.source import Answer

__all__ = [
    "LONGEST_DISPLAY_NAME",
    "clean_line",
    "clean_name",
    "declared_age",
    "is_attempt",
    "mark_in_name",
    "parse_command",
]

LONGEST_DISPLAY_NAME: Final = 64
_LONGEST_COMMAND: Final = 64
_ADULT: Final = r"(?:i(?: am|'m) )?(?:18 ?\+|18|over 18|18 or (?:older|over)|an adult|adult)"
_MINOR: Final = r"(?:i(?: am|'m) )?(?:under 18|a minor|minor)"
_COMMAND: Final = re.compile(
    rf"/record[ \t]+(?:(yes|no|erase)|yes,?[ \t]+(?:(?P<adult>{_ADULT})|(?P<minor>{_MINOR})))",
    re.ASCII | re.IGNORECASE,
)
_ATTEMPT: Final = re.compile(r"/record\b", re.ASCII | re.IGNORECASE)
_NAMELESS: Final = "Guest"


def parse_command(untrusted_text: str) -> Answer | None:
    """Return the answer when the whole message, trimmed, is `/record yes`, `/record no` or `/record erase`.

    A yes may declare an age, as in `/record yes 18+`; a yes of somebody under 18 is a no. Anything else is no answer:
    a quoted command, a command with more words, a word alone.
    """
    match = _parsed(untrusted_text)
    if match is None:
        return None
    if match["minor"]:
        return Answer.NO
    return Answer.YES if match["adult"] else Answer(match.group(1).lower())


def declared_age(untrusted_text: str) -> bool | None:
    """Return whether a command declares its sender an adult; None where it is no command or declares nothing."""
    match = _parsed(untrusted_text)
    if match is None or not (match["adult"] or match["minor"]):
        return None
    return match["adult"] is not None


def _parsed(untrusted_text: str) -> re.Match[str] | None:
    if len(untrusted_text) > _LONGEST_COMMAND:
        return None
    return _COMMAND.fullmatch(untrusted_text.strip())


def is_attempt(untrusted_text: str) -> bool:
    """Tell whether somebody meant a command and did not get it right, so that they can be helped."""
    start = untrusted_text[:_LONGEST_COMMAND].strip()
    return _ATTEMPT.match(start) is not None and parse_command(untrusted_text) is None


def mark_in_name(untrusted_name: str, *, yes: str, no: str) -> Answer | None:
    """Return what the marks in a display name say; no wins over yes in any doubt.

    A no counts wherever it stands and however it is disguised by case, width or invisible characters. A yes counts
    at the end alone, and not in a name with characters that cannot be seen or that change the direction of reading.

    Args:
        untrusted_name: the display name.
        yes: the mark for yes, empty when there is none.
        no: the mark for no, empty when there is none.
    """
    if no and _folded(no) in _folded(untrusted_name):
        return Answer.NO
    if yes and untrusted_name.isprintable() and untrusted_name.rstrip().lower().endswith(yes.lower()):
        return Answer.YES
    return None


def clean_line(untrusted_text: str, *, longest: int) -> str:
    """Return one line without control, format and surrogate characters, blanks joined, cut to a length."""
    kept = "".join(
        " " if char.isspace() else char
        for char in untrusted_text[: 4 * longest]
        if char.isspace() or unicodedata.category(char)[0] != "C"
    )
    return " ".join(kept.split())[:longest].strip()


def clean_name(untrusted_name: str) -> str:
    """Return a display name that may be shown: one line of at most 64 characters, never empty."""
    return clean_line(untrusted_name, longest=LONGEST_DISPLAY_NAME) or _NAMELESS


def _folded(text: str) -> str:
    seen = (char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char)[0] not in "CZ")
    return "".join(seen).casefold()
