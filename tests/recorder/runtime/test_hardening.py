"""The process: what libraries and threads say carries nothing of anybody."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from recorder.runtime.hardening import lower_priority

_SPEAKING = """
import asyncio, logging, threading
from recorder.runtime.hardening import silence_libraries

silence_libraries()

def broken(words):
    raise ValueError(f"could not read {words}")

async def call():
    asyncio.get_running_loop().call_soon(broken, "Rosalinde Marker")
    task = asyncio.ensure_future(asyncio.to_thread(broken, "Rosalinde Marker"))
    await asyncio.wait([task])
    del task

asyncio.run(call())
logging.getLogger("aiortc").warning("said %s", "Rosalinde Marker")
thread = threading.Thread(target=broken, args=("Rosalinde Marker",))
thread.start()
thread.join()
"""


def test_what_libraries_and_threads_say_carries_no_content() -> None:
    """Errors of callbacks, tasks, loggers and threads tell their kind on stderr, and no value or line of code."""
    ran = subprocess.run(
        [sys.executable, "-c", _SPEAKING], capture_output=True, text=True, timeout=60, check=True
    )
    assert "Rosalinde" not in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert "asyncio reports ValueError" in ran.stderr
    assert "aiortc reports a problem" in ran.stderr
    assert "a thread ended (ValueError" in ran.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a nice value is the process's")
def test_a_thread_steps_back_with_those_that_it_starts_and_no_other() -> None:
    """The thread and what it starts give way; the one that started it does not."""
    told: list[int] = []

    def tell() -> None:
        told.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def back() -> None:
        lower_priority()
        tell()
        later = threading.Thread(target=tell)
        later.start()
        later.join()

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=back)
    thread.start()
    thread.join()
    tell()
    assert told[2] == before
    assert told[0] == told[1] == min(19, max(before, 5))
