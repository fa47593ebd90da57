"""Each rule, by what it takes and what it leaves."""

from __future__ import annotations

import pytest

from redaction.model import EntityType
from redaction.text import PersonalDataFinder
from redaction.text.rules.codes import luhn
from tests.redaction.text.conftest import masked, speak

PERSON, PHONE, CARD, ACCOUNT, ID = (
    EntityType.PERSON,
    EntityType.PHONE,
    EntityType.CARD,
    EntityType.ACCOUNT,
    EntityType.ID,
)
ADDRESS, LOCATION, AGE, BIRTH = EntityType.ADDRESS, EntityType.LOCATION, EntityType.AGE, EntityType.BIRTH_DATE
SCHOOL, WORK, EMAIL, URL = EntityType.SCHOOL, EntityType.ORGANIZATION, EntityType.EMAIL, EntityType.URL

# What is said, what of it is personal, and its kind; `|` parts the utterances.
PERSONAL = [
    ("ring two oh two five five five oh one seven three", "two oh two five five five oh one seven three", PHONE),
    ("call me at 202-555-0173 please", "202-555-0173", PHONE),
    ("extension two oh four", "two oh four", PHONE),
    ("use four one one one one one one one one one one one one one one one",
     "four one one one one one one one one one one one one one one one", CARD),
    ("the card is 4111 1111 1111 1112", "4111 1111 1111 1112", CARD),
    ("the account number is 55779911", "55779911", ACCOUNT),
    ("it is DE89370400440532013000", "DE89370400440532013000", ACCOUNT),
    ("case number four four seven one nine", "four four seven one nine", ID),
    ("her social ends in six seven eight nine", "six seven eight nine", ID),
    ("the passcode is three three eight one", "three three eight one", ID),
    ("plate w x four eight two one k", "w x four eight two one k", ID),
    ("the reference is QX7RT2.", "QX7RT2.", ID),
    ("my handle is dragonfly underscore eighty eight", "dragonfly underscore eighty eight", ID),
    ("the password is correct horse seven", "correct horse seven", ID),
    ("write to ravna dot holm at example dot com", "ravna dot holm at example dot com", EMAIL),
    ("look at ravnaholm dot com", "ravnaholm dot com", URL),
    ("it is spelled s e a n", "s e a n", PERSON),
    ("it's K-O-W-A-L-C-Z-Y-K.", "K-O-W-A-L-C-Z-Y-K.", PERSON),
    ("my name is ottoline brzeska", "ottoline brzeska", PERSON),
    ("ask for ottoline", "ottoline", PERSON),
    ("dr brzeska will see you", "dr brzeska", PERSON),
    ("Please ask Coach Hunter.", "Coach Hunter.", PERSON),
    ("ottoline speaking", "ottoline", PERSON),
    ("thanks ottoline", "ottoline", PERSON),
    ("my sister's name is grace", "grace", PERSON),
    ("my husband brzeslaw is away", "brzeslaw", PERSON),
    ("she lives at forty two maple avenue", "forty two maple avenue", ADDRESS),
    ("we met at 12 Hollin Road, Keighley.", "12 Hollin Road, Keighley.", ADDRESS),
    ("my postcode is s w one a two a a", "s w one a two a a", ADDRESS),
    ("p o box eleven forty two", "p o box eleven forty two", ADDRESS),
    ("my zip is nine four one oh three", "nine four one oh three", ADDRESS),
    ("she grew up in almaty", "almaty", LOCATION),
    ("my son is nine years old", "nine years old", AGE),
    ("he's eleven and tall", "eleven", AGE),
    ("a six-year-old was there", "six-year-old", AGE),
    ("she has two boys, nine and fourteen.", "nine fourteen.", AGE),
    ("her tenth birthday", "tenth", AGE),
    ("i was born on the third of july nineteen ninety", "the third of july nineteen ninety", BIRTH),
    ("date of birth 04/11/1962", "04/11/1962", BIRTH),
    ("he goes to saint brigid's primary school", "saint brigid's primary school", SCHOOL),
    ("she is a student at carnegie mellon", "carnegie mellon", SCHOOL),
    ("my son got into m i t", "m i t", SCHOOL),
    ("i work at halvorsen freight as a clerk", "halvorsen freight", WORK),
    ("She is calling from Harbor View Dental.", "Harbor View Dental.", WORK),
    ("the card ending in 42 was declined", "42", ID),
    ("it's the one ending in 4 .2.", "4 .2.", ID),
    ("my last four digits 4 2 4 2", "4 2 4 2", ID),
    ("my last two digits are eight one", "eight one", ID),
    ("extension thirty one if nobody answers", "thirty one", PHONE),
    ("write me at the real big tony at gmail dot com", "the real big tony at gmail dot com", EMAIL),
    ("i gave them my old truck at hotmail dot com", "my old truck at hotmail dot com", EMAIL),
    ("the baby is fourteen months now", "fourteen months", AGE),
    ("she's two and a half", "two and a half", AGE),
    ("ours is a year and a half", "a year and a half", AGE),
    ("he was crawling at eleven months", "eleven months", AGE),
    ("the brezlaws are coming", "brezlaws", PERSON),
    ("that's brezlaw's laptop", "brezlaw's", PERSON),
    ("She coaches at Our Lady of Mercy.", "Our Lady of Mercy.", SCHOOL),
    ("my address was cat lady 42 at hotmail dot com", "cat lady 42 at hotmail dot com", EMAIL),
    ("she sells for brezlaw plumbing", "brezlaw plumbing", WORK),
    ("he studies at brezlaw community college", "brezlaw community college", SCHOOL),
]  # fmt: skip
PLAIN = [
    "one two three testing",
    "the api returns a four oh four",
    "it took forty five minutes",
    "python three point eleven is fine",
    "The budget is 250,000 dollars.",
    "we had twelve hundred signups in twenty twenty four",
    "the demo is at two thirty",
    "this is great, thanks everyone",
    "he's two minutes away",
    "it's a twenty year old codebase",
    "the company is ten years old",
    "i work at home on fridays",
    "he goes to school early",
    "on the road again by the way",
    "ask the doctor about it",
    "thanks for the great work",
    "hi everyone my name is on the slide",
    "we ran an a b test with the u i",
    "let me share my screen",
    "I'm going to restart Kubernetes and check Grafana.",
    "the school year starts in september",
    "call me back when you can",
    "the password is wrong",
    "i hope called functions return",
    "mic check one two one two",
    "the baby is two months late",
    "he's three months behind",
    "they are six weeks out",
    "it ends in a tie",
    "the last four builds were green",
    "your email address goes into the second field",
    "we take ten and a half percent",
    "the isosceles are drawn first",
    "A triangle with two equal sides is called isosceles.",
    "the kubernetes's broken again",
    "how long have you had it",
    "Easter Monday is a holiday.",
]


