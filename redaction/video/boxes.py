"""Boxes of one frame, taken together."""

from __future__ import annotations

from collections.abc import Iterable

from redaction.model import Box

__all__ = ["joined"]


def joined(boxes: Iterable[Box]) -> list[Box]:
    """Return boxes of which no two overlap and that hold all of the given ones: those that overlap become one."""
    result: list[Box] = []
    for box in boxes:
        current = box
        again = True
        while again:
            again = False
            for other in result:
                if other.intersection(current).area > 0:
                    current = current.union(other)
                    result.remove(other)
                    again = True
                    break
        result.append(current)
    return result
