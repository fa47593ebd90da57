"""Messages of Zoom's real-time media streams (RTMS): JSON over WebSockets, read with bounds, media left undecoded.

Source: developers.zoom.us, docs/rtms: event-reference (universal and session events) and data-types.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Final

__all__ = [
    "LARGEST_MEDIA",
    "LARGEST_SIGNAL",
    "MediaCodec",
    "MediaContent",
    "MeetingEvent",
    "MessageKind",
    "Named",
    "SessionState",
    "StopReason",
    "StreamState",
    "ZoomMediaKind",
    "ZoomMessage",
    "agreed_codec",
    "as_id",
    "event_of",
    "event_subscription",
    "media_handshake",
    "media_of",
    "media_urls",
    "parse_zoom_message",
    "shown_name",
    "signaling_handshake",
    "speaker_alone",
    "stream_signature",
    "video_subscription",
]

LARGEST_SIGNAL: Final = 256 * 1024
LARGEST_MEDIA: Final = 8 * 2**20
"""Bytes of one message: a 1080p picture as PNG in base64 has room."""
_LONGEST_NAME: Final = 256
_MOST_NAMED: Final = 1000
_USER_ID: Final = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
_DEFAULT_RATES: Final = (8_000, 16_000, 32_000, 48_000)


class MessageKind(IntEnum):
    """What a message is. Source: data-types, RTMS_MESSAGE_TYPE."""

    SIGNALING_REQUEST = 1
    SIGNALING_RESPONSE = 2
    MEDIA_REQUEST = 3
    MEDIA_RESPONSE = 4
    SUBSCRIBE = 5
    EVENT = 6
    READY = 7
    STREAM_STATE = 8
    SESSION_STATE = 9
    KEEP_ALIVE_REQUEST = 12
    KEEP_ALIVE_RESPONSE = 13
    AUDIO = 14
    VIDEO = 15
    SHARE = 16
    TRANSCRIPT = 17
    CHAT = 18
    CLOSE_REQUEST = 21
    CLOSE_RESPONSE = 22
    VIDEO_REQUEST = 28
    VIDEO_RESPONSE = 29


class MeetingEvent(IntEnum):
    """What happened in a meeting. Source: data-types, RTMS_EVENT_TYPE."""

    FIRST_TIMESTAMP = 1
    SPEAKER = 2
    JOIN = 3
    LEAVE = 4
    SHARE_START = 5
    SHARE_STOP = 6
    MEDIA_INTERRUPTED = 7
    CAMERA_ON = 8
    CAMERA_OFF = 9


class ZoomMediaKind(IntFlag):
    """Media that one socket brings. Source: data-types, MEDIA_DATA_TYPE."""

    AUDIO = 1
    VIDEO = 2
    SHARE = 4
    CHAT = 16


class MediaCodec(IntEnum):
    """Source: data-types, MEDIA_PAYLOAD_TYPE."""

    L16 = 1
    OPUS = 4
    JPEG = 5
    PNG = 6
    H264 = 7


class StreamState(IntEnum):
    """Source: data-types, RTMS_STREAM_STATE."""

    TERMINATING = 3
    TERMINATED = 4
    PAUSED = 5
    RESUMED = 6


class SessionState(IntEnum):
    """Source: data-types, RTMS_SESSION_STATE."""

    PAUSED = 3
    RESUMED = 4
    STOPPED = 5


class StopReason(IntEnum):
    """Why a stream stopped, as far as that matters here. Source: data-types, RTMS_STOP_REASON."""

    EJECTED = 4
    APP_DISABLED = 5
    REVOKED = 8  # "assets must be deleted immediately"
    ALL_APPS_DISABLED = 9
    INTERNAL = 10
    RECONNECTION_TIMEOUT = 19
    ADMIN_DISABLED = 23
    KEEP_ALIVE_TIMEOUT = 24


_NAMES_OF_KINDS: Final = {
    ZoomMediaKind.AUDIO: "audio",
    ZoomMediaKind.VIDEO: "video",
    ZoomMediaKind.SHARE: "deskshare",
    ZoomMediaKind.CHAT: "chat",
}


@dataclass(frozen=True, slots=True)
class ZoomMessage:
    """One message; its fields are as untrusted as its sender."""

    kind: int
    data: Mapping[str, object] = field(repr=False)

    def number(self, key: str) -> int | None:
        """Return a field that is a whole number, None where it is none."""
        value = self.data.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def inner(self, key: str) -> ZoomMessage:
        """Return a field that is an object, an empty one where it is none."""
        value = self.data.get(key)
        return ZoomMessage(self.kind, value if isinstance(value, dict) else {})


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody of whom a message tells: their id, and their display name where it is told."""

    user: str
    name: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class MediaContent:
    """Media of one message, still in base64.

    Attributes:
        who: whose it is; None where the message does not say.
        time: in seconds on Zoom's clock, None where the message tells none.
        data: base64, or the text of a chat message.
    """

    who: Named | None
    time: float | None
    data: str = field(repr=False)


