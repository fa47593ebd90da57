"""A recorded file as a source."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

from recorder.media.decode_audio import read_audio
from recorder.media.decode_video import read_video
from recorder.media.probe import Probe, Track, probe
from recorder.media.source import SourceInfo, TrackKind
from recorder.media.stream import Input
from redaction.errors import UsageError
from redaction.model import AudioBlock, Gap, VideoFrame

__all__ = ["FileSource"]


class FileSource:
    """Reads one media file, or a file object, in memory only.

    Each iterator opens it anew, so tracks decode side by side.
    """

    def __init__(self, untrusted: Input, *, threads: int = 2, own: bool = False) -> None:
        """Name the file; nothing is opened yet.

        Args:
            untrusted: where the file is, or what opens it.
            threads: of each picture track's decoder.
            own: this program wrote it and knows its frames: a picture that begins late belongs there, and the last
                one is given once however long it stands.
        """
        self._untrusted = untrusted
        self._threads = threads
        self._own = own
        self._probe: Probe | None = None
        self._lock = Lock()

    def info(self) -> SourceInfo:
        """Describe the tracks; the file is looked at once.

        Raises:
            UnreadableInput: it is not media that can be read.
            StorageFailed: its store failed.
        """
        return self._probed().info

    def video(self, track_id: str) -> Iterator[VideoFrame | Gap]:
        """Yield a picture track's frames, as the contract says.

        Raises:
            UnreadableInput: the file cannot be read.
            StorageFailed: its store failed; raised at the place where it did, never taken for the end.
            UsageError: there is no such picture track.
        """
        return read_video(
            self._untrusted,
            self._probed(),
            self._track(track_id, TrackKind.VIDEO),
            threads=self._threads,
            own=self._own,
        )

    def audio(
        self, track_id: str, sample_rate: int, *, channel: int | None = None
    ) -> Iterator[AudioBlock | Gap]:
        """Yield a sound track's blocks, as the contract says.

        Raises:
            UnreadableInput: the file cannot be read.
            StorageFailed: its store failed; raised at the place where it did, never taken for the end.
            UsageError: there is no such sound track, or the rate is out of range.
        """
        return read_audio(
            self._untrusted,
            self._probed(),
            self._track(track_id, TrackKind.AUDIO),
            sample_rate=sample_rate,
            channel=channel,
        )

    def _probed(self) -> Probe:
        with self._lock:
            if self._probe is None:
                self._probe = probe(self._untrusted, own=self._own)
            return self._probe

    def _track(self, track_id: str, kind: TrackKind) -> Track:
        for track in self._probed().tracks:
            if track.info.id == track_id and track.info.kind is kind:
                return track
        raise UsageError(f"The source has no {kind.value} track of that id.")
