"""Where the repository and the measuring data are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["ROOT", "SHARED_DATA"]

ROOT: Final = Path(__file__).resolve().parents[1]
SHARED_DATA: Final = Path(os.environ.get("OFFRECORD_SHARED_DATA", ROOT.parent / "shared" / "data"))
"""Data that is no part of the repository; a test that needs it skips where it is absent."""
