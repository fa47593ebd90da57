"""The built-in test call: a page, signalling and WHIP on one server; whoever opens the page is a participant.

Participants see the notice and answer before their camera is sent. Each has a connection of their own, and every
message counts for the one on whose connection it came. Nobody is shown to anybody else: this is a call with a
recorder, to try it out, not a conference.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from recorder.call.consent.commands import clean_line, clean_name, is_attempt, parse_command
from recorder.call.consent.notice import NoticeTexts
from recorder.call.http.connections import one_address
from recorder.call.http.http_server import LARGEST_BODY, Address, Server, known_hosts, refusal
from recorder.call.http.rate_limit import Allowance
from recorder.call.http.tokens import Grant
from recorder.call.http.whip import Pushed, WhipEndpoint, WhipLimits
from recorder.call.room.messages import (
    LARGEST_MESSAGE,
    AnswerMessage,
    ChatMessage,
    FromPage,
    JoinMessage,
    LeaveMessage,
    RenameMessage,
    encode_room_message,
    parse_room_message,
)
from recorder.call.room.pages import RoomPages
from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.peer import Peer
from recorder.call.rtc.tracks import TrackNumbers
from recorder.call.source import Answer, CallObserver, Ended, crowd_of, declare_age, receipt_of
from redaction.model import Samples

__all__ = ["RoomLimits", "RoomSource"]

RECORDER: Final = "recorder"
_JOIN_TIMEOUT_S: Final = 10.0
_HEARTBEAT_S: Final = 10.0
_SEND_TIMEOUT_S: Final = 10.0
_CLOSING_S: Final = 0.5
_INVITATION_BYTES: Final = 16
_LONGEST_LINE: Final = 500


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """What the room takes from its participants.

    Attributes:
        people: at once.
        per_address: of these from one address, where addresses tell people apart: not within this machine, and not
            behind a proxy.
        doors: connections at once that have not said who they are; the one that has waited longest gives way.
        joins: at once, and again as many in 10 s.
        burst: messages that one participant may send at once.
        per_second: messages a second after that.
        strikes: messages too many after which the connection is closed.
        waiting: messages that may wait for a slow participant before the connection is closed.
    """

    people: int = 64
    per_address: int = 32
    doors: int = 32
    joins: int = 64
    burst: int = 20
    per_second: float = 5.0
    strikes: int = 200
    waiting: int = 512


@dataclass(eq=False, slots=True)
class _Person:
    name: str = field(repr=False)
    address: str = field(repr=False)
    outbox: asyncio.Queue[str] = field(repr=False)
    allowance: Allowance
    renames: Allowance = field(default_factory=lambda: Allowance(5, 0.5))
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    wanted: bool = False
    session: Pushed | None = None
    strikes: int = 0
    gone: bool = False

    def send(self, message: str) -> None:
        """Queue a message; who does not read is disconnected by the writer."""
        if self.outbox.full():
            self.gone = True
        else:
            self.outbox.put_nowait(message)


class RoomSource:
    """The built-in room as a way into a call: the recorder is in it as long as `run` runs.

    Args:
        texts: of the notice.
        address: where to listen; loopback by default. Elsewhere browsers give no camera without TLS.
        name: what participants see of the recorder.
        limits: what the room takes.
        invitation: what must stand behind `#` in the address of who joins; made up where the room is open beyond this
            machine and none is given, and not needed where it is not.
        spoken: the notice as `speak_notice` gives it, played once to everybody who joins.
        host_addresses: where media is received; by loopback when the page is.
    """

    def __init__(
        self,
        texts: NoticeTexts,
        *,
        address: Address | None = None,
        name: str = "Recorder bot (recording)",
        limits: RoomLimits | None = None,
        invitation: str = "",
        spoken: Samples | None = None,
        host_addresses: tuple[str, ...] | None = None,
    ) -> None:
        self._pages = RoomPages(texts, name=name, spoken=spoken)
        self._server = Server(address or Address())
        self._name = name
        beyond = self._server.address.beyond
        self._invitation = invitation or (secrets.token_urlsafe(_INVITATION_BYTES) if beyond else "")
        self._limits = limits or RoomLimits()
        if host_addresses is None and self._server.address.loopback and not self._server.address.tls_in_front:
            host_addresses = ("127.0.0.1",)
        self._host_addresses = host_addresses
        self._endpoint = WhipEndpoint(self, limits=WhipLimits(sessions=self._limits.people))
        self._joins = Allowance(self._limits.joins, self._limits.joins / 10)
        self._clock = CallClock()
        self._numbers = TrackNumbers()
        self._observer: CallObserver | None = None
        self._people: dict[str, _Person] = {}
        self._by_digest: dict[bytes, _Person] = {}
        self._doors: dict[web.WebSocketResponse, asyncio.Timeout] = {}  # the longest waiting first
        self._over = asyncio.Event()

    async def url(self) -> str:
        """Return the page's address with the invitation, once it is listened on."""
        return await self._server.url() + "/" + (f"#{self._invitation}" if self._invitation else "")

    async def run(self, observer: CallObserver) -> Ended:
        """Hold the room until closed or cancelled; see `CallSource.run`.

        Raises:
            UsageError: the TLS files cannot be used.
            UnreadableInput: the address cannot be listened on.
        """
        self._observer = observer
        self._clock = CallClock()
        application = web.Application(
            client_max_size=LARGEST_BODY, middlewares=[known_hosts(self._server.address)]
        )
        self._pages.attach(application)
        application.router.add_get("/signals", self._signals)
        async with asyncio.TaskGroup() as group:
            self._endpoint.attach(application, group)
            async with self._server.serving(application, turned_away=crowd_of(observer)):
                observer.can_ask(True, self._clock.now())
                try:
                    await self._over.wait()
                finally:
                    observer.can_ask(False, self._clock.now())
                    await self._close_room()
        return Ended.OVER

    async def receive(self, participant: str, wanted: bool) -> None:
        """Begin or stop receiving a participant, who is told."""
        person = self._people.get(participant)
        if person is None:
            return
        person.wanted = wanted
        if person.session is not None:
            person.session.peer.receive(wanted)
        receipt = receipt_of(self._observer, participant) if self._observer is not None else ""
        person.send(encode_room_message("standing", recorded=wanted, receipt=receipt))

    async def notify(self, text: str, *, to: str | None = None) -> bool:
        """Write into the chat."""
        people = (
            [self._people[to]]
            if to in self._people
            else []
            if to is not None
            else list(self._people.values())
        )
        for person in people:
            person.send(encode_room_message("chat", sender=RECORDER, text=text))
        return bool(people) or to is None

    async def close(self) -> None:
        """Close the room."""
        self._over.set()
        await self._close_room()

    # -- the endpoint's owner --------------------------------------------------------------------------------------

    def grant(self, token: str | None, name: str) -> Grant | None:  # noqa: ARG002 - names come by the page
        """Let a participant send, by the secret that their connection was given."""
        person = self._by_digest.get(_digest(token)) if token else None
        return Grant(person.id, sessions=2) if person is not None else None

    async def make(self, grant: Grant) -> Peer:
        """Return a peer for a participant."""
        person = self._people.get(grant.holder)
        if person is None or self._observer is None:
            raise web.HTTPUnauthorized
        return Peer(
            person.id, self._observer, self._clock, numbers=self._numbers, host_addresses=self._host_addresses
        )

    async def opened(self, session: Pushed) -> None:
        """Receive at once from whoever has agreed, from nobody else; a new session takes the old one's place."""
        person = self._people.get(session.participant)
        if person is None:  # they have left meanwhile
            await self._endpoint.end(session)
            return
        old, person.session = person.session, session
        if old is not None:
            old.peer.receive(False)  # at no time two cameras of one participant
        session.peer.receive(person.wanted)
        if old is not None:
            await self._endpoint.end(old)

    def receipt(self, session: Pushed) -> str:  # noqa: ARG002 - they have it by their own connection
        """Say nothing with the push."""
        return ""

    def closed(self, session: Pushed) -> None:
        """Forget a session; the participant may still be there."""
        person = self._people.get(session.participant)
        if person is not None and person.session is session:
            person.session = None

    # -- signalling ------------------------------------------------------------------------------------------------

    async def _signals(self, request: web.Request) -> web.StreamResponse:
        """Hold one participant's connection."""
        origin = urlsplit(request.headers.get("Origin", ""))
        if origin.scheme not in ("http", "https") or origin.netloc != request.host:
            return refusal(403, "Only this server's own page may connect.")
        if self._over.is_set() or len(self._people) >= self._limits.people:
            return refusal(503, "The room is full.", Retry_After="10")
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_S, max_msg_size=LARGEST_MESSAGE, compress=False, timeout=_CLOSING_S
        )
        await socket.prepare(request)
        person = await self._admit(socket, request)
        if person is not None:
            try:
                await self._converse(socket, person)
            finally:
                await self._leave(person)
        await socket.close()
        return socket

    async def _first(self, socket: web.WebSocketResponse, request: web.Request) -> FromPage | None:
        """Return the first message, None if there is none in time or newer ones wait at the door too."""
        while len(self._doors) >= self._limits.doors:
            self._doors.pop(next(iter(self._doors))).reschedule(0)
            if self._observer is not None:
                crowd_of(self._observer)(1)
        try:
            async with asyncio.timeout(_JOIN_TIMEOUT_S) as patience:
                self._doors[socket] = patience
                first = await socket.receive()
        except TimeoutError:
            if socket not in self._doors and request.transport is not None:
                request.transport.abort()  # pushed out by others: no time is spent on a farewell
            return None
        finally:
            self._doors.pop(socket, None)
        return parse_room_message(first.data) if first.type is WSMsgType.TEXT else None

    async def _admit(self, socket: web.WebSocketResponse, request: web.Request) -> _Person | None:
        """Wait for the name, then let them in."""
        message = await self._first(socket, request)
        if isinstance(message, JoinMessage) and not self._invited(message.invitation):
            await socket.send_str(encode_room_message("uninvited"))
            return None
        if not isinstance(message, JoinMessage) or self._observer is None or self._over.is_set():
            return None
        address = one_address(request.remote or "")
        if not self._room_for(address) or not self._joins.take(self._clock.now()):
            return None
        person = _Person(
            clean_name(message.name),
            address,
            asyncio.Queue(self._limits.waiting),
            Allowance(self._limits.burst, self._limits.per_second),
        )
        others = [{"id": other.id, "name": other.name} for other in self._people.values()]
        others.insert(0, {"id": RECORDER, "name": self._name})
        person.send(
            encode_room_message(
                "welcome", id=person.id, secret=person.secret, name=person.name, people=others
            )
        )
        self._broadcast(encode_room_message("person", id=person.id, name=person.name))
        self._people[person.id] = person
        self._by_digest[_digest(person.secret)] = person
        self._observer.joined(person.id, person.name, self._clock.now())
        return person

    def _invited(self, presented: str) -> bool:
        """Tell whether somebody has the invitation; the time it takes does not tell how much of it was right."""
        return not self._invitation or compare_digest(_digest(presented), _digest(self._invitation))

    def _room_for(self, address: str) -> bool:
        if len(self._people) >= self._limits.people:
            return False
        if not self._server.address.addresses_tell:
            return True
        return sum(other.address == address for other in self._people.values()) < self._limits.per_address

    async def _converse(self, socket: web.WebSocketResponse, person: _Person) -> None:
        """Read and write until either is over."""
        async with asyncio.TaskGroup() as group:
            tasks = {
                group.create_task(self._read(socket, person)),
                group.create_task(self._write(socket, person)),
            }
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()

    async def _write(self, socket: web.WebSocketResponse, person: _Person) -> None:
        while not (person.gone and person.outbox.empty()):
            message = await person.outbox.get()
            try:
                async with asyncio.timeout(_SEND_TIMEOUT_S):
                    await socket.send_str(message)
            except (ConnectionError, TimeoutError):
                return

    async def _read(self, socket: web.WebSocketResponse, person: _Person) -> None:
        async for frame in socket:
            message = parse_room_message(frame.data) if frame.type is WSMsgType.TEXT else None
            if isinstance(message, LeaveMessage) or person.gone:
                return
            if not person.allowance.take(self._clock.now()) or message is None:
                person.strikes += 1
                if person.strikes > self._limits.strikes:
                    return
                if not _refuses(message):  # a no counts even in a flood
                    continue
            self._take(person, message)

    def _take(self, person: _Person, message: FromPage | None) -> None:
        if self._observer is None:
            return
        now = self._clock.now()
        if isinstance(message, AnswerMessage):
            if message.answer is Answer.YES and message.adult:
                declare_age(self._observer, person.id, adult=True, time=now)
            self._observer.answered(person.id, message.answer, now)
        elif isinstance(message, RenameMessage):
            person.name = clean_name(message.name)
            self._observer.renamed(person.id, person.name, now)
            if person.renames.take(now):  # each goes to everybody
                self._broadcast(encode_room_message("person", id=person.id, name=person.name))
        elif isinstance(message, ChatMessage):
            self._observer.chat(person.id, message.text, now)
            line = clean_line(message.text, longest=_LONGEST_LINE)
            if line and parse_command(message.text) is None and not is_attempt(message.text):
                self._broadcast(encode_room_message("chat", sender=person.id, text=line))

    def _broadcast(self, message: str) -> None:
        for person in self._people.values():
            person.send(message)

    async def _leave(self, person: _Person) -> None:
        if self._people.pop(person.id, None) is None:
            return
        del self._by_digest[_digest(person.secret)]
        self._endpoint.forget(person.id)
        if person.session is not None:
            await self._endpoint.end(person.session)
        if self._observer is not None:
            self._observer.left(person.id, self._clock.now())
        self._broadcast(encode_room_message("gone", id=person.id))

    async def _close_room(self) -> None:
        for person in tuple(self._people.values()):
            person.send(encode_room_message("over"))
            person.gone = True  # the writer says this and hangs up
        for person in tuple(self._people.values()):
            await self._leave(person)
        await self._endpoint.end_all()


def _refuses(message: FromPage | None) -> bool:
    if isinstance(message, AnswerMessage):
        return message.answer is not Answer.YES
    return isinstance(message, ChatMessage) and parse_command(message.text) in (Answer.NO, Answer.ERASE)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
