"""Mix decoded sound of any layout down to mono float samples, and bring it to one rate."""

from __future__ import annotations

from functools import lru_cache
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
_NOTHING: Final = np.zeros(0, np.float32)
_PIECES_PER_S: Final = 8
_OTHER_WEIGHT: Final = 0.5
_SCALES: Final = {"u8": 128.0, "s16": 32_768.0, "s32": 2_147_483_648.0, "s64": 9.223372036854775808e18}


def mono(frame: AudioFrame, *, channel: int | None = None) -> Samples:
    """Return a decoded frame as float32 (n,), -1 to 1; loudness never rises, so nothing clips.

    Args:
        frame: of any layout.
        channel: one channel alone, from 0; silence where the frame has none of that number. None mixes them.
    """
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
    mixed = _one_channel(samples, channel, _names(frame))
    if kind in _SCALES:
        return mixed
    if not np.isfinite(mixed).all():
        mixed = np.nan_to_num(mixed, nan=0.0, posinf=1.0, neginf=-1.0)
    bounded: Samples = np.clip(mixed, -1.0, 1.0)
    return bounded


def _one_channel(samples: Samples, channel: int | None, names: tuple[str, ...]) -> Samples:
    """Mix samples float32 (channels, n), or take one of their channels."""
    if channel is not None:
        return samples[channel] if channel < len(samples) else np.zeros(samples.shape[1], np.float32)
    mixed: Samples = samples[0] if len(samples) == 1 else _weights(names) @ samples
    return mixed


def _packed(frame: AudioFrame) -> AudioFrame:
    return AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate).resample(frame)[0]


def _names(frame: AudioFrame) -> tuple[str, ...]:
    names = tuple(channel.name for channel in frame.layout.channels)
    return names if len(names) == frame.layout.nb_channels else ("",) * frame.layout.nb_channels


@lru_cache(maxsize=32)
def _weights(names: tuple[str, ...]) -> Samples:
    """Return float32 (channels,) that sums to 1."""
    weights = [_WEIGHTS.get(name, _OTHER_WEIGHT) for name in names]
    total = sum(weights)
    if total <= 0:
        weights, total = [1.0] * len(names), float(len(names))
    return np.array([weight / total for weight in weights], np.float32)


class Resampler:
    """Brings a run of mono samples from one rate to another, without delay; `finish` gives the last ones."""

    def __init__(self, source_hz: int, target_hz: int) -> None:
        self.source_hz = source_hz
        self.target_hz = target_hz
        self._resampler = AudioResampler(format="fltp", layout="mono", rate=target_hz)
        self._held: list[Samples] = []
        self._held_count = 0

    def push(self, samples: Samples) -> Samples:
        """Take float32 (n,) at the source rate, and return what is ready at the target rate."""
        if self.source_hz == self.target_hz:
            return samples
        self._held.append(samples)
        self._held_count += len(samples)
        return self._resampled() if self._held_count >= self.source_hz // _PIECES_PER_S else _NOTHING

    def finish(self) -> Samples:
        """Return the samples still held."""
        if self.source_hz == self.target_hz:
            return _NOTHING
        rest = self._resampled()
        return np.concatenate((rest, _joined(self._resampler.resample(None))))

    def _resampled(self) -> Samples:
        samples = np.concatenate(self._held) if self._held else _NOTHING
        self._held, self._held_count = [], 0
        if not len(samples):
            return samples
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="fltp", layout="mono")
        frame.sample_rate = self.source_hz
        return _joined(self._resampler.resample(frame))


def _joined(frames: list[AudioFrame]) -> Samples:
    parts = [frame.to_ndarray()[0].astype(np.float32, copy=False) for frame in frames]
    return np.concatenate(parts) if parts else _NOTHING
