"""Meetings that are recorded side by side: a process for each, started by a webhook, spoken to over pipes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from recorder.call.consent_page.links import ConsentLink, ConsentLinks
from recorder.call.source import Answer
from recorder.call.zoom.webhook import Announcement, AnnouncementKind

__all__ = ["FromMeeting", "MeetingJob", "MeetingOutcome", "MeetingsFull", "ToMeeting", "ZoomMeetings"]

LONGEST_PIPE_LINE: Final = 1 << 20
GIVEN_UP_S: Final = 1800.0
"""Seconds for which a meeting's bundle may take to be finished after the meeting is left."""
MOST_REMEMBERED: Final = 1000


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class MeetingJob(_Line):
    """The first line to a process: what to record, and how.

    Attributes:
        policy: as `Policy.model_dump`.
        asks: there is a page on which participants are asked.
        log_format, log_level: of the operational log.
    """

    meeting: str = Field(repr=False)
    stream: str
    urls: tuple[str, ...]
    client_id: str
    client_secret: str = Field(repr=False)
    folder: str
    policy: dict[str, object] = Field(repr=False)
    hosts: tuple[str, ...]
    ca: str | None = None
    individual: bool = True
    asks: bool = True
    log_format: str = "console"
    log_level: str = "warning"


class ToMeeting(_Line):
    """A line to a process while the meeting goes on.

    Attributes:
        do: somebody answered on their page; the stream is announced anew or was broken; it is over; leave.
    """

    do: Literal["answer", "move", "stop", "leave"]
    participant: str = ""
    answer: Answer = Answer.NO
    adult: bool | None = None
    urls: tuple[str, ...] = ()
    reason: int = 0


class FromMeeting(_Line):
    """A line of a process.

    Attributes:
        people: who is there, id and display name.
        to, note: something for a participant's page.
        outcome: how it ended; the last line.
    """

    people: tuple[tuple[str, str], ...] | None = Field(default=None, repr=False)
    to: str = ""
    note: str = Field(default="", repr=False)
    outcome: MeetingOutcome | None = None


class MeetingOutcome(_Line):
    """How the recording of a meeting ended.

    Attributes:
        status: an exit status.
        bundle: the bundle's path, empty where nothing was published.
        sentence: why not.
        ended: why the call was over.
        counts: how many participants stood how.
        attention: what to look at.
    """

    status: int
    bundle: str = ""
    sentence: str = ""
    ended: str = ""
    counts: dict[str, int] = Field(default_factory=dict)
    attention: tuple[str, ...] = ()


FromMeeting.model_rebuild()
_SAID: Final = TypeAdapter(FromMeeting)


class MeetingsFull(Exception):
    """So many meetings go on as the machine carries."""


@dataclass(eq=False, slots=True)
class _Meeting:
    stream: str
    process: asyncio.subprocess.Process
    task: asyncio.Task[None] | None = None
    outcome: MeetingOutcome | None = None
    unsaid: dict[str, ToMeeting] = field(default_factory=dict)  # the last answer of each that waits
    inbox: asyncio.Queue[ToMeeting | None] = field(default_factory=lambda: asyncio.Queue(1000))


