"""The operational log holds static events, safe keys and values that are ids, numbers, enums or spans; nothing else."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from enum import StrEnum

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from recorder.operations.log import (
    SAFE_KEYS,
    Id,
    LogEvent,
    LogFormat,
    LogLevel,
    OperationalLog,
    Reason,
    configure_log,
    error_id,
    unsafe_keys,
)
from redaction.model import Span
from tests.paths import ROOT

TYPED = (
    "Ada Example",
    "/home/ada/call.mp4",
    "192.0.2.7",
    "+1 415 555 0192",
    "secret-of-ada-0001",
    "ada",
    "alone",
)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave structlog as it was."""
    yield
    structlog.reset_defaults()


def test_a_line_has_time_level_event_and_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """Every kind of value that is safe comes through, as plain JSON on stderr."""
    configure_log(LogFormat.JSON, LogLevel.INFO)
    OperationalLog().log(
        LogEvent.CALL_PUBLISHED,
        call=Id("call-20261201-0a1b2c3d"),
        reason=Reason.ALONE,
        seconds=1.23456,
        participants=2,
        span=Span(0.5, 2.0),
    )
    shown = capsys.readouterr()
    line = json.loads(shown.err)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line.pop("time"))
    assert line == {
        "level": "info",
        "event": "call_published",
        "call": "call-20261201-0a1b2c3d",
        "reason": "alone",
        "seconds": 1.235,
        "participants": 2,
        "span": [0.5, 2.0],
    }
    assert shown.out == ""


def test_console_lines_hold_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """The form for people is one line of keys and values."""
    configure_log(LogFormat.CONSOLE, LogLevel.INFO)
    OperationalLog().log(LogEvent.LEAVING, reason=Reason.TIME)
    line = capsys.readouterr().err
    assert re.fullmatch(r"time='[^']+' level='info' event='leaving' reason='time'\n", line)


@pytest.mark.parametrize("text", TYPED)
@pytest.mark.parametrize("key", [*sorted(SAFE_KEYS), "name", "path", "exc_info", "exception"])
def test_no_text_is_logged_under_any_key(key: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever key a text is given under, it is withheld, and the line says only that something was."""
    configure_log(LogFormat.JSON, LogLevel.DEBUG)
    OperationalLog().log(LogEvent.FAILED, **{key: text})  # type: ignore[arg-type]
    line = json.loads(capsys.readouterr().err)
    assert text not in line.values()
    assert line["withheld"] == 1
    assert set(line) == {"event", "level", "time", "withheld"}


def test_no_text_is_logged_as_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    """A line whose event is not on the list says `other`."""
    configure_log(LogFormat.JSON, LogLevel.DEBUG)
    structlog.get_logger().warning("call of Ada Example", participant=1)
    shown = capsys.readouterr().err
    assert json.loads(shown)["event"] == "other"
    assert "Ada" not in shown


@given(st.text())
def test_no_text_is_an_id(text: str) -> None:
    """An id has the form of what this program makes: a call's time and chance, an HMAC, or a known kind of error."""
    try:
        made = Id(text)
    except ValueError:
        return
    assert re.fullmatch(r"call-\d{8}-[0-9a-f]{8}|[0-9a-f]{16,64}|[A-Z]\w*", made.text)


@pytest.mark.parametrize("text", [*TYPED, "call-20261201-0a1b2c3d\n", "Ada", "recording-ada", "deadbeef"])
def test_what_a_person_typed_is_no_id(text: str) -> None:
    """Names, paths, addresses and tokens are refused."""
    with pytest.raises(ValueError, match="no id"):
        Id(text)


def test_an_unknown_kind_of_error_goes_without_its_name() -> None:
    """Only kinds of Python and of our own taxonomy are named: a name may come from elsewhere."""
    assert error_id("StorageFailed").text == "StorageFailed"
    assert error_id("ConnectionResetError").text == "ConnectionResetError"
    assert error_id("AdaError").text == "Exception"


def test_level_says_from_where_on(capsys: pytest.CaptureFixture[str]) -> None:
    """At warning, which is the default, a call that goes well says nothing."""
    configure_log()
    log = OperationalLog()
    log.log(LogEvent.CALL_STARTED)
    assert capsys.readouterr().err == ""
    log.log(LogEvent.GAP, participant=1, count=1)
    assert capsys.readouterr().err.count("event='gap'") == 1


def test_checker_finds_what_it_must() -> None:
    """The check itself can fail: an unknown key and a value of another kind are named."""

    class Strange(StrEnum):
        NAME = "x"

    assert list(unsafe_keys({"event": "failed", "status": 7, "reason": Reason.DISK})) == []
    found = list(unsafe_keys({"who": 1, "status": "7", "seconds": None, "call": "ada"}))
    assert found == ["who", "status", "seconds", "call"]
    assert list(unsafe_keys({"participant": Strange.NAME})) == ["participant"]


def test_every_line_of_the_source_uses_the_list() -> None:
    """Each `log.say` gives keys of the list, every event is said somewhere, and no other module takes a logger."""
    events: set[str] = set()
    for path in (*(ROOT / "recorder").rglob("*.py"), *(ROOT / "redaction").rglob("*.py")):
        own = path == ROOT / "recorder/operations/log.py"
        text = path.read_text(encoding="utf-8")
        if not re.search(r"structlog|LogEvent|log\.say", text):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert own or "structlog" not in names, path
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "LogEvent":
                events.add(node.attr)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("log.say", "self._log.say"):
                keys = {keyword.arg for keyword in node.keywords if keyword.arg is not None}
                assert keys <= set(SAFE_KEYS), (path, keys)
    assert {event.name for event in LogEvent} == events & set(LogEvent.__members__)
