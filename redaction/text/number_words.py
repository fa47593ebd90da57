"""Number words of other tongues, read as the English ones, so that a number read out is found there too."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["READ", "number_word"]

_ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
)
# In the order of the English words above.
_WORDS: Mapping[str, str] = {
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis "
    "diecisiete dieciocho diecinueve veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "fr": "zero un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept "
    "dix-huit dix-neuf vingt trente quarante cinquante soixante septante octante nonante",
    "de": "null eins zwei drei vier funf sechs sieben acht neun zehn elf zwolf dreizehn vierzehn funfzehn sechzehn "
    "siebzehn achtzehn neunzehn zwanzig dreissig vierzig funfzig sechzig siebzig achtzig neunzig",
    "it": "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici "
    "sedici diciassette diciotto diciannove venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    "nl": "nul een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien "
    "zeventien achttien negentien twintig dertig veertig vijftig zestig zeventig tachtig negentig",
    "pt": "zero um dois tres quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezessete "
    "dezoito dezenove vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
}
_TABLES = {
    language: {word: english for word, english in zip(words.split(), _ENGLISH.split(), strict=True)}
    for language, words in _WORDS.items()
}
_TABLES["de"] |= {"zwo": "two", "fuenf": "five", "dreißig": "thirty"}
_TABLES["pt"] |= {"meia": "six"}

# Tongues of which the model reads at least names, towns and numbers. All words of another are masked.
READ = frozenset({"en", *_WORDS})


def number_word(core: str, language: str) -> str:
    """Return the English number word for a folded word of another tongue, or the word itself."""
    return _TABLES[language].get(core, core) if language in _TABLES else core
