"""The notice for eyes and ears: an image tile, and a few sentences spoken once, as tracks that a bot can publish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from recorder.call.notice import NoticeTexts
from recorder.call.playing import PLAYING_RATE, LoopingPicture, LoopingSound
from redaction.audio.speak import RATE, Synthesizer
from redaction.model import Samples

__all__ = ["draw_tile", "notice_sound", "notice_tile", "speak_notice"]

TILE_FPS: Final = 2  # a still picture; newcomers need a key frame soon, not motion
_FONT: Final = cv2.FONT_HERSHEY_DUPLEX
_MARGIN: Final = 0.06
_PAUSE_S: Final = 1.0


def draw_tile(lines: Sequence[str], *, width: int = 640, height: int = 360) -> NDArray[np.uint8]:
    """Draw plain ASCII lines, white on dark red, as uint8 (H, W, 3) RGB.

    Every line has the same size, the largest at which all fit.
    """
    tile = np.full((height, width, 3), (96, 16, 16), np.uint8)
    widest = max(cv2.getTextSize(line, _FONT, 1.0, 1)[0][0] for line in lines)
    step = height * (1 - 2 * _MARGIN) / len(lines)
    scale = min(width * (1 - 2 * _MARGIN) / widest, step * 0.55 / cv2.getTextSize("Mg", _FONT, 1.0, 1)[0][1])
    for number, line in enumerate(lines):
        (wide, high), _ = cv2.getTextSize(line, _FONT, scale, 1)
        place = (round((width - wide) / 2), round(height * _MARGIN + step * (number + 0.5) + high / 2))
        cv2.putText(tile, line, place, _FONT, scale, (255, 255, 255), max(1, round(scale)), cv2.LINE_AA)
    return tile


def notice_tile(texts: NoticeTexts, *, width: int = 640, height: int = 360) -> LoopingPicture:
    """Return the tile as a picture track."""
    return LoopingPicture([draw_tile(texts.tile, width=width, height=height)], fps=TILE_FPS)


def speak_notice(texts: NoticeTexts, synthesizer: Synthesizer) -> Samples:
    """Speak the notice; float32 (n,) mono at 48,000 Hz, after a second of silence for connections to settle.

    Takes a second or two of computing: call it off the event loop.

    Raises:
        CannotSpeak: the voice model failed.
    """
    speech = synthesizer.speak(texts.spoken.split())
    spoken = resample_poly(speech.samples, PLAYING_RATE // RATE, 1).astype(np.float32)
    silence = np.zeros(round(_PAUSE_S * PLAYING_RATE), np.float32)
    return np.concatenate([silence, np.clip(spoken, -1, 1), silence])


def notice_sound(spoken: Samples) -> LoopingSound:
    """Return the spoken notice as a sound track: once, then silence. Made anew for each time it is said."""
    return LoopingSound(spoken, once=True)
