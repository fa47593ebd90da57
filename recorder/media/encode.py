"""Write redacted pictures and sound: constant-quality H.264, AAC, and MP4 that say nothing but the media."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import av.error
import av.logging
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame as AvVideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from recorder.media.resample import Resampler
from recorder.media.source import TrackInfo
from redaction.errors import InternalError, StorageFailed
from redaction.model import AudioBlock, VideoFrame
from redaction.policy import OutputSection

__all__ = [
    "LAST_FRAME_S",
    "STORED_HZ",
    "AudioWriter",
    "VideoWriter",
    "bring_to_disk",
    "create_mp4",
    "media_errors",
    "mux",
    "reopen",
]

STORED_HZ: Final = 48_000
LAST_FRAME_S: Final = Fraction(1, 30)
"""For so long the encoder lets the last frame of a file stand."""
_AUDIO_BIT_RATE: Final = 64_000
_KEY_EVERY_S: Final = 2
_FINEST: Final = Fraction(1, 90_000)
_AAC_FRAME: Final = 1024
# empty_hdlr_name leaves out the handler names, bitexact the version of the library.
_QUIET_MP4: Final = {"movflags": "+faststart", "empty_hdlr_name": "1", "fflags": "+bitexact"}
# Each fragment is whole in the file as soon as the next one begins; delay_moov keeps the edit list of the lead-in.
_FRAGMENTED_MP4: Final = _QUIET_MP4 | {
    "movflags": "+frag_keyframe+delay_moov+default_base_moof",
    "flush_packets": "1",
}
_SOUND_FRAGMENT_US: Final = 1_000_000
# Unit type 6 is supplemental information, where x264 prints its version and settings (ITU-T H.264, table 7-1).
_NO_SEI: Final = "filter_units=remove_types=6"
_MPEG_RANGE, _BT709, _BT601 = 1, 1, 6


_LARGE_PX: Final = 2560 * 1600
"""Pixels of a frame from which memory matters more than a few percent of the file's size."""


class VideoWriter:
    """Encodes redacted frames into an MP4 file without sound, each at its true time.

    A width or height that is odd is padded to even by repeating the last column or row, since 4:2:0 H.264 knows only
    even sizes.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        time_base: Fraction,
        crf: int = 23,
        preset: str = "veryfast",
        threads: int = 2,
        bt709: bool | None = None,
        fragmented: bool = False,
    ) -> None:
        """Open the file for writing.

        Args:
            path: the file to write; the caller deletes it if anything fails.
            width: luma width in pixels of every frame.
            height: luma height in pixels of every frame.
            time_base: seconds per pts unit of the file; a unit shorter than 1/90,000 s is rounded to that.
            crf: x264's constant rate factor.
            preset: x264's preset.
            threads: of the encoder.
            bt709: as in `TrackInfo`, written so that players show true colours; None leaves it open.
            fragmented: what was written stays playable when the process dies; each key frame begins a fragment, and
                frames come out of the encoder at once.

        Raises:
            StorageFailed: the file cannot be written.
        """
        self._path = path
        self._size = (width, height)
        self._padded = (width + width % 2, height + height % 2)
        self._time_base = time_base if time_base >= _FINEST else _FINEST
        self._key_every = int(_KEY_EVERY_S / self._time_base)
        self._next_key: int | None = None
        self._last: int | None = None
        self._container: OutputContainer | None = None
        with media_errors():
            self._container = create_mp4(path, _FRAGMENTED_MP4 if fragmented else _QUIET_MP4)
            stream = self._container.add_stream("libx264", rate=1 / LAST_FRAME_S)
            stream.width, stream.height = self._padded
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.time_base = self._time_base
            stream.time_base = self._time_base
            context.thread_count = max(1, threads)
            context.thread_type = "FRAME"
            context.flags |= Flags.bitexact
            context.color_range = _MPEG_RANGE
            if bt709 is not None:
                context.colorspace = _BT709 if bt709 else _BT601
            context.gop_size = 600
            # Frames that wait for later ones have their decoding times long before they are shown, and the file says
            # that it ends there, when the last picture comes after a standstill.
            context.options = {"crf": str(crf), "preset": preset, "forced-idr": "1", "bf": "0"}
            if width * height > _LARGE_PX:  # the encoder's own look-ahead would hold some forty frames
                context.options |= {"x264-params": "rc-lookahead=2:sync-lookahead=0"}
                context.thread_count = 1
            if fragmented:  # key frames come when they are asked for and at no other time
                context.options |= {"tune": "zerolatency", "x264-params": "scenecut=0:sliced-threads=0"}
            self._stream: VideoStream = stream
            self._container.start_encoding()
            self._filter = BitStreamFilterContext(_NO_SEI, in_stream=stream)

    def begins_fragment(self, frame: VideoFrame) -> bool:
        """Tell whether writing this frame next completes the fragment of those before it."""
        return self._next_key is None or round(self._pts(frame)) >= self._next_key

    @classmethod
    def of_track(cls, path: Path, track: TrackInfo, output: OutputSection) -> Self:
        """Open a file for the redacted frames of a track, encoded as the policy says.

        Raises:
            StorageFailed: the file cannot be written.
        """
        return cls(
            path,
            width=track.width,
            height=track.height,
            time_base=track.time_base,
            crf=output.crf,
            preset=output.preset,
            bt709=track.bt709,
        )

    def write(self, frame: VideoFrame) -> None:
        """Encode one frame; its pts must be above the one before.

        Raises:
            StorageFailed: the file cannot be written.
            InternalError: the frame has another size or does not follow in time, or the encoder failed.
        """
        container = self._open()
        if (frame.width, frame.height) != self._size:
            raise InternalError("A frame of another size came to the encoder.")
        exact = self._pts(frame)
        pts = round(exact)
        if self._last is not None and pts <= self._last:
            pts = self._last + 1 if exact > self._last - 1 else -1
        if pts < 0:
            raise InternalError("A frame came to the encoder out of order.")
        self._last = pts
        with media_errors():
            self._mux(container, self._stream.encode(self._picture(frame, pts)))

    def close(self) -> None:
        """Finish the file and bring it to the disk; does nothing the second time.

        Raises:
            StorageFailed: the file cannot be written.
        """
        container, self._container = self._container, None
        if container is None:
            return
        with media_errors():
            if self._last is not None:
                self._mux(container, self._stream.encode(None))
            container.close()
        bring_to_disk(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> OutputContainer:
        if self._container is None:
            raise InternalError("A closed encoder was written to.")
        return self._container

    def _pts(self, frame: VideoFrame) -> Fraction:
        """Return a frame's time in units of the file, whatever unit the frame counts in."""
        return frame.pts * frame.time_base / self._time_base

    def _picture(self, frame: VideoFrame, pts: int) -> AvVideoFrame:
        picture = AvVideoFrame(*self._padded, "yuv420p")
        for index, plane in enumerate((frame.y, frame.u, frame.v)):
            _copy(plane, picture, index)
        picture.pts = pts
        picture.time_base = self._time_base
        picture.color_range = _MPEG_RANGE
        if self._next_key is None or pts >= self._next_key:
            picture.pict_type = 1
            self._next_key = pts + self._key_every
        return picture

    def _mux(self, container: OutputContainer, encoded: list[Packet[Stream]]) -> None:
        for packet in encoded:
            for bare in self._filter.filter(packet):
                bare.stream = self._stream
                bare.time_base = self._time_base
                container.mux_one(bare)


