"""Generated screens: windows with text in motion, and what must never be readable in their redacted frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import VideoFrame

__all__ = ["SCENES", "Scene", "as_frame", "chat", "gallery", "write"]

Picture = NDArray[np.uint8]
WIDTH, HEIGHT, RATE = 960, 540, 15
INK: Final = (30, 30, 30)
PEOPLE: Final = (
    "Siobhan Kelly",
    "Adaeze Okonkwo",
    "Tomasz Wisniewski",
    "Mehmet Yilmaz",
    "Fatima Benali",
    "Rajesh Iyer",
    "Danielle Roy",
    "Zanele Moyo",
)
MAILS: Final = ("siobhan.kelly@example.org", "a.okonkwo@example.com", "yilmaz_m@example.net")
PLAIN: Final = (
    "the file is on the drive",
    "great, thanks",
    "can you resend the agenda?",
    "see the second page",
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A moving screen.

    Attributes:
        frames: how many there are, 15 a second.
        draw: draws one, uint8 (H, W, 3) BGR.
        secrets: strings of which nothing may be readable, in small letters without spaces.
        kept: strings that should be readable at the end.
    """

    frames: int
    draw: Callable[[int], Picture]
    secrets: tuple[str, ...]
    kept: tuple[str, ...] = ()


def as_frame(picture: Picture, index: int, rate: int = RATE) -> VideoFrame:
    """Return a picture with even sides as a frame."""
    height, width = picture.shape[:2]
    planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), dtype=np.uint8).reshape(-1)
    area, quarter = width * height, width * height // 4
    return VideoFrame(
        planes[:area].reshape(height, width).copy(),
        planes[area : area + quarter].reshape(height // 2, width // 2).copy(),
        planes[area + quarter :].reshape(height // 2, width // 2).copy(),
        index,
        Fraction(1, rate),
    )


def write(
    picture: Picture, text: str, x: int, y: int, *, size: int = 15, ink: tuple[int, int, int] = INK
) -> None:
    """Write a line with its baseline at `y`, with the font that OpenCV brings."""
    font: Any = cv2.FontFace("sans")
    cv2.putText(picture, text, (x, y), ink, font, size, 400)


def blank(level: int = 245) -> Picture:
    """Return an empty screen."""
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def _bare(*texts: str) -> tuple[str, ...]:
    parts = [
        part for text in texts for part in text.replace("@", " ").replace(".", " ").replace("_", " ").split()
    ]
    return tuple({part.lower() for part in parts if len(part) >= 4 and part not in ("example",)})


def chat(count: int) -> list[tuple[str, str]]:
    """Return messages: who and what."""
    lines = [*PLAIN, f"my mail is {MAILS[0]}", "call me at 617-555-0188", f"write to {MAILS[2]}"]
    return [(PEOPLE[at % len(PEOPLE)], lines[(3 * at) % len(lines)]) for at in range(count)]


def _scrolling(index: int) -> Picture:
    picture = blank()
    moving = max(0, min(index, 50) - 12)
    offset = moving * 7
    panel = np.full((900, 400, 3), 252, np.uint8)
    for at, (who, what) in enumerate(chat(16)):
        write(panel, who, 14, 28 + 54 * at, size=14)
        write(panel, "9:41 AM", 330, 28 + 54 * at, size=12)
        write(panel, what, 14, 50 + 54 * at, size=15)
    picture[40:520, 540:940] = panel[offset : offset + 480]
    write(picture, "Quarterly planning", 40, 60, size=22)
    return picture


def _moving_tag(index: int) -> Picture:
    picture = blank(40)
    tiles = [(20, 20), (490, 20), (20, 280), (490, 280)]
    for at, (x, y) in enumerate(tiles):
        picture[y : y + 240, x : x + 450] = (70 + 20 * at, 90, 80)
    x, y = tiles[min(3, index // 13)]
    picture[y + 212 : y + 238, x + 4 : x + 140] = (25, 25, 25)
    write(picture, PEOPLE[0], x + 12, y + 231, ink=(240, 240, 240))
    return picture


def _dragged(index: int) -> Picture:
    picture = blank()
    for row in range(8):
        write(picture, "Totals are rounded to two decimals.", 40, 60 + 60 * row)
    step = max(0, min(index, 40) - 10)
    x, y = 60 + 11 * step, 50 + 6 * step
    picture[y : y + 150, x : x + 330] = (255, 250, 245)
    cv2.rectangle(picture, (x, y), (x + 330, y + 150), (120, 120, 120), 1)
    write(picture, f"Contact: {PEOPLE[2]}", x + 16, y + 40)
    write(picture, MAILS[1], x + 16, y + 75)
    write(picture, "Phone 617-555-0188", x + 16, y + 110)
    return picture


def _slides(index: int) -> Picture:
    picture = blank(250 - 6 * (index // 15))
    titles = ["Case review", "Who is who", "Next steps", "Contacts"]
    at = min(3, index // 15)
    write(picture, titles[at], 60, 90, size=36)
    lines = [
        ("Action item: update the runbook", "The board meets every second Tuesday."),
        (f"Owner: {PEOPLE[1]}", f"Reviewer: {PEOPLE[5]}"),
        ("Please return the form before Friday.", "Totals are rounded."),
        (f"Student: {PEOPLE[7]}, Grade 4", f"Mail {MAILS[2]}"),
    ][at]
    for row, line in enumerate(lines):
        write(picture, line, 80, 180 + 60 * row, size=24)
    return picture


def _typed(index: int) -> Picture:
    picture = blank()
    text = f"please write to {MAILS[0]} today"
    write(picture, "New message", 60, 60, size=18)
    cv2.rectangle(picture, (50, 90), (900, 140), (150, 150, 150), 1)
    write(picture, text[: max(0, index - 4) * 2 // 3], 64, 122, size=18)
    return picture


def _popup(index: int) -> Picture:
    picture = blank()
    for row in range(7):
        write(picture, "The review board meets every second Tuesday.", 60, 80 + 60 * row)
    if 20 <= index < 28:
        picture[20:90, 640:940] = (60, 50, 45)
        write(picture, f"{PEOPLE[4]}", 656, 48, ink=(240, 240, 240))
        write(picture, "my number is 617-555-0188", 656, 74, ink=(220, 220, 220))
    return picture


def _moving_chart(index: int) -> Picture:
    """Return bars and a line that never stand still, over which a name and a number appear for half a second."""
    picture = blank()
    write(picture, "Totals by quarter", 60, 50, size=18)
    tops = []
    for bar in range(8):
        tall = int(90 + 26 * bar + 28 * np.sin(index / 7 + 1.3 * bar))
        picture[480 - tall : 480, 80 + 100 * bar : 140 + 100 * bar] = (190, 130, 60)
        tops.append((110 + 100 * bar, 456 - tall))
    cv2.polylines(picture, [np.array(tops, np.int32)], False, (70, 120, 230), 3, cv2.LINE_AA)
    if 30 <= index < 38:
        write(picture, PEOPLE[2], 200, 300, size=18)
        write(picture, "617-555-0188", 560, 230, size=18)
    if index >= 58:
        write(picture, MAILS[2], 300 + index, 280, size=18)
    return picture


def gallery(index: int, *, names: tuple[str, ...] = PEOPLE[:4]) -> Picture:
    """Return four tiles with name tags, each with a blob that moves."""
    picture = blank(35)
    for at, name in enumerate(names):
        x, y = 10 + 475 * (at % 2), 10 + 265 * (at // 2)
        picture[y : y + 255, x : x + 465] = (90 + 15 * at, 80, 70)
        cv2.circle(picture, (x + 230 + int(20 * np.sin(index / 5 + at)), y + 110), 60, (140, 150, 180), -1)
        write(picture, name, x + 10, y + 243, ink=(245, 245, 245))
    return picture


SCENES: Final = {
    "scrolling chat": Scene(
        75, _scrolling, (*_bare(*PEOPLE, *MAILS), "6175550188"), ("quarterlyplanning", "resendtheagenda")
    ),
    "moving name tag": Scene(60, _moving_tag, _bare(PEOPLE[0])),
    "dragged window": Scene(60, _dragged, (*_bare(PEOPLE[2], MAILS[1]), "6175550188"), ("totalsarerounded",)),
    "slide show": Scene(60, _slides, (*_bare(PEOPLE[1], PEOPLE[5], PEOPLE[7], MAILS[2]),), ("contacts",)),
    "typed letter by letter": Scene(75, _typed, _bare(MAILS[0]), ("newmessage",)),
    "moving chart": Scene(
        90, _moving_chart, (*_bare(PEOPLE[2], MAILS[2]), "6175550188"), ("totalsbyquarter",)
    ),
    "half a second": Scene(50, _popup, (*_bare(PEOPLE[4]), "6175550188"), ("reviewboard",)),
}
