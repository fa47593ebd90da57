"""A copy of spoken words in writing, with the way back: digits, spelled letters, e-mail and web addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from redaction.text.lexicon import is_ordinary
from redaction.text.numbers import NumberKind, NumberRun, cardinal, code_runs
from redaction.text.passage import Item
from redaction.text.vocabulary import word_sections, word_set, word_table

__all__ = ["Change", "NormalizedToken", "mails", "write"]

SIGNS = word_table("address_signs")
# Mail houses that people name without their ending.
HOUSES = word_set("mail_houses")
HOUSE_FIRST = frozenset(word_sections("mail_houses")["sure"])
ENDINGS = word_set("domain_endings")
SURE_ENDINGS = frozenset(word_sections("domain_endings")["sure"])
# Words that end an e-mail's local part when read backwards: they lead up to it.
LEAD = word_set("mail_lead")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_WEB = re.compile(
    r"(?:https?://|www\.)\S+|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|edu|gov|io|co\.uk|app|dev)(?:/\S*)?"
)
# What right before an address says that all of what follows is one.
CUES = word_set("mail_cues_free")
MOST_FREE = 6
_RELATIONS = word_set("relations")
_OWNERS = frozenset({"my", "your", "his", "her", "our", "their"})
TRIM = word_set("mail_trim")
# Items that are read on each side of an `at`: however long the talk, every address costs the same.
LONGEST_LOCAL = 10
LONGEST_DOMAIN = 16


class Change(Enum):
    """How a token differs from what was said."""

    NONE = "none"
    NUMBER = "number"
    QUANTITY = "quantity"  # a number that was not read out digit by digit: a year, a price, a time
    LETTERS = "letters"
    MAIL = "mail"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class NormalizedToken:
    """Writing that stands for the items `[first, last)`."""

    text: str
    first: int
    last: int
    change: Change = Change.NONE


def write(items: Sequence[Item]) -> list[NormalizedToken]:
    """Return the words in writing; the tokens' ranges cover every item once, in order."""
    runs = code_runs(items)
    found = mails(items, runs)
    found += [token for run in runs if (token := _of_run(run)) is not None]
    found.sort(key=lambda token: (token.first, -token.last))
    written: list[NormalizedToken] = []
    at = 0
    for token in found:
        if token.first < at:
            continue
        written.extend(_plain(items, at, token.first))
        written.append(token)
        at = token.last
    written.extend(_plain(items, at, len(items)))
    return written


def _plain(items: Sequence[Item], first: int, last: int) -> list[NormalizedToken]:
    return [NormalizedToken(items[at].core, at, at + 1) for at in range(first, last)]


def _of_run(run: NumberRun) -> NormalizedToken | None:
    if run.last - run.first == 1 and run.elements[0].kind in (
        NumberKind.NUMERAL,
        NumberKind.MIXED,
        NumberKind.AMOUNT,
    ):
        return None
    if run.digits:
        amount = any(element.kind is NumberKind.AMOUNT for element in run.elements)
        tries = run.repeating or (run.counting and run.text.startswith("1"))
        code = not amount and not tries and (run.single >= 3 or len(run.digits) >= 6)
        return NormalizedToken(run.text, run.first, run.last, Change.NUMBER if code else Change.QUANTITY)
    if run.letters >= 3:
        return NormalizedToken(run.text, run.first, run.last, Change.LETTERS)
    return None


def mails(items: Sequence[Item], runs: Sequence[NumberRun] | None = None) -> list[NormalizedToken]:
    """Return e-mail and web addresses, spoken or written, without overlap."""
    spoken = code_runs(items) if runs is None else runs
    ending_at = {run.last: run for run in spoken}
    starting_at = {run.first: run for run in spoken}
    found: list[NormalizedToken] = []
    floor = 0
    for at, item in enumerate(items):
        token: NormalizedToken | None = None
        if at < floor:
            continue
        if _MAIL.fullmatch(item.core):
            token = NormalizedToken(item.core, at, at + 1, Change.MAIL)
        elif item.core in ("at", "@"):
            token = _mail_around(items, at, ending_at=ending_at, starting_at=starting_at, floor=floor)
        elif _WEB.fullmatch(item.core):
            token = NormalizedToken(item.core, at, at + 1, Change.WEB)
        elif item.core == "dot" and at > floor:
            token = _web_around(items, at, starting_at=starting_at)
        if token is not None:
            if found and found[-1].last > token.first:
                found.pop()
            found.append(token)
            floor = token.last
    return found


