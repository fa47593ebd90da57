"""A worker process that redacts nothing: it does what the name of its recording says.

`published`, `refused`, `dies` (of kill -9, each time), `dies-once`, `slow` (until it is told to end).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

from recorder.batch.contract import Hello, Outcome, OutcomeState, Step, WorkItem

TRIES = "tries"


def main() -> int:
    """Answer every line."""
    hello = Hello.model_validate_json(sys.stdin.buffer.readline())
    signal.signal(signal.SIGTERM, lambda *_: os._exit(130))
    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)  # as the real one: no longer than its supervisor
    for line in sys.stdin.buffer:
        item = WorkItem.model_validate_json(line)
        kind = item.source.rpartition("/")[2].partition(".")[0]
        tries = hello.job.state / TRIES
        again = tries.exists() and item.id in tries.read_text()
        with tries.open("a") as file:
            file.write(f"{item.id} {kind} {os.getpid()} {os.getppid()}\n")
        _say(Step(item=item.id, worker=hello.name, stage="opening", media_seconds=1.0))
        if kind == "dies" or (kind == "dies-once" and not again):
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "slow":
            time.sleep(60)
        refused = kind == "refused"
        state = OutcomeState.REFUSED if refused else OutcomeState.PUBLISHED
        _say(Outcome(item=item.id, state=state, status=5 if refused else 0, reason="no" if refused else ""))
    return 0


def _say(message: Step | Outcome) -> None:
    os.write(1, message.model_dump_json().encode() + b"\n")


if __name__ == "__main__":
    os._exit(main())
