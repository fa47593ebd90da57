"""Decode one sound track: mono samples on the call clock, without a hole, and damage that shows as silence."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

from recorder.media.opening import open_media
from recorder.media.packets import packets, prepare_packets
from recorder.media.probe import Probe, Track, cut_off_at
from recorder.media.resample import Resampler, mono
from recorder.media.stream import Input
from redaction.errors import UnreadableInput, UsageError
from redaction.model import AudioBlock, Gap, Samples, Span

__all__ = ["read_audio"]

# Stamps in containers are rounded (to 1 ms in Matroska) and jitter in recordings of calls; below this they are not
# followed, so that speech is not cut up. It stays well under the 40 ms that sound may be off the picture.
_TOLERANCE_S: Final = Fraction(30, 1000)
_TOLERANCE_AFTER_DAMAGE_S: Final = Fraction(2, 1000)
_TAIL_TOLERANCE_S: Final = 1
_LONGEST_TAIL_S: Final = 600
_BLOCKS_PER_S: Final = 2
# Codecs of calls that send nothing in a pause (DTX). Source: RFC 6716, 2.1.9; RFC 5574, 3.3; 3GPP TS 26.093.
_PAUSING: Final = frozenset({"opus", "libopus", "speex", "libspeex", "amrnb", "amrwb", "g729"})


def read_audio(
    untrusted: Input, probe: Probe, track: Track, *, sample_rate: int, channel: int | None = None
) -> Iterator[AudioBlock | Gap]:
    """Yield the track's blocks and gaps, reading the file in a container of its own.

    Args:
        untrusted: the file.
        probe: what is known of it.
        track: which track.
        sample_rate: to give, in hertz.
        channel: one channel alone, from 0; None mixes them.

    Raises:
        UnreadableInput: the file can no longer be opened.
        StorageFailed: its store failed on the way.
        UsageError: the rate is out of range.
    """
    if not 8_000 <= sample_rate <= 192_000:
        raise UsageError("The sample rate asked for is not between 8,000 and 192,000 Hz.")
    with open_media(untrusted) as medium:
        streams = medium.container.streams
        stream = streams[track.index] if track.index < len(streams) else None
        if not isinstance(stream, AudioStream):
            raise UnreadableInput("The input changed while it was read.")
        prepare_packets(stream, threads=1)
        reader = _Reader(untrusted, probe, track, sample_rate=sample_rate, channel=channel)
        for packet in packets(medium.container, stream):
            yield from reader.read(stream, packet)
        medium.check()
        yield from reader.finish()


class _Reader:
    """Holds the place on the call clock in samples of the rate asked for.

    A run is a stretch of decoded samples of one rate without a hole. Within a run time is counted in samples, so
    rounding never adds up; a stamp that strays too far from the count ends the run.
    """

    def __init__(
        self, untrusted: Input, probe: Probe, track: Track, *, sample_rate: int, channel: int | None
    ) -> None:
        self._untrusted = untrusted
        self._probe = probe
        self._track = track
        self._rate = sample_rate
        self._channel = channel
        self._clock = probe.clock(track)
        self._blocks = _Blocks(sample_rate)
        self._run: Resampler | None = None
        self._run_start = Fraction(0)
        self._run_samples = 0
        self._skip = 0
        self._damaged = False
        self._began = False
        self._pauses = False  # the codec sends nothing while nobody speaks

    def read(self, stream: AudioStream, packet: Packet[Stream] | None) -> Iterator[AudioBlock | Gap]:
        if packet is None or packet.is_corrupt:
            self._damaged = True
        if packet is None:
            return
        self._pauses = stream.codec_context.name in _PAUSING
        try:
            frames = stream.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            self._damaged = True
            return
        for frame in frames:
            if frame.is_corrupt or frame.sample_rate <= 0:
                self._damaged = True
            elif frame.samples:
                yield from self._take(frame)

    def finish(self) -> Iterator[AudioBlock | Gap]:
        yield from self._end_run()
        seen = Fraction(self._blocks.written, self._rate)
        leapt = self._clock.leaps
        declared = seen if leapt else cut_off_at(self._untrusted, self._probe, self._track, end=seen)
        missing = min(round((declared - seen) * self._rate), _LONGEST_TAIL_S * self._rate)
        if missing > _TAIL_TOLERANCE_S * self._rate:
            self._damaged = True
            yield from self._silence(self._blocks.written + missing)
        yield from self._blocks.flush()

    def _take(self, frame: AudioFrame) -> Iterator[AudioBlock | Gap]:
        try:
            samples = mono(frame, channel=self._channel)
        except (av.error.FFmpegError, ValueError):
            self._damaged = True
            return
        rate = frame.sample_rate
        clock = self._clock
        lasts = max(1, round(Fraction(frame.samples, rate) / clock.time_base))
        start = clock.place(frame.pts, duration=lasts) * clock.time_base
        run = self._run
        if run is not None:
            expected = self._run_start + Fraction(self._run_samples, run.source_hz)
            tolerance = _TOLERANCE_AFTER_DAMAGE_S if self._damaged else _TOLERANCE_S
            strays = abs(start - expected) > tolerance
            if strays or rate != run.source_hz:
                yield from self._end_run()
                yield from self._begin_run(start if strays else expected, rate)
        else:
            yield from self._begin_run(start, rate)
        self._damaged = False
        yield from self._push(samples)

    def _begin_run(self, start: Fraction, rate: int) -> Iterator[AudioBlock | Gap]:
        place = round(start * self._rate)
        self._run = Resampler(rate, self._rate)
        self._run_start = start
        self._run_samples = 0
        self._skip = max(0, self._blocks.written - place)
        if place > self._blocks.written:
            if self._began or self._damaged:
                yield from self._silence(place)
            else:
                yield from self._blocks.silence(place)
        self._began = True

    def _push(self, samples: Samples) -> Iterator[AudioBlock]:
        if self._run is None:
            return
        self._run_samples += len(samples)
        yield from self._write(self._run.push(samples))

    def _end_run(self) -> Iterator[AudioBlock]:
        run, self._run = self._run, None
        if run is None:
            return
        yield from self._write(run.finish())
        owed = round((self._run_start + Fraction(self._run_samples, run.source_hz)) * self._rate)
        self._run_samples = 0
        if 0 < owed - self._blocks.written < self._rate // 20:
            yield from self._blocks.silence(owed)

    def _write(self, samples: Samples) -> Iterator[AudioBlock]:
        dropped = min(self._skip, len(samples))
        self._skip -= dropped
        yield from self._blocks.write(samples[dropped:])

    def _silence(self, until: int) -> Iterator[AudioBlock | Gap]:
        span = Span(self._blocks.written / self._rate, until / self._rate)
        if until - self._blocks.written > self._rate // 1000 and (self._damaged or not self._pauses):
            reason = "damaged" if self._damaged else "missing"
            yield Gap(span=span, track=self._track.info.id, reason=reason)
        yield from self._blocks.silence(until)


class _Blocks:
    """Collects samples into blocks of even length; `written` is the place of the next sample."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._size = sample_rate // _BLOCKS_PER_S
        self._parts: list[Samples] = []
        self._held = 0
        self._start = 0

    @property
    def written(self) -> int:
        return self._start + self._held

    def write(self, samples: Samples) -> Iterator[AudioBlock]:
        if len(samples):
            self._parts.append(samples)
            self._held += len(samples)
        if self._held >= self._size:
            yield from self.flush()

    def silence(self, until: int) -> Iterator[AudioBlock]:
        while self.written < until:
            yield from self.write(np.zeros(min(until - self.written, self._size), np.float32))

    def flush(self) -> Iterator[AudioBlock]:
        if self._held:
            samples = np.concatenate(self._parts)
            block = AudioBlock(samples=samples, start=self._start, sample_rate=self._rate)
            self._start += self._held
            self._parts, self._held = [], 0
            yield block
