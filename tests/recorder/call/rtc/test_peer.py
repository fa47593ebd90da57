"""One peer connection for one participant, against aiortc senders on loopback, through a network that misbehaves."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable

import av
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from recorder.call.rtc import tracks as pipeline
from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.codecs import AudioDecoder, VideoDecoder
from recorder.call.rtc.peer import BadDescription, Peer, PeerEnd
from recorder.call.source import LiveKind, TrackKey
from redaction.model import Samples
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.rtc.lines import CAMERA, MICROPHONE, line, run
from tests.recorder.call.senders import LOOPBACK, coded_pictures, middle_colour, pitch, sending

pytestmark = pytest.mark.usefixtures("loopback_senders")


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_sound_and_picture_arrive_with_their_times(codec: str) -> None:
    """Tone and colour arrive as sent, end to end, at times that rise with the call's clock."""

    async def go() -> None:
        async with line(codec=codec, hertz=550, colour=(120, 90, 40)) as here:
            here.receive(True)
            await until(lambda: len(here.observed.pictures.get(CAMERA, [])) > 40)
            pictures, sounds = here.observed.pictures[CAMERA], here.observed.sounds[MICROPHONE]
            assert middle_colour(pictures[-1].frame) == pytest.approx((120, 90, 40), abs=4)
            heard = np.concatenate([s.samples for s in sounds])
            assert pitch(heard[4800:], 48000) == pytest.approx(550, abs=5)  # a late block bends the tone
            assert all(
                later.time == pytest.approx(earlier.time + len(earlier.samples) / 48000, abs=1e-6)
                for earlier, later in itertools.pairwise(sounds)
            )
            assert pictures[-1].time == pytest.approx(here.clock.now(), abs=0.3)
            assert abs(pictures[-1].time - sounds[-1].time) < 0.06
            assert here.observed.lost == []

    run(go)


def test_nothing_is_decoded_before_it_is_wanted_or_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """No decoder exists before receive(True), and none is fed after receive(False), while packets keep coming."""
    fed: list[str] = []

    class CountedPictures(VideoDecoder):
        def decode(self, data: bytes, number: int) -> list[av.VideoFrame]:
            fed.append("picture")
            return super().decode(data, number)

    class CountedSound(AudioDecoder):
        def decode(self, data: bytes) -> Samples:
            fed.append("sound")
            return super().decode(data)

    monkeypatch.setattr(pipeline, "VideoDecoder", CountedPictures)
    monkeypatch.setattr(pipeline, "AudioDecoder", CountedSound)

    async def go() -> None:
        async with line() as here:
            await until(lambda: sum(here.network.passed.values()) > 60)
            assert fed == []
            assert here.observed.events == [("joined", "p")]
            here.receive(True)
            await until(lambda: {"picture", "sound"} <= set(fed))
            here.receive(False)
            await asyncio.sleep(0.1)
            count, passed = len(fed), sum(here.network.passed.values())
            assert here.observed.open == set()
            await until(lambda: sum(here.network.passed.values()) > passed + 40)
            assert len(fed) == count
            here.receive(True)
            await until(lambda: here.observed.pictures.get(TrackKey("p", LiveKind.CAMERA, 2)))
            assert here.observed.sounds[TrackKey("p", LiveKind.MICROPHONE, 2)]
            assert here.observed.lost == []

    run(go)


def test_a_size_that_changes_is_passed_on_and_a_giant_one_refused() -> None:
    """The same track shows both sizes; then a picture beyond the bounds ends it, and sound goes on."""

    async def go() -> None:
        async with line() as here:
            here.receive(True)
            await until(lambda: len(here.observed.pictures.get(CAMERA, [])) > 5)
            here.tracks[1].packets = coded_pictures((90, 60, 200), width=640, height=360)
            await until(lambda: here.observed.pictures[CAMERA][-1].frame.width == 640)
            assert here.observed.pictures[CAMERA][0].frame.width == 320
            key = bytearray(here.tracks[1].packets[0][0])
            key[6:10] = (8000).to_bytes(2, "little") * 2
            here.tracks[1].packets = ((bytes(key), 0),)
            await until(lambda: ("ended", CAMERA) in here.observed.events)
            assert [reason for track, _, _, reason in here.observed.lost if track == CAMERA][
                -1
            ] == "resolution"
            heard = len(here.observed.sounds[MICROPHONE])
            await until(lambda: len(here.observed.sounds[MICROPHONE]) > heard + 20)
            assert CAMERA not in here.observed.open

    run(go)


