"""Webhooks of Zoom: what is taken for one, and what each is refused for.

A request counts when it was signed with the app's secret token over its exact bytes, within five minutes, and never
before. Source: developers.zoom.us, docs/api/webhooks: verify webhook events, validate your webhook endpoint.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

__all__ = ["Announcement", "AnnouncementKind", "Challenge", "WebhookRefused", "ZoomWebhook"]

FRESH_S: Final = 300.0
_MOST_SEEN: Final = 20_000
MOST_URLS: Final = 8
_SIGNATURE: Final = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)
_TIMESTAMP: Final = re.compile(r"[0-9]{9,14}", re.ASCII)
_ID: Final = re.compile(r"[!-+\--~]{1,256}", re.ASCII)  # no comma: it joins what is signed
_PLAIN_TOKEN: Final = re.compile(r"[A-Za-z0-9_=+/-]{1,256}", re.ASCII)
"""A challenge that could not be the words of a webhook: what is signed for it must sign nothing else."""
_VALIDATION: Final = "endpoint.url_validation"


class AnnouncementKind(StrEnum):
    """What a webhook announces about a stream."""

    STARTED = "started"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"


_EVENTS: Final[Mapping[str, AnnouncementKind]] = {
    f"{product}.rtms_{kind.value}": kind
    for product in ("meeting", "webinar", "session")
    for kind in AnnouncementKind
}


@dataclass(frozen=True, slots=True)
class Announcement:
    """A webhook about a stream.

    Attributes:
        meeting: UUID of the meeting or webinar, or id of the session.
        urls: of the signaling servers; only a start tells them.
        reason: why it stopped, 0 where that is not told.
    """

    kind: AnnouncementKind
    meeting: str = field(repr=False)
    stream: str
    urls: tuple[str, ...] = ()
    reason: int = 0


@dataclass(frozen=True, slots=True)
class Challenge:
    """Zoom asks whether this address is ours; what to answer."""

    plain: str
    encrypted: str

    @property
    def answer(self) -> dict[str, str]:
        """Return the documented answer."""
        return {"plainToken": self.plain, "encryptedToken": self.encrypted}


class WebhookRefused(Exception):
    """A request is no webhook of Zoom that is taken.

    Attributes:
        status: of HTTP.
        sentence: why; it repeats nothing of the request.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__()
        self.status = status
        self.sentence = sentence


class ZoomWebhook:
    """Judges requests.

    Args:
        secret: the secret token of the event subscription.
        now: Unix time in seconds.
    """

    def __init__(self, secret: str, *, now: Callable[[], float] = time.time) -> None:
        self._secret = secret.encode()
        self._now = now
        self._seen: OrderedDict[str, float] = OrderedDict()

    def judge(
        self, content_type: str, timestamp: str, signature: str, body: bytes
    ) -> Announcement | Challenge:
        """Return what a request says.

        Raises:
            WebhookRefused: it is forged, stale, a replay, malformed, or of no event that is known.
        """
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise WebhookRefused(415, "A webhook is application/json.")
        self._authenticate(timestamp, signature, body)
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            raise WebhookRefused(400, "This is no JSON.") from None
        payload = data.get("payload") if isinstance(data, dict) else None
        event = data.get("event") if isinstance(data, dict) else None
        if not isinstance(event, str) or not isinstance(payload, dict):
            raise WebhookRefused(400, "An event and its payload are expected.")
        if event == _VALIDATION:
            return self._challenge(payload)
        if event not in _EVENTS:
            raise WebhookRefused(
                422, "This event is not taken: those of RTMS are started, stopped and interrupted."
            )
        return _announcement(_EVENTS[event], payload)

    def _authenticate(self, timestamp: str, signature: str, body: bytes) -> None:
        if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
            raise WebhookRefused(401, "The request is not signed.")
        signed = b"v0:" + timestamp.encode() + b":" + body
        expected = "v0=" + hmac.new(self._secret, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signature):
            raise WebhookRefused(401, "The signature is not that of this app.")
        now, told = self._now(), int(timestamp)
        told_s = told / 1000 if told > 10**11 else float(told)
        if abs(now - told_s) > FRESH_S:
            raise WebhookRefused(401, "The request was signed too long ago, or the clocks differ.")
        while self._seen and next(iter(self._seen.values())) < now - 2 * FRESH_S:
            self._seen.popitem(last=False)
        if signature in self._seen:
            raise WebhookRefused(409, "The request came before.")
        if len(self._seen) >= _MOST_SEEN:
            raise WebhookRefused(503, "There are too many webhooks.")
        self._seen[signature] = now

    def _challenge(self, payload: Mapping[str, object]) -> Challenge:
        plain = payload.get("plainToken")
        if not isinstance(plain, str) or not _PLAIN_TOKEN.fullmatch(plain):
            raise WebhookRefused(400, "The challenge is not one.")
        return Challenge(plain, hmac.new(self._secret, plain.encode(), hashlib.sha256).hexdigest())


def _announcement(kind: AnnouncementKind, payload: Mapping[str, object]) -> Announcement:
    inner = payload.get("object")
    told = inner if isinstance(inner, dict) else payload
    meeting = told.get("meeting_uuid") or told.get("session_id")
    stream = told.get("rtms_stream_id")
    if not isinstance(meeting, str) or not isinstance(stream, str):
        raise WebhookRefused(400, "The meeting or its stream is missing.")
    if not _ID.fullmatch(meeting) or not _ID.fullmatch(stream):
        raise WebhookRefused(400, "The ids are none of Zoom's.")
    urls = _urls(told.get("server_urls"))
    if kind is AnnouncementKind.STARTED and not urls:
        raise WebhookRefused(400, "The servers are missing.")
    reason = told.get("stop_reason")
    number = reason if isinstance(reason, int) and not isinstance(reason, bool) and 0 <= reason < 1000 else 0
    return Announcement(kind, meeting, stream, urls, number)


def _urls(value: object) -> tuple[str, ...]:
    """Return addresses, which come as one text, joined by commas."""
    if not isinstance(value, str) or len(value) > 4096:
        return ()
    return tuple(one.strip() for one in value.split(",") if one.strip())[:MOST_URLS]
