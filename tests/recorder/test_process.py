"""The process: what libraries and threads say carries nothing of anybody."""

from __future__ import annotations

import subprocess
import sys

_SPEAKING = """
import asyncio, logging, threading
from recorder.process import hush

hush()

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
