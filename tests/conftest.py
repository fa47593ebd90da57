"""Which tests are slow: those behind a real model, and those that run the whole command."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

_WHOLE_COMMAND: Final = ("cli", "e2e")


@pytest.fixture(scope="session")
def real_models() -> None:
    """Stand before a model: a fixture that loads one asks for this, and every test behind it is slow."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make check` leaves out."""
    here = Path(__file__).parent
    for item in items:
        room = item.path.relative_to(here).parts[0]
        if room in _WHOLE_COMMAND or "real_models" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
