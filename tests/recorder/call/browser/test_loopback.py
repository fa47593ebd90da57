"""Descriptions between a page and the recorder: on this machine alone, and with the payload types that frames have."""

from __future__ import annotations

import asyncio

import pytest

from recorder.call.browser.loopback import for_page, for_recorder
from recorder.call.browser.messages import Coding
from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.description import BadDescription
from recorder.call.rtc.peer import Peer
from recorder.call.source import LiveKind
from tests.recorder.call.observed import ObservedCall

ANSWER = """v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host generation 0
a=candidate:2 1 udp 2130706431 192.168.1.5 5001 typ host generation 0
a=candidate:3 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 {fingerprint}
a=setup:active
a=mid:0
a=sendonly
a=rtcp-mux
a=rtpmap:96 opus/48000/2
m=video 9 UDP/TLS/RTP/SAVPF 97 98
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 {fingerprint}
a=setup:active
a=mid:1
a=sendonly
a=rtcp-mux
a=rtpmap:97 VP8/90000
a=rtpmap:98 rtx/90000
a=fmtp:98 apt=97
a=ssrc:7 cname:x
""".replace("{fingerprint}", ":".join(["AB"] * 32)).replace("\n", "\r\n")


def test_frames_keep_the_types_that_the_meeting_gave_them() -> None:
    """The recorder expects each track under the type, and in the coding, that the page receives it in."""

    async def go() -> None:
        observer = ObservedCall()
        kinds = (LiveKind.MICROPHONE, LiveKind.CAMERA)
        peer = Peer("p", observer, CallClock(), kinds=kinds, host_addresses=["127.0.0.1"])
        offer = for_page(await peer.offer())
        assert "goog-remb" not in offer
        assert "abs-send-time" not in offer
        assert offer.count("x-google-start-bitrate") == 3
        codings = (Coding(coding="audio/opus", type=111), Coding(coding="video/H264", type=125))
        await peer.accept(for_recorder(ANSWER, codings))
        lines = peer._connection.getTransceivers()
        types = [{codec.payloadType for codec in line._codecs} for line in lines]
        assert types == [{111}, {125}]
        await peer.close()

    asyncio.run(go())


def test_only_this_machine_is_ever_contacted() -> None:
    """Candidates elsewhere, and those of TCP, are not passed on."""
    told = for_recorder(ANSWER, (None, None))
    assert [line for line in told.split("\r\n") if "candidate" in line] == [
        "a=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host generation 0"
    ]
    assert "a=rtpmap:98 rtx/90000" in told


def test_what_does_not_fit_is_refused() -> None:
    """Another number of lines, and a coding that is not received."""
    with pytest.raises(BadDescription):
        for_recorder(ANSWER, (None,))
    with pytest.raises(BadDescription):
        for_recorder(ANSWER, (None, Coding(coding="video/AV1", type=100)))
    with pytest.raises(BadDescription):
        for_recorder("", (None,))
