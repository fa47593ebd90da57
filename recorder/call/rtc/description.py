"""Session descriptions from others: bounded, checked, and cut to what can be received before aiortc sees them.

aiortc refuses a whole description for one m-line that it has no codec for; here such a line is declined alone, as
RFC 3264, 6 has it. Text that comes from outside is never repeated in an error.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from redaction.errors import UnreadableInput

__all__ = [
    "MAX_DESCRIPTION",
    "BadDescription",
    "Section",
    "answer_with",
    "offered",
    "settle_answer",
    "without",
]

MAX_DESCRIPTION: Final = 64 * 1024
MAX_LINES: Final = 2000
MAX_SECTIONS: Final = 8
MAX_DESCRIBED_SOURCES: Final = 32
MAX_CANDIDATES: Final = 40
_DECODABLE: Final = {
    "audio": re.compile(r"^a=rtpmap:\d+ opus/48000/2\b", re.IGNORECASE | re.MULTILINE),
    "video": re.compile(r"^a=rtpmap:\d+ (VP8|H264)/90000\b", re.IGNORECASE | re.MULTILINE),
}
_MID: Final = re.compile(r"^[!#$%&'*+.^_`{|}~0-9A-Za-z-]{1,64}$")
_MEDIA: Final = re.compile(
    r"^m=(audio|video|application|text|message|image) (\d{1,5})(?:/\d+)? ([A-Z/]+) (.+)$"
)
_TRANSPORT: Final = ("a=ice-ufrag:", "a=ice-pwd:", "a=ice-options:", "a=fingerprint:", "a=setup:")


class BadDescription(UnreadableInput):
    """A session description is malformed, out of bounds, or cannot be used."""


@dataclass(frozen=True, slots=True)
class Section:
    """One m-line with what follows it.

    Attributes:
        sends: the other side would send here.
        decodable: it offers a codec that is received.
    """

    mid: str
    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    lines: tuple[str, ...] = field(repr=False)
    sends: bool
    decodable: bool


def offered(sdp: str) -> list[Section]:
    """Return the sections of an offer.

    Raises:
        BadDescription: it is malformed or out of bounds.
    """
    head, sections = _split(sdp)
    session_way = _direction(head, "sendrecv")
    mids: set[str] = set()
    found: list[Section] = []
    for number, lines in enumerate(sections):
        media = _MEDIA.match(lines[0])
        if media is None:
            raise BadDescription("a session description has a malformed media line")
        mid = next((line[6:] for line in lines if line.startswith("a=mid:")), "")
        if not mid:
            mid = str(number)
            lines = [lines[0], f"a=mid:{mid}", *lines[1:]]
        if not _MID.match(mid) or mid in mids:
            raise BadDescription("a session description names its media lines badly")
        mids.add(mid)
        kind, port = media[1], int(media[2])
        pattern = _DECODABLE.get(kind)
        found.append(
            Section(
                mid=mid,
                kind=kind,
                port=port,
                protocol=media[3],
                formats=tuple(media[4].split()),
                lines=tuple(lines),
                sends=_direction(lines, session_way) in {"sendrecv", "sendonly"}
                and (port != 0 or "a=bundle-only" in lines),
                decodable=pattern is not None and any(pattern.match(line) for line in lines),
            )
        )
    return found


def without(sdp: str, sections: Sequence[Section], keep: Collection[str]) -> str:
    """Return an offer with only the sections that are kept, as one bundle."""
    head, _ = _split(sdp)
    lines = [line for line in head if not line.startswith("a=group:")]
    lines.append("a=group:BUNDLE " + " ".join(section.mid for section in sections if section.mid in keep))
    for section in sections:
        if section.mid in keep:
            lines.extend(section.lines)
    return "\r\n".join(lines) + "\r\n"


def answer_with(answer: str, sections: Sequence[Section], kept: Collection[str]) -> str:
    """Return an answer to the whole offer: the sections that were declined are put back, inactive."""
    if all(section.mid in kept for section in sections):
        return answer
    head, mine = _split(answer)
    by_mid = {next(line[6:] for line in lines if line.startswith("a=mid:")): lines for lines in mine}
    transport = [
        line for line in mine[0] if line.startswith((*_TRANSPORT, "a=candidate:", "a=end-of-candidates"))
    ]
    bundled: list[str] = []
    body: list[str] = []
    for section in sections:
        if section.mid in by_mid:
            bundled.append(section.mid)
            body.extend(by_mid[section.mid])
        elif section.kind in _DECODABLE:
            bundled.append(section.mid)
            body.extend(_inactive(section, transport))
        else:
            formats = " ".join(section.formats[:1])
            body += [f"m={section.kind} 0 {section.protocol} {formats}", "c=IN IP4 0.0.0.0"]
            body += ["a=inactive", f"a=mid:{section.mid}"]
    lines = [line for line in head if not line.startswith("a=group:BUNDLE")]
    return "\r\n".join([*lines, "a=group:BUNDLE " + " ".join(bundled), *body]) + "\r\n"


def settle_answer(answer: str, offer: str) -> str:
    """Return an answer that aiortc takes: sections that the other side declined stand there as inactive.

    Raises:
        BadDescription: it is malformed, out of bounds, or does not fit the offer.
    """
    head, theirs = _split(answer)
    ours = offered(offer)
    if len(theirs) != len(ours):
        raise BadDescription("an answer does not fit the offer")
    taken = [lines for lines in theirs if not re.match(r"^m=\w+ 0 ", lines[0])]
    if not taken:
        raise BadDescription("the other side declined every kind of media")
    session = [line for line in head if line.startswith(_TRANSPORT)]
    transport = session + [line for line in taken[0] if line.startswith((*_TRANSPORT, "a=candidate:"))]
    body: list[str] = []
    for lines, section in zip(theirs, ours, strict=True):
        if re.match(r"^m=\w+ 0 ", lines[0]):
            body.extend(_inactive(section, transport))
        elif any(line.startswith("a=mid:") for line in lines):
            body.extend(lines)
        else:
            body.extend([lines[0], f"a=mid:{section.mid}", *lines[1:]])
    lines = [line for line in head if not line.startswith("a=group:BUNDLE")]
    bundle = "a=group:BUNDLE " + " ".join(section.mid for section in ours)
    return "\r\n".join([*lines, bundle, *body]) + "\r\n"


def _inactive(section: Section, transport: Sequence[str]) -> list[str]:
    """Return a section by which nothing is sent, on the bundle's transport."""
    first = section.formats[0] if section.formats else "0"
    own = [line for line in section.lines if line.startswith((f"a=rtpmap:{first} ", f"a=fmtp:{first} "))]
    return [
        f"m={section.kind} 9 {section.protocol} {first}",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        f"a=mid:{section.mid}",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=rtcp-mux",
        *own,
        *transport,
    ]


