"""Damage in fragmented MP4, as browsers record it: libav ends there, and what is gone is covered time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from recorder.media.containers.fragmented import lost_in_fragments
from recorder.media.file import FileSource
from tests.media import frames_of, gaps_of, make_clip

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A recording of six seconds in fragments."""
    path = tmp_path_factory.mktemp("mp4") / "a.mp4"
    return make_clip(
        path, seconds=6.0, size=(160, 120), gop=20, container_options=FRAGMENTED
    ).path.read_bytes()


def test_whole_files_and_files_cut_off_have_no_break(film: bytes, tmp_path: Path) -> None:
    """What recorders leave, in fragments or not, whole or cut off, is followed to its end."""
    path = tmp_path / "a.mp4"
    for end in (len(film), len(film) * 2 // 3, len(film) - 1):
        path.write_bytes(film[:end])
        assert lost_in_fragments(path) == ()
    for options in ({}, {"movflags": "faststart"}):
        clip = make_clip(tmp_path / "b.mp4", seconds=1.0, size=(96, 64), container_options=options)
        assert lost_in_fragments(clip.path) == ()


@pytest.mark.parametrize("how", ["noise", "cut"])
def test_what_was_lost_is_covered(film: bytes, tmp_path: Path, how: str) -> None:
    """From a break on the recording is covered up to the last fragment that there is; before it nothing changes."""
    data, at, many = bytearray(film), len(film) * 2 // 5, len(film) // 12
    if how == "cut":
        del data[at : at + many]
    else:
        data[at : at + many] = random.Random(1).randbytes(many)
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    items = list(FileSource(path).video("V1"))
    (gap,) = gaps_of(items)
    assert 1 < gap.span.start < 3
    assert gap.span.end > 4.5
    shown = [frame.time for frame in frames_of(items) if not frame.whole_cover]
    assert len(shown) > 25
    assert max(shown) < gap.span.start + 0.05


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_are_gone_through(film: bytes, tmp_path: Path, seed: int) -> None:
    """Whatever stands in a file, going through it ends."""
    dice, data = random.Random(seed), bytearray(film)
    for _ in range(dice.choice((1, 20, 200))):
        at = dice.randrange(len(data))
        data[at : at + dice.randrange(1, 9)] = dice.randbytes(dice.randrange(1, 9))
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    assert len(lost_in_fragments(path)) <= 1
