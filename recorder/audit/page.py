"""The audit as a page to keep, as a table for a terminal and as a document for programs; it repeats no word."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from recorder import __version__
from recorder.audit.attack import Audit
from recorder.audit.outcome import AttackOutcome, AuditVerdict, Interval
from recorder.runtime.storage import storage_errors

__all__ = ["audit_document", "headline", "percent", "table_rows", "write_audit_page"]

_COUNTS: Final = frozenset({"found", "for 1,000 words"})
_SCHEMA: Final = "offrecord/audit/1"


def headline(audit: Audit) -> str:
    """Return what came of it in one sentence."""
    failed, invalid = audit.count(AuditVerdict.FAILED), audit.count(AuditVerdict.INVALID)
    passed, idle = audit.count(AuditVerdict.PASSED), audit.count(AuditVerdict.NOT_RUN)
    if failed:
        return f"{failed} of {failed + passed} attacks broke a limit: do not sign before you have looked."
    told = f"No attack broke its limit ({passed} judged)."
    if invalid:
        told += f" {invalid} say nothing, because their control failed."
    if idle:
        told += f" {idle} could not run."
    return told


def audit_document(audit: Audit) -> dict[str, object]:
    """Return the audit for programs."""
    return {
        "schema_version": _SCHEMA,
        "version": __version__,
        "recordings": audit.recordings,
        "of": audit.of,
        "with_original": audit.with_original,
        "headline": headline(audit),
        "attacks": [asdict(one) for one in audit.outcomes],
    }


def table_rows(audit: Audit) -> list[tuple[str, str, str, str, str, str]]:
    """Return attack, figure with interval, chance, control, limit and verdict as text."""
    return [
        (
            one.attack,
            _figure(one),
            "" if one.chance is None else percent(one.chance),
            "" if one.control is None else _control(one),
            "" if one.limit is None else _value(one, one.limit),
            str(one.verdict),
        )
        for one in audit.outcomes
    ]


def write_audit_page(audit: Audit, place: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        StorageFailed: it cannot be written.
    """
    text = (
        _environment()
        .get_template("audit.html.j2")
        .render(
            audit=audit,
            headline=headline(audit),
            failed=audit.count(AuditVerdict.FAILED) > 0,
            rows=list(zip(audit.outcomes, table_rows(audit), strict=True)),
            now=datetime.now(UTC),
            version=__version__,
        )
    )
    with storage_errors():
        part = place.with_name(f".{place.name}.partial")
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)


def percent(value: float) -> str:
    """Return a share as text."""
    return f"{100 * value:.1f} %"


def _value(one: AttackOutcome, value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0") if one.unit in _COUNTS else percent(value)


def _interval(one: AttackOutcome, interval: Interval | None) -> str:
    return "" if interval is None else f" ({_value(one, interval.low)} to {_value(one, interval.high)})"


def _figure(one: AttackOutcome) -> str:
    if one.figure is None:
        return ""
    return _value(one, one.figure) + _interval(one, one.interval)


def _control(one: AttackOutcome) -> str:
    control = one.control
    if control is None or control.figure is None:
        return "nothing to attack"
    shown = f"{control.figure:,.0f}" if control.figure > 1 else percent(control.figure)
    return shown if control.passed else f"{shown}, failed"


def _environment() -> Environment:
    return Environment(
        loader=ChoiceLoader(
            [PackageLoader("recorder.audit", "templates"), PackageLoader("recorder.bundle", "templates")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
    )
