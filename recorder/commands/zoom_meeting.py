"""One Zoom meeting, recorded in a process of its own.

Started by `recorder.call.zoom.meetings` as `python -m recorder.commands.zoom_meeting`. Its standard input brings what
to record, then what happens outside the stream, a JSON line each; what was its standard output takes back who is
there, what is to be said to them, and how it ended. Where the input ends, nobody could withdraw: the call is left.
"""

from __future__ import annotations

from recorder.runtime.hardening import harden_process, place_of, silence_libraries

harden_process()  # before anything heavy is imported

import asyncio  # noqa: E402
import contextlib  # noqa: E402
import os  # noqa: E402
import queue  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Final  # noqa: E402

from pydantic import ValidationError  # noqa: E402

from recorder.call.zoom.media import ZoomMeeting  # noqa: E402
from recorder.call.zoom.meetings import (  # noqa: E402
    LONGEST_PIPE_LINE,
    FromMeeting,
    MeetingJob,
    MeetingOutcome,
    ToMeeting,
)
from recorder.call.zoom.socket import ZoomHosts  # noqa: E402
from recorder.call.zoom.source import ZoomSource  # noqa: E402
from recorder.commands.display.progress import ProgressMode, watched  # noqa: E402
from recorder.live.capture.record import record_call  # noqa: E402
from recorder.operations.call import LoggedCall, Views, logged_call  # noqa: E402
from recorder.operations.log import LogFormat, LogLevel, OperationalLog, configure_log  # noqa: E402
from redaction.errors import ExitCode, OffrecordError  # noqa: E402
from redaction.policy import Policy  # noqa: E402

__all__ = ["attend", "record_meeting"]

_MOST_UNSAID: Final = 1000
_LAST_WORD_S: Final = 10.0


class _Channel:
    """Says lines in a thread of its own, so that a server that does not read cannot hold the call up."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes | None] = queue.Queue(_MOST_UNSAID)
        self._thread = threading.Thread(target=self._run, name="to-server", daemon=True)
        self._thread.start()

    def say(self, line: FromMeeting) -> None:
        """Say a line soon; one that there is no room for is left out."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(line.model_dump_json(exclude_defaults=True).encode() + b"\n")

    def close(self) -> None:
        """Have everything said."""
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=_LAST_WORD_S)
        self._thread.join(_LAST_WORD_S)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError:
                return


def record_meeting(job: MeetingJob, channel: _Channel, incoming: int) -> MeetingOutcome:
    """Record one meeting; every way it can end is an outcome.

    Args:
        job: what to record.
        channel: takes what is to be told.
        incoming: descriptor of what the server says.
    """
    answered: set[str] = set()

    def note(to: str, text: str) -> bool:
        channel.say(FromMeeting(to=to, note=text))
        return to in answered

    try:
        policy = Policy.model_validate(job.policy)
        source = ZoomSource(
            ZoomMeeting(job.meeting, job.stream, job.urls, job.client_id, job.client_secret),
            hosts=ZoomHosts(job.hosts, Path(job.ca) if job.ca else None),
            individual=job.individual,
            notes=note if job.asks else None,
            people=lambda here: channel.say(FromMeeting(people=tuple(here))),
        )
        log = OperationalLog()
        with logged_call(log, way="zoom") as told:
            recorded = record_call(
                source,
                way="zoom",
                folder=Path(job.folder),
                policy=policy,
                view=Views(LoggedCall(log)),
                watch=lambda: watched(ProgressMode.NONE, number=1, of=1),
                alongside=lambda: _obey(source, incoming, answered),
            )
            told(recorded.published.path.name, recorded.ended, recorded.counts)
    except OffrecordError as error:
        return MeetingOutcome(status=int(error.exit_code), sentence=error.sentence)
    except Exception as error:  # noqa: BLE001 - the last resort: the status must be documented, the text harmless
        sentence = f"Internal error ({place_of(error)}). Nothing was published; please report this."
        return MeetingOutcome(status=int(ExitCode.INTERNAL), sentence=sentence)
    return MeetingOutcome(
        status=int(ExitCode.OK),
        bundle=str(recorded.published.path),
        ended=(recorded.ended or "left"),
        counts=recorded.counts,
        attention=tuple(recorded.published.attention),
    )


async def _obey(source: ZoomSource, incoming: int, answered: set[str]) -> None:
    """Do what the server says until it says nothing more; then leave, since nobody could withdraw any more."""
    reader = asyncio.StreamReader(limit=LONGEST_PIPE_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(incoming, "rb", 0))
    try:
        while line := await reader.readline():
            said = ToMeeting.model_validate_json(line)
            match said.do:
                case "answer":
                    answered.add(said.participant)
                    source.answered(said.participant, said.answer, adult=said.adult)
                case "move":
                    source.moved(said.urls)
                case "stop":
                    source.stopped(said.reason)
                case "leave":
                    break
    except (ValueError, ValidationError):
        pass
    await source.close()


def _first_line(incoming: int) -> bytes:
    """Read a line and nothing of the next."""
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < LONGEST_PIPE_LINE:
        letter = os.read(incoming, 1)
        if not letter:
            break
        line += letter
    return bytes(line)


def attend() -> None:
    """Record the meeting of the first line and say how it ended."""
    silence_libraries()
    outgoing, incoming = os.dup(1), os.dup(0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)  # a library may print what it read
    os.dup2(nowhere, 0)
    channel = _Channel(outgoing)
    try:
        job = MeetingJob.model_validate_json(_first_line(incoming))
        configure_log(LogFormat(job.log_format), LogLevel(job.log_level))
        outcome = record_meeting(job, channel, incoming)
    except ValueError:
        outcome = MeetingOutcome(status=int(ExitCode.INTERNAL), sentence="The meeting was not described.")
    channel.say(FromMeeting(outcome=outcome))
    channel.close()
    sys.stderr.flush()
    os._exit(outcome.status)  # native libraries may still hold threads; what must be kept is on the disk


if __name__ == "__main__":
    attend()
