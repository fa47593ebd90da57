"""Session descriptions from others: cut to what can be received, declined line by line, refused when out of bounds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.call.rtc.description import BadDescription, answer_with, offered, settle_answer, without

HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {mids}\r\n"
TRANSPORT = (
    "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\n"
)
CODECS = {
    "opus": ("audio", "a=rtpmap:111 opus/48000/2\r\n", 111),
    "pcmu": ("audio", "a=rtpmap:0 PCMU/8000\r\n", 0),
    "vp8": ("video", "a=rtpmap:96 VP8/90000\r\n", 96),
    "vp9": ("video", "a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\n", 98),
    "h264": ("video", "a=rtpmap:102 H264/90000\r\n", 102),
}


def section(mid: int, codec: str, *, way: str = "sendonly", port: int = 9, transport: str = TRANSPORT) -> str:
    """Return one m-line with what follows it."""
    if codec == "data":
        line = f"m=application {port} UDP/DTLS/SCTP webrtc-datachannel\r\n"
        return f"{line}a=mid:{mid}\r\na=sctp-port:5000\r\n{transport}"
    kind, lines, number = CODECS[codec]
    return f"m={kind} {port} UDP/TLS/RTP/SAVPF {number}\r\na=mid:{mid}\r\na={way}\r\na=rtcp-mux\r\n{lines}{transport}"


def description(*sections: str) -> str:
    """Return a whole description."""
    return HEAD.format(mids=" ".join(str(n) for n in range(len(sections)))) + "".join(sections)


def lines_of(sdp: str, start: str) -> list[str]:
    """Return the lines that begin so."""
    return [line for line in sdp.splitlines() if line.startswith(start)]


def test_what_each_line_offers_is_seen() -> None:
    """Kind, whether anything would be sent, and whether it can be decoded."""
    found = offered(
        description(
            section(0, "opus"),
            section(1, "vp9", way="sendrecv"),
            section(2, "h264", way="recvonly"),
            section(3, "vp8", port=0),
            section(4, "data"),
        )
    )
    assert [(s.mid, s.kind, s.sends, s.decodable) for s in found] == [
        ("0", "audio", True, True),
        ("1", "video", True, False),
        ("2", "video", False, True),
        ("3", "video", False, True),
        ("4", "application", True, False),
    ]


@settings(deadline=None)
@given(st.lists(st.sampled_from([*CODECS, "data"]), min_size=1, max_size=8))
def test_an_answer_has_every_line_of_its_offer_in_order(codecs: list[str]) -> None:
    """Declined lines are put back where they were: media inactive on the bundle, data rejected."""
    offer = description(*(section(n, codec) for n, codec in enumerate(codecs)))
    sections = offered(offer)
    kept = [s.mid for s in sections if s.decodable]
    if not kept:
        return
    cut = without(offer, sections, kept)
    assert [line[6:] for line in lines_of(cut, "a=mid:")] == kept
    assert lines_of(cut, "a=group:") == ["a=group:BUNDLE " + " ".join(kept)]
    answer = HEAD.format(mids=" ".join(kept)) + "".join(
        section(int(mid), codecs[int(mid)], way="recvonly") for mid in kept
    )
    whole = answer_with(answer, sections, kept)
    assert [line[6:] for line in lines_of(whole, "a=mid:")] == [s.mid for s in sections]
    assert [line.split()[0][2:] for line in lines_of(whole, "m=")] == [s.kind for s in sections]
    rejected = [line for line in lines_of(whole, "m=") if line.split()[1] == "0"]
    assert len(rejected) == codecs.count("data")
    assert len(lines_of(whole, "a=inactive")) == len(codecs) - len(kept)
    assert lines_of(whole, "a=group:") == [
        "a=group:BUNDLE " + " ".join(s.mid for s in sections if s.kind != "application")
    ]


def test_a_rejected_line_of_an_answer_becomes_an_inactive_one() -> None:
    """What the other side declined stands inactive, on the transport of what it took."""
    offer = description(section(0, "opus", way="recvonly"), section(1, "vp8", way="recvonly"))
    settled = settle_answer(description(section(0, "opus"), section(1, "vp8", port=0, transport="")), offer)
    assert len(lines_of(settled, "m=")) == 2
    video = settled[settled.index("m=video") :]
    assert lines_of(video, "a=inactive")
    assert lines_of(video, "a=ice-ufrag:abcd")
    assert lines_of(video, "m=video 9 ")


@pytest.mark.parametrize(
    "answer",
    ["", description(section(0, "opus")), description(section(0, "opus", port=0), section(1, "vp8", port=0))],
)
def test_an_answer_that_does_not_fit_is_refused(answer: str) -> None:
    """Too few lines, or none that was taken."""
    offer = description(section(0, "opus", way="recvonly"), section(1, "vp8", way="recvonly"))
    with pytest.raises(BadDescription):
        settle_answer(answer, offer)


@given(st.text(max_size=300))
def test_any_text_is_sections_or_refused(text: str) -> None:
    """No text raises anything else."""
    for sdp in (text, "v=0\r\nm=" + text, "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\n" + text):
        try:
            found = offered(sdp)
        except BadDescription:
            continue
        assert 1 <= len(found) <= 8
