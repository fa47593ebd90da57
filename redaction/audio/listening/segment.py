"""Cut a track into pieces of bounded length at silence, while the samples arrive."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from redaction.errors import InternalError, ModelMissing
from redaction.model import AudioBlock, Samples, Span
from redaction.weights import Session, open_session

__all__ = ["FRAME", "RATE", "Segmenter", "SileroVad", "SpeechSegment", "Vad", "speech_runs", "wipe"]

RATE = 16_000
"""Listening rate in hertz."""

FRAME = 512
"""Samples per voice-activity frame (32 ms). Source: Silero VAD v6, its only frame length at 16 kHz."""

_CONTEXT = 64  # samples of the frame before that Silero wants in front of each frame

SPEECH_AT = 0.35
SILENCE_AT = 0.20
"""Probability at which speech begins, and below which it ends. Source: 0.35 because
quiet speech falls under Silero's default of 0.5; the distance of 0.15 is Silero's own."""

JOIN_S = 0.25
"""Silence shorter than this does not end a run of speech, in seconds."""

_HOP = 16  # frames looked at together, so that pieces do not depend on how the samples were parcelled
_LEAD = 15  # frames of silence left at most before the speech that opens the next piece

_SOFT_SPEECH_S = 20.0  # from here on the next clear pause ends the piece
_CLEAR_PAUSE_S = 1.0
_SHORTEST_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class SpeechSegment:
    """A bounded stretch of one track, cut at silence where there was any.

    Attributes:
        block: its samples at 16,000 Hz, on the call clock; zeroed by whoever took the piece, once done.
        speech: runs of speech in call time, in order, apart from each other, inside the block.
    """

    block: AudioBlock
    speech: tuple[Span, ...]

    @property
    def span(self) -> Span:
        """Call time of the piece."""
        return self.block.span


class Vad(Protocol):
    """Tells how likely each frame of a stream holds speech."""

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return one probability per frame.

        Args:
            frames: float32 (n, 512), -1 to 1, 16,000 Hz, following on from the call before.

        Returns:
            float32 (n,), 0 to 1.
        """

    def reset(self) -> None:
        """Forget what came before: the next frame does not follow on."""


@cache
def _shared_session(path: str) -> Session:
    """Open a model once for all streams: it holds nothing of any, and opening it takes some 15 ms."""
    return open_session(path)


