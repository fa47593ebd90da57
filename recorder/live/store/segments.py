"""Crash-safe pieces of redacted picture and sound, each with the lines that prove it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import av
import av.error
import numpy as np
from pydantic import BaseModel

from recorder.bundle.manifest import MediaKind
from recorder.live.store.journal import SegmentPaths
from recorder.live.store.schema import SegmentEnd, SegmentHeader, SegmentProofs
from recorder.media.encode import STORED_HZ, AudioWriter, VideoWriter
from recorder.media.resample import mono
from recorder.runtime.storage import storage_errors
from recorder.verify.proof import FrameProof, Ledger
from redaction.audio.voice.mix import mute
from redaction.errors import InternalError, OffrecordError
from redaction.model import AudioBlock, Event, EventKind, Examined, RedactedFrame, Span, VideoFrame
from redaction.policy import OutputSection

__all__ = ["TIME_BASE", "AudioSegment", "VideoSegment", "mute_segment"]

TIME_BASE: Final = Fraction(1, 90_000)
LONGEST_STEP_S: Final = 0.2
"""A picture that stands longer is stored again, so that a hole in a stored track always means a loss."""
_MOST_REPEATS: Final = 300


class _Sidecar:
    """The lines of one piece, each handed to the system whole."""

    def __init__(self, path: Path, header: SegmentHeader) -> None:
        with storage_errors():
            self._file: IO[bytes] = path.open("xb", buffering=0)
        self.line(header)

    def line(self, record: BaseModel) -> None:
        with storage_errors():
            self._file.write(record.model_dump_json().encode() + b"\n")

    def close(self) -> None:
        if not self._file.closed:
            with storage_errors(), self._file:
                os.fsync(self._file.fileno())


@dataclass(slots=True)
class _Counts:
    """What is counted of a picture piece, under the names of `VideoCoverage`."""

    frames: int = 0
    detected: int = 0
    bridged: int = 0
    covered_whole: int = 0
    failed_detections: int = 0
    tracklets: int = 0
    minors: int = 0
    in_doubt: int = 0
    share_of_area_covered: float = 0.0

    def frame(self, examined: Examined) -> None:
        self.frames += 1
        self.detected += examined is Examined.DETECTED
        self.bridged += examined is Examined.BRIDGED
        self.covered_whole += examined is Examined.COVERED

    def figures(self) -> dict[str, int | float]:
        return {name: getattr(self, name) for name in self.__slots__}


class VideoSegment:
    """One picture piece of one size. Frames come at call times; in the piece the first stands at 0.

    What proves a frame is handed to the system before the fragment that holds it.

    Args:
        paths: from the journal; neither file exists.
        kind: camera or screen.
        start: call time of the first frame in seconds.
        width, height: of every frame.
        output: how to encode.

    Attributes:
        start, end: call times of the first and the last frame.
        proven: call time up to which frames stay should this process die.

    Raises:
        StorageFailed: the files cannot be written.
    """

    def __init__(
        self,
        paths: SegmentPaths,
        *,
        kind: MediaKind,
        start: float,
        width: int,
        height: int,
        output: OutputSection,
    ) -> None:
        self.paths = paths
        self.start = self.end = self.proven = start
        self.size = (width, height)
        self.bytes = 0
        self._counts = _Counts()
        self._ledger = Ledger()
        self._last: RedactedFrame | None = None
        self._ticks = -1
        self._sidecar = _Sidecar(
            paths.sidecar,
            SegmentHeader(kind=kind, number=paths.number, start=start, width=width, height=height),
        )
        try:
            self._writer = VideoWriter(
                paths.media,
                width=width,
                height=height,
                time_base=TIME_BASE,
                crf=output.crf,
                preset=output.preset,
                threads=1,
                fragmented=True,
            )
        except BaseException:
            self._sidecar.close()
            raise

    def write(self, redacted: RedactedFrame) -> None:
        """Store the next frame; a picture that stood for long before it is stored again meanwhile.

        Raises:
            StorageFailed: the disk refused.
            InternalError: the frame has another size, or the encoder failed.
        """
        time = redacted.frame.time
        last = self._last
        if last is not None:
            for at in _between(self.end, time):
                self._store(last, at)
        self._store(redacted, time)
        self._counts.frame(redacted.examined)
        self._last = redacted

    def add_events(self, events: Sequence[Event], *, failed: int = 0) -> None:
        """Count what the redactor told of the frames up to here."""
        for event in events:
            if event.kind is EventKind.TRACKLET:
                self._counts.tracklets += 1
                self._counts.minors += event.detail.get("reason") == "minor"
                self._counts.in_doubt += event.detail.get("in_doubt") == 1
        self._counts.failed_detections += failed

    def close(self) -> None:
        """Complete the piece; does nothing the second time.

        Raises:
            StorageFailed: the disk refused.
        """
        try:
            self._prove()
            self._writer.close()
            self._counts.share_of_area_covered = round(self._ledger.area_covered, 4)
            if self._last is not None:
                self._sidecar.line(
                    SegmentEnd(
                        end=self.end,
                        counts=self._counts.figures(),
                        highlights=tuple(
                            (item.rank, item.time, item.reason) for item in self._ledger.highlights
                        ),
                    )
                )
        finally:
            self._last = None
            self._sidecar.close()

    def abandon(self) -> None:
        """Let go of the files, which are about to be removed: what fails is of no account."""
        self._last = None
        with suppress(OffrecordError):
            self._writer.close()
        with suppress(OffrecordError):
            self._sidecar.close()

    def _store(self, redacted: RedactedFrame, time: float) -> None:
        frame = redacted.frame
        if (frame.width, frame.height) != self.size:
            raise InternalError("A frame of another size came to a piece.")
        ticks = max(self._ticks + 1, round((time - self.start) / TIME_BASE))
        own = replace(redacted, frame=VideoFrame(frame.y, frame.u, frame.v, ticks, TIME_BASE))
        if self._writer.begins_fragment(own.frame):
            self._prove()
        self._ledger.note(own)
        self._writer.write(own.frame)
        self._ticks = ticks
        self.end = max(self.end, time)

    def _prove(self) -> None:
        proofs = self._ledger.drain()
        if proofs:
            self._sidecar.line(_line(proofs))
            self.proven = self.end


def _line(proofs: Sequence[FrameProof]) -> SegmentProofs:
    return SegmentProofs.model_construct(
        line="proofs",
        times=tuple(round(proof.time, 6) for proof in proofs),
        points=tuple(tuple(map(tuple, proof.points.tolist())) for proof in proofs),
        luma=tuple(tuple(proof.luma.tolist()) for proof in proofs),
        boxes=tuple(tuple(map(tuple, proof.boxes.tolist())) for proof in proofs),
    )


def _between(before: float, after: float) -> Iterator[float]:
    """Yield when a picture that stands from one time to another is stored again."""
    steps = int((after - before) / LONGEST_STEP_S)
    if 0 < steps <= _MOST_REPEATS:
        step = (after - before) / (steps + 1)
        yield from (before + number * step for number in range(1, steps + 1))


class AudioSegment:
    """One piece of redacted sound; its sample 0 stands at `start`. Holes become exact silence.

    Args:
        paths: from the journal; neither file exists.
        start: call time in seconds.
        sample_rate: of what is written, in hertz.

    Raises:
        StorageFailed: the files cannot be written.
    """

    def __init__(self, paths: SegmentPaths, *, start: float, sample_rate: int) -> None:
        self.paths = paths
        self.start = self.end = start
        self._rate = sample_rate
        self._first = round(start * sample_rate)
        self._written = 0
        self._loud = 0
        self._closed = False
        self._sidecar = _Sidecar(
            paths.sidecar,
            SegmentHeader(kind="microphone", number=paths.number, start=start, sample_rate=STORED_HZ),
        )
        try:
            self._writer = AudioWriter(paths.media, sample_rate=sample_rate, fragmented=True)
        except BaseException:
            self._sidecar.close()
            raise

    def write(self, block: AudioBlock) -> None:
        """Store a block at its place on the call clock; it comes after all before it.

        Raises:
            StorageFailed: the disk refused.
            InternalError: the block overlaps what is stored, or the encoder failed.
        """
        start = block.start - self._first
        self._writer.write(AudioBlock(block.samples, start, block.sample_rate))
        self._written = start + len(block.samples)
        self._loud += int((np.abs(block.samples) > 1e-4).sum())
        self.end = self.start + self._written / self._rate

    def close(self) -> None:
        """Complete the piece; does nothing the second time.

        Raises:
            StorageFailed: the disk refused.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._writer.close()
            seconds = self._written / self._rate
            counts = {
                "seconds": round(seconds, 3),
                "silenced": round(max(0.0, seconds - self._loud / self._rate), 3),
            }
            self._sidecar.line(SegmentEnd(end=self.end, counts=counts))
        finally:
            self._sidecar.close()

    def abandon(self) -> None:
        """Let go of the files, which are about to be removed: what fails is of no account."""
        self._closed = True
        with suppress(OffrecordError):
            self._writer.close()
        with suppress(OffrecordError):
            self._sidecar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def mute_segment(path: Path, spans: Sequence[Span]) -> None:
    """Make stretches of a stored piece of sound exactly silent; a crash leaves the old file or the new one.

    Args:
        path: a closed piece.
        spans: in the piece's own time, seconds.

    Raises:
        StorageFailed: the disk refused.
        InternalError: the piece cannot be read back.
    """
    fresh = path.with_name(path.name + ".new")
    ordered = sorted(spans)
    with storage_errors():
        fresh.unlink(missing_ok=True)
    writer = AudioWriter(fresh, sample_rate=STORED_HZ, fragmented=True)
    try:
        for block in _stored(path):
            mute(block, ordered)
            writer.write(block)
    finally:
        writer.close()
    with storage_errors():
        fresh.replace(path)
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _stored(path: Path) -> Iterator[AudioBlock]:
    at = 0
    try:
        with av.open(f"file:{path}", mode="r", format="mp4") as container:
            for frame in container.decode(audio=0):
                samples = mono(frame).copy()
                yield AudioBlock(samples, at, STORED_HZ)
                at += len(samples)
    except (av.error.FFmpegError, ValueError, IndexError):
        raise InternalError("A stored piece of sound cannot be read back.") from None
