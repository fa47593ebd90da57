"""Several files of one recording as one source: views become picture tracks, voices become sound tracks."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TypeVar, cast

from recorder.media.file import FileSource
from recorder.media.source import Source, SourceInfo, TrackInfo, TrackKind
from recorder.sources.concatenated import JoinedSource
from redaction.errors import UnreadableInput, UsageError
from redaction.model import AudioBlock, Gap, VideoFrame

__all__ = ["MultitrackSource"]

_Item = TypeVar("_Item", VideoFrame, AudioBlock)


@dataclass(frozen=True, slots=True)
class _Track:
    info: TrackInfo
    source: Source
    inner: str


class MultitrackSource:
    """Reads several media files that began at the same time, in memory only.

    Every view gives its picture tracks. Sound comes from the files of single participants where there are any, else
    from the first view that has sound, else from a mix: these hold the same call, and one of them is enough.
    """

    def __init__(
        self,
        views: Sequence[Path | Sequence[Path]],
        *,
        mix: Sequence[Path | Sequence[Path]] = (),
        voices: Sequence[Path] = (),
        threads: int = 2,
    ) -> None:
        """Name the files; nothing is opened yet.

        Args:
            views: files with pictures, the main one first; several in place of one were recorded one after the other.
            mix: files with everybody's sound, likewise.
            voices: files with one participant's sound each.
            threads: of each picture track's decoder.
        """
        self._views = [_source(one, threads=threads) for one in views]
        self._mix = [_source(one, threads=threads) for one in mix]
        self._voices = [FileSource(path) for path in voices]
        self._tracks: tuple[_Track, ...] = ()
        self._info: SourceInfo | None = None
        self._lock = Lock()

    def info(self) -> SourceInfo:
        """Describe the tracks; each file is looked at once.

        Raises:
            UnreadableInput: one of them is not media that can be read, or has not what it should.
        """
        with self._lock:
            if self._info is None:
                self._tracks, self._info = self._look()
            return self._info

    @property
    def voice_tracks(self) -> tuple[str, ...]:
        """Ids of the sound tracks of single participants, in the order of their files."""
        self.info()
        first = {id(source): "" for source in self._voices}
        for track in self._tracks:
            if first.get(id(track.source)) == "":
                first[id(track.source)] = track.info.id
        return tuple(first.values())

    def video(self, track_id: str) -> Iterator[VideoFrame | Gap]:
        """Yield a picture track's frames, as the contract says.

        Raises:
            UnreadableInput: the file cannot be read.
            UsageError: there is no such picture track.
        """
        track = self._track(track_id, TrackKind.VIDEO)
        return _renamed(track.source.video(track.inner), track_id)

    def audio(
        self, track_id: str, sample_rate: int, *, channel: int | None = None
    ) -> Iterator[AudioBlock | Gap]:
        """Yield a sound track's blocks, as the contract says.

        Raises:
            UnreadableInput: the file cannot be read.
            UsageError: there is no such sound track, or the rate is out of range.
        """
        track = self._track(track_id, TrackKind.AUDIO)
        return _renamed(track.source.audio(track.inner, sample_rate, channel=channel), track_id)

    def _look(self) -> tuple[tuple[_Track, ...], SourceInfo]:
        pictures = [(source, track) for source in self._views for track in source.info().video]
        sounds = self._sounds()
        for source in self._voices:
            if not source.info().audio:
                raise UnreadableInput("A participant's sound file holds no sound that can be decoded.")
        numbered = [
            _Track(replace(track, id=f"{letter}{number}"), source, track.id)
            for letter, found in (("V", pictures), ("A", sounds))
            for number, (source, track) in enumerate(found, start=1)
        ]
        read = {id(source): source for source in (*self._views, *(track.source for track in numbered))}
        infos = [source.info() for source in read.values()]
        info = SourceInfo(
            duration=max((item.duration for item in infos), default=0.0),
            tracks=tuple(track.info for track in numbered),
            left_out=sum(item.left_out for item in infos),
        )
        return tuple(numbered), info

    def _sounds(self) -> list[tuple[Source, TrackInfo]]:
        if self._voices:
            return [(source, track) for source in self._voices for track in source.info().audio]
        for source in (*self._views, *self._mix):
            if source.info().audio:
                return [(source, track) for track in source.info().audio]
        return []

    def _track(self, track_id: str, kind: TrackKind) -> _Track:
        self.info()
        for track in self._tracks:
            if track.info.id == track_id and track.info.kind is kind:
                return track
        raise UsageError(f"The source has no {kind.value} track of that id.")


def _source(files: Path | Sequence[Path], *, threads: int) -> Source:
    if isinstance(files, Path):
        return FileSource(files, threads=threads)
    return JoinedSource(files, threads=threads)


def _renamed(items: Iterator[_Item | Gap], track_id: str) -> Iterator[_Item | Gap]:
    with closing(cast(Generator[_Item | Gap, None, None], items)):
        for item in items:
            yield replace(item, track=track_id) if isinstance(item, Gap) else item
