"""Mix decoded sound of any layout down to mono float samples, and bring it to one rate."""

from __future__ import annotations

from typing import Final

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from redaction.model import Samples

__all__ = ["Resampler", "mono"]

# PyAV 18 counts the planes of a planar frame up to a null pointer, which from 8 channels on is not there.
_PLANES_PYAV_COUNTS: Final = 8
# ITU-R BS.775-3, table 2: what each channel weighs in a downmix. The low-frequency channel is left out.
_WEIGHTS: Final = {"FC": 1.0, "FL": 0.7071, "FR": 0.7071, "LFE": 0.0, "LFE2": 0.0}
_OTHER_WEIGHT: Final = 0.5
_SCALES: Final = {"u8": 128.0, "s16": 32_768.0, "s32": 2_147_483_648.0, "s64": 9.223372036854775808e18}


def mono(frame: AudioFrame) -> Samples:
    """Return a decoded frame as float32 (n,), -1 to 1; loudness never rises, so nothing clips."""
    channels = frame.layout.nb_channels
    if frame.format.is_planar and channels >= _PLANES_PYAV_COUNTS:
        frame = _packed(frame)
    data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, channels).T
    kind = frame.format.name.removesuffix("p")
    samples = data.astype(np.float32)
    if kind == "u8":
        samples -= _SCALES["u8"]
    if kind in _SCALES:
        samples /= _SCALES[kind]
    mixed: Samples = samples[0] if channels == 1 else _weights(frame) @ samples
    bounded: Samples = np.clip(np.nan_to_num(mixed, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0)
    return bounded


def _packed(frame: AudioFrame) -> AudioFrame:
    return AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate).resample(frame)[0]


def _weights(frame: AudioFrame) -> Samples:
    names = [channel.name for channel in frame.layout.channels]
    known = [_WEIGHTS.get(name, _OTHER_WEIGHT) for name in names]
    if len(known) != frame.layout.nb_channels or sum(known) <= 0:
        known = [1.0] * frame.layout.nb_channels
    total = sum(known)
    return np.array([weight / total for weight in known], np.float32)


class Resampler:
    """Brings a run of mono samples from one rate to another, without delay; `finish` gives the last ones."""

    def __init__(self, source_hz: int, target_hz: int) -> None:
        self.source_hz = source_hz
        self.target_hz = target_hz
        self._resampler = AudioResampler(format="fltp", layout="mono", rate=target_hz)

    def push(self, samples: Samples) -> Samples:
        """Take float32 (n,) at the source rate, and return what is ready at the target rate."""
        if self.source_hz == self.target_hz or not len(samples):
            return samples
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="fltp", layout="mono")
        frame.sample_rate = self.source_hz
        return _joined(self._resampler.resample(frame))

    def finish(self) -> Samples:
        """Return the samples still held."""
        if self.source_hz == self.target_hz:
            return np.zeros(0, np.float32)
        return _joined(self._resampler.resample(None))


def _joined(frames: list[AudioFrame]) -> Samples:
    parts = [frame.to_ndarray()[0].astype(np.float32, copy=False) for frame in frames]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
