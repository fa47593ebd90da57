"""Tells who speaks when in one track that several people share."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from redaction.audio.speakers.cluster import Voice, group
from redaction.audio.speakers.embed import EMBEDDING_MODEL, SHORTEST_SPEECH_S, Embedder
from redaction.audio.speakers.fbank import FRAME_STEP, SAMPLE_RATE, WINDOW, mel_energies
from redaction.audio.speakers.turns import SpeakerTurn
from redaction.errors import InternalError, ModelMissing
from redaction.model import AudioBlock, Samples, Span
from redaction.weights import Session, locate, open_session

__all__ = ["SpeakerModels", "SpeakerSplitter"]

_Runs = list[tuple[int, int]]

_SEGMENTATION: Final = "speaker.segmentation"

_WINDOW: Final = 10 * SAMPLE_RATE
"""Samples of one look. Source: segmentation-3.0 was trained on stretches of 10 s."""

_HOP: Final = 5 * SAMPLE_RATE

_FRAME: Final = 270
_FRAME_CENTRE: Final = 495
"""Samples from one segmentation frame to the next, and to the middle of the first (its field is 991 wide)."""

_SPEAKING: Final = np.array(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=bool
)
"""Who of a window's three speakers each of the seven classes holds. Source: Plaquet and Bredin, 2023."""

_PAUSE_FRAMES: Final = round(0.7 * SAMPLE_RATE / _FRAME)
_LONG_FRAMES: Final = round(2.5 * SAMPLE_RATE / _FRAME)
"""A pause that ends a passage, and speech that makes it long. Source: `python -m benchmarks.speakers`."""

_MOST_ENERGIES: Final = 500
"""Frames of 10 ms heard of one passage at most: more costs time and gains nothing measurable."""

_JOIN_S: Final = 0.5
_SHORTEST_TURN_S: Final = 0.1
"""Seconds of pause within one turn at most, and of a turn at least."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Speech of one voice, in samples on the call clock."""

    start: int
    end: int
    voice: int


@dataclass(frozen=True, slots=True)
class SpeakerModels:
    """The models that tell speakers apart; they keep nothing of what they hear, so recordings share them.

    Attributes:
        segmenter: tells how many voices speak when within ten seconds.
        embedder: makes speaker vectors.
    """

    segmenter: Session
    embedder: Embedder

    @classmethod
    def load(cls, *, threads: int = 1) -> Self:
        """Load both models.

        Raises:
            ModelMissing: the optional group `speakers` was not fetched.
            ModelAltered: a file has not the pinned sha256.
        """
        return cls(open_session(_SEGMENTATION, threads=threads), Embedder(threads=threads))

    @staticmethod
    def available() -> bool:
        """Tell whether the optional group `speakers` is in place.

        Raises:
            ModelAltered: a file is there but has not the pinned sha256.
        """
        try:
            locate(_SEGMENTATION)
            locate(EMBEDDING_MODEL)
        except ModelMissing:
            return False
        return True


