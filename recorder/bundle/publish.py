"""The one way out: write a bundle's words, log, report and manifest, seal it, and give it its final name."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from recorder.bundle.chat import CHAT, write_chat
from recorder.bundle.contents import BundleContents, voice_note
from recorder.bundle.log import LOG, ChainedLog, read_log
from recorder.bundle.manifest import BundleState, FileEntry, Manifest, VoiceEntry
from recorder.bundle.quality import write_quality
from recorder.bundle.report.attention import attention
from recorder.bundle.report.build import write_report
from recorder.bundle.transcript import write_transcript
from recorder.bundle.verify_files import check_contents, read_manifest
from recorder.bundle.writer import LIVE, MANIFEST, BundleWriter
from recorder.call.consent.receipts import Receipts
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from redaction.errors import RedactionIncomplete, UnreadableInput
from redaction.model import Event, EventKind

__all__ = ["Published", "publish", "publish_sealed"]


@dataclass(frozen=True, slots=True)
class Published:
    """A published bundle; `attention` is what a person should look at first, worst first."""

    path: Path
    manifest: Manifest
    seconds_taken: float
    attention: tuple[str, ...] = ()


def publish(
    contents: BundleContents,
    writer: BundleWriter,
    log: ChainedLog,
    *,
    began: float,
    run: Run,
    before_publishing: Callable[[], None] | None = None,
) -> Published:
    """Write everything but the media, and publish it.

    Args:
        contents: what is published.
        writer: of the bundle; every file in its folder, but for those under `live`, becomes a part of it.
        log: begun; it is completed and closed.
        began: monotonic time at which the work began.
        run: stops it, until the bundle is sealed.
        before_publishing: looks once more, when all is whole, and raises if it must not be published.

    Raises:
        StorageFailed: the disk refused.
        Interrupted: somebody asked to stop.
    """
    with storage_errors():
        _write_words(contents, writer)
        _write_call_files(contents, writer)
    with closing(log):
        log.extend(contents.events)
        for check in contents.checks:
            detail = {"check": check.name, "passed": "yes" if check.passed else "no"}
            log.append(Event(EventKind.VERIFY, detail=detail))
        log.append(Event(EventKind.STATE, detail={"state": str(BundleState.PUBLISHED)}))
    manifest = _manifest(contents)
    with storage_errors():
        write_report(writer.partial, manifest)
        lines = attention(manifest, read_log(writer.partial / LOG))
    manifest = manifest.model_copy(
        update={"files": _entries(writer), "log_head": log.head, "log_lines": log.count}
    )
    run.check()
    writer.seal(manifest)
    if before_publishing is not None:
        before_publishing()
    _remove_live(writer)
    return Published(writer.publish(manifest), manifest, time.monotonic() - began, tuple(lines))


def publish_sealed(writer: BundleWriter) -> Published | None:
    """Publish what a run left that died after everything was whole; None when there is no such thing.

    Raises:
        StorageFailed: the disk refused.
    """
    began = time.monotonic()
    if not (writer.partial / MANIFEST).is_file():
        return None
    try:
        manifest = read_manifest(writer.partial)
        check_contents(writer.partial, manifest, besides=LIVE)
    except (UnreadableInput, RedactionIncomplete):
        return None
    _remove_live(writer)
    return Published(writer.publish(manifest), manifest, time.monotonic() - began)


def _remove_live(writer: BundleWriter) -> None:
    with storage_errors():
        shutil.rmtree(writer.partial / LIVE, ignore_errors=True)


def _entries(writer: BundleWriter) -> dict[str, FileEntry]:
    return {name: entry for name, entry in writer.file_entries().items() if not name.startswith(f"{LIVE}/")}


def _write_words(contents: BundleContents, writer: BundleWriter) -> None:
    if contents.transcript is not None:
        write_transcript(
            contents.transcript,
            vtt=writer.path("transcript.vtt"),
            json_path=writer.path("transcript.json"),
            names=contents.names,
        )
    if contents.chat:
        write_chat(contents.chat, writer.path(CHAT))


def _write_call_files(contents: BundleContents, writer: BundleWriter) -> None:
    if contents.quality is not None:
        write_quality(contents.quality, writer.path("quality.json"))
    if contents.receipts:
        document = Receipts(receipts=contents.receipts)
        writer.path("receipts.json").write_text(document.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _manifest(contents: BundleContents) -> Manifest:
    """Return the manifest but for the files and the end of the log."""
    origin = contents.origin
    return Manifest(
        state=BundleState.PUBLISHED,
        version=origin.version,
        created=origin.created,
        expires=origin.expires,
        purpose=origin.purpose,
        retention_days=origin.retention_days,
        policy_digest=origin.policy_digest,
        policy=dict(origin.policy),
        models=origin.models,
        duration=round(contents.duration, 3),
        tracks=contents.tracks,
        gaps=contents.gaps,
        coverage=contents.coverage,
        redacted=dict(contents.redacted),
        voice=VoiceEntry(method=origin.voice, note=voice_note(origin.voice)),
        checks=contents.checks,
        notes=contents.notes,
        participants=contents.participants,
        review=origin.review,
        hints=origin.hints,
        stills=contents.stills,
        files={},
        log_lines=0,
        log_head="",
    )
