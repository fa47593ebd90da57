"""A WHIP endpoint (RFC 9725): sessions that are pushed to us, one peer connection for each."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Protocol

from aiohttp import web

from recorder.call.http.http_server import read_body, refusal
from recorder.call.http.rate_limit import Allowance
from recorder.call.http.tokens import Grant, bearer
from recorder.call.rtc.description import BadDescription, offered
from recorder.call.rtc.peer import Peer

__all__ = [
    "RECEIPT_HEADER",
    "Pushed",
    "WhipEndpoint",
    "WhipLimits",
    "WhipOwner",
    "receipt_header",
    "unauthorised",
]

_SDP: Final = "application/sdp"
RECEIPT_HEADER: Final = "Offrecord-Receipt"


@dataclass(frozen=True, slots=True)
class WhipLimits:
    """How much may be pushed.

    Attributes:
        sessions: at once, over all tokens.
        burst: sessions that one token may open in quick succession.
        per_second: how fast that comes back.
    """

    sessions: int = 64
    burst: int = 8
    per_second: float = 0.5


@dataclass(eq=False, slots=True)
class Pushed:
    """One session: its secret id, who pushes it, and whose media it is."""

    grant: Grant
    participant: str
    peer: Peer = field(repr=False)
    id: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)


class WhipOwner(Protocol):
    """Whose participants the sessions are."""

    def grant(self, token: str | None, name: str) -> Grant | None:
        """Return what a token allows, None when it allows nothing."""
        ...

    async def make(self, grant: Grant) -> Peer:
        """Return a new peer for whoever pushes."""
        ...

    async def opened(self, session: Pushed) -> None:
        """A session is there; nothing of it is decoded yet."""
        ...

    def receipt(self, session: Pushed) -> str:
        """Return the receipt under which whoever pushes is recorded, nothing if they are not or are told otherwise."""
        ...

    def closed(self, session: Pushed) -> None:
        """A session is gone, its peer closed."""
        ...


class WhipEndpoint:
    """The routes `POST /whip`, `POST /whip/NAME` and `DELETE /session/ID` of a web application.

    A request is authorised before its body is read, and nothing of a refused one becomes a peer.

    Args:
        owner: of the participants.
        limits: how much may be pushed.
        origins: pages of other servers that may push from a browser; none by default.
    """

    def __init__(
        self, owner: WhipOwner, *, limits: WhipLimits | None = None, origins: tuple[str, ...] = ()
    ) -> None:
        self._owner = owner
        self._limits = limits or WhipLimits()
        self._origins = frozenset(origins)
        self._sessions: dict[str, Pushed] = {}
        self._pending: Counter[str] = Counter()
        self._allowances: dict[str, Allowance] = {}
        self._group: asyncio.TaskGroup | None = None

    def attach(self, application: web.Application, group: asyncio.TaskGroup) -> None:
        """Add the routes; sessions live in the group."""
        self._group = group
        application.router.add_post("/whip", self._push)
        application.router.add_post("/whip/{name}", self._push)
        application.router.add_delete("/session/{id}", self._delete)
        for path in ("/whip", "/whip/{name}", "/session/{id}"):
            application.router.add_route("OPTIONS", path, self._options)
        application.on_response_prepare.append(self._share)

    def session(self, session_id: str, grant: Grant) -> Pushed | None:
        """Return a session of this holder."""
        found = self._sessions.get(session_id)
        return found if found is not None and found.grant.holder == grant.holder else None

    async def end(self, session: Pushed) -> None:
        """Close a session."""
        await session.peer.close()
        self._forget(session)

    def forget(self, holder: str) -> None:
        """Forget what a holder has used up, who is gone for good: as many are remembered as there are holders."""
        self._allowances.pop(holder, None)

    async def end_all(self) -> None:
        """Close every session and take no more."""
        self._group = None
        for session in tuple(self._sessions.values()):
            await self.end(session)

    # -- requests --------------------------------------------------------------------------------------------------

    async def _push(self, request: web.Request) -> web.Response:
        grant = self._owner.grant(
            bearer(request.headers.get("Authorization")), request.match_info.get("name", "")
        )
        if grant is None:
            return unauthorised()
        if self._group is None or len(self._sessions) + self._pending.total() >= self._limits.sessions:
            return refusal(503, "No more sessions can be taken now.", Retry_After="10")
        if self._open(grant) >= grant.sessions:
            return refusal(409, "This token has as many sessions as it may have.", Retry_After="10")
        if not self._allowed(grant):
            return refusal(429, "Too many sessions in a short time.", Retry_After="10")
        self._pending[grant.holder] += 1
        try:
            return await self._accept(request, grant)
        finally:
            self._pending[grant.holder] -= 1

    async def _accept(self, request: web.Request, grant: Grant) -> web.Response:
        if request.content_type != _SDP:
            return refusal(415, "A session description (application/sdp) is needed.", Accept_Post=_SDP)
        body = await read_body(request)
        try:
            untrusted_offer = body.decode("utf-8")
            offered(untrusted_offer)
        except (UnicodeDecodeError, BadDescription):
            return refusal(400, "The session description is malformed.")
        peer = await self._owner.make(grant)
        try:
            answer = await peer.answer(untrusted_offer)
        except BadDescription:
            await peer.close()
            return refusal(422, "The session description offers nothing that can be received here.")
        except BaseException:
            await peer.close()
            raise
        session = Pushed(grant, peer.participant, peer)
        if not await self._begin(session):
            await peer.close()
            return refusal(503, "No more sessions can be taken now.")
        where = {"Location": f"/session/{session.id}"} | receipt_header(self._owner.receipt(session))
        return web.Response(status=201, text=answer, content_type=_SDP, headers=where)

    async def _delete(self, request: web.Request) -> web.Response:
        grant = self._owner.grant(bearer(request.headers.get("Authorization")), "")
        if grant is None:
            return unauthorised()
        session = self.session(request.match_info["id"], grant)
        if session is None:
            return refusal(404, "There is no such session.")
        await self.end(session)
        return web.Response(status=200)

    async def _options(self, request: web.Request) -> web.Response:
        headers = {"Accept-Post": _SDP} if request.path.startswith("/whip") else {}
        methods = "POST, OPTIONS" if headers else "DELETE, OPTIONS"
        if request.headers.get("Origin") in self._origins:
            headers |= {
                "Access-Control-Allow-Methods": methods,
                "Access-Control-Allow-Headers": "Authorization, Content-Type",
                "Access-Control-Max-Age": "600",
            }
        return web.Response(status=204, headers=headers | {"Allow": methods})

    async def _share(self, request: web.Request, response: web.StreamResponse) -> None:
        origin = request.headers.get("Origin", "")
        if origin in self._origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = f"Location, {RECEIPT_HEADER}"
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            response.headers["Vary"] = "Origin"

    # -- sessions --------------------------------------------------------------------------------------------------

    async def _begin(self, session: Pushed) -> bool:
        """Let a session begin, unless all are being closed."""
        if self._group is None:
            return False
        self._sessions[session.id] = session
        self._group.create_task(self._attend(session), name="pushed session")
        await self._owner.opened(session)
        return True

    async def _attend(self, session: Pushed) -> None:
        try:
            await session.peer.run()
        finally:
            await self.end(session)

    def _forget(self, session: Pushed) -> None:
        if self._sessions.pop(session.id, None) is not None:
            self._owner.closed(session)

    def _open(self, grant: Grant) -> int:
        held = sum(session.grant.holder == grant.holder for session in self._sessions.values())
        return held + self._pending[grant.holder]

    def _allowed(self, grant: Grant) -> bool:
        allowance = self._allowances.setdefault(
            grant.holder, Allowance(self._limits.burst, self._limits.per_second)
        )
        return allowance.take(asyncio.get_running_loop().time())


def receipt_header(receipt: str) -> dict[str, str]:
    """Return the header that tells a receipt, none if there is none."""
    return {RECEIPT_HEADER: receipt} if receipt else {}


def unauthorised() -> web.Response:
    """Return the refusal of a request without a token that is known."""
    return refusal(
        401, "A bearer token is needed.", WWW_Authenticate='Bearer realm="offrecord"', Connection="close"
    )
