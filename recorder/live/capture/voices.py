"""What is heard in place of a voice, stretch by stretch of a call: spoken anew, disguised, or silent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from recorder.live.capture.words import Spoken, masked_runs
from redaction.audio.listening.listen import Listener
from redaction.audio.listening.segment import wipe
from redaction.audio.redact import LISTENING_HZ, SPEAKING_HZ
from redaction.audio.voice.disguise import Disguiser
from redaction.audio.voice.mute import mute_spans
from redaction.audio.voice.pseudovoice import draw_voices
from redaction.audio.voice.resynthesize import Resynthesizer
from redaction.audio.voice.speak import Synthesizer
from redaction.audio.voice.timing import unspoken
from redaction.errors import InternalError
from redaction.model import AudioBlock, Event, RedactedUtterance, Span, TextFinding
from redaction.policy import Policy

__all__ = ["RawAudio", "Rendered", "Voices"]

_VOICES: Final = 16
_MOST_HELD_S: Final = 120.0


class RawAudio:
    """The last raw sound of one microphone, which a disguise is made from; wiped as soon as it is not needed."""

    def __init__(self) -> None:
        self._blocks: deque[AudioBlock] = deque()

    def push(self, block: AudioBlock) -> None:
        """Take a copy of a block at 16,000 Hz."""
        self._blocks.append(replace(block, samples=block.samples.copy()))
        self.forget(block.span.end - _MOST_HELD_S)

    def between(self, start: float, end: float) -> Iterator[AudioBlock]:
        """Yield the blocks of a stretch, cut to it, on a clock on which the stretch starts at 0."""
        first, last = round(start * LISTENING_HZ), round(end * LISTENING_HZ)
        for block in self._blocks:
            a, b = max(first, block.start), min(last, block.start + len(block.samples))
            if b > a:
                yield AudioBlock(block.samples[a - block.start : b - block.start], a - first, LISTENING_HZ)

    def forget(self, before: float) -> None:
        """Wipe the blocks that end before a call time."""
        while self._blocks and self._blocks[0].span.end <= before:
            wipe(self._blocks.popleft().samples)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A stretch of sound that may be stored, on the call clock at 24,000 Hz; its events are known once it was read."""

    blocks: Iterator[AudioBlock]
    events: Callable[[], list[Event]]


class Voices:
    """Gives every participant one voice for the whole call.

    Args:
        policy: how voices are stored.
        synthesizer: speaks; needed when the policy says `resynthesize`.
    """

    def __init__(self, policy: Policy, synthesizer: Synthesizer | None) -> None:
        self._policy = policy
        self._method = policy.voice.method
        self._speaker: Resynthesizer | None = None
        self._disguisers: dict[str, Disguiser] = {}
        if self._method == "resynthesize":
            if synthesizer is None:
                raise InternalError("The synthetic voice was not loaded.")
            self._speaker = Resynthesizer(policy, synthesizer, draw_voices(_VOICES))

    def raw_audio(self) -> RawAudio | None:
        """Return where a microphone's raw sound is held, None where no method needs it."""
        return RawAudio() if self._method == "disguise" else None

    def render(
        self,
        spoken: Sequence[Spoken],
        *,
        start: int,
        end: int,
        muted: Sequence[Span],
        token: str,
        raw: RawAudio | None,
        listener: Listener,
    ) -> Rendered:
        """Return one participant's sound of a stretch, in samples at 24,000 Hz from `start` to `end`.

        Args:
            spoken: what was said in it, masked; it learns where its words are heard.
            start: call clock, in samples at 24,000 Hz.
            end: the same.
            muted: call times in which nothing may be heard.
            token: whose it is.
            raw: what was said, for a disguise.
            listener: knows what of it was not understood.
        """
        at, until = start / SPEAKING_HZ, end / SPEAKING_HZ
        silent = [_moved(span, -at) for span in muted]
        duration = (end - start) / SPEAKING_HZ
        if self._speaker is not None:
            blocks = self._spoken(self._speaker, spoken, at=at, duration=duration, muted=silent)
            return Rendered(_placed(blocks, start), _drained(self._speaker.drain_events, at))
        if raw is None:
            for item in spoken:
                item.retimed(unspoken(item.redacted(self._policy)), self._policy)
            return Rendered(_placed(_silence(end - start), start), list)
        disguiser = self._disguisers.setdefault(token, Disguiser())
        personal = _personal(spoken, token=token, listener=listener)
        blocks = disguiser.render(
            raw.between(at, until),
            [_moved(item.utterance.span, -at) for item in spoken],
            duration=duration,
            muted=[*silent, *(_moved(span, -at) for span in personal if span.overlaps(Span(at, until)))],
        )
        return Rendered(_forgetting(_placed(blocks, start), raw, until), _drained(disguiser.drain_events, at))

    def _spoken(
        self,
        speaker: Resynthesizer,
        spoken: Sequence[Spoken],
        *,
        at: float,
        duration: float,
        muted: Sequence[Span],
    ) -> Iterator[AudioBlock]:
        redacted = [_shifted(item.redacted(self._policy), -at) for item in spoken]
        yield from speaker.render(redacted, duration=duration, muted=muted)
        for item, rendered in zip(spoken, speaker.rendered, strict=True):
            item.retimed(_shifted(rendered, at), self._policy)


def _personal(spoken: Sequence[Spoken], *, token: str, listener: Listener) -> list[Span]:
    """Return what must not be heard of raw speech: masked words, and speech that no word covers."""
    utterances = [item.utterance for item in spoken]
    findings = [
        TextFinding(number, first, last, kind, 1.0, "masked")
        for number, item in enumerate(spoken)
        for first, last, (kind, _) in masked_runs(item.masks)
    ]
    return mute_spans(
        utterances, findings, track=token, uncovered=listener.uncovered, failures=listener.failures
    )


def _placed(blocks: Iterator[AudioBlock], start: int) -> Iterator[AudioBlock]:
    for block in blocks:
        yield AudioBlock(block.samples, block.start + start, block.sample_rate)


def _forgetting(blocks: Iterator[AudioBlock], raw: RawAudio, until: float) -> Iterator[AudioBlock]:
    yield from blocks
    raw.forget(until)


def _silence(count: int) -> Iterator[AudioBlock]:
    for at in range(0, count, SPEAKING_HZ):
        yield AudioBlock(np.zeros(min(SPEAKING_HZ, count - at), np.float32), at, SPEAKING_HZ)


def _drained(drain: Callable[[], list[Event]], at: float) -> Callable[[], list[Event]]:
    def events() -> list[Event]:
        return [
            replace(event, span=None if event.span is None else _moved(event.span, at)) for event in drain()
        ]

    return events


def _moved(span: Span, by: float) -> Span:
    return Span(max(0.0, span.start + by), max(0.0, span.end + by))


def _shifted(utterance: RedactedUtterance, by: float) -> RedactedUtterance:
    return replace(
        utterance,
        span=_moved(utterance.span, by),
        tokens=tuple(replace(token, span=_moved(token.span, by)) for token in utterance.tokens),
    )
