"""Decode the first frame of each stream, to know when and how the stream begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame as AvVideoFrame
from av.video.stream import VideoStream

from recorder.media.packets import DEMUX_FAULTS, prepare_packets
from redaction.errors import UnreadableInput

__all__ = ["First", "first_frames"]

_PACKETS_TO_TRY: Final = 1500


@dataclass(slots=True)
class First:
    """What came first of a stream: the earliest raw pts of a packet up to the first frame, and that frame."""

    packet_pts: int | None = None
    frame: AvVideoFrame | AudioFrame | None = None

    def note(self, packet: Packet[Stream]) -> None:
        if packet.pts is not None and packet.size and not packet.is_discard:
            self.packet_pts = packet.pts if self.packet_pts is None else min(self.packet_pts, packet.pts)


def first_frames(container: InputContainer, streams: list[VideoStream | AudioStream]) -> dict[int, First]:
    """Decode until each stream has shown one frame, or enough packets have been tried."""
    firsts = {stream.index: First() for stream in streams}
    wanted = {stream.index: stream for stream in streams}
    for stream in streams:
        prepare_packets(stream, threads=1)
    tried = 0
    try:
        for packet in container.demux(streams):
            stream = wanted[packet.stream.index]  # of the last, empty packets `stream_index` is not set
            if packet.has_sidedata("encryption_info"):
                raise UnreadableInput("The input is encrypted or copy-protected, so it cannot be decoded.")
            first = firsts[stream.index]
            if first.frame is None:
                first.note(packet)
                first.frame = _first_of(stream, packet)
            tried += 1
            if tried > _PACKETS_TO_TRY or all(found.frame for found in firsts.values()):
                break
    except DEMUX_FAULTS:
        return firsts
    return firsts


def _first_of(stream: VideoStream | AudioStream, packet: Packet[Stream]) -> AvVideoFrame | AudioFrame | None:
    try:
        frames = stream.decode(packet)
    except av.error.FFmpegError:
        return None
    return next((frame for frame in frames if not frame.is_corrupt), None)
