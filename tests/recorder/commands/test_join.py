"""`offrecord join`: addresses and durations are read strictly, flags are policy keys, and the view names nobody."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from recorder.call.browser.source import BrowserSource
from recorder.call.http.whep_source import WhepSource
from recorder.call.janus.source import JanusSource
from recorder.call.room.source import RoomSource
from recorder.commands.display.call import call_view, drawn
from recorder.commands.display.progress import ProgressMode
from recorder.commands.join import BrowserWay, duration, join, open_call
from recorder.live.capture.status import CallStatus, ParticipantState, PersonStatus
from redaction.errors import UsageError
from redaction.policy import Policy


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1h30m", 5400), ("2h", 7200)]
)
def test_durations(text: str, seconds: float) -> None:
    """A duration is seconds, or hours, minutes and seconds with their letters."""
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "-5", "banana", "1.5h", "5 m", "m", "1d", "9" * 9])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Anything else is one sentence that says how it is written."""
    with pytest.raises(UsageError, match="written like"):
        duration(text)


@pytest.mark.parametrize(
    ("url", "kind", "way"),
    [
        ("room://127.0.0.1:0", RoomSource, "room"),
        ("room://localhost", RoomSource, "room"),
        ("janus+ws://127.0.0.1:8188/1234", JanusSource, "janus"),
        ("whep+https://example.com/live", WhepSource, "whep"),
    ],
)
def test_the_address_says_the_way(url: str, kind: type, way: str) -> None:
    """Each scheme is one way in."""
    source, found = open_call(url, policy=Policy())
    assert isinstance(source, kind)
    assert found == way


@pytest.mark.parametrize(
    "url",
    ["", "zoom://1", "https://example.com", "room://127.0.0.1:99999", "room://0.0.0.0:80", "janus+ws://127.0.0.1:8188",
     "whep+ftp://x/y", "file:///etc/passwd"],
)  # fmt: skip
def test_other_addresses_are_refused(url: str) -> None:
    """What cannot be joined is told before any model is loaded."""
    with pytest.raises(UsageError):
        open_call(url, policy=Policy())


def test_a_page_is_opened_by_a_browser_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """--browser goes with https, its options with it; what cannot be is told before anything is started."""
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    source, way = open_call(
        "https://example.com/room", policy=Policy(), browser=BrowserWay("jitsi", ("a.org",))
    )
    assert isinstance(source, BrowserSource)
    assert way == "browser"
    for url, flags in (
        ("https://example.com/room", []),
        ("https://example.com/room", ["--adapter", "jitsi"]),
        ("room://127.0.0.1:0", ["--browser"]),
        ("room://127.0.0.1:0", ["--allow-host", "a.org"]),
        ("http://example.com/room", ["--browser"]),
        ("https://example.com/room", ["--browser", "--adapter", "nobody"]),
        ("https://example.com/room", ["--browser", "--allow-host", "*"]),
        ("https://example.com/room", ["--browser", "--consent-page", "http://example.org"]),
        ("https://example.com/room", ["--browser", "--consent-listen", "127.0.0.1:1"]),
        ("room://127.0.0.1:0", ["--consent-page", "https://example.org"]),
    ):
        with pytest.raises(UsageError):
            join.main([url, "-o", str(tmp_path), *flags], standalone_mode=False)


def test_flags_are_policy_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """--name, --for, --alone and --announce end up in the policy that the call is recorded under."""
    seen: list[Policy] = []

    def fake_run_call(_source: object, *, policy: Policy, **_rest: object) -> int:
        seen.append(policy)
        return 0

    monkeypatch.setattr("recorder.commands.join.run_call", fake_run_call)
    flags = [
        "room://127.0.0.1:0",
        "-o",
        str(tmp_path),
        "--name",
        "Minutes (recording)",
        "--for",
        "1h",
        "--alone",
        "5m",
    ]
    join.main([*flags, "--announce"], standalone_mode=False)
    call = seen[0].call
    assert (call.name, call.at_most_s, call.alone_s, call.announce) == (
        "Minutes (recording)",
        3600,
        300,
        True,
    )
    with pytest.raises(UsageError, match=r"docs/policy\.md"):
        join.main([*flags[:3], "--name", "<b>bold</b>"], standalone_mode=False)
    with pytest.raises(UsageError, match="The output is empty"):
        join.main(["room://127.0.0.1:0", "-o", " "], standalone_mode=False)


def _status() -> CallStatus:
    people = (
        PersonStatus(
            1,
            ParticipantState.RECORDED,
            camera=True,
            microphone=True,
            speaking=True,
            lag_s=1.25,
            level="half",
        ),
        PersonStatus(2, ParticipantState.SILENT),
        PersonStatus(3, ParticipantState.REMOVED, gaps=2),
    )
    return CallStatus(75, people, asking=False, stored_bytes=3 << 20, free_bytes=5 << 30)


def test_the_view_says_what_matters() -> None:
    """The table shows standing, load and lag, and that nobody can answer while asking is down."""
    console = Console(file=io.StringIO(), width=140, force_terminal=False)
    console.print(drawn(_status()))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for part in (
        "recorded",
        "not answered",
        "removed",
        "half",
        "1.2 s",
        "01:15",
        "nobody is recorded",
        "3.0 MB",
    ):
        assert part in text


def test_events_for_programs_are_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json every event and status is one JSON object on stderr."""
    with call_view(ProgressMode.JSON) as view:
        view.event("joined", number=1)
        view.show(_status())
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert lines[0] == {"event": "joined", "number": 1}
    assert [one["standing"] for one in lines[1]["people"]] == ["recorded", "not answered", "removed"]
