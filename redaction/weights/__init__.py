"""The list of model files and the check that each is the one that was measured."""

from redaction.weights.catalog import CATALOG, GROUPS, Carrier, Member, ModelEntry, select
from redaction.weights.locate import (
    TEMPORARY,
    cache_root,
    check_entry,
    identify,
    locate,
    read,
    require,
    strangers,
)
from redaction.weights.sessions import Session, open_session

__all__ = [
    "CATALOG",
    "GROUPS",
    "TEMPORARY",
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
    "require",
    "select",
    "strangers",
]
