"""What this process must never do: dump core, write byte code, reach a hub, open files to others."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import resource
import sys
import threading
from typing import Final

__all__ = ["harden_process", "lower_priority", "place_of", "silence_libraries"]

_PR_SET_DUMPABLE: Final = 4
_M_ARENA_MAX: Final = -8
_M_MMAP_THRESHOLD: Final = -3
_M_TRIM_THRESHOLD: Final = -1
_LARGE_BYTES: Final = 6 << 20
_KEPT_BYTES: Final = 64 << 20
_BACK: Final = 5
_ENVIRONMENT: Final = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "GLOG_minloglevel": "3",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "OPENCV_LOG_LEVEL": "OFF",
    "ORT_DISABLE_TELEMETRY": "1",
    "CT2_VERBOSE": "-3",
}


def harden_process() -> None:
    """Turn off core dumps, byte code, telemetry and group access, before anything heavy is imported.

    Source: mallopt(3); prctl(2) PR_SET_DUMPABLE, which also keeps other processes of the user from attaching.
    """
    sys.dont_write_bytecode = True
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 2)  # a heap per thread keeps many pictures' worth of freed memory
        # Left alone, what is large for the heap grows to 32 MB, and 4K planes leave holes that are never given back.
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    os.environ.update(_ENVIRONMENT)
    # mediapipe imports it for microphones; looking for its library writes a temporary file.
    sys.modules["sounddevice"] = None  # type: ignore[assignment]


class _Wordless(logging.Filter):
    """Cuts what libraries log down to who logs and the kind of error: values and tracebacks may carry words."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        record.msg = f"offrecord: {record.name} reports {kind.__name__ if kind else 'a problem'}."
        record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None
        return True


def lower_priority() -> None:
    """Have the calling thread, and those that it starts, give way to the others while there is not enough for all.

    Source: sched(7), "the nice value is a per-thread attribute" on Linux; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            now = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, max(now, _BACK))  # root could raise it by mistake


def silence_libraries() -> None:
    """Have nothing said on stderr by libraries, threads and finalisers that could carry content of a call."""
    if logging.lastResort is not None:
        logging.lastResort.addFilter(_Wordless())

    def thread_ended(given: threading.ExceptHookArgs) -> None:
        if given.exc_value is not None:
            sys.stderr.write(f"offrecord: a thread ended ({place_of(given.exc_value)}).\n")

    threading.excepthook = thread_ended
    sys.unraisablehook = lambda _given: None


def place_of(error: BaseException) -> str:
    """Return type, module and line of the innermost frame of ours where an error arose; never a value."""
    place, trace = "", error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.split(".")[0] in ("recorder", "redaction"):
            place = f" at {module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__}{place}"
