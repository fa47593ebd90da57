"""A staged call for reviews: an object that moves, a word that is said and shown, and somebody who is to go."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder.live.finish.finish import finish
from recorder.runtime.context import Run
from redaction.model import Samples
from redaction.stages import Stages
from samples.speech import SAMPLE_HZ, SCRIPT, speak_call
from tests.recorder.live.fakes import deaf_and_blind
from tests.recorder.live.staged import (
    SPEAKING_HZ,
    Picture,
    StagedPerson,
    StagedPicture,
    StagedSound,
    gap,
    stage,
    tone_at,
)

__all__ = ["HOSTILE", "OBJECT_PX", "SECONDS", "SIZE", "WORD", "green_share", "object_at", "staged_call"]

SIZE = (320, 240)
SECONDS = 5.0
OBJECT_PX = 44
WORD = "export"
HOSTILE = "<img/src=x/onerror=alert(1)>"


def object_at(time: float) -> tuple[float, float]:
    """Return the left upper corner of the object in shares of the picture."""
    across = 0.5 + 0.35 * np.sin(1.3 * time)
    down = 0.45 + 0.3 * np.cos(1.9 * time)
    return float(across * (1 - OBJECT_PX / SIZE[0])), float(down * (1 - OBJECT_PX / SIZE[1]))


def _noise(seed: int, height: int, width: int, step: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    small = random.integers(60, 190, (height // step, width // step), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


_GROUND = _noise(1, SIZE[1], SIZE[0], 20)
_MARK = _noise(2, OBJECT_PX, OBJECT_PX, 6)


def moving_object(time: float) -> Picture:
    """Draw a green textured square that moves over a grey textured ground, uint8 (H, W, 3) RGB."""
    picture = np.repeat(_GROUND[:, :, None], 3, axis=2)
    left, top = object_at(time)
    x, y = round(left * SIZE[0]), round(top * SIZE[1])
    mark = np.stack([_MARK // 6, _MARK, _MARK // 6], axis=2)
    picture[y : y + OBJECT_PX, x : x + OBJECT_PX] = mark
    return picture


def shown_word(_time: float) -> Picture:
    """Draw a page with the word on it."""
    page = np.full((360, 640, 3), 250, np.uint8)
    cv2.putText(
        page, "Monthly figures", (60, 100), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 2, cv2.LINE_AA
    )
    cv2.putText(
        page, "Export of March", (60, 220), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 2, cv2.LINE_AA
    )
    return page


def plain(_time: float) -> Picture:
    """Draw one red all over."""
    return np.full((120, 160, 3), (160, 60, 40), np.uint8)


def spoken() -> tuple[Samples, list[tuple[str, float, float, str | None]]]:
    """Return a sentence that holds the word, and its words with their times."""
    call = speak_call(SCRIPT[2:3])
    assert SAMPLE_HZ == SPEAKING_HZ
    words = [(word.text.strip(",."), word.span.start, word.span.end, None) for word in call.words]
    return np.asarray(call.samples, np.float32), words  # type: ignore[return-value]


def blind() -> Stages:
    """Return an engine without models."""
    engine = deaf_and_blind()
    engine._video = SimpleNamespace(screen=None, close=lambda: None)  # type: ignore[assignment]
    return engine


def staged_call(folder: Path, *, speech: bool = True) -> Path:
    """Publish a call of three: one shows the object and says the word, one shows it on a screen, one goes later."""
    samples, words = spoken() if speech else (tone_at(SECONDS, beep=1.0), [(WORD, 1.0, 1.5, None)])
    people = [
        StagedPerson(
            "a" * 16,
            1,
            [StagedPicture(moving_object, 0.0, SECONDS, size=SIZE)],
            [StagedSound(samples)],
            words,
            stays=[(0, SECONDS)],
            events=[gap(1.0, 1.2), gap(3.4, 3.6)],
            chat=[(1.5, (("the", None), (WORD, None))), (4.0, (("written", None), ("later", None)))],
        ),
        StagedPerson(
            "b" * 16,
            2,
            [StagedPicture(shown_word, 0.0, SECONDS, fps=5, kind="screen", size=(640, 360))],
            stays=[(0, SECONDS)],
        ),
        StagedPerson(
            "c" * 16,
            3,
            [StagedPicture(plain, 0.0, SECONDS, fps=5)],
            [StagedSound(tone_at(SECONDS, beep=2.0, hertz=700.0))],
            [(HOSTILE, 2.0, 2.4, None)],
            stays=[(0, SECONDS)],
        ),
    ]
    return finish(stage(folder, people, covered=False).writer, stages=blind(), run=Run()).path


def green_share(picture: NDArray[np.uint8]) -> float:
    """Return how much of a picture, uint8 (H, W, 3) RGB, is as green as the object."""
    red, green, blue = (picture[:, :, channel].astype(int) for channel in range(3))
    return float(((green > red + 35) & (green > blue + 35)).mean())
