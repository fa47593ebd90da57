"""Numbers and codes: phones, cards, accounts, documents, plates, e-mail and web addresses, handles, spelled names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from redaction.model import EntityType
from redaction.text.lexicon import CLOSED, is_ordinary
from redaction.text.normalize import Change, mails
from redaction.text.numbers import SPELLING, Element, NumberKind, NumberRun, code_runs
from redaction.text.passage import Hit, Passage
from redaction.text.rules.phrases import Phrases
from redaction.text.vocabulary import word_set

__all__ = ["COUNTED", "find_codes", "find_handles", "find_mails", "find_passwords", "find_spelled", "luhn"]

PHONE, CARD, ACCOUNT, ID = (
    EntityType.PHONE,
    EntityType.CARD,
    EntityType.ACCOUNT,
    EntityType.ID,
)

# What a number is called before it is said, and what that makes of it.
CALLED = Phrases.of_kinds("number_called")
# Words that may stand between what a number is called and the number.
CODE_FILLERS = word_set("number_called_between")
FURTHEST = 6
PARTS = word_set("number_parts")
PARTS_BEFORE = 5
COUNTED = frozenset({"last", "final", "first"})
# A quantity when such a word follows.
UNITS = word_set("units")
POSTCODE = re.compile(
    r"(?:gir0aa|[a-z]{1,2}\d[a-z\d]?\d[a-z]{2}|[a-z]\d[a-z]\d[a-z]\d)"
)  # Source: UK, Canadian post
IBAN = re.compile(r"[a-z]{2}\d{2}[a-z0-9]{11,30}")  # Source: ISO 13616
TAX_ID = re.compile(r"[a-z]{2}\d{6}[a-d]|[a-z]{5}\d{4}[a-z]")  # Source: UK national insurance, Indian PAN
SPELL_CUES = word_set("spelling_cues")
ACRONYMS = word_set("acronyms")


def luhn(digits: str) -> bool:
    """Tell whether the check digit of a card number holds.

    It only gives a number its name: one that fails is masked all the same. Source: ISO/IEC 7812-1.
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return bool(digits) and total % 10 == 0


def find_mails(passage: Passage) -> Iterator[Hit]:
    """Yield e-mail and web addresses, spoken or written."""
    for token in mails(passage):
        kind = EntityType.EMAIL if token.change is Change.MAIL else EntityType.URL
        yield Hit(token.first, token.last, kind, 0.95, "mail" if kind is EntityType.EMAIL else "web")


def find_codes(passage: Passage) -> Iterator[Hit]:
    """Yield numbers and codes that look like a person's, or are called so."""
    called: dict[int, EntityType] = {}
    for first, end, name in CALLED.find(passage):
        inside = [called[at] for at in range(first + 1, end + 1) if at in called]
        vague = passage[end - 1].core in ("is", "number", "number's")
        called[end] = inside[0] if inside and vague else name
    for whole in code_runs(passage):
        run = _without_count(passage, whole)
        cue = _cue(passage, run, called)
        part = any(passage[at].core in PARTS for at in range(max(0, run.first - PARTS_BEFORE), run.first))
        kind = _kind(run, cue=cue, quantity=_quantity(passage, run, part=part and cue is not None), part=part)
        if kind is not None:
            first = run.first - (cue is not None and _plate_letters(passage, run.first))
            yield Hit(first, run.last, kind, 0.9, "code-called" if cue else "code")


def _cue(passage: Passage, run: NumberRun, called: dict[int, EntityType]) -> EntityType | None:
    at = run.first
    for _ in range(FURTHEST):
        if at in called:
            return called[at]
        if at == 0 or not (
            passage[at - 1].core in CODE_FILLERS
            or passage[at - 1].core in SPELLING
            or _numeric(passage[at - 1].core)
            or (at == run.first and _abbreviated(passage[at - 1].core))
        ):
            return None
        at -= 1
    return called.get(at)


def _without_count(passage: Passage, run: NumberRun) -> NumberRun:
    """Leave out the `four` of `last four 4 2 4 2`."""
    counted = run.first > 0 and passage[run.first - 1].core in COUNTED and len(run.elements) > 2
    return NumberRun(run.elements[1:]) if counted and len(run.elements[0].text) == 1 else run


def _plate_letters(passage: Passage, first: int) -> bool:
    """Tell whether up to three letters right before a run belong to it: WX 4821K."""
    return first > 0 and _abbreviated(passage[first - 1].core) and not passage[first - 1].pauses


def _abbreviated(core: str) -> bool:
    return 1 < len(core) <= 3 and core.isalpha() and not is_ordinary(core)


def _numeric(core: str) -> bool:
    return core.isdigit() or not core


def _quantity(passage: Passage, run: NumberRun, *, part: bool = False) -> bool:
    """Tell whether a run counts or measures something; the end of a number is sometimes written `4.2`."""
    following = passage[run.last].core if run.last < len(passage) else ""
    amount = any(element.kind is NumberKind.AMOUNT for element in run.elements)
    return following in UNITS or (amount and not part)


