"""Display names: handed on within bounds, the first of everybody before others, and none lost at the end."""

from __future__ import annotations

from recorder.live.capture import display_names as module
from recorder.live.capture.display_names import DisplayNames


def test_a_few_names_are_handed_on_at_once() -> None:
    """In an ordinary call nobody waits."""
    masked: list[str] = []
    names = DisplayNames(masked.extend)
    for number in range(30):
        names.add(f"Name {number}", first=True, time=1.0)
    assert masked == [f"Name {number}" for number in range(30)]


def test_a_flood_waits_and_first_names_come_first() -> None:
    """Beyond the bound names wait; who joins then is masked before whoever renames themselves all the time."""
    masked: list[str] = []
    names = DisplayNames(masked.extend)
    for number in range(1500):
        names.add(f"Mallory {number}", first=False, time=1.0)
    assert len(masked) == module._BURST
    names.add("Rosalinde Marker", first=True, time=1.0)
    assert "Rosalinde Marker" not in masked
    names.hand_on(2.0)
    assert masked[module._BURST] == "Rosalinde Marker"
    assert len(masked) == module._BURST + module._PER_SECOND
    names.hand_on_all()
    assert len(masked) == 1501


def test_a_call_has_a_bound_that_leaves_out_no_first_name() -> None:
    """Renames beyond the bound of a call are counted and left out; a newcomer's name is not."""
    masked: list[str] = []
    names = DisplayNames(masked.extend)
    for number in range(module._MOST_RENAMES + 50):
        names.add(f"Mallory {number}", first=False, time=number)
    assert names.left_out == 50
    names.add("Rosalinde Marker", first=True, time=9e9)
    assert masked[-1] == "Rosalinde Marker"
