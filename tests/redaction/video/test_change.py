"""Thumbnails: what counts as a change, where, and what is a cut."""

import numpy as np
import pytest

from redaction.model import Box
from redaction.video.change import block_of, changed_blocks, is_cut, patch_change, regions, thumbnail
from tests.redaction.video.scene import frame

RANDOM = np.random.default_rng(7)


def texture(
    seed: int, size: tuple[int, int] = (1280, 720)
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a coarse random picture."""
    small = np.random.default_rng(seed).integers(30, 220, (9, 16)).astype(np.uint8)
    return np.kron(small, np.ones((size[1] // 9, size[0] // 16), np.uint8))[: size[1], : size[0]]


@pytest.mark.parametrize(
    ("size", "block"), [((1280, 720), 8), ((320, 180), 4), ((3840, 2160), 12), ((16, 16), 4)]
)
def test_thumbnail_has_block_means(size: tuple[int, int], block: int) -> None:
    """A thumbnail holds the mean of each whole block, of 4 to 12 px a side."""
    given = frame(size=size)
    given.y[:block, :block] = 200
    small = thumbnail(given)
    assert block_of(given) == block
    assert small.shape == (size[1] // block, size[0] // block)
    assert small[0, 0] == 200
    assert (small.ravel()[1:] == 60).all()


def test_small_flash_is_a_change() -> None:
    """A face of 36x48 px that differs by 15 levels from the wall changes a 720p thumbnail, wherever it is."""
    before = frame(size=(1280, 720))
    for x, y in ((3, 5), (637, 351), (1243, 669)):
        now = frame(size=(1280, 720))
        now.y[y : y + 48, x : x + 36] += 15
        changed = changed_blocks(thumbnail(now), thumbnail(before), block=8, covered=())
        assert changed.any()
        where = regions(changed, block=8, width=1280, height=720, reach=24)
        assert any(box.intersection(Box(x, y, x + 36, y + 48)).area == 36 * 48 for box in where), (
            "the region does not hold the face"
        )


def test_camera_noise_is_no_change() -> None:
    """Noise of 5 levels changes nothing."""
    pictures = [
        frame(size=(1280, 720), ground=(90 + RANDOM.normal(0, 5, (720, 1280))).astype(np.uint8))
        for _ in range(2)
    ]
    assert not changed_blocks(thumbnail(pictures[0]), thumbnail(pictures[1]), block=8, covered=()).any()


def test_only_blocks_wholly_covered_are_left_out() -> None:
    """A change inside a covered box is ignored; one that reaches a pixel outside of it is seen."""
    before, now = thumbnail(frame()), thumbnail(frame([Box(40, 40, 60, 60)]))
    assert not changed_blocks(now, before, block=4, covered=[Box(40, 40, 60, 60)]).any()
    assert changed_blocks(now, before, block=4, covered=[Box(41, 40, 60, 60)]).any()
    assert changed_blocks(now, before, block=4, covered=[Box(40, 40, 60, 59)]).any()


def test_regions_reach_the_frame_edge() -> None:
    """A change at the last block takes the rest that the thumbnail leaves out with it."""
    now = frame([Box(150, 90, 163, 99)], size=(163, 99))
    changed = changed_blocks(thumbnail(now), thumbnail(frame(size=(163, 99))), block=4, covered=())
    box = regions(changed, block=4, width=163, height=99, reach=4)[0]
    assert (box.x2, box.y2) == (163, 99)


def test_cut_between_pictures() -> None:
    """Another picture is a cut."""
    assert is_cut(
        thumbnail(frame(ground=texture(1), size=(1280, 720))),
        thumbnail(frame(ground=texture(2), size=(1280, 720))),
    )


@pytest.mark.parametrize("kind", ["brighter", "moved", "passed"])
def test_no_cut_within_a_shot(kind: str) -> None:
    """More light, a small pan or somebody who passes is no cut."""
    before = texture(3)
    now = before.copy()
    if kind == "brighter":
        now = np.clip(before.astype(np.int16) + 30, 0, 235).astype(np.uint8)
    elif kind == "moved":
        now = np.roll(before, 12, axis=1)
    else:
        now[200:700, 300:700] = 20
    size = (1280, 720)
    assert not is_cut(thumbnail(frame(ground=now, size=size)), thumbnail(frame(ground=before, size=size)))


def test_another_size_is_a_cut() -> None:
    """Thumbnails of different shapes are different shots."""
    assert is_cut(thumbnail(frame(size=(320, 180))), thumbnail(frame(size=(160, 96))))


def test_patch_change_is_local() -> None:
    """Only what is inside the box is measured; a box outside of the picture is never called unchanged."""
    before, now = thumbnail(frame()), thumbnail(frame([Box(0, 0, 40, 40)]))
    assert patch_change(now, before, block=4, box=Box(60, 50, 90, 80)) == 0
    assert patch_change(now, before, block=4, box=Box(0, 0, 40, 40)) == 160
    assert patch_change(now, before, block=4, box=Box(400, 400, 420, 420)) == float("inf")
