"""QR and bar codes are found."""

import cv2
import numpy as np

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
