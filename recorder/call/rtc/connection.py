"""aiortc's peer connection with a receiver of our own, which decodes nothing.

aiortc decodes as soon as packets come, queues pictures without bound, throws away good sound behind each lost packet,
and tells nobody the RTP time of a sender report. Its peer connection, ICE, DTLS and SRTP are used as they are; the
receiver is this module's own, behind the same interface, and decodes nothing: it hands packets to an `RtpSink`.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from aioice.stun import TransactionError
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpCodecParameters,
    RTCRtpTransceiver,
)
from aiortc.codecs import is_rtx
from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtcdtlstransport import RTCDtlsTransport, RtpRouter
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
    unwrap_rtx,
)
from aiortc.stats import RTCStatsReport

from recorder.call.rtc.codecs import accepted
from recorder.call.rtc.hooks import REFUSALS, check_hooks
from recorder.call.rtc.stats import Reception
from redaction.errors import InternalError

__all__ = ["MediaConnection", "MediaReceiver", "RtpSink"]

MAX_SOURCES: Final = 32
"""SSRCs remembered for one connection; the oldest are forgotten first."""
ROUND_TRIP_EVERY: Final = 1.0
CIPHERS: Final = b":".join(
    b"ECDHE-%s-%s" % (key, cipher)
    for key in (b"ECDSA", b"RSA")
    for cipher in (b"AES128-GCM-SHA256", b"CHACHA20-POLY1305", b"AES128-SHA", b"AES256-SHA")
)
"""aiortc's own, and the same for those whose certificate is of the other kind, as GStreamer's is."""
SOURCE_SILENT: Final = 0.3
"""Seconds after which packets of another SSRC may take a silent one's place."""


class RtpSink(Protocol):
    """Who takes the packets of one m-line."""

    def wanted(self) -> bool:
        """Tell whether packets are to be kept at all; those that are not are counted by nobody."""
        ...

    def packet(self, packet: RtpPacket, codec: RTCRtpCodecParameters, ssrc_changed: bool, /) -> None:
        """Take a media packet; one that was sent again looks like the first."""
        ...

    def report(self, ntp: int, rtp: int) -> None:
        """Take a sender report of this track."""
        ...

    def bye(self) -> None:
        """The sender says that it is done."""
        ...


