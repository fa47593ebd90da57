"""Short answers to a question for personal data: `what's your last name?` and then just `Hunter`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from redaction.model import EntityType, TextFinding, Utterance
from redaction.text.lexicon import CLOSED, vocabulary
from redaction.text.passage import Passage, items_of
from redaction.text.rules.phrases import Phrases

__all__ = ["find_answers"]

ASKED: Phrases[EntityType] = Phrases(
    (
        EntityType.PERSON,
        """
        your name; your full name; your last name; your first name; your surname; your middle name; your maiden name;
        the last name; the first name; his name; her name; their name; last name please; first name please;
        name please; spell that; spell it; spell your; spell the; who am i speaking; who is calling; who's calling;
        who is this; mother's maiden name; the patient's name; child's name
        """,
    ),
    (
        EntityType.BIRTH_DATE,
        """
        your date of birth; date of birth; your birthday; your birth date; when were you born; when was he born;
        when was she born; your dob; the dob
        """,
    ),
    (
        EntityType.AGE,
        "how old are you; how old is he; how old is she; how old are they; your age; how old is",
    ),
    (
        EntityType.PHONE,
        """
        your number; your phone number; your phone; your cell; your mobile; a callback number; best number;
        a contact number; your extension
        """,
    ),
    (EntityType.EMAIL, "your email; your email address; your e-mail; his email; her email; best email"),
    (
        EntityType.ADDRESS,
        """
        your address; the address; your home address; where do you live; where does he live; where does she live;
        your postcode; your zip; your zip code; the zip code; your street; the house number; which city; what city;
        where are you from; where are you based; where were you born
        """,
    ),
    (
        EntityType.ORGANIZATION,
        "where do you work; who do you work for; your employer; which company; what company",
    ),
    (EntityType.SCHOOL, "what school; which school; where do you study; which university; what university"),
    (
        EntityType.ID,
        """
        your account number; the account number; the passcode; your pin; your password; the password; last four;
        last four digits; your social; social security number; the case number; the reference number;
        your member id; the confirmation number; the security code; your license plate; the plate; the card number
        """,
    ),
)
LONGEST_ANSWER = 12
NO_ANSWER = CLOSED | vocabulary(
    """
    yes yeah yep yup no nope okay ok sure um uh er hmm well right thanks thank please sorry what pardon again hold on
    one second moment just wait let get think know sec check on in at of to for with from not why when where how
    """
)


def find_answers(utterances: Sequence[Utterance]) -> Iterator[TextFinding]:
    """Yield the telling words of a short answer by another speaker to a question for personal data."""
    asked: EntityType | None = None
    for index, utterance in enumerate(utterances):
        items = tuple(items_of(utterance, index))
        answered = asked is not None and utterance.speaker != utterances[index - 1].speaker
        if asked is not None and answered and len(items) <= LONGEST_ANSWER:
            for item in items:
                if item.core and item.core not in NO_ANSWER:
                    yield TextFinding(index, item.word, item.word + 1, asked, 0.6, "answer")
        asked = _question(items)


def _question(items: Passage) -> EntityType | None:
    """Return what the end of an utterance asks for."""
    found = [(end, kind) for _, end, kind in ASKED.find(items)]
    if not found:
        return None
    end, kind = found[-1]
    return kind if len(items) - end <= 3 else None