class ZoomMeetings:
    """Starts a process for each announced meeting, and passes on what concerns it.

    Args:
        group: in which they are watched.
        job: makes the first line of a meeting.
        most: meetings at once.
        links: of the consent page.
        module: what is run for a meeting.
        ended: is told how each ended.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        job: Callable[[Announcement], MeetingJob],
        *,
        most: int,
        links: ConsentLinks,
        module: str,
        ended: Callable[[MeetingOutcome], None],
    ) -> None:
        self._group = group
        self._job = job
        self._most = most
        self._links = links
        self._module = module
        self._ended = ended
        self._going: dict[str, _Meeting] = {}
        self._past: dict[
            str, None
        ] = {}  # streams that are over, so that a late webhook does not start them again
        self._closing = False

    @property
    def going(self) -> int:
        """How many meetings go on."""
        return len(self._going)

    async def announce(self, said: Announcement) -> None:
        """Take a webhook: join a new meeting, or tell the one that it is about.

        Raises:
            MeetingsFull: another meeting would be one too many.
        """
        meeting = self._going.get(said.stream)
        if said.kind is not AnnouncementKind.STARTED:
            if meeting is not None and said.kind is AnnouncementKind.STOPPED:
                self._tell(meeting, ToMeeting(do="stop", reason=said.reason))
            elif meeting is not None:
                self._tell(meeting, ToMeeting(do="move"))
            elif said.kind is AnnouncementKind.STOPPED:
                self._remember(said.stream)
            return
        if meeting is not None:
            self._tell(meeting, ToMeeting(do="move", urls=said.urls))
        elif said.stream not in self._past and not self._closing:
            if len(self._going) >= self._most:
                raise MeetingsFull
            await self._start(said)

    def answered(self, link: ConsentLink, answer: Answer, adult: bool | None) -> None:
        """Tell a meeting what somebody answered."""
        meeting = self._going.get(link.meeting)
        line = ToMeeting(do="answer", participant=link.participant, answer=answer, adult=adult)
        if (
            meeting is not None and meeting.unsaid.get(link.participant) != line
        ):  # somebody may press on and on
            meeting.unsaid[link.participant] = line
            self._tell(meeting, line)

    async def close(self) -> None:
        """Leave every meeting and wait until their bundles are finished."""
        self._closing = True
        for meeting in list(self._going.values()):
            self._tell(meeting, ToMeeting(do="leave"))
        tasks = [meeting.task for meeting in self._going.values() if meeting.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=GIVEN_UP_S)
        for meeting in list(self._going.values()):
            with contextlib.suppress(ProcessLookupError):
                meeting.process.kill()

    async def _start(self, said: Announcement) -> None:
        # secrets go over the pipe: neither arguments nor environment are anybody's to read
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_surroundings(os.environ),
            start_new_session=True,  # Ctrl-C is the server's
            limit=LONGEST_PIPE_LINE,
        )
        meeting = self._going[said.stream] = _Meeting(said.stream, process)
        self._links.begin(said.stream)
        meeting.task = self._group.create_task(self._follow(meeting, self._job(said)))

    async def _follow(self, meeting: _Meeting, job: MeetingJob) -> None:
        """Speak with a process until it ends."""
        writing = asyncio.create_task(self._write(meeting, job))
        try:
            await self._read(meeting)
            async with asyncio.timeout(GIVEN_UP_S):
                await meeting.process.wait()
        except TimeoutError:
            meeting.process.kill()
            await meeting.process.wait()
        finally:
            writing.cancel()
            if meeting.process.stdin is not None:
                meeting.process.stdin.close()
            self._going.pop(meeting.stream, None)
            self._remember(meeting.stream)
            self._links.end(meeting.stream)
            self._ended(meeting.outcome or _died(meeting.process.returncode))

    async def _write(self, meeting: _Meeting, job: MeetingJob) -> None:
        pipe = meeting.process.stdin
        if pipe is None:
            return
        try:
            pipe.write(job.model_dump_json().encode() + b"\n")
            while (line := await meeting.inbox.get()) is not None:
                if meeting.unsaid.get(line.participant) is line:
                    del meeting.unsaid[line.participant]
                pipe.write(line.model_dump_json().encode() + b"\n")
                await pipe.drain()
        except (ConnectionError, RuntimeError):
            return

    async def _read(self, meeting: _Meeting) -> None:
        """Take what a process says, until it says nothing more, or what cannot be understood."""
        pipe = meeting.process.stdout
        while pipe is not None:
            try:
                line = await pipe.readline()
                if not line:
                    return
                said = _SAID.validate_json(line)
            except (ValueError, ValidationError):
                meeting.process.kill()
                return
            if said.people is not None:
                self._links.present(meeting.stream, said.people)
            if said.note:
                self._links.note(meeting.stream, said.to, said.note)
            if said.outcome is not None:
                meeting.outcome = said.outcome

    def _tell(self, meeting: _Meeting, line: ToMeeting) -> None:
        try:
            meeting.inbox.put_nowait(line)
        except asyncio.QueueFull:  # it hangs: what must not be lost is that somebody said no, so it ends
            with contextlib.suppress(ProcessLookupError):
                meeting.process.send_signal(signal.SIGTERM)

    def _remember(self, stream: str) -> None:
        self._past[stream] = None
        while len(self._past) > MOST_REMEMBERED:
            self._past.pop(next(iter(self._past)))


def _surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the secrets of the app, which come over the pipe."""
    return {key: value for key, value in environment.items() if not key.startswith("OFFRECORD_ZOOM_")}


def _died(status: int | None) -> MeetingOutcome:
    sentence = (
        "A meeting's process ended without a word; what it had stored is redacted: try `offrecord recover`."
    )
    return MeetingOutcome(status=1 if not status or status < 0 else status, sentence=sentence)
