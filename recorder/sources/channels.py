"""Which audio tracks and channels hold somebody's words of their own: what a call is listened to by."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from recorder.media.source import Source, SourceInfo, TrackInfo
from recorder.runtime.context import Run
from redaction.audio.listening.segment import FRAME, RATE, SPEECH_AT, SileroVad
from redaction.errors import UsageError
from redaction.model import AudioBlock, Gap, VideoFrame

__all__ = ["CHANNELS_CANCEL", "MIX_LEFT_OUT", "ArrangedSource", "ChannelMode", "arrange_audio"]

ChannelMode = Literal["auto", "mix", "separate"]

CHANNELS_CANCEL: Final = "channels-cancel"
MIX_LEFT_OUT: Final = "mix-track-left-out"

_MOST_CHANNELS: Final = 8

_ACTIVE_DB: Final = -55.0
"""Level of a 32 ms frame from which something is heard in it, in dB of full scale."""

_DOMINATES_DB: Final = 6.0
"""By how much one channel is louder where its caller alone speaks. Source: two directional microphones at one place
differ less by where somebody sits, and a telephone's echo is weaker by 20 dB and more."""

_OWN_S: Final = 0.7
"""How long each of two channels must dominate, in seconds of speech: a short sentence."""

_ALIKE: Final = 0.5
"""Correlation of two channels' levels in dB from which they hear the same. Source: measured on made calls: callers on
channels of their own, echoes of -15 dB included, -0.90 to 0.26; one room before two microphones 0.65 to 1.00."""

_OPPOSED: Final = -0.5
"""Correlation of two channels' samples from which their sum is quieter than half of either."""

_OPPOSED_S: Final = 0.3
_WINDOW: Final = 8
_MIX_DB: Final = 4.0
"""How far a mix may be from the sum of its parts in nine frames of ten, in dB. An estimate, between what lossy
codecs change and what a sentence that only one track holds changes; held by tests on made recordings."""

_MIX_RANGE_DB: Final = 35.0
_SHORTEST_MIX_S: Final = 2.0
_BAND_EDGES_HZ: Final = (100.0, 500.0, 1500.0, 4000.0)
_TINY: Final = 1e-10


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an arranged track is in the source."""

    inner: str
    channel: int | None


class ArrangedSource:
    """A source whose audio tracks are those that hold words of their own.

    Attributes:
        notes: what must be said of how they were found.
    """

    def __init__(
        self, source: Source, tracks: Sequence[tuple[TrackInfo, _Place]], notes: Sequence[str] = ()
    ) -> None:
        self._source = source
        self._places = {track.id: place for track, place in tracks}
        info = source.info()
        self._info = replace(info, tracks=(*info.video, *(track for track, _ in tracks)))
        self.notes = tuple(notes)

    def info(self) -> SourceInfo:
        """Return the tracks that can be had."""
        return self._info

    def video(self, track_id: str) -> Iterator[VideoFrame | Gap]:
        """Yield a video track's frames, as the contract says."""
        return self._source.video(track_id)

    def audio(
        self, track_id: str, sample_rate: int, *, channel: int | None = None
    ) -> Iterator[AudioBlock | Gap]:
        """Yield an audio track's blocks, as the contract says.

        Raises:
            UsageError: there is no such track.
        """
        place = self._places.get(track_id)
        if place is None:
            raise UsageError("The source has no audio track of that id.")
        own = place.channel if channel is None else channel
        for item in self._source.audio(place.inner, sample_rate, channel=own):
            yield replace(item, track=track_id) if isinstance(item, Gap) else item


