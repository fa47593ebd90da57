"""Voice recognisers that attack: CAM++ and Resemblyzer's encoder, two families; vectors stay in memory."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from redaction.audio.speakers.models import Embedder
from redaction.model import Samples
from redaction.weights import open_session

__all__ = ["Resemblyzer", "VoiceRecogniser", "voice_recognisers"]

_HZ: Final = 16_000
_WINDOW: Final = 400
_STEP: Final = 160
_BANDS: Final = 40
_PART: Final = 160
_PART_STEP: Final = 77
_LEVEL_DB: Final = -30.0


class VoiceRecogniser(Protocol):
    """Makes a vector of a stretch of speech."""

    @property
    def name(self) -> str:
        """For people."""

    def vector(self, samples: Samples) -> NDArray[np.float32]:
        """Return a vector of length 1 of float32 (n,) at 16,000 Hz."""


class CamPlusPlus:
    """A time-delay network, trained on the voices of 200,000 speakers.

    Source: Wang et al., "CAM++", Interspeech 2023.
    """

    name = "CAM++"

    def __init__(self) -> None:
        """Load it.

        Raises:
            ModelMissing: the group `speakers` was not fetched.
        """
        self._net = Embedder()

    def vector(self, samples: Samples) -> NDArray[np.float32]:
        """Return the vector."""
        return self._net.embed(samples)


class Resemblyzer:
    """A recurrent network, trained to put utterances of one speaker together.

    Source: Wan et al., "Generalized end-to-end loss for speaker verification", 2018; mel energies as Resemblyzer makes
    them: 40 bands of Slaney's scale, windows of 25 ms, no logarithm, level raised to -30 dB.
    """

    name = "Resemblyzer"

    def __init__(self) -> None:
        """Load it.

        Raises:
            ModelMissing: the group `audit` was not fetched.
        """
        self._net = open_session("audit.resemblyzer")
        self._bank = _mel_bank()

    def vector(self, samples: Samples) -> NDArray[np.float32]:
        """Return the vector."""
        level = 20 * np.log10(max(1e-9, float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))))
        louder = samples * np.float32(10 ** (max(0.0, _LEVEL_DB - level) / 20))
        mel = self._mel(louder)
        parts = [mel[at : at + _PART] for at in range(0, max(1, len(mel) - _PART * 3 // 4), _PART_STEP)]
        batch = np.stack([np.pad(part, ((0, _PART - len(part)), (0, 0))) for part in parts])
        found = self._net.run(None, {"mel": batch.astype(np.float32)})[0]
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
        mean = found.mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)

    def _mel(self, samples: Samples) -> NDArray[np.float32]:
        padded = np.pad(samples, _WINDOW // 2)
        count = 1 + (len(padded) - _WINDOW) // _STEP
        at = np.arange(_WINDOW)[None] + _STEP * np.arange(count)[:, None]
        window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
        power = np.abs(np.fft.rfft(padded[at] * window, axis=1)) ** 2
        return np.asarray(power @ self._bank.T, np.float32)


def voice_recognisers() -> list[VoiceRecogniser]:
    """Load both."""
    return [CamPlusPlus(), Resemblyzer()]


def _mel_bank() -> NDArray[np.float64]:
    """Return 40 triangles of equal area over 201 frequencies, float64 (40, 201).

    Source: Slaney, "Auditory Toolbox", 1998: linear to 1 kHz, then 27 steps to each factor of 6.4.
    """

    def to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))

    top = 15 + 27 * np.log(_HZ / 2 / 1000) / np.log(6.4)
    edges = to_hz(np.linspace(0, top, _BANDS + 2))
    bins = np.linspace(0, _HZ / 2, _WINDOW // 2 + 1)
    rising = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    bank = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(bank * (2 / (edges[2:] - edges[:-2]))[:, None], np.float64)
