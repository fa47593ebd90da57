"""Stored audio with stretches muted or cut, its words masked alike, and heard again before it is published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from recorder.bundle.manifest import Check
from recorder.media.encode import STORED_HZ, AudioWriter
from recorder.media.mix import AudioPart, on_call_clock
from recorder.review.cuts import Cuts
from recorder.review.mend_words import MaskedWords
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from recorder.verify.audio import RawWords, StoredTrack, VerifiedAudio, verify_audio, words_check
from recorder.verify.stored_words import Repair, StoredWords
from redaction.audio.voice.mix import mute
from redaction.audio.voice.mute import merged_spans
from redaction.model import AudioBlock, Event, RedactedUtterance, Span
from redaction.policy import Policy
from redaction.stages import AudioStages

__all__ = ["AudioMends", "MendedAudio", "StoredVoice", "mended_audio"]

_REACH_S: Final = 0.1
"""How far a word is muted beyond where it is said to stand, unless the next word begins."""


@dataclass(frozen=True, slots=True)
class StoredVoice:
    """One audio track of a bundle, with what is said in it.

    Attributes:
        path: the file; None where there are only words.
        words: at the times at which they are heard.
    """

    path: Path | None
    words: tuple[RedactedUtterance, ...]


@dataclass(frozen=True, slots=True)
class AudioMends:
    """What is muted, dropped and cut.

    Attributes:
        muted: by track; those of "" are of all.
        dropped: speakers of a file whose words go.
        words: that are masked.
        cuts: what goes.
    """

    muted: Mapping[str, Sequence[Span]]
    words: MaskedWords
    cuts: Cuts
    dropped: frozenset[str] = field(default=frozenset())

    def touch(self, track: str) -> bool:
        """Tell whether anything of a track changes, or may have to."""
        own = self.muted.get(track) or self.muted.get("")
        return bool(own or self.words or self.cuts or self.dropped)


@dataclass(frozen=True, slots=True)
class MendedAudio:
    """What came of it, by track.

    Attributes:
        voices: as they are stored now; every track, the untouched ones as they were.
        silent: what fell silent, in seconds of the recording as it is now.
        events: for the log.
        masked: how many words are masked that were not, by kind.
        checks: that the touched ones passed.
    """

    voices: Mapping[str, StoredVoice]
    silent: Mapping[str, tuple[Span, ...]]
    events: Mapping[str, tuple[Event, ...]]
    masked: Mapping[str, Mapping[str, int]]
    checks: tuple[Check, ...]


def mended_audio(
    voices: Mapping[str, StoredVoice],
    mends: AudioMends,
    *,
    work: Path,
    duration: float,
    policy: Policy,
    stages: Callable[[], AudioStages],
    run: Run,
    event_track: str = "",
) -> MendedAudio:
    """Mute, cut and mask, then hear every touched track again; what is still heard falls silent as well.

    Args:
        voices: of the bundle, by a label such as `P01`.
        mends: what is to be done.
        work: a folder for the mended files.
        duration: of the recording before cuts, in seconds.
        policy: of the recording.
        stages: gives the models, if they are needed.
        run: is told of the progress, and stops it.
        event_track: stands in the events.

    Raises:
        RedactionIncomplete: a masked word is still heard after the last round, or a track cannot be read.
        StorageFailed: the disk refused.
    """
    begun = {
        track: _Mending(track, voice, mends, work / f"{track.lower() or 'recording'}.m4a", duration, policy)
        for track, voice in voices.items()
        if mends.touch(track)
    }
    stored = {track: one.first(run) for track, one in begun.items()}

    def rewrite(track: str, words: tuple[RedactedUtterance, ...], repair: Repair) -> StoredTrack:
        return begun[track].write(words, repair.spans, run)

    verified: VerifiedAudio | None = None
    if stored:
        verified = verify_audio(
            stored,
            raw=RawWords(mends.words.cores, mends.words.numbers, phrases=mends.words.phrases),
            duration=mends.cuts.duration,
            policy=policy,
            stages=stages(),
            rewrite=rewrite,
            run=run,
            event_track=event_track,
        )
    done = {} if verified is None else verified.tracks
    heard_later = {} if verified is None else verified.silent
    return MendedAudio(
        voices={
            track: StoredVoice(done[track].path, done[track].words) if track in done else voice
            for track, voice in voices.items()
        },
        silent={
            track: tuple(merged_spans([*one.silent(), *heard_later.get(track, ())]))
            for track, one in begun.items()
        },
        events={} if verified is None else verified.events,
        masked={track: _newly_masked(one.words, done[track].words) for track, one in begun.items()},
        checks=() if verified is None else (words_check(verified),),
    )


class _Mending:
    """One track that changes."""

    def __init__(
        self, track: str, voice: StoredVoice, mends: AudioMends, target: Path, duration: float, policy: Policy
    ) -> None:
        self._track = track
        self._source = voice.path
        self._target = target
        self._duration = duration
        self._cuts = mends.cuts
        self._muted: list[Span] = [*mends.muted.get("", ()), *(mends.muted.get(track, ()) if track else ())]
        kept = tuple(one for one in voice.words if one.speaker not in mends.dropped)
        self._muted += [one.span for one in voice.words if one.speaker in mends.dropped]
        masked, gone = mends.words.masked(kept, drop=policy.transcript.names == "drop")
        self._muted += [_reach(token.span, kept) for token in gone if token.located]
        self._muted += [
            one.span for one in kept for token in one.tokens if token in gone and not token.located
        ]
        words = StoredWords({track: masked}, policy)
        if self._muted:
            words.silence(track, self._muted)
        self.words = tuple(moved for one in kept if (moved := _moved(one, self._cuts)) is not None)
        self._masked = tuple(
            moved for one in words.of(track) if (moved := _moved(one, self._cuts)) is not None
        )

    def first(self, run: Run) -> StoredTrack:
        """Write it as it is wanted."""
        return self.write(self._masked, (), run)

    def write(self, words: tuple[RedactedUtterance, ...], silent: Sequence[Span], run: Run) -> StoredTrack:
        """Write it from what was stored, with further stretches silent, in seconds after the cuts."""
        if self._source is None:
            return StoredTrack(None, words)
        with storage_errors():
            self._target.unlink(missing_ok=True)
        muted, later = merged_spans(self._muted), merged_spans(silent)
        blocks = on_call_clock([AudioPart(self._source, 0.0)], duration=self._duration)
        with storage_errors(), AudioWriter(self._target, sample_rate=STORED_HZ) as writer:
            for block in blocks:
                run.check()
                own = AudioBlock(np.array(block.samples, np.float32), block.start, block.sample_rate)
                mute(own, muted)
                for piece in _pieces(own, self._cuts):
                    mute(piece, later)
                    writer.write(piece)
        return StoredTrack(self._target, words)

    def silent(self) -> list[Span]:
        """Return what was muted, in seconds after the cuts."""
        return [moved for span in self._muted if (moved := self._cuts.moved_span(span)) is not None]


def _pieces(block: AudioBlock, cuts: Cuts) -> Iterator[AudioBlock]:
    """Yield what stays of a block, at its new place."""
    if not cuts:
        yield block
        return
    rate, kept = block.sample_rate, 0
    for span in cuts.kept():
        begin, end = round(span.start * rate), round(span.end * rate)
        first, last = max(block.start, begin), min(block.start + len(block.samples), end)
        if last > first:
            samples = block.samples[first - block.start : last - block.start].copy()
            yield AudioBlock(samples, kept + first - begin, rate)
        kept += end - begin


def _reach(span: Span, utterances: Sequence[RedactedUtterance]) -> Span:
    """Return a word's time with its margins, which end where another word stands."""
    start, end = max(0.0, span.start - _REACH_S), span.end + _REACH_S
    for one in utterances:
        for token in one.tokens:
            if token.span.end <= span.start:
                start = max(start, token.span.end)
            if token.span.start >= span.end:
                end = min(end, token.span.start)
    return Span(min(start, span.start), max(end, span.end))


def _moved(utterance: RedactedUtterance, cuts: Cuts) -> RedactedUtterance | None:
    """Return what is left of an utterance, at its new time."""
    if not cuts:
        return utterance
    tokens = tuple(
        replace(token, span=Span(cuts.moved(token.span.start), cuts.moved(token.span.end)))
        for token in utterance.tokens
        if not cuts.holds((token.span.start + token.span.end) / 2)
    )
    span = cuts.moved_span(utterance.span)
    return replace(utterance, tokens=tokens, span=span) if tokens and span is not None else None


def _newly_masked(before: Sequence[RedactedUtterance], after: Sequence[RedactedUtterance]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one, other in zip(before, after, strict=True):
        for was, now in zip(one.tokens, other.tokens, strict=True):
            if was.entity_type is None and now.entity_type is not None:
                counts[str(now.entity_type)] = counts.get(str(now.entity_type), 0) + 1
    return counts
