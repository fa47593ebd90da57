"""Read one stream's packets past whatever damage there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from recorder.media.opening import MAX_PIXELS

__all__ = ["DEMUX_FAULTS", "packets", "prepare_packets"]

_MOST_FAILURES: Final = 32

DEMUX_FAULTS: Final = (av.error.FFmpegError, IndexError)
"""What reading packets may raise. PyAV has no place for a stream that appears on the way, and says so at the end."""


def prepare_packets(stream: VideoStream | AudioStream, *, threads: int) -> None:
    """Set a stream's decoder up before its first packet.

    Frame threads, since slice threads lose the marks that FFmpeg's H.264 decoder puts on damaged frames (measured).
    """
    context = stream.codec_context
    context.options = {"max_pixels": str(MAX_PIXELS)}
    context.thread_count = max(1, threads)
    context.thread_type = "FRAME"


def packets(container: InputContainer, stream: VideoStream | AudioStream) -> Iterator[Packet[Stream] | None]:
    """Yield the stream's packets; None stands for a place where the container itself could not be read.

    The last packet is empty: it makes the decoder give what it holds back.
    """
    for other in container.streams:
        if other.index != stream.index and not other.disposition & Disposition.attached_pic:
            other.discard = Discard.all
    for _ in range(_MOST_FAILURES):
        try:
            yield from container.demux(stream)
        except av.error.FFmpegError:
            yield None
            continue
        except IndexError:
            break
        return
    yield Packet()
