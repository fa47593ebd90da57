"""What the tests of the audit share."""

from __future__ import annotations

import pytest

from redaction.weights import CATALOG
from redaction.weights.locate import cache_root

__all__ = ["attackers"]


@pytest.fixture(scope="session")
def attackers(real_models: None) -> None:
    """Skip where the models that attack were not fetched."""
    missing = sorted(
        {
            entry.group
            for entry in CATALOG.values()
            if entry.group in ("audit", "multilingual", "speakers")
            and not all((cache_root() / file).is_file() for file in entry.files)
        }
    )
    if missing:
        pytest.skip(
            f"the models that attack are not in the cache: offrecord models fetch {' '.join(missing)}"
        )
