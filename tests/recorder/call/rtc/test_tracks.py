"""From packets to timed media: sound end to end, pictures bounded, one key for each track."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise

import av
import numpy as np
import pytest
from aiortc import RTCRtpCodecParameters
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtp import RtpPacket
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.call.rtc import tracks
from recorder.call.rtc.clock import CallClock, SenderClock
from recorder.call.rtc.codecs import VideoDecoder
from recorder.call.rtc.stats import QualityMeter
from recorder.call.rtc.tracks import AudioPlacer, ReceivedAudio, ReceivedVideo, TrackNumbers, TrackSetting
from recorder.call.source import LiveKind, TrackKey
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.senders import coded_pictures, coded_tone, pitch

OPUS = RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48000, channels=2, payloadType=96)
VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90000, payloadType=97)


class Steps(CallClock):
    """A call clock that is set by the test."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at


def setting() -> tuple[TrackSetting, ObservedCall, Steps]:
    """Return what a track needs, and what it will tell."""
    observed, clock = ObservedCall(received={"p"}), Steps()
    observed.joined("p", "", 0)
    return TrackSetting("p", observed, clock, SenderClock(), TrackNumbers(), QualityMeter(0)), observed, clock


def test_numbers_rise_for_each_participant_and_kind() -> None:
    """A track that comes back has a higher number; others' numbers are their own."""
    numbers = TrackNumbers()
    assert numbers.next("a", LiveKind.CAMERA).number == 1
    assert numbers.next("a", LiveKind.CAMERA).number == 2
    assert numbers.next("b", LiveKind.CAMERA).number == 1
    assert numbers.next("a", LiveKind.SCREEN) == TrackKey("a", LiveKind.SCREEN, 1)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-0.2, 0.5), st.sampled_from([120, 480, 960, 2880]), st.booleans()), max_size=40
    )
)
def test_blocks_never_overlap(steps: list[tuple[float, int, bool]]) -> None:
    """Whatever times blocks claim, each begins at or after the end of the last."""
    placer, end, claimed = AudioPlacer(48000), 0.0, 1.0
    for off, count, hole in steps:
        claimed += count / 48000
        begin, samples = placer.place(claimed + off, np.ones(count, np.float32), hole=hole)
        assert begin >= end - 1e-9
        assert 0.9 * count <= len(samples) <= 1.1 * count
        assert np.all(samples == 1)
        end = begin + len(samples) / 48000


def test_drift_is_taken_up_without_a_hole() -> None:
    """A sender 300 ppm slow is followed for ten minutes within 10 ms, end to end, its tone unchanged."""
    placer, heard = AudioPlacer(48000), []
    tone = np.sin(2 * np.pi * 440 * np.arange(48000) / 48000).astype(np.float32)
    last = None
    for n in range(30_000):
        true = n * 0.02 * 1.0003
        begin, samples = placer.place(true, tone[(n * 960) % 48000 :][:960], hole=False)
        assert abs(begin - true) < 0.010
        assert last is None or begin == pytest.approx(last, abs=1e-9)
        last = begin + len(samples) / 48000
        if n > 29_900:
            heard.append(samples)
    assert pitch(np.concatenate(heard), 48000) == pytest.approx(440, abs=1)


def feed(track: ReceivedAudio, clock: Steps, numbers: range, *, skip: frozenset[int] = frozenset()) -> None:
    """Send a tone in real time."""
    packets = coded_tone(440)
    for n in numbers:
        clock.at = n * 0.02
        track.tick(clock.at)
        if n not in skip:
            payload = packets[n % len(packets)][0]
            track.packet(RtpPacket(96, 0, n, n * 960, 1, payload), OPUS, False)
    clock.at += tracks.LISTEN
    track.tick(clock.at)


def test_a_hole_is_a_later_time_and_a_loss() -> None:
    """Ten lost packets are one loss of their length, and the sound after it stands where it was sent."""
    shared, observed, clock = setting()
    track = ReceivedAudio(shared)
    track.receive(True)
    feed(track, clock, range(100), skip=frozenset(range(40, 50)))
    track.receive(False)
    ((key, start, end, reason),) = observed.lost
    assert (key.kind, reason) == (LiveKind.MICROPHONE, "loss")
    assert end - start == pytest.approx(0.2, abs=0.002)
    (sounds,) = observed.sounds.values()
    assert sum(len(s.samples) for s in sounds) == pytest.approx(90 * 960, abs=20)
    assert sounds[-1].time == pytest.approx(99 * 0.02, abs=0.01)
    assert shared.meter.concealed == pytest.approx(0.2, abs=0.002)
    assert observed.wrong == []


