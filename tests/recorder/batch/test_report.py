"""The report and the table: every recording once, worst first, nobody's name."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

from recorder.batch.contract import Found, OutcomeState
from recorder.batch.ledger.ledger import BatchLedger
from recorder.batch.report import REPORT, TABLE, write_batch_report
from recorder.batch.summary import attention_rank
from tests.recorder.batch.fakes import outcome


def test_report_and_table(tmp_path: Path) -> None:
    """Refusals by reason, what is worth a look with the worst first, a table whose sha256 the report states."""
    with BatchLedger(tmp_path, create=True) as store:
        store.begin("d" * 64)
        names = [Found(source=f"/calls/Adaeze {n}.mp4", size=9 - n, version="1") for n in range(5)]
        store.plan(names, key=b"k" * 32, spec="/calls", present=(), retry=False)
        figures = [{"minors_seen": 1.0}, {"gap_share": 0.5, "faces": 3.0}, {}]
        ids = []
        for values in figures:
            item = store.claim()
            assert item is not None
            ids.append(item.id)
            attention = ("V1: 0:01 could not be read (<damaged>).",) if values.get("gap_share") else ()
            store.finish(outcome(item).model_copy(update={"figures": values, "attention": attention}))
        item = store.claim()
        assert item is not None
        store.finish(outcome(item, OutcomeState.REFUSED, status=5))
        page = write_batch_report(store, tmp_path, links="../").read_text()
    table = (tmp_path / TABLE).read_bytes()
    rows = list(csv.DictReader(table.decode().splitlines()))
    assert sorted(row["state"] for row in rows) == [
        "pending",
        "published",
        "published",
        "published",
        "refused",
    ]
    assert hashlib.sha256(table).hexdigest() in page
    assert page.index(ids[1]) < page.index(ids[0])
    assert ids[2] not in page
    assert item.id in page
    assert f'href="../recording-{ids[0]}.offrecord/report.html"' in page
    assert "&lt;damaged&gt;" in page
    assert "1 recordings are still to do" in page
    for written in (page, table.decode()):
        assert "Adaeze" not in written
    assert {path.name for path in tmp_path.iterdir() if path.stat().st_size} == {
        "batch.sqlite",
        REPORT,
        TABLE,
    }


def test_figures_weigh_failures_over_oddities() -> None:
    """A failed check weighs more than lost time, lost time more than somebody young, and nothing weighs nothing."""
    weights = [
        attention_rank(figures)
        for figures in (
            {"checks_failed": 1},
            {"gap_share": 0.3},
            {"minors_seen": 1},
            {"faces": 4, "duration": 60},
        )
    ]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] == 0
