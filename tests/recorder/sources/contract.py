"""What every source must hold to; a test class for one inherits `SourceContract` and gives the fixtures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from recorder.media.source import Source, TrackKind
from redaction.errors import UsageError
from redaction.model import AudioBlock, Gap, VideoFrame
from tests.media import Clip, frame_number, frames_of, gaps_of, samples_of

__all__ = ["SourceContract"]


class SourceContract:
    """Holds a source with one undamaged picture track of `pattern` frames and one or more sound tracks to the contract.

    A subclass gives two fixtures: `source`, and `clip`, what it was made from.
    """

    @pytest.fixture
    def clip(self) -> Clip:
        raise NotImplementedError

    @pytest.fixture
    def source(self, clip: Clip) -> Source:
        raise NotImplementedError

    def test_ids(self, source: Source) -> None:
        """Tracks are called V1, V2, ... and A1, A2, ..., pictures first, whatever the media calls them."""
        info = source.info()
        assert [track.id for track in info.video] == [f"V{n + 1}" for n in range(len(info.video))]
        assert [track.id for track in info.audio] == [f"A{n + 1}" for n in range(len(info.audio))]
        assert info.tracks == info.video + info.audio
        assert all(re.fullmatch(r"[VA]\d+", track.id) for track in info.tracks)

    def test_frames_are_all_there(self, source: Source, clip: Clip) -> None:
        """Every frame comes once, in order, at its time."""
        frames = frames_of(list(source.video("V1")))
        assert [frame_number(frame) for frame in frames] == list(range(len(clip.times)))
        offset = frames[0].time - clip.times[0]
        assert max(
            abs(frame.time - time - offset) for frame, time in zip(frames, clip.times, strict=True)
        ) == pytest.approx(0, abs=0.001)

    def test_frames_keep_their_track_s_shape(self, source: Source) -> None:
        """Size, time base and type of every plane are what the track says."""
        track = source.info().track("V1")
        assert track.kind is TrackKind.VIDEO
        for frame in frames_of(list(source.video("V1"))):
            assert (frame.width, frame.height) == (track.width, track.height)
            assert frame.time_base == track.time_base
            assert frame.u.shape == frame.v.shape == ((track.height + 1) // 2, (track.width + 1) // 2)
            assert {frame.y.dtype, frame.u.dtype, frame.v.dtype} == {np.dtype(np.uint8)}

    def test_frames_cannot_be_drawn_on(self, source: Source) -> None:
        """Planes are read-only with contiguous columns, since the decoder still refers to them."""
        for frame in frames_of(list(source.video("V1"))):
            for plane in (frame.y, frame.u, frame.v):
                assert not plane.flags.writeable
                assert plane.strides[1] == 1
                assert plane.strides[0] >= plane.shape[1]

    def test_pts_rise(self, source: Source) -> None:
        """Time never stands or goes back, and begins at zero or later."""
        stamps = [frame.pts for frame in frames_of(list(source.video("V1")))]
        assert stamps[0] >= 0
        assert all(later > earlier for earlier, later in pairwise(stamps))

    @pytest.mark.parametrize("sample_rate", [16_000, 24_000, 48_000])
    def test_sound_has_no_hole(self, source: Source, clip: Clip, sample_rate: int) -> None:
        """Blocks follow each other from sample 0 at the rate asked for, and last as long as the media."""
        place = 0
        for block in source.audio("A1", sample_rate):
            assert isinstance(block, AudioBlock)
            assert block.start == place
            assert block.sample_rate == sample_rate
            assert block.samples.dtype == np.float32
            assert block.samples.ndim == 1
            assert np.abs(block.samples).max(initial=0.0) <= 1.0
            place += len(block.samples)
        assert place / sample_rate == pytest.approx(clip.seconds, abs=0.06)

    def test_undamaged_media_has_no_gap(self, source: Source) -> None:
        """Nothing is reported lost where nothing is."""
        assert gaps_of(list(source.video("V1"))) == []
        assert gaps_of(list(source.audio("A1", 16_000))) == []

    def test_tracks_read_side_by_side(self, source: Source) -> None:
        """Tracks read from several threads at once give what they give alone."""

        def picture() -> list[int]:
            return [int(frame.y.sum()) for frame in frames_of(list(source.video("V1")))]

        def sound() -> float:
            return float(np.abs(samples_of(list(source.audio("A1", 16_000)))).sum())

        alone = picture(), sound()
        with ThreadPoolExecutor(3) as pool:
            first, second, third = pool.submit(picture), pool.submit(sound), pool.submit(picture)
            assert (first.result(), second.result()) == alone
            assert third.result() == alone[0]

    def test_an_iterator_given_up_holds_nothing(self, source: Source) -> None:
        """Closing an iterator half-way closes the file."""
        source.info()
        before = _open_files()
        items = source.video("V1")
        next(items)
        assert _open_files() > before
        items.close()  # type: ignore[attr-defined]
        assert _open_files() == before

    def test_duration(self, source: Source) -> None:
        """The duration stated is that of the longest track."""
        frames: Sequence[VideoFrame | Gap] = list(source.video("V1"))
        end = max(frames_of(frames)[-1].time, len(samples_of(list(source.audio("A1", 16_000)))) / 16_000)
        assert source.info().duration == pytest.approx(end, abs=0.1)

    def test_unknown_tracks_are_refused(self, source: Source) -> None:
        """A track that is not there, or is of the other kind, is a usage error."""
        with pytest.raises(UsageError):
            next(iter(source.video("A1")))
        with pytest.raises(UsageError):
            next(iter(source.audio("V1", 16_000)))
        with pytest.raises(UsageError):
            next(iter(source.video("V99")))


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
