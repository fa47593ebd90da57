"""Rules that know personal data by the words around it, each a table and the code that reads it."""

from redaction.text.rules.answers import find_answers
from redaction.text.rules.table import RULES, apply

__all__ = ["RULES", "apply", "find_answers"]