class SpeakerSplitter:
    """Labels the speech of one track while its samples arrive; holds ten seconds of them and small vectors.

    Use it as a context manager, or call `close`, so that the vectors are zeroed whatever happens.
    """

    def __init__(self, models: SpeakerModels) -> None:
        self._segmenter = models.segmenter
        self._embedder = models.embedder
        self._held = np.zeros(_WINDOW, np.float32)
        self._filled = 0
        self._start: int | None = None
        self._settled = 0
        self._voices: list[Voice] = []
        self._stretches: list[_Stretch] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def push(self, block: AudioBlock) -> None:
        """Take the next samples, 16 kHz, in order; time missing between blocks counts as silence.

        Raises:
            InternalError: another sample rate, or time that runs backwards.
        """
        if block.sample_rate != SAMPLE_RATE:
            raise InternalError("Speakers are told apart at 16,000 Hz only.")
        if self._start is None:
            self._start = self._settled = block.start
        missing = block.start - self._start - self._filled
        if missing < 0:
            raise InternalError("Sound for telling speakers apart came out of order.")
        done = False
        try:
            if missing:
                self._skip(missing)
            self._take(block.samples)
            done = True
        finally:
            if not done:
                self.close()

    def finish(self) -> list[SpeakerTurn]:
        """Return the turns in order of time, labelled S1, S2 ... in order of first speech, and forget the voices.

        Turns of two speakers may overlap. Without speech there are none.
        """
        try:
            if self._start is not None and self._settled < self._start + self._filled:
                self._look(self._start + self._filled)
            groups = group(self._voices)
            return _turns((stretch, groups[stretch.voice]) for stretch in self._stretches)
        finally:
            self.close()

    def close(self) -> None:
        """Zero every speaker vector and every sample held."""
        for voice in self._voices:
            voice.forget()
        self._voices.clear()
        self._stretches.clear()
        self._held.fill(0)
        self._filled, self._start = 0, None

    def _take(self, samples: Samples) -> None:
        while len(samples):
            room = _WINDOW - self._filled
            part, samples = samples[:room], samples[room:]
            self._held[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            if self._filled == _WINDOW:
                self._look(self._place + _WINDOW - (_WINDOW - _HOP) // 2)
                self._held[:-_HOP] = self._held[_HOP:]
                self._held[-_HOP:] = 0
                self._filled -= _HOP
                self._start = self._place + _HOP

    @property
    def _place(self) -> int:
        """Call time of the first sample held, in samples."""
        return self._start or 0

    def _skip(self, missing: int) -> None:
        """Take silence; a silence longer than a window starts afresh."""
        if missing <= _WINDOW:
            self._take(np.zeros(missing, np.float32))
            return
        end = self._place + self._filled
        if self._settled < end:
            self._look(end)
        self._held.fill(0)
        self._filled = 0
        self._start = self._settled = end + missing

    def _look(self, until: int) -> None:
        """Settle who speaks from where the last look ended until a call time, in samples."""
        heard = self._held[: max(self._filled, SAMPLE_RATE)]
        classes = self._segmenter.run(None, {"samples": heard[None, None]})[0][0].argmax(axis=1)
        speaking = _SPEAKING[classes]
        alone = speaking.sum(axis=1) == 1
        energies = mel_energies(heard)
        for person in range(speaking.shape[1]):
            for passage in _passages(speaking, person):
                if stretches := self._clipped(passage, until):
                    self._voices.append(self._voice(energies, passage, alone))
                    self._stretches += stretches
        energies.fill(0)
        self._settled = until

    def _clipped(self, runs: _Runs, until: int) -> list[_Stretch]:
        """Return frame runs as call time within what is not settled yet."""
        voice, stretches = len(self._voices), []
        for first, end in runs:
            start = self._place + (_edge(first) if first else 0)
            start, stop = max(start, self._settled), min(self._place + _edge(end), until)
            if stop > start:
                stretches.append(_Stretch(start, stop, voice))
        return stretches

    def _voice(self, energies: NDArray[np.float32], passage: _Runs, alone: NDArray[np.bool_]) -> Voice:
        """Return the voice of a passage, heard where it speaks alone unless that is too little."""
        centres = (np.arange(len(energies)) * FRAME_STEP + WINDOW // 2 - _FRAME_CENTRE) / _FRAME
        nearest = np.clip(np.rint(centres).astype(int), 0, len(alone) - 1)
        active = np.zeros(len(alone), dtype=bool)
        for first, end in passage:
            active[first:end] = True
        chosen = (active & alone)[nearest]
        if chosen.sum() * FRAME_STEP < SHORTEST_SPEECH_S * SAMPLE_RATE:
            chosen = active[nearest]
        picked = energies[chosen][:_MOST_ENERGIES]
        vector = self._embedder.embed_energies(picked)
        picked.fill(0)
        return Voice(vector, len(picked) * FRAME_STEP / SAMPLE_RATE)


def _edge(frame: int) -> int:
    """Return the sample where a segmentation frame begins."""
    return frame * _FRAME + _FRAME_CENTRE - _FRAME // 2


def _runs(active: NDArray[np.bool_]) -> _Runs:
    """Return the half-open runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _passages(speaking: NDArray[np.bool_], person: int) -> list[_Runs]:
    """Return a person's runs of speech within one window, put together as passages for one vector each.

    A long passage gets a vector of its own, since the model may give two people who never speak close to each
    other one place; what is short is heard together, since a short vector says little.
    """
    passages: list[_Runs] = []
    for start, end in _runs(speaking[:, person]):
        last = passages[-1][-1][1] if passages else None
        if last is not None and start - last < _PAUSE_FRAMES and not speaking[last:start].any():
            passages[-1].append((start, end))
        else:
            passages.append([(start, end)])
    long = [runs for runs in passages if sum(end - start for start, end in runs) >= _LONG_FRAMES]
    short = [run for runs in passages if runs not in long for run in runs]
    return [*long, short] if short else long


def _turns(labelled: Iterable[tuple[_Stretch, int]]) -> list[SpeakerTurn]:
    """Join the stretches of each group into turns and label the groups in order of first speech."""
    by_group: dict[int, list[tuple[int, int]]] = {}
    for stretch, number in sorted(labelled, key=lambda item: (item[0].start, item[0].end)):
        by_group.setdefault(number, []).append((stretch.start, stretch.end))
    everyone = sorted((start, number) for number, spans in by_group.items() for start, _ in spans)
    turns: list[tuple[Span, int]] = []
    for number, spans in by_group.items():
        others = [start for start, other in everyone if other != number]
        joined: list[tuple[int, int]] = []
        for start, end in spans:
            if joined and _continues(joined[-1][1], start, others):
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        turns += [
            (Span(start / SAMPLE_RATE, end / SAMPLE_RATE), number)
            for start, end in joined
            if end - start >= _SHORTEST_TURN_S * SAMPLE_RATE
        ]
    turns.sort()
    labels: dict[int, str] = {}
    return [(span, labels.setdefault(number, f"S{len(labels) + 1}")) for span, number in turns]


def _continues(end: int, start: int, others: list[int]) -> bool:
    """Tell whether a voice's next stretch belongs to the same turn: a short pause in which nobody else began."""
    if start <= end:
        return True
    return start - end < _JOIN_S * SAMPLE_RATE and bisect_left(others, end) == bisect_left(others, start)
