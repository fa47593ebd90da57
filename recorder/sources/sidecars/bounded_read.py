"""Read small untrusted files that lie beside media: bounded, through no link, without anything that expands."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree
from xml.parsers import expat

from redaction.errors import UnreadableInput

__all__ = [
    "LARGEST_TEXT",
    "named_columns",
    "names_in",
    "people_in",
    "read_csv",
    "read_json",
    "read_table",
    "read_text",
    "read_xml",
]

LARGEST_TEXT: Final = 8 << 20
_DEEPEST: Final = 40
_MOST_ELEMENTS: Final = 200_000
_MOST_ROWS: Final = 5_000
_PERSON_KEYS: Final = frozenset(
    {"displayname", "email", "emailaddress", "firstname", "fullname", "lastname", "name", "nick", "nickname"}
    | {"owner", "realname", "sender", "useremail", "username"}
)
_NAME_PARTS: Final = ("family", "first", "given", "last", "sur")

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def read_text(untrusted_path: Path, *, what: str) -> str:
    """Return a file's text.

    Args:
        untrusted_path: the file.
        what: what it is, for the sentence of an error, such as `chat`.

    Raises:
        UnreadableInput: it is a link or no regular file, larger than 8 MiB, or not UTF-8.
    """
    try:
        descriptor = os.open(untrusted_path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):
        raise UnreadableInput(
            f"The {what} beside a recording cannot be read, or is a link; put the file itself there."
        ) from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise UnreadableInput(f"The {what} beside a recording is not a regular file.")
    with os.fdopen(descriptor, "rb") as file:
        if found.st_size > LARGEST_TEXT:
            raise UnreadableInput(f"The {what} beside a recording is larger than 8 MiB; shorten it.")
        try:
            data = file.read(LARGEST_TEXT + 1)
        except OSError:
            raise UnreadableInput(f"The {what} beside a recording cannot be read.") from None
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise UnreadableInput(f"The {what} beside a recording is not UTF-8 text; save it as UTF-8.") from None
    if len(data) > LARGEST_TEXT or "\0" in text:
        raise UnreadableInput(f"The {what} beside a recording is not text.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(untrusted_path: Path, *, what: str) -> Json:
    """Return a JSON document of bounded depth.

    Raises:
        UnreadableInput: as `read_text` says, or it is no JSON, or nested deeper than 40 levels.
    """
    text = read_text(untrusted_path, what=what)
    sentence = f"The {what} beside a recording is not JSON that can be understood."
    if _depth(text) > _DEEPEST:
        raise UnreadableInput(sentence)
    try:
        document: Json = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise UnreadableInput(sentence) from None
    return document


def _depth(text: str) -> int:
    """Return how deeply brackets are nested, without parsing; brackets in strings count too high, never too low."""
    deepest = depth = 0
    inside = escaped = False
    for letter in text:
        if inside:
            inside = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            inside = True
        elif letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > _DEEPEST:
                break
        elif letter in "]}":
            depth -= 1
    return deepest


def people_in(document: Json) -> Iterator[str]:
    """Yield every name and mail address in a JSON document, told by the keys that call systems use."""
    if isinstance(document, dict):
        for key, value in document.items():
            plain = key.replace("_", "").replace("-", "").casefold()
            if isinstance(value, str) and plain in _PERSON_KEYS:
                yield value
            else:
                yield from people_in(value)
    elif isinstance(document, list):
        for value in document:
            yield from people_in(value)


def read_xml(untrusted_path: Path, *, what: str) -> ElementTree.Element:
    """Return the root of an XML document without a document type, so without entities.

    Raises:
        UnreadableInput: as `read_text` says, or it is no XML, declares a document type, is nested deeper than 40
            levels, or has over 200,000 elements.
    """
    text = read_text(untrusted_path, what=what)
    sentence = (
        f"The {what} beside a recording is not XML that can be understood, or declares a document type."
    )
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate(encoding="utf-8")
    watch = _Watch(builder)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = watch.refuse
    parser.EntityDeclHandler = watch.refuse
    parser.ExternalEntityRefHandler = watch.refuse
    parser.StartElementHandler = watch.start
    parser.EndElementHandler = watch.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text.encode(), True)
        return builder.close()
    except (expat.ExpatError, ValueError, AssertionError):
        raise UnreadableInput(sentence) from None


class _Watch:
    def __init__(self, builder: ElementTree.TreeBuilder) -> None:
        self._builder = builder
        self._depth = 0
        self._elements = 0

    def refuse(self, *_what: object) -> int:
        raise ValueError("declaration")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > _DEEPEST or self._elements > _MOST_ELEMENTS:
            raise ValueError("out of bounds")
        self._builder.start(tag, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._builder.end(tag)


def read_table(untrusted_path: Path) -> list[list[str]]:
    """Return the rows of a list of people that are not blank.

    Raises:
        UnreadableInput: as `read_text` says, or it is no CSV, or has over 5,000 rows.
    """
    text = read_text(untrusted_path, what="list of people")
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    try:
        rows = [
            row
            for row in csv.reader(io.StringIO(text), delimiter=delimiter)
            if any(cell.strip() for cell in row)
        ]
    except csv.Error:
        raise UnreadableInput("The list of people beside a recording is not CSV.") from None
    if len(rows) > _MOST_ROWS:
        raise UnreadableInput("The list of people beside a recording has over 5,000 rows.")
    return rows


def named_columns(header: Sequence[str]) -> dict[int, str]:
    """Return the columns of a table that hold names or mail addresses: place and plain heading."""
    heads = ["".join(filter(str.isalpha, cell.casefold())) for cell in header]
    return {
        at: head for at, head in enumerate(heads) if "name" in head or "mail" in head or head in _PERSON_KEYS
    }


def names_in(row: Sequence[str], columns: Mapping[int, str]) -> list[str]:
    """Return the names of one row; a first and a last name are joined too."""
    cells = {at: row[at].strip() for at in columns if at < len(row) and row[at].strip()}
    parts = [text for at, text in cells.items() if columns[at].startswith(_NAME_PARTS)]
    return [*cells.values(), *([" ".join(parts)] if len(parts) == 2 else [])]


def read_csv(untrusted_path: Path) -> list[str]:
    """Return the names and mail addresses of a list of people.

    With a header that has a column for names or mail addresses only such columns count, and a first and a last name
    are joined; without one every cell with a letter does.

    Raises:
        UnreadableInput: as `read_text` says, or it is no CSV, or has over 5,000 rows.
    """
    rows = read_table(untrusted_path)
    if not rows:
        return []
    columns = named_columns(rows[0])
    if not columns:
        return [cell.strip() for row in rows for cell in row if any(map(str.isalpha, cell))]
    return [name for row in rows[1:] for name in names_in(row, columns)]
