"""Redacting needs no network, tries none, and writes nowhere but into the bundle's partial folder."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from redaction.weights import cache_root
from samples.make import Sample
from tests.e2e.conftest import run_offrecord

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

_CALLS = (
    "network,openat,open,creat,openat2,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,linkat"
)
# The last is a POSIX semaphore: a lock of 32 bytes in memory, made by multiprocessing.
_HARMLESS = ("/dev/null", "/dev/tty", "/dev/urandom", "/dev/dri/", "/proc/self/", "/dev/shm/sem.")
_PATH = re.compile(r'(?:AT_FDCWD|\d+)(?:<([^>]*)>)?, "((?:[^"\\]|\\.)*)"|^"((?:[^"\\]|\\.)*)"')
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+|\?)")


def _permitted(command: list[str]) -> bool:
    return shutil.which(command[0]) is not None and (
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    )


def test_redacting_works_without_a_network(short_call: Sample, tmp_path: Path) -> None:
    """With no network at all, not even a loopback, redaction succeeds."""
    cut = ["unshare", "--user", "--map-root-user", "--net"]
    if not _permitted([*cut, "true"]):
        cut = ["unshare", "--net"]
        if not _permitted([*cut, "true"]):
            pytest.skip("unshare --net is not permitted here, so the network cannot be cut")
    done = run_offrecord(["redact", str(short_call.path), "-o", str(tmp_path / "out")], before=cut)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("*.offrecord"))) == 1


@pytest.fixture(scope="module")
def trace(short_call: Sample, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """Every line of a trace of one redaction, and its output folder."""
    if not _permitted(["strace", "-o", "/dev/null", "true"]):
        pytest.skip("strace is missing or not permitted here, so the process cannot be traced")
    folder = tmp_path_factory.mktemp("traced")
    log, out = folder / "trace", folder / "out"
    fast = (
        ["--seccomp-bpf"] if _permitted(["strace", "--seccomp-bpf", "-f", "-o", "/dev/null", "true"]) else []
    )
    before = ["strace", "-f", *fast, "-y", "-s", "4096", "-o", str(log)]
    before += ["-e", f"trace={_CALLS},prlimit64,setrlimit,prctl", "-e", "signal=none"]
    done = run_offrecord(["redact", str(short_call.path), "-o", str(out)], before=before)
    assert done.returncode == 0, done.stderr
    lines = _whole(log.read_text(encoding="utf-8", errors="replace").splitlines())
    assert any("recording.mp4" in line for line in lines), "the trace saw nothing"
    return lines, out


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


def test_no_internet_socket_is_touched(trace: tuple[list[str], Path]) -> None:
    """Not one call names an internet address, and no internet socket is made."""
    touched = [line for line in trace[0] if re.search(r"\b(?:AF|PF)_INET6?\b", line)]
    assert touched == []


def test_nothing_is_written_outside_the_partial_folder(trace: tuple[list[str], Path]) -> None:
    """Every file that is opened for writing, made, renamed or removed lies in the partial folder of the bundle."""
    lines, out = trace
    seen, elsewhere = 0, []
    for line in lines:
        call = _CALL.match(line)
        if call is None or call[3].startswith("-"):
            continue
        if call[1].startswith("open") and not re.search(
            r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE", call[2]
        ):
            continue
        if call[1] in ("prlimit64", "setrlimit", "prctl") or not re.match(
            r"open|creat|rename|unlink|mkdir|link", call[1]
        ):
            continue
        paths = _paths(call[2])
        seen += len(paths)
        elsewhere += [line for path in paths if not _allowed(path, out)]
    assert elsewhere == []
    assert seen > 5


def _paths(arguments: str) -> list[str]:
    found = []
    for folder, name, bare in _PATH.findall(arguments):
        path = name or bare
        found.append(path if path.startswith("/") else f"{folder}/{path}")
    return found


def _allowed(path: str, out: Path) -> bool:
    if path.startswith(_HARMLESS) or path == str(out) or path.startswith(f"{cache_root()}/"):
        return True
    below = re.fullmatch(
        rf"{re.escape(str(out))}/recording-[0-9a-f]{{12}}\.offrecord(\.partial)?(/.*)?", path
    )
    # Under its final name the bundle is only ever the target of one renaming, never written into.
    return below is not None and (below[1] is not None or below[2] is None)


def test_core_dumps_are_off_and_nobody_may_attach(trace: tuple[list[str], Path]) -> None:
    """The process sets its limit of core dumps to nothing and makes itself undumpable."""
    assert any(re.search(r"RLIMIT_CORE, \{rlim_cur=0, rlim_max=0\}", line) for line in trace[0])
    assert any(re.search(r"prctl\(PR_SET_DUMPABLE, (?:0|SUID_DUMP_DISABLE)", line) for line in trace[0])
