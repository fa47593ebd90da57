"""Small files beside media: read whole, bounded, through no link, and nothing in them expands."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.sources.sidecars.bounded_read import (
    LARGEST_TEXT,
    people_in,
    read_csv,
    read_json,
    read_text,
    read_xml,
)
from redaction.errors import UnreadableInput

_NAME = "Adaeze Okonkwo"
_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">'
    '<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]><a>&d;</a>'
)
_OUTSIDE = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>'


def _refusal(read: Callable[[], object]) -> str:
    with pytest.raises(UnreadableInput) as caught:
        read()
    told = f"{caught.value.sentence} {caught.value.__cause__} {caught.value.args}"
    assert "Adaeze" not in told
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value.sentence


def test_text_in_the_encodings_that_are_used(tmp_path: Path) -> None:
    """UTF-8 with and without a mark, UTF-16 with one, and any end of line."""
    path = tmp_path / "a.txt"
    for data in (b"Zo\xc3\xab\r\nb", b"\xef\xbb\xbfZo\xc3\xab\rb", "Zoë\nb".encode("utf-16")):
        path.write_bytes(data)
        assert read_text(path, what="chat") == "Zoë\nb"


@pytest.mark.parametrize("data", [b"\xff\xfe\xff", b"a\0b", b"\xe4\xf6", b"x" * (LARGEST_TEXT + 1)])
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    """Other encodings, binary and what is too large end in a sentence."""
    path = tmp_path / f"{_NAME}.txt"
    path.write_bytes(data)
    _refusal(lambda: read_text(path, what="chat"))


@pytest.mark.timeout(10)
def test_links_pipes_and_folders_are_refused(tmp_path: Path) -> None:
    """A link is not followed, even to a file beside it, and a pipe is not waited for."""
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "link").symlink_to(tmp_path / "a.txt")
    os.mkfifo(tmp_path / "pipe")
    assert "link" in _refusal(lambda: read_text(tmp_path / "link", what="chat"))
    _refusal(lambda: read_text(tmp_path / "pipe", what="chat"))
    _refusal(lambda: read_text(tmp_path, what="chat"))
    _refusal(lambda: read_text(tmp_path / f"{_NAME}.txt", what="chat"))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 50 + "1" + "}" * 50, "{", '{"name": "Adaeze', "[1,]", ""]
)
def test_json_out_of_bounds(tmp_path: Path, text: str) -> None:
    """Nesting without end, and what is cut off, end in a sentence before anything deep is built."""
    path = tmp_path / "metadata.json"
    path.write_text(text)
    _refusal(lambda: read_json(path, what="metadata"))


def test_brackets_in_strings_do_not_count(tmp_path: Path) -> None:
    """A flat document with many brackets in a name is read."""
    path = tmp_path / "metadata.json"
    path.write_text('{"name": "' + "[" * 100 + '\\"[" }')
    assert list(people_in(read_json(path, what="metadata"))) == ["[" * 100 + '"[']


def test_people_are_found_by_the_keys_of_call_systems() -> None:
    """Names and addresses are found at any depth; other values are not taken for names."""
    document = {
        "participants": [{"user": {"name": "A", "email": "b"}, "group": "x"}],
        "timeline": [{"username": "c"}],
    }
    assert list(people_in(document)) == ["A", "b", "c"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", [_LAUGHS, _OUTSIDE, "<a>" * 100 + "</a>" * 100, "<a>Adaeze", "<a/>" * 2, "", "<a>&nothing;</a>"]
)
def test_xml_that_expands_nests_or_breaks(tmp_path: Path, text: str) -> None:
    """A document type, entities of any kind, nesting without end and broken markup are refused."""
    path = tmp_path / "slides_new.xml"
    path.write_text(text)
    _refusal(lambda: read_xml(path, what="list of events"))


def test_xml_with_too_many_elements(tmp_path: Path) -> None:
    """More elements than any recording has are refused."""
    path = tmp_path / "slides_new.xml"
    path.write_text("<a>" + "<b/>" * 200_001 + "</a>")
    _refusal(lambda: read_xml(path, what="list of events"))


def test_csv_columns_with_names(tmp_path: Path) -> None:
    """Only columns of names and addresses count, first and last names are joined; without a header all cells do."""
    path = tmp_path / "a.csv"
    path.write_text("Vorname;First name;Last name;Duration\nx;Adaeze;Okonkwo;5\n")
    assert {"Adaeze", "Okonkwo", "Adaeze Okonkwo"} <= set(read_csv(path))
    assert "5" not in read_csv(path)
    path.write_text("Adaeze Okonkwo,12\nDaniel Carter,13\n")
    assert read_csv(path) == ["Adaeze Okonkwo", "Daniel Carter"]


def test_csv_out_of_bounds(tmp_path: Path) -> None:
    """Too many rows and a field without end are refused."""
    path = tmp_path / "a.csv"
    path.write_text("a\n" * 5_001)
    _refusal(lambda: read_csv(path))
    path.write_text("x" * 200_000)
    _refusal(lambda: read_csv(path))