def _direction(lines: Sequence[str], otherwise: str) -> str:
    ways = {"a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"}
    return next((line[2:] for line in lines if line in ways), otherwise)


def _split(sdp: str) -> tuple[list[str], list[list[str]]]:
    """Return the session's lines and those of each section, within bounds."""
    if len(sdp) > MAX_DESCRIPTION:
        raise BadDescription("a session description is too large")
    lines = [line.rstrip("\r") for line in sdp.split("\n")]
    lines = [line for line in lines if line]
    if len(lines) > MAX_LINES or not lines or not lines[0].startswith("v="):
        raise BadDescription("a session description is malformed")
    if sum(line.startswith("a=candidate:") for line in lines) > MAX_CANDIDATES * MAX_SECTIONS:
        raise BadDescription("a session description has too many candidates")
    head: list[str] = []
    sections: list[list[str]] = []
    for line in lines:
        if line.startswith("m="):
            sections.append([line])
        elif sections:
            sections[-1].append(line)
        else:
            head.append(line)
    if len(sections) > MAX_SECTIONS or not sections:
        raise BadDescription("a session description has no media lines, or too many")
    for section in sections:
        sources = {line.split(" ", 1)[0] for line in section if line.startswith("a=ssrc:")}
        if (
            len(sources) > MAX_DESCRIBED_SOURCES
            or sum(line.startswith("a=candidate:") for line in section) > MAX_CANDIDATES
        ):
            raise BadDescription("a media line has too many sources or candidates")
    return head, sections
