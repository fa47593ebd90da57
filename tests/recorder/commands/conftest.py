"""The package index made of files, for the verbs that fetch models."""

from __future__ import annotations

from tests.recorder.models.conftest import add_entry, cache, index

__all__ = ["add_entry", "cache", "index"]
