"""Finds personal data in words with Presidio over a spaCy model, neither of which takes part in redaction."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from redaction.errors import ModelMissing
from redaction.weights import locate

__all__ = ["Finder", "FoundWords"]

_NAMES: Final = ("PERSON", "LOCATION")
_PATTERNS: Final = (
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "IP_ADDRESS",
    "US_SSN",
    "CRYPTO",
)
_SURE: Final = 0.4
_PSEUDONYM: Final = re.compile(r"\[[^\]\n]{0,60}\]")
_LONGEST: Final = 20_000


@dataclass(frozen=True, slots=True)
class FoundWords:
    """Something that may be personal.

    Attributes:
        start: first character of it in the text.
        end: one past its last.
        kind: Presidio's name of it.
        pattern: it has the form of an address or number, rather than being taken for a name.
    """

    start: int
    end: int
    kind: str
    pattern: bool


class Finder:
    """Searches English text."""

    def __init__(self) -> None:
        """Load both.

        Raises:
            ModelMissing: the group `audit` was not fetched, or the extra `audit` is not installed.
        """
        model = locate("audit.spacy_en")
        try:
            import tldextract
            from presidio_analyzer import AnalyzerEngine
            from presidio_analyzer.nlp_engine import NlpEngineProvider
        except ImportError:
            raise ModelMissing(
                "Presidio is not installed; install offrecord with its extra `audit`."
            ) from None
        # It would ask the network for a list of domain endings; the list that it carries is enough.
        tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
        configuration = {
            "nlp_engine_name": "spacy",
            "models": [{"lang_code": "en", "model_name": str(model)}],
            "ner_model_configuration": {
                "model_to_presidio_entity_mapping": {"PERSON": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION"},
                "labels_to_ignore": [
                    "CARDINAL", "DATE", "EVENT", "FAC", "LANGUAGE", "LAW", "MONEY", "NORP", "ORDINAL", "ORG",
                    "PERCENT", "PRODUCT", "QUANTITY", "TIME", "WORK_OF_ART",
                ],
                "low_score_entity_names": [],
            },
        }  # fmt: skip
        provider: Any = NlpEngineProvider(nlp_configuration=configuration)
        self._engine: Any = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])

    def find(self, text: str) -> list[FoundWords]:
        """Return what may be personal; what stands in brackets was put there by redaction and is none."""
        # Of the same length, so that places stay; a plain word reads on as the sentence did.
        masked = _PSEUDONYM.sub(lambda match: "it".ljust(len(match.group())), text[:_LONGEST])
        found: Iterable[Any] = self._engine.analyze(
            text=masked, language="en", entities=[*_NAMES, *_PATTERNS], score_threshold=_SURE
        )
        return [
            FoundWords(one.start, one.end, one.entity_type, one.entity_type in _PATTERNS)
            for one in sorted(found, key=lambda item: item.start)
        ]
