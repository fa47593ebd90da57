"""A batch touches no network and writes nowhere but into its bundles and its own folder; its workers neither."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.conftest import needs_models
from tests.e2e.tracing import traced, written
from tests.media import make_clip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_nothing_is_sent_and_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    """Driver and worker: no internet socket, no core dump, no debugger; no file outside the destination."""
    needs_models()
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    make_clip(source / "Adaeze Okonkwo.mp4", seconds=0.6, size=(160, 120), audio=None)
    lines = traced(["batch", str(source), str(out), "--quiet", "--jobs", "1"], tmp_path)
    assert [line for line in lines if re.search(r"\b(?:AF|PF)_INET6?\b", line)] == []
    inside = re.compile(
        rf"{re.escape(str(out))}(/\.offrecord-batch(/.*)?|/recording-[0-9a-f]{{16}}\.offrecord(\.partial(/.*)?)?)?"
    )
    found = [
        (line, path) for line, path in written(lines) if not re.fullmatch(r"/proc/\d+/oom_score_adj", path)
    ]
    assert [line for line, path in found if not inside.fullmatch(path)] == []
    assert {path.rsplit("/", 1)[-1] for _, path in found} >= {"recording.mp4", "batch.sqlite", "report.html"}
    for guard in (
        r"RLIMIT_CORE, \{rlim_cur=0, rlim_max=0\}",
        r"prctl\(PR_SET_DUMPABLE, (?:0|SUID_DUMP_DISABLE)",
    ):
        assert len({line.split()[0] for line in lines if re.search(guard, line)}) >= 2, "driver and worker"
    assert any(re.search(r"prctl\(PR_SET_PDEATHSIG, SIGKILL", line) for line in lines)
