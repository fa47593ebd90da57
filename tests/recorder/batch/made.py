"""Published bundles without redaction."""

from __future__ import annotations

from pathlib import Path

from recorder.bundle.log import ChainedLog
from recorder.bundle.writer import BundleWriter
from tests.recorder.bundle.test_writer import log_course, manifest_for

__all__ = ["made_bundle"]


def made_bundle(
    folder: Path, name: str, *, words: str = "words", extra: str = "tracks/p02-screen.mp4"
) -> Path:
    """Publish a bundle of a few files into a local folder and return it."""
    writer = BundleWriter(folder, name, replace=True)
    writer.path("recording.mp4").write_bytes(b"redacted")
    writer.path("transcript.vtt").write_text(words)
    writer.path(extra).write_bytes(b"redacted too")
    log = ChainedLog(writer.path("log.jsonl"))
    log_course(log)
    return writer.publish(manifest_for(writer, log))
