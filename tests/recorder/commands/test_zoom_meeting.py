"""The process of one Zoom meeting: what it obeys, and that it leaves when nobody could withdraw any more."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recorder.call.source import Answer
from recorder.call.zoom.meetings import MeetingJob, ToMeeting
from recorder.commands import zoom_meeting
from redaction.policy import Policy
from tests.paths import ROOT


class _FakeSource:
    """A fake of `ZoomSource`: remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def answered(self, participant: str, answer: Answer, *, adult: bool | None = None) -> None:
        """Remember."""
        self.told.append(("answered", participant, answer, adult))

    def moved(self, urls: tuple[str, ...]) -> None:
        """Remember."""
        self.told.append(("moved", urls))

    def stopped(self, reason: int) -> None:
        """Remember."""
        self.told.append(("stopped", reason))

    async def close(self) -> None:
        """Remember."""
        self.told.append(("closed",))


def obeyed(*lines: bytes) -> tuple[list[tuple[object, ...]], set[str]]:
    """Return what a source was told by lines, after which the server is gone, and who answered on their page."""
    incoming, outgoing = os.pipe()
    os.write(outgoing, b"".join(lines))
    os.close(outgoing)
    source, answered = _FakeSource(), set[str]()
    asyncio.run(asyncio.wait_for(zoom_meeting._obey(source, incoming, answered), 10))  # type: ignore[arg-type]
    return source.told, answered


def line(said: ToMeeting) -> bytes:
    """Return a line as the server writes it."""
    return said.model_dump_json().encode() + b"\n"


def test_what_it_obeys() -> None:
    """Answers, moves and stops are passed on; where the server is gone the call is left."""
    told, answered = obeyed(
        line(ToMeeting(do="answer", participant="7", answer=Answer.YES, adult=True)),
        line(ToMeeting(do="move", urls=("wss://a.zoom.us",))),
        line(ToMeeting(do="stop", reason=6)),
    )
    assert told == [
        ("answered", "7", Answer.YES, True),
        ("moved", ("wss://a.zoom.us",)),
        ("stopped", 6),
        ("closed",),
    ]
    assert answered == {"7"}


@pytest.mark.parametrize("rest", [b"", b"{nonsense\n", b"\xff\n", b"x" * 2_000_000])
def test_it_leaves_when_it_cannot_be_told(rest: bytes) -> None:
    """Silence, nonsense or too much of it: nobody could withdraw, so the call is left."""
    told, _ = obeyed_from(rest)
    assert told == [("closed",)]


def obeyed_from(data: bytes) -> tuple[list[tuple[object, ...]], set[str]]:
    """Do as `obeyed`, with more than a pipe holds."""
    source, answered = _FakeSource(), set[str]()

    async def go() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())",
            stdin=asyncio.subprocess.PIPE, stdout=(pair := os.pipe())[1],
        )  # fmt: skip
        os.close(pair[1])
        feeding = asyncio.create_task(process.communicate(data))
        await zoom_meeting._obey(source, pair[0], answered)  # type: ignore[arg-type]
        process.kill()
        await asyncio.wait([feeding])

    asyncio.run(asyncio.wait_for(go(), 20))
    return source.told, answered


@pytest.mark.slow
def test_a_missing_model_is_an_outcome(tmp_path: Path) -> None:
    """A meeting that cannot be recorded ends with its status on the pipe; nothing is joined, no secret is repeated."""
    job = MeetingJob(
        meeting="marker-meeting", stream="s1", urls=("wss://localhost:9/",), client_id="c",
        client_secret="marker-client-secret", folder=str(tmp_path / "out"),
        policy=Policy().model_dump(mode="json"), hosts=("localhost",),
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-P", "-m", "recorder.commands.zoom_meeting"],
        input=job.model_dump_json() + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OFFRECORD_MODELS": str(tmp_path / "models")},
    )
    (said,) = [json.loads(one) for one in done.stdout.splitlines()]
    assert said["outcome"]["status"] == done.returncode == 6
    assert "marker" not in done.stdout + done.stderr
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


@pytest.mark.slow
def test_no_job_is_an_outcome() -> None:
    """Without a first line that describes a meeting it ends, and says so."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "recorder.commands.zoom_meeting"],
        input="{nonsense\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert json.loads(done.stdout)["outcome"]["status"] == done.returncode == 1
