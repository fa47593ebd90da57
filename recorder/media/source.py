"""What every source of media offers: its tracks, and each track's frames or samples on the call clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

from redaction.model import AudioBlock, Gap, VideoFrame

__all__ = ["Source", "SourceInfo", "TrackInfo", "TrackKind"]


class TrackKind(StrEnum):
    """What a track carries."""

    VIDEO = "video"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """One track; carries no text from the media.

    Attributes:
        id: `V1`, `V2`, ... or `A1`, `A2`, ... in the container's order.
        kind: picture or sound.
        width: luma width in pixels of every frame of this track, upright and with square pixels; 0 for sound.
        height: luma height in pixels, as `width`.
        average_rate: frames per second, None where the media does not say; None for sound.
        time_base: seconds per pts unit of this track's frames; for sound, one over `sample_rate`.
        sample_rate: in hertz as stored in the source, 0 for picture.
        channels: number of channels as stored in the source, 0 for picture.
        bt709: the luma and chroma follow ITU-R BT.709 rather than BT.601; False for sound.
    """

    id: str
    kind: TrackKind
    width: int
    height: int
    average_rate: Fraction | None
    time_base: Fraction
    sample_rate: int
    channels: int
    bt709: bool = False


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """The tracks that can be had.

    Attributes:
        duration: seconds on the call clock, as well as it can be told before decoding; never negative.
        tracks: pictures first, then sound.
        left_out: number of picture or sound tracks that no decoder here can read.
    """

    duration: float
    tracks: tuple[TrackInfo, ...]
    left_out: int = 0

    @property
    def video(self) -> tuple[TrackInfo, ...]:
        """The picture tracks."""
        return tuple(track for track in self.tracks if track.kind is TrackKind.VIDEO)

    @property
    def audio(self) -> tuple[TrackInfo, ...]:
        """The sound tracks."""
        return tuple(track for track in self.tracks if track.kind is TrackKind.AUDIO)

    def track(self, track_id: str) -> TrackInfo:
        """Return one track.

        Raises:
            KeyError: there is no such track.
        """
        for track in self.tracks:
            if track.id == track_id:
                return track
        raise KeyError(track_id)


class Source(Protocol):
    """Timed frames and samples, track by track.

    Each iterator reads on its own, in bounded memory, so that tracks may be read from different threads. Closing an
    iterator (`close()`, or letting it go) frees what it holds. `tests/recorder/sources/contract.py` holds every
    implementation to what stands here.
    """

    def info(self) -> SourceInfo:
        """Describe the tracks.

        Raises:
            UnreadableInput: the media cannot be read.
        """
        ...

    def video(self, track_id: str) -> Iterator[VideoFrame | Gap]:
        """Yield the frames of a picture track in order of time.

        Every frame has the size and time base of its `TrackInfo`; pts rise strictly from at least 0. Planes are
        read-only views whose columns are contiguous while rows may be padded: copy before drawing. Lost or damaged
        time is filled with `whole_cover` frames, black and at the nominal rate, of which the first stands at its
        start; the `Gap` that tells of it comes after them.
        """
        ...

    def audio(
        self, track_id: str, sample_rate: int, *, channel: int | None = None
    ) -> Iterator[AudioBlock | Gap]:
        """Yield an audio track as mono float32 at `sample_rate`, block after block without a hole from sample 0.

        What is missing is silence: before the track begins, unreported; later, with a `Gap` before its block.

        Args:
            track_id: which track.
            sample_rate: in hertz.
            channel: one channel of it alone, from 0; None mixes them.
        """
        ...