@pytest.mark.parametrize(("line", "personal", "kind"), PERSONAL)
def test_rule_takes(rules_only: PersonalDataFinder, line: str, personal: str, kind: EntityType) -> None:
    """Without the model's help the personal words are found, all of them and no others, and named."""
    assert masked(rules_only, line) == [personal.split()]
    assert kind in {one.entity_type for one in rules_only.find(speak(line))}


@pytest.mark.parametrize("line", PLAIN)
def test_rule_leaves(rules_only: PersonalDataFinder, line: str) -> None:
    """Plain talk with numbers, products and the cue words themselves stays whole."""
    assert masked(rules_only, line) == [[]]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (("my name is", "ottoline brzeska"), [[], ["ottoline", "brzeska"]]),
        (
            ("it's two oh two", "S2: uh huh", "five five five oh one seven three"),
            [["two", "oh", "two"], [], ["five", "five", "five", "oh", "one", "seven", "three"]],
        ),
    ],
)
def test_rule_crosses_utterances(
    rules_only: PersonalDataFinder, lines: tuple[str, ...], found: list[list[str]]
) -> None:
    """What one speaker splits over two utterances is found in both, whoever speaks in between."""
    assert masked(rules_only, *lines) == found


def test_luhn_only_names() -> None:
    """The check digit tells a card from other numbers."""
    assert luhn("4111111111111111")
    assert not luhn("4111111111111112")
    assert not luhn("")
