"""One report over all recordings of a destination, and the table that somebody can sign. Ids only, never a name."""

from __future__ import annotations

import csv
import hashlib
import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from recorder import __version__
from recorder.batch.ledger.ledger import BatchLedger, Record, RecordState
from recorder.batch.summary import attention_rank
from recorder.runtime.storage import storage_errors

__all__ = ["REPORT", "TABLE", "write_batch_report", "write_table"]

REPORT: Final = "report.html"
TABLE: Final = "table.csv"
_MOST_LOOKS: Final = 100
_MOST_IDS: Final = 20
_MOST_GROUPS: Final = 50
_COLUMNS: Final = (
    "id",
    "state",
    "status",
    "reason",
    "tries",
    "media_seconds",
    "seconds",
    "attention_rank",
    "bundle",
)
_ODD: Final = {
    "bare_picture": "No face was found in the whole picture.",
    "bare_sound": "Nothing that was said could be made out.",
    "minors_seen": "Somebody was treated as a minor and removed.",
}


@dataclass(slots=True)
class _Group:
    reason: str
    status: int
    count: int = 0
    ids: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _ReviewEntry:
    id: str
    link: str
    length: str
    faces: int
    minors: int
    words: int
    why: tuple[str, ...]


def write_batch_report(store: BatchLedger, folder: Path, *, links: str) -> Path:
    """Write table and report into the folder, each whole or not at all; memory does not grow with the recordings.

    Args:
        store: of the destination.
        folder: where they go.
        links: what leads from the report to the bundles, such as `../`; empty when they cannot be reached from it.

    Raises:
        StorageFailed: they cannot be written.
    """
    digest = write_table(store, folder / TABLE)
    counts = store.counts()
    published, refused = counts.of(RecordState.PUBLISHED), counts.of(RecordState.REFUSED)
    listed = max(1, published + refused + counts.left)
    looks, worth = _review_entries(store, links)
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            published=published,
            refused=refused,
            left=counts.left,
            published_share=round(100 * published / listed, 2),
            refused_share=round(100 * refused / listed, 2),
            groups=_groups(store),
            looks=looks,
            worth=worth,
            facts=_facts(store),
            table=TABLE,
            table_sha256=digest,
            total=sum(counts.states.values()),
            now=datetime.now(UTC),
            version=__version__,
        )
    )
    place = folder / REPORT
    _replace(place, [page])
    return place


def write_table(store: BatchLedger, place: Path) -> str:
    """Write the table of all recordings and return its sha256."""
    return _replace(place, _table_lines(store))


def _table_lines(store: BatchLedger) -> Iterator[str]:
    yield _row(_COLUMNS)
    for record in store.records():
        yield _row(
            (
                record.id,
                record.state,
                record.status,
                record.reason,
                record.tries,
                record.media_seconds,
                record.seconds,
                attention_rank(record.figures),
                record.bundle,
            )
        )


def _row(values: tuple[object, ...]) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def _replace(place: Path, parts: Iterator[str] | list[str]) -> str:
    digest = hashlib.sha256()
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    with storage_errors():
        try:
            with fresh.open("wb") as file:
                for part in parts:
                    data = part.encode()
                    digest.update(data)
                    file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(place)
        finally:
            fresh.unlink(missing_ok=True)
    return digest.hexdigest()


def _groups(store: BatchLedger) -> list[_Group]:
    groups: dict[tuple[str, int], _Group] = {}
    for record in store.records(RecordState.REFUSED):
        key = (record.reason, record.status)
        if key not in groups and len(groups) >= _MOST_GROUPS:
            key = ("Other reasons; the table has them.", 0)
        group = groups.setdefault(key, _Group(*key))
        group.count += 1
        if len(group.ids) < _MOST_IDS:
            group.ids.append(record.id)
    return sorted(groups.values(), key=lambda group: -group.count)


def _review_entries(store: BatchLedger, links: str) -> tuple[list[_ReviewEntry], int]:
    """Return the recordings that weigh most, and how many weigh anything."""
    worth = 0
    best: list[tuple[float, str, Record]] = []
    for record in store.records(RecordState.PUBLISHED):
        weight = attention_rank(record.figures)
        if weight <= 0 and not record.attention:
            continue
        worth += 1
        heapq.heappush(best, (weight, record.id, record))
        if len(best) > _MOST_LOOKS:
            heapq.heappop(best)
    return [
        _review_entry(record, links) for _, _, record in sorted(best, key=lambda item: (-item[0], item[1]))
    ], worth


def _review_entry(record: Record, links: str) -> _ReviewEntry:
    figures = record.figures
    odd = [sentence for sign, sentence in _ODD.items() if figures.get(sign)]
    return _ReviewEntry(
        id=record.id,
        link=f"{links}{record.bundle}/report.html" if links and record.bundle else "",
        length=_clock(record.media_seconds),
        faces=int(figures.get("faces", 0)),
        minors=int(figures.get("minors", 0)),
        words=int(figures.get("personal_words", 0)),
        why=tuple([*record.attention, *odd][:6]),
    )


def _facts(store: BatchLedger) -> list[tuple[str, str]]:
    counts = store.counts()
    sums = {"faces": 0.0, "minors": 0.0, "personal_words": 0.0, "gaps": 0.0}
    for record in store.records(RecordState.PUBLISHED):
        for key in sums:
            sums[key] += record.figures.get(key, 0.0)
    hours, work = counts.media_seconds / 3600, counts.seconds / 3600
    facts = [(state.capitalize(), f"{count:,}") for state, count in counts.states.items()]
    facts += [("Media", f"{hours:,.2f} hours"), ("Worker time", f"{work:,.2f} hours")]
    if work > 0:
        facts.append(("Media hours per worker hour", f"{hours / work:.2f}"))
    return facts + [(key.replace("_", " ").capitalize(), f"{value:,.0f}") for key, value in sums.items()]


def _clock(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"


def _environment() -> Environment:
    return Environment(
        loader=ChoiceLoader(
            [PackageLoader("recorder.batch", "templates"), PackageLoader("recorder.bundle", "templates")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
    )
