"""A Zoom meeting as a call: one signaling connection, and one for each kind of media while that lasts."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import aiohttp

from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.tracks import TrackNumbers
from recorder.call.source import Answer, CallObserver, Ended, Via, declare_age
from recorder.call.zoom.media import ZoomMedia, ZoomMeeting, ZoomRoad
from recorder.call.zoom.people import ZoomPeople
from recorder.call.zoom.protocol import (
    LARGEST_SIGNAL,
    MeetingEvent,
    MessageKind,
    SessionState,
    StopReason,
    StreamState,
    ZoomMessage,
    event_subscription,
    media_urls,
    signaling_handshake,
    video_subscription,
)
from recorder.call.zoom.socket import (
    HandshakeRefused,
    ZoomHosts,
    ZoomSocket,
    ZoomSocketLost,
    open_zoom_socket,
    zoom_http,
)
from redaction.errors import UnreadableInput

__all__ = ["ZoomSource"]

ZOOM_PATIENCE_S: Final = 90.0
"""Seconds for which a meeting is tried again; Zoom gives a stream up after 60."""
ZOOM_PAUSES: Final = (1.0, 3.0, 6.0, 12.0, 24.0)
"""Source: failover-reconnection, exponential backoff."""
KEPT_S: Final = 20.0
"""Seconds of an outage for which those who were there are taken to be there still."""
BRIEF_VISITS: Final = 4
"""Connections in a row that brought nobody and did not last, after which there is nothing to be had."""
STEADY_S: Final = 10.0
"""Seconds after which a connection counts as having worked."""
TICK_S: Final = 0.25
_MOST_SESSIONS: Final = 64
_REMOVED: Final = frozenset(
    {StopReason.EJECTED, StopReason.APP_DISABLED, StopReason.ALL_APPS_DISABLED, StopReason.ADMIN_DISABLED}
)
_LOST: Final = frozenset(
    {*range(StopReason.INTERNAL, StopReason.RECONNECTION_TIMEOUT + 1), StopReason.KEEP_ALIVE_TIMEOUT}
)


class _Over(Exception):
    """The meeting is over."""

    def __init__(self, ended: Ended) -> None:
        super().__init__()
        self.ended = ended


class _Pauses:
    """Whether a stream is paused: as a whole, or since all of its sessions are."""

    def __init__(self) -> None:
        self._stream = False
        self._sessions: dict[str, int] = {}

    def take(self, message: ZoomMessage) -> bool:
        """Take a state of the stream or of a session; return whether it is paused now."""
        state, name = message.number("state"), message.data.get("rtms_session_id")
        if message.kind == MessageKind.STREAM_STATE:
            if state in (StreamState.PAUSED, StreamState.RESUMED):
                self._stream = state == StreamState.PAUSED
        elif isinstance(name, str) and state is not None:
            if state == SessionState.STOPPED:
                self._sessions.pop(name[:128], None)
            elif len(self._sessions) < _MOST_SESSIONS:
                self._sessions[name[:128]] = state
        states = self._sessions.values()
        return self._stream or (bool(states) and all(state == SessionState.PAUSED for state in states))


class ZoomSource:
    """Takes a meeting's media from Zoom's servers; see `recorder.call.source.CallSource`.

    The app is no participant. What it says to people goes to a page of ours, by `notes`; without one nobody can be
    asked. Nothing is requested that was said before it connected.

    Args:
        meeting: which one.
        hosts: which servers may be spoken to.
        individual: ask for the video of one participant who agreed; otherwise Zoom sends whoever speaks.
        notes: writes something to a participant's page, returns whether they will see it; None without such a page.
        people: told who is there, id and display name, whenever that changes.
        clock: of the call; a new one otherwise.
        patience_s: how long a meeting that cannot be reached is tried again.
        pauses: seconds between tries.
    """

    def __init__(
        self,
        meeting: ZoomMeeting,
        *,
        hosts: ZoomHosts | None = None,
        individual: bool = True,
        notes: Callable[[str, str], bool] | None = None,
        people: Callable[[list[tuple[str, str]]], None] | None = None,
        clock: CallClock | None = None,
        patience_s: float = ZOOM_PATIENCE_S,
        pauses: tuple[float, ...] = ZOOM_PAUSES,
    ) -> None:
        self._meeting = meeting
        self._hosts = hosts or ZoomHosts()
        self._tls: ssl.SSLContext = self._hosts.context()
        self._individual = individual
        self._notes = notes
        self._told = people
        self._given_clock = clock
        self.clock = clock or CallClock()
        self._patience_s = patience_s
        self._pauses = pauses
        self._numbers = TrackNumbers()
        self._people: ZoomPeople | None = None
        self._observer: CallObserver | None = None
        self._changed = asyncio.Event()
        self._again = asyncio.Event()  # connect to the signaling server anew
        self._pauses_told = _Pauses()
        self._media: ZoomMedia | None = None
        self._over: Ended | None = None
        self._closing = asyncio.Event()

    # -- the contract ----------------------------------------------------------------------------------------------

    async def run(self, observer: CallObserver) -> Ended:
        """Stay connected until the meeting is over; come back after an outage."""
        self.clock = self._given_clock or CallClock()
        self._observer = observer
        people = self._people = ZoomPeople(
            observer, self.clock, self._numbers, individual=self._individual, changed=self._changed.set
        )
        observer.can_ask(self._notes is not None, self.clock.now())
        outcome: Ended | UnreadableInput
        try:
            async with zoom_http() as http, asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._tick(people)), group.create_task(self._tell(people))]
                try:
                    outcome = await self._stay(http, people)
                except UnreadableInput as refusal:
                    outcome = refusal  # a group would wrap it
                finally:
                    for task in tasks:
                        task.cancel()
        finally:
            people.all_leave()
            people.close()
            self._people = None
        if isinstance(outcome, UnreadableInput):
            raise outcome
        return outcome

    async def receive(self, participant: str, wanted: bool) -> None:
        """Take somebody's media, or no longer."""
        if self._people is not None:
            self._people.receive(participant, wanted)

    async def notify(self, text: str, *, to: str | None = None) -> bool:
        """Write to somebody's page; Zoom's own chat takes nothing from an app that receives a stream."""
        if self._notes is None or self._people is None or to is None or not self._people.is_here(to):
            return False
        return self._notes(to, text)

    async def close(self) -> None:
        """Leave; `run` returns soon."""
        self._closing.set()
        self._again.set()

    # -- what comes from outside the stream ------------------------------------------------------------------------

    def answered(self, participant: str, answer: Answer, *, adult: bool | None = None) -> None:
        """Somebody answered on their page."""
        if self._observer is not None and self._people is not None:
            declare_age(self._observer, participant, adult=adult, time=self.clock.now())
            self._people.answer(participant, answer, Via.PAGE)

    def moved(self, urls: tuple[str, ...]) -> None:
        """Zoom announces the same stream anew, or that its connection was broken: it is to be connected to again."""
        if urls:
            self._meeting = replace(self._meeting, urls=urls)
        self._again.set()

    def stopped(self, reason: int) -> None:
        """Zoom says that the stream is over."""
        self._end(reason)
        self._again.set()

    def _end(self, reason: int) -> Ended:
        if reason == StopReason.REVOKED and self._people is not None:
            for user, _ in self._people.listed():
                self._people.answer(user, Answer.ERASE, Via.TOKEN)
        ended = Ended.REMOVED if reason in _REMOVED else Ended.LOST if reason in _LOST else Ended.OVER
        self._over = self._over or ended
        return ended

    # -- connections -----------------------------------------------------------------------------------------------

    async def _stay(self, http: aiohttp.ClientSession, people: ZoomPeople) -> Ended:
        """Connect, and again after each outage; return why the meeting is over."""
        lost_at, tries, inside = self.clock.now(), 0, False
        while True:
            self._again.clear()
            began = self.clock.now()
            outcome = self._ended() or await self._connected(http, people, inside=inside) or self._ended()
            if isinstance(outcome, Ended):
                return outcome
            if outcome is None:
                inside, lost_at = True, self.clock.now()
                tries = 0 if lost_at - began > STEADY_S else tries
                if tries >= BRIEF_VISITS and not people.ever_here:
                    raise UnreadableInput(_EARLY)
            elif not inside and (outcome is not _UNREACHABLE or tries >= len(self._pauses)):
                raise UnreadableInput(outcome)
            if self.clock.now() - lost_at > self._patience_s:
                return Ended.LOST
            await self._pause(people, lost_at, tries)
            tries += 1

    async def _connected(
        self, http: aiohttp.ClientSession, people: ZoomPeople, *, inside: bool
    ) -> Ended | str | None:
        """Be connected; return why the meeting is over, or why nothing could be; None after an outage."""
        failure = _UNREACHABLE
        for url in self._meeting.urls:
            try:
                await self._visit(http, url, people)
            except _Over as over:
                return over.ended
            except HandshakeRefused as refusal:
                failure = _refused(refusal.status)
                if refusal.status == HandshakeRefused.INVALID_STREAM and inside:
                    return Ended.OVER
            except ZoomSocketLost as lost:
                failure = _EARLY if lost.early else _UNREACHABLE
            else:
                return None
        return failure

    async def _pause(self, people: ZoomPeople, lost_at: float, tries: int) -> None:
        try:
            async with asyncio.timeout(self._pauses[min(tries, len(self._pauses) - 1)]):
                await self._again.wait()
        except TimeoutError:
            pass
        if self.clock.now() - lost_at > KEPT_S:
            people.all_leave()

    def _ended(self) -> Ended | None:
        return Ended.OVER if self._closing.is_set() and self._over is None else self._over

    async def _visit(self, http: aiohttp.ClientSession, url: str, people: ZoomPeople) -> None:
        """Be connected to a signaling server until that is lost.

        Raises:
            HandshakeRefused, ZoomSocketLost: it could not be connected to.
            _Over: the meeting is over.
        """
        if not self._hosts.allows(url):
            raise ZoomSocketLost
        meeting = self._meeting
        request = signaling_handshake(meeting.meeting, meeting.stream, meeting.signature)
        async with open_zoom_socket(
            http, url, request, MessageKind.SIGNALING_RESPONSE, tls=self._tls, largest=LARGEST_SIGNAL
        ) as signal:
            offered = media_urls(signal.response)
            if not any(self._hosts.allows(address) for address in offered.values()):
                raise UnreadableInput(_ELSEWHERE if offered else _NO_MEDIA)
            people.forget_choice()
            over: Ended | None = None
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._leave_when_told(signal)),
                    group.create_task(self._steer(signal, people)),
                ]
                media = self._media = ZoomMedia(
                    meeting, ZoomRoad(http, self._hosts, self._tls, self._pauses), signal, people
                )
                tasks += media.start(group)
                try:
                    await signal.say(event_subscription())
                    async for message in signal.messages():
                        over = self._signal(message, people)
                        if over is not None:
                            break
                except ZoomSocketLost:
                    people.outage()
                except asyncio.CancelledError:
                    await self._hang_up(signal)
                    raise
                finally:
                    for task in tasks:
                        task.cancel()
            if over is not None:
                raise _Over(over)

    async def _leave_when_told(self, signal: ZoomSocket) -> None:
        await self._again.wait()
        if self._closing.is_set():
            await self._hang_up(signal)
        await signal.close()

    async def _hang_up(self, signal: ZoomSocket) -> None:
        """Have Zoom send nothing more to anybody on our behalf."""
        with contextlib.suppress(ZoomSocketLost, TimeoutError):
            async with asyncio.timeout(1.0):
                request = {"msg_type": int(MessageKind.CLOSE_REQUEST), "rtms_stream_id": self._meeting.stream}
                await signal.say(request)

    def _signal(self, message: ZoomMessage, people: ZoomPeople) -> Ended | None:
        """Take a message of the signaling server; return why the meeting is over, if it is."""
        match message.kind:
            case MessageKind.EVENT:
                if message.inner("event").number("event_type") == MeetingEvent.MEDIA_INTERRUPTED:
                    if self._media is not None:
                        self._media.interrupt(message.inner("event").number("media_type"))
                else:
                    people.event(message)
            case MessageKind.STREAM_STATE:
                state = message.number("state")
                if state in (StreamState.TERMINATING, StreamState.TERMINATED):
                    reason = message.number("reason")
                    return self._end(reason if reason is not None else message.number("stop_reason") or 0)
                people.pause(self._pauses_told.take(message))
            case MessageKind.SESSION_STATE:
                people.pause(self._pauses_told.take(message))
            case _:
                pass
        return None

    # -- what goes on beside the connections -----------------------------------------------------------------------

    async def _steer(self, signal: ZoomSocket, people: ZoomPeople) -> None:
        """Ask for the video of one who agreed, and of nobody else."""
        while True:
            choice = people.choose() if people.individual else None
            if choice is not None:
                before, after = choice
                now = int(time.time() * 1000)
                try:
                    if after:
                        await signal.say(video_subscription(after, wanted=True, now_ms=now))
                    elif before:
                        await signal.say(video_subscription(before, wanted=False, now_ms=now))
                except ZoomSocketLost:
                    return
            await asyncio.sleep(TICK_S)

    async def _tick(self, people: ZoomPeople) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            people.tick()

    async def _tell(self, people: ZoomPeople) -> None:
        """Tell who is there, at most a few times a second."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._told is not None:
                self._told(people.listed())
            await asyncio.sleep(TICK_S)


_ELSEWHERE: Final = (
    "Zoom names media servers outside the domains that may be connected to; see hosts in docs/zoom.md."
)
_NO_MEDIA: Final = "Zoom offers this app no media: the scopes are missing; see docs/zoom.md."
_UNREACHABLE: Final = "Zoom's signaling server cannot be reached; see docs/zoom.md."
_EARLY: Final = (
    "Zoom closed the connection before anybody was there: another client may hold this stream, it may be over, or "
    "client id and secret may be those of another app; see docs/zoom.md."
)


def _refused(status: int) -> str:
    if status == HandshakeRefused.INVALID_SIGNATURE:
        return (
            "Zoom refuses the signature: client id and secret are not those of the app that got the webhook."
        )
    if status == HandshakeRefused.INVALID_STREAM:
        return "Zoom does not know the stream: it is over, or it was announced to another app."
    if status == HandshakeRefused.DUPLICATE_SIGNAL:
        return "Another client is connected to this stream; Zoom allows one."
    return f"Zoom refuses the handshake (status {status}; see RTMS_STATUS_CODE in its documentation)."
