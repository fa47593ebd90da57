"""Decode one picture track: exact times, upright frames, and damage that shows as covered time."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from typing import Final

import av.error
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame as AvVideoFrame
from av.video.stream import VideoStream

from recorder.media.containers.flv import lost_in_flv
from recorder.media.containers.fragmented import lost_in_fragments
from recorder.media.containers.lost_bytes import LostBytes
from recorder.media.containers.matroska import lost_in_matroska
from recorder.media.deinterlace import Deinterlacer
from recorder.media.encode import LAST_FRAME_S
from recorder.media.opening import MAX_PIXELS_PER_S, open_media
from recorder.media.orient import Upright
from recorder.media.packets import packets, prepare_packets
from recorder.media.planes import black
from recorder.media.probe import Probe, Track, cut_off_at
from recorder.media.stream import Input
from redaction.errors import InternalError, UnreadableInput
from redaction.model import Gap, Span, VideoFrame

__all__ = ["read_video"]

# After damage, pictures are built on wrong ones until the next key frame. Streams of calls may go without one for
# minutes while they heal by intra blocks, so the cover ends after this long without a new sign of damage.
_HEALED_AFTER_S: Final = 10
_MOST_FILLERS: Final = 600
_MOST_WAITING: Final = 256
_LONGEST_TAIL_S: Final = 600
_TAIL_TOLERANCE_S: Final = 1
_FLOOD_SLACK_S: Final = 2.0
_LONG_S: Final = Fraction(1, 10)  # a last picture that stands no longer is given once
_NEVER: Final = 2**62


def read_video(
    untrusted: Input, probe: Probe, track: Track, *, threads: int, own: bool = False
) -> Iterator[VideoFrame | Gap]:
    """Yield the track's frames and gaps, reading the file in a container of its own.

    Args:
        untrusted: the file.
        probe: what is known of it.
        track: one of its picture tracks.
        threads: of the decoder.
        own: this program wrote it, with every frame that is to be shown.

    Raises:
        UnreadableInput: the file can no longer be opened, or has more pixels a second than any recording.
        StorageFailed: its store failed on the way.
    """
    with open_media(untrusted) as medium:
        streams = medium.container.streams
        stream = streams[track.index] if track.index < len(streams) else None
        if not isinstance(stream, VideoStream):
            raise UnreadableInput("The input changed while it was read.")
        prepare_packets(stream, threads=threads)
        lost = () if own else _lost(untrusted, medium.container.format.name)
        reader = _Reader(untrusted, probe, track, own=own, lost=lost)
        for packet in packets(medium.container, stream):
            yield from reader.read(stream, packet)
        medium.check()
        yield from reader.finish()


@dataclass(slots=True)
class _Damage:
    """What is known of damage around the place that is read.

    Attributes:
        pending: something failed since the last frame came out.
        last_raw: highest raw pts that a sign of damage bore; a key frame after it is sound.
        heals_at: in ticks, when the cover ends without a key frame; None when nothing is covered.
        since: in ticks, where the covered stretch began; None when there is none.
    """

    pending: bool = False
    last_raw: int = -(2**62)
    heals_at: int | None = None
    since: int | None = None


def _lost(untrusted: Input, container: str) -> Sequence[LostBytes]:
    """Return what was lost in containers that are read past damage without a word."""
    if "matroska" in container:
        return lost_in_matroska(untrusted)
    if "mp4" in container:
        return lost_in_fragments(untrusted)
    return lost_in_flv(untrusted) if container == "flv" else ()


class _LostTicks:
    """What the container lost, in a track's raw ticks."""

    def __init__(self, lost: Sequence[LostBytes], time_base: Fraction) -> None:
        self._starts = [floor(one.start / time_base) for one in lost]
        self._ends = [_NEVER if one.end is None else ceil(one.end / time_base) for one in lost]

    @property
    def end(self) -> int | None:
        """Where the last of it ends, None where that is not known."""
        known = [end for end in self._ends if end < _NEVER]
        return max(known, default=None)

    def holds(self, raw: int) -> bool:
        """Tell whether something at a time cannot be trusted."""
        at = bisect_right(self._starts, raw)
        return any(raw < end for end in self._ends[max(0, at - 2) : at])

    def between(self, before: int | None, raw: int | None) -> int | None:
        """Return from when on something was lost after one picture and before the next, or the end; None if nothing."""
        after = -(2**62) if before is None else before
        until = _NEVER if raw is None else raw
        for start, end in zip(self._starts, self._ends, strict=True):
            if end > after and start < until:
                return start
        return None


