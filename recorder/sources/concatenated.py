"""Files that were recorded one after the other, as one source on one clock."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Final, cast

from recorder.media.file import FileSource
from recorder.media.planes import black
from recorder.media.source import SourceInfo, TrackInfo, TrackKind
from redaction.audio.voice.mix import silence
from redaction.errors import UnreadableInput, UsageError
from redaction.model import AudioBlock, Gap, Span, VideoFrame

__all__ = ["PART_PAUSE_S", "JoinedSource"]

PART_PAUSE_S: Final = 1
"""Black and silent seconds between two parts, which stand for a pause whose length no file tells."""
_REASON: Final = "pause between parts"
_USUAL_RATE: Final = Fraction(25)


class JoinedSource:
    """Reads several files as parts of one recording, in memory only, a second between any two."""

    def __init__(self, parts: Sequence[Path], *, threads: int = 2) -> None:
        """Name the files in their order; nothing is opened yet.

        Args:
            parts: at least one.
            threads: of each picture track's decoder.
        """
        if not parts:
            raise ValueError("a recording has at least one part")
        self._parts = [FileSource(path, threads=threads) for path in parts]

    def info(self) -> SourceInfo:
        """Describe the tracks, which are the same in all parts.

        Raises:
            UnreadableInput: a part is not media that can be read, or has other tracks than the first.
        """
        infos = [part.info() for part in self._parts]
        first = infos[0]
        for info in infos[1:]:
            if list(map(_shape, info.tracks)) != list(map(_shape, first.tracks)):
                raise UnreadableInput(
                    "The parts of a recording differ in their tracks or in the size of the picture, so they cannot be "
                    "joined; put each part into a folder of its own."
                )
        starts = self._starts()
        return SourceInfo(
            duration=float(starts[-1]) + infos[-1].duration,
            tracks=first.tracks,
            left_out=sum(info.left_out for info in infos),
        )

    def video(self, track_id: str) -> Iterator[VideoFrame | Gap]:
        """Yield a picture track's frames, as the contract says; black frames stand between two parts.

        Raises:
            UnreadableInput: a part cannot be read, or is longer than it says.
            UsageError: there is no such picture track.
        """
        track = self._track(track_id, TrackKind.VIDEO)
        return self._pictures(track)

    def audio(
        self, track_id: str, sample_rate: int, *, channel: int | None = None
    ) -> Iterator[AudioBlock | Gap]:
        """Yield a sound track's blocks, as the contract says; between two parts there is silence.

        Raises:
            UnreadableInput: a part cannot be read, or is longer than it says.
            UsageError: there is no such sound track, or the rate is out of range.
        """
        self._track(track_id, TrackKind.AUDIO)
        return self._sounds(track_id, sample_rate, channel)

    def _pictures(self, track: TrackInfo) -> Iterator[VideoFrame | Gap]:
        base = track.time_base
        step = max(1, round(1 / (track.average_rate or _USUAL_RATE) / base))
        planes = black(track.width, track.height)
        next_pts = 0
        for number, (part, start) in enumerate(zip(self._parts, self._starts(), strict=True)):
            offset = round(start / base)
            if number:
                _refuse_overlong(next_pts > offset)
                gap = Span(float(next_pts * base), float(offset * base))
                for pts in range(next_pts, offset, step):
                    yield VideoFrame(*planes, pts, base, whole_cover=True)
                yield Gap(gap, track.id, _REASON)
                next_pts = offset
            with closing(cast(Generator[VideoFrame | Gap, None, None], part.video(track.id))) as items:
                for item in items:
                    if isinstance(item, Gap):
                        yield _later(item, start)
                        continue
                    pts = max(next_pts, offset + round(item.pts * item.time_base / base))
                    next_pts = pts + 1
                    yield replace(item, pts=pts, time_base=base)
            next_pts += step - 1

    def _sounds(self, track_id: str, rate: int, channel: int | None) -> Iterator[AudioBlock | Gap]:
        end = 0
        for number, (part, start) in enumerate(zip(self._parts, self._starts(), strict=True)):
            offset = round(start * rate)
            if number:
                _refuse_overlong(end > offset)
                yield Gap(Span(end / rate, offset / rate), track_id, _REASON)
                yield from silence(offset - end, rate, start=end)
                end = offset
            blocks = part.audio(track_id, rate, channel=channel)
            with closing(cast(Generator[AudioBlock | Gap, None, None], blocks)) as items:
                for item in items:
                    if isinstance(item, Gap):
                        yield _later(item, start)
                        continue
                    block = replace(item, start=offset + item.start)
                    end = block.start + len(block.samples)
                    yield block

    def _starts(self) -> list[Fraction]:
        """Return when each part begins, in seconds on the clock of the whole."""
        lengths = [
            Fraction(part.info().duration).limit_denominator(1000) + PART_PAUSE_S for part in self._parts
        ]
        return list(accumulate(lengths[:-1], initial=Fraction(0)))

    def _track(self, track_id: str, kind: TrackKind) -> TrackInfo:
        for track in self.info().tracks:
            if track.id == track_id and track.kind is kind:
                return track
        raise UsageError(f"The source has no {kind.value} track of that id.")


def _shape(track: TrackInfo) -> tuple[str, TrackKind, int, int, bool]:
    return track.id, track.kind, track.width, track.height, track.bt709


def _later(gap: Gap, start: Fraction) -> Gap:
    return replace(gap, span=Span(gap.span.start + float(start), gap.span.end + float(start)))


def _refuse_overlong(overlong: bool) -> None:
    if overlong:
        raise UnreadableInput(
            "A part of a recording is longer than its header says, so what follows cannot be put on one clock; "
            "put each part into a folder of its own."
        )
