"""Which lines of a screen are personal, by the real finder."""

import pytest

from redaction.model import Box
from redaction.policy import Policy
from redaction.text.find import PersonalDataFinder
from redaction.video.screen.decide import Judge, SeenText
from redaction.video.screen.ocr import Reading


@pytest.fixture(scope="module")
def finder() -> PersonalDataFinder:
    """The finder that the sound uses."""
    return PersonalDataFinder(Policy().speech)


def seen(text: str, *, y: int = 100, x: int = 40, score: float = 0.99, cornered: bool = False) -> SeenText:
    """Return a line 16 px high."""
    return SeenText(Box(x, y, x + 8 * len(text), y + 16), Reading(text, score), cornered)


@pytest.mark.parametrize(
    ("text", "personal"),
    [
        ("Siobhan Kelly", True),
        ("SiobhanKelly", True),
        ("Nguyen Thi Hoa", True),
        ("dr. Ramanathan", True),
        ("my number is 617-555-0188", True),
        ("cc priya_k@example.org please", True),
        ("Contact:Zhang Wei<hr-team@example.com>", True),
        ("Address: 42 Maple Avenue, Springfield", True),
        ("the file is on the drive", False),
        ("great, thanks!", False),
        ("9:41 AM", False),
        ("Totals are rounded to two decimals.", False),
        ("kowalczyk", True),
        ("kowalczyk.json", True),
        ("by fitzwilliam, 2 days ago", True),
        ("PIN 4417", True),
        ("10.0.8.15", True),
        ("Grace Page", True),
        ("Guest 2", True),
        ("package.json", False),
        ("kubectl get pods", False),
        ("Raise hand", False),
        ("Page 3 of 12", False),
        ("Row 14, column 3", False),
    ],
)
def test_line_by_what_it_says(finder: PersonalDataFinder, text: str, personal: bool) -> None:
    """Names, addresses and numbers are personal, also with their spaces lost; ordinary lines are not."""
    assert Judge(finder, text="personal").personal([seen(text)]) == [personal]


def test_line_by_where_it_stands(finder: PersonalDataFinder) -> None:
    """A short line at the corner of a tile is a name whatever it says; so is one with a time beside it."""
    judge = Judge(finder, text="personal")
    assert judge.personal([seen("the back room")]) == [False]
    assert judge.personal([seen("the back room", cornered=True)]) == [True]
    assert judge.personal([seen("9:41 AM", cornered=True)]) == [False]
    assert judge.personal([seen("the back room"), seen("9:41 AM", x=400)]) == [True, False]
    assert judge.personal([seen("the back room"), seen("9:41 AM", x=400, y=160)]) == [False, False]


def test_line_that_is_not_read_for_sure_is_personal(finder: PersonalDataFinder) -> None:
    """What is doubted, in a script that nothing here reads, or found and not read is covered."""
    judge = Judge(finder, text="personal")
    lines = [
        seen("great, thanks!", score=0.4),
        seen("Ольга Соколова"),
        SeenText(Box(0, 0, 40, 16), Reading("", 0.0)),
    ]
    assert judge.personal(lines) == [True, True, True]


def test_all_and_none(finder: PersonalDataFinder) -> None:
    """`all` covers what could not be read, too."""
    unread = SeenText(Box(0, 0, 40, 16), Reading("", 0.0))
    assert Judge(finder, text="all").personal([unread, seen("great, thanks!")]) == [True, True]
    assert Judge(finder, text="none").personal([seen("Siobhan Kelly")]) == [False]


def test_names_go_both_ways(finder: PersonalDataFinder) -> None:
    """A name that was heard is found on the screen, and one that was seen is told."""
    judge = Judge(finder, text="personal")
    line = [seen("the plan of grundelbarf for monday")]
    assert not any(judge.personal([seen("the plan of gravel for monday")]))
    judge.know(["Grundelbarf"])
    assert judge.personal(line) == [True]
    judge.personal([seen("Siobhan Kelly")])
    assert "Siobhan Kelly" in judge.names_seen()
