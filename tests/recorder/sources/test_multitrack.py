"""Several files as one source: the contract, and which sound is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.media.source import Source
from recorder.sources.multitrack import MultitrackSource
from redaction.errors import UnreadableInput
from redaction.model import Gap
from tests.media import Clip, beep_times, break_bytes, make_clip, samples_of
from tests.recorder.sources.contract import SourceContract


class TestPartsSource(SourceContract):
    """The contract, over one file, and over a view with voices in files of their own."""

    @pytest.fixture(scope="class", params=["one", "voices"])
    @classmethod
    def made(
        cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> tuple[Clip, tuple[Path, ...]]:
        folder = tmp_path_factory.mktemp("parts")
        if request.param == "one":
            return make_clip(folder / "a.mp4", seconds=1.2, size=(160, 120)), ()
        clip = make_clip(folder / "a.mp4", seconds=1.2, size=(160, 120), audio=None)
        return clip, tuple(
            make_clip(folder / f"{name}.mp4", seconds=1.2, size=(64, 48)).path for name in ("b", "c")
        )

    @pytest.fixture
    def clip(self, made: tuple[Clip, tuple[Path, ...]]) -> Clip:
        return made[0]

    @pytest.fixture
    def source(self, made: tuple[Clip, tuple[Path, ...]]) -> Source:
        return MultitrackSource([made[0].path], voices=made[1])


def _clip(path: Path, *, beep: float | None) -> Path:
    if beep is None:
        return make_clip(path, seconds=1.2, size=(64, 48), audio=None).path
    return make_clip(path, seconds=1.2, size=(64, 48), flashes=(beep,)).path


def _beeps(source: MultitrackSource) -> list[float]:
    """Return when each sound track beeps, rounded to a tenth of a second."""
    return [
        round(beep_times(samples_of(list(source.audio(track.id, 16_000))), sample_rate=16_000)[0], 1)
        for track in source.info().audio
    ]


def test_every_view_is_a_picture_track_in_the_order_given(tmp_path: Path) -> None:
    """Views become V1 and V2, and only the first view's sound is taken: the others hold the same."""
    views = [_clip(tmp_path / "a.mp4", beep=0.2), _clip(tmp_path / "b.mp4", beep=0.5)]
    source = MultitrackSource(views, mix=[_clip(tmp_path / "m.mp4", beep=0.8)])
    assert [track.id for track in source.info().tracks] == ["V1", "V2", "A1"]
    assert _beeps(source) == [0.2]
    assert source.voice_tracks == ()


def test_voices_take_the_place_of_mixed_sound(tmp_path: Path) -> None:
    """Where participants have files of their own, nothing of the mixed sound is read."""
    voices = [_clip(tmp_path / "b.mp4", beep=0.4), _clip(tmp_path / "c.mp4", beep=0.7)]
    source = MultitrackSource(
        [_clip(tmp_path / "a.mp4", beep=0.2)], mix=[_clip(tmp_path / "m.mp4", beep=0.9)], voices=voices
    )
    assert _beeps(source) == [0.4, 0.7]
    assert source.voice_tracks == ("A1", "A2")


def test_mix_is_read_where_no_view_has_sound(tmp_path: Path) -> None:
    """A silent view and an audio-only file make one recording."""
    source = MultitrackSource(
        [_clip(tmp_path / "a.mp4", beep=None)], mix=[_clip(tmp_path / "m.mp4", beep=0.9)]
    )
    assert _beeps(source) == [0.9]


def test_a_participant_s_file_without_sound_is_refused(tmp_path: Path) -> None:
    """A voice that cannot be heard is not left out in silence."""
    source = MultitrackSource([], voices=[_clip(tmp_path / "a.mp4", beep=None)])
    with pytest.raises(UnreadableInput, match="no sound"):
        source.info()


def test_gaps_bear_the_track_s_new_id(tmp_path: Path) -> None:
    """Damage in the second view is told of V2."""
    good = make_clip(tmp_path / "a.ts", seconds=3, size=(160, 120), codec="mpeg2video", audio="mp2")
    bad = make_clip(tmp_path / "b.ts", seconds=3, size=(160, 120), codec="mpeg2video", audio="mp2")
    break_bytes(bad.path, count=4000)
    gaps = [item for item in MultitrackSource([good.path, bad.path]).video("V2") if isinstance(item, Gap)]
    assert gaps
    assert {gap.track for gap in gaps} == {"V2"}