def _domain(
    items: Sequence[Item], at: int, starting_at: dict[int, NumberRun]
) -> tuple[str, int, bool] | None:
    """Read `gmail dot com` forwards; tell the writing, where it ends, and whether it has an ending."""
    parts, last = "", at
    while last < len(items) and last - at < LONGEST_DOMAIN:
        run = starting_at.get(last)
        if run is not None and run.letters and (run.last - run.first > 1 or run.letters > 1):
            parts, last = parts + run.text, run.last
        elif "@" not in items[last].core and (items[last].alphabetic or "." in items[last].core):
            parts, last = parts + items[last].core, last + 1
        elif (number := cardinal(items, last)) is not None:
            parts, last = parts + number.text, number.last
        else:
            break
        if (
            last < len(items)
            and items[last].core in ("dot", "period", "dash", "hyphen")
            and not items[last - 1].closes
        ):
            parts += SIGNS[items[last].core]
            last += 1
            continue
        break
    if not parts:
        return None
    return parts, last, "." in parts.strip(".")


def _mail_around(
    items: Sequence[Item],
    at: int,
    *,
    ending_at: dict[int, NumberRun],
    starting_at: dict[int, NumberRun],
    floor: int,
) -> NormalizedToken | None:
    domain = _domain(items, at + 1, starting_at) if at + 1 < len(items) else None
    if domain is None:
        return None
    text, last, ended = domain
    if not ended and text not in HOUSE_FIRST:
        return None
    if ended and not _plausible(text):
        return None
    first, local = _local(items, at, ending_at=ending_at, floor=floor)
    if first == at:
        if not ended:
            return None
        path, last = _path(items, last)
        return NormalizedToken(text + path, at + 1, last, Change.WEB)
    return NormalizedToken(f"{local}@{text if ended else text + '.com'}", first, last, Change.MAIL)


def _plausible(domain: str) -> bool:
    ending = domain.rpartition(".")[2]
    return ending in ENDINGS or (2 <= len(ending) <= 12 and ending.isalpha() and not is_ordinary(ending))


def _local(items: Sequence[Item], at: int, *, ending_at: dict[int, NumberRun], floor: int) -> tuple[int, str]:
    """Read what stands before `at` backwards: words joined by `dot`, numbers, spelled letters, strange words."""
    first, local, joined, whole = at, "", True, 0
    while first > max(floor, at - LONGEST_LOCAL):
        core = items[first - 1].core
        run = ending_at.get(first)
        if core in SIGNS and first < at:
            first, local, joined = first - 1, SIGNS[core] + local, True
        elif run is not None and run.first >= floor and (joined or run.last == first):
            first, local, joined = run.first, run.text + local, local == ""
            joined = joined or bool(run.digits)
        elif joined and (whole == 0 or _sign_after(items, first)) and not _leads(core):
            first, local, joined, whole = first - 1, core.replace(" ", "") + local, False, whole + 1
        elif items[first - 1].strange and not items[first - 1].pauses:
            first, local = first - 1, core + local
        else:
            break
        if items[first - 1].pauses if first else True:
            break
    while first < at and items[first].core in SIGNS:
        first, local = first + 1, local[1:]
    if first < at:
        free = _free_words(items, first, floor)
        first, local = free, "".join(item.core for item in items[free:first]) + local
    return first, local


def _leads(core: str) -> bool:
    return not core or core in LEAD or core.endswith("'s")


def _free_words(items: Sequence[Item], first: int, floor: int) -> int:
    """Return where up to six more words of a local part begin, if a word that leads up to it stands before them."""
    if first and items[first - 1].pauses:
        return first
    for begin in range(first, max(floor, first - MOST_FREE, 0) - 1, -1):
        if begin == 0 or (begin < first and items[begin - 1].pauses):
            return first if any(_leads(item.core) for item in items[begin:first]) else begin
        kin = items[begin - 1].core in _RELATIONS and begin > 1 and items[begin - 2].core in _OWNERS
        if kin or items[begin - 1].core in CUES or items[begin - 1].core.endswith(("'s", "'d")):
            while begin < first and items[begin].core in TRIM:
                begin += 1
            return begin
    return first


def _sign_after(items: Sequence[Item], at: int) -> bool:
    return items[at].core in SIGNS


def _web_around(
    items: Sequence[Item], at: int, *, starting_at: dict[int, NumberRun]
) -> NormalizedToken | None:
    """Read `example dot com slash team`, from the first `dot` on."""
    domain = _domain(items, at + 1, starting_at) if at + 1 < len(items) else None
    before = items[at - 1]
    if domain is None or before.pauses or not before.core or before.core in SIGNS:
        return None
    text, last, _ = domain
    ending = text.rpartition(".")[2]
    if ending not in SURE_ENDINGS:
        return None
    first = at - 1
    text = f"{before.core}.{text}"
    path, last = _path(items, last)
    return NormalizedToken(text + path, first, last, Change.WEB)


def _path(items: Sequence[Item], at: int) -> tuple[str, int]:
    """Read `slash team` after a domain."""
    path = ""
    begin = at
    while at + 1 < len(items) and items[at].core == "slash" and at - begin < LONGEST_DOMAIN:
        path, at = f"{path}/{items[at + 1].core}", at + 2
    return path, at
