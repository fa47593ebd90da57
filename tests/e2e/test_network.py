"""Redacting needs no network, tries none, and writes nowhere but into the bundle's partial folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from samples.make import Sample
from tests.e2e.conftest import run_offrecord
from tests.e2e.tracing import permitted, traced, written

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_redacting_works_without_a_network(short_call: Sample, tmp_path: Path) -> None:
    """With no network at all, not even a loopback, redaction succeeds."""
    cut = ["unshare", "--user", "--map-root-user", "--net"]
    if not permitted([*cut, "true"]):
        cut = ["unshare", "--net"]
        if not permitted([*cut, "true"]):
            pytest.skip("unshare --net is not permitted here, so the network cannot be cut")
    done = run_offrecord(["redact", str(short_call.path), "-o", str(tmp_path / "out")], before=cut)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("*.offrecord"))) == 1


@pytest.fixture(scope="module")
def trace(short_call: Sample, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """Every line of a trace of one redaction, and its output folder."""
    folder = tmp_path_factory.mktemp("traced")
    out = folder / "out"
    lines = traced(["redact", str(short_call.path), "-o", str(out)], folder)
    return lines, out


def test_no_internet_socket_is_touched(trace: tuple[list[str], Path]) -> None:
    """Not one call names an internet address, and no internet socket is made."""
    touched = [line for line in trace[0] if re.search(r"\b(?:AF|PF)_INET6?\b", line)]
    assert touched == []


def test_nothing_is_written_outside_the_partial_folder(trace: tuple[list[str], Path]) -> None:
    """Every file that is opened for writing, made, renamed or removed lies in the partial folder of the bundle."""
    lines, out = trace
    found = list(written(lines))
    assert [line for line, path in found if not _allowed(path, out)] == []
    assert len(found) > 5


def _allowed(path: str, out: Path) -> bool:
    if path == str(out):
        return True
    below = re.fullmatch(
        rf"{re.escape(str(out))}/recording-[0-9a-f]{{32}}\.offrecord(\.partial)?(/.*)?", path
    )
    # Under its final name the bundle is only ever the target of one renaming, never written into.
    return below is not None and (below[1] is not None or below[2] is None)


def test_core_dumps_are_off_and_nobody_may_attach(trace: tuple[list[str], Path]) -> None:
    """The process sets its limit of core dumps to nothing and makes itself undumpable."""
    assert any(re.search(r"RLIMIT_CORE, \{rlim_cur=0, rlim_max=0\}", line) for line in trace[0])
    assert any(re.search(r"prctl\(PR_SET_DUMPABLE, (?:0|SUID_DUMP_DISABLE)", line) for line in trace[0])
