"""Say how a written word may be spoken: figures and signs as words, unknown words as phones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

__all__ = ["Slot", "arpabet", "is_figure", "phones_of", "spoken_slots"]

Slot = tuple[tuple[str, ...], ...]
"""One place in the speech and the ways to fill it: each a row of lower-case words, an empty row for
silence."""

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
    *("seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ("", "thousand", "million", "billion", "trillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_FIGURE_WORDS = frozenset((*_ONES, *_TENS, *_SCALES[1:], "hundred", "oh", "double", "triple"))
_SIGNS: dict[str, Slot] = {
    "@": (("at",),),
    "&": (("and",),),
    "%": (("percent",), ("per", "cent")),
    "+": (("plus",), ("and",), ()),
    "=": (("equals",), ()),
    ".": (("dot",), ("point",), ("period",), ()),
    "/": (("slash",), ("over",), ("per",), ("or",), ()),
    "\\": (("backslash",), ("slash",), ()),
    "-": ((), ("dash",), ("hyphen",), ("minus",), ("to",)),
    "_": (("underscore",), ("under", "score"), ("dash",), ()),
    ":": ((), ("colon",)),
    "#": (("number",), ("hash",), ("pound",), ()),
    "*": (("star",), ("times",), ()),
    "$": (("dollars",), ("dollar",), ()),
    "£": (("pounds",), ("pound",), ()),
    "€": (("euros",), ("euro",), ()),
    "°": (("degrees",), ()),
}
_CURRENCY = "$£€"
_EDGES = re.compile(r"^[^\w$£€@#&%+.]*(?:\.(?!\w))*[^\w$£€@#&%+.]*|[^\w$£€%+°]+$")
_ATOM = re.compile(r"\d+(?:,\d{3})*(?:st|nd|rd|th|s)?(?![a-z])|\d+|[^\W\d_]+(?:'[^\W\d_]+)*'?|[^\w\s]|_")
_ABBREVIATIONS = {
    "dr": ("doctor", "drive"),
    "mr": ("mister",),
    "mrs": ("missus", "misses"),
    "ms": ("miss",),
    "st": ("street", "saint"),
    "vs": ("versus",),
    "etc": ("et cetera",),
    "ok": ("okay",),
    "jr": ("junior",),
    "prof": ("professor",),
    "ave": ("avenue",),
    "no": ("no", "number"),
}
_MOST_DIGITS = 24
_MOST_LETTERS = 40

_VOWELS = {
    "A": "EY",
    "I": "AY",
    "O": "OW",
    "Q": "OW",
    "W": "AW",
    "Y": "OY",
    "i": "IY",
    "u": "UW",
    "æ": "AE",
    "a": "AA",
    "ɑ": "AA",
    "ɒ": "AA",
    "ɔ": "AO",
    "ə": "AH",
    "ɐ": "AH",
    "ᵊ": "AH",
    "ʌ": "AH",
    "ɛ": "EH",
    "e": "EH",
    "ɜ": "ER",
    "ɚ": "ER",
    "ɪ": "IH",
    "ᵻ": "IH",
    "ɨ": "IH",
    "ʊ": "UH",
    "o": "OW",
}
_CONSONANTS = {
    "b": "B",
    "d": "D",
    "f": "F",
    "ɡ": "G",
    "g": "G",
    "h": "HH",
    "x": "K",
    "j": "Y",
    "k": "K",
    "l": "L",
    "m": "M",
    "n": "N",
    "ɲ": "N",
    "ŋ": "NG",
    "p": "P",
    "ɹ": "R",
    "r": "R",
    "ʀ": "R",
    "s": "S",
    "ʃ": "SH",
    "t": "T",
    "T": "T",
    "ɾ": "T",
    "θ": "TH",
    "ð": "DH",
    "v": "V",
    "w": "W",
    "z": "Z",
    "ʒ": "ZH",
    "ʤ": "JH",
    "ʧ": "CH",
}


def spoken_slots(token: str) -> tuple[Slot, ...]:
    """Return the slots that a written token fills when spoken.

    `415` fills three slots of one digit each or is read as a number; `$5` is `five dollars`; `K-I-N-G` is
    four letters; punctuation at either end is not spoken.

    Args:
        token: a word as a recogniser writes it.

    Returns:
        Slots in order, none when nothing in the token can be spoken.
    """
    text = unicodedata.normalize("NFKC", token).replace("’", "'").replace("‘", "'")
    bare = _EDGES.sub("", text)
    atoms = _ATOM.findall(bare.lower())
    slots: list[Slot] = []
    behind: str | None = None
    for index, atom in enumerate(atoms):
        if atom in _CURRENCY and index + 1 < len(atoms) and atoms[index + 1][0].isdigit():
            behind = atom
            continue
        slots.extend(_atom_slots(atom, alone=len(atoms) == 1, capitals=bare.isupper()))
        if behind and atom[0].isdigit():
            slots.append(_SIGNS[behind])
            behind = None
    return tuple(slots)


def _atom_slots(atom: str, *, alone: bool, capitals: bool) -> Iterator[Slot]:
    if atom[0].isdigit() and not atom[0].isdecimal():
        return
    if atom[0].isdecimal():
        yield from _figure_slots(atom)
    elif atom in _SIGNS:
        yield _SIGNS[atom]
    elif atom[0].isalpha():
        word = atom[:_MOST_LETTERS]
        ways: list[tuple[str, ...]] = [(word,)]
        if alone:
            ways += [tuple(way.split()) for way in _ABBREVIATIONS.get(word, ()) if way != word]
        if word.isascii() and word.isalpha() and 1 < len(word) <= 6 and (capitals or not _has_vowel(word)):
            ways.append(tuple(word))
        yield tuple(ways)


def _figure_slots(atom: str) -> Iterator[Slot]:
    match = re.fullmatch(r"(\d+(?:,\d{3})*)([a-z]*)", atom)
    if match is None:
        return
    digits = "".join(str(unicodedata.digit(char)) for char in match[1] if char != ",")[:_MOST_DIGITS]
    suffix = match[2]
    ways = (
        {_cardinal(int(digits))}
        if len(digits) <= 15 and not (digits[0] == "0" and len(digits) > 1)
        else set()
    )
    ways |= set(_paired(digits))
    if suffix in ("st", "nd", "rd", "th"):
        yield tuple(sorted(_ordinal(way) for way in ways))
        return
    if suffix == "s":
        ways |= {(*way[:-1], _plural(way[-1])) for way in ways if way}
    single = tuple(_digit_ways(digits))
    if not ways - {tuple(_ONES[int(d)] for d in digits)} or len(digits) > 6:
        yield from single
        return
    if len(digits) == 1:
        yield tuple(sorted(ways | set(single[0])))
        return
    # Short figures: read as a number, or digit by digit with either name of zero.
    spelled = {
        tuple(_ONES[int(d)] for d in digits),
        tuple("oh" if d == "0" else _ONES[int(d)] for d in digits),
    }
    with_and = {way for number in ways for way in _with_and(number)}
    yield tuple(sorted(ways | spelled | with_and))


def _digit_ways(digits: str) -> Iterator[Slot]:
    """Yield slots for a long figure: two digits at a time from the right, each as a pair or one by one."""
    odd = len(digits) % 2
    if odd:
        yield (("zero",), ("oh",)) if digits[0] == "0" else ((_ONES[int(digits[0])],),)
    for at in range(odd, len(digits), 2):
        pair = digits[at : at + 2]
        ways = {tuple(zero if d == "0" else _ONES[int(d)] for d in pair) for zero in ("zero", "oh")}
        if pair[0] != "0":
            ways.add(_cardinal(int(pair)))
        elif pair == "00":
            ways.add(("hundred",))
        yield tuple(sorted(ways))


def _cardinal(number: int) -> tuple[str, ...]:
    if number < 20:
        return (_ONES[number],)
    if number < 100:
        tens, ones = divmod(number, 10)
        return (_TENS[tens - 2], *((_ONES[ones],) if ones else ()))
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return (_ONES[hundreds], "hundred", *(_cardinal(rest) if rest else ()))
    for power in range(len(_SCALES) - 1, 0, -1):
        scale = 1000**power
        if number >= scale:
            head, rest = divmod(number, scale)
            return (*_cardinal(head), _SCALES[power], *(_cardinal(rest) if rest else ()))
    return ()


def _paired(digits: str) -> Iterator[tuple[str, ...]]:
    """Yield readings in pairs: 1984 nineteen eighty four, 1905 nineteen oh five, 415 four fifteen."""
    if len(digits) not in (3, 4) or digits[0] == "0":
        return
    head, tail = digits[:-2], digits[-2:]
    if tail == "00":
        yield (*_cardinal(int(head)), "hundred")
    elif tail[0] == "0":
        for zero in ("oh", "zero"):
            yield (*_cardinal(int(head)), zero, _ONES[int(tail[1])])
    else:
        yield (*_cardinal(int(head)), *_cardinal(int(tail)))


def _with_and(number: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if "hundred" in number[:-1]:
        at = len(number) - number[::-1].index("hundred")
        if 0 < at < len(number):
            yield (*number[:at], "and", *number[at:])
    if number[:1] == ("one",) and len(number) > 1 and number[1] in ("hundred", "thousand", "million"):
        yield ("a", *number[1:])


def _ordinal(number: tuple[str, ...]) -> tuple[str, ...]:
    last = number[-1]
    word = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return (*number[:-1], "eighth" if word == "eightth" else word)


def _plural(word: str) -> str:
    return word[:-1] + "ies" if word.endswith("y") else word + ("es" if word.endswith("x") else "s")


def _has_vowel(word: str) -> bool:
    return any(char in "aeiouy" for char in word)


def arpabet(phonemes: str) -> str:
    """Write phonemes of hibari's alphabet as ARPAbet without stress, `HH AH L OW`.

    Vowel and following `ɹ` become `ER` where the vowel is `ɜ` or `ə`. Signs with no sound of their own are
    dropped. Source: CMUdict's phone set; hibari's alphabet is misaki's.
    """
    phones: list[str] = []
    for char in phonemes:
        if char in _VOWELS:
            phones.append(_VOWELS[char])
        elif char == "ɹ" and phones and phones[-1] == "ER":
            continue
        elif char in _CONSONANTS:
            if _CONSONANTS[char] == "R" and phones and phones[-1] == "AH" and phonemes.find("ə" + char) >= 0:
                phones[-1] = "ER"
            else:
                phones.append(_CONSONANTS[char])
    return " ".join(phones)


def phones_of(word: str, *, read: Callable[[str], str | None]) -> str:
    """Return ARPAbet phones for a word that no dictionary has, empty when it cannot be read.

    Args:
        word: lower-case letters and apostrophes.
        read: turns letters into hibari phonemes.
    """
    folded = unicodedata.normalize("NFKD", word)
    plain = "".join(char for char in folded if not unicodedata.combining(char)).replace("'", "")
    return arpabet(read(plain) or "") if plain else ""


def is_figure(token: str) -> bool:
    """Tell whether a written word is a figure or the name of one, or a single letter as in spelling."""
    bare = "".join(char for char in token.lower() if char.isalnum())
    return (
        bare in _FIGURE_WORDS
        or any(char.isdecimal() for char in bare)
        or (len(bare) == 1 and bare not in "ai")
    )
