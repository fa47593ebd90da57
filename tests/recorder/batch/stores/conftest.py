"""What tests of stores share: an S3 server that fails when it is told to, and a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder.batch.stores import remote_source as remote_sources
from tests.media import make_clip
from tests.recorder.batch.faulty_s3 import BUCKET, FaultyS3, faulty_s3

__all__ = ["recording", "s3", "server", "small_blocks"]


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyS3]:
    with faulty_s3() as s3:
        yield s3


@pytest.fixture
def s3(server: FaultyS3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FaultyS3:
    """The server, empty and whole; state goes to a folder of the test."""
    server.heal()
    for path in server.fs.find(BUCKET):
        server.fs.rm_file(path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return server


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds, of several blocks in the tests' size."""
    return make_clip(tmp_path_factory.mktemp("r") / "laura.mkv", seconds=4.0, size=(320, 240)).path


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 4 KiB, so that a small recording has many."""
    monkeypatch.setattr(remote_sources, "BLOCK_BYTES", 1 << 12)
