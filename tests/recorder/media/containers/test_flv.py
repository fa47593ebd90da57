"""Damage in Flash video, as OBS records it: tags that do not follow each other are a loss."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from recorder.media.containers.flv import lost_in_flv
from recorder.media.file import FileSource
from tests.media import frame_number, frames_of, gaps_of, make_clip


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A recording of six seconds."""
    path = tmp_path_factory.mktemp("flv") / "a.flv"
    return make_clip(path, seconds=6.0, size=(160, 120), gop=20).path.read_bytes()


def test_a_whole_file_and_one_cut_off_have_no_break(film: bytes, tmp_path: Path) -> None:
    """What OBS leaves, whole or when it died, is followed to its end."""
    path = tmp_path / "a.flv"
    for end in (len(film), len(film) * 2 // 3, len(film) - 1):
        path.write_bytes(film[:end])
        assert lost_in_flv(path) == ()


@pytest.mark.parametrize(("how", "seed"), [("noise", 1), ("noise", 2), ("cut", 1), ("little", 3)])
def test_what_was_lost_is_covered(film: bytes, tmp_path: Path, how: str, seed: int) -> None:
    """Noise, also where it looks like tags of further streams, and bytes taken out are a gap, and time goes on."""
    data, at, many = bytearray(film), len(film) * 2 // 5, len(film) // 12
    if how == "cut":
        del data[at : at + many]
    else:
        many = many if how == "noise" else 300
        data[at : at + many] = random.Random(seed).randbytes(many)
    path = tmp_path / "a.flv"
    path.write_bytes(data)
    ((lost),) = lost_in_flv(path)
    assert lost.end is not None
    items = list(FileSource(path).video("V1"))
    frames, gaps = frames_of(items), gaps_of(items)
    assert gaps
    assert gaps[0].span.start <= float(lost.end)
    assert gaps[-1].span.end >= float(lost.end) - 0.05
    assert frames[-1].time == pytest.approx(6, abs=0.1)
    assert all(abs(round(one.time * 25) - frame_number(one)) <= 1 for one in frames if not one.whole_cover)
