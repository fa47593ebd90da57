"""A call with a page beside it: each participant gets a link of their own, and answers for themselves alone."""

from __future__ import annotations

import asyncio
import re
import secrets
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent_page.links import ConsentLink, ConsentLinks
from recorder.call.consent_page.pages import ConsentPages
from recorder.call.http.http_server import LARGEST_BODY, Address, known_hosts, listening
from recorder.call.rtc.clock import CallClock
from recorder.call.source import (
    Answer,
    CallObserver,
    CallSource,
    Ended,
    QualitySample,
    TimedAudio,
    TimedVideo,
    TrackKey,
    Via,
    crowd_of,
    declare_age,
    receipt_of,
)
from redaction.errors import OffrecordError, UsageError

__all__ = ["ConsentPageAddress", "SourceWithPage"]

_CALL: Final = "call"
_PORT: Final = 8750
_LISTEN: Final = re.compile(
    r"(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>\d{1,5})", re.ASCII
)


class ConsentPageAddress:
    """Where the page is, and where it is listened for.

    Args:
        public_url: under which participants open it: https, or http within this machine.
        listen: HOST:PORT to listen on; that of the address within this machine, port 8750 otherwise, if None.
        tls: certificate and key (PEM); without them an https address has a proxy in front.

    Raises:
        UsageError: one of them cannot be used.
    """

    def __init__(self, public_url: str, *, listen: str | None, tls: tuple[Path, Path] | None) -> None:
        try:
            parts = urlsplit(public_url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        local = host in ("localhost", "127.0.0.1", "::1")
        if not host or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
            raise UsageError(_NO_URL)
        if parts.username is not None or parts.query or parts.fragment:
            raise UsageError(_NO_URL)
        where, number = (host, port or _PORT) if local else ("127.0.0.1", _PORT)
        if listen is not None:
            found = _LISTEN.fullmatch(listen)
            if found is None or int(found["port"]) > 65535:
                raise UsageError("The consent page listens on HOST:PORT, such as 127.0.0.1:8750.")
            where, number = found["host"].strip("[]"), int(found["port"])
        certificate, key = tls or (None, None)
        self.public_url = public_url
        self.address = Address(
            where,
            number,
            certificate,
            key,
            names=(host,),
            tls_in_front=parts.scheme == "https" and tls is None,
        )
        self.address.context()  # unusable files are told before the call is joined


_NO_URL: Final = "The consent page's address begins with https://, or with http:// within this machine."


class SourceWithPage:
    """A way into a call whose participants are asked by a page; see `recorder.call.source.CallSource`.

    The page can be reached from when the call is joined until it is left. Whoever hosts the call hands the links out;
    where the call has a chat that reaches one person alone, the recorder writes each their own.

    Args:
        source: the way into the call.
        texts: of the notice.
        page: where it is.
    """

    def __init__(self, source: CallSource, texts: NoticeTexts, page: ConsentPageAddress) -> None:
        self._source = source
        self._page = page
        self._links = ConsentLinks()
        self._pages = ConsentPages(
            self._links,
            texts,
            public_url=page.public_url,
            host_key=secrets.token_urlsafe(16),
            answered=self._answered,
        )
        self._observer: CallObserver | None = None
        self._clock = CallClock()
        self._told: set[str] = set()
        self._open = asyncio.Event()

    async def host_url(self) -> str:
        """Return where whoever hosts the call finds the links, once it can be opened; it is a secret of theirs."""
        await self._open.wait()
        return self._pages.host_url

    @property
    def blocked(self) -> int:
        """Requests of a browser's page to other hosts, which were not let through."""
        return int(getattr(self._source, "blocked", 0))

    async def run(self, observer: CallObserver) -> Ended:
        """Serve the page, and be in the call.

        Raises:
            UnreadableInput: the page's address cannot be listened on, or the call cannot be joined.
        """
        address = self._page.address
        application = web.Application(client_max_size=LARGEST_BODY, middlewares=[known_hosts(address)])
        self._pages.attach(application)
        self._links.begin(_CALL)
        self._clock = CallClock()
        outcome: Ended | OffrecordError
        async with listening(application, address, turned_away=crowd_of(observer)):
            self._observer = observer
            self._open.set()
            observer.can_ask(True, self._clock.now())
            try:
                outcome = await self._source.run(_AskingByPage(observer, self._links))
            except OffrecordError as error:  # the server's group would wrap it
                outcome = error
            finally:
                self._observer = None
                self._links.end(_CALL)
        if isinstance(outcome, OffrecordError):
            raise outcome
        return outcome

    async def receive(self, participant: str, wanted: bool) -> None:
        """Have the call bring somebody's media, or no longer."""
        await self._source.receive(participant, wanted)

    async def notify(self, text: str, *, to: str | None = None) -> bool:
        """Write in the call where it has a way to, with their link to somebody's first notice, and on their page."""
        link = None if to is None else self._links.latest(_CALL, to)
        if link is None or to is None:
            return await self._source.notify(text, to=to)
        self._links.note(_CALL, to, text)
        first = to not in self._told
        shown = f"{text} Or answer here: {self._pages.url_of(link)}" if first else text
        if await self._source.notify(shown, to=to):
            self._told.add(to)
            return True
        return link.answer is not None

    async def close(self) -> None:
        """Leave the call."""
        await self._source.close()

    def _answered(self, link: ConsentLink, answer: Answer, adult: bool | None) -> None:
        if self._observer is not None:
            now = self._clock.now()
            declare_age(self._observer, link.participant, adult=adult, time=now)
            self._observer.answered(link.participant, answer, now, Via.PAGE)


class _AskingByPage(CallObserver):
    """Tells the session what the call tells, but that people can be asked all the time; and the links who is there."""

    def __init__(self, observer: CallObserver, links: ConsentLinks) -> None:
        self._observer = observer
        self._links = links
        self._people: dict[str, str] = {}

    def joined(self, participant: str, name: str, time: float) -> None:
        self._people[participant] = name
        self._present()
        self._observer.joined(participant, name, time)

    def renamed(self, participant: str, name: str, time: float) -> None:
        self._people[participant] = name
        self._present()
        self._observer.renamed(participant, name, time)

    def left(self, participant: str, time: float) -> None:
        self._people.pop(participant, None)
        self._present()
        self._observer.left(participant, time)

    def _present(self) -> None:
        self._links.present(_CALL, list(self._people.items()))

    def can_ask(self, able: bool, time: float) -> None:  # noqa: ARG002 - the page is there whatever becomes of the chat
        return

    def answered(self, participant: str, answer: Answer, time: float, via: Via = Via.PAGE) -> None:
        self._observer.answered(participant, answer, time, via)

    def chat(self, sender: str, text: str, time: float) -> None:
        self._observer.chat(sender, text, time)

    def track_started(self, track: TrackKey, time: float) -> None:
        self._observer.track_started(track, time)

    def video(self, track: TrackKey, video: TimedVideo) -> None:
        self._observer.video(track, video)

    def audio(self, track: TrackKey, audio: TimedAudio) -> None:
        self._observer.audio(track, audio)

    def track_lost(self, track: TrackKey, start: float, end: float, reason: str) -> None:
        self._observer.track_lost(track, start, end, reason)

    def track_ended(self, track: TrackKey, time: float) -> None:
        self._observer.track_ended(track, time)

    def quality(self, participant: str, sample: QualitySample) -> None:
        self._observer.quality(participant, sample)

    def declared(self, participant: str, adult: bool, time: float) -> None:
        declare_age(self._observer, participant, adult=adult, time=time)

    def receipt_of(self, participant: str) -> str:
        return receipt_of(self._observer, participant)

    def turned_away(self, connections: int) -> None:
        crowd_of(self._observer)(connections)
