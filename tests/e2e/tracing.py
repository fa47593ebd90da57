"""Runs the real command under strace and tells what it touched."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from redaction.weights import cache_root
from tests.e2e.conftest import run_offrecord

__all__ = ["HARMLESS", "permitted", "traced", "written"]

_CALLS = (
    "network,openat,open,creat,openat2,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,linkat"
)
# The last is a POSIX semaphore: a lock of 32 bytes in memory, made by multiprocessing.
HARMLESS = ("/dev/null", "/dev/tty", "/dev/urandom", "/dev/dri/", "/proc/self/", "/dev/shm/sem.")
_PATH = re.compile(r'(?:AT_FDCWD|\d+)(?:<([^>]*)>)?, "((?:[^"\\]|\\.)*)"|^"((?:[^"\\]|\\.)*)"')
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+|\?)")


def permitted(command: list[str]) -> bool:
    """Tell whether a command is here and may be run."""
    return shutil.which(command[0]) is not None and (
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    )


def traced(arguments: Sequence[str], folder: Path, *, status: int = 0) -> list[str]:
    """Return every line of a trace of the command and all its children, or skip where nothing can be traced."""
    if not permitted(["strace", "-o", "/dev/null", "true"]):
        pytest.skip("strace is missing or not permitted here, so the process cannot be traced")
    log = folder / "trace"
    fast = (
        ["--seccomp-bpf"] if permitted(["strace", "--seccomp-bpf", "-f", "-o", "/dev/null", "true"]) else []
    )
    before = ["strace", "-f", *fast, "-y", "-s", "4096", "-o", str(log)]
    before += ["-e", f"trace={_CALLS},prlimit64,setrlimit,prctl", "-e", "signal=none"]
    done = run_offrecord(arguments, before=before)
    assert done.returncode == status, done.stderr
    lines = _whole(log.read_text(encoding="utf-8", errors="replace").splitlines())
    assert any("recording.mp4" in line for line in lines), "the trace saw nothing"
    return lines


def _whole(lines: list[str]) -> list[str]:
    """Join calls that strace shows in two parts because another thread came between."""
    waiting: dict[str, str] = {}
    joined = []
    for line in lines:
        number, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            waiting[number] = rest.removesuffix("<unfinished ...>")
        elif resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", rest):
            joined.append(f"{number} {waiting.pop(number, '')}{resumed[1].lstrip()}")
        else:
            joined.append(line)
    return joined


def written(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield line and path of every file that was opened for writing, made, renamed or removed, but models'."""
    for line in lines:
        call = _CALL.match(line)
        if (
            call is None
            or call[3].startswith("-")
            or not re.match(r"open|creat|rename|unlink|mkdir|link", call[1])
        ):
            continue
        if call[1].startswith("open") and not re.search(
            r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE", call[2]
        ):
            continue
        for path in _paths(call[2]):
            if not path.startswith((*HARMLESS, f"{cache_root()}/")):
                yield line, path


def _paths(arguments: str) -> list[str]:
    found = []
    for folder, name, bare in _PATH.findall(arguments):
        path = name or bare
        found.append(path if path.startswith("/") else f"{folder}/{path}")
    return found
