"""Names cross between picture and speech, by the real finder."""

from collections.abc import Sequence

import numpy as np
import pytest

from redaction.model import Box, Span, Utterance, Word
from redaction.policy import Policy
from redaction.text.find import PersonalDataFinder
from redaction.text.known import Memory
from redaction.video.screen.cache import LeftRegion
from redaction.video.screen.decide import Judge, SeenText
from redaction.video.screen.known_names import MOST_SEEN, KnownJudge, must_mask, reader_of_known
from redaction.video.screen.ocr import Place, Reading
from redaction.video.screen.reader import ScreenReader, TextLine
from tests.redaction.video.screen.made import as_frame


@pytest.fixture(scope="module")
def finder() -> PersonalDataFinder:
    """The finder that the sound uses."""
    return PersonalDataFinder(Policy().speech)


def heard(finder: PersonalDataFinder, *texts: str) -> dict[str, Memory]:
    """Return what is remembered of what was said."""
    memories: dict[str, Memory] = {}
    spoken = [
        Utterance(
            tuple(Word(word, Span(9 * at, 9 * at + 1)) for word in text.split()),
            Span(9 * at, 9 * at + 1),
            "S1",
            "A1",
        )
        for at, text in enumerate(texts)
    ]
    finder.find_on(spoken, memories)
    return memories


def seen(text: str, *, cornered: bool = False, score: float = 0.99) -> SeenText:
    """Return a line 16 px high."""
    return SeenText(Box(40, 100, 40 + 8 * len(text), 116), Reading(text, score), cornered)


LINES = (
    "run the oskren tests",
    "run the oskrem tests",
    "sum 48213",
    "moved to Thursday",
    "the file is on the drive",
    "please share the notes",
)


def test_what_was_heard_is_found_on_lines(finder: PersonalDataFinder) -> None:
    """A heard name, misread too, and a heard number are known on lines that say nothing else; other lines are free."""
    memories = heard(
        finder,
        "Hi, my name is Oskren Marrowby.",
        "My account number is four eight two one three.",
        "Let us share the file, see you Thursday.",
    )
    alone = Judge(finder, text="personal")
    assert not any(alone.personal([seen(text) for text in (*LINES[:2], *LINES[4:])]))
    assert KnownJudge(finder, memories).personal([seen(text) for text in LINES]) == [True] * 3 + [False] * 3


def test_known_names_are_found_on_lines(finder: PersonalDataFinder) -> None:
    """A must-mask name is found without having been heard, with its spaces lost too; its place is no matter."""
    judge = KnownJudge(finder.knowing(["Oskren Marrowby"]), {})
    lines = [seen("by oskren"), seen("todo:OskrenMarrowby"), seen("by the back room", cornered=True)]
    assert judge.personal(lines) == [True, True, False]


def test_judge_learns_what_was_heard(finder: PersonalDataFinder) -> None:
    """A judge that left a line covers it once it is told what was said."""
    judge = Judge(finder, text="personal")
    assert judge.personal([seen(LINES[0])]) == [False]
    judge.learn(heard(finder, "Hi, my name is Oskren Marrowby."))
    assert judge.personal([seen(LINES[0])]) == [True]
    assert judge.telling([Reading(LINES[0], 0.9)]) == [True]


def test_tags_are_names_and_app_words_are_none(finder: PersonalDataFinder) -> None:
    """What stands at the corner of a tile is a name that was seen, unless no word of it may be one."""
    judge = Judge(finder, text="personal")
    tags = ["Xq Zanthor", "Mute", "Share screen", "View", "Recording", "Zoom", "9:41 AM", "Page 3 of 9"]
    assert all(judge.personal([seen(text, cornered=True)]) for text in tags)
    assert must_mask(judge.names_seen()) == ("Xq Zanthor",)
    judge.personal([seen("Rajesh Iyer (Host, me, she/her)")])
    assert must_mask(judge.names_seen()) == ("Xq Zanthor", "Rajesh Iyer")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Adaeze Okonkwo (Host, me)", ("Adaeze Okonkwo",)),
        ("Dr. Okonkwo", ("Okonkwo",)),
        ("Sound Check", ()),
        ("Kubernetes", ()),
        ("Grace Ng", ("Grace Ng",)),
        ("Page 3 of 9", ()),
        ("Rose", ("Rose",)),
        ("x7", ()),
        ("Li", ()),
        ("O'Brien-Ng", ("O'Brien-Ng",)),
    ],
)
def test_only_what_may_be_a_name_is_masked_in_speech(text: str, names: tuple[str, ...]) -> None:
    """Everyday words, titles, products, codes and marks are no part of a must-mask name."""
    assert must_mask([text]) == names


def test_names_seen_are_bounded() -> None:
    """However many names stand on a screen, a thousand at most are searched for."""
    letters = "bcdfghjklm"
    many = [f"Zz{a}a{b}o{c}i{d}" for a in letters for b in letters for c in letters for d in letters[:2]]
    assert len(must_mask(many)) == MOST_SEEN


def test_reader_of_known_is_only_made_where_it_is_needed(finder: PersonalDataFinder) -> None:
    """Nothing is looked at again unless a line was left that holds what is known, or lines had to be forgotten."""
    judge = Judge(finder, text="personal")
    reader = ScreenReader(FakeNoReader(), judge, None)
    frame = as_frame(np.full((120, 640, 3), 200, np.uint8), 0)
    texts = ("run the oskren tests", "Siobhan Kelly")
    reader.judged(frame, [TextLine(Box(60, 40, 400, 60), Reading(text, 0.99)) for text in texts])
    assert reader.left.texts == texts[:1]
    assert reader_of_known(reader, [], {}) is None
    assert reader_of_known(reader, ["Siobhan Kelly"], {}) is None
    assert reader_of_known(reader, ["Oskren"], {}) is not None
    assert reader_of_known(reader, [], heard(finder, "My name is Oskren.")) is not None
    reader.left.note("a" * 1000)
    assert reader_of_known(reader, [], {}) is not None


class FakeNoReader:
    """Finds nothing."""

    def find(self, picture: np.ndarray) -> list[Place]:
        """Return no box."""
        return []

    def read(self, lines: Sequence[np.ndarray]) -> list[Reading]:
        """Never asked."""
        raise AssertionError


def test_left_is_bounded() -> None:
    """Texts beyond the bound are not kept, and that is told."""
    left = LeftRegion()
    for number in range(20_001):
        left.note(f"line {number % 20_000}")
    before = left.whole
    left.note("one more")
    assert (before, left.whole, len(left.texts)) == (True, False, 20_000)
