"""The report, made of the files of a bundle alone, so that it can be made again of any bundle."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from recorder.bundle.log import LOG, read_log
from recorder.bundle.manifest import Manifest
from recorder.bundle.quality import Quality
from recorder.bundle.report.attention import attention
from recorder.bundle.report.charts import CHART_HEIGHT, CHART_WIDTH, charts
from recorder.bundle.report.page import figures, report_page
from recorder.bundle.report.stills import report_stills
from recorder.bundle.report.timeline import file_rows, participant_lanes, ticks
from recorder.bundle.transcript import TranscriptFile
from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.bundle.writer import BundleWriter, settle_replaced, taken_over
from recorder.runtime.storage import storage_errors
from redaction.errors import UnreadableInput

__all__ = ["REPORT_FILE", "rebuild_report", "report_of", "write_report"]

REPORT_FILE = "report.html"


def report_of(bundle: Path, manifest: Manifest) -> str:
    """Return the page of a bundle whose other files stand.

    Args:
        bundle: the folder.
        manifest: of it; its list of files and the end of its log are not used.

    Raises:
        OSError, ValueError: a file of the bundle cannot be read.
    """
    log = read_log(bundle / LOG)
    transcript = _transcript(bundle / "transcript.json")
    call = manifest.participants is not None
    return report_page(
        manifest=manifest,
        attention=attention(manifest, log),
        figures=figures(manifest),
        stills=report_stills(bundle, manifest, log),
        rows=() if call else file_rows(manifest, transcript, log),
        ticks=ticks(manifest.duration),
        redacted=manifest.redacted,
        call=None
        if manifest.participants is None
        else {
            "participants": manifest.participants,
            "people": [
                participant_lanes(entry, manifest, transcript, log) for entry in manifest.participants.people
            ],
            **_connections(bundle / "quality.json", manifest.duration),
        },
    )


def write_report(bundle: Path, manifest: Manifest) -> None:
    """Write `report.html` of a bundle whose other files stand.

    Raises:
        OSError: it cannot be written.
    """
    (bundle / REPORT_FILE).write_text(report_of(bundle, manifest), encoding="utf-8")


def rebuild_report(untrusted_bundle: Path) -> Path:
    """Make the report of a published bundle again and put it in the place of the old one; nothing else changes.

    The bundle with the new report is built next to the old one, which stands until the new one is whole. Killed at any
    time, it can be run again.

    Returns:
        The new report.

    Raises:
        UnreadableInput: there is no bundle, or it holds what this version does not understand.
        RedactionIncomplete: the bundle is not whole.
        StorageFailed: the disk refused; the old bundle stands.
    """
    bundle = untrusted_bundle.absolute()
    if bundle.suffix != ".offrecord" or bundle.is_symlink():
        raise UnreadableInput(
            "There is no bundle at that place; name a folder, not a link, that ends in .offrecord."
        )
    settle_replaced(bundle)
    verify_bundle(bundle)
    manifest = read_manifest(bundle)
    writer = BundleWriter(bundle.parent, bundle.name.removesuffix(".offrecord"), replace=True)
    try:
        with storage_errors():
            for name in manifest.files:
                if name != REPORT_FILE:
                    taken_over(bundle / name, writer.path(name))
            try:
                write_report(writer.partial, manifest)
            except (ValidationError, ValueError, KeyError, TypeError):
                raise UnreadableInput(
                    "The bundle holds what this version does not understand; nothing was changed."
                ) from None
        path = writer.publish(manifest.model_copy(update={"files": writer.file_entries()}))
    finally:
        writer.discard()
    return path / REPORT_FILE


def _transcript(path: Path) -> TranscriptFile | None:
    return TranscriptFile.model_validate_json(path.read_bytes()) if path.is_file() else None


def _connections(path: Path, duration: float) -> dict[str, object]:
    people = Quality.model_validate_json(path.read_bytes()).participants if path.is_file() else ()
    plots = charts({person.id: person.seconds for person in people}, duration=duration)
    return {
        "charts": plots,
        "key": {line.label: line.colour for chart in plots for line in chart.lines},
        "width": CHART_WIDTH,
        "height": CHART_HEIGHT,
    }
