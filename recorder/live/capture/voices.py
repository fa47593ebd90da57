"""What is heard in place of a voice, stretch by stretch of a call: spoken again, disguised, or silent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from recorder.live.text.words import Spoken, masked_runs
from redaction.audio.listening.listen import Listener
from redaction.audio.listening.segment import wipe
from redaction.audio.redact import LISTENING_HZ, SPEAKING_HZ
from redaction.audio.voice.mute import mute_spans
from redaction.audio.voice.render import Original, Rendering, VoiceRenderer
from redaction.model import AudioBlock, Span, TextFinding
from redaction.policy import Policy

__all__ = ["RawAudio", "Voices"]

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


class Voices:
    """Renders the audio of every participant, stretch by stretch, with one voice for the whole call.

    Args:
        policy: how voices are stored.
        renderer: renders.
    """

    def __init__(self, policy: Policy, renderer: VoiceRenderer) -> None:
        self._policy = policy
        self._renderer = renderer

    def raw_audio(self) -> RawAudio | None:
        """Return where a microphone's raw audio is held, None where no method needs it."""
        return RawAudio() if self._policy.voice.method == "disguise" else None

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
    ) -> Rendering:
        """Return one participant's audio of a stretch, in samples at 24,000 Hz from `start` to `end`.

        Args:
            spoken: what was said in it, masked; it learns where its words are heard.
            start: call clock, in samples at 24,000 Hz.
            end: the same.
            muted: call times in which nothing may be heard.
            token: whose it is.
            raw: what was said, for a disguise.
            listener: knows what of it was not understood.
        """
        until = end / SPEAKING_HZ
        originals = []
        if raw is not None:
            personal = _personal(spoken, token=token, listener=listener)
            muted_raw = tuple(span for span in personal if span.start < until)
            originals.append(Original(token, raw.between(start / SPEAKING_HZ, until), muted_raw))
        rendering = self._renderer.render(
            [item.redacted(self._policy) for item in spoken],
            start=start,
            end=end,
            muted=muted,
            originals=originals,
        )
        return replace(rendering, blocks=self._learning(rendering, spoken, raw, until))

    def _learning(
        self, rendering: Rendering, spoken: Sequence[Spoken], raw: RawAudio | None, until: float
    ) -> Iterator[AudioBlock]:
        """Yield the blocks; then tell the words where they are heard, and wipe what they were made from."""
        yield from rendering.blocks
        for item, rendered in zip(spoken, rendering.words(), strict=True):
            item.retimed(rendered, self._policy)
        if raw is not None:
            raw.forget(until)


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