def test_garbage_costs_pictures_and_nothing_else() -> None:
    """Packets of noise are told as undecodable or shown never; what follows is seen again."""

    async def go() -> None:
        async with line() as here:
            here.receive(True)
            await until(lambda: len(here.observed.pictures.get(CAMERA, [])) > 5)
            good = here.tracks[1].packets
            noise = np.random.default_rng(1)
            here.tracks[1].packets = tuple((b"\x00" + noise.bytes(700), 0) for _ in range(10))
            here.tracks[0].packets, tone = (
                tuple((noise.bytes(80), 0) for _ in range(10)),
                here.tracks[0].packets,
            )
            await asyncio.sleep(0.5)
            here.tracks[1].packets, here.tracks[0].packets = good, tone
            seen = len(here.observed.pictures[CAMERA])
            await until(lambda: len(here.observed.pictures[CAMERA]) > seen + 20)
            assert middle_colour(here.observed.pictures[CAMERA][-1].frame) == pytest.approx(
                (90, 60, 200), abs=4
            )

    run(go)


def test_quality_is_told_every_second() -> None:
    """A second's sample holds packets, frame rate, size, bitrate and jitter."""

    async def go() -> None:
        async with line() as here:
            here.receive(True)
            await until(lambda: len(here.observed.samples) >= 3)
            who, sample = here.observed.samples[2]
            assert who == "p"
            assert sample.packets > 60
            assert sample.lost == 0
            assert sample.fps == pytest.approx(30, abs=4)
            assert (sample.width, sample.height) == (320, 180)
            assert sample.bitrate_kbps is not None
            assert sample.bitrate_kbps > 50
            assert sample.jitter_ms is not None
            assert sample.jitter_ms < 50

    run(go)


def test_a_sender_that_goes_ends_the_run() -> None:
    """When the other side closes, run returns LOST soon, not after the half minute that ICE takes."""

    async def go() -> None:
        async with line() as here:
            here.receive(True)
            await until(lambda: here.observed.open)
            await here.sender.close()
            assert here.ended is not None
            async with asyncio.timeout(3):
                assert await here.ended is PeerEnd.LOST

    run(go)


async def pulled(
    observed: ObservedCall, kinds: tuple[LiveKind, ...], answering: Callable[[str], str]
) -> Peer:
    """Let a peer offer, and an aiortc sender answer; `answering` changes the answer."""
    peer = Peer("p", observed, CallClock(), kinds=kinds, host_addresses=LOOPBACK)
    connection, tracks = sending()
    for transceiver in connection.getTransceivers():
        transceiver.sender.replaceTrack(None)
    other = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await connection.close()
    await other.setRemoteDescription(RTCSessionDescription(await peer.offer(), "offer"))
    for transceiver in other.getTransceivers():
        track = next(t for t in tracks if t.kind == transceiver.kind)
        transceiver.sender.replaceTrack(track)
        transceiver.direction = "sendonly"
    await other.setLocalDescription(await other.createAnswer())
    await peer.accept(answering(other.localDescription.sdp))
    return peer


def test_a_peer_can_offer() -> None:
    """As the side that offers, it receives what the answer sends."""

    async def go() -> None:
        observed = ObservedCall(received={"p"})
        observed.joined("p", "", 0)
        peer = await pulled(observed, (LiveKind.MICROPHONE, LiveKind.CAMERA), lambda answer: answer)
        async with asyncio.TaskGroup() as group:
            group.create_task(peer.run())
            peer.receive(True)
            await until(lambda: observed.pictures.get(CAMERA) and observed.sounds.get(MICROPHONE))
            await peer.close()
        assert observed.wrong == []

    run(go)


