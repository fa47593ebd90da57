"""What is marked slow by its place is there, so that a test which moved is not run without its models."""

from __future__ import annotations

from tests.conftest import SLOW
from tests.paths import ROOT


def test_every_slow_place_exists() -> None:
    """Each place of the list is a test module or a folder of them."""
    assert [place for place in SLOW if not (ROOT / "tests" / place).exists()] == []
