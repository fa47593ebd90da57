"""A connection as aiortc makes it, and as the recorder changed it: certificates, sources, and packets that are none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from aiortc import RTCPeerConnection
from aiortc.rtcdtlstransport import RTCCertificate
from aiortc.rtp import RtpPacket
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from recorder.call.rtc import connection
from tests.recorder.call.observed import until
from tests.recorder.call.rtc.lines import CAMERA, MICROPHONE, line, run

pytestmark = pytest.mark.usefixtures("loopback_senders")


def test_a_sender_with_an_rsa_certificate_is_received(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no elliptic key, as GStreamer, is connected with all the same."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sender")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    theirs: Any = RTCCertificate(key=key, cert=certificate)  # type: ignore[arg-type] # aiortc's own are elliptic
    make = theirs._create_ssl_context

    def without_elliptic_keys(**profiles: Any) -> Any:
        context = make(**profiles)
        context.set_cipher_list(b"ECDHE-RSA-AES128-GCM-SHA256")
        return context

    monkeypatch.setattr(theirs, "_create_ssl_context", without_elliptic_keys)
    monkeypatch.setattr(
        RTCPeerConnection,
        "__init__",
        _certified(theirs, RTCPeerConnection.__init__),
    )

    async def go() -> None:
        async with line() as here:
            here.receive(True)
            await until(lambda: here.observed.pictures.get(CAMERA) and here.observed.sounds.get(MICROPHONE))

    run(go)


def _certified(certificate: Any, init: Callable[..., None]) -> Callable[..., None]:
    """Give connections, but those of the recorder, another certificate."""

    def made(self: Any, *arguments: Any, **named: Any) -> None:
        init(self, *arguments, **named)
        if not isinstance(self, connection.MediaConnection):
            self._RTCPeerConnection__certificates = [certificate]

    return made


def test_sources_are_remembered_in_bounded_number() -> None:
    """A sender that invents SSRCs fills no table."""

    async def go() -> None:
        async with line() as here:
            here.receive(True)
            await until(lambda: here.observed.open)
            router = here.peer._connection.getTransceivers()[0].receiver.transport._rtp_router
            for ssrc in range(5000):
                router.route_rtp(RtpPacket(payload_type=96, ssrc=ssrc))
            assert len(router.ssrc_table) <= connection.MAX_SOURCES

    run(go)


def test_packets_that_cannot_be_parsed_do_not_end_the_connection() -> None:
    """Malformed RTP and RTCP is dropped; media goes on."""

    async def go() -> None:
        async with line() as here:
            here.receive(True)
            await until(lambda: here.observed.sounds.get(MICROPHONE))
            transport = here.peer._connection.getTransceivers()[0].receiver.transport
            noise = np.random.default_rng(2)
            extension = bytes.fromhex("90 60 0001 00000001 00000001 bede 0001 33 01 02 03".replace(" ", ""))
            await transport._handle_rtp_data(extension, arrival_time_ms=0)
            for size in range(1, 60):
                await transport._handle_rtp_data(b"\x90" + noise.bytes(size), arrival_time_ms=0)
                await transport._handle_rtcp_data(b"\x81\xc8" + noise.bytes(size))
            heard = len(here.observed.sounds[MICROPHONE])
            await until(lambda: len(here.observed.sounds[MICROPHONE]) > heard + 10)

    run(go)
