"""Names out of display names, file names and addresses."""

from __future__ import annotations

import pytest

from redaction.errors import UnreadableInput
from redaction.text.person_names import compact, from_file_name, roster_of


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Adaeze Okonkwo", ("Adaeze Okonkwo",)),
        ("Adaeze Okonkwo (she/her)", ("Adaeze Okonkwo",)),
        ("Adaeze Okonkwo | Quantrix", ("Adaeze Okonkwo", "Quantrix")),
        ("Bennett, Laura", ("Bennett Laura",)),
        ("Laura's iPhone", ("Laura",)),
        ("laura.bennett+calls@example.com", ("laura bennett calls",)),
        ("Everyone", ()),
        ("Speaker 2", ()),
        ("Unknown Speaker", ()),
        ("14155550142", ()),
        ("👍", ()),
        ("", ()),
        ("Zoë O’Brien", ("Zoë O’Brien",)),
        ("李雷", ("李雷",)),
        ("a\u202eb\u0000c" * 50, None),
    ],
)
def test_display_names(text: str, names: tuple[str, ...] | None) -> None:
    """Pronouns, brackets, devices and words for everybody are no names; companies behind a bar are."""
    found = roster_of([text])
    assert names is None or found == names
    assert all(len(name) <= 200 for name in found)


def test_a_part_of_a_fuller_name_is_left_out() -> None:
    """One person under several names is one entry, so that pseudonyms agree."""
    names = ["Laura", "LauraBennett", "Laura Bennett", "bennett", "Daniel"]
    assert roster_of(names) == ("Laura Bennett", "Daniel")


def test_file_names_get_their_spaces_back() -> None:
    """Call systems leave out spaces in names of files."""
    assert from_file_name("JohnSmith") == "John Smith"
    assert from_file_name("laura_bennett") == "laura bennett"
    assert compact("Zoë O’Brien") == compact("ZoëOBrien")


def test_too_many_people() -> None:
    """More people than a call can have are refused, not forgotten."""
    with pytest.raises(UnreadableInput):
        roster_of(
            f"Name{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)} X" for n in range(2_002)
        )
