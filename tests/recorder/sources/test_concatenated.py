"""Files recorded one after the other as one source: the contract over one part, and one clock over several."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from recorder.media.source import Source
from recorder.sources.concatenated import PART_PAUSE_S, JoinedSource
from recorder.sources.multitrack import MultitrackSource
from redaction.errors import UnreadableInput, UsageError
from redaction.model import AudioBlock, VideoFrame
from tests.media import Clip, beep_times, flash_times, frames_of, gaps_of, make_clip, samples_of
from tests.recorder.sources.contract import SourceContract


class TestJoinedSource(SourceContract):
    """The contract, over one part."""

    @pytest.fixture(scope="class")
    @classmethod
    def clip(cls, tmp_path_factory: pytest.TempPathFactory) -> Clip:
        return make_clip(tmp_path_factory.mktemp("joined") / "a.mp4", seconds=1.2, size=(160, 120))

    @pytest.fixture
    def source(self, clip: Clip) -> Source:
        return JoinedSource([clip.path])


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three parts of 2, 1.5 and 2 seconds, at two rates, that flash and beep together."""
    folder = tmp_path_factory.mktemp("three")
    return [
        make_clip(folder / name, seconds=seconds, size=(160, 120), fps=rate, flashes=(at,)).path
        for name, seconds, rate, at in (("a.mp4", 2, 30, 0.5), ("b.mp4", 1.5, 15, 1.0), ("c.mp4", 2, 30, 1.5))
    ]


def test_parts_stand_on_one_clock(three: list[Path]) -> None:
    """Pictures and sound of each part come after those before, together, with a black and silent second between."""
    source = JoinedSource(three)
    lengths = [JoinedSource([path]).info().duration for path in three]
    starts = [0, lengths[0] + PART_PAUSE_S, lengths[0] + lengths[1] + 2 * PART_PAUSE_S]
    expected = [start + at for start, at in zip(starts, (0.5, 1.0, 1.5), strict=True)]
    pictures = list(source.video("V1"))
    frames = frames_of(pictures)
    shown = [frame for frame in frames if not frame.whole_cover]
    assert flash_times(shown) == pytest.approx(expected, abs=0.08)
    sounds = list(source.audio("A1", 16_000))
    assert beep_times(samples_of(sounds), sample_rate=16_000) == pytest.approx(expected, abs=0.08)
    assert source.info().duration == pytest.approx(starts[2] + lengths[2], abs=0.01)
    black = [frame for frame in frames if frame.whole_cover]
    assert [gap.reason for gap in gaps_of(pictures)] == [gap.reason for gap in gaps_of(sounds)]
    assert [gap.reason for gap in gaps_of(pictures)] == ["pause between parts"] * 2
    assert len(black) == pytest.approx(2 * PART_PAUSE_S * 30, abs=4)
    assert all(int(frame.y.max()) == 16 for frame in black)


def test_time_never_stands_nor_leaps(three: list[Path]) -> None:
    """Stamps rise strictly, no two pictures are far apart, and sound has no hole."""
    source = JoinedSource(three)
    base = source.info().track("V1").time_base
    frames = [item for item in source.video("V1") if isinstance(item, VideoFrame)]
    steps = [(after.pts - before.pts) * base for before, after in pairwise(frames)]
    assert all(frame.time_base == base for frame in frames)
    assert min(steps) > 0
    assert max(steps) < 0.15
    at = 0
    for block in source.audio("A1", 8_000):
        if isinstance(block, AudioBlock):
            assert block.start == at
            at += len(block.samples)


def test_parts_that_differ_are_refused(three: list[Path], tmp_path: Path) -> None:
    """Another size, or a part without sound, is an error and not a guess; so is a track that is not there."""
    large = make_clip(tmp_path / "large.mp4", seconds=1, size=(320, 240)).path
    mute = make_clip(tmp_path / "mute.mp4", seconds=1, size=(160, 120), audio=None).path
    for other in (large, mute):
        with pytest.raises(UnreadableInput, match="folder of its own"):
            JoinedSource([three[0], other]).info()
    with pytest.raises(UsageError):
        JoinedSource(three).video("V2")


def test_part_that_is_longer_than_it_says_is_refused(
    three: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the clock of a part cannot be trusted, nothing is cut and nothing overlaps: it is an error."""
    source = JoinedSource(three)
    monkeypatch.setattr("recorder.sources.concatenated.PART_PAUSE_S", -1)
    with pytest.raises(UnreadableInput, match="longer than its header"):
        list(source.video("V1"))
    with pytest.raises(UnreadableInput, match="longer than its header"):
        list(source.audio("A1", 16_000))


def test_several_files_in_place_of_one_view(three: list[Path]) -> None:
    """A source of several files takes parts for a view, and their sound with them."""
    source = MultitrackSource([three])
    assert [track.id for track in source.info().tracks] == ["V1", "A1"]
    assert source.info().duration == JoinedSource(three).info().duration
    assert {gap.track for gap in gaps_of(list(source.video("V1")))} == {"V1"}