def arrange_audio(
    source: Source, *, mode: ChannelMode = "auto", own: Collection[str] = (), run: Run
) -> ArrangedSource:
    """Look through the audio of a source for callers on channels of their own, and for tracks that mix others.

    Args:
        source: the media.
        mode: `auto` makes channels that differ in speech tracks of their own, `separate` all channels, `mix` none.
            Channels that cancel each other are never added up.
        own: tracks that are known to hold one participant's voice: neither taken apart nor left out.
        run: is told of the progress, and stops the work when somebody asks.

    Raises:
        UnreadableInput: the file cannot be read.
    """
    tracks = source.info().audio
    notes: list[str] = []
    mixes = _mixes(source, [track for track in tracks if track.id not in own], run)
    if mixes:
        notes.append(MIX_LEFT_OUT)
    arranged: list[tuple[TrackInfo, _Place]] = []
    split = False
    for track in tracks:
        if track.id in mixes:
            continue
        channels = _channels(source, track, "mix" if track.id in own else mode, run)
        if channels == (None,):
            arranged.append((track, _Place(track.id, None)))
            continue
        if len(channels) == 1:
            notes.append(CHANNELS_CANCEL)
        split = split or len(channels) > 1
        arranged += [(replace(track, channels=1), _Place(track.id, channel)) for channel in channels]
    if split:
        arranged = [
            (replace(track, id=f"A{number}"), place)
            for number, (track, place) in enumerate(arranged, start=1)
        ]
    return ArrangedSource(source, arranged, tuple(dict.fromkeys(notes)))


def _channels(source: Source, track: TrackInfo, mode: ChannelMode, run: Run) -> tuple[int | None, ...]:
    """Return the channels that are tracks of their own; None alone for their mix."""
    count = track.channels
    if not 2 <= count <= _MOST_CHANNELS:
        return (None,)
    if mode == "separate":
        return tuple(range(count))
    powers, opposed = _compared(source, track, run)
    if mode == "auto" and (apart := _apart(powers)) and (spoken := _spoken(source, track, apart, run)):
        return spoken
    if opposed:
        return (int(np.argmax(powers.sum(axis=1))),)
    return (None,)


def _compared(source: Source, track: TrackInfo, run: Run) -> tuple[NDArray[np.float64], bool]:
    """Return each channel's power per frame, float64 (channels, frames), and whether two of them cancel out."""
    rows: list[NDArray[np.float64]] = []
    opposed = 0
    with run.stage(f"channels {track.id}", source.info().duration) as reach:
        for frames in zip(
            *(_frames(source, track, channel) for channel in range(track.channels)), strict=False
        ):
            run.check()
            stacked = np.stack(frames)
            power = np.mean(np.square(stacked, dtype=np.float64), axis=1)
            rows.append(power)
            if len(frames) == 2 and _db(power.min()) > _ACTIVE_DB:
                product = float(np.mean(stacked[0].astype(np.float64) * stacked[1]))
                opposed += product < _OPPOSED * float(np.sqrt(power[0] * power[1]))
            reach(len(rows) * FRAME / RATE)
    powers = np.array(rows, np.float64).T if rows else np.zeros((track.channels, 0))
    return powers, opposed * FRAME / RATE >= _OPPOSED_S


def _apart(powers: NDArray[np.float64]) -> tuple[int, ...]:
    """Return channels that each have sound of their own, as far as levels tell; nothing where there are not two."""
    levels = _db(powers)
    active = levels.max(axis=0, initial=-120.0) > _ACTIVE_DB
    levels = np.maximum(levels[:, active], -70.0)
    chosen: list[int] = []
    for channel in np.argsort(-levels.sum(axis=1), kind="stable").tolist():
        if all(_differ(levels[channel], levels[other]) for other in chosen):
            chosen.append(channel)
    chosen = [channel for channel in chosen if _dominates(levels, channel, chosen)]
    return tuple(sorted(chosen)) if len(chosen) > 1 else ()