class _Reader:
    def __init__(
        self, untrusted: Input, probe: Probe, track: Track, *, own: bool, lost: Sequence[LostBytes]
    ) -> None:
        if track.geometry is None:
            raise InternalError("A sound track was read as a picture.")
        self._untrusted = untrusted
        self._probe = probe
        self._track = track
        self._clock = probe.clock(track)
        self._upright = Upright(track.geometry)
        self._black = black(track.info.width, track.info.height)
        self._deinterlacer = Deinterlacer()
        self._deinterlacing = False
        self._held: deque[int] = deque()
        self._damage = _Damage()
        self._waiting: set[int] = set()
        self._end = max(0, round((track.start - probe.zero) / self._clock.time_base))
        self._last: int | None = None
        self._shown: VideoFrame | None = None
        self._holds = not own
        self._stands_until = 0
        self._lost = _LostTicks(lost, track.raw_time_base)
        self._raw: int | None = None
        self._pixels = 0

    def read(self, stream: VideoStream, packet: Packet[Stream] | None) -> Iterator[VideoFrame | Gap]:
        if packet is None:
            self._damage.pending = True
            return
        raw = packet.pts
        if packet.size and raw is not None and not packet.is_discard:
            self._waiting.add(raw)
            if len(self._waiting) > _MOST_WAITING:
                self._waiting.remove(min(self._waiting))
        if packet.is_corrupt or (raw is not None and self._lost.holds(raw)):
            self._mark(raw)
        try:
            pictures = stream.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            self._mark(raw)
            return
        for picture in pictures:
            yield from self._take(picture)

    def finish(self) -> Iterator[VideoFrame | Gap]:
        yield from self._drain()
        yield from self._hold()
        clock = self._clock
        end = self._end
        if self._waiting and self._damage.pending:
            end = max(end, clock.ticks(max(self._waiting)) + clock.step)
        seen = self._end * clock.time_base
        declared = seen if clock.leaps else cut_off_at(self._untrusted, self._probe, self._track, end=seen)
        if declared - seen > _TAIL_TOLERANCE_S:
            end = max(end, int(declared / clock.time_base))
        if not clock.leaps and (since := self._lost.between(self._raw, None)) is not None:
            self._end = max(self._end, clock.ticks(since))
            end = max(end, int(Fraction(self._probe.info.duration) / clock.time_base))
            end = max(end, clock.ticks(self._lost.end or since))
        end = min(end, self._end + int(_LONGEST_TAIL_S / clock.time_base))
        if end > self._end:
            yield from self._fill(end)
        yield from self._close_gap()

    def _hold(self) -> Iterator[VideoFrame]:
        """Give the last picture once more just before it ends, if it stood for long: what is stored lasts as long."""
        shown, time_base, end = self._shown, self._clock.time_base, self._stands_until
        if not self._holds or shown is None or self._last != shown.pts:
            return
        if (end - shown.pts) * time_base <= _LONG_S:
            return
        self._last = end - round(LAST_FRAME_S / time_base)
        yield replace(shown, pts=self._last)

    def _mark(self, raw: int | None) -> None:
        self._damage.pending = True
        if raw is not None:
            self._damage.last_raw = max(self._damage.last_raw, raw)

    def _refuse_flood(self, pts: int) -> None:
        """Hold the pixels so far against the time that they fill.

        Raises:
            UnreadableInput: there are more than any recording has, so they would take hours and tell nothing.
        """
        self._pixels += self._track.info.width * self._track.info.height
        if self._pixels > MAX_PIXELS_PER_S * (float(pts * self._clock.time_base) + _FLOOD_SLACK_S):
            raise UnreadableInput(
                "The input holds more pixels a second than 8K at 30 pictures a second has, which is not supported; "
                "convert it to fewer or smaller pictures first."
            )

    def _take(self, picture: AvVideoFrame) -> Iterator[VideoFrame | Gap]:
        raw = picture.pts
        leaps = self._clock.leaps
        pts = self._clock.place(raw, duration=self._clock.scaled(picture.duration or 0))
        self._refuse_flood(pts)
        leapt = self._clock.leaps > leaps
        lost = self._lost_before(raw, leapt=leapt) or picture.is_corrupt
        if not leapt and raw is not None and (since := self._lost.between(self._raw, raw)) is not None:
            lost = True
            self._end = max(self._end, min(pts, self._clock.ticks(since)))
        self._raw = raw if raw is not None else self._raw
        yield from self._bridge(pts, lost=lost)
        covered = self._covered(picture, pts)
        self._last = pts
        lasts = self._clock.scaled(picture.duration or 0)
        known = lasts if lasts < 60 / self._clock.time_base else 0
        self._end = pts + max(self._clock.step, known)
        self._stands_until = pts + (known or self._clock.step)
        if covered:
            yield from self._drain()
            yield self._filler(pts)
            return
        if self._damage.since is not None:
            yield from self._drain()
            yield from self._close_gap(at=pts)
        yield from self._show(picture, pts)

    def _bridge(self, pts: int, *, lost: bool) -> Generator[VideoFrame, None, bool]:
        """Fill the time before a frame if something was lost there, and tell whether it was.

        A picture stands until the next one comes, however long that is: a screen at rest sends none, and many
        containers store no lengths. Only what the container or the decoder says was lost is a hole.
        """
        hole = pts - self._end
        if hole <= self._clock.step // 2:
            return False
        if not self._damage.pending and not lost:
            return False
        yield from self._drain()
        yield from self._fill(pts)
        self._mark(None)
        return True

    def _lost_before(self, raw: int | None, *, leapt: bool) -> bool:
        if leapt:
            self._waiting.clear()
        if raw is None or not self._waiting:
            return False
        past = {stamp for stamp in self._waiting if stamp <= raw}
        self._waiting -= past
        return bool(past - {raw})

    def _covered(self, picture: AvVideoFrame, pts: int) -> bool:
        damage = self._damage
        raw = picture.pts
        if picture.is_corrupt:
            self._mark(raw)
        if damage.pending:
            damage.pending = False
            damage.heals_at = pts + int(_HEALED_AFTER_S / self._clock.time_base)
        if damage.heals_at is None:
            return False
        sound_key = picture.key_frame and not picture.is_corrupt and (raw is None or raw > damage.last_raw)
        if sound_key or pts >= damage.heals_at:
            damage.heals_at = None
            return False
        return True

    def _fill(self, until: int) -> Iterator[VideoFrame]:
        """Cover from the end of what was seen, at the nominal rate or, over a long stretch, more slowly."""
        if self._damage.since is None:
            self._damage.since = self._end
        step = max(self._clock.step, (until - self._end) // _MOST_FILLERS)
        first = self._end if self._last is None else max(self._end, self._last + 1)
        for pts in range(first, until, step):
            yield self._filler(pts)
            self._last = pts
        self._end = until

    def _filler(self, pts: int) -> VideoFrame:
        if self._damage.since is None:
            self._damage.since = pts
        y, u, v = self._black
        return VideoFrame(y, u, v, pts=pts, time_base=self._clock.time_base, whole_cover=True)

    def _close_gap(self, *, at: int | None = None) -> Iterator[Gap]:
        since, self._damage.since = self._damage.since, None
        if since is None:
            return
        time_base = self._clock.time_base
        end = self._end if at is None else at
        span = Span(float(since * time_base), float(max(since, end) * time_base))
        yield Gap(span=span, track=self._track.info.id, reason="damaged")

    def _show(self, picture: AvVideoFrame, pts: int) -> Iterator[VideoFrame]:
        self._deinterlacing = self._deinterlacing or picture.interlaced_frame
        if not self._deinterlacing:
            yield self._frame(picture, pts)
            return
        self._held.append(pts)
        for done in self._deinterlacer.push(picture):
            yield self._frame(done, self._held.popleft())

    def _drain(self) -> Iterator[VideoFrame]:
        for done in self._deinterlacer.flush():
            yield self._frame(done, self._held.popleft())
        while self._held:
            yield self._filler(self._held.popleft())

    def _frame(self, picture: AvVideoFrame, pts: int) -> VideoFrame:
        try:
            y, u, v = self._upright.convert(picture)
        except (av.error.FFmpegError, ValueError):
            return self._filler(pts)
        self._shown = VideoFrame(y, u, v, pts=pts, time_base=self._clock.time_base)
        return self._shown
