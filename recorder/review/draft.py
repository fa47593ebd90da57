"""What the next version of a bundle is made of: the old one, what is wanted, and the models that look again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from recorder.bundle.log import LOG, read_log
from recorder.bundle.manifest import Check, Manifest, ReviewEntry, StillEntry, TrackEntry
from recorder.review.cuts import Cuts
from recorder.review.follow_cover import CoverPath, follow, standing
from recorder.review.mend_audio import AudioMends
from recorder.review.mend_video import VideoMends, mended_video
from recorder.review.mend_words import MaskedWords, MaskedWordsJudge
from recorder.review.mends import CoverMend, CutMend, DropMend, Mend, MuteMend, WholeMend, WordMend
from recorder.runtime.context import Run
from recorder.verify.repair_video import VerifiedVideo, verify_video
from recorder.verify.screen_text import text_covers
from recorder.verify.video import stored_frames
from redaction.errors import RedactionIncomplete, UnreadableInput
from redaction.model import Box, Event, EventKind, Span, VideoFrame
from redaction.policy import Policy
from redaction.stages import Stages
from redaction.video.hints import HintKind
from redaction.video.screen.reader import ScreenReader

__all__ = ["Eyes", "ReviewDraft", "Wanted", "mended_track", "path_of", "replaced_checks", "whole_events"]

_BAD: Final = "The bundle holds what this version does not understand; nothing was changed."


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mend, and of a cover where it stands frame by frame, as the reviewer saw it."""

    mend: Mend
    path: CoverPath | None = None


@dataclass(frozen=True)
class ReviewDraft:
    """The old bundle and what is wanted of the new one.

    Attributes:
        bundle: the folder; it is read only.
        manifest: of it.
        review: what the new manifest says of the review.
        policy: that the bundle was made under.
    """

    bundle: Path
    manifest: Manifest
    review: ReviewEntry
    wanted: tuple[Wanted, ...]
    policy: Policy

    @cached_property
    def cuts(self) -> Cuts:
        """What is cut out."""
        return Cuts(
            (mend.span for mend in self.mends if isinstance(mend, CutMend)), duration=self.manifest.duration
        )

    @cached_property
    def words(self) -> MaskedWords:
        """The words that are masked."""
        return MaskedWords((mend.text, mend.entity_type) for mend in self.mends if isinstance(mend, WordMend))

    @property
    def mends(self) -> tuple[Mend, ...]:
        """What is wanted."""
        return tuple(one.mend for one in self.wanted)

    @property
    def dropped(self) -> frozenset[str]:
        """Who goes."""
        return frozenset(mend.who for mend in self.mends if isinstance(mend, DropMend))

    @property
    def audio(self) -> AudioMends:
        """What happens to the audio."""
        muted: dict[str, list[Span]] = {}
        for mend in self.mends:
            if isinstance(mend, MuteMend):
                muted.setdefault(mend.who, []).append(mend.span)
        return AudioMends(muted, self.words, self.cuts, dropped=self.dropped)

    @property
    def reviewed(self) -> Event:
        """What the log says of it."""
        return Event(EventKind.REVIEWED, detail={"sha256": self.review.follows, "count": len(self.wanted)})

    def events(self) -> list[Event]:
        """Return what the log of the old bundle tells, at its new times, but for states and checks.

        Raises:
            UnreadableInput: this version does not understand it.
        """
        try:
            known = [line.as_event() for line in read_log(self.bundle / LOG)]
        except (OSError, ValueError, KeyError, TypeError):
            raise UnreadableInput(_BAD) from None
        return [
            moved
            for event in known
            if event.kind is not EventKind.STATE
            and not (event.kind is EventKind.VERIFY and not event.track)
            and (moved := self.moved(event)) is not None
        ]

    def spared(self, track: str) -> tuple[tuple[Span, Box], ...]:
        """Return when hints of no face held in a track, in times before the cuts, and where.

        Raises:
            UnreadableInput: this version does not understand the log.
        """
        try:
            return tuple(
                (line.span, Box(*(int(line.detail[edge]) for edge in ("left", "top", "right", "bottom"))))
                for line in read_log(self.bundle / LOG)
                if line.event == EventKind.HINT and line.track == track and line.span is not None
                if line.detail.get("kind") == HintKind.FACE.value
            )
        except (OSError, ValueError, KeyError, TypeError):
            raise UnreadableInput(_BAD) from None

    def moved(self, event: Event) -> Event | None:
        """Return an event at its new time; None when it is cut out."""
        if event.span is None or not self.cuts:
            return event
        span = self.cuts.moved_span(event.span)
        return None if span is None else replace(event, span=span)

    def stills(self) -> tuple[StillEntry, ...]:
        """Return the frames most worth a look that are left, at their new times."""
        return tuple(
            still.model_copy(update={"time": round(self.cuts.moved(still.time), 3)})
            for still in self.manifest.stills
            if not self.cuts.holds(still.time)
        )