def test_a_declined_line_of_an_answer_leaves_the_others() -> None:
    """An answer that rejects the picture leaves the sound."""

    async def go() -> None:
        observed = ObservedCall(received={"p"})
        observed.joined("p", "", 0)
        peer = await pulled(
            observed,
            (LiveKind.MICROPHONE, LiveKind.CAMERA),
            lambda answer: re.sub(
                r"m=video \d+ .*(?:\r\n[^m].*)*\r\n", "m=video 0 UDP/TLS/RTP/SAVPF 97\r\n", answer
            ),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(peer.run())
            peer.receive(True)
            await until(lambda: len(observed.sounds.get(MICROPHONE, [])) > 5)
            await peer.close()
        assert observed.wrong == []

    run(go)


async def offer_of(**sender: object) -> str:
    """Return an offer."""
    connection, _ = sending(**sender)  # type: ignore[arg-type]
    await connection.setLocalDescription(await connection.createOffer())
    offer = connection.localDescription.sdp
    await connection.close()
    return offer


def test_a_participant_with_a_strange_codec_is_sound_only() -> None:
    """A VP9 picture is declined alone: the answer keeps its m-line inactive, and the track is told as lost."""

    async def go() -> None:
        observed = ObservedCall(received={"p"})
        observed.joined("p", "", 0)
        offer = re.sub(r"(?m)^a=rtpmap:\d+ rtx.*\r\n|^a=fmtp:.*apt=.*\r\n", "", await offer_of())
        offer = offer.replace("VP8/90000", "VP9/90000")
        peer = Peer("p", observed, CallClock(), host_addresses=LOOPBACK)
        answer = await peer.answer(offer)
        assert [line.split()[0] for line in answer.splitlines() if line.startswith("m=")] == [
            "m=audio",
            "m=video",
        ]
        assert "a=inactive" in answer[answer.index("m=video") :]
        peer.receive(True)
        assert [(track, reason) for track, _, _, reason in observed.lost] == [(CAMERA, "codec")]
        assert observed.open == set()
        assert observed.wrong == []
        await peer.close()

    run(go)


def test_malformed_descriptions_are_refused_cleanly() -> None:
    """Whatever is wrong with an offer, it is a BadDescription that repeats nothing of it."""

    async def go() -> None:
        good = await offer_of()
        head = good[: good.index("m=")]
        section = good[good.index("m=audio") : good.index("m=video")]
        bad = [
            "",
            "v=0\r\n",
            "secret-marker",
            "v=0\r\nm=audio x y z\r\n",
            good.replace("a=ice-ufrag", "a=x"),
            good.replace("a=fingerprint:", "a=fingerprint:broken "),
            good.replace("opus", "isac").replace("VP8", "secret-marker"),
            good.replace("a=mid:1", "a=mid:0"),
            good.replace("a=setup:actpass", "a=setup:secret-marker"),
            good.replace("c=IN IP4", "c=IN IP9"),
            re.sub(r"m=audio \d+ \S+ .*", "m=audio 9 UDP/TLS/RTP/SAVPF 999999", good),
            good.replace("a=rtcp-mux\r\n", ""),
            good + "a=ssrc:nonsense\r\n",
            good + "a=candidate:secret-marker\r\n",
            good + "a=extmap:x\r\n",
            good + "a=fmtp:77 x=y\r\n",
            good + "x" * 70_000,
            head + section * 20,
            good + "".join(f"a=ssrc:{n} cname:x\r\n" for n in range(200)),
            good + "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n" * 100,
        ]
        for number, offer in enumerate(bad):
            peer = Peer("p", ObservedCall(), CallClock(), host_addresses=LOOPBACK)
            with pytest.raises(BadDescription) as refusal:
                await peer.answer(offer)
            assert "secret-marker" not in refusal.value.sentence, number
            assert refusal.value.__cause__ is None
            await peer.close()

    run(go)


def test_only_named_addresses_are_offered_and_no_server_is_asked() -> None:
    """Loopback is offered when asked for, and no STUN server is configured."""

    async def go() -> None:
        peer = Peer("p", ObservedCall(), CallClock(), host_addresses=LOOPBACK)
        offer = await peer.offer()
        hosts = set(re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) \d+ typ (\S+)", offer))
        assert hosts == {("127.0.0.1", "host")}
        ice = peer._connection.getTransceivers()[0].receiver.transport.transport._connection
        assert ice.stun_server is None
        assert ice.turn_server is None
        await peer.close()

    run(go)
