"""The sound of a call: a participant's pieces as one track on the call clock, and all of them mixed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from recorder.media.encode import STORED_HZ, AudioWriter
from recorder.media.file import FileSource
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from redaction.audio.voice.mix import Mixer, mute, silence
from redaction.errors import RedactionIncomplete, UnreadableInput
from redaction.model import AudioBlock, Gap, Samples, Span

__all__ = ["AudioPart", "mix", "mixed", "on_call_clock", "write_track"]

_BLOCK: Final = STORED_HZ // 2


@dataclass(frozen=True, slots=True)
class AudioPart:
    """A stored piece of sound.

    Attributes:
        start: call time of its first sample in seconds.
    """

    path: Path
    start: float


def on_call_clock(parts: Sequence[AudioPart], *, duration: float) -> Iterator[AudioBlock]:
    """Yield a track's sound at 48,000 Hz from 0 to `duration` without a hole; where parts overlap the earlier is heard.

    Raises:
        RedactionIncomplete: a part cannot be read back.
    """
    total = round(duration * STORED_HZ)
    at = 0
    for part in sorted(parts, key=lambda item: item.start):
        start = min(round(part.start * STORED_HZ), total)
        yield from silence(max(0, start - at), STORED_HZ, start=at)
        at = max(at, start)
        for block in _blocks(part.path):
            place = start + block.start
            skipped = max(0, at - place)
            samples = block.samples[skipped : max(skipped, total - place)]
            if len(samples):
                yield AudioBlock(samples, place + skipped, STORED_HZ)
                at = place + skipped + len(samples)
    yield from silence(total - at, STORED_HZ, start=at)


def write_track(
    parts: Sequence[AudioPart],
    out: Path,
    *,
    duration: float,
    silent: Sequence[Span] = (),
    run: Run,
) -> float:
    """Store a track of its own, with stretches of it exactly silent; return the seconds in which something is heard.

    Raises:
        StorageFailed: the file cannot be written.
        RedactionIncomplete: a part cannot be read back.
    """
    spans = sorted(silent)
    loud = 0
    with storage_errors(), AudioWriter(out, sample_rate=STORED_HZ) as writer:
        for block in on_call_clock(parts, duration=duration):
            run.check()
            own = AudioBlock(np.array(block.samples, np.float32), block.start, block.sample_rate)
            mute(own, spans)
            loud += int((np.abs(own.samples) > 1e-3).sum())
            writer.write(own)
    return loud / STORED_HZ


def mixed(tracks: Sequence[Path], *, duration: float) -> Iterator[AudioBlock]:
    """Yield the sum of stored tracks, bent where it is too loud, from 0 to `duration`; silence when there is none.

    Raises:
        RedactionIncomplete: a track cannot be read back.
    """
    total = round(duration * STORED_HZ)
    readers = [_Reader(on_call_clock([AudioPart(path, 0.0)], duration=duration)) for path in tracks]
    mixer = Mixer(total, rate=STORED_HZ)
    for start in range(0, total, _BLOCK):
        count = min(_BLOCK, total - start)
        for reader in readers:
            mixer.add(reader.take(count), start)
        yield from mixer.advance(start + count)
    yield from mixer.finish()


def mix(tracks: Sequence[Path], out: Path, *, duration: float, run: Run) -> None:
    """Store the sum of tracks.

    Raises:
        StorageFailed: the file cannot be written.
        RedactionIncomplete: a track cannot be read back.
    """
    with AudioWriter(out, sample_rate=STORED_HZ) as writer:
        for block in mixed(tracks, duration=duration):
            run.check()
            writer.write(block)


class _Reader:
    """Hands out samples in amounts as they are asked for."""

    def __init__(self, blocks: Iterator[AudioBlock]) -> None:
        self._blocks = blocks
        self._held: Samples = np.zeros(0, np.float32)

    def take(self, count: int) -> Samples:
        parts: list[Samples] = []
        missing = count
        while missing:
            if not len(self._held):
                block = next(self._blocks, None)
                if block is None:
                    parts.append(np.zeros(missing, np.float32))
                    break
                self._held = block.samples
            part, self._held = self._held[:missing], self._held[missing:]
            parts.append(part)
            missing -= len(part)
        return np.concatenate(parts)


def _blocks(path: Path) -> Iterator[AudioBlock]:
    source = FileSource(path)
    try:
        track = source.info().audio[0]
        for item in source.audio(track.id, STORED_HZ):
            if not isinstance(item, Gap):
                yield item
    except (UnreadableInput, IndexError):
        raise RedactionIncomplete("A stored piece of sound cannot be read back.") from None
