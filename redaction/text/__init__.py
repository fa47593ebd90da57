"""Finds personal data in recognised words and writes what may be kept of them."""

from redaction.text.find import PersonalDataFinder
from redaction.text.pseudonyms import assign
from redaction.text.redact import redact_utterances

__all__ = ["PersonalDataFinder", "assign", "redact_utterances"]
