"""Maps of what changed and of what may be letters."""

import numpy as np

from redaction.model import Box
from redaction.video.screen.changes import boxes_of, changed, grounds, hide, likeness, strokes, within
from tests.redaction.video.screen.made import write


def page(text: str = "", y: int = 40) -> np.ndarray:
    """Return luma of a light page."""
    picture = np.full((83, 203, 3), 240, np.uint8)
    if text:
        write(picture, text, 20, y, size=16)
    return picture[:, :, 0].copy()


def test_letters_are_strokes_and_smooth_things_are_not() -> None:
    """Blocks with letters are marked; an even page, a slope and the edge of a dark half are not."""
    assert strokes(page("Siobhan"), block=8)[3:5, 3:9].any(axis=0).all()
    assert not strokes(page(), block=8).any()
    slope = np.tile(np.linspace(0, 255, 200).astype(np.uint8), (80, 1))
    assert not strokes(slope, block=8).any()
    half = page()
    half[:, 100:] = 20
    assert not strokes(half, block=8).any()


def test_change_is_found_to_the_last_row_and_noise_is_not() -> None:
    """A changed letter marks its blocks, in the rest at the edge too; 20 levels of noise mark none."""
    before = page("Siobhan")
    noisy = np.clip(before.astype(int) + np.random.default_rng(0).integers(-20, 20, before.shape), 0, 255)
    assert not changed(noisy.astype(np.uint8), before, block=8).any()
    other = before.copy()
    other[80:, 200:] = 0
    assert np.argwhere(changed(other, before, block=8)).tolist() == [[10, 25]]
    assert boxes_of(changed(other, before, block=8), block=8, width=203, height=83) == [Box(200, 80, 203, 83)]


def test_hidden_blocks_are_whole_and_touched_ones_are_not() -> None:
    """Only blocks that lie in a box as a whole are hidden; every block that a box touches is within it."""
    mask = np.ones((4, 4), np.bool_)
    hide(mask, [Box(4, 4, 28, 28)], block=8)
    assert mask.sum() == 16 - 4
    assert within((4, 4), [Box(7, 7, 9, 9)], block=8).sum() == 4


def test_likeness_sees_the_same_text_paler_and_in_part() -> None:
    """The same letters fading in, or the first half of them, are alike; other places are not."""
    now, box = page("Siobhan Kelly"), Box(18, 22, 140, 48)
    faint = (240 - (240 - now.astype(int)) // 4).astype(np.uint8)
    assert likeness(now, faint, box) > 0.9
    assert likeness(now, page("Siobhan"), box) > 0.3
    assert likeness(now, page(), box) == 0.0


def test_ground_is_the_share_of_the_likeliest_brightness_around_a_block() -> None:
    """It is what counting the pixels around each block that is asked for gives, at the edges too; others have none."""
    rng = np.random.default_rng(3)
    for height, width, block in ((83, 203, 8), (64, 120, 5), (50, 150, 12)):
        luma = rng.integers(90, 130, (height, width), np.uint8)
        where = rng.random((-(-height // block), -(-width // block))) < 0.3
        found = grounds(luma, where, block=block)
        half = luma[::2, ::2] // 8
        rows, columns = np.arange(half.shape[0]) * 2 // block, np.arange(half.shape[1]) * 2 // block
        for row, column in np.ndindex(*where.shape):
            near = half[np.abs(rows - row) <= 1][:, np.abs(columns - column) <= 2]
            counts = np.bincount(near.ravel(), minlength=32)
            share = (counts[1:] + counts[:-1]).max() / max(1, counts.sum())
            assert found[row, column] == (np.float32(share) if where[row, column] else 0)
