"""The chat beside a Janus VideoRoom: a TextRoom over a data channel, and whose words count there."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiortc import RTCDataChannel, RTCSessionDescription

from recorder.call.consent.commands import parse_command
from recorder.call.http.rate_limit import Allowance
from recorder.call.janus.protocol import Feed
from recorder.call.janus.websocket import JanusLink
from recorder.call.rtc.connection import MediaConnection
from recorder.call.rtc.description import BadDescription, offered
from recorder.call.rtc.hooks import REFUSALS
from recorder.call.source import Answer

__all__ = ["BindRule", "TextChannel", "TextUsers"]

_PLUGIN: Final = "janus.plugin.textroom"
MAX_TEXT: Final = 4000
MAX_TEXT_MESSAGE: Final = 256 * 1024
MAX_USERS: Final = 1000
OPEN_TIMEOUT: Final = 10.0
GRACE: Final = 5.0
"""Seconds by which news of the text room may come after that of the video room that it belongs to."""


@dataclass(frozen=True, slots=True)
class BindRule:
    """When words in the text room count as those of somebody in the video room.

    Janus lets anybody take any free name in a text room and ties none to the video room. Words count only if

    - the video room's own handle of that person names the text room user, in the `metadata` of what they publish
      (`{"textroom": USER}`) or as the description of a stream (`textroom:USER`), which nobody else can set, and
    - that user was in the text room by then and has not left since, so that nobody else can have taken the name.

    A page therefore joins the text room under a random name first, and names it when it publishes.

    Attributes:
        by_name: also count a text room user named like the id in the video room as that person. Right only where an
            application server hands out the names of the text room.
    """

    by_name: bool = False


class TextUsers:
    """Who is in the text room, and for whom they speak."""

    def __init__(self, rule: BindRule) -> None:
        self._rule = rule
        self._users: set[str] = set()
        self._claims: dict[str, tuple[str, float]] = {}  # participant -> user they named, and when
        self._bound: dict[str, str] = {}  # participant -> user that speaks for them

    def listed(self, users: list[str]) -> None:
        """Begin anew with those who are in the text room as it is entered."""
        self._users = set(users[:MAX_USERS])
        self._bound = {who: user for who, (user, _) in self._claims.items() if user in self._users}

    def entered(self, user: str, time: float) -> None:
        """Somebody came into the text room."""
        if len(self._users) >= MAX_USERS:
            return
        self._users.add(user)
        for who, (named, since) in self._claims.items():
            if named == user and time - since <= GRACE:
                self._bound[who] = user

    def exited(self, user: str) -> None:
        """Somebody left the text room: the name is free for anybody, and speaks for nobody from now on."""
        self._users.discard(user)
        self._bound = {who: name for who, name in self._bound.items() if name != user}
        self._claims = {who: claim for who, claim in self._claims.items() if claim[0] != user}

    def claimed(self, participant: str, user: str, time: float) -> None:
        """Somebody in the video room says who they are in the text room; "" withdraws it."""
        if self._claims.get(participant, ("", 0.0))[0] == user:
            return
        self._bound.pop(participant, None)
        self._claims.pop(participant, None)
        if user:
            self._claims[participant] = (user, time)
            if user in self._users:
                self._bound[participant] = user

    def left(self, participant: str) -> None:
        """Somebody left the video room."""
        self._claims.pop(participant, None)
        self._bound.pop(participant, None)

    def speaks_for(self, user: str, people: Mapping[str, Feed]) -> list[str]:
        """Return whose words a user's are; nobody's if that is not certain.

        Several people may have named one user: each said so themselves, so the user speaks for each.
        """
        owners = [who for who, name in self._bound.items() if name == user]
        if self._rule.by_name and user in people and user not in owners:
            owners.append(user)
        return owners

    def user_of(self, participant: str) -> str | None:
        """Return the user who speaks for somebody, None if there is none."""
        if participant in self._bound:
            return self._bound[participant]
        return participant if self._rule.by_name and participant in self._users else None


class TextChannel:
    """The bot's place in a text room.

    Args:
        users: kept up to date.
        heard: gets user and text of what others write.
    """

    def __init__(
        self,
        link: JanusLink,
        room: int | str,
        users: TextUsers,
        *,
        on_text: Callable[[str, str], None],
        now: Callable[[], float],
        name: str,
        pin: str | None = None,
        host_addresses: list[str] | None = None,
    ) -> None:
        self._link = link
        self._room = room
        self._users = users
        self._on_text = on_text
        self._now = now
        self._name = name
        self._pin = pin
        self._user = f"recorder-{secrets.token_hex(6)}"
        self._connection = MediaConnection(host_addresses=host_addresses)
        self._channel: RTCDataChannel | None = None
        self._inside = asyncio.Event()
        self._over = asyncio.Event()
        self._handle = 0
        self._allowance = Allowance(100, 30.0)

    async def enter(self) -> bool:
        """Join the text room; return whether that worked.

        Raises:
            LinkLost: the server is gone.
        """
        self._handle = await self._link.attach(_PLUGIN)
        setup = await self._link.ask(self._handle, {"request": "setup"})
        if setup.failed() or setup.jsep_type != "offer":
            return False
        try:
            offered(setup.jsep_sdp)
            await self._connection.setRemoteDescription(RTCSessionDescription(setup.jsep_sdp, "offer"))
            self._channel = self._connection.createDataChannel("JanusDataChannel")
            self._channel.on("open", self._opened)
            self._channel.on("message", self._message)
            self._channel.on("close", self._over.set)
            self._connection.on("connectionstatechange", self._state_changed)
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except (BadDescription, *REFUSALS):
            return False
        answer = ("answer", self._connection.localDescription.sdp)
        acknowledged = await self._link.ask(self._handle, {"request": "ack"}, jsep=answer)
        if acknowledged.failed():
            return False
        try:
            async with asyncio.timeout(OPEN_TIMEOUT):
                await self._inside.wait()
        except TimeoutError:
            return False
        return not self._over.is_set()

    async def run(self) -> None:
        """Return when the text room is lost."""
        await self._over.wait()

    def send(self, text: str, *, to: str | None = None) -> bool:
        """Write to everybody, or to one user; return whether it could be sent."""
        if self._over.is_set() or not self._inside.is_set():
            return False
        message: dict[str, object] = {"textroom": "message", "text": text[:MAX_TEXT], "ack": False}
        if to is not None:
            message["to"] = to
        return self._send(message)

    async def close(self) -> None:
        """Leave the text room."""
        self._over.set()
        await self._connection.close()

    def _opened(self) -> None:
        message: dict[str, object] = {"textroom": "join", "username": self._user, "display": self._name}
        if self._pin is not None:
            message["pin"] = self._pin
        self._send(message)

    def _send(self, message: dict[str, object]) -> bool:
        if self._channel is None or self._channel.readyState != "open":
            return False
        self._channel.send(json.dumps({**message, "transaction": secrets.token_hex(6), "room": self._room}))
        return True

    def _state_changed(self) -> None:
        if self._connection.connectionState in {"failed", "closed"}:
            self._over.set()

    def _message(self, message: str | bytes) -> None:
        if len(message) > MAX_TEXT_MESSAGE:
            return
        try:
            said = json.loads(message)
        except (ValueError, RecursionError):
            return
        if not isinstance(said, dict):
            return
        kind = said.get("textroom")
        if kind == "success" and isinstance(said.get("participants"), list) and not self._inside.is_set():
            entries = [entry.get("username") for entry in said["participants"] if isinstance(entry, dict)]
            self._users.listed([user for user in entries if isinstance(user, str) and user != self._user])
            self._inside.set()
        elif kind == "error" and not self._inside.is_set():
            self._over.set()
            self._inside.set()
        elif kind == "destroyed":
            self._over.set()
        elif kind in {"join", "leave", "kicked", "message"}:
            self._of_somebody(str(kind), said)

    def _of_somebody(self, kind: str, said: dict[str, object]) -> None:
        user = said.get("from" if kind == "message" else "username")
        if not isinstance(user, str) or len(user) > 200:
            return
        if user == self._user:
            if kind == "kicked":
                self._over.set()
            return
        if kind == "join":
            self._users.entered(user, self._now())
        elif kind in {"leave", "kicked"}:
            self._users.exited(user)
        elif isinstance(said.get("text"), str):
            text = str(said["text"])[:MAX_TEXT]
            if self._allowance.take(self._now()) or parse_command(text) in (Answer.NO, Answer.ERASE):
                self._on_text(user, text)  # a no counts even in a flood, which may be somebody else's
