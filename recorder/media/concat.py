"""Join stored pictures into one track on the call clock; in between it is black."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av.error
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from recorder.media.encode import VideoWriter, bring_to_disk, create_mp4, media_errors, reopen
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from redaction.errors import InternalError, UnreadableInput
from redaction.model import Span, VideoFrame
from redaction.policy import OutputSection

__all__ = ["Part", "concat_video", "cut_video"]

TICKS: Final = Fraction(1, 90_000)
_BLACK_EVERY_S: Final = 1.0
_SHORTEST_HOLE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """A stored picture on the call clock.

    Attributes:
        start: call time of its first frame in seconds.
        end: call time until which its last frame is shown.
    """

    path: Path
    start: float
    end: float
    width: int
    height: int

    @property
    def span(self) -> Span:
        """When it is shown."""
        return Span(self.start, self.end)


def concat_video(
    parts: Sequence[Part],
    out: Path,
    *,
    duration: float,
    output: OutputSection,
    run: Run,
) -> tuple[int, int]:
    """Write one track from 0 to `duration`, in order of time, black where there is no part.

    Parts of one size are joined as they are encoded; others are encoded anew, each as large as fits into the largest.

    Returns:
        Width and height in pixels.

    Raises:
        StorageFailed: the file cannot be written.
        InternalError: a part cannot be read back.
    """
    ordered = sorted(parts, key=lambda part: part.start)
    if not ordered:
        raise InternalError("There is no picture to join.")
    width = max(part.width for part in ordered)
    height = max(part.height for part in ordered)
    black = out.with_name(out.name + ".black.mp4")
    try:
        if all((part.width, part.height) == (width, height) for part in ordered):
            _write_black(black, width=width, height=height, output=output)
            if _alike([black, *(part.path for part in ordered)]):
                _remux(ordered, black, out, duration=duration, run=run)
                return width, height
        _encode(
            ordered,
            out,
            size=(width, height),
            duration=duration,
            output=output,
            run=run,
        )
    finally:
        with storage_errors():
            black.unlink(missing_ok=True)
    return width, height


def cut_video(
    path: Path, out: Path, *, begin: float, end: float, size: tuple[int, int], output: OutputSection, run: Run
) -> None:
    """Write the stretch of a stored track from one call time to another, as it is encoded where that can be.

    Args:
        path: of the track; before `begin` nothing of it is stored, it is black.
        out: where to.
        begin: call time in seconds that becomes 0.
        end: where it ends.
        size: width and height in pixels.
        output: how to encode what cannot be taken over.
        run: ends it.

    Raises:
        StorageFailed: the file cannot be written.
        InternalError: the track cannot be read back.
    """
    if not _alike([path]):
        part = Part(path, 0.0, end, *size)
        _encode([part], out, size=size, duration=end - begin, output=output, run=run, skip=begin)
        return
    with media_errors(), reopen(path) as source:
        container = create_mp4(out)
        try:
            stream = container.add_stream_from_template(source.streams[0], opaque=True)
            stream.time_base = TICKS
            _Packets(container, stream, path).cut(source, _ticks(begin), _ticks(end), run)
        finally:
            container.close()
    bring_to_disk(out)


def _write_black(path: Path, *, width: int, height: int, output: OutputSection) -> None:
    with VideoWriter(
        path,
        width=width,
        height=height,
        time_base=TICKS,
        crf=output.crf,
        preset=output.preset,
        threads=1,
        fragmented=True,
    ) as writer:
        writer.write(_black_frame(width, height, 0))


def _black_frame(width: int, height: int, pts: int) -> VideoFrame:
    from recorder.media.planes import blank  # cv2, which a remux needs not

    y, u, v = blank(width, height)
    return VideoFrame(y, u, v, pts, TICKS)


def _alike(paths: Sequence[Path]) -> bool:
    """Tell whether one description of the codec serves all, and no frame waits for a later one."""
    known: set[bytes | None] = set()
    with media_errors():
        for path in paths:
            with reopen(path) as container:
                stream = container.streams[0]
                if not isinstance(stream, VideoStream) or stream.codec_context.has_b_frames:
                    return False
                known.add(stream.codec_context.extradata)
    return len(known) == 1


def _remux(parts: Sequence[Part], black: Path, out: Path, *, duration: float, run: Run) -> None:
    end = _ticks(duration)
    with media_errors(), reopen(black) as filler:
        container = create_mp4(out)
        try:
            stream = container.add_stream_from_template(filler.streams[0], opaque=True)
            stream.time_base = TICKS
            writer = _Packets(container, stream, black)
            for number, part in enumerate(parts):
                run.check()
                start = max(_ticks(part.start), writer.at)
                writer.fill(start)
                until = _ticks(parts[number + 1].start) if number + 1 < len(parts) else end
                writer.copy(part.path, start, min(until, max(start + 1, _ticks(part.end)), end))
            writer.fill(end, last=True)
            writer.finish(end)
        finally:
            container.close()
    bring_to_disk(out)


class _Packets:
    """Writes packets at call times, each lasting until the next.

    Attributes:
        at: time, in ticks, up to which something is shown.
    """

    def __init__(self, container: OutputContainer, stream: Stream, black: Path) -> None:
        self._container = container
        self._stream = stream
        self._black = black
        self._held: Packet[Stream] | None = None
        self.at = 0

    def fill(self, until: int, *, last: bool = False) -> None:
        """Show black up to a time; a hole too short to be seen stays with the frame before it."""
        begun = self._held is not None
        if until <= self.at or (begun and not last and until - self.at < _ticks(_SHORTEST_HOLE_S)):
            return
        if begun and last and until - self.at < _ticks(_SHORTEST_HOLE_S):
            return
        for pts in range(self.at, until, _ticks(_BLACK_EVERY_S)):
            with reopen(self._black) as container:
                packet = next(item for item in container.demux(container.streams[0]) if item.size)
                self._write(packet, pts)
        self.at = until

    def copy(self, path: Path, start: int, until: int) -> None:
        """Show a part from a time until another."""
        with reopen(path) as container:
            source = container.streams[0]
            for packet in container.demux(source):
                if not packet.size or packet.pts is None:
                    continue
                pts = start + round(packet.pts * packet.time_base / TICKS)
                if pts >= until:
                    break
                self._write(packet, pts)
        self.at = until

    def cut(self, source: InputContainer, begin: int, end: int, run: Run) -> None:
        """Take over what a track shows from one time to another, and at its beginning the black before it."""
        black: list[Packet[Stream]] = []
        for packet in source.demux(source.streams[0]):
            run.check()
            if not packet.size or packet.pts is None:
                continue
            pts = round(packet.pts * packet.time_base / TICKS)
            if pts >= end:
                break
            if pts < begin:
                black = [packet] if packet.is_keyframe else [*black, packet]
                continue
            if black and not (packet.is_keyframe and pts == begin):
                for number, earlier in enumerate(black):
                    self._write(earlier, number)
            black = []
            self._write(packet, max(pts - begin, self._next))
        for number, earlier in enumerate(black):
            self._write(earlier, number)
        self.finish(end - begin)

    @property
    def _next(self) -> int:
        return 0 if self._held is None or self._held.pts is None else self._held.pts + 1

    def finish(self, end: int) -> None:
        """Write what is held back, lasting to the end."""
        held, self._held = self._held, None
        if held is not None and held.pts is not None:
            held.duration = max(1, end - held.pts)
            self._container.mux_one(held)

    def _write(self, packet: Packet[Stream], pts: int) -> None:
        held = self._held
        if held is not None and held.pts is not None:
            if pts <= held.pts:
                raise InternalError("A stored picture is out of order.")
            held.duration = pts - held.pts
            self._container.mux_one(held)
        packet.stream = self._stream
        packet.time_base = TICKS
        packet.pts = packet.dts = pts
        self._held = packet


def _encode(
    parts: Sequence[Part],
    out: Path,
    *,
    size: tuple[int, int],
    duration: float,
    output: OutputSection,
    run: Run,
    skip: float = 0.0,
) -> None:
    from recorder.media.planes import placed  # cv2, which a remux needs not

    width, height = size
    with VideoWriter(
        out, width=width, height=height, time_base=TICKS, crf=output.crf, preset=output.preset
    ) as writer:
        at, end = 0, _ticks(duration)

        def fill(until: int) -> None:
            for pts in range(at, until, _ticks(_BLACK_EVERY_S)):
                writer.write(_black_frame(width, height, pts))

        for number, part in enumerate(parts):
            start = max(_ticks(part.start), at)
            if not number or start - at >= _ticks(_SHORTEST_HOLE_S):
                fill(start)
            until = _ticks(parts[number + 1].start) if number + 1 < len(parts) else end
            until = min(until, max(start + 1, _ticks(part.end)), end)
            for frame in _frames(part.path, start, skip=_ticks(skip)):
                run.check()
                if frame.pts >= until:
                    break
                writer.write(placed(frame, width=width, height=height))
            at = max(at, until)
        fill(end)


def _frames(path: Path, start: int, *, skip: int = 0) -> Iterator[VideoFrame]:
    from recorder.media.planes import planes

    black: VideoFrame | None = None
    try:
        with reopen(path) as container:
            for picture in container.decode(video=0):
                if picture.pts is None or picture.time_base is None:
                    continue
                y, u, v = planes(picture)
                pts = round(picture.pts * picture.time_base / TICKS) - skip
                if pts < 0:
                    black = VideoFrame(y.copy(), u.copy(), v.copy(), start, TICKS)
                    continue
                if black is not None and pts:
                    yield black
                black = None
                yield VideoFrame(y, u, v, start + pts, TICKS)
    except (av.error.FFmpegError, UnreadableInput, IndexError):
        raise InternalError("A stored picture cannot be read back.") from None


def _ticks(seconds: float) -> int:
    return round(seconds / TICKS)
