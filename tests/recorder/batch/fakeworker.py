"""A worker that does with a recording what its name says; started like the true one, `python -m`."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from recorder.batch.contract import Hello, Outcome, OutcomeState, Step, WorkItem


def main() -> None:
    """Answer every line."""
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    hello = Hello.model_validate_json(sys.stdin.buffer.readline())
    for line in sys.stdin.buffer:
        item = WorkItem.model_validate_json(line)
        if Path(item.source).name == "opens for ever":
            time.sleep(60)
        channel.write(_step(item, hello, 0.0))
        _act(item, hello, channel.fileno())
        done = Outcome(
            item=item.id,
            state=OutcomeState.PUBLISHED,
            bundle=str(os.getpid()),
            worker=hello.name,
            media_seconds=1.0,
            seconds=0.1,
        )
        channel.write(done.model_dump_json().encode() + b"\n")


def _step(item: WorkItem, hello: Hello, reached: float) -> bytes:
    step = Step(
        item=item.id, worker=hello.name, stage="words A1", reached=reached, total=9, media_seconds=0.01
    )
    return step.model_dump_json().encode() + b"\n"


def _act(item: WorkItem, hello: Hello, channel: int) -> None:
    name = Path(item.source).name
    print("a secret word", file=sys.stderr, flush=True)
    if name == "hangs":
        time.sleep(60)
    elif name == "hangs on":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    elif name == "exits":
        os._exit(9)
    elif name == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    elif name == "eats":
        eaten = []
        for _ in range(40):
            eaten.append(b"x" * (64 << 20))
            time.sleep(0.05)
    elif name == "babbles":
        os.write(channel, b"a secret word\n")
        time.sleep(60)
    elif name == "shouts":
        os.write(channel, b"x" * (3 << 20))
        time.sleep(60)
    elif name == "crawls":
        for number in range(1, 600):
            os.write(channel, _step(item, hello, float(number)))
            time.sleep(0.1)
    elif name == "waits":
        time.sleep(0.5)


if __name__ == "__main__":
    main()
