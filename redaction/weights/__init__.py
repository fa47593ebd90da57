"""The list of model files and the check that each is the one that was measured."""

from redaction.weights.catalog import CATALOG, GROUPS, Carrier, Member, ModelEntry, select
from redaction.weights.locate import cache_root, check_entry, identify, locate, read
from redaction.weights.sessions import Session, open_session

__all__ = [
    "CATALOG",
    "GROUPS",
    "Carrier",
    "Member",
    "ModelEntry",
    "Session",
    "cache_root",
    "check_entry",
    "identify",
    "locate",
    "open_session",
    "read",
    "select",
]
