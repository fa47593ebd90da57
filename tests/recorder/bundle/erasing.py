"""Who is in a call that somebody is erased from, and what is looked for in its bundle afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np

from recorder.bundle.erase import erase_participant
from recorder.bundle.publish import Published
from recorder.runtime.context import Run

__all__ = ["ADA", "BLUE", "BOB", "EVE", "GREEN", "RED", "erased", "has_colour", "log_of"]

ADA, BOB, EVE = "a" * 16, "b" * 16, "e" * 16
BLUE, RED, GREEN = (40, 80, 160), (160, 60, 40), (20, 160, 90)


def erased(bundle: Path, **who: str) -> Published:
    """Erase somebody."""
    return erase_participant(bundle, run=Run(), **who)  # type: ignore[arg-type]


def log_of(bundle: Path) -> list[dict[str, Any]]:
    """Return the lines of the log."""
    return [json.loads(line) for line in (bundle / "log.jsonl").read_text().splitlines()]


def has_colour(path: Path, colour: tuple[int, int, int]) -> bool:
    """Tell whether a fair part of any picture of a file has a colour."""
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 5:
                continue
            picture = frame.to_ndarray(format="rgb24").astype(int)
            if (np.abs(picture - np.array(colour)).max(axis=2) < 30).mean() > 0.02:
                return True
    return False