class MediaReceiver:
    """Stands where aiortc's RTCRtpReceiver stands; receives, reports and asks, but does not decode.

    Attributes:
        reception: counted packets, loss and jitter of the media.
        sink: None until the m-line is given to a track; packets are thrown away until then.
        reports: whether the sender's reports tell when media was captured.
    """

    def __init__(self, kind: str, transport: RTCDtlsTransport) -> None:
        self.kind = kind
        self.sink: RtpSink | None = None
        self.reports = True
        self.reception = Reception()
        self.on_disconnect: Callable[[], None] | None = None
        self._enabled = True  # set by the transceiver's direction
        self._track: Any = None  # set by the peer connection
        self._transport = transport
        self._codecs: dict[int, RTCRtpCodecParameters] = {}
        self._retransmissions: set[int] = set()  # SSRCs of retransmissions
        self._ssrc: int | None = None
        self._own_ssrc: int | None = None
        self._last_packet_at = 0.0
        self._reports: asyncio.Task[None] | None = None
        self._last_report: tuple[int, float] | None = None
        self._bitrate = RemoteBitrateEstimator() if kind == "video" else None

    # What RTCPeerConnection, RTCRtpTransceiver and RTCDtlsTransport call.

    @property
    def track(self) -> Any:
        """aiortc's own track object, which never carries anything here."""
        return self._track

    @property
    def transport(self) -> RTCDtlsTransport:
        """The transport that packets come by."""
        return self._transport

    def setTransport(self, transport: RTCDtlsTransport) -> None:  # noqa: N802 - aiortc's interface
        """Follow a bundle."""
        self._transport = transport

    def _set_rtcp_ssrc(self, ssrc: int) -> None:
        self._own_ssrc = ssrc

    async def getStats(self) -> RTCStatsReport:  # noqa: N802 - aiortc's interface
        """Return nothing: `reception` counts."""
        return RTCStatsReport()

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Begin to take packets."""
        if self._reports is not None:
            return
        self._codecs = {
            codec.payloadType: codec for codec in parameters.codecs if codec.payloadType is not None
        }
        self._retransmissions = {encoding.rtx.ssrc for encoding in parameters.encodings if encoding.rtx}
        self._transport._register_rtp_receiver(self, parameters)
        # ended by stop(), which the peer connection calls whenever it closes
        self._reports = asyncio.ensure_future(self._report())

    async def stop(self) -> None:
        """Take no more packets."""
        self._transport._unregister_rtp_receiver(self)
        if self._reports is not None:
            self._reports.cancel()
            await asyncio.gather(self._reports, return_exceptions=True)

    def resume(self) -> None:
        """Forget what was counted towards loss: packets were not wanted for a while."""
        self.reception.restart()
        self._ssrc = None

    def _handle_disconnect(self) -> None:
        if self.on_disconnect is not None:
            self.on_disconnect()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            if self._ssrc is not None and packet.ssrc != self._ssrc:
                return
            info = packet.sender_info
            self._last_report = ((info.ntp_timestamp >> 16) & 0xFFFFFFFF, asyncio.get_running_loop().time())
            if self.sink is not None and self.reports:
                self.sink.report(info.ntp_timestamp, info.rtp_timestamp)
        elif isinstance(packet, RtcpByePacket) and self.sink is not None and self._ssrc in packet.sources:
            self.sink.bye()

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        if not self._enabled or self.sink is None or not self.sink.wanted():
            return
        codec = self._codecs.get(packet.payload_type)
        if codec is None:
            return
        await self._estimate(packet, arrival_time_ms)
        now = asyncio.get_running_loop().time()
        changed = False
        if is_rtx(codec):
            original = codec.parameters.get("apt")
            if not isinstance(original, int) or original not in self._codecs:
                return
            if self._ssrc is None or len(packet.payload) < 2:
                return
            codec = self._codecs[original]
            packet = unwrap_rtx(packet, payload_type=original, ssrc=self._ssrc)
        else:
            if packet.ssrc in self._retransmissions:
                return
            if packet.ssrc != self._ssrc:
                if self._ssrc is not None and now - self._last_packet_at < SOURCE_SILENT:
                    return
                changed = self._ssrc is not None
                self._ssrc = packet.ssrc
                self.reception.restart()
                self._last_report = None
            self._last_packet_at = now
            self.reception.add(packet.sequence_number, packet.timestamp, codec.clockRate, now)
        self.reception.size += len(packet.payload)
        self.sink.packet(packet, codec, changed)

    # What is told to the sender.

    async def _estimate(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        if self._bitrate is None or packet.extensions.abs_send_time is None:
            return
        estimate = self._bitrate.add(
            abs_send_time=packet.extensions.abs_send_time,
            arrival_time_ms=arrival_time_ms,
            payload_size=len(packet.payload) + packet.padding_size,
            ssrc=self._ssrc if self._ssrc is not None else packet.ssrc,
        )
        if estimate is not None and self._own_ssrc is not None:
            feedback = pack_remb_fci(*estimate)
            await self._send(
                RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=self._own_ssrc, media_ssrc=0, fci=feedback)
            )

    async def ask_keyframe(self) -> None:
        """Tell the sender that pictures were lost. Source: RFC 4585, 6.3.1."""
        if self._own_ssrc is not None and self._ssrc is not None:
            await self._send(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=self._own_ssrc, media_ssrc=self._ssrc))

    async def ask_again(self, numbers: Iterable[int]) -> None:
        """Ask for packets again, by their 16-bit numbers. Source: RFC 4585, 6.2.1."""
        if self._own_ssrc is not None and self._ssrc is not None:
            packet = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=self._own_ssrc, media_ssrc=self._ssrc)
            packet.lost = sorted(numbers)
            await self._send(packet)

    async def _send(self, packet: AnyRtcpPacket) -> None:
        try:
            await self._transport._send_rtp(bytes(packet))
        except ConnectionError:
            return  # the connection's end is told elsewhere

    async def _report(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0.5 + random.random())  # Source: RFC 3550, 6.2
            if self._own_ssrc is None or self._ssrc is None or not self.reception.packets:
                continue
            lsr, dlsr = 0, 0
            if self._last_report is not None:
                lsr = self._last_report[0]
                dlsr = min(0xFFFFFFFF, int((loop.time() - self._last_report[1]) * 65536))
            fraction, total, highest, jitter = self.reception.report()
            info = RtcpReceiverInfo(
                ssrc=self._ssrc,
                fraction_lost=fraction,
                packets_lost=total,
                highest_sequence=highest,
                jitter=jitter,
                lsr=lsr,
                dlsr=dlsr,
            )
            await self._send(RtcpRrPacket(ssrc=self._own_ssrc, reports=[info]))


class _Router(RtpRouter):
    """Routes by the m-line that a packet names before guessing, and remembers a bounded number of sources."""

    def __init__(self) -> None:
        super().__init__()
        self.ssrc_table: OrderedDict[int, Any] = OrderedDict()

    def route_rtp(self, packet: RtpPacket) -> Any:
        known = self.ssrc_table.get(packet.ssrc)
        if known is None:
            by_type = self.payload_type_table.get(packet.payload_type, set())
            if packet.extensions.mid is not None:
                known = self.mid_table.get(packet.extensions.mid)
            elif len(by_type) == 1:
                (known,) = by_type
            if known is None:
                return None
            self.ssrc_table[packet.ssrc] = known
            if len(self.ssrc_table) > MAX_SOURCES:
                self.ssrc_table.popitem(last=False)
        return known


class MediaConnection(RTCPeerConnection):
    """A peer connection whose receivers are `MediaReceiver`s, on one transport, with host candidates alone.

    Args:
        host_addresses: addresses to be reached at instead of those of the network interfaces. ["127.0.0.1"] is for
            calls within one machine: loopback is never offered otherwise.
    """

    def __init__(self, *, host_addresses: list[str] | None = None) -> None:
        check_hooks()
        self._host_addresses = host_addresses
        self._closing: asyncio.Future[None] | None = None
        self.round_trip_s: float | None = None
        # no STUN server: aiortc's default one would tell a third party about every call
        super().__init__(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        own: Any = self
        for certificate in own._RTCPeerConnection__certificates:
            certificate._create_ssl_context = _with_all_ciphers(certificate._create_ssl_context)

    async def close(self) -> None:
        """End the connection; who is cancelled while waiting for that leaves it to end by itself."""
        if self._closing is None:
            # aiortc's own second caller waits on a future that its cancellation would break for the first
            self._closing = asyncio.ensure_future(super().close())
        await asyncio.shield(self._closing)

    async def watch_round_trip(self) -> None:
        """Measure the round trip to whoever sends, once a second, for as long as the connection lasts.

        By STUN checks on the pair of addresses in use, which every ICE agent answers: somebody who only receives gets
        no RTCP report of what they send. Source: W3C webrtc-stats, currentRoundTripTime; RFC 7675, 5.1.
        """
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(ROUND_TRIP_EVERY)
            ice: Any = self._ice()
            pairs = [] if ice is None or not ice.remote_password else list(ice._nominated.values())
            self.round_trip_s = None
            for pair in pairs[:1]:
                request = ice.build_request(pair, nominate=False)
                sent = loop.time()
                try:
                    await pair.protocol.request(
                        request,
                        pair.remote_addr,
                        integrity_key=ice.remote_password.encode(),
                        retransmissions=0,  # an answer to which of two would not be known
                    )
                except (TransactionError, *REFUSALS):
                    continue
                self.round_trip_s = loop.time() - sent

    def _ice(self) -> Any:
        """Return aioice's connection, None before there is one."""
        receivers = self.media_receivers
        return receivers[0].transport.transport.iceGatherer._connection if receivers else None

    @property
    def media_receivers(self) -> list[MediaReceiver]:
        """The receivers, in order of their m-lines."""
        found: list[Any] = [transceiver.receiver for transceiver in self.getTransceivers()]
        return [receiver for receiver in found if isinstance(receiver, MediaReceiver)]

    def _RTCPeerConnection__createTransceiver(  # noqa: N802 - aiortc's name
        self, direction: str, kind: str, sender_track: Any = None
    ) -> RTCRtpTransceiver:
        make: Any = super()._RTCPeerConnection__createTransceiver  # type: ignore[misc]
        transceiver: Any = make(direction=direction, kind=kind, sender_track=sender_track)
        receiver = MediaReceiver(kind, transceiver.receiver.transport)
        receiver._set_rtcp_ssrc(transceiver.sender._ssrc)
        transceiver._RTCRtpTransceiver__receiver = receiver
        if transceiver.receiver is not receiver:
            raise InternalError("aiortc's private names have changed: the receiver could not be put in place")
        transceiver.setCodecPreferences(accepted(kind))
        made: RTCRtpTransceiver = transceiver
        return made

    def _RTCPeerConnection__createDtlsTransport(self) -> RTCDtlsTransport:  # noqa: N802 - aiortc's name
        make: Any = super()._RTCPeerConnection__createDtlsTransport  # type: ignore[misc]
        transport: RTCDtlsTransport = make()
        guarded: Any = transport
        guarded._rtp_router = _Router()
        guarded._handle_rtp_data = _guarded(transport._handle_rtp_data)
        guarded._handle_rtcp_data = _guarded(transport._handle_rtcp_data)
        if self._host_addresses is not None:
            ice: Any = transport.transport.iceGatherer._connection
            gather, host_addresses = ice.get_component_candidates, self._host_addresses

            async def ours(component: int, **_: object) -> Any:
                return await gather(component=component, addresses=host_addresses)

            ice.get_component_candidates = ours
        return transport


def _with_all_ciphers(make: Any) -> Any:
    """Let the other side's certificate be of any kind: its fingerprint is what it is known by."""

    def made(**profiles: Any) -> Any:
        context = make(**profiles)
        context.set_cipher_list(CIPHERS)
        return context

    return made


def _guarded(handle: Any) -> Any:
    """Drop packets that aiortc's parsers stumble over: one of them must not end the connection."""

    async def handle_packet(*args: Any, **kwargs: Any) -> None:
        try:
            await handle(*args, **kwargs)
        except (ValueError, IndexError, struct.error):
            return

    return handle_packet
