"""What is heard in place of voices, a whole recording or stretch by stretch: spoken again, disguised, or silent."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from redaction.audio.voice.disguise import Disguiser
from redaction.audio.voice.mix import silence
from redaction.audio.voice.pseudovoice import draw_voices
from redaction.audio.voice.resynthesize import Resynthesizer
from redaction.audio.voice.speak import SPOKEN_HZ, Synthesizer
from redaction.audio.voice.timing import unspoken
from redaction.errors import InternalError
from redaction.model import AudioBlock, Event, RedactedUtterance, Span
from redaction.policy import Policy

__all__ = ["Original", "Rendering", "VoiceRenderer"]


@dataclass(frozen=True, slots=True)
class Original:
    """The raw audio of one track, which a disguise is made from.

    Attributes:
        track: id of the track.
        blocks: 16,000 Hz, on a clock on which the stretch that is rendered starts at 0.
        muted: spans on the call clock that hold personal words, or speech that nobody understood.
    """

    track: str
    blocks: Iterable[AudioBlock] = field(repr=False)
    muted: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class Rendering:
    """Audio that may be stored, at 24,000 Hz on the call clock.

    Attributes:
        blocks: to be read once, to the end.
        words: tells the words at the times at which they are stored, once the blocks were read.
        events: tells what happened, likewise.
    """

    blocks: Iterator[AudioBlock]
    words: Callable[[], tuple[RedactedUtterance, ...]]
    events: Callable[[], list[Event]]


class VoiceRenderer:
    """Gives every speaker one voice, and renders what may be spoken with it.

    Args:
        policy: how voices are stored.
        synthesizer: speaks; needed when the policy says `resynthesize`.
        voices: how many voices are drawn at once, so that they differ; more are drawn as speakers appear.

    Raises:
        InternalError: there is no synthesizer where one is needed.
    """

    def __init__(self, policy: Policy, synthesizer: Synthesizer | None, *, voices: int = 0) -> None:
        self._policy = policy
        self._method: Final = policy.voice.method
        self._synthesizer = synthesizer
        self._disguisers: dict[str, Disguiser] = {}
        self._seed = secrets.randbits(256)
        self._speaker: Resynthesizer | None = None
        if self._method == "resynthesize":
            if synthesizer is None:
                raise InternalError("The synthetic voice was not loaded.")
            self._speaker = Resynthesizer(policy, synthesizer, draw_voices(voices))

    def restart(self, *, other_voices: bool = False) -> None:
        """Begin again, so that the same words are spoken by the same voices at the same times, or by others."""
        if other_voices:
            self._seed = secrets.randbits(256)
        if self._synthesizer is not None and self._speaker is not None:
            self._speaker = Resynthesizer(self._policy, self._synthesizer, rng=random.Random(self._seed))

    def render(
        self,
        utterances: Sequence[RedactedUtterance],
        *,
        start: int = 0,
        end: int,
        muted: Sequence[Span] = (),
        originals: Sequence[Original] = (),
    ) -> Rendering:
        """Return the audio of a stretch.

        Args:
            utterances: what may be spoken in it.
            start: call clock, in samples at 24,000 Hz.
            end: the same.
            muted: call times in which nothing may be heard.
            originals: what was said, for a disguise; without any there is silence.
        """
        at, duration = start / SPOKEN_HZ, (end - start) / SPOKEN_HZ
        silent = [_moved(span, -at) for span in muted]
        if self._speaker is not None:
            return self._spoken(self._speaker, utterances, start=start, duration=duration, silent=silent)
        if self._method == "disguise" and originals:
            return self._disguised(utterances, originals, start=start, duration=duration, silent=silent)
        words = tuple(utterances if self._method == "disguise" else map(unspoken, utterances))
        return Rendering(silence(end - start, SPOKEN_HZ, start=start), lambda: words, list)

    def _spoken(
        self,
        speaker: Resynthesizer,
        utterances: Sequence[RedactedUtterance],
        *,
        start: int,
        duration: float,
        silent: Sequence[Span],
    ) -> Rendering:
        at = start / SPOKEN_HZ
        redacted = [_shifted(one, -at) for one in utterances]
        return Rendering(
            _placed(speaker.render(redacted, duration=duration, muted=silent), start),
            lambda: tuple(_shifted(one, at) for one in speaker.rendered),
            lambda: _shifted_events(speaker.drain_events(), at),
        )

    def _disguised(
        self,
        utterances: Sequence[RedactedUtterance],
        originals: Sequence[Original],
        *,
        start: int,
        duration: float,
        silent: Sequence[Span],
    ) -> Rendering:
        at = start / SPOKEN_HZ
        disguisers = [self._disguisers.setdefault(one.track, Disguiser(track=one.track)) for one in originals]
        rendered = [
            disguiser.render(
                one.blocks,
                [_moved(item.span, -at) for item in utterances if item.track == one.track],
                duration=duration,
                muted=[*silent, *(_moved(span, -at) for span in one.muted if span.end > at)],
            )
            for disguiser, one in zip(disguisers, originals, strict=True)
        ]
        return Rendering(
            _placed(_mixed(rendered), start),
            lambda: tuple(utterances),
            lambda: [event for one in disguisers for event in _shifted_events(one.drain_events(), at)],
        )


def _moved(span: Span, by: float) -> Span:
    """Return a span at another time, never before zero."""
    return Span(max(0.0, span.start + by), max(0.0, span.end + by))


def _shifted(utterance: RedactedUtterance, by: float) -> RedactedUtterance:
    """Return an utterance at another time."""
    return replace(
        utterance,
        span=_moved(utterance.span, by),
        tokens=tuple(replace(token, span=_moved(token.span, by)) for token in utterance.tokens),
    )


def _placed(blocks: Iterator[AudioBlock], start: int) -> Iterator[AudioBlock]:
    for block in blocks:
        yield AudioBlock(block.samples, block.start + start, block.sample_rate)


def _mixed(rendered: Sequence[Iterator[AudioBlock]]) -> Iterator[AudioBlock]:
    for blocks in zip(*rendered, strict=True):
        mixed = np.sum([block.samples for block in blocks], axis=0, dtype=np.float32)
        yield AudioBlock(np.clip(mixed, -1, 1), blocks[0].start, blocks[0].sample_rate)


def _shifted_events(events: Sequence[Event], by: float) -> list[Event]:
    return [replace(event, span=None if event.span is None else _moved(event.span, by)) for event in events]
