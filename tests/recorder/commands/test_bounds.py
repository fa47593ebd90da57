"""A recording that stalls, takes too long or too much memory is given up, with the status of a batch."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from recorder.batch.contract import ItemLimits
from recorder.commands.bounds import within_bounds
from recorder.runtime.context import Cancellation, Silent
from redaction.errors import ExitCode, InternalError

MUCH = 1 << 50


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (ItemLimits(memory_bytes=MUCH, stall_s=0.3), "Nothing moved"),
        (ItemLimits(memory_bytes=MUCH, least_s=0.2, seconds_per_media_second=0.1), "It took more"),
        (ItemLimits(memory_bytes=1 << 20), "MiB of memory"),
    ],
)
def test_a_bound_stops_the_run(limits: ItemLimits, sentence: str) -> None:
    """Whichever bound is passed, the stages are asked to stop, and the reason is known."""
    cancellation = Cancellation()
    cleaned: list[bool] = []
    with (
        pytest.raises(InternalError),
        within_bounds(
            Silent(), cancellation, seconds=1, clean=lambda: cleaned.append(True), limits=limits
        ) as progress,
    ):
        for _ in range(300):
            time.sleep(0.02)
            if sentence != "Nothing moved":
                progress.reach("picture", 0.0)
            cancellation.check()
    assert sentence in progress.reason
    assert not cancellation.cancelled, "nobody asked"
    assert not cleaned, "who stops in time cleans up by itself"


def test_what_moves_goes_on() -> None:
    """A run within its bounds is left alone."""
    limits = ItemLimits(memory_bytes=MUCH, stall_s=2)
    with within_bounds(Silent(), Cancellation(), seconds=1, clean=lambda: None, limits=limits) as progress:
        for _ in range(30):
            progress.reach("picture", 0.0)
            time.sleep(0.02)
    assert progress.reason == ""


def test_who_does_not_answer_is_ended() -> None:
    """A stage that hangs in a library does not keep the process: it cleans up, says why, and ends with status 1."""
    script = (
        "import time\n"
        "from recorder.batch.contract import ItemLimits\n"
        "from recorder.commands.bounds import within_bounds\n"
        "from recorder.runtime.context import Cancellation, Silent\n"
        "limits = ItemLimits(memory_bytes=1 << 50, stall_s=0.2)\n"
        "clean = lambda: print('cleaned', flush=True)\n"
        "with within_bounds(Silent(), Cancellation(), seconds=1, clean=clean, limits=limits, grace_s=0.5):\n"
        "    time.sleep(60)\n"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == int(ExitCode.INTERNAL)
    assert done.stdout == "cleaned\n"
    assert "Nothing moved for 0 s" in done.stderr
    assert time.monotonic() - began < 40