def _kind(run: NumberRun, *, cue: EntityType | None, quantity: bool, part: bool) -> EntityType | None:
    """Name a run of numbers and letters, or tell that it is nobody's."""
    text, digits = run.text, run.digits
    if POSTCODE.fullmatch(text):
        return EntityType.ADDRESS
    if IBAN.fullmatch(text):
        return ACCOUNT
    if TAX_ID.fullmatch(text):
        return ID
    if run.letters and digits:
        return _mixed(run, cue, part=part)
    if not digits:
        return None
    dialled = run.single >= max(4, len(digits) / 2) and not (quantity and run.single < 7)
    if len(digits) >= 13 and dialled:
        return CARD if luhn(digits[:19]) and len(digits) <= 19 else cue or ID
    in_pairs = len(digits) >= 8 and len(run.elements) >= 5 and not quantity and not run.even
    if len(digits) >= 7 and (dialled or in_pairs) and not run.counting:
        return cue or PHONE
    if (
        cue is not None
        and not quantity
        and (len(digits) >= 3 or (len(digits) == 2 and (part or cue is CARD)))
    ):
        return cue
    if (
        len(digits) >= 4
        and run.single == len(digits)
        and not quantity
        and not run.counting
        and not run.repeating
    ):
        return ID if _read_out(run) else None
    return None


def _read_out(run: NumberRun) -> bool:
    """Tell whether four to six digits were read out as a code, unlike a year or a round number."""
    if all(element.kind is NumberKind.DIGIT for element in run.elements):
        return True
    if len(run.digits) == 4 and len(run.elements) == 1:
        return run.digits.startswith("0")
    return not run.digits.endswith("00")


def _mixed(run: NumberRun, cue: EntityType | None, *, part: bool) -> EntityType | None:
    kinds = [element.kind for element in run.elements]
    if any(kind is NumberKind.AMOUNT for kind in kinds):
        return None
    if cue is not None and len(run.text) >= (2 if part else 4):
        return cue
    if len(run.digits) >= 3 and len(run.text) >= 5:
        return ID
    if NumberKind.DIGIT in kinds and len(run.text) >= 5 and len(run.digits) >= 2:
        return ID
    if len(run.elements) == 1 and len(run.text) >= 6 and run.letters >= 3 and len(run.digits) >= 2:
        return ID
    return None


HANDLES = Phrases.of_kinds("handle_cues")
JOINTS = word_set("handle_joints")
AFTER_HANDLE = word_set("handle_stops")
LONGEST_HANDLE = 24  # items; a longer one is found in parts, one around each sign


def find_handles(passage: Passage) -> Iterator[Hit]:
    """Yield names that people use online, and passwords."""
    for _, end, kind in HANDLES.find(passage):
        last = _handle_end(passage, end)
        if last > end:
            yield Hit(end, last, kind, 0.85, "handle")
    for at, item in enumerate(passage):
        if (
            item.core.startswith(("@", "#"))
            and len(item.core) > 2
            and item.core[1:2].isalpha()
            and item.core[0] == "@"
        ):
            yield Hit(at, at + 1, ID, 0.9, "handle")
        elif item.core in JOINTS - {"dash", "dot", "slash"} and 0 < at < len(passage) - 1:
            first = at - 1
            while first > 1 and passage[first - 1].core in JOINTS and at - first < LONGEST_HANDLE:
                first -= 2
            last = _handle_end(passage, first)
            if last > at + 1 and not passage[first].pauses and not passage[first].ordinary:
                yield Hit(first, last, ID, 0.7, "handle")


PASSWORDS = Phrases.of_kinds("password_cues")


def find_passwords(passage: Passage) -> Iterator[Hit]:
    """Yield up to four words that follow `the password is`."""
    for _, end, kind in PASSWORDS.find(passage):
        last = end
        while last < len(passage) and last - end < 4 and passage[last].core not in CLOSED:
            last += 1
            if passage[last - 1].pauses:
                break
        if last > end and not (last - end <= 2 and passage[end].core in AFTER_HANDLE):
            yield Hit(end, last, kind, 0.8, "password")


def _handle_end(passage: Passage, first: int) -> int:
    """Return where a handle ends: words joined by signs, then numbers or letters."""
    at = first + (first < len(passage) and passage[first].core == "at")
    if at >= len(passage) or passage[at].core in AFTER_HANDLE or not passage[at].core:
        return first
    at += 1
    end = min(len(passage), first + LONGEST_HANDLE)
    while at + 1 < end and passage[at].core in JOINTS and not passage[at - 1].closes:
        at += 2
    while at < end and not passage[at - 1].pauses and _codelike(passage, at):
        at += 1
    joined = any(passage[k].core in JOINTS for k in range(first, at))
    plain = at - first == 1 and passage[first].ordinary
    return first if plain and not joined else at


def _codelike(passage: Passage, at: int) -> bool:
    return bool(code_runs(passage[at : at + 1])) or any(char.isdigit() for char in passage[at].core)


def find_spelled(passage: Passage) -> Iterator[Hit]:
    """Yield names that are spelled out: K-O-W-A-L, `k o w a l`, also three letters after `spelled`."""
    for run in code_runs(passage):
        letters: list[Element] = []
        for element in (*run.elements, None):
            if element is not None and element.kind is NumberKind.LETTER:
                letters.append(element)
                continue
            if letters:
                yield from _spelled(passage, letters)
            letters = []


def _spelled(passage: Passage, letters: list[Element]) -> Iterator[Hit]:
    text = "".join(element.text for element in letters)
    first, last = letters[0].first, letters[-1].last
    cue = any(passage[at].core in SPELL_CUES for at in range(max(0, first - 4), first))
    if text in ACRONYMS or len(text) < (2 if cue else 4):
        return
    if len(set(text)) == 1:
        return
    yield Hit(first, last, EntityType.PERSON, 0.85, "spelled")
