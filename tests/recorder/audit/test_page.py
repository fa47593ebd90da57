"""What people and programs are told of an audit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recorder.audit.attack import Audit
from recorder.audit.outcome import AttackOutcome, AuditVerdict, Control, Interval, LookAt
from recorder.audit.page import audit_document, headline, table_rows, write_audit_page
from redaction.errors import StorageFailed


def outcome(verdict: AuditVerdict) -> AttackOutcome:
    """Return a row with everything in it."""
    return AttackOutcome(
        "faces-left",
        "MTCNN <b>",
        "share of seconds",
        verdict,
        "Nowhere did both see a face.",
        0.25,
        Interval(0.1, 0.5),
        8,
        0.1,
        0.0,
        Control(
            "a known <photograph>",
            0.95,
            passed=verdict is not AuditVerdict.INVALID,
            interval=Interval(0.8, 1.0),
        ),
        (LookAt("recording-1", 2.5, "face <script>alert(1)</script>"),),
        3,
        {"pictures": 12.0},
    )


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ((AuditVerdict.FAILED, AuditVerdict.PASSED), "1 of 2 attacks broke a limit"),
        ((AuditVerdict.PASSED, AuditVerdict.PASSED), "No attack broke its limit (2 judged)"),
        ((AuditVerdict.PASSED, AuditVerdict.INVALID), "1 say nothing, because their control failed"),
        ((AuditVerdict.NOT_RUN,), "1 could not run"),
    ],
)
def test_the_headline_tells_the_worst_first(verdicts: tuple[AuditVerdict, ...], words: str) -> None:
    """What failed is never behind what passed, and what says nothing is said."""
    assert words in headline(Audit(1, 1, 0, tuple(map(outcome, verdicts))))


def test_the_page_shows_every_figure_and_no_markup_of_others(tmp_path: Path) -> None:
    """Text that looks like markup stays text; nothing is asked of a network."""
    page = tmp_path / "audit.html"
    write_audit_page(Audit(2, 40, 1, (outcome(AuditVerdict.FAILED), outcome(AuditVerdict.INVALID))), page)
    text = page.read_text(encoding="utf-8")
    assert "2 of 40 recordings" in text
    assert "25.0 % (10.0 % to 50.0 %)" in text
    assert "3 more are not listed" in text
    assert "<script>" not in text
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text
    assert "http" not in text.replace("http-equiv", "")
    assert [path.name for path in tmp_path.iterdir()] == ["audit.html"]


def test_a_page_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A folder in its place leaves nothing half written behind."""
    place = tmp_path / "audit.html"
    place.mkdir()
    with pytest.raises(StorageFailed):
        write_audit_page(Audit(1, 1, 0, ()), place)
    assert [path.name for path in tmp_path.iterdir()] == ["audit.html"]


def test_the_document_is_plain_json() -> None:
    """Verdicts and intervals are text and numbers."""
    document = json.loads(json.dumps(audit_document(Audit(1, 1, 1, (outcome(AuditVerdict.PASSED),)))))
    (row,) = document["attacks"]
    assert row["verdict"] == "passed"
    assert row["interval"] == {"low": 0.1, "high": 0.5}
    assert row["control"]["passed"] is True


def test_a_failed_control_is_seen_in_the_table() -> None:
    """The table says it where the control's figure stands."""
    ((*_, control, _limit, verdict),) = table_rows(Audit(1, 1, 0, (outcome(AuditVerdict.INVALID),)))
    assert "failed" in control
    assert verdict == "invalid"
