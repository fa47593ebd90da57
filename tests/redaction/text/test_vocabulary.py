"""The word lists: none is lost, none is left over, and another language is a folder."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from redaction.text import lexicon
from redaction.text.number_words import READ, number_word
from redaction.text.vocabulary import LISTS, WordLists, word_set
from tests.paths import ROOT

FOLDER = ROOT / "redaction" / "text" / "words"
COUNTS = Path(__file__).with_name("word_lists.txt")
USE = re.compile(r'(?:word_set|word_table|word_sections|of_kinds|of_sections|has)\(\s*"(\w+)"')


def lists() -> dict[str, Path]:
    """Return the list files by language and name."""
    return {f"{path.parent.name}/{path.stem}": path for path in sorted(FOLDER.glob("*/*.txt"))}


def test_no_list_is_lost() -> None:
    """Every list holds as many entries as `word_lists.txt` says; a change of a list is a change of that file."""
    counted = {name: len(LISTS.words(path.stem, path.parent.name)) for name, path in lists().items()}
    expected = {
        name: int(count) for name, count in (line.split() for line in COUNTS.read_text("utf-8").splitlines())
    }
    assert counted == expected


def test_every_list_is_used() -> None:
    """No list lies about that nothing reads, and none is read that is not there."""
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "redaction").rglob("*.py"))
    assert {path.stem for path in lists().values()} == set(USE.findall(sources))


@pytest.mark.parametrize("name", sorted(lists()))
def test_entries_are_folded(name: str) -> None:
    """An entry is written as words are compared: small, without accents, once in its section."""
    language, _, stem = name.partition("/")
    for section, entries in LISTS.sections(stem, language).items():
        assert len(set(entries)) == len(entries), section
        for entry in entries:
            assert [unicodedata.normalize("NFKD", entry), entry.casefold()] == [entry, entry]


def test_language_is_a_folder(tmp_path: Path) -> None:
    """A folder more adds its cues to the others and has everyday words and numbers of its own."""
    for language, name, text in (
        ("en", "cues", "# what is said before\n[PERSON]\nmy name is\n"),
        ("en", "ordinary", "window\n"),
        ("xx", "cues", "[PERSON]\nmo ainm is\n[PHONE]\nmo uimhir\n"),
        ("xx", "numbers", "a_haon 1\na_do 2\n"),
    ):
        (tmp_path / language).mkdir(exist_ok=True)
        (tmp_path / language / f"{name}.txt").write_text(text, encoding="utf-8")
    found = WordLists(tmp_path)
    assert found.languages == ("en", "xx")
    assert found.sections("cues") == {"PERSON": ("my name is", "mo ainm is"), "PHONE": ("mo uimhir",)}
    assert found.words("ordinary") == {"window"}
    assert not found.has("ordinary", "xx")
    assert found.table("numbers", "xx") == {"a_haon": "1", "a_do": "2"}
    with pytest.raises(KeyError):
        found.words("nothing")


def test_languages_that_are_read() -> None:
    """A language with number words is read; only one with everyday words can tell which words are strange."""
    assert {"en", "es", "fr", "de", "it", "nl", "pt"} <= READ
    assert number_word("meia", "pt") == "six"
    assert number_word("sept", "fr") == "seven"
    assert number_word("sept", "en") == "sept"
    assert lexicon.has_everyday_words("en")
    assert not lexicon.has_everyday_words("de")
    assert "thursday" in word_set("weekdays")