def parse_zoom_message(text: str | bytes) -> ZoomMessage | None:
    """Read a message; None for what is none."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    kind = data.get("msg_type")
    if not isinstance(kind, int) or isinstance(kind, bool):
        return None
    return ZoomMessage(kind, data)


def as_id(value: object) -> str | None:
    """Return a participant's id, which the documents show as a number and as a string; None for 0 and what is none."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | str)
        or (isinstance(value, int) and value > 2**64)
    ):
        return None
    text = str(value)
    return text if len(text) <= 20 and _USER_ID.fullmatch(text) else None


def shown_name(value: object) -> str | None:
    """Return a display name as it was sent, cut to a length; None where there is none."""
    return value[:_LONGEST_NAME] if isinstance(value, str) and value.strip() else None


def _named(value: object) -> Named | None:
    if not isinstance(value, dict):
        return None
    user = as_id(value.get("user_id"))
    return None if user is None else Named(user, shown_name(value.get("user_name")))


def _seconds(value: object) -> float | None:
    """Return Unix milliseconds in seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = value / 1000
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) and 0 < seconds < 1e11 else None


def event_of(message: ZoomMessage) -> tuple[int, float | None, tuple[Named, ...]]:
    """Return what an event message tells: its kind (0 if none), when, and whom it names, 1,000 people at most."""
    event = message.inner("event")
    listed = event.data.get("participants")
    people = (
        [_named(entry) for entry in listed[:_MOST_NAMED]]
        if isinstance(listed, list)
        else [_named(event.data)]
    )
    return (
        event.number("event_type") or 0,
        _seconds(event.data.get("timestamp")),
        tuple(who for who in people if who is not None),
    )


def media_of(message: ZoomMessage) -> MediaContent | None:
    """Return what a media message carries, undecoded; None where it carries nothing."""
    content = message.inner("content").data
    data = content.get("data")
    if not isinstance(data, str) or not data:
        return None
    return MediaContent(_named(content), _seconds(content.get("timestamp")), data)


def media_urls(response: ZoomMessage) -> dict[ZoomMediaKind, str]:
    """Return the address of each kind of media that a signaling response offers."""
    urls = response.inner("media_server").inner("server_urls").data
    found: dict[ZoomMediaKind, str] = {}
    for kind, name in _NAMES_OF_KINDS.items():
        url = urls.get(name) or urls.get("share" if kind is ZoomMediaKind.SHARE else "") or urls.get("all")
        if isinstance(url, str) and 0 < len(url) <= 2048:
            found[kind] = url
    return found


def stream_signature(client_id: str, secret: str, meeting: str, stream: str) -> str:
    """Sign a handshake. Source: work-with-streams, step 3."""
    words = f"{client_id},{meeting},{stream}".encode()
    return hmac.new(secret.encode(), words, hashlib.sha256).hexdigest()


def signaling_handshake(meeting: str, stream: str, signature: str) -> dict[str, object]:
    """Return the first message to the signaling server: nothing that was said before may be sent after it."""
    return {
        "msg_type": int(MessageKind.SIGNALING_REQUEST),
        "protocol_version": 1,
        "sequence": 1,
        "meeting_uuid": meeting,
        "rtms_stream_id": stream,
        "signature": signature,
        "buffer_data": False,
    }


def media_handshake(
    kind: ZoomMediaKind, meeting: str, stream: str, signature: str, *, individual: bool
) -> dict[str, object]:
    """Return the first message to a media server.

    Args:
        individual: video of one chosen participant, and not of whoever speaks.
    """
    parameters: dict[ZoomMediaKind, dict[str, int]] = {
        ZoomMediaKind.AUDIO: {
            "content_type": 2, "sample_rate": 1, "channel": 1, "codec": MediaCodec.L16, "data_opt": 2, "send_rate": 40,
        },
        ZoomMediaKind.VIDEO: {
            "content_type": 3, "codec": MediaCodec.H264, "resolution": 2, "data_opt": 4 if individual else 3, "fps": 25,
        },
        ZoomMediaKind.SHARE: {"content_type": 3, "codec": MediaCodec.JPEG, "resolution": 3, "fps": 1},
        ZoomMediaKind.CHAT: {"content_type": 5},
    }  # fmt: skip
    return {
        "msg_type": int(MessageKind.MEDIA_REQUEST),
        "protocol_version": 1,
        "sequence": 1,
        "meeting_uuid": meeting,
        "rtms_stream_id": stream,
        "signature": signature,
        "media_type": int(kind),
        "payload_encryption": False,
        "media_params": {
            _NAMES_OF_KINDS[kind]: {name: int(value) for name, value in parameters[kind].items()}
        },
    }


def agreed_codec(response: ZoomMessage, kind: ZoomMediaKind) -> tuple[MediaCodec, int] | None:
    """Return codec and sample rate (0 for pictures) that a media server will send; None for those not taken."""
    parameters = response.inner("media_params").inner(_NAMES_OF_KINDS[kind])
    asked = {
        ZoomMediaKind.AUDIO: MediaCodec.L16,
        ZoomMediaKind.VIDEO: MediaCodec.H264,
        ZoomMediaKind.SHARE: MediaCodec.JPEG,
    }
    number = parameters.number("codec")
    try:
        codec = asked[kind] if number is None else MediaCodec(number)
    except ValueError:
        return None
    sound = codec in (MediaCodec.L16, MediaCodec.OPUS)
    apart = parameters.number("data_opt") in ({None, 2} if sound else {None, 3, 4})  # a mix has no owner
    if sound != (kind is ZoomMediaKind.AUDIO) or not apart:
        return None
    if not sound:
        return codec, 0
    if codec is MediaCodec.OPUS:
        return codec, 48_000
    if parameters.number("channel") not in (None, 1):
        return None
    rate = parameters.number("sample_rate")
    rate = 1 if rate is None else rate
    return (codec, _DEFAULT_RATES[rate]) if 0 <= rate < len(_DEFAULT_RATES) else None


def speaker_alone(response: ZoomMessage) -> bool:
    """Tell whether a media server sends the video of whoever speaks, and not of the one who is asked for."""
    return response.inner("media_params").inner("video").number("data_opt") == 3


def event_subscription() -> dict[str, object]:
    """Return the request for what happens in the meeting; 1 and 7 come unasked, and must not be asked for."""
    wanted = (
        MeetingEvent.SPEAKER, MeetingEvent.JOIN, MeetingEvent.LEAVE, MeetingEvent.SHARE_START,
        MeetingEvent.SHARE_STOP, MeetingEvent.CAMERA_ON, MeetingEvent.CAMERA_OFF,
    )  # fmt: skip
    return {
        "msg_type": int(MessageKind.SUBSCRIBE),
        "events": [{"event_type": int(kind), "subscribe": True} for kind in wanted],
    }


def video_subscription(user: str, *, wanted: bool, now_ms: int) -> dict[str, object]:
    """Return the request for one participant's video, or for none of it any more."""
    return {
        "msg_type": int(MessageKind.VIDEO_REQUEST),
        "user_id": int(user),
        "subscribe": wanted,
        "timestamp": now_ms,
    }