class SileroVad:
    """Silero VAD v6, the file that the faster-whisper package carries, fed as a stream.

    Source: github.com/snakers4/silero-vad, MIT.
    """

    def __init__(self) -> None:
        spec = find_spec("faster_whisper")
        if spec is None or not spec.submodule_search_locations:
            raise ModelMissing(
                "The package faster-whisper, which carries the speech detector, is not installed."
            )
        path = Path(spec.submodule_search_locations[0]) / "assets" / "silero_vad_v6.onnx"
        self._session = _shared_session(str(path))
        self.reset()

    def reset(self) -> None:
        """Forget what came before."""
        self._h = np.zeros((1, 1, 128), np.float32)
        self._c = np.zeros((1, 1, 128), np.float32)
        self._tail = np.zeros(_CONTEXT, np.float32)

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of speech per frame: float32 (n, 512) to float32 (n,)."""
        if not len(frames):
            return np.zeros(0, np.float32)
        rows = np.empty((len(frames), _CONTEXT + FRAME), np.float32)
        rows[:, _CONTEXT:] = frames
        rows[0, :_CONTEXT] = self._tail
        rows[1:, :_CONTEXT] = frames[:-1, -_CONTEXT:]
        self._tail = frames[-1, -_CONTEXT:].copy()
        out, self._h, self._c = self._session.run(None, {"input": rows, "h": self._h, "c": self._c})
        rows.fill(0.0)
        return np.asarray(out, np.float32).reshape(-1)


class Segmenter:
    """Hold the samples of one track until there is a good place to cut, then hand over a piece.

    Every sample that is pushed ends up in exactly one piece, in order. A piece holds at most `max_s` seconds
    and, as far as its pauses allow, at most `max_speech_s` seconds of speech, which is what one window of
    Whisper takes: a piece that fits one window costs one run of its encoder and is never split by the model
        itself.

    Args:
        vad: tells speech from silence; belongs to this segmenter alone, since it remembers the stream.
        max_s: longest piece in seconds; also the most sound held.
        max_speech_s: most speech in a piece, pads included, in seconds.
        pad_s: what `max_speech_s` counts around each run of speech, in seconds.
    """

    def __init__(
        self,
        *,
        vad: Vad | None = None,
        max_s: float = 60.0,
        max_speech_s: float = 28.0,
        pad_s: float = 0.4,
    ) -> None:
        self._vad = SileroVad() if vad is None else vad
        self._max_frames = max(2, int(max_s * RATE) // FRAME)
        self._max_speech_s = max_speech_s
        self._pad_s = pad_s
        self._samples = np.zeros(self._max_frames * FRAME, np.float32)
        self._probs = np.zeros(self._max_frames, np.float32)
        self._held = 0  # samples held
        self._known = 0  # frames whose probability is known
        self._start = 0  # call-clock index of the first held sample
        self._next: int | None = None  # call-clock index of the sample expected next

    def push(self, block: AudioBlock) -> list[SpeechSegment]:
        """Take samples and return the pieces that are complete.

        A block that starts later than the last one ended closes the piece before the gap.

        Raises:
            InternalError: the rate is not 16,000 Hz, the samples are not one row, or the block goes back in
                time.
        """
        if block.sample_rate != RATE or block.samples.ndim != 1:
            raise InternalError("The listener was given sound of another rate or shape than 16,000 Hz mono.")
        pieces: list[SpeechSegment] = []
        if self._next is not None and block.start < self._next:
            raise InternalError("The listener was given sound that goes back in time.")
        if self._next is None or block.start > self._next:
            pieces += self.flush()
            self._start = block.start
        self._next = block.start + len(block.samples)
        taken = 0
        while taken < len(block.samples):
            hop = min((self._known + _HOP) * FRAME, len(self._samples)) - self._held
            part = block.samples[taken : taken + hop]
            self._samples[self._held : self._held + len(part)] = np.nan_to_num(part, posinf=0.0, neginf=0.0)
            self._held += len(part)
            taken += len(part)
            if len(part) == hop:
                self._examine()
                while (cut := self._cut_at()) is not None:
                    pieces.append(self._take(cut))
        return pieces

    def flush(self) -> list[SpeechSegment]:
        """Return what is left as a last piece and start again; afterwards nothing is held."""
        pieces: list[SpeechSegment] = []
        if self._held:
            self._examine()
            rest = self._held - self._known * FRAME
            if rest:
                frame = np.zeros((1, FRAME), np.float32)
                frame[0, :rest] = self._samples[self._known * FRAME : self._held]
                self._probs[self._known] = self._vad.probabilities(frame)[0]
                self._known += 1
            pieces.append(self._take(self._known))
        self._vad.reset()
        self._next = None
        return pieces

    def _examine(self) -> None:
        whole = self._held // FRAME
        if whole > self._known:
            frames = self._samples[self._known * FRAME : whole * FRAME].reshape(-1, FRAME)
            self._probs[self._known : whole] = np.nan_to_num(self._vad.probabilities(frames), nan=1.0)
            self._known = whole

    def _cut_at(self) -> int | None:
        """Return the frame before which to cut now, or None to wait for more."""
        known = self._known
        if known * FRAME / RATE < min(_SOFT_SPEECH_S, self._max_frames * FRAME / RATE):
            return None
        runs = speech_runs(self._probs[:known])
        length = _padded_s(runs, self._pad_s)
        full = known >= self._max_frames
        if not full and length < _SOFT_SPEECH_S:
            return None
        silent = known - (runs[-1][1] if runs else 0)
        if not full and length <= self._max_speech_s:
            if silent * FRAME / RATE < _CLEAR_PAUSE_S:
                return None
            return known - min(silent // 2, _LEAD)
        return self._best_cut(runs)

    def _best_cut(self, runs: list[tuple[int, int]]) -> int:
        """Choose the longest pause in the later part of what fits a piece, or else its least likely
        speech."""
        known = self._known
        last = max(1, self._fitting(runs))
        first = last * 3 // 5
        edges = [(a_end, b_start) for (_, a_end), (b_start, _) in pairwise(runs)]
        edges.append((runs[-1][1] if runs else 0, known))
        shortest = int(_SHORTEST_PAUSE_S * RATE / FRAME)
        pauses = [
            (min(end, last) - begin, begin, min(end, last))
            for begin, end in edges
            if end > first and begin < last and min(end, last) - begin >= shortest
        ]
        if pauses:
            _, begin, end = max(pauses)
            return max(1, (begin + end + 1) // 2, end - _LEAD)
        around = np.convolve(self._probs[max(0, first - 1) : last + 1], np.ones(3, np.float32), mode="valid")
        return max(1, last - int(np.argmin(around[::-1]))) if len(around) else max(1, last)

    def _fitting(self, runs: list[tuple[int, int]]) -> int:
        """Return how many frames, from the first, hold no more than `max_speech_s` of speech."""
        if _padded_s(runs, self._pad_s) <= self._max_speech_s:
            return self._known
        for count in range(len(runs), 0, -1):
            excess = _padded_s(runs[:count], self._pad_s) - self._max_speech_s
            begin, end = runs[count - 1]
            if excess < (end - begin) * FRAME / RATE:
                return min(self._known, end - max(0, ceil(excess * RATE / FRAME)))
        return self._known

    def _take(self, frames: int) -> SpeechSegment:
        """Hand over the first frames as a piece; what follows moves to the front."""
        count = min(frames * FRAME, self._held)
        start = self._start
        samples = self._samples[:count].copy()
        end_s = (start + count) / RATE
        speech = tuple(
            Span((start + a * FRAME) / RATE, min(end_s, (start + b * FRAME) / RATE))
            for a, b in speech_runs(self._probs[:frames])
        )
        rest = self._held - count
        self._samples[:rest] = self._samples[count : self._held]
        self._samples[rest : self._held] = 0.0
        left = max(0, self._known - frames)
        self._probs[:left] = self._probs[frames : self._known]
        self._known, self._held = left, rest
        self._start = start + count
        return SpeechSegment(AudioBlock(samples, start, RATE), speech)


def speech_runs(probabilities: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return half-open runs of speech frames.

    Speech begins at `SPEECH_AT` and ends below `SILENCE_AT`; silences shorter than `JOIN_S` are closed.

    Args:
        probabilities: float32 (n,), 0 to 1, one per 32 ms frame.

    Returns:
        `(first, one past last)` frame numbers, in order, apart from each other.
    """
    runs: list[tuple[int, int]] = []
    begin = -1
    for i, p in enumerate(probabilities.tolist()):
        if begin < 0 and p >= SPEECH_AT:
            begin = i
        elif begin >= 0 and p < SILENCE_AT:
            runs.append((begin, i))
            begin = -1
    if begin >= 0:
        runs.append((begin, len(probabilities)))
    joined: list[tuple[int, int]] = []
    for a, b in runs:
        if joined and (a - joined[-1][1]) * FRAME / RATE < JOIN_S:
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    return joined


def wipe(samples: Samples) -> None:
    """Overwrite samples that are no longer needed with zeros, where the array allows it."""
    if samples.flags.writeable:
        samples.fill(0.0)


def _padded_s(runs: list[tuple[int, int]], pad_s: float) -> float:
    """Return the length of the runs with their pads, where pads that meet count once, in seconds."""
    total = sum((b - a) * FRAME / RATE for a, b in runs) + (2 * pad_s if runs else 0.0)
    return total + sum(min(2 * pad_s, (b[0] - a[1]) * FRAME / RATE) for a, b in pairwise(runs))
