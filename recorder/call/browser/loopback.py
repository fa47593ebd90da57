"""Descriptions of the connection from a page to the recorder, on 127.0.0.1 alone, written anew on their way.

Frames are handed on as they came, under the payload types that the meeting uses for them; the recorder is told these,
whatever the browser answered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from recorder.call.browser.messages import Coding
from recorder.call.rtc.description import BadDescription

__all__ = ["LOOPBACK_HOST", "for_page", "for_recorder"]

LOOPBACK_HOST: Final = "127.0.0.1"
_START_KBPS: Final = "x-google-start-bitrate=20000;x-google-min-bitrate=10000;x-google-max-bitrate=50000"
"""There is no network to be gentle to: what comes is sent at once."""
_ABOUT_CODECS: Final = ("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:")
_FORMAT: Final = {
    "audio/opus": ("opus/48000/2", ""),
    "video/VP8": ("VP8/90000", ""),
    "video/H264": ("H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
}
_CANDIDATE: Final = re.compile(r"^a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 \d+ typ host\b", re.IGNORECASE)


def for_page(offer: str) -> str:
    """Return the recorder's offer without what slows a browser down, and with a high bitrate to begin with."""
    lines: list[str] = []
    for line in offer.splitlines():
        if line.endswith(" goog-remb") or "abs-send-time" in line:
            continue
        lines.append(line)
        found = re.match(r"^a=rtpmap:(\d+) (?:VP8|H264)/90000$", line)
        if found:
            known = next((one for one in offer.splitlines() if one.startswith(f"a=fmtp:{found[1]} ")), None)
            if known is None:
                lines.append(f"a=fmtp:{found[1]} {_START_KBPS}")
        elif re.match(r"^a=fmtp:\d+ .*profile-level-id", line):
            lines[-1] = f"{line};{_START_KBPS}"
    return "\r\n".join(lines) + "\r\n"


def for_recorder(answer: str, codings: Sequence[Coding | None]) -> str:
    """Return the page's answer as it is meant: on loopback, and with the payload types that the frames come under.

    Raises:
        BadDescription: it has other lines than there are codings, or a coding that is not received.
    """
    head, *sections = re.split(r"(?m)^(?=m=)", answer)
    if len(sections) != len(codings):
        raise BadDescription("the page's answer does not fit the offer")
    done = [head]
    for section, coding in zip(sections, codings, strict=True):
        lines = [line for line in section.splitlines() if not _elsewhere(line)]
        done.append("\r\n".join(_recoded(lines, coding) if coding is not None else lines) + "\r\n")
    return "".join(done)


def _elsewhere(line: str) -> bool:
    return line.startswith("a=candidate:") and not _CANDIDATE.match(line)


def _recoded(lines: list[str], coding: Coding) -> list[str]:
    if coding.coding not in _FORMAT:
        raise BadDescription("a track of the page is coded in a way that is not received")
    name, parameters = _FORMAT[coding.coding]
    number = str(coding.type)
    media = lines[0].split(" ")
    own = [f"a=rtpmap:{number} {name}"]
    if parameters:
        own.append(f"a=fmtp:{number} {parameters}")
    if coding.coding.startswith("video/"):
        own += [f"a=rtcp-fb:{number} nack", f"a=rtcp-fb:{number} nack pli"]
    kept = [line for line in lines[1:] if not line.startswith((*_ABOUT_CODECS, "a=ssrc-group:FID"))]
    return [" ".join([*media[:3], number]), *kept, *own]
