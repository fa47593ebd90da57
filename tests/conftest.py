"""The order of a whole run: files that compute and files that wait take turns."""

from __future__ import annotations

from itertools import chain, zip_longest
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put a file that waits after each that computes, so that the cores are neither idle nor fought over."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    waiting = [tests for tests in files.values() if tests[0].get_closest_marker("waits")]
    computing = [tests for tests in files.values() if tests not in waiting]
    turns = zip_longest(computing, waiting, fillvalue=())
    items[:] = [item for tests in chain.from_iterable(turns) for item in tests]
