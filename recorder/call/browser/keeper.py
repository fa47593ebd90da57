"""Keeps the browser for the recorder: starts it, and when either is gone ends the rest and removes the folder.

A process of its own, run by its path with nothing imported but the standard library, so that a recorder that dies of
SIGKILL leaves neither a browser nor a profile. It learns of the recorder's end by the end of its standard input.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import time

__all__ = ["keep"]

_REMOVALS = 20
_PAUSE_S = 0.1
_LOOK_S = 0.5


def keep(folder: str, reading: int, writing: int, command: list[str]) -> int:
    """Run a command with its DevTools pipe at the descriptors 3 and 4 until it ends or standard input does."""
    child = os.fork()
    if child == 0:
        os.setsid()
        # out of the way first: each may have the other's number
        high = [os.dup2(one, place) for one, place in ((reading, 200), (writing, 201))]
        for place, one in zip((3, 4), high, strict=True):
            os.dup2(one, place)
        os.closerange(5, 256)
        silent = os.open(os.devnull, os.O_RDWR)
        for place in (0, 1, 2):
            os.dup2(silent, place)
        try:
            os.execv(command[0], command)  # noqa: S606 - the browser
        except OSError:
            os._exit(127)
    os.close(reading)
    os.close(writing)
    ended = False
    while not ended and not select.select([0], [], [], _LOOK_S)[0]:
        ended = os.waitpid(child, os.WNOHANG)[0] != 0
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if not ended:
        os.waitpid(child, 0)
    _remove(folder)
    return 0


def _remove(folder: str) -> None:
    """Remove the folder, again as long as a process that is dying still writes in it."""
    for _ in range(_REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return
        time.sleep(_PAUSE_S)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(keep(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