def test_a_microphone_that_sends_nothing_is_a_pause_not_a_gap_in_time() -> None:
    """Two seconds without a packet and without a missing number are told as stalled, once they are over."""
    shared, observed, clock = setting()
    track = ReceivedAudio(shared)
    track.receive(True)
    feed(track, clock, range(50))
    clock.at = 3.0
    for n in range(50):
        clock.at = 3 + n * 0.02
        track.packet(RtpPacket(96, 0, 50 + n, (150 + n) * 960, 1, coded_tone(440)[n][0]), OPUS, False)
    assert [(round(s, 1), round(e, 1), reason) for _, s, e, reason in observed.lost] == [
        (1.0, 3.0, "stalled")
    ]


def test_what_ends_and_comes_back_is_another_track() -> None:
    """After receive(False) and receive(True), or a goodbye, the key's number is higher, and nothing lies between."""
    shared, observed, clock = setting()
    track = ReceivedAudio(shared)
    feed(track, clock, range(10))
    assert observed.sounds == {}
    track.receive(True)
    feed(track, clock, range(10, 30))
    track.receive(False)
    feed(track, clock, range(30, 50))
    track.receive(True)
    feed(track, clock, range(50, 70))
    track.bye()
    feed(track, clock, range(70, 90))
    assert [key.number for key in observed.sounds] == [1, 2, 3]
    assert all(len(sounds) == 20 for sounds in observed.sounds.values())
    assert observed.wrong == []


def vp8_packets(count: int) -> list[RtpPacket]:
    """Return the packets of some pictures."""
    found: list[RtpPacket] = []
    coded = coded_pictures((80, 90, 100))
    for number in range(count):
        payloads = Vp8Encoder._packetize(coded[number % len(coded)][0], number)
        for part, payload in enumerate(payloads):
            marker = int(part == len(payloads) - 1)
            found.append(RtpPacket(97, marker, len(found), number * 3000, 7, payload))
    return found


def test_a_decoder_that_stalls_costs_pictures_not_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the decoder stands still, a bounded number of pictures is held; the rest is told as overload."""
    gate = threading.Event()

    class Slow(VideoDecoder):
        def decode(self, data: bytes, number: int) -> list[av.VideoFrame]:
            gate.wait(10)
            return super().decode(data, number)

    monkeypatch.setattr(tracks, "VideoDecoder", Slow)
    shared, observed, clock = setting()

    async def go() -> None:
        track = ReceivedVideo(LiveKind.CAMERA, shared)
        track.receive(True)
        packets = vp8_packets(300)
        for packet in packets[:-200]:
            clock.at = packet.timestamp / 90000
            track.packet(packet, VP8, False)
        assert track._in_flight == tracks.MAX_IN_FLIGHT
        assert shared.meter.dropped >= 1
        gate.set()
        await until(lambda: track._in_flight == 0)
        for packet in packets[-200:]:
            clock.at = packet.timestamp / 90000
            track.packet(packet, VP8, False)
            await asyncio.sleep(0.002)
        await until(lambda: track._in_flight == 0)
        track.receive(False)

    asyncio.run(go())
    assert "overload" in {reason for *_, reason in observed.lost}
    (pictures,) = observed.pictures.values()
    for earlier, later in pairwise(pictures):
        assert later.time - earlier.time < 0.1 or (earlier.time, later.time) in {
            (s, e) for _, s, e, _ in observed.lost
        }
    assert observed.wrong == []


def test_nothing_is_handed_on_after_it_is_no_longer_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that are in the decoder when receiving stops are thrown away, and the thread ends."""
    gate = threading.Event()

    class Slow(VideoDecoder):
        def decode(self, data: bytes, number: int) -> list[av.VideoFrame]:
            gate.wait(10)
            return super().decode(data, number)

    monkeypatch.setattr(tracks, "VideoDecoder", Slow)
    shared, observed, clock = setting()

    async def go() -> None:
        track = ReceivedVideo(LiveKind.CAMERA, shared)
        track.receive(True)
        for packet in vp8_packets(20):
            clock.at = packet.timestamp / 90000
            track.packet(packet, VP8, False)
        thread = track._thread
        assert thread is not None
        track.receive(False)
        gate.set()
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()
        await asyncio.sleep(0.05)

    asyncio.run(go())
    assert observed.pictures == {}
    assert observed.wrong == []


def test_a_key_frame_is_asked_for_at_once_and_then_ever_more_rarely() -> None:
    """Without a key frame a request goes out at once, and at most four in the next four seconds."""
    shared, _, clock = setting()
    track = ReceivedVideo(LiveKind.CAMERA, shared)
    track.receive(True)
    asked = []
    for n in range(200):
        clock.at = n * 0.025
        track.packet(RtpPacket(97, 1, n, n * 2250, 7, b"\x10\x01rest"), VP8, False)
        if track.tick(clock.at).keyframe:
            asked.append(clock.at)
    assert asked[0] < 0.03
    assert 3 <= len(asked) <= 5
