"""Well-known towns are found wherever they stand, everyday words never as towns."""

import pytest

from redaction.text.passage import passages
from redaction.text.rules.places import find_cities
from tests.redaction.text.conftest import speak


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("He sits in the Berlin office today.", ["Berlin"]),
        ("the team in new york and the lagos one", ["new york", "lagos"]),
        ("She took the Buenos Aires flight.", ["Buenos Aires"]),
        ("Madrid's numbers are up.", ["Madrid's"]),
        ("The lima beans are in the shop, said Peter.", []),
        ("We shipped the release on time.", []),
    ],
)
def test_towns(line: str, found: list[str]) -> None:
    """A town is found before a noun, in small letters, of several words and with an ending."""
    (passage,) = passages(speak(line), frozenset({"en"}))
    words = line.split(" ")
    assert [" ".join(words[hit.first : hit.last]).strip(".,") for hit in find_cities(passage)] == found