class AudioWriter:
    """Encodes mono sound into an MP4 file without picture, AAC at 48 kHz, sample 0 at time 0.

    The encoder's lead-in of 1,024 samples stands in an edit list, so that players and decoders cut it off.
    """

    def __init__(self, path: Path, *, sample_rate: int, fragmented: bool = False) -> None:
        """Open the file for writing.

        Args:
            path: the file to write; the caller deletes it if anything fails.
            sample_rate: of the blocks to come, in hertz.
            fragmented: what was written stays playable when the process dies; a fragment lasts a second.

        Raises:
            StorageFailed: the file cannot be written.
        """
        self._path = path
        self._rate = sample_rate
        self._expected = 0
        self._resampler = Resampler(sample_rate, STORED_HZ)
        self._held: NDArray[np.float32] = np.zeros(0, np.float32)
        self._encoded = 0
        self._container: OutputContainer | None = None
        with media_errors():
            options = (
                _FRAGMENTED_MP4 | {"frag_duration": str(_SOUND_FRAGMENT_US)} if fragmented else _QUIET_MP4
            )
            self._container = create_mp4(path, options)
            stream = self._container.add_stream("aac", rate=STORED_HZ)
            stream.layout = "mono"
            stream.format = "fltp"
            stream.codec_context.bit_rate = _AUDIO_BIT_RATE
            stream.codec_context.flags |= Flags.bitexact
            stream.time_base = Fraction(1, STORED_HZ)
            self._stream: AudioStream = stream

    def write(self, block: AudioBlock) -> None:
        """Encode one block; a hole before it becomes silence.

        Raises:
            StorageFailed: the file cannot be written.
            InternalError: the block has another rate or overlaps the one before, or the encoder failed.
        """
        if self._container is None:
            raise InternalError("A closed encoder was written to.")
        if block.sample_rate != self._rate or block.start < self._expected:
            raise InternalError("A block of another rate or out of order came to the encoder.")
        while self._expected < block.start:
            count = min(block.start - self._expected, self._rate)
            self._expected += count
            self._encode(self._resampler.push(np.zeros(count, np.float32)))
        self._expected += len(block.samples)
        self._encode(self._resampler.push(np.clip(np.nan_to_num(block.samples), -1.0, 1.0)))

    def close(self) -> None:
        """Finish the file and bring it to the disk; does nothing the second time.

        Raises:
            StorageFailed: the file cannot be written.
        """
        container = self._container
        if container is None:
            return
        self._encode(self._resampler.finish(), last=True)
        self._container = None
        with media_errors():
            if self._encoded:
                container.mux(self._stream.encode(None))
            container.close()
        bring_to_disk(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _encode(self, samples: NDArray[np.float32], *, last: bool = False) -> None:
        if self._container is None:
            return
        held = np.concatenate((self._held, samples)) if len(self._held) else samples
        whole = len(held) if last else len(held) // _AAC_FRAME * _AAC_FRAME
        self._held = held[whole:].copy()
        with media_errors():
            for start in range(0, whole, _AAC_FRAME):
                part = held[start : min(start + _AAC_FRAME, whole)]
                frame = AudioFrame.from_ndarray(
                    np.ascontiguousarray(part).reshape(1, -1), format="fltp", layout="mono"
                )
                frame.sample_rate = STORED_HZ
                frame.pts = self._encoded
                frame.time_base = Fraction(1, STORED_HZ)
                self._encoded += len(part)
                self._container.mux(self._stream.encode(frame))


def mux(*, video: Path | None, audio: Path | None, out: Path) -> None:
    """Put encoded picture and sound into one fast-start MP4 file without touching either, and fsync it.

    Either may come out of a file that holds both.

    Raises:
        StorageFailed: the file cannot be written.
        InternalError: a part cannot be read back.
    """
    parts = [(path, kind) for path, kind in ((video, "video"), (audio, "audio")) if path is not None]
    if not parts:
        raise InternalError("There is neither picture nor sound to store.")
    with media_errors(), ExitStack() as stack:
        inputs = [_only(stack.enter_context(reopen(path)), kind) for path, kind in parts]
        container = create_mp4(out)
        stack.callback(container.close)
        streams = [container.add_stream_from_template(source, opaque=True) for _, source in inputs]
        for packet, stream in _interleaved(inputs, streams):
            packet.stream = stream
            container.mux_one(packet)
    bring_to_disk(out)


def _only(container: InputContainer, kind: str) -> tuple[InputContainer, VideoStream | AudioStream]:
    """Return a container with its one stream of a kind; it may hold one of the other kind."""
    streams: Sequence[VideoStream | AudioStream] = (
        container.streams.video if kind == "video" else container.streams.audio
    )
    if not streams:
        raise InternalError("A stored file lacks what it should hold.")
    return container, streams[0]


def _interleaved(
    inputs: Sequence[tuple[InputContainer, VideoStream | AudioStream]], streams: Sequence[Stream]
) -> Iterator[tuple[Packet[Stream], Stream]]:
    """Yield every packet of all inputs in order of decoding time."""
    readers = [
        iter(packet for packet in container.demux(stream) if packet.size) for container, stream in inputs
    ]
    heads = [next(reader, None) for reader in readers]
    while any(head is not None for head in heads):
        number = min(
            (n for n, head in enumerate(heads) if head is not None), key=lambda n: _decoding_time(heads[n])
        )
        head = heads[number]
        if head is not None:
            yield head, streams[number]
        heads[number] = next(readers[number], None)


def _decoding_time(packet: Packet[Stream] | None) -> Fraction:
    stamp = None if packet is None else packet.dts
    return Fraction(0) if packet is None or stamp is None else stamp * packet.time_base


def _copy(plane: NDArray[np.uint8], picture: AvVideoFrame, index: int) -> None:
    """Copy one plane into a picture's own, repeating the last column and row where that one is larger."""
    target_plane = picture.planes[index]
    stride = target_plane.line_size
    target = np.frombuffer(memoryview(target_plane), np.uint8).reshape(-1, stride)
    height, width = plane.shape
    target[:height, :width] = plane
    if target_plane.width > width:
        target[:height, width] = plane[:, -1]
    if target_plane.height > height:
        target[height, : target_plane.width] = target[height - 1, : target_plane.width]


def create_mp4(path: Path, options: Mapping[str, str] = _QUIET_MP4) -> OutputContainer:
    """Open an MP4 file for writing that will say nothing but its media."""
    av.logging.set_level(None)
    return av.open(f"file:{path}", mode="w", format="mp4", container_options=dict(options))


@contextmanager
def reopen(path: Path) -> Iterator[InputContainer]:
    """Open an MP4 file that this program wrote."""
    with av.open(f"file:{path}", mode="r", format="mp4", metadata_errors="replace") as container:
        yield container


def bring_to_disk(path: Path) -> None:
    """Flush a written file.

    Raises:
        StorageFailed: the disk refused.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        raise StorageFailed("A media file could not be brought to the disk.") from None


@contextmanager
def media_errors() -> Iterator[None]:
    """Turn libav's errors, which carry paths, into sentences that do not."""
    try:
        yield
    except OSError:
        raise StorageFailed("A media file could not be written: the disk is full or not writable.") from None
    except (av.error.FFmpegError, ValueError):
        raise InternalError("The encoder failed.") from None