def _differ(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Tell whether two channels' levels in dB are those of two different sources."""
    least = _OWN_S * RATE / FRAME
    if (one > other + _DOMINATES_DB).sum() < least or (other > one + _DOMINATES_DB).sum() < least:
        return False
    return float(np.corrcoef(one, other)[0, 1]) < _ALIKE


def _dominates(levels: NDArray[np.float64], channel: int, chosen: Sequence[int]) -> bool:
    others = levels[[other for other in chosen if other != channel]].max(axis=0, initial=-120.0)
    loud = (levels[channel] > others + _DOMINATES_DB) & (levels[channel] > _ACTIVE_DB)
    return bool(loud.sum() >= _OWN_S * RATE / FRAME)


def _spoken(source: Source, track: TrackInfo, channels: Sequence[int], run: Run) -> tuple[int, ...]:
    """Return the channels if each of them holds speech that no other does; nothing otherwise."""
    vads = [SileroVad() for _ in channels]
    own = np.zeros(len(channels))
    for frames in zip(*(_frames(source, track, channel) for channel in channels), strict=False):
        run.check()
        levels = _db(np.array([np.mean(np.square(frame, dtype=np.float64)) for frame in frames]))
        speech = [
            float(vad.probabilities(frame[None])[0]) >= SPEECH_AT
            for vad, frame in zip(vads, frames, strict=True)
        ]
        for at in range(len(channels)):
            rest = np.delete(levels, at).max()
            own[at] += speech[at] and levels[at] > max(_ACTIVE_DB, rest + _DOMINATES_DB)
    return tuple(channels) if (own * FRAME / RATE >= _OWN_S).all() else ()


def _mixes(source: Source, tracks: Sequence[TrackInfo], run: Run) -> set[str]:
    """Return the tracks that are no more than the sum of others, the first of two that are the same among them."""
    if len(tracks) < 2:
        return set()
    bands: dict[str, NDArray[np.float64]] = {}
    for track in tracks:
        with run.stage(f"tracks {track.id}", source.info().duration) as reach:
            rows = []
            for frame in _frames(source, track, None):
                run.check()
                rows.append(_bands(frame))
                reach(len(rows) * FRAME / RATE)
        bands[track.id] = _smoothed(np.array(rows, np.float64).reshape(-1, len(_BAND_EDGES_HZ)))
    left_out: set[str] = set()
    while True:
        rest = {name: band for name, band in bands.items() if name not in left_out}
        errors = {
            name: _mix_error(band, [other for key, other in rest.items() if key != name])
            for name, band in rest.items()
        }
        best = min(errors, key=lambda name: errors[name], default="")
        if len(rest) < 2 or errors[best] > _MIX_DB:
            return left_out
        # Of two tracks that are the same the first one goes: recorders put the mix in front.
        left_out.add(next(name for name in errors if errors[name] <= max(errors[best] + 0.5, 0.0)))


def _mix_error(mix: NDArray[np.float64], others: Sequence[NDArray[np.float64]]) -> float:
    """Return by how many dB a track differs from the best sum of others in nine frames of ten; infinity for silence."""
    if not others:
        return np.inf
    count = min([len(mix), *(len(other) for other in others)])
    longest = max([len(mix), *(len(other) for other in others)])
    padded = [np.pad(one, ((0, longest - len(one)), (0, 0))) for one in (mix, *others)] if count else []
    if not padded:
        return np.inf
    target = padded[0].reshape(-1)
    parts = np.stack([one.reshape(-1) for one in padded[1:]], axis=1)
    from scipy.optimize import nnls  # only recordings with several audio tracks need it

    gains, _ = nnls(parts, target)
    total = parts @ gains
    least = max(10 ** (_ACTIVE_DB / 10), float(target.max(initial=0.0)) * 10 ** (-_MIX_RANGE_DB / 10))
    active = np.maximum(target, total) > least
    if active.sum() * FRAME / RATE < _SHORTEST_MIX_S * len(_BAND_EDGES_HZ) / 2:
        return np.inf
    apart = np.abs(_db(np.maximum(target, least)) - _db(np.maximum(total, least)))[active]
    return float(np.quantile(apart, 0.9))


def _bands(frame: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the power of a frame in each band, float64 (bands,)."""
    power = np.square(np.abs(np.fft.rfft(frame.astype(np.float64) * np.hanning(FRAME)))) / FRAME**2
    edges = [round(edge * FRAME / RATE) for edge in _BAND_EDGES_HZ] + [len(power)]
    return np.array([power[a:b].sum() for a, b in pairwise(edges)])


def _smoothed(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(rows):
        return rows
    kernel = np.ones(_WINDOW) / _WINDOW
    return np.stack([np.convolve(column, kernel, mode="same") for column in rows.T], axis=1)


def _frames(source: Source, track: TrackInfo, channel: int | None) -> Iterator[NDArray[np.float32]]:
    """Yield a track's samples at 16,000 Hz in frames of 32 ms; what is left at the end is padded with silence."""
    held = np.zeros(0, np.float32)
    for item in source.audio(track.id, RATE, channel=channel):
        if isinstance(item, Gap):
            continue
        held = np.concatenate([held, item.samples])
        count = len(held) // FRAME
        yield from held[: count * FRAME].reshape(count, FRAME)
        held = held[count * FRAME :]
    if len(held):
        yield np.pad(held, (0, FRAME - len(held)))


def _db(power: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(10.0 * np.log10(np.maximum(power, _TINY)))
