"""`offrecord audit` fails what others left, passes what redaction stores, and writes and sends nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.attacked import StagedFaces, stage_faces
from tests.e2e.conftest import run_offrecord
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
    """Run the command and return its rows by attack."""
    done = run_offrecord(["audit", *arguments, "--json", "--quiet", "--every", "0.5"])
    assert done.returncode == status, done.stdout + done.stderr
    return {row["attack"]: row for row in json.loads(done.stdout)["attacks"]}


def test_an_unredacted_copy_fails_and_says_where(staged: StagedFaces) -> None:
    """Faces are left in every second, none is covered, and each is named by number and second."""
    rows = audited([str(staged.path), "--originals", str(staged.path.parent), "--attack", "faces"], status=3)
    assert rows["faces-left"]["verdict"] == "failed"
    assert rows["faces-left"]["figure"] == 1
    assert rows["faces-left"]["control"]["passed"]
    assert rows["faces-left"]["findings"][0] == {"recording": "file 1", "time": 0.0, "kind": "face"}
    assert rows["faces-covered"]["verdict"] == "failed"
    assert rows["faces-covered"]["figure"] == 0


def test_what_redaction_stores_passes(staged: StagedFaces, bundles: Path, tmp_path: Path) -> None:
    """No face is left, every face is covered, and the page to keep says so."""
    page = tmp_path / "audit.html"
    arguments = [
        str(bundles),
        "--originals",
        str(staged.path.parent),
        "--attack",
        "faces",
        "--html",
        str(page),
    ]
    rows = audited(arguments, status=0)
    assert rows["faces-left"]["verdict"] == rows["faces-covered"]["verdict"] == "passed"
    assert rows["faces-covered"]["trials"] >= 12
    assert "No attack passed its limit" in page.read_text(encoding="utf-8")
