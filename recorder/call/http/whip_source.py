"""A call into which other systems push their participants by WHIP: `offrecord serve`."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final

from aiohttp import web

from recorder.call.consent.commands import clean_name, declared_age, parse_command
from recorder.call.http.http_server import LARGEST_BODY, Address, Server, read_body, refusal
from recorder.call.http.tokens import Grant, Tokens, bearer
from recorder.call.http.whip import Pushed, WhipEndpoint, WhipLimits, receipt_header, unauthorised
from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.peer import Peer
from recorder.call.rtc.tracks import TrackNumbers
from recorder.call.source import Answer, CallObserver, Ended, Via, crowd_of, declare_age, receipt_of
from redaction.errors import InternalError

__all__ = ["WhipSource", "serve_source"]

_REMEMBERED: Final = 1000
_MOST_BROUGHT: Final = 250
"""Participants whom one of several tokens brings into a call: a quarter of what a call holds."""

_LOOK_S: Final = 0.5


class WhipSource:
    """A call into which other systems push their participants, one session each.

    A participant's name comes from the token, or from the address `/whip/NAME`. Where a token vouches for consent, its
    participants have agreed when they come, and `POST /session/ID/consent` with the body `no`, `erase` or `yes` tells
    what they say later, no and erase also after the session has ended. The others are silent. The receipt under which
    a participant is recorded comes with the answer to the push or to that POST, and by `GET /session/ID/receipt`.

    Args:
        tokens: who may push.
        address: where to listen.
        limits: how much may be pushed.
        origins: pages of other servers that may push from a browser.
        linger_s: seconds without a session, after there was one, that end the call; None: it does not end by itself.
        host_addresses: where media is received instead of at the network interfaces' addresses; loopback for calls
            within one machine.
        extend: adds further routes to the web application before it is served.
    """

    def __init__(
        self,
        tokens: Tokens,
        address: Address,
        *,
        limits: WhipLimits | None = None,
        origins: tuple[str, ...] = (),
        linger_s: float | None = None,
        host_addresses: tuple[str, ...] | None = None,
        extend: Callable[[web.Application], None] | None = None,
    ) -> None:
        self._extend = extend
        self._linger_s = linger_s
        self._left_at: float | None = None
        self._tokens = tokens
        self._server = Server(address)
        self._host_addresses = host_addresses
        self._endpoint = WhipEndpoint(self, limits=limits, origins=origins)
        self._clock = CallClock()
        self._numbers = TrackNumbers()
        self._observer: CallObserver | None = None
        self._open: dict[str, Pushed] = {}
        self._ended: dict[
            str, OrderedDict[str, str]
        ] = {}  # of each token, since nobody's may push out another's
        self._brought: Counter[str] = Counter()
        self._over = asyncio.Event()

    async def url(self) -> str:
        """Return the address to push to, once it is listened on."""
        return await self._server.url() + "/whip"

    async def run(self, observer: CallObserver) -> Ended:
        """Take pushes until closed or cancelled; see `CallSource.run`.

        Raises:
            UsageError: the TLS files cannot be used.
            UnreadableInput: the address cannot be listened on.
        """
        self._observer = observer
        self._clock = CallClock()
        application = web.Application(client_max_size=LARGEST_BODY)
        application.router.add_post("/session/{id}/consent", self._consent)
        application.router.add_get("/session/{id}/receipt", self._receipt)
        if self._extend is not None:
            self._extend(application)
        async with asyncio.TaskGroup() as group:
            self._endpoint.attach(application, group)
            async with self._server.serving(application, turned_away=crowd_of(observer)):
                observer.can_ask(self._tokens.vouching, self._clock.now())
                try:
                    await self._until_over()
                finally:
                    await self._endpoint.end_all()
        return Ended.OVER

    async def receive(self, participant: str, wanted: bool) -> None:
        """Begin or stop receiving a participant."""
        session = self._open.get(participant)
        if session is not None:
            session.peer.receive(wanted)

    async def notify(self, text: str, *, to: str | None = None) -> bool:  # noqa: ARG002 - the contract
        """Say nothing: WHIP has no way back but HTTP's answers."""
        return False

    async def close(self) -> None:
        """End every session and stop listening."""
        self._over.set()
        await self._endpoint.end_all()

    async def _until_over(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._over.wait()
            if self._linger_s is None or self._left_at is None or self._open:
                continue
            if self._clock.now() - self._left_at >= self._linger_s:
                return

    # -- the endpoint's owner --------------------------------------------------------------------------------------

    def grant(self, token: str | None, name: str) -> Grant | None:
        """Return what a token allows; the token's own name wins over the address's."""
        found = self._tokens.find(token)
        if found is None or found.metrics:
            return None
        if found.name:
            return found
        return Grant(found.holder, name, found.consent, found.sessions)

    async def make(self, grant: Grant) -> Peer:
        """Return a peer for a new participant: whoever comes again is another one.

        Raises:
            HTTPTooManyRequests: the token has brought as many as one may, where others want to as well.
        """
        if self._observer is None:
            raise InternalError("Somebody was pushed before the source ran.")
        if self._brought[grant.holder] >= _MOST_BROUGHT and self._tokens.several:
            raise web.HTTPTooManyRequests(text="This token has brought as many participants as one may.\n")
        self._brought[grant.holder] += 1
        return Peer(
            secrets.token_hex(8),
            self._observer,
            self._clock,
            numbers=self._numbers,
            host_addresses=self._host_addresses,
        )

    async def opened(self, session: Pushed) -> None:
        """Tell that somebody is there, and what the pushing system vouches for."""
        if self._observer is None:
            return
        self._open[session.participant] = session
        now = self._clock.now()
        self._observer.joined(session.participant, clean_name(session.grant.name), now)
        declare_age(self._observer, session.participant, adult=session.grant.adult, time=now)
        if session.grant.consent:
            self._observer.answered(session.participant, Answer.YES, now, Via.TOKEN)

    def receipt(self, session: Pushed) -> str:
        """Return the receipt of whoever has agreed by the token."""
        return receipt_of(self._observer, session.participant) if self._observer is not None else ""

    def closed(self, session: Pushed) -> None:
        """Tell that somebody is gone."""
        self._open.pop(session.participant, None)
        self._left_at = self._clock.now()
        ended = self._ended.setdefault(session.grant.holder, OrderedDict())
        ended[session.id] = session.participant
        if len(ended) > _REMEMBERED:
            ended.popitem(last=False)
        if self._observer is not None:
            self._observer.left(session.participant, self._clock.now())

    async def _consent(self, request: web.Request) -> web.Response:
        grant = self.grant(bearer(request.headers.get("Authorization")), "")
        if grant is None:
            return unauthorised()
        if not grant.consent:
            return refusal(403, "This token does not vouch for its participants.")
        participant = self._participant(request.match_info["id"], grant)
        if not participant or self._observer is None:
            return refusal(404, "There is no such session.")
        body = await read_body(request)
        try:
            said = f"/record {body[:32].decode('utf-8').strip()}"
        except UnicodeDecodeError:
            said = ""
        answer = parse_command(said)
        if answer is None:
            return refusal(400, "The answer is yes, yes 18+, no or erase.")
        adult = declared_age(said)
        declare_age(self._observer, participant, adult=adult, time=self._clock.now())
        self._observer.answered(participant, answer, self._clock.now(), Via.TOKEN)
        return web.Response(status=204, headers=receipt_header(receipt_of(self._observer, participant)))

    async def _receipt(self, request: web.Request) -> web.Response:
        """Tell the pushing system the receipt under which a participant is recorded, now or until they left."""
        grant = self.grant(bearer(request.headers.get("Authorization")), "")
        if grant is None:
            return unauthorised()
        participant = self._participant(request.match_info["id"], grant)
        receipt = receipt_of(self._observer, participant) if participant and self._observer else ""
        if not receipt:
            return refusal(404, "There is no receipt: nothing of that session's participant is stored.")
        return web.Response(text=receipt + "\n", headers=receipt_header(receipt))

    def _participant(self, session_id: str, grant: Grant) -> str:
        """Return whose session it is or was, nothing if it is none of this token."""
        session = self._endpoint.session(session_id, grant)
        if session is not None:
            return session.participant
        return self._ended.get(grant.holder, OrderedDict()).get(session_id, "")


def serve_source(
    tokens: Tokens,
    *,
    address: Address | None = None,
    origins: tuple[str, ...] = (),
    limits: WhipLimits | None = None,
    linger_s: float | None = None,
    host_addresses: tuple[str, ...] | None = None,
    extend: Callable[[web.Application], None] | None = None,
) -> WhipSource:
    """Return the source of `offrecord serve`; media comes by loopback when the pushes do."""
    where = address or Address()
    if host_addresses is None and where.loopback and not where.tls_in_front:
        host_addresses = ("127.0.0.1",)
    return WhipSource(
        tokens,
        where,
        limits=limits,
        origins=origins,
        linger_s=linger_s,
        host_addresses=host_addresses,
        extend=extend,
    )
