"""Reads the word lists that the search for personal data goes by; a language is a folder of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

__all__ = ["LISTS", "WordLists", "word_sections", "word_set", "word_table"]


class WordLists:
    """The lists below a folder, `<language>/<name>.txt`.

    A line is one entry, a word or a phrase, folded; in a table its value follows. A line that begins with `#` is a
    comment, and one in square brackets opens a section. Without a language, a list holds the entries of every folder:
    a cue leads to a name in whatever tongue the name is said. What a word is in its own tongue (an everyday word, a
    number) is looked up by language.

    Raises:
        KeyError: no folder has a list of that name.
    """

    def __init__(self, root: Traversable) -> None:
        self._root = root

    @property
    def languages(self) -> tuple[str, ...]:
        """The folders, English first, the others by name."""
        found = sorted(one.name for one in self._root.iterdir() if one.is_dir() and one.name.isalpha())
        return tuple(sorted(found, key=lambda name: name != "en"))

    def has(self, name: str, language: str) -> bool:
        """Tell whether a language has a list."""
        return self._root.joinpath(language, f"{name}.txt").is_file()

    def words(self, name: str, language: str | None = None) -> frozenset[str]:
        """Return the entries of a list, of all its sections."""
        return frozenset(entry for _, entry in self._entries(name, language))

    def sections(self, name: str, language: str | None = None) -> dict[str, tuple[str, ...]]:
        """Return the entries by section, in order; what stands before the first section is under the empty name."""
        found: dict[str, list[str]] = {}
        for section, entry in self._entries(name, language):
            found.setdefault(section, []).append(entry)
        return {section: tuple(entries) for section, entries in found.items()}

    def table(self, name: str, language: str | None = None) -> dict[str, str]:
        """Return what each word of a table stands for, in order; nothing where no value follows it."""
        pairs = (entry.partition(" ") for _, entry in self._entries(name, language))
        return {word: value.strip() for word, _, value in pairs}

    def _entries(self, name: str, language: str | None) -> list[tuple[str, str]]:
        chosen = self.languages if language is None else (language,)
        found = [one for one in chosen if self.has(name, one)]
        if not found:
            raise KeyError(name)
        return [pair for one in found for pair in self._read(name, one)]

    def _read(self, name: str, language: str) -> Iterator[tuple[str, str]]:
        section = ""
        text = self._root.joinpath(language, f"{name}.txt").read_text(encoding="utf-8")
        for line in map(str.strip, text.splitlines()):
            if line.startswith("[") and line.endswith("]"):
                section = line[1:-1]
            elif line and not line.startswith("#"):
                yield section, " ".join(line.split())


LISTS = WordLists(files("redaction.text").joinpath("words"))


@cache
def word_set(name: str, language: str | None = None) -> frozenset[str]:
    """Return the entries of one of the lists that ship with the program."""
    return LISTS.words(name, language)


@cache
def word_table(name: str, language: str | None = None) -> dict[str, str]:
    """Return one of the tables that ship with the program."""
    return LISTS.table(name, language)


@cache
def word_sections(name: str, language: str | None = None) -> dict[str, tuple[str, ...]]:
    """Return the entries by section of one of the lists that ship with the program."""
    return LISTS.sections(name, language)
