"""A call's log tells an operator what happens; nothing in it tells of one who agreed to nothing, or of a minor."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from recorder.call.source import Ended
from recorder.live.capture.status import CallStatus, ParticipantState, PersonStatus
from recorder.operations.call import CALL_EVENTS, LEAVING_REASONS, LoggedCall, Views, logged_call
from recorder.operations.log import OperationalLog
from redaction.errors import StorageFailed
from tests.paths import ROOT
from tests.recorder.operations.lines import json_log, lines_of


@pytest.fixture(autouse=True)
def logged() -> Iterator[None]:
    """Log everything as JSON."""
    with json_log():
        yield


def test_who_agreed_to_nothing_has_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    """Joining, leaving and erasing go without a number or a reason; what is recorded is named by its number."""
    call = LoggedCall(OperationalLog())
    for name in ("joined", "recording", "stopped", "left"):
        call.event(name, number=3)
    call.event("erased", number=3, reason="not proved to be an adult")
    assert lines_of(capsys.readouterr().err) == [
        {"event": "participant_joined"},
        {"event": "participant_recording", "participant": 3},
        {"event": "participant_stopped", "participant": 3},
        {"event": "participant_left"},
        {"event": "participant_erased"},
    ]


def test_reasons_and_kinds_are_of_fixed_sets(capsys: pytest.CaptureFixture[str]) -> None:
    """A reason or a kind of error that is not known is `other` or `Exception`; no text passes."""
    call = LoggedCall(OperationalLog())
    call.event("leaving", reason="disk nearly full")
    call.event("leaving", reason="Ada said so")
    call.event("stage failed", kind="ValueError")
    call.event("stage failed", kind="Ada Example")
    call.event("Ada Example", number=1)
    call.event("asking", able=0)
    call.event("connections turned away", number=7)
    assert lines_of(capsys.readouterr().err) == [
        {"event": "leaving", "reason": "disk"},
        {"event": "leaving", "reason": "other"},
        {"event": "stage_failed", "error": "ValueError"},
        {"event": "stage_failed", "error": "Exception"},
        {"event": "other"},
        {"event": "asking", "able": 0},
        {"event": "connections_turned_away", "count": 7},
    ]


def test_load_and_gaps_are_logged_when_they_change(capsys: pytest.CaptureFixture[str]) -> None:
    """Statuses come every second; only what is new is said."""
    call = LoggedCall(OperationalLog())
    for level, gaps in (("full", 0), ("sparse", 0), ("sparse", 2), ("sparse", 2), ("full", 0)):
        person = PersonStatus(1, ParticipantState.RECORDED, level=level, gaps=gaps)
        call.show(CallStatus(seconds=1.0, people=(person,)))
    assert lines_of(capsys.readouterr().err) == [
        {"event": "load_changed", "participant": 1, "step": "sparse"},
        {"event": "gap", "participant": 1, "count": 2},
        {"event": "load_changed", "participant": 1, "step": "full"},
    ]


def test_a_call_ends_with_its_id_or_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    """A published call is named by its id; a bundle with another name, and a failure's sentence, are not told."""
    log = OperationalLog()
    with logged_call(log, way="whip") as told:
        told("call-20261201-0a1b2c3d.offrecord", None, {"recorded": 2, "removed": 1})
    with logged_call(log, way="Ada's way") as told:
        told("Ada Example.offrecord", Ended.LOST, {})
    with pytest.raises(StorageFailed), logged_call(log, way="room"):
        raise StorageFailed("/home/ada is full")
    with pytest.raises(ZeroDivisionError), logged_call(log, way="room"):
        raise ZeroDivisionError("Ada Example")
    assert lines_of(capsys.readouterr().err) == [
        {"event": "call_started", "way": "whip"},
        {"event": "call_published", "call": "call-20261201-0a1b2c3d", "reason": "left", "participants": 2},
        {"event": "call_started", "way": "other"},
        {"event": "call_published", "reason": "lost", "participants": 0},
        {"event": "call_started", "way": "room"},
        {"event": "failed", "status": 7, "error": "StorageFailed"},
        {"event": "call_started", "way": "room"},
        {"event": "failed", "status": 1, "error": "ZeroDivisionError"},
    ]


def _told() -> Iterator[tuple[str, str | None]]:
    """Yield name and constant reason of every event that the source tells its view."""
    for path in (ROOT / "recorder/live").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("view.event"):
                continue
            name = ast.literal_eval(node.args[0])
            reasons = [item.value for item in node.keywords if item.arg == "reason"]
            constant = reasons[0].value if reasons and isinstance(reasons[0], ast.Constant) else None
            yield name, constant if isinstance(constant, str) else None


def test_every_event_of_a_call_has_a_name_in_the_log() -> None:
    """What the session tells its view, the log and the metrics know."""
    told = list(_told())
    assert {name for name, _ in told} == set(CALL_EVENTS)
    assert {reason for name, reason in told if name == "leaving"} == set(LEAVING_REASONS)


def test_all_observers_are_told() -> None:
    """Several observers see the same."""

    class Seen:
        def __init__(self) -> None:
            self.seen: list[object] = []

        def show(self, status: CallStatus) -> None:
            self.seen.append(status)

        def event(self, name: str, **figures: str | int | float) -> None:
            self.seen.append((name, figures))

    one, two = Seen(), Seen()
    both = Views(one, two)
    status = CallStatus(seconds=1.0)
    both.show(status)
    both.event("joined", number=1)
    assert one.seen == two.seen == [status, ("joined", {"number": 1})]
