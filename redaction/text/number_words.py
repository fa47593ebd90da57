"""Number words of other languages, read as the English ones, so that a number read out is found there too."""

from __future__ import annotations

from functools import cache

from redaction.text.vocabulary import LISTS, word_table

__all__ = ["CHECKED", "READ", "number_word"]

# Languages of which the model reads at least names, towns and numbers. All words of another are masked.
READ = frozenset(language for language in LISTS.languages if LISTS.has("numbers", language))

# Of these, languages with lists of dates of birth as well: what is told to be in another, rather than said to be by the
# policy, is masked.
CHECKED = frozenset(language for language in READ if LISTS.has("birth_cues", language))


@cache
def _english(language: str) -> dict[str, str]:
    usual: dict[str, str] = {}
    for word, value in word_table("numbers", "en").items():
        usual.setdefault(value, word)
    return {word: usual[value] for word, value in word_table("numbers", language).items()}


def number_word(core: str, language: str) -> str:
    """Return the English number word for a folded word of another language, or the word itself."""
    return _english(language).get(core, core) if language in READ and language != "en" else core
