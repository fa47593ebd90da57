"""QR and bar codes are found."""

import cv2
import numpy as np
import pytest

from redaction.video.screen.codes import CodeFinder


def code(side: int) -> np.ndarray:
    """Return a QR code, uint8 (side, side)."""
    made = cv2.QRCodeEncoder.create().encode("https://example.org/meeting/42")
    return np.asarray(cv2.resize(made, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8)


def test_code_is_boxed_with_its_edge() -> None:
    """A code of 120 px lies in one box with every module; the rest of the page does not."""
    page = np.full((400, 600), 240, np.uint8)
    page[100:220, 300:420] = code(120)
    (box,) = CodeFinder().find(page)
    assert box.x1 <= 304
    assert box.y1 <= 104
    assert box.x2 >= 416
    assert box.y2 >= 216
    assert box.area < 2.5 * 120 * 120


def test_page_without_code() -> None:
    """Nothing is found on an even page or on a sliver."""
    assert CodeFinder().find(np.full((200, 300), 240, np.uint8)) == []
    assert CodeFinder().find(np.full((8, 300), 240, np.uint8)) == []


def bars(number: str, unit: int, tall: int) -> np.ndarray:
    """Return an EAN-13 bar code of a number of twelve digits, uint8 (H, W). Source: ISO/IEC 15420."""
    odd = [
        "0001101",
        "0011001",
        "0010011",
        "0111101",
        "0100011",
        "0110001",
        "0101111",
        "0111011",
        "0110111",
        "0001011",
    ]
    check = -sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(number)) % 10
    left = [odd[int(digit)] for digit in number[1:7]]  # the first digit is 0: all of the left are odd
    right = ["".join("10"[int(bit)] for bit in odd[int(digit)]) for digit in f"{number[7:]}{check}"]
    modules = f"101{''.join(left)}01010{''.join(right)}101"
    row = np.repeat(np.array([0 if bit == "1" else 255 for bit in modules], np.uint8), unit)
    made = cv2.copyMakeBorder(np.repeat(row[np.newaxis], tall, 0), 10, 10, 12 * unit, 12 * unit, 0, value=255)
    return np.asarray(made, np.uint8)


@pytest.mark.parametrize(("unit", "tall"), [(2, 60), (3, 120), (4, 250), (6, 400), (8, 500)])
def test_bar_codes_of_any_size_are_found(unit: int, tall: int) -> None:
    """Small ones and those that fill a picture are boxed with all their bars, also where they must be readable."""
    page = np.full((720, 1280), 200, np.uint8)
    code_of = bars("036000291452", unit, tall)
    height, width = code_of.shape
    y, x = (720 - height) // 2, (1280 - width) // 2
    page[y : y + height, x : x + width] = code_of
    boxes = CodeFinder().find(page, unread_px=page.size / 2)
    assert boxes
    assert min(box.x1 for box in boxes) <= x + 12 * unit
    assert max(box.x2 for box in boxes) >= x + width - 12 * unit


def test_stripes_that_fill_a_picture_are_no_code() -> None:
    """What is so large and cannot be read is a fence or the grain of wood; smaller, it is covered all the same."""
    finder = CodeFinder()
    random = np.random.default_rng(2)
    row = np.repeat(np.repeat(np.array([30, 220] * 60, np.uint8), random.integers(1, 4, 120)), 5)
    stripes = cv2.GaussianBlur(np.repeat(row[np.newaxis], 700, 0), (0, 0), 2)
    assert finder.find(stripes)
    assert finder.find(stripes, unread_px=stripes.size / 2) == []
    assert finder.find(stripes, unread_px=2 * stripes.size)