class Eyes:
    """The models that look again, loaded when they are first needed.

    Args:
        stages: of the policy.
        words: that are masked.
    """

    def __init__(self, stages: Stages, words: MaskedWords) -> None:
        self.stages = stages
        self.words = words
        self._threads = 2

    @cached_property
    def screen(self) -> ScreenReader | None:
        """Finds personal text, and masked words with it; None where there is nothing to find."""
        reader = self._loaded
        if reader is None or not self.words:
            return reader if self.stages.policy.screen.text != "none" else None
        judge = reader.judge
        if judge is None:
            return reader
        personal = judge if self.stages.policy.screen.text != "none" else None
        return reader.only(MaskedWordsJudge(judge.finder, self.words, also=personal), codes=True)

    @cached_property
    def words_only(self) -> ScreenReader | None:
        """Finds masked words and nothing else; None where there is none."""
        reader = self._loaded if self.words else None
        if reader is None or reader.judge is None:
            return None
        return reader.only(MaskedWordsJudge(reader.judge.finder, self.words))

    @cached_property
    def _loaded(self) -> ScreenReader | None:
        policy = self.stages.policy
        if self.words and policy.screen.text == "none":
            screen = policy.screen.model_copy(update={"text": "personal"})
            policy = policy.model_copy(update={"screen": screen})
        return ScreenReader.load(policy, threads=self._threads)


def mended_track(
    draft: ReviewDraft, track: TrackEntry, target: Path, *, eyes: Eyes, run: Run
) -> VerifiedVideo | None:
    """Write a video track again with what is wanted of it, and look at it again; None when nothing is.

    Raises:
        RedactionIncomplete: it does not pass.
        StorageFailed: the disk refused.
    """
    source = draft.bundle / str(track.file)
    size = track.width or 0, track.height or 0
    mends = VideoMends(
        paths=tuple(
            one.path or path_of(one.mend, source, size=size, run=run)
            for one in draft.wanted
            if isinstance(one.mend, CoverMend) and one.mend.track == track.id
        ),
        whole=tuple(
            mend.span for mend in draft.mends if isinstance(mend, WholeMend) and mend.track == track.id
        ),
        words=_word_boxes(source, track.id, eyes, run),
        cuts=draft.cuts,
        spared=draft.spared(track.id),
    )
    if not mends:
        return None
    stored = mended_video(
        source,
        target,
        mends,
        track=track.id,
        stills=[still for still in draft.manifest.stills if still.track == track.id],
        output=draft.policy.output,
        run=run,
    )
    return verify_video(
        stored, policy=draft.policy, look=eyes.stages.second_look, screen=eyes.screen, run=run
    )


def path_of(mend: CoverMend, source: Path, *, size: tuple[int, int], run: Run) -> CoverPath:
    """Return where a cover stands, frame by frame.

    Raises:
        UnreadableInput: the stored video cannot be decoded.
    """
    box = mend.pixels(*size)
    if not mend.follow:
        return standing(box, mend.span)
    return follow(source, box, mend.time, span=None if mend.stands else mend.span, run=run)


def replaced_checks(old: Sequence[Check], new: Sequence[Check]) -> tuple[Check, ...]:
    """Return the checks with those of the same name replaced by what this version passed."""
    names = {check.name for check in new}
    return (*(check for check in old if check.name not in names), *new)


def whole_events(draft: ReviewDraft, *, track: str = "") -> Iterator[Event]:
    """Yield what the log says of stretches that are covered whole, at their new times."""
    for mend in draft.mends:
        if isinstance(mend, WholeMend) and track in ("", mend.track):
            event = draft.moved(Event(EventKind.WHOLE_COVER, mend.track, mend.span, {"reason": "review"}))
            if event is not None:
                yield event


def _word_boxes(source: Path, track: str, eyes: Eyes, run: Run) -> Mapping[int, Sequence[Box]]:
    reader = eyes.words_only
    if reader is None:
        return {}
    with run.stage(f"words on screen {track}", 0.0) as reach:
        found = text_covers(_watched(source, run, reach), reader)
    if found.failures:
        raise RedactionIncomplete(
            f"The search for words failed on {found.failures} frame(s) of {track}. Nothing was published."
        )
    return found.boxes


def _watched(
    source: Path, run: Run, reach: Callable[[float], None]
) -> Iterator[tuple[VideoFrame, Sequence[Box]]]:
    for frame in stored_frames(source, run):
        yield frame, ()
        reach(frame.time)
