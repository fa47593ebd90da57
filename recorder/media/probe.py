"""Look at an untrusted media file once: its tracks, their clocks, and whether anything in it can be decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame as AvVideoFrame
from av.video.stream import VideoStream

from recorder.media.codecs import refuse_codec
from recorder.media.first_frame import First, first_frames
from recorder.media.opening import MAX_PIXELS, MAX_TRACKS, open_media
from recorder.media.orient import Geometry
from recorder.media.packets import DEMUX_FAULTS
from recorder.media.source import SourceInfo, TrackInfo, TrackKind
from recorder.media.stream import Input
from recorder.media.timeline import TrackClock, finer
from recorder.media.vpx import largest_picture
from redaction.errors import UnreadableInput

__all__ = ["Probe", "Track", "cut_off_at", "probe", "scan_end"]

LONGEST_RECORDING_S: Final = 24 * 3600
_NOMINAL_RATE: Final = Fraction(25)
_FEWEST_BYTES_PER_S: Final = 125
_SLOWEST, _FASTEST = Fraction(1, 10), Fraction(1000)
_CUT_OFF_S: Final = 1
_ONE_END_FOR_ALL: Final = frozenset({"matroska", "webm", "flv", "mpegts"})
"""Containers that tell no end of a track. libav gives their tracks the end of the whole, where it finds no start."""
_TRUSTED_LEAD: Final = Fraction(1)
_ENCRYPTED_TAGS: Final = frozenset({"encv", "enca", "encs", "drms", "drmi", "drmv", "drma"})
_NOT_A_PICTURE_TRACK: Final = Disposition.attached_pic | Disposition.timed_thumbnails


@dataclass(frozen=True, slots=True)
class Track:
    """What a reader of one track needs.

    Attributes:
        index: the stream's place in the container.
        raw_time_base: seconds per raw pts unit.
        start: raw time in seconds of the first thing to present.
        step: seconds one frame lasts when nothing else is known.
        end: call time in seconds where the container says that this track ends, None when it does not say.
        geometry: how decoded pictures become upright frames; None for sound.
    """

    info: TrackInfo
    index: int
    raw_time_base: Fraction
    start: Fraction
    step: Fraction
    end: Fraction | None
    geometry: Geometry | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """What is known of a file before it is decoded.

    Attributes:
        zero: the call clock's zero in seconds of raw time.
        sparse: the file is too small for the time it claims, so its time stamps are trusted less.
    """

    info: SourceInfo
    zero: Fraction
    tracks: tuple[Track, ...]
    sparse: bool = False

    def track(self, track_id: str) -> Track:
        """Return one track.

        Raises:
            KeyError: there is no such track.
        """
        for track in self.tracks:
            if track.info.id == track_id:
                return track
        raise KeyError(track_id)

    def clock(self, track: Track) -> TrackClock:
        """Return a fresh clock for the track."""
        return TrackClock(
            raw_time_base=track.raw_time_base,
            zero=self.zero,
            step=track.step,
            end=Fraction(self.info.duration) if self.info.duration else None,
            sparse=self.sparse,
        )


def probe(untrusted: Input, *, own: bool = False) -> Probe:
    """Find the tracks of a file and decode the first frame of each.

    Args:
        untrusted: where it is.
        own: this program wrote it, on the call's clock: what begins late in it does begin late.

    Raises:
        UnreadableInput: the file is no media, is encrypted, is out of bounds, or nothing in it can be decoded.
    """
    with open_media(untrusted) as medium:
        container = medium.container
        streams, left_out = _usable(container)
        firsts = first_frames(container, streams)
        if not any(first.frame for first in firsts.values()):
            raise UnreadableInput("Nothing in the input can be decoded: it is damaged or encrypted.")
        sizes = _sizes(untrusted, container, streams, firsts)
        tracks = _describe(streams, firsts, sizes)
        zero = Fraction(0) if own else min(track.start for track in tracks)
        tracks = tuple(
            _ending(track, streams[n], zero, container.format.name) for n, track in enumerate(tracks)
        )
        duration = _declared_duration(container, zero, tracks)
        most = Fraction(max(container.size, 0), _FEWEST_BYTES_PER_S)
    if duration is None:
        duration = scan_end(untrusted, tracks, zero)
    sparse = duration > most
    if sparse:
        duration = scan_end(untrusted, tracks, zero, sparse=True)
    if duration > LONGEST_RECORDING_S:
        raise UnreadableInput("The input says that it is longer than 24 hours, which is not supported.")
    info = SourceInfo(
        duration=float(max(duration, Fraction(0))),
        tracks=tuple(track.info for track in tracks),
        left_out=left_out,
    )
    return Probe(info=info, zero=zero, tracks=tracks, sparse=sparse)


def cut_off_at(untrusted: Input, probed: Probe, track: Track, *, end: Fraction) -> Fraction:
    """Return where a track that ended at `end`, in call time, should have ended: there, or later if it was cut off.

    A container that states no end for each track does state one for all: if no track gets there, the file was cut off.
    """
    if track.end is not None:
        return max(track.end, end)
    declared = Fraction(probed.info.duration)
    if (
        declared - end <= _CUT_OFF_S
        or declared - scan_end(untrusted, probed.tracks, probed.zero, sparse=probed.sparse) <= _CUT_OFF_S
    ):
        return end
    return declared


def scan_end(
    untrusted: Input, tracks: tuple[Track, ...], zero: Fraction, *, sparse: bool = False
) -> Fraction:
    """Read every packet without decoding, and return the call time in seconds where the last one ends."""
    clocks = {
        track.index: TrackClock(
            raw_time_base=track.raw_time_base, zero=zero, step=track.step, end=None, sparse=sparse
        )
        for track in tracks
    }
    end = Fraction(0)
    with open_media(untrusted) as medium:
        container = medium.container
        try:
            for packet in container.demux([container.streams[index] for index in clocks]):
                if packet.pts is None and packet.dts is None:
                    continue
                clock = clocks[packet.stream_index]
                duration = clock.scaled(packet.duration or 0)
                stamp = packet.dts if packet.dts is not None else packet.pts
                end = max(
                    end, (clock.place(stamp, duration=duration) + (duration or clock.step)) * clock.time_base
                )
        except DEMUX_FAULTS:
            return end
    return end


def _usable(container: InputContainer) -> tuple[list[VideoStream | AudioStream], int]:
    streams: list[VideoStream | AudioStream] = []
    unknown = {"video": 0, "audio": 0}
    for stream in container.streams:
        if stream.type not in unknown or stream.disposition & _NOT_A_PICTURE_TRACK:
            continue
        _refuse_encrypted(stream)
        if _has_decoder(stream):
            refuse_codec(stream.type, stream.codec_context.codec.canonical_name)
        if isinstance(stream, VideoStream | AudioStream) and _within_bounds(stream):
            streams.append(stream)
        else:
            unknown[stream.type] += 1
    if len(streams) > MAX_TRACKS:
        raise UnreadableInput(f"The input holds more than {MAX_TRACKS} tracks.")
    kinds = {stream.type for stream in streams}
    for kind, count in unknown.items():
        if count and kind not in kinds:
            word = "picture" if kind == "video" else "sound"
            raise UnreadableInput(f"The input's {word} is in a format that cannot be decoded.")
    if not streams:
        raise UnreadableInput("The input holds neither picture nor sound.")
    streams.sort(key=lambda stream: (stream.type != "video", stream.index))
    return streams, sum(unknown.values())


def _refuse_encrypted(stream: Stream) -> None:
    if not _has_decoder(stream):
        return
    try:
        tag = stream.codec_context.codec_tag.lower()
    except UnicodeDecodeError:
        return  # damage, or bytes that no codec's tag has
    if tag in _ENCRYPTED_TAGS:
        raise UnreadableInput("The input is encrypted or copy-protected, so it cannot be decoded.")


def _has_decoder(stream: Stream) -> bool:
    context: object = stream.codec_context
    return context is not None


def _within_bounds(stream: VideoStream | AudioStream) -> bool:
    """Tell whether there is a decoder and the header's figures are possible.

    Raises:
        UnreadableInput: the header asks for pictures larger than the bound.
    """
    if not _has_decoder(stream) or not stream.time_base:
        return False
    if isinstance(stream, AudioStream):
        return 1000 <= stream.sample_rate <= 768_000 and 1 <= stream.channels <= 64
    context = stream.codec_context
    _bounded_picture(max(context.width, context.coded_width), max(context.height, context.coded_height))
    return True


def _bounded_picture(width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > 16_384:
        raise UnreadableInput(
            "The input's picture has more than 8192 x 4352 pixels, which is not supported; scale it down first."
        )


def _describe(
    streams: list[VideoStream | AudioStream], firsts: dict[int, First], sizes: dict[int, tuple[int, int]]
) -> tuple[Track, ...]:
    tracks: list[Track] = []
    starts = {stream.index: _start(stream, firsts[stream.index]) for stream in streams}
    earliest = min((start for start in starts.values() if start is not None), default=Fraction(0))
    numbers = {"V": 0, "A": 0}
    for stream in streams:
        letter = "V" if isinstance(stream, VideoStream) else "A"
        numbers[letter] += 1
        track_id = f"{letter}{numbers[letter]}"
        first = firsts[stream.index].frame
        known = starts[stream.index]
        start = earliest if known is None else known
        if isinstance(stream, VideoStream):
            picture = first if isinstance(first, AvVideoFrame) else None
            track = _describe_video(stream, picture, sizes[stream.index], track_id=track_id, start=start)
            tracks.append(track)
        else:
            tracks.append(_describe_audio(stream, track_id=track_id, start=start))
    return tuple(tracks)


def _sizes(
    untrusted: Input,
    container: InputContainer,
    streams: list[VideoStream | AudioStream],
    firsts: dict[int, First],
) -> dict[int, tuple[int, int]]:
    """Return each picture stream's size in pixels: the first frame's, or the largest where streams grow on the way."""
    sizes: dict[int, tuple[int, int]] = {}
    for stream in streams:
        if not isinstance(stream, VideoStream):
            continue
        frame = firsts[stream.index].frame
        picture = frame if isinstance(frame, AvVideoFrame) else stream.codec_context
        sizes[stream.index] = picture.width, picture.height
        if "matroska" in container.format.name and stream.codec_context.name.startswith(("vp", "libvpx")):
            with open_media(untrusted) as again:
                grown = again.container.streams[stream.index]
                largest = largest_picture(again.container, grown) if isinstance(grown, VideoStream) else None
            sizes[stream.index] = max(
                sizes[stream.index], largest or (0, 0), key=lambda size: size[0] * size[1]
            )
    return sizes


def _describe_video(
    stream: VideoStream,
    first: AvVideoFrame | None,
    size: tuple[int, int],
    *,
    track_id: str,
    start: Fraction,
) -> Track:
    width, height = size
    if width < 1 or height < 1:
        raise UnreadableInput("The input's picture has no size, or one that is not supported.")
    geometry = Geometry.of(width, height, aspect=stream.sample_aspect_ratio, first=first)
    _bounded_picture(geometry.width, geometry.height)
    rate = _plausible_rate(stream)
    raw_time_base = stream.time_base or Fraction(1, 90_000)
    info = TrackInfo(
        id=track_id,
        kind=TrackKind.VIDEO,
        width=geometry.width,
        height=geometry.height,
        average_rate=rate,
        time_base=finer(raw_time_base),
        sample_rate=0,
        channels=0,
        bt709=geometry.bt709,
    )
    return Track(
        info=info,
        index=stream.index,
        raw_time_base=raw_time_base,
        start=start,
        step=1 / (rate or _NOMINAL_RATE),
        end=None,
        geometry=geometry,
    )


def _describe_audio(stream: AudioStream, *, track_id: str, start: Fraction) -> Track:
    rate = stream.sample_rate
    info = TrackInfo(
        id=track_id,
        kind=TrackKind.AUDIO,
        width=0,
        height=0,
        average_rate=None,
        time_base=Fraction(1, rate),
        sample_rate=rate,
        channels=stream.channels,
    )
    return Track(
        info=info,
        index=stream.index,
        raw_time_base=stream.time_base or Fraction(1, rate),
        start=start,
        step=Fraction(1024, rate),
        end=None,
    )


def _plausible_rate(stream: VideoStream) -> Fraction | None:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate is not None and _SLOWEST <= rate <= _FASTEST:
            return rate
    return None


def _start(stream: VideoStream | AudioStream, first: First) -> Fraction | None:
    """Return the raw time of the first thing to present, None when nothing tells.

    That is the first frame's, unless it comes late or early by far. Pictures whose packets came before and gave no
    frame count: the time is there though they are lost. Sound packets before the first frame are the encoder's lead-in.
    """
    time_base = stream.time_base or Fraction(0)
    declared = None if stream.start_time is None else stream.start_time * time_base
    if first.frame is None or first.frame.pts is None:
        return declared
    stamps = [first.frame.pts]
    if isinstance(stream, VideoStream) and first.packet_pts is not None:
        stamps.append(first.packet_pts)
    seen = min(stamps) * time_base
    return seen if declared is None or abs(seen - declared) < _TRUSTED_LEAD else min(seen, declared)


def _ending(track: Track, stream: VideoStream | AudioStream, zero: Fraction, container: str) -> Track:
    if not stream.duration or stream.duration < 0 or _ONE_END_FOR_ALL.intersection(container.split(",")):
        return track
    end = (stream.start_time or 0) * track.raw_time_base + stream.duration * track.raw_time_base - zero
    return replace(track, end=end) if 0 < end <= LONGEST_RECORDING_S else track


def _declared_duration(
    container: InputContainer, zero: Fraction, tracks: tuple[Track, ...]
) -> Fraction | None:
    ends = [track.end for track in tracks if track.end is not None]
    if len(ends) == len(tracks):
        return max(ends)
    if not container.duration or container.duration < 0:
        return None
    end = Fraction(container.duration + (container.start_time or 0), 1_000_000) - zero
    return end if 0 < end <= LONGEST_RECORDING_S else None
