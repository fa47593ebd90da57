"""Webhooks: what Zoom signs is taken, everything else is refused with the documented status."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from recorder.call.zoom.webhook import (
    Announcement,
    AnnouncementKind,
    Challenge,
    WebhookRefused,
    ZoomWebhook,
)

SECRET = "webhook-secret-token"
NOW = 1_796_000_000.0
STARTED = {
    "event": "meeting.rtms_started",
    "event_ts": 1732313171881,
    "payload": {
        "meeting_uuid": "4444AAAiAAAAAiAiAiiAii==",
        "operator_id": "someone",
        "rtms_stream_id": "609340fb2a7946909659956c8aa9250c",
        "server_urls": "wss://rtms1.zoom.us:443/signaling, wss://rtms2.zoom.us:443",
    },
}


def signed(body: bytes, at: float = NOW, secret: str = SECRET) -> tuple[str, str]:
    """Return the headers that Zoom sends."""
    stamp = str(int(at))
    words = b"v0:" + stamp.encode() + b":" + body
    return stamp, "v0=" + hmac.new(secret.encode(), words, hashlib.sha256).hexdigest()


def judged(data: object, *, at: float = NOW, hook: ZoomWebhook | None = None) -> Announcement | Challenge:
    """Judge a well-signed webhook."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    hook = hook or ZoomWebhook(SECRET, now=lambda: NOW)
    return hook.judge("application/json; charset=utf-8", *signed(body, at), body)


def refused(data: object, **more: Any) -> int:
    """Return with which status a webhook is refused."""
    with pytest.raises(WebhookRefused) as refusal:
        judged(data, **more)
    return refusal.value.status


def test_a_start_is_announced() -> None:
    """A start tells meeting, stream and servers; what else stands in it is nobody's business."""
    said = judged(STARTED)
    assert said == Announcement(
        AnnouncementKind.STARTED,
        "4444AAAiAAAAAiAiAiiAii==",
        "609340fb2a7946909659956c8aa9250c",
        ("wss://rtms1.zoom.us:443/signaling", "wss://rtms2.zoom.us:443"),
    )
    assert "4444" not in repr(said)


@pytest.mark.parametrize("product", ["meeting", "webinar", "session"])
@pytest.mark.parametrize("kind", ["started", "stopped", "interrupted"])
def test_every_product(product: str, kind: str) -> None:
    """Meetings, webinars and sessions of the Video SDK announce the same things."""
    name = "session_id" if product == "session" else "meeting_uuid"
    payload = {name: "abc", "rtms_stream_id": "s1", "server_urls": "wss://a.zoom.us", "stop_reason": 6}
    said = judged({"event": f"{product}.rtms_{kind}", "payload": payload})
    assert isinstance(said, Announcement)
    assert (said.kind.value, said.meeting, said.stream, said.reason) == (kind, "abc", "s1", 6)


def test_the_address_is_validated() -> None:
    """The challenge is answered with its HMAC; one that could be the words of a webhook is not."""
    said = judged({"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}})
    assert isinstance(said, Challenge)
    expected = hmac.new(SECRET.encode(), b"qgg8vlvZRS6UYooatFL8Aw", hashlib.sha256).hexdigest()
    assert said.answer == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": expected}
    forging = f"v0:{int(NOW)}:" + json.dumps(STARTED)
    assert refused({"event": "endpoint.url_validation", "payload": {"plainToken": forging}}) == 400
    assert refused({"event": "endpoint.url_validation", "payload": {}}) == 400


def test_forged_stale_and_replayed() -> None:
    """Another secret, another body, another time and a second delivery are refused."""
    body = json.dumps(STARTED).encode()
    stamp, signature = signed(body)
    hook = ZoomWebhook(SECRET, now=lambda: NOW)
    for headers, content, status in [
        (signed(body, secret="another secret"), body, 401),
        ((stamp, signature), body + b" ", 401),
        ((str(int(NOW) + 1), signature), body, 401),
        ((stamp, signature.upper()), body, 401),
        ((stamp, signature[3:]), body, 401),
        (("", signature), body, 401),
        ((stamp, ""), body, 401),
        (("9" * 400, signature), body, 401),
        (("１７９６００００００", signature), body, 401),
        (signed(body, NOW - 301), body, 401),
        (signed(body, NOW + 301), body, 401),
    ]:
        with pytest.raises(WebhookRefused) as refusal:
            hook.judge("application/json", *headers, content)
        assert refusal.value.status == status
    assert isinstance(hook.judge("application/json", stamp, signature, body), Announcement)
    assert refused(STARTED, hook=hook) == 409
    assert isinstance(judged(STARTED, at=NOW - 299, hook=hook), Announcement)


def test_a_replay_is_refused_as_long_as_it_is_fresh() -> None:
    """What was taken at the edge of the time allowed is remembered until it would be stale."""
    clock = [NOW - 299]
    hook = ZoomWebhook(SECRET, now=lambda: clock[0])
    body = json.dumps(STARTED).encode()
    headers = signed(body, NOW)
    hook.judge("application/json", *headers, body)
    for later in (10, 290, 590):
        clock[0] = NOW - 299 + later
        with pytest.raises(WebhookRefused) as refusal:
            hook.judge("application/json", *headers, body)
        assert refusal.value.status == 409
    clock[0] = NOW + 302
    with pytest.raises(WebhookRefused) as refusal:
        hook.judge("application/json", *headers, body)
    assert refusal.value.status == 401


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 60_000, 400),
        (b"[]", 400),
        ({"event": 5, "payload": {}}, 400),
        ({"event": "meeting.rtms_started", "payload": []}, 400),
        ({"event": "meeting.rtms_started"}, 400),
        ({"event": "meeting.ended", "payload": {}}, 422),
        ({"event": "rtms.concurrency_limited", "payload": {}}, 422),
        ({"event": "meeting.rtms_started", "payload": {"meeting_uuid": "a", "rtms_stream_id": "b"}}, 400),
        ({"event": "meeting.rtms_started", "payload": {"meeting_uuid": "a,b", "rtms_stream_id": "b"}}, 400),
        ({"event": "meeting.rtms_stopped", "payload": {"meeting_uuid": "a", "rtms_stream_id": "b\n"}}, 400),
        (
            {"event": "meeting.rtms_stopped", "payload": {"meeting_uuid": "a" * 300, "rtms_stream_id": "b"}},
            400,
        ),
        ({"event": "meeting.rtms_stopped", "payload": {"meeting_uuid": 7, "rtms_stream_id": "b"}}, 400),
    ],
)
def test_malformed(data: object, status: int) -> None:
    """What is signed and yet no event that is taken is refused, each with its status."""
    assert refused(data) == status


def test_content_type() -> None:
    """Only JSON is looked at."""
    body = json.dumps(STARTED).encode()
    for kind in ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        with pytest.raises(WebhookRefused) as refusal:
            ZoomWebhook(SECRET, now=lambda: NOW).judge(kind, *signed(body), body)
        assert refusal.value.status == 415
