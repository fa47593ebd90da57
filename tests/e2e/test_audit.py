"""`offrecord audit` fails what others left, passes what redaction stores, and writes and sends nothing."""

from __future__ import annotations

import json
import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from recorder.commands.audit import audit_command
from tests.attacked import StagedFaces, blurred_copy, stage_faces, stage_voices
from tests.e2e.conftest import run_offrecord
from tests.e2e.tracing import traced, written
from tests.recorder.audit.conftest import attackers

__all__ = ["attackers"]


@pytest.fixture(scope="module")
def staged(attackers: None, tmp_path_factory: pytest.TempPathFactory) -> StagedFaces:
    """Six faces in a gallery, in a folder of their own."""
    return stage_faces(tmp_path_factory.mktemp("originals") / "call.mp4")


@pytest.fixture(scope="module")
def bundles(staged: StagedFaces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gallery, redacted by default, everybody declared an adult so that their bodies stay."""
    folder = tmp_path_factory.mktemp("redacted")
    policy = folder.parent / "adults.toml"
    policy.write_text("[minors]\nall_declared_adult = true\n")
    done = run_offrecord(["redact", str(staged.path), "-o", str(folder), "--policy", str(policy), "--quiet"])
    assert done.returncode == 0, done.stderr
    return folder


def audited(arguments: list[str], *, status: int) -> dict[str, Any]:
    """Run the command in this process, which has everything imported, and return its rows by attack."""
    said = StringIO()
    with redirect_stdout(said):
        ended = audit_command.main(
            [*arguments, "--json", "--quiet", "--every", "0.5"], "offrecord audit", standalone_mode=False
        )
    assert ended == status, said.getvalue()
    return {row["attack"]: row for row in json.loads(said.getvalue())["attacks"]}


_SEEN = ["--attack", "faces", "--attack", "people", "--attack", "emotion", "--attack", "membership"]


def test_an_unredacted_copy_fails_and_says_where(staged: StagedFaces) -> None:
    """Faces are left and recognised, feelings are read, the file's name stands there; places are told by number."""
    rows = audited([str(staged.path), "--originals", str(staged.path.parent), *_SEEN], status=3)
    assert rows["faces-left"]["verdict"] == "failed"
    assert rows["faces-left"]["figure"] == 1
    assert rows["faces-left"]["control"]["passed"]
    assert rows["faces-left"]["findings"][0] == {"recording": "file 1", "time": 0.0, "kind": "face"}
    assert rows["faces-covered"]["verdict"] == "failed"
    assert rows["faces-covered"]["figure"] == 0
    people = [row for name, row in rows.items() if name.startswith("re-identification")]
    assert [row["verdict"] for row in people] == ["failed"] * 4
    assert rows["emotion, face"]["verdict"] == "failed"


def test_what_redaction_stores_passes(staged: StagedFaces, bundles: Path, tmp_path: Path) -> None:
    """No face is left or recognised, feelings are at chance within their interval, and the page to keep says so."""
    page = tmp_path / "audit.html"
    rows = audited(
        [str(bundles), "--originals", str(staged.path.parent), *_SEEN, "--html", str(page)], status=0
    )
    assert rows["faces-left"]["verdict"] == rows["faces-covered"]["verdict"] == "passed"
    assert rows["faces-covered"]["trials"] >= 12
    people = [row for name, row in rows.items() if name.startswith("re-identification")]
    assert [row["verdict"] for row in people] == ["passed"] * 4
    assert all(row["control"]["figure"] == 1 for row in people)
    feelings = rows["emotion, face"]
    assert feelings["verdict"] == "passed"
    assert feelings["interval"]["low"] <= feelings["chance"] <= feelings["interval"]["high"]
    assert rows["membership-names"]["verdict"] == "passed"
    assert rows["membership"]["facts"]["by the bundle's name"] == 1
    assert "No attack broke its limit" in page.read_text(encoding="utf-8")


def test_a_blurred_copy_fails_on_re_identification(staged: StagedFaces, tmp_path: Path) -> None:
    """Who knows pictures blurred the same way names people, though no detector need see a face."""
    blurred = blurred_copy(staged, tmp_path / "call.mp4", sigma=6)
    rows = audited([str(blurred), "--originals", str(staged.path.parent), "--attack", "people"], status=3)
    assert rows["re-identification, MobileFaceNet, enrolled redacted the same way"]["verdict"] == "failed"


def test_disguise_fails_on_voices_and_resynthesis_passes(attackers: None, tmp_path: Path) -> None:
    """So say both attackers; of disguise the weaker recogniser, which errs in 14 % on the originals, may be unsure."""
    stage_voices(
        tmp_path / "original", disguise=tmp_path / "disguise", resynthesize=tmp_path / "resynthesize"
    )
    originals = ["--originals", str(tmp_path / "original"), "--attack", "voices"]
    rows = audited([str(tmp_path / "disguise"), *originals], status=3)
    assert voice_verdicts(rows, "CAM++") == ["failed", "failed"]
    assert "passed" not in voice_verdicts(rows, "Resemblyzer")
    rows = audited([str(tmp_path / "resynthesize"), *originals, "--attack", "emotion"], status=0)
    for recogniser in ("CAM++", "Resemblyzer"):
        assert voice_verdicts(rows, recogniser) == ["passed", "passed"]
    assert rows["emotion, voice"]["control"]["passed"]


def voice_verdicts(rows: dict[str, Any], recogniser: str) -> list[str]:
    """Return what is judged of voices by a recogniser, ignorant and informed; within a recording nothing is."""
    return [rows[f"voices, {recogniser}, {attacker}"]["verdict"] for attacker in ("ignorant", "informed")]


def test_an_audit_sends_nothing_and_writes_the_page_alone(
    staged: StagedFaces, bundles: Path, tmp_path: Path
) -> None:
    """No connection is attempted; besides the page no file is made, so no crop and no vector is either."""
    page = tmp_path / "audit.html"
    arguments = ["audit", str(bundles), "--originals", str(staged.path.parent), "--every", "2", "--quiet"]
    lines = traced([*arguments, *_SEEN, "--html", str(page)], tmp_path)
    assert {Path(path).name for _, path in written(lines)} <= {"audit.html", ".audit.html.partial"}
    assert [line for line in lines if re.search(r"\b(connect|sendto|sendmsg)\(.*AF_INET", line)] == []


def test_an_attack_without_its_control_says_nothing(staged: StagedFaces, tmp_path: Path) -> None:
    """Six people who are one: the control cannot tell them apart, so nothing is judged, and --strict fails."""
    same = stage_faces(tmp_path / "same.mp4", seconds=1, alike=True)
    arguments = [str(same.path), "--originals", str(same.path), "--attack", "people"]
    rows = audited([*arguments], status=0)
    assert "passed" not in {row["verdict"] for row in rows.values()}
    audited([*arguments, "--strict"], status=3)
